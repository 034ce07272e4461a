//! What a worker must not carry from one login into the next, and what must not reach it in the middle of one.

use crate::support::pam::compiled;
use crate::support::{Answer, Launch, Probed, Process, Program, eventually, under_load, within};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// More than an answer without a wait takes on a loaded machine, and less than any time-out of a daemon.
const AT_ONCE: Duration = Duration::from_secs(5);

/// `pkill -HUP saslauthd`.
#[test]
fn a_reload_of_all_processes_interrupts_no_login() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "1"]);
    let mut waiting = site.begin("waits", "right");
    site.probe.wait_for_calls(1);
    let answer = eventually("the login is decided", || {
        all_of(&site).iter().for_each(|process| process.signal("HUP"));
        waiting.receive_within(Duration::from_millis(20))
    });
    assert_eq!(answer, "OK");
}

/// `KillMode=control-group`, and `pkill saslauthd`.
#[test]
fn a_stop_of_all_processes_interrupts_no_login() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "1"]);
    let mut waiting = site.begin("waits", "right");
    site.probe.wait_for_calls(1);
    let all = all_of(&site);
    all.iter().for_each(|process| process.signal("TERM"));
    let answer = eventually("the login is decided", || {
        // A second one to the supervisor would mean: at once.
        all[..all.len() - 1].iter().for_each(|process| process.signal("TERM"));
        waiting.receive_within(Duration::from_millis(20))
    });
    assert_eq!(answer, "OK");
}

#[test]
fn no_signal_of_those_that_a_group_gets_ends_or_stops_a_child() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "2"]);
    assert_eq!(site.ask("user", "right"), "OK");
    let children = site.daemon.process.children();
    for signal in ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "ALRM", "PIPE", "TSTP", "TTIN", "TTOU"] {
        children.iter().for_each(|child| child.signal(signal));
        assert_eq!(site.ask("user", "right"), "OK", "{signal}");
    }
    assert_eq!(site.daemon.process.children(), children);
}

/// The supervisor comes last.
fn all_of(site: &Probed) -> Vec<Process> {
    let supervisor = site.daemon.process.clone();
    let below = supervisor.children();
    below.iter().flat_map(Process::children).chain(below.clone()).chain([supervisor]).collect()
}

/// The next login is on its way as soon as the answer is out.
#[test]
fn a_module_that_leaves_other_rights_costs_no_other_login() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "2"]);
    let log_in = || Some(site.ask_roughly("user", "right"));
    let ((), answers) = under_load(4, log_in, || {
        for login in ["euid", "egid", "chdir"].into_iter().cycle().take(60) {
            assert_eq!(site.ask(login, "right"), "OK", "the login itself is not to blame");
        }
    });
    let lost = answers.iter().filter(|answer| !answer.is_ok()).count();
    assert_eq!(lost, 0, "of {} innocent logins", answers.len());
    site.daemon.log.wait_for("A mechanism has left this process with other rights or in another directory");
}

#[test]
fn what_a_module_leaves_of_signals_and_timers_disturbs_no_later_login() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "1"]);
    for _ in 0..3 {
        assert_eq!(site.ask("signals", "right"), "OK");
        let mut waiting = site.begin("waits", "right");
        let worker = site.daemon.children("worker").remove(0);
        let answer = eventually("the login is decided", || {
            worker.signal("TERM");
            waiting.receive_within(Duration::from_millis(20))
        });
        assert_eq!(answer, "OK");
        assert_eq!(site.ask("pipe", "right"), "OK");
    }
    assert_eq!(site.probe.processes().len(), 1);
}

/// A module that leaks until nothing is left: the others go on.
#[test]
fn a_worker_that_has_used_up_its_memory_is_replaced() {
    require!(Root, Compiler);
    let launch = Launch::new(Program::Ours, &["-n", "2", "--max-worker-growth=100000"]);
    let site = Probed::launch(launch.after("ulimit -v 300000"));
    let (mut lost, mut in_a_row) = (0, 0);
    for _ in 0..900 {
        if site.ask("leak", "right").is_ok() {
            in_a_row = 0;
        } else {
            (lost, in_a_row) = (lost + 1, in_a_row + 1);
        }
        assert!(in_a_row <= 2, "each worker may notice once: {lost} lost");
    }
    assert!(lost > 0, "the test shows nothing unless memory has run out");
    let line = site.daemon.log.wait_for("or one of its modules is broken");
    assert!(line.contains("it is replaced"), "{line}");
}

/// Seen: a worker that its first login had left without descriptors was kept for ever, since it had never worked, and
/// closed every login that it got.
#[test]
fn a_worker_that_its_first_login_has_spoiled_is_replaced() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "1"]);
    for _ in 0..3 {
        assert_eq!(site.ask("descriptors", "wrong"), Answer::Nothing);
        assert_eq!(site.ask("user", "right"), "OK");
    }
    site.daemon.log.wait_for("This process is out of memory or descriptors");
}

/// Seen: a module that cannot open a file says that the user or the password is wrong.
#[test]
fn a_refusal_for_want_of_descriptors_is_none() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "1"]);
    site.probe.change_password("changed");
    assert_eq!(site.ask("user", "changed"), "OK");
    assert_eq!(site.ask("user", "wrong"), "NO PAM auth error");
    assert_eq!(site.ask("descriptors", "changed"), Answer::Nothing, "the password is in a file");
    site.daemon.log.wait_for("[reason=the process is out of memory or descriptors: PAM auth error]");
    assert_eq!(site.ask("user", "changed"), "OK");
}

#[test]
fn a_worker_that_grows_beyond_its_bound_is_replaced_between_logins() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "1", "--max-worker-growth=16"]);
    for _ in 0..100 {
        assert_eq!(site.ask("leak", "right"), "OK");
    }
    let workers = site.probe.processes().len();
    assert!((4..=8).contains(&workers), "17 logins each: {workers}");
    site.daemon.log.wait_for("MiB, more than --max-worker-growth");
}

/// It takes the half minute that a worker has.
#[test]
fn a_worker_that_hangs_before_it_is_ready_is_replaced() {
    require!(Root, Compiler);
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("hang");
    std::fs::write(&file, "").unwrap();
    let variables = [
        format!("LD_PRELOAD={}", compiled("hang_at_start").display()),
        format!("HANG_AT_START={}", file.display()),
    ];
    let launch = Launch::new(Program::Ours, &["-n", "2"]);
    let site = Probed::launch(launch.behind(&["env"]).behind(&variables));
    assert_eq!(site.ask("user", "right"), "OK");
    let (first, second) = (site.daemon.children("worker"), site.probe.calls()[0].process);
    let hanging = first.into_iter().find(|worker| worker.id != second).expect("both have been started");
    assert!(!file.exists(), "one hangs");
    within(Duration::from_secs(45), || (!hanging.is_running()).then_some(())).expect("it is killed");
    eventually("another takes its place", || {
        assert_eq!(site.ask("user", "right"), "OK");
        (site.probe.processes().len() == 2).then_some(())
    });
    site.daemon.log.wait_for("A worker has not become ready in time and is replaced");
}

#[test]
fn workers_take_logins_in_turn() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "3"]);
    eventually("all are ready", || {
        assert_eq!(site.ask("user", "right"), "OK");
        (site.probe.processes().len() == 3).then_some(())
    });
    let before = site.probe.calls().len();
    for _ in 0..9 {
        assert_eq!(site.ask("user", "right"), "OK");
    }
    let calls = site.probe.calls();
    for worker in site.probe.processes() {
        assert_eq!(calls[before..].iter().filter(|call| call.process == worker).count(), 3);
    }
}

#[test]
fn a_program_left_behind_goes_on_and_becomes_no_zombie_of_a_worker() {
    require!(Root, Compiler);
    for login in ["leaves-child", "leaves-orphan"] {
        let site = Probed::start(Program::Ours, &["-n", "1"]);
        assert_eq!(site.ask(login, "right"), "OK");
        let program = Left::find(&site);
        let first = site.probe.calls()[0].process;
        eventually("its worker ends", || Process::find(first).is_none().then_some(()));
        assert_eq!(site.ask("user", "right"), "OK");
        assert!(program.0.is_running(), "a login that hangs later must not end it");
        program.0.signal("KILL");
        let workers = site.daemon.children("worker");
        assert_eq!(workers.iter().map(Process::zombies).sum::<usize>(), 0);
    }
}

/// pam_exec's programs have sessions of their own, some have lost their parent, some belong to another thread.
#[test]
fn whatever_a_killed_worker_has_started_ends_with_it() {
    require!(Root, Compiler);
    for login in ["thread-hangs", "orphan-hangs"] {
        let site = Probed::start(Program::Ours, &["-n", "1", "--request-timeout=2"]);
        let mut hanging = site.begin(login, "right");
        let program = Left::find(&site);
        let start = Instant::now();
        assert_eq!(hanging.receive(), Answer::Nothing);
        eventually("the program ends", || (!program.0.is_running()).then_some(()));
        assert!(start.elapsed() < AT_ONCE);
        assert_eq!(site.ask("user", "right"), "OK");
    }
}

/// The program that the probe leaves behind; it sleeps for a minute.
struct Left(Process);

impl Left {
    fn find(site: &Probed) -> Self {
        Self(eventually("the program runs", || {
            Process::find(site.probe.calls().iter().find(|call| call.login == "left")?.process)
        }))
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        self.0.signal("KILL");
    }
}
