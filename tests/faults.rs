//! What goes wrong in the field: modules that crash or hang, processes that are killed, clients that misbehave.
//!
//! All of it is about promises that the C daemon does not make.

use crate::support::command::run;
use crate::support::{
    Answer, Connection, Launch, Probed, Process, Program, System, eventually, under_load, within,
};
use std::process::Command;
use std::time::{Duration, Instant};

/// More than an answer without a wait takes on a loaded machine, and less than any time-out of a daemon.
const AT_ONCE: Duration = Duration::from_secs(5);

#[test]
fn a_module_that_dies_costs_its_own_login_only() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "2"]);
    for login in ["segv", "abort", "exit"] {
        let start = Instant::now();
        assert_eq!(site.ask(login, "right"), Answer::Nothing, "{login}");
        assert!(start.elapsed() < AT_ONCE, "{login} took {:?}", start.elapsed());
        site.daemon
            .log
            .wait_for(&format!("auth unavailable: [user={login}] [service={}]", site.probe.name()));
        assert_eq!(site.ask("user", "right"), "OK", "after {login}");
    }
    eventually("the dead are replaced", || (site.daemon.children("worker").len() == 2).then_some(()));
}

/// C's connection ends with its worker, so that is C's way.
#[test]
fn a_module_that_dies_closes_the_connection_where_the_administrator_wants_cs_way_too() {
    require!(Root, Compiler, CDaemon);
    assert!(Probed::start(Program::C, &[]).ask("segv", "right").is_none());
    let site = Probed::start(Program::Ours, &["--on-unavailable=no"]);
    assert_eq!(site.ask("segv", "right"), Answer::Nothing);
    let line = site.daemon.log.wait_for("[user=segv]");
    assert!(line.contains("auth unavailable: "), "log readers that ban must not see a failure: {line}");
}

/// Crash after crash must neither stop the service nor start processes without end.
#[test]
fn a_crash_loop_is_survived() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "1"]);
    for _ in 0..8 {
        assert_eq!(site.ask("segv", "right"), Answer::Nothing);
    }
    assert_eq!(site.ask("user", "right"), "OK");
}

#[test]
fn a_login_that_hangs_ends_with_the_request_timeout() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "1", "--request-timeout=1"]);
    let start = Instant::now();
    let mut hanging = site.begin("hang", "right");
    site.probe.wait_for_calls(1);
    let worker = Process::find(site.probe.calls()[0].process).expect("the worker hangs");
    assert_eq!(hanging.receive(), Answer::Nothing);
    let waited = start.elapsed();
    assert!(waited >= Duration::from_millis(990) && waited < AT_ONCE, "answered after {waited:?}");
    eventually("the worker is killed, although the module blocks all signals", || {
        (!worker.is_running()).then_some(())
    });
    assert_eq!(site.ask("user", "right"), "OK", "a worker takes its place");
    site.daemon.log.wait_for("auth unavailable: [user=hang]");
}

#[test]
fn a_login_that_waits_behind_one_that_hangs_has_the_same_deadline() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "1", "--request-timeout=2"]);
    let mut logins: Vec<_> = (0..4).map(|_| site.begin("hang", "right")).collect();
    let start = Instant::now();
    for login in &mut logins {
        assert_eq!(login.receive(), Answer::Nothing);
    }
    assert!(start.elapsed() < AT_ONCE, "answered after {:?}", start.elapsed());
    assert_eq!(site.ask("user", "right"), "OK");
}

/// The supervisor stands still, so that no other process gets one of them at the last moment.
#[test]
fn logins_that_only_waited_are_not_said_to_have_taken_too_long() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "1", "--request-timeout=1"]);
    let mut hanging = site.begin("hang", "right");
    site.probe.wait_for_calls(1);
    site.daemon.process.signal("STOP");
    let mut waiting: Vec<_> = ["anna", "berta", "carla"].map(|login| site.begin(login, "right")).into();
    assert!(waiting.iter_mut().chain([&mut hanging]).all(|login| login.receive() == Answer::Nothing));
    site.daemon.process.signal("CONT");
    for login in ["anna", "berta", "carla"] {
        let line = site.daemon.log.wait_for(&format!("auth unavailable: [user={login}]"));
        assert!(line.ends_with("[reason=no process was free within the request timeout]"), "{line}");
    }
    let line = site.daemon.log.wait_for("auth unavailable: [user=hang]");
    assert!(line.ends_with("[reason=no answer within the request timeout]"), "{line}");
    assert_eq!(site.ask("user", "right"), "OK", "a worker takes the place of the one that hung");
    let blamed = site.daemon.log.all();
    let blamed: Vec<_> = blamed.iter().filter(|line| line.contains("took longer than")).collect();
    assert_eq!(blamed.len(), 1, "{blamed:?}");
    assert!(blamed[0].contains("[user=hang] took longer than --request-timeout=1"), "{blamed:?}");
}

#[test]
fn others_log_in_while_some_hang() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "3"]);
    let _hanging = [site.begin("hang", "right"), site.begin("hang", "right")];
    site.probe.wait_for_calls(2);
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(site.ask("user", "right"), "OK");
    }
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
}

#[test]
fn killed_workers_cost_the_logins_they_held_and_no_more() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "4"]);
    let (answers, kills) = struck_under_load(&site, || {
        let workers = site.daemon.children("worker");
        workers.first().inspect(|worker| worker.signal("KILL")).is_some()
    });
    assert!(answers.wrong.is_empty(), "{:?} by {kills} kills", answers.wrong);
    assert!(answers.unavailable <= kills, "{} logins lost by {kills} kills", answers.unavailable);
    assert!(answers.right > 0);
    assert_eq!(site.ask("user", "right"), "OK");
    eventually("all are replaced", || (site.daemon.children("worker").len() == 4).then_some(()));
}

#[test]
fn a_killed_frontend_is_replaced_on_the_same_socket() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "4"]);
    let (answers, kills) = struck_under_load(&site, || {
        let frontends = site.daemon.children("frontend");
        frontends.first().inspect(|frontend| frontend.signal("KILL")).is_some()
    });
    assert!(answers.wrong.is_empty(), "{:?} by {kills} kills", answers.wrong);
    assert!(answers.right > 0);
    assert_eq!(site.ask("user", "right"), "OK");
    eventually("one frontend and its workers are left", || {
        let (frontends, workers) =
            (site.daemon.children("frontend").len(), site.daemon.children("worker").len());
        (frontends == 1 && workers == 4).then_some(())
    });
}

#[test]
fn silent_and_half_sent_clients_disturb_nobody() {
    require!(Root, Compiler, Tool("prlimit"));
    raise_own_descriptor_limit();
    let site = Probed::start(Program::Ours, &[]);
    let half = site.probe.request("user", "right").bytes();
    let clients: Vec<_> = (0..900)
        .map(|number| {
            let mut connection = site.daemon.connect();
            connection.send(&half[..number % half.len()]);
            connection
        })
        .collect();
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(site.ask("user", "right"), "OK");
    }
    assert!(start.elapsed() < AT_ONCE, "20 logins took {:?}", start.elapsed());
    drop(clients);
    is_idle(&site);
}

#[test]
fn clients_that_never_read_disturb_nobody() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "1"]);
    let _unread: Vec<_> = (0..100).map(|_| site.begin("user", "wrong")).collect();
    assert_eq!(site.ask("user", "right"), "OK");
    is_idle(&site);
}

#[test]
fn a_client_that_never_stops_sending_is_cut() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["--read-timeout=2"]);
    let mut flood = site.begin("user", "right");
    let junk = [b'x'; 4096];
    let cut =
        within(Duration::from_secs(15), || (0..100).any(|_| flood.try_send(&junk).is_err()).then_some(()));
    assert!(cut.is_some(), "it goes on after its answer");
    assert_eq!(site.ask("user", "right"), "OK");
}

#[test]
fn at_the_bound_of_connections_the_longest_silent_one_makes_room() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["--max-connections=10"]);
    // A connection of before, closed by now, may count until the frontend has seen it.
    let stays = |mut connection: Connection| {
        connection.receive_within(Duration::from_millis(20)).is_none().then_some(connection)
    };
    let mut clients: Vec<_> =
        (0..10).map(|_| eventually("there is room", || stays(site.daemon.connect()))).collect();
    let start = Instant::now();
    assert_eq!(site.ask("user", "right"), "OK", "who has something to say is served");
    assert!(start.elapsed() < AT_ONCE);
    assert_eq!(clients[0].receive(), Answer::Nothing, "the first is told");
    site.daemon.log.wait_for("--max-connections");
    let last = clients.last_mut().unwrap();
    assert_eq!(last.send(site.probe.request("user", "right").bytes()).receive(), "OK", "who is in is served");
}

#[test]
fn at_the_bound_nobody_who_waits_for_an_answer_makes_room_for_one_of_the_same_user() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["--max-connections=5", "-n", "2"]);
    let waits = || {
        let mut waiting = site.begin_roughly("gate", "right");
        waiting.receive_within(Duration::from_millis(20)).is_none().then_some(waiting)
    };
    let mut waiting: Vec<_> = (0..5).map(|_| eventually("there is room", waits)).collect();
    let start = Instant::now();
    let answer = site.ask_roughly("user", "right");
    assert!(answer.is_none() && start.elapsed() < AT_ONCE, "{answer:?}");
    site.probe.open_gate();
    assert!(waiting.iter_mut().all(|client| client.receive() == "OK"));
    eventually("there is room again", || site.ask_roughly("user", "right").is_ok().then_some(()));
}

/// Cut off while it writes, a client would die of the broken pipe, as the C testsaslauthd does.
#[test]
fn a_client_that_is_turned_away_has_been_heard() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["--max-connections=1"]);
    let _waiting = eventually("there is room", || {
        let mut connection = site.begin_roughly("gate", "right");
        connection.receive_within(Duration::from_millis(20)).is_none().then_some(connection)
    });
    for _ in 0..50 {
        let mut connection = site.daemon.connect();
        let start = Instant::now();
        assert_eq!(connection.send(site.probe.request("user", "right").bytes()).receive(), Answer::Nothing);
        assert!(start.elapsed() < AT_ONCE);
    }
}

/// accept(2) that fails for want of descriptors leaves the listener readable: a loop that asks again at once spins.
#[test]
fn a_frontend_without_descriptors_does_not_spin_and_recovers() {
    require!(Root, Compiler, Tool("prlimit"));
    // To limit a process of another account takes a right that root may lack here.
    let site = Probed::start(Program::Ours, &["--user=root"]);
    // Its own look at the limit is over when it has answered.
    assert!(site.ask_roughly("user", "right").is_ok());
    let frontend = site.daemon.children("frontend").remove(0);
    let limit = Command::new("prlimit").args(["--nofile=24", "--pid", &frontend.id.to_string()]).status();
    assert!(limit.unwrap().success());
    let clients: Vec<_> = (0..80).map(|_| site.daemon.connect()).collect();
    let processes = [frontend, site.daemon.process.clone()];
    let used = || processes.iter().map(Process::processor_time).sum::<Duration>();
    let before = used();
    // A second in which nothing happens: nobody sends and nobody is answered.
    let _ = site.daemon.connect().receive_within(Duration::from_secs(1));
    let spent = used() - before;
    assert!(spent < Duration::from_millis(300), "{spent:?} of processor time in a second of waiting");
    assert!(processes.iter().all(Process::is_running));
    drop(clients);
    eventually("it serves again", || site.ask_roughly("user", "right").is_ok().then_some(()));
}

#[test]
fn a_missing_syslog_socket_stops_no_answer() {
    require!(Root, Compiler, Mounts);
    let system = System::new();
    let site = Probed::launch(Launch::new(Program::Ours, &["--log=syslog"]).inside(&system));
    for _ in 0..20 {
        assert_eq!(site.ask("user", "wrong"), "NO PAM auth error");
    }
    let lines = system.syslog();
    eventually("it logs once there is a socket", || {
        assert_eq!(site.ask("late", "wrong"), "NO PAM auth error");
        lines.all().iter().any(|line| line.contains("[user=late]")).then_some(())
    });
}

/// With /dev/log full C stops after a few failures.
#[test]
fn a_stalled_syslog_stops_no_answer() {
    require!(Root, Compiler, Mounts);
    let system = System::new();
    let stalled = system.silent_syslog();
    let site = Probed::launch(Launch::new(Program::Ours, &["--log=syslog", "-V", "-n", "2"]).inside(&system));
    let start = Instant::now();
    for _ in 0..300 {
        assert_eq!(site.ask("user", "wrong"), "NO PAM auth error");
        assert_eq!(site.ask("user", "right"), "OK");
    }
    assert!(start.elapsed() < AT_ONCE * 2, "600 logins took {:?}", start.elapsed());
    let mut line = [0; 4096];
    assert!(stalled.recv(&mut line).unwrap() > 0, "it was full of lines");
    site.daemon.process.signal("HUP");
    assert_eq!(site.ask("user", "right"), "OK");
}

#[test]
fn a_restarted_syslog_gets_the_lines_again() {
    require!(Root, Compiler, Mounts);
    let system = System::new();
    let first = system.silent_syslog();
    let site = Probed::launch(Launch::new(Program::Ours, &["--log=syslog"]).inside(&system));
    assert_eq!(site.ask("first", "wrong"), "NO PAM auth error");
    let mut line = [0; 8192];
    while !String::from_utf8_lossy(&line).contains("[user=first]") {
        first.recv(&mut line).unwrap();
    }
    drop(first);
    system.remove_syslog();
    assert_eq!(site.ask("between", "wrong"), "NO PAM auth error");
    let second = system.syslog();
    eventually("the new socket is found", || {
        assert_eq!(site.ask("second", "wrong"), "NO PAM auth error");
        second.all().iter().any(|line| line.contains("[user=second]")).then_some(())
    });
}

#[test]
fn a_worker_retires_after_its_requests() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "1", "--requests-per-worker=3"]);
    for _ in 0..10 {
        assert_eq!(site.ask("user", "right"), "OK");
    }
    let workers = site.probe.processes();
    assert_eq!(workers.len(), 4, "three logins each: {workers:?}");
}

#[test]
fn without_processes_kept_each_login_has_its_own() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "0"]);
    for _ in 0..5 {
        assert_eq!(site.ask("user", "right"), "OK");
    }
    assert_eq!(site.probe.processes().len(), 5);
    let mut waiting: Vec<_> = (0..10).map(|_| site.begin("gate", "right")).collect();
    site.probe.wait_for_calls(15);
    assert_eq!(site.probe.processes().len(), 15, "all at the same time");
    site.probe.open_gate();
    assert!(waiting.iter_mut().all(|connection| connection.receive() == "OK"));
}

#[test]
fn the_number_of_processes_is_bounded_with_n_0_too() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "0", "--max-processes=2"]);
    let mut logins: Vec<_> = (0..6).map(|_| site.begin("gate", "right")).collect();
    site.probe.wait_for_calls(2);
    assert!(logins[5].receive_within(Duration::from_millis(300)).is_none());
    assert_eq!(site.probe.calls().len(), 2, "the others wait");
    site.probe.open_gate();
    assert!(logins.iter_mut().all(|connection| connection.receive() == "OK"));
    assert_eq!(site.probe.processes().len(), 6);
}

#[test]
fn more_logins_than_workers_wait_and_are_all_answered() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "2"]);
    let mut logins: Vec<_> = (0..100).map(|number| site.begin(format!("user{number}"), "right")).collect();
    assert!(logins.iter_mut().all(|connection| connection.receive() == "OK"));
    assert_eq!(site.probe.calls().len(), 100);
}

/// How the logins of a run under load ended.
struct Answers {
    right: usize,
    unavailable: usize,
    wrong: Vec<Answer>,
}

/// Four clients log in one after the other while `kill` strikes five times; the number of strikes comes back too.
fn struck_under_load(site: &Probed, kill: impl Fn() -> bool) -> (Answers, usize) {
    let (kills, answers) = under_load(
        4,
        || Some(site.ask_roughly("user", "right")),
        || {
            let mut kills = 0;
            for _ in 0..5 {
                let before = site.probe.calls().len();
                kills += usize::from(kill());
                eventually("logins go on", || (site.probe.calls().len() > before + 20).then_some(()));
            }
            kills
        },
    );
    let right = answers.iter().filter(|answer| answer.is_ok()).count();
    let unavailable = answers.iter().filter(|answer| answer.is_none()).count();
    let wrong = answers.into_iter().filter(|answer| !answer.is_ok() && !answer.is_none()).collect();
    (Answers { right, unavailable, wrong }, kills)
}

/// The frontend has let go of every client and does nothing.
fn is_idle(site: &Probed) {
    let [frontend] = &site.daemon.children("frontend")[..] else { panic!("not one frontend") };
    let before = frontend.processor_time();
    let mut idle: Connection = site.daemon.connect();
    let _ = idle.receive_within(Duration::from_millis(500));
    let spent = frontend.processor_time() - before;
    assert!(spent < Duration::from_millis(150), "{spent:?} of processor time in half a second of waiting");
}

/// The tests share one process, and some of them hold hundreds of connections.
fn raise_own_descriptor_limit() {
    let mut command = Command::new("prlimit");
    command.args(["--pid", &std::process::id().to_string(), "--nofile=8192:"]);
    assert_eq!(run(command).code, Some(0));
}
