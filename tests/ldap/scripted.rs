//! What directories say that slapd does not, or not when it is wanted: by a scripted one.

use super::{ask, launch, unavailable};
use crate::support::fake_ldap::FOUND;
use crate::support::slapd::PEOPLE;
use crate::support::{Asked, Entries, FakeLdap, Program, RunningFakeLdap, Slapd};

for_both!(
    a_server_that_has_not_judged_a_password_has_refused_nobody,
    the_next_server_is_asked_when_one_has_judged_nothing,
    a_group_about_which_a_server_says_nothing_refuses_nobody,
    an_account_that_may_not_log_in_is_refused_whatever_the_code,
    a_right_password_whose_owner_is_not_told_refuses_nobody,
    an_empty_replica_that_says_so_hides_no_account_from_fastbind,
    an_empty_slapd_cannot_be_told_from_a_wrong_password_by_fastbind,
);

const WHY: &str = "a server that has not looked at a password has not refused it";

/// Codes and texts that are about the server: RFC 4511, appendix A; slapd, 389 DS and Active Directory.
const UNJUDGED: [(u8, &str); 10] = [
    (51, ""),
    (51, "The server is too busy to accept any more connections"),
    (52, "Backend is offline"),
    (53, "Minimum SSF not met."),
    (53, "Backend is offline"),
    (53, ""),
    (11, "administrative limit exceeded"),
    (3, ""),
    (80, "internal error"),
    (1, "000004DC: LdapErr: DSID-0C090A5C, comment: a successful bind must be completed"),
];

fn searching(servers: &[&RunningFakeLdap], more: &str) -> String {
    let uris: Vec<_> = servers.iter().map(|server| server.uri()).collect();
    format!("ldap_servers: {}\nldap_search_base: {PEOPLE}\n{more}", uris.join(" "))
}

fn a_server_that_has_not_judged_a_password_has_refused_nobody(program: Program) {
    for asked in [Asked::Search, Asked::Bind] {
        for (code, text) in UNJUDGED {
            let server = FakeLdap::new().answering(asked, "anna", code, text).start();
            let daemon = launch(program, &searching(&[&server], "")).start();
            assert_eq!(ask(&daemon, "anna", "right"), unavailable(program), "{asked:?} {code} {text}");
            if program == Program::Ours {
                let line = daemon.log.wait_for("auth unavailable: [user=anna]");
                assert!(line.contains(&format!("({code})")) && line.contains(text), "{line}");
            }
        }
    }
}

fn the_next_server_is_asked_when_one_has_judged_nothing(program: Program) {
    for asked in [Asked::Search, Asked::Bind] {
        for (code, text) in UNJUDGED {
            let first = FakeLdap::new().answering(asked, "anna", code, text).start();
            let second = FakeLdap::new().start();
            let daemon = launch(program, &searching(&[&first, &second], "")).start();
            let what = format!("{asked:?} {code} {text}");
            assert_eq!(ask(&daemon, "anna", "right"), program.better(WHY, "NO", "OK"), "{what}");
            assert_eq!(ask(&daemon, "anna", "wrong"), "NO", "{what}");
        }
    }
}

fn a_group_about_which_a_server_says_nothing_refuses_nobody(program: Program) {
    let group = "ldap_group_dn: cn=mail,dc=example,dc=org\n";
    for (code, text) in UNJUDGED {
        let first = FakeLdap::new().answering(Asked::Compare, "cn=mail", code, text).start();
        let daemon = launch(program, &searching(&[&first], group)).start();
        assert_eq!(ask(&daemon, "anna", "right"), unavailable(program), "{code} {text}");
        assert_eq!(ask(&daemon, "anna", "wrong"), "NO", "{code} {text}");
        let second = FakeLdap::new().start();
        let daemon = launch(program, &searching(&[&first, &second], group)).start();
        assert_eq!(ask(&daemon, "anna", "right"), program.better(WHY, "NO", "OK"), "{code} {text}");
    }
    let stranger = FakeLdap::new().answering(Asked::Compare, "", 5, "").start();
    let daemon = launch(program, &searching(&[&stranger], group)).start();
    assert_eq!(ask(&daemon, "anna", "right"), "NO");
}

/// 389 DS, FreeIPA and eDirectory say with 53 what others say with 49 or 19.
fn an_account_that_may_not_log_in_is_refused_whatever_the_code(program: Program) {
    for (code, text) in [
        (53, "Account inactivated. Contact system administrator."),
        (53, "NDS error: log account expired (-220)"),
        (53, "Entry permanently locked.\n"),
        (19, "Exceed password retry limit. Please try later."),
        (49, "80090308: LdapErr: DSID-0C09041C, comment: AcceptSecurityContext error, data 533, v4563"),
        (48, ""),
        (50, ""),
    ] {
        let first = FakeLdap::new().answering(Asked::Bind, "anna", code, text).start();
        let second = FakeLdap::new().start();
        let daemon = launch(program, &searching(&[&first, &second], "")).start();
        assert_eq!(ask(&daemon, "anna", "right"), "NO", "{code} {text}");
        assert_eq!(second.count(Asked::Bind, "anna"), 0, "{code} {text}: somebody has judged");
    }
}

/// After a bind by SASL the server is asked for the DN, which the group needs. C takes it with `dn:` before it.
fn a_right_password_whose_owner_is_not_told_refuses_nobody(program: Program) {
    let settings = |servers: &[&RunningFakeLdap]| {
        let sasl = "ldap_use_sasl: yes\nldap_mech: PLAIN\nldap_sasl_secprops: none\nldap_id: reader\nldap_bind_pw: secret\n\
                    ldap_group_dn: cn=mail,dc=example,dc=org\n";
        searching(servers, sasl)
    };
    for (code, text) in UNJUDGED.into_iter().chain([(2, "unsupported extended operation"), (50, "")]) {
        let first = FakeLdap::new().answering(Asked::Extended, "", code, text).start();
        let daemon = launch(program, &settings(&[&first])).start();
        assert_eq!(ask(&daemon, "anna", "right"), unavailable(program), "{code} {text}");
        assert_eq!(ask(&daemon, "anna", "wrong"), "NO", "{code} {text}");
        if program == Program::Ours {
            daemon.log.wait_for("the password is right, but for the DN");
            let second = FakeLdap::new().start();
            let daemon = launch(program, &settings(&[&first, &second])).start();
            assert_eq!(ask(&daemon, "anna", "right"), "OK", "{code} {text}");
            assert!(second.count(Asked::Extended, "") > 0);
            assert!(first.count(Asked::Compare, FOUND) > 0, "with the DN");
        }
    }
}

fn fastbind(servers: &str) -> String {
    format!("ldap_servers: {servers}\nldap_auth_method: fastbind\nldap_filter: uid=%u,{PEOPLE}\n")
}

/// As 389 DS without the suffix does.
fn an_empty_replica_that_says_so_hides_no_account_from_fastbind(program: Program) {
    let empty = FakeLdap::new().answering(Asked::Bind, "uid=", 32, "No suffix for bind dn found").start();
    let full = FakeLdap::new().answering(Asked::Bind, "uid=nobody", 49, "").start();
    let daemon = launch(program, &fastbind(&format!("{} {}", empty.uri(), full.uri()))).start();
    assert_eq!(ask(&daemon, "anna", "right"), program.better(WHY, "NO", "OK"));
    assert_eq!(ask(&daemon, "anna", "wrong"), "NO");
    assert_eq!(ask(&daemon, "nobody", "right"), "NO");
    // Where no server has it there is no such account.
    let daemon = launch(program, &fastbind(&empty.uri())).start();
    assert_eq!(ask(&daemon, "anna", "right"), "NO");
}

/// It tells nobody which entries it has.
fn an_empty_slapd_cannot_be_told_from_a_wrong_password_by_fastbind(program: Program) {
    require!(Slapd);
    let empty = Slapd::new(Entries::new()).start();
    let full = Slapd::new(Entries::new().user("anna", "right")).start();
    let daemon = launch(program, &fastbind(&format!("{} {}", empty.uri(), full.uri()))).start();
    assert_eq!(ask(&daemon, "anna", "right"), "NO");
    assert_eq!(full.logged("BIND dn=\"uid=anna"), 0);
}
