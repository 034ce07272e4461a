//! Programs that administrators let read the log: what fail2ban, logwatch and logcheck make of real lines.

use crate::support::fail2ban::{self, Entry};
use crate::support::{Launch, Probed, Program, System, log_readers};

/// The line of a refused login.
const REFUSED: &str = "do_auth         : auth failure: [user=anna] [service=smtp] [realm=] [mech=pam] \
                       [reason=PAM auth error] [remote=192.0.2.7]";

/// Any account of the machine can write such a line, with logger(1), and name its process as it likes.
#[test]
fn fail2ban_finds_no_line_in_the_journal_that_somebody_else_wrote() {
    require!(Root, Fail2ban, Journal);
    let entry = |unit, process, identifier| Entry { unit, process, identifier, text: REFUSED };
    let own = "saslauthd.service";
    for (unit, process, found) in [
        (own, "saslauthd", true),
        ("user@1000.service", "logger", false),
        ("user@1000.service", "saslauthd", false),
        ("cron.service", "saslauthd", false),
        (own, "logger", false),
    ] {
        let addresses = fail2ban::addresses_in_journal(&[entry(unit, process, "saslauthd")]);
        assert_eq!(!addresses.is_empty(), found, "{process} in {unit}: {addresses:?}");
    }
}

/// A refusal is a guess, whoever refuses; what is said of many of them, or only logged, is none more.
#[test]
fn fail2ban_counts_each_refusal_once_whoever_refuses() {
    require!(Fail2ban);
    let failure = |mechanisms: &str, reason: &str, address: &str| {
        format!(
            "do_auth         : auth failure: [user=anna] [service=smtp] [realm=] [mech={mechanisms}] \
             [reason={reason}] [remote={address}]"
        )
    };
    let lines = [
        failure("shadow", "Incorrect password (cached)", "192.0.2.1"),
        failure("policy", "policy: too many guesses", "192.0.2.2"),
        failure("corp,pam", "PAM auth error", "2001:db8::3"),
        "frontend        : Many failures for [user=anna]: 10 different wrong passwords within 60 s, the last from \
         192.0.2.4; each refusal takes longer for now"
            .to_owned(),
        "frontend        : The policy server would refuse a login, which is only logged: [user=anna] \
         [service=smtp] [realm=] [reason=too many guesses] [remote=192.0.2.5]"
            .to_owned(),
    ];
    let lines = lines.map(|line| as_sent(&line));
    assert_eq!(fail2ban::addresses_found(&lines, "normal"), ["192.0.2.1", "192.0.2.2", "2001:db8::3"]);
}

/// What is left is for somebody to read, and once an outage or an hour.
#[test]
fn logcheck_leaves_out_logins_by_an_expired_entry_and_reports_what_is_seldom() {
    require!(Logcheck);
    let known =
        "do_auth         : auth success (cached, stale): [user=anna] [service=smtp] [realm=] [mech=ldap]";
    let seldom = [
        "frontend        : The policy server cannot be asked, and logins are checked without it: no connection",
        "frontend        : Many failures for [user=anna]: 10 different wrong passwords within 60 s, the last; each \
         refusal takes longer for now",
        "supervisor      : The process that talks to clients runs as root: there is no account nobody; see --user",
    ];
    let lines: Vec<_> = seldom.iter().chain([&known]).map(|line| as_sent(line)).collect();
    assert_eq!(log_readers::logcheck(&lines), seldom);
}

/// As the daemon sends it to /dev/log.
fn as_sent(line: &str) -> String {
    format!("<38>Nov  1 03:36:49 saslauthd[812]: {line}")
}

/// The name that journald sees, of the process that writes the lines.
#[test]
fn every_process_of_the_daemon_is_called_saslauthd() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &[]);
    let all = site.daemon.process.children().into_iter().chain([site.daemon.process.clone()]);
    let names = all.map(|process| std::fs::read_to_string(format!("/proc/{}/comm", process.id)).unwrap());
    assert!(names.into_iter().all(|name| name.trim_end() == "saslauthd"));
}

#[test]
fn logwatch_counts_starts_ends_and_failures_and_misses_nothing_that_it_could_know() {
    require!(Root, Compiler, Mounts, Logwatch);
    for flags in [&[][..], &["-V"]] {
        let log = a_day(flags);
        let report = log_readers::logwatch(&log);
        let (known, unmatched) = report.split_at(
            report.iter().position(|line| line == "**Unmatched Entries**").expect("it has such a part"),
        );
        for line in [
            "Startups: 1",
            "Shutdowns: 1",
            "SASL Authentications failed 3 Time(s)",
            "User: anna - PAM auth error - 2 Time(s):",
            "User: expired - PAM acct error] [remote=192.0.2.7 - 1 Time(s):",
        ] {
            assert!(known.iter().any(|known| known == line), "{line:?} is not in {report:#?}");
        }
        let expected = [
            "main            : saslauthd ",
            "frontend        : sandbox in force: ",
            "supervisor      : The process that talks to clients runs as ",
            "supervisor      : The configuration was read again",
            "do_auth         : auth unavailable: ",
            "do_auth         : 2 more logins were unavailable in the last ",
        ];
        // C's lines of that level are in this part, too.
        let verbose = [
            "have_baby ",
            "handle_sigchld ",
            "frontend        : auth request: ",
            "do_auth         : auth success",
        ];
        let is_expected =
            |line: &String| expected.iter().chain(&verbose).any(|start| line.starts_with(start));
        let others: Vec<_> = unmatched[1..]
            .iter()
            .filter(|line| !line.is_empty() && !line.contains(" End ---") && !line.starts_with('#'))
            .filter(|line| !is_expected(line))
            .collect();
        assert!(others.is_empty(), "{flags:?}: {others:#?}");
        assert!(expected.iter().all(|start| unmatched.iter().any(|line| line.starts_with(start))));
    }
}

#[test]
fn logcheck_reports_what_somebody_has_to_look_at_and_nothing_else() {
    require!(Root, Compiler, Mounts, Logcheck);
    for flags in [&[][..], &["-V"]] {
        let report = log_readers::logcheck(&a_day(flags));
        let all_unavailable = if flags.is_empty() { 5 } else { 7 };
        let unavailable =
            report.iter().filter(|line| line.starts_with("do_auth         : auth unavailable: ")).count();
        assert_eq!(unavailable, all_unavailable, "{report:#?}");
        assert!(report.iter().any(|line| line.contains(" 2 more logins were unavailable ")), "{report:#?}");
        assert_eq!(report.len(), all_unavailable + 1, "{report:#?}");
    }
}

/// All that a daemon writes from its start to its end.
fn a_day(flags: &[&str]) -> Vec<String> {
    let system = System::new();
    let log = system.syslog();
    let site = Probed::launch_detached(Launch::new(Program::Ours, flags).inside(&system));
    let ask = |login: &str, password: &str| site.ask(login, password);
    ask("anna", "right");
    for _ in 0..2 {
        ask("anna", "wrong");
    }
    site.daemon.ask(&site.probe.request("expired", "right").address("192.0.2.7;25"));
    for _ in 0..7 {
        ask("offline", "right");
    }
    site.daemon.process.signal("HUP");
    log.wait_for("a new frontend has taken over");
    log.wait_for(" 2 more logins were unavailable ");
    site.daemon.process.signal("TERM");
    log.wait_for("master exited");
    log.all()
}
