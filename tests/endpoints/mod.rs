//! Several sockets: made with their owners and modes, each with what is said of it, and gone at the end.

mod access;
mod activation;
mod reload;

use crate::support::{
    Answer, Connection, Daemon, Launch, MuxClient, Probe, Probed, Process, Program, Request, eventually,
};
use std::fs;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const GETPWENT: &[&str] = &["-a", "getpwent", "-n", "1"];

/// A user and a group without names.
const SOMEBODY: u32 = 4711;

/// A directory for sockets that everybody can enter.
fn directory() -> TempDir {
    let directory = TempDir::new().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

/// The flag for a socket of that name.
fn flag(directory: &TempDir, rest: &str) -> String {
    format!("--socket={}/{rest}", directory.path().display())
}

fn launch(flags: &[&str]) -> Launch {
    Launch::new(Program::Ours, GETPWENT).with(flags)
}

/// In the foreground; all its sockets are there then, and not only the first.
fn start(launch: Launch) -> Daemon {
    let daemon = launch.start();
    daemon.log.wait_for("listening on socket");
    daemon
}

/// Whether a login is answered there: nobody is called so.
fn is_served(socket: &Path) -> bool {
    let mut connection = Connection::new(socket);
    let _ = connection.try_send(&Request::new("st-nobody", "x").bytes());
    connection.receive() == "NO Invalid username"
}

/// User, group and mode.
fn access(path: &Path) -> (u32, u32, u32) {
    let found = fs::symlink_metadata(path).unwrap();
    (found.uid(), found.gid(), found.mode() & 0o7777)
}

fn names(directory: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(directory.path()).unwrap().map_while(Result::ok);
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn each_socket_has_its_owner_and_mode_and_all_are_gone_at_the_end() {
    require!(Root);
    let directory = directory();
    let [plain, other] =
        ["plain", "other,mode=0606,owner=4711,group=4712"].map(|rest| flag(&directory, rest));
    let daemon = launch(&[&plain, &other]).after("umask 0277").start_detached();
    let paths = ["plain", "other"].map(|name| directory.path().join(name));
    assert_eq!(access(&paths[0]), (0, 0, 0o660));
    assert_eq!(access(&paths[1]), (SOMEBODY, 4712, 0o606));
    assert_eq!(access(&daemon.socket()).2, 0o777);
    assert!(paths.iter().all(|path| is_served(path)) && is_served(&daemon.socket()));
    daemon.process.signal("TERM");
    eventually("the daemon ends", || (!daemon.process.is_running()).then_some(()));
    assert_eq!(names(&directory), [""; 0]);
    assert!(!daemon.socket().exists());
}

#[test]
fn each_socket_has_a_service_of_its_own_in_place_of_the_clients() {
    require!(Root, Compiler);
    let directory = directory();
    let (smtp, imap) = (Probe::new(), Probe::new());
    let flags = [("smtp", &smtp), ("imap", &imap)]
        .map(|(name, probe)| flag(&directory, &format!("{name},service={}", probe.name())));
    let site = Probed::start(Program::Ours, &[&flags[0], &flags[1]]);
    site.daemon.log.wait_for("listening on socket");
    let ask = |name: &str, login: &str| {
        let mut connection = Connection::new(&directory.path().join(name));
        connection.send(Request::new(login, "right").service("whatever").bytes()).receive()
    };
    assert_eq!(ask("smtp", "anna"), "OK");
    assert_eq!(ask("imap", "berta"), "OK");
    assert_eq!(site.ask("carla", "right"), "OK");
    for (probe, login) in [(&smtp, "anna"), (&imap, "berta"), (&site.probe, "carla")] {
        let calls: Vec<_> = probe.calls().into_iter().map(|call| (call.login, call.service)).collect();
        assert_eq!(calls, [(login.to_owned(), probe.name().to_owned())]);
    }
}

/// More than --request-timeout would outlast what a reload or a stop waits for.
#[test]
fn a_socket_has_a_timeout_of_its_own_that_is_never_more_than_that_of_the_daemon() {
    require!(Root, Compiler);
    for (of_daemon, of_socket) in [("1", "30"), ("30", "1")] {
        let directory = directory();
        let flags = [
            format!("--request-timeout={of_daemon}"),
            flag(&directory, &format!("auth,timeout={of_socket}")),
        ];
        let site = Probed::start(Program::Ours, &[&flags[0], &flags[1]]);
        site.daemon.log.wait_for("listening on socket");
        let mut connection = Connection::new(&directory.path().join("auth"));
        let request = Request::new("hang", "right").service(site.probe.name()).bytes();
        let start = Instant::now();
        assert_eq!(connection.send(request).receive(), Answer::Nothing);
        let waited = start.elapsed();
        assert!(waited >= Duration::from_millis(990) && waited < Duration::from_secs(15), "{waited:?}");
    }
}

#[test]
fn without_mux_only_the_other_sockets_are_there() {
    let directory = directory();
    let daemon =
        launch(&["--no-mux", &flag(&directory, "auth")]).at(directory.path().join("auth")).start_detached();
    assert!(is_served(&directory.path().join("auth")));
    let files = fs::read_dir(daemon.run_directory()).unwrap();
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["control", "saslauthd.pid"]);
}

/// As Postfix's `private`, which belongs to it and is closed to everybody else.
#[test]
fn a_socket_in_the_directory_of_another_user_is_that_users() {
    require!(Root, Compiler);
    let directory = directory();
    let private = directory.path().join("private");
    fs::DirBuilder::new().mode(0o700).create(&private).unwrap();
    chown(&private, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
    let _daemon = start(launch(&[&flag(&directory, "private/auth,mode=0600,owner=4711,group=4711")]));
    let client = MuxClient::new();
    let replies = client.log_in(SOMEBODY, &private.join("auth"), "st-nobody", 1);
    assert_eq!(replies[0].1, "NO Invalid username");
    assert_eq!(client.log_in(SOMEBODY + 1, &private.join("auth"), "st-nobody", 1)[0].1, "nothing");
}

#[test]
fn a_socket_that_cannot_be_had_stops_the_start_and_leaves_nothing_behind() {
    let directory = directory();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let _served = UnixListener::bind(path("served")).unwrap();
    fs::write(path("file"), "precious").unwrap();
    for (rest, told) in [
        ("missing/auth", "does not exist; create it (for Postfix's private and public: postfix check"),
        ("served", "Another program answers at"),
        ("file", "is not a socket and is left alone"),
        ("a,owner=nobody-at-all", "There is no user nobody-at-all, which the socket"),
        ("a,allow-groups=root:nobody-at-all", "There is no group nobody-at-all, which the socket"),
    ] {
        let launch = launch(&[&flag(&directory, "first"), &flag(&directory, rest)]);
        let finished = launch.run();
        assert_eq!(finished.code, Some(1), "{finished:?}");
        let name = rest.split(',').next().unwrap();
        assert!(finished.errors.contains(told) && finished.errors.contains(&path(name)), "{finished:?}");
        assert_eq!(names(&directory), ["file", "served"], "{rest}");
        assert_eq!(fs::read_dir(launch.run_directory()).unwrap().count(), 0, "{rest}");
    }
    assert_eq!(fs::read_to_string(path("file")).unwrap(), "precious");
    let finished = launch(&["--no-mux"]).run();
    assert_eq!(finished.code, Some(1));
    assert!(finished.errors.contains("with --no-mux no socket is left"), "{finished:?}");
}

/// Which says nothing about whether somebody listens there.
#[test]
fn a_socket_that_the_daemon_may_not_connect_to_is_not_said_to_be_another_programs() {
    require!(Root, Tool("setpriv"));
    let directory = directory();
    let path = directory.path().join("auth");
    drop(UnixListener::bind(&path).unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    chown(directory.path(), Some(SOMEBODY), Some(SOMEBODY)).unwrap();
    let (user, group) = (format!("--reuid={SOMEBODY}"), format!("--regid={SOMEBODY}"));
    let launch = launch(&[&flag(&directory, "auth")]).behind(&["setpriv", &user, &group, "--clear-groups"]);
    let run = launch.run_directory();
    fs::create_dir(&run).unwrap();
    fs::set_permissions(run.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    chown(&run, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
    let finished = launch.run();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let told = format!("could not listen on {}: Permission denied", path.display());
    assert!(finished.errors.contains(&told), "{finished:?}");
}

#[test]
fn the_sockets_that_a_killed_daemon_leaves_behind_are_replaced() {
    let directory = directory();
    let auth = flag(&directory, "auth");
    let killed = start(launch(&[&auth]));
    let group = killed.process.group().unwrap();
    killed.process.signal("KILL");
    eventually("all of it is gone", || (!group.is_running()).then_some(()));
    assert!(fs::symlink_metadata(directory.path().join("auth")).unwrap().file_type().is_socket());
    let next = start(launch(&[&auth]).in_directory_of(&killed));
    assert!(is_served(&directory.path().join("auth")) && is_served(&next.socket()));
}

#[test]
fn a_frontend_that_is_killed_takes_no_socket_along() {
    let directory = directory();
    let daemon = start(launch(&[&flag(&directory, "auth")]));
    let sockets = [daemon.socket(), directory.path().join("auth")];
    let inodes = || sockets.clone().map(|path| fs::metadata(path).unwrap().ino());
    let before = inodes();
    for _ in 0..2 {
        kill(&frontend_of(&daemon));
        assert!(sockets.iter().all(|socket| is_served(socket)));
    }
    assert_eq!(inodes(), before);
}

#[test]
fn at_the_end_a_socket_that_somebody_else_has_put_there_stays() {
    let directory = directory();
    let path = directory.path().join("auth");
    let mut daemon = start(launch(&[&flag(&directory, "auth")]));
    fs::remove_file(&path).unwrap();
    let _theirs = UnixListener::bind(&path).unwrap();
    assert_eq!(daemon.end_with("TERM"), Some(0));
    assert!(path.exists());
}

fn frontend_of(daemon: &Daemon) -> Process {
    eventually("a frontend", || daemon.children("frontend").into_iter().next())
}

fn kill(process: &Process) {
    process.signal("KILL");
    eventually("it is dead", || (!process.is_running()).then_some(()));
}

/// The path as a word.
fn word(path: PathBuf) -> String {
    path.display().to_string()
}
