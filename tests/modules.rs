//! PAM modules that do what a module in a daemon should not.

use crate::support::{
    Answer, Daemon, Launch, PamService, Probed, Process, Program, Request, System, eventually, process,
};
use std::fs;
use std::time::{Duration, Instant};

/// More than an answer without a wait takes on a loaded machine, and less than any time-out of a daemon.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A server that hangs up on a module that is no good at such things.
#[test]
fn a_module_that_writes_to_a_broken_pipe_does_not_end_its_process() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "1"]);
    assert_eq!(site.ask("pipe", "right"), "OK");
    assert_eq!(site.ask("pipe", "wrong"), "NO PAM auth error");
    assert_eq!(site.probe.processes().len(), 1);
}

/// The end of the socket tells nothing as long as the child, a copy of the worker, holds it too.
#[test]
fn a_death_is_noticed_although_a_child_of_the_dead_lives() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "1"]);
    answers_an_orphan_at_once(&site);
    assert_eq!(site.ask("user", "right"), "OK", "a worker takes the place of the dead one");
}

/// Whatever the launcher has blocked stays so through exec.
#[test]
fn a_daemon_started_with_its_signals_blocked_hears_them() {
    require!(Root, Compiler);
    let launch = Launch::new(Program::Ours, &["-n", "1"]).behind(&["env", "--block-signal=TERM,CHLD"]);
    let mut site = Probed::launch(launch);
    answers_an_orphan_at_once(&site);
    assert_eq!(site.daemon.end_with("TERM"), Some(0));
}

fn answers_an_orphan_at_once(site: &Probed) {
    let start = Instant::now();
    let mut orphan = site.begin("orphan", "right");
    let sleeper = Sleeper(eventually("the child sleeps", || {
        let calls = site.probe.calls();
        Process::find(calls.iter().find(|call| call.login == "sleeper")?.process)
    }));
    assert_eq!(orphan.receive(), Answer::Nothing);
    assert!(start.elapsed() < AT_ONCE, "answered after {:?}", start.elapsed());
    assert!(sleeper.0.is_running() && sleeper.has_sockets());
}

/// A process that a test has to end.
struct Sleeper(Process);

impl Sleeper {
    fn has_sockets(&self) -> bool {
        let open = fs::read_dir(self.0.file("fd")).unwrap().map_while(Result::ok);
        let mut targets = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        targets.any(|target| target.to_string_lossy().starts_with("socket:"))
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.signal("KILL");
    }
}

#[test]
fn a_module_that_logs_very_much_at_once_does_not_end_its_process() {
    require!(Root, Compiler, Mounts);
    let system = System::new();
    let log = system.syslog();
    let site = Probed::launch(Launch::new(Program::Ours, &["-n", "1"]).inside(&system));
    assert_eq!(site.ask("much", "right"), "OK");
    assert_eq!(site.ask("much", "right"), "OK");
    assert_eq!(site.probe.processes().len(), 1);
    log.wait_for("much: xxxx");
}

#[test]
fn a_program_that_takes_too_long_ends_with_its_login() {
    require!(Root);
    // A number of seconds by which it is known.
    let seconds = format!("10000{}", std::process::id());
    let service = PamService::of(&format!("pam_exec.so /bin/sleep {seconds}"), "pam_permit.so");
    let daemon = Daemon::start(Program::Ours, &["-a", "pam", "--request-timeout=1"]);
    let mut hanging = daemon.connect();
    hanging.send(Request::new("user", "right").service(service.name()).bytes());
    let sleeps = || process::all().into_iter().find(|process| process.arguments().contains(&seconds));
    let _program = Sleeper(eventually("the program runs", sleeps));
    assert_eq!(hanging.receive(), Answer::Nothing);
    eventually("the program ends", || sleeps().is_none().then_some(()));
}
