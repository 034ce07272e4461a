//! Sockets that systemd hands in.

use super::{access, directory, flag, frontend_of, is_served, kill, launch, names, start, word};
use crate::support::{Launch, eventually};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Does what systemd does: opens sockets, says so in the environment, and becomes the daemon. `-` before a path makes a
/// socket for datagrams.
const LAUNCHER: &str = r#"
import fcntl, os, socket, sys
names, paths, command = sys.argv[1], sys.argv[2].split(":"), sys.argv[3:]
opened = []
for path in paths:
    kind = socket.SOCK_DGRAM if path.startswith("-") else socket.SOCK_STREAM
    one = socket.socket(socket.AF_UNIX, kind)
    one.bind(path.lstrip("-"))
    if kind == socket.SOCK_STREAM:
        one.listen()
    opened.append(fcntl.fcntl(one, fcntl.F_DUPFD, 50))
for place, descriptor in enumerate(opened, 3):
    os.dup2(descriptor, place)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(opened)), LISTEN_FDNAMES=names)
os.execvp(command[0], command)
"#;

/// With these sockets, each `NAME=PATH`.
fn activated(launch: Launch, sockets: &[(&str, String)]) -> Launch {
    let names: Vec<_> = sockets.iter().map(|(name, _)| *name).collect();
    let paths: Vec<_> = sockets.iter().map(|(_, path)| path.as_str()).collect();
    launch.behind(&["python3", "-c", LAUNCHER, &names.join(":"), &paths.join(":")])
}

fn path(directory: &TempDir, name: &str) -> String {
    word(directory.path().join(name))
}

#[test]
fn sockets_that_systemd_hands_in_are_served_and_stay_at_the_end() {
    require!(Tool("python3"));
    for detached in [false, true] {
        let directory = directory();
        let launch = launch(&[
            &flag(&directory, "by-name,mode=0600"),
            &flag(&directory, "by-path"),
            &flag(&directory, "own"),
        ]);
        fs::create_dir(launch.run_directory()).unwrap();
        let mux = word(launch.run_directory().join("mux"));
        let by_name = path(&directory, "by-name");
        let sockets = [
            ("mux", mux.clone()),
            (by_name.as_str(), by_name.clone()),
            ("saslauthd.socket", path(&directory, "by-path")),
        ];
        let launch = activated(launch, &sockets);
        let daemon = if detached { launch.start_detached() } else { start(launch) };
        let all = ["by-name", "by-path", "own"].map(|name| directory.path().join(name));
        assert!(all.iter().all(|socket| is_served(socket)) && is_served(&daemon.socket()));
        assert_ne!(access(&all[0]).2, 0o600, "it stays as systemd has made it");
        kill(&frontend_of(&daemon));
        daemon.process.signal("HUP");
        assert!(all.iter().all(|socket| is_served(socket)) && is_served(&daemon.socket()));
        for child in daemon.process.children() {
            let environment = fs::read(child.file("environ")).unwrap_or_default();
            let environment = String::from_utf8_lossy(&environment).into_owned();
            assert!(!environment.contains("LISTEN_"), "{environment}");
        }
        daemon.process.signal("TERM");
        eventually("the daemon ends", || (!daemon.process.is_running()).then_some(()));
        assert_eq!(names(&directory), ["by-name", "by-path"], "its own is gone");
        assert!(daemon.socket().exists());
    }
}

/// By systemd's own program where it is installed.
#[test]
fn the_socket_in_the_run_directory_can_be_handed_in_alone() {
    require!(Tool("python3"));
    let launch = launch(&[]);
    fs::create_dir(launch.run_directory()).unwrap();
    let mux = word(launch.run_directory().join("mux"));
    let systemds = Path::new("/usr/bin/systemd-socket-activate");
    let launch = if systemds.exists() {
        launch.behind(&["systemd-socket-activate", "--fdname=mux", "-l", &mux])
    } else {
        activated(launch, &[("mux", mux)])
    };
    let mut daemon = start(launch);
    assert!(is_served(&daemon.socket()));
    assert_eq!(daemon.end_with("TERM"), Some(0));
    assert!(daemon.socket().exists());
}

#[test]
fn a_socket_that_no_endpoint_has_or_that_is_none_stops_the_start_and_is_named() {
    require!(Tool("python3"));
    for (name, made, told) in [
        ("stray", "stray", "but none with this name or path is configured"),
        ("mux", "-datagrams", "but is not a listening Unix stream socket"),
    ] {
        let directory = directory();
        let file = path(&directory, made.trim_start_matches('-'));
        let made = if made.starts_with('-') { format!("-{file}") } else { file.clone() };
        let finished = activated(launch(&[]), &[(name, made)]).run();
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.errors.contains(told) && finished.errors.contains(name), "{finished:?}");
        assert!(fs::symlink_metadata(file).is_ok());
    }
}

/// A shell may have been started with them, and hands the variables on.
#[test]
fn sockets_of_another_process_are_none_of_ours() {
    let directory = directory();
    let launch =
        launch(&[&flag(&directory, "auth")]).after("export LISTEN_PID=1 LISTEN_FDS=3 LISTEN_FDNAMES=a:b:c");
    let daemon = start(launch);
    assert!(is_served(&directory.path().join("auth")) && is_served(&daemon.socket()));
}

#[test]
fn descriptors_that_are_announced_and_missing_stop_the_start() {
    for (number, told) in [
        ("2", "LISTEN_FDS says that 2 sockets were handed in, and descriptor 3 is not open"),
        ("-1", "LISTEN_FDS is not a number from 0 to 1024"),
        ("x", "LISTEN_FDS is not a number from 0 to 1024"),
    ] {
        let finished = launch(&[]).after(&format!("export LISTEN_PID=$$ LISTEN_FDS={number}")).run();
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.errors.contains(told), "{finished:?}");
    }
}
