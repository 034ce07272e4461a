//! What the daemon's processes give up once they are set up: that it is in force, that nothing which serves needs it, and
//! that the daemon serves where it cannot be had. What somebody in such a process can still do is in `intruder`.

mod traces;

use crate::support::confinement::Refuse;
use crate::support::{Daemon, Launch, Process, Program, Request, eventually};
use std::fs;

/// A mechanism that asks servers beside one in workers: frontend, errands, passwdfile.
fn launch(flags: &[&str]) -> Launch {
    let launch = Launch::new(Program::Ours, &["-a", "passwdfile,rimap", "-n", "1"]).with(flags);
    let file = launch.run_directory().with_file_name("logins");
    fs::write(&file, "anna:$1$6IhhkS.2$UkOBxkF9pR21C6pHItme2.\n").unwrap();
    // Nobody listens there, and nobody is asked.
    let lines =
        format!("rimap_servers: imap://127.0.0.1:9\non_reject: stop\npasswdfile_path: {}\n", file.display());
    launch.with_file("--config", &lines)
}

fn expect_service(daemon: &Daemon) {
    assert_eq!(daemon.ask(&Request::new("anna", "right")), "OK");
    assert_eq!(daemon.ask(&Request::new("anna", "other")), "NO Incorrect password");
}

/// A line of /proc/PID/status.
fn status(process: &Process, name: &str) -> String {
    let text = fs::read_to_string(process.file("status")).unwrap();
    text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim_start_matches(':').trim().to_owned()
}

/// The filter and the right to gain rights: of all children, and of the supervisor.
fn seen(daemon: &Daemon) -> Vec<(String, String)> {
    let children =
        [daemon.children("frontend event loop"), daemon.children("frontend"), daemon.children("worker")];
    let mut seen: Vec<_> = children
        .iter()
        .flatten()
        .map(|process| (status(process, "Seccomp"), status(process, "NoNewPrivs")))
        .collect();
    seen.dedup();
    seen
}

fn told(daemon: &Daemon) -> usize {
    daemon.log.all().iter().filter(|line| line.contains(":sandbox in force: system calls, files")).count()
}

#[test]
fn each_process_without_privileges_is_in_a_sandbox_before_it_serves_and_after_each_reload() {
    let daemon = launch(&[]).start();
    expect_service(&daemon);
    // The worker for errands may have just been started.
    let all_are_in_it = || {
        eventually("all processes are in it", || {
            (seen(&daemon) == [("2".to_owned(), "1".to_owned())]).then_some(())
        });
    };
    all_are_in_it();
    assert_eq!(status(&daemon.process, "Seccomp"), "0", "the supervisor starts programs");
    let frontend = daemon.children("frontend")[0].id;
    daemon.process.signal("HUP");
    eventually("another frontend serves alone", || {
        let frontends = daemon.children("frontend");
        (frontends.len() == 1 && frontends[0].id != frontend).then_some(())
    });
    expect_service(&daemon);
    all_are_in_it();
    assert!(told(&daemon) >= 2 * 3, "each says so, workers with -V: {:#?}", daemon.log.all());
}

#[test]
fn workers_that_need_privileges_are_in_none() {
    require!(Root);
    let daemon = Launch::new(Program::Ours, &["-a", "shadow", "-n", "1"]).start();
    assert_eq!(daemon.ask(&Request::new("nosuch", "x")), "NO Invalid username");
    let [frontend, worker] = ["frontend", "worker"].map(|role| daemon.children(role)[0].clone());
    assert_eq!([status(&frontend, "Seccomp"), status(&worker, "Seccomp")], ["2", "0"]);
    assert_eq!(status(&worker, "NoNewPrivs"), "0", "modules execute programs of other accounts");
}

#[test]
fn without_a_sandbox_nothing_is_given_up_and_that_is_told() {
    let daemon = launch(&["--sandbox=no"]).start();
    expect_service(&daemon);
    daemon.log.wait_for("no sandbox is in force (--sandbox=no)");
    assert_eq!(seen(&daemon), [("0".to_owned(), "0".to_owned())]);
}

#[test]
fn where_a_container_refuses_landlock_the_rest_is_in_force_and_that_is_told() {
    require!(Root, Compiler);
    let daemon = launch(&[]).behind(&Refuse::compile().prefix("landlock")).start();
    expect_service(&daemon);
    daemon.log.wait_for(
        "sandbox in force: system calls (no Landlock: Operation not permitted); free are files, TCP ports, signals, \
         abstract sockets",
    );
    assert_eq!(status(&daemon.children("frontend")[0], "NoNewPrivs"), "1");
}

#[test]
fn where_nothing_can_be_had_it_serves_and_says_so() {
    require!(Root, Compiler);
    let daemon = launch(&[]).behind(&Refuse::compile().prefix("sandbox")).start();
    expect_service(&daemon);
    daemon.log.wait_for(
        "sandbox in force: nothing (no Landlock: Function not implemented); free are system calls, files, TCP ports, \
         signals, abstract sockets (no filter: Function not implemented)",
    );
}

#[test]
fn a_name_of_a_port_that_nobody_knows_keeps_no_server_from_being_asked() {
    let daemon = Launch::new(Program::Ours, &["-a", "rimap", "-O", "imap://127.0.0.1:no-such-port"]).start();
    daemon.log.wait_for(
        "The port no-such-port is not in /etc/services, so connections to servers are not restricted",
    );
    daemon.log.wait_for("sandbox in force: system calls, files, listening");
}
