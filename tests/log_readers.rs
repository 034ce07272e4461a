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
