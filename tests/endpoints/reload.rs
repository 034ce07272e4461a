//! SIGHUP: new sockets open, gone ones close after their clients, and those that stay lose nobody.

use super::{SOMEBODY, access, directory, frontend_of, names};
use crate::support::{
    Answer, Connection, Daemon, FakeImap, Launch, Process, Program, Request, eventually, under_load, within,
};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// A daemon whose sockets are in its file, and whose server lets everybody in.
struct Site {
    daemon: Daemon,
    directory: TempDir,
    _server: Box<dyn std::any::Any>,
}

impl Site {
    /// Each socket is a name and its keys, separated by commas.
    fn start(sockets: &[(&str, &str)]) -> Self {
        let server = FakeImap::new("* OK\r\n", "TAG OK\r\n").start();
        let directory = directory();
        write(&directory, sockets);
        let file = directory.path().join("conf");
        let option = server.option();
        let flags = ["-a", "rimap", "-O", &option, "--reply-text=bare", "--config", file.to_str().unwrap()];
        let daemon = Launch::new(Program::Ours, &flags).start();
        daemon.log.wait_for("listening on socket");
        Self { daemon, directory, _server: Box::new(server) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// With these sockets from now on.
    fn reload(&self, sockets: &[(&str, &str)]) {
        write(&self.directory, sockets);
        let complete = |log: &[String]| log.iter().filter(|line| line.contains("has taken over")).count();
        let before = complete(&self.daemon.log.all());
        self.daemon.process.signal("HUP");
        within(Duration::from_secs(40), || (complete(&self.daemon.log.all()) > before).then_some(()))
            .expect("the reload is complete");
    }

    /// Until the next frontend takes connections the old owner and mode are in force.
    fn wait_for_access(&self, name: &str, wanted: (u32, u32, u32)) {
        eventually("the socket has its new owner and mode", || {
            (access(&self.path(name)) == wanted).then_some(())
        });
    }

    /// A connection by which the frontend has seen that nothing has come yet.
    fn silent(&self, name: &str) -> Connection {
        let connection = Connection::new(&self.path(name));
        self.daemon.wait_until_idle();
        connection
    }
}

fn write(directory: &TempDir, sockets: &[(&str, &str)]) {
    let section = |(name, keys): &(&str, &str)| {
        let path = directory.path().join(name);
        format!("[socket {}]\n{}\n", path.display(), keys.replace(',', "\n"))
    };
    let text: String = sockets.iter().map(section).collect();
    fs::write(directory.path().join("new"), text).unwrap();
    fs::rename(directory.path().join("new"), directory.path().join("conf")).unwrap();
}

fn request() -> Vec<u8> {
    Request::new("anna", "right").service("imap").bytes()
}

fn ask(socket: &Path) -> Answer {
    Connection::new(socket).send(request()).receive()
}

fn is_over(process: &Process) -> Option<()> {
    (!process.is_running()).then_some(())
}

#[test]
fn while_sockets_come_and_go_the_others_lose_no_login() {
    let site = Site::start(&[("kept", ""), ("first", "")]);
    let inode = fs::metadata(site.path("kept")).unwrap().ino();
    let sockets = [site.path("kept"), site.daemon.socket()];
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let log_in = || {
        let turn = turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Some(ask(&sockets[turn % 2]))
    };
    let ((), answers) = under_load(4, log_in, || {
        for round in 0..3 {
            site.reload(&[("kept", ""), ("second", "")]);
            assert_eq!(names(&site.directory), ["conf", "kept", "second"], "{round}");
            assert_eq!(ask(&site.path("second")), "OK");
            site.reload(&[("first", ""), ("kept", "")]);
            assert_eq!(names(&site.directory), ["conf", "first", "kept"], "{round}");
            assert_eq!(ask(&site.path("first")), "OK");
        }
    });
    assert!(answers.len() > 20 && answers.iter().all(Answer::is_ok), "{answers:?}");
    assert_eq!(fs::metadata(site.path("kept")).unwrap().ino(), inode, "it is the same socket");
}

/// Silent, in the middle of a request, and not even accepted.
#[test]
fn whoever_has_come_by_a_socket_that_goes_is_answered() {
    let site = Site::start(&[("kept", ""), ("gone", "")]);
    let old = frontend_of(&site.daemon);
    let mut half = Connection::new(&site.path("gone"));
    half.send(&request()[..5]);
    let mut silent = site.silent("gone");
    let mut stays = site.silent("kept");
    old.signal("STOP");
    let mut waiting = Connection::new(&site.path("gone"));
    let mut asking = Connection::new(&site.path("gone"));
    asking.send(request());
    site.reload(&[("kept", "")]);
    old.signal("CONT");
    assert_eq!(asking.receive(), "OK");
    assert!(!site.path("gone").exists());
    assert_eq!(half.send(&request()[5..]).receive(), "OK");
    assert_eq!(waiting.send(request()).receive(), "OK");
    assert!(old.is_running(), "one is still there");
    assert_eq!(silent.send(request()).receive(), "OK");
    eventually("the old frontend ends", || is_over(&old));
    assert_eq!(stays.send(request()).receive(), "OK");
    let all = site.daemon.log.all();
    assert!(!all.iter().any(|line| line.contains("is killed")), "{all:#?}");
}

#[test]
fn a_reload_with_a_socket_that_cannot_be_had_is_refused_and_leaves_nothing_behind() {
    let site = Site::start(&[("kept", "mode: 0600")]);
    let before = frontend_of(&site.daemon);
    let bad = [
        ("missing/auth", "", "does not exist; create it"),
        ("auth", "owner: nobody-at-all", "There is no user nobody-at-all"),
        ("conf", "", "is not a socket and is left alone"),
    ];
    for (name, keys, told) in bad {
        write(&site.directory, &[("kept", "mode: 0666"), ("new", ""), (name, keys)]);
        site.daemon.process.signal("HUP");
        let line = site.daemon.log.wait_for(told);
        assert!(line.contains("The new configuration is not used: "), "{line}");
        assert!(line.contains(site.path(name).to_str().unwrap()), "{line}");
        assert_eq!(names(&site.directory), ["conf", "kept"]);
        assert_eq!(access(&site.path("kept")).2, 0o600);
    }
    assert_eq!(ask(&site.path("kept")), "OK");
    assert_eq!(frontend_of(&site.daemon), before, "the old one goes on");
    site.reload(&[("kept", "mode: 0666"), ("new", "")]);
    assert_eq!(ask(&site.path("new")), "OK");
}

#[test]
fn what_is_said_of_a_socket_changes_with_a_reload_and_no_connection_is_lost() {
    require!(Root);
    let site = Site::start(&[("auth", "service: first")]);
    let inode = fs::metadata(site.path("auth")).unwrap().ino();
    let mut silent = site.silent("auth");
    site.reload(&[("auth", "service: second,mode: 0600,owner: 4711,allow_users: root 4711")]);
    site.wait_for_access("auth", (SOMEBODY, 0, 0o600));
    assert_eq!(silent.send(request()).receive(), "OK");
    site.daemon.log.wait_for("auth success: [user=anna] [service=second]");
    let mut refused = site.silent("auth");
    site.reload(&[("auth", "service: second,allow_users: 4711")]);
    site.wait_for_access("auth", (0, 0, 0o660));
    let _ = refused.try_send(&request());
    assert!(refused.receive().is_none(), "it may not come any more");
    assert_eq!(fs::metadata(site.path("auth")).unwrap().ino(), inode, "it is the same socket");
}

#[test]
fn a_socket_that_a_reload_has_brought_outlives_its_frontend_and_goes_at_the_end() {
    let mut site = Site::start(&[]);
    site.reload(&[("auth", "")]);
    super::kill(&frontend_of(&site.daemon));
    assert_eq!(ask(&site.path("auth")), "OK");
    assert_eq!(site.daemon.end_with("TERM"), Some(0));
    assert_eq!(names(&site.directory), ["conf"]);
}
