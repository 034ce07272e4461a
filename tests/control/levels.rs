//! `log-level` reaches every process, those that are started later too.

use super::{frontend, ready, shown};
use crate::support::{Daemon, Launch, Probe, Program, Request, eventually};

/// The module makes another account of the login, which a worker tells of when it debugs.
fn ask(daemon: &Daemon, probe: &Probe, login: &str) {
    for password in ["right", "wrong"] {
        let _ = daemon.ask(&Request::new(login, password).service(probe.name()));
    }
}

fn count(daemon: &Daemon, part: &str) -> usize {
    daemon.log.all().iter().filter(|line| line.contains(part)).count()
}

/// A debugging daemon on the standard error stream, as tests start it; `-n 1` for one worker that is told between logins.
#[test]
fn each_process_logs_as_much_as_was_said_last_and_so_do_those_that_come_later() {
    require!(Root, Compiler);
    let probe = Probe::mapping("anna berta\n");
    let daemon = ready(Launch::new(Program::Ours, &["-a", "pam", "-n", "1"]).start());
    let worker_line = "[user=anna] is [user=berta]";
    assert_eq!(shown(&daemon, &["log-level"]), "debug\n");
    ask(&daemon, &probe, "anna");
    daemon.log.wait_for(worker_line);
    daemon.log.wait_for("auth failure: [user=anna]");

    assert_eq!(shown(&daemon, &["log-level", "error"]), "error\n");
    daemon.log.wait_for("The log level is set to error by hand: [socket=control] [uid=0]");
    let before =
        [count(&daemon, worker_line), count(&daemon, "auth failure"), count(&daemon, "forked child")];
    ask(&daemon, &probe, "anna");
    let old = frontend(&daemon);
    old.signal("KILL");
    eventually("another takes its place", || (frontend(&daemon) != old).then_some(()));
    eventually("it serves", || (super::ask(&daemon, &["ping"]).code == Some(0)).then_some(()));
    ask(&daemon, &probe, "anna");
    assert_eq!(shown(&daemon, &["log-level"]), "error\n", "the next frontend knows it");
    let after = [count(&daemon, worker_line), count(&daemon, "auth failure"), count(&daemon, "forked child")];
    assert_eq!(before, after, "worker, frontend, supervisor: {:#?}", daemon.log.all());

    assert_eq!(shown(&daemon, &["log-level", "info"]), "info\n");
    daemon.log.wait_for("The log level is set to info by hand: [socket=control] [uid=0]");
    ask(&daemon, &probe, "anna");
    eventually("failures are logged again", || (count(&daemon, "auth failure") > after[1]).then_some(()));
    assert_eq!(count(&daemon, worker_line), after[0]);
    assert_eq!(shown(&daemon, &["log-level", "debug"]), "debug\n");
    ask(&daemon, &probe, "anna");
    eventually("the worker debugs", || (count(&daemon, worker_line) > after[0]).then_some(()));
    daemon.process.signal("HUP");
    daemon.log.wait_for("a new frontend has taken over");
    assert_eq!(shown(&daemon, &["log-level"]), "debug\n");
    assert!(daemon.log.all().iter().all(|line| !line.contains("right")), "no password is in the log");
}
