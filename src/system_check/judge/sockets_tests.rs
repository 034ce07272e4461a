use super::*;
use crate::system_check::finding::Severity;
use crate::system_check::judge::client::USUAL_SOCKET;
use crate::system_check::judge::visits::judge_visits;

const RUN: &str = "/var/run/saslauthd";

fn machine() -> Machine {
    Machine { run_directory: RUN.into(), has_sasl_group: true, has_adduser: true }
}

fn client(root: Option<&str>) -> Client {
    Client {
        name: "Postfix's smtpd (smtp/inet)".into(),
        account: "postfix".into(),
        root: root.map(PathBuf::from),
        socket: USUAL_SOCKET.into(),
        options: Some("/etc/postfix/sasl/smtpd.conf".into()),
        only_here: false,
        services: vec!["smtp".into()],
        restart: "restart Postfix",
    }
}

fn closed(path: &str, mode: u32, group: Option<&str>, is_directory: bool) -> Reach {
    Reach::Closed(Inode { path: path.into(), mode, group: group.map(str::to_owned), is_directory })
}

fn visit(reach: Reach) -> Visit {
    Visit { client: client(None), leads_to: Some(USUAL_SOCKET.into()), reach, started_from: None }
}

fn told(finding: &Finding) -> String {
    finding.to_string()
}

#[test]
fn who_reaches_the_socket_or_will_is_told_as_well() {
    let listener = Listener { process: 7, executable: None, is_own: true };
    for reach in [Reach::Answered(listener), Reach::Unserved, Reach::Full, Reach::Missing(RUN.into())] {
        let found = judge_visits(&machine(), &[visit(reach.clone())]);
        assert_eq!(found[0].severity, Severity::Ok, "{reach:?}");
    }
}

#[test]
fn who_is_kept_out_is_told_how_to_get_in() {
    let no_group = Machine { has_sasl_group: false, ..machine() };
    let no_adduser = Machine { has_adduser: false, ..machine() };
    for (machine, reach, remedy) in [
        (machine(), closed(RUN, 0o710, Some("sasl"), true), "`adduser postfix sasl`, then restart Postfix"),
        (
            no_adduser,
            closed(RUN, 0o710, Some("sasl"), true),
            "`usermod -a -G sasl postfix`, then restart Postfix",
        ),
        (
            machine(),
            closed(RUN, 0o700, None, true),
            "`chgrp sasl /var/run/saslauthd && chmod 0710 /var/run/saslauthd && adduser postfix sasl`, then restart Postfix",
        ),
        (machine(), closed(RUN, 0o710, None, true), "`chgrp sasl /var/run/saslauthd && chmod 0710"),
        (no_group, closed(RUN, 0o700, None, true), "`chmod o+x /var/run/saslauthd`"),
        (machine(), closed("/var", 0o750, None, true), "`chmod o+x /var`"),
        (machine(), closed(USUAL_SOCKET, 0o660, Some("mail"), false), "`adduser postfix mail`"),
        (machine(), closed(USUAL_SOCKET, 0o600, None, false), "`chmod o+w /var/run/saslauthd/mux`"),
    ] {
        let found = judge_visits(&machine, &[visit(reach)]);
        assert_eq!(found[0].severity, Severity::Error);
        assert!(told(&found[0]).contains(&format!("Remedy: {remedy}")), "{}", found[0]);
    }
}

#[test]
fn a_socket_that_the_daemon_makes_anew_is_opened_by_its_settings() {
    let closed = closed("/var/spool/postfix/private/auth", 0o660, None, false);
    let found = judge_visits(&machine(), &[visit(closed)]);
    assert!(told(&found[0]).contains("Remedy: add `owner=postfix` to the socket"), "{}", found[0]);
}

#[test]
fn in_a_chroot_the_places_are_told_as_they_are_called_outside() {
    let visit = Visit { client: client(Some("/var/spool/postfix")), ..visit(closed(RUN, 0o700, None, true)) };
    let found = judge_visits(&machine(), &[visit]);
    assert!(
        told(&found[0]).contains("may not enter /var/spool/postfix/var/run/saslauthd (mode 0700"),
        "{}",
        found[0]
    );
    assert!(told(&found[0]).contains("`chgrp sasl /var/spool/postfix/var/run/saslauthd && "), "{}", found[0]);
}

#[test]
fn a_socket_that_is_looked_for_elsewhere_is_told_both_ways() {
    let chrooted = Visit {
        client: client(Some("/var/spool/postfix")),
        leads_to: None,
        reach: Reach::Missing("/var/run".into()),
        started_from: None,
    };
    let found = judge_visits(&machine(), std::slice::from_ref(&chrooted));
    assert_eq!(found[0].severity, Severity::Error);
    assert!(told(&found[0]).contains("`-m /var/spool/postfix/var/run/saslauthd`"), "{}", found[0]);
    assert!(
        !told(&found[0]).contains("saslauthd_path"),
        "it cannot look outside of its chroot: {}",
        found[0]
    );
    let both = judge_visits(&machine(), &[visit(Reach::Unserved), chrooted]);
    assert!(
        told(&both[1]).contains("`--socket=/var/spool/postfix/var/run/saslauthd/mux,mode=0777`"),
        "somebody else needs the run directory: {}",
        both[1]
    );
    let inside = Machine { run_directory: "/var/spool/postfix/run/x".into(), ..machine() };
    let outside = Visit { leads_to: None, ..visit(Reach::Unserved) };
    let found = judge_visits(&inside, &[outside]);
    assert!(told(&found[0]).contains("`-m /var/run/saslauthd`"), "{}", found[0]);
    assert!(
        told(&found[0]).contains(
            "`echo 'saslauthd_path: /var/spool/postfix/run/x/mux' >> /etc/postfix/sasl/smtpd.conf`"
        ),
        "{}",
        found[0]
    );
}

#[test]
fn a_client_of_another_daemon_is_no_fault_of_this_one() {
    let listener = Listener { process: 7, executable: Some("/usr/sbin/saslauthd".into()), is_own: false };
    let file = PathBuf::from("/etc/default/saslauthd-postfix");
    for (reach, started_from, words) in [
        (
            Reach::Answered(listener),
            None,
            "asks another daemon, at /var/run/saslauthd/mux: /usr/sbin/saslauthd",
        ),
        (Reach::Missing(RUN.into()), Some(file), "by /etc/default/saslauthd-postfix"),
    ] {
        let found = judge_visits(&machine(), &[Visit { leads_to: None, started_from, ..visit(reach) }]);
        assert_eq!(found[0].severity, Severity::Ok, "{}", found[0]);
        assert!(told(&found[0]).contains(words), "{}", found[0]);
    }
}

#[test]
fn a_link_out_of_the_chroot_is_told_with_two_remedies() {
    let visit = Visit { client: client(Some("/var/spool/postfix")), ..visit(Reach::LinkOut(RUN.into())) };
    let found = judge_visits(&machine(), &[visit]);
    assert_eq!(found[0].severity, Severity::Error);
    assert!(
        told(&found[0]).contains("the link /var/spool/postfix/var/run/saslauthd leads out of the chroot")
    );
    assert!(
        told(&found[0]).contains("`rm /var/spool/postfix/var/run/saslauthd && mkdir -p "),
        "{}",
        found[0]
    );
    assert!(told(&found[0]).contains("`-m /var/spool/postfix/var/run/saslauthd`"), "{}", found[0]);
}

#[test]
fn who_serves_the_daemons_own_socket_is_told() {
    let listener = |is_own| Listener { process: 7, executable: Some("/usr/sbin/saslauthd".into()), is_own };
    for (reach, severity, words) in [
        (Reach::Answered(listener(true)), Severity::Ok, "/usr/sbin/saslauthd (process 7) listens"),
        (Reach::Answered(listener(false)), Severity::Warning, "or `kill 7`"),
        (Reach::Unserved, Severity::Warning, "a daemon that is gone"),
        (Reach::Missing(USUAL_SOCKET.into()), Severity::Ok, "will make the socket"),
        (Reach::Missing(RUN.into()), Severity::Ok, "makes it with mode 0755"),
        (Reach::Missing("/var/run".into()), Severity::Error, "`mkdir -p /var/run/saslauthd`"),
        (Reach::Full, Severity::Warning, "takes no more connections"),
    ] {
        let found = judge_own(&machine(), &[OwnSocket { path: USUAL_SOCKET.into(), reach }]);
        assert_eq!(found[0].severity, severity, "{}", found[0]);
        assert!(told(&found[0]).contains(words), "{}", found[0]);
    }
}
