//! Where the control socket is, and what its absence keeps from working: nothing.

use super::{Connection, ask, ready, run, shown};
use crate::support::{Daemon, Launch, Program, Request, eventually};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

const GETPWENT: &[&str] = &["-a", "getpwent", "-n", "1"];

fn is_served(daemon: &Daemon) -> bool {
    daemon.ask(&Request::new("st-nobody", "x")) == "NO Invalid username"
}

#[test]
fn the_socket_is_for_its_owner_only_whatever_the_umask_and_gone_with_the_daemon() {
    let daemon = Launch::new(Program::Ours, GETPWENT).after("umask 0").start_detached();
    let path = daemon.run_directory().join("control");
    let found = fs::symlink_metadata(&path).unwrap();
    assert_eq!(found.mode() & 0o7777, 0o600);
    assert_eq!(found.uid(), fs::metadata("/proc/self").unwrap().uid());
    assert_eq!(shown(&daemon, &["ping"]), "pong\n");
    daemon.process.signal("TERM");
    eventually("the daemon ends", || (!daemon.process.is_running()).then_some(()));
    assert!(!path.exists());
    let finished = ask(&daemon, &["ping"]);
    assert_eq!(finished.code, Some(69), "{finished:?}");
}

#[test]
fn what_is_in_the_way_of_the_socket_is_left_alone_and_keeps_no_daemon_from_starting() {
    let launch = Launch::new(Program::Ours, GETPWENT);
    let path = launch.run_directory().join("control");
    fs::create_dir_all(&path).unwrap();
    let daemon = launch.start();
    daemon.log.wait_for("saslauthdctl cannot ask this daemon");
    assert!(is_served(&daemon) && path.is_dir());
    daemon.process.signal("HUP");
    daemon.log.wait_for("a new frontend has taken over");
    fs::remove_dir(&path).unwrap();
    daemon.process.signal("HUP");
    eventually("a reload makes it", || (ask(&daemon, &["ping"]).code == Some(0)).then_some(()));
}

#[test]
fn a_run_directory_with_room_for_mux_alone_serves_as_in_c() {
    for program in Program::BOTH {
        if program == Program::C && !program.daemon().exists() {
            continue;
        }
        let launch = Launch::new(program, &["-a", "getpwent", "-n", "1"]);
        let length = launch.run_directory().as_os_str().len();
        // With /mux it is as long as a path can be, and with /control longer.
        let daemon =
            launch.in_run_directory(&"r".repeat(107 - "/mux".len() - (length - "run".len()))).start();
        assert!(is_served(&daemon) || program == Program::C, "{program:?}");
        if program == Program::Ours {
            daemon.log.wait_for("saslauthdctl cannot ask this daemon");
        }
    }
}

#[test]
fn a_socket_that_is_asked_for_is_elsewhere_or_the_daemon_does_not_start() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let path = directory.path().join("ctl");
    let flag = format!("--control={}", path.display());
    let daemon = Launch::new(Program::Ours, GETPWENT).with(&[&flag]).start();
    let daemon = ready(daemon);
    assert_eq!(run(&[&flag, "ping"]).output, "pong\n");
    assert!(!daemon.run_directory().join("control").exists());
    drop(daemon);
    let missing = format!("--control={}/missing/ctl", directory.path().display());
    let finished = Launch::new(Program::Ours, GETPWENT).with(&[&missing]).run();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.errors.contains("/missing of the socket"), "{finished:?}");
}

#[test]
fn without_one_there_is_none_and_the_program_says_what_may_be() {
    let daemon = Launch::new(Program::Ours, GETPWENT).with(&["--control=no"]).start();
    assert!(is_served(&daemon) && !daemon.run_directory().join("control").exists());
    let finished = ask(&daemon, &["status"]);
    assert_eq!(finished.code, Some(69));
    assert!(finished.errors.contains("started with --control"), "{finished:?}");
}

#[test]
fn one_that_a_killed_daemon_left_is_replaced_and_two_daemons_have_the_error_of_before() {
    let first = Launch::new(Program::Ours, GETPWENT).start_detached();
    let second = Launch::new(Program::Ours, GETPWENT).in_directory_of(&first).run();
    assert_eq!(second.code, Some(2), "{second:?}");
    assert_eq!(shown(&first, &["ping"]), "pong\n", "the second has taken nothing away");
    first.process.signal("KILL");
    eventually("its processes are gone", || first.children("frontend").is_empty().then_some(()));
    let next = Launch::new(Program::Ours, GETPWENT).in_directory_of(&first).start_detached();
    assert_eq!(shown(&next, &["ping"]), "pong\n");
}

/// An unprivileged frontend has the sockets that the supervisor has made.
#[test]
fn with_user_and_without_mux_it_is_there_all_the_same() {
    require!(Root);
    let directory = tempfile::tempdir().unwrap();
    let other = directory.path().join("other");
    let flags = ["--user=nobody", "--no-mux", &format!("--socket={}", other.display())];
    let daemon = ready(Launch::new(Program::Ours, GETPWENT).with(&flags).at(other).start());
    assert!(is_served(&daemon));
    assert_eq!(shown(&daemon, &["ping"]), "pong\n");
    let mut connection = Connection::new(&daemon);
    connection.send("status\n");
    assert!(connection.receive().starts_with("ok "));
}

/// The frontend takes connections before its workers are ready.
#[test]
fn right_after_the_start_a_ping_says_that_logins_are_not_served_yet() {
    require!(Compiler);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("hang");
    fs::write(&file, "").unwrap();
    let variables = [
        format!("LD_PRELOAD={}", crate::support::pam::compiled("hang_at_start").display()),
        format!("HANG_AT_START={}", file.display()),
    ];
    let launch = Launch::new(Program::Ours, GETPWENT).behind(&["env"]).behind(&variables);
    let daemon = launch.start();
    let finished = ask(&daemon, &["ping"]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.errors.contains("not served yet"), "{finished:?}");
    assert!(shown(&daemon, &["status"]).contains("getpwent"));
}
