//! Many connections and many requests on one, with this daemon alone: its bound, and what a reload makes of them.

use super::plain;
use crate::support::{AuthClient, Daemon, Launch, Process, Program, eventually};
use std::path::PathBuf;
use tempfile::TempDir;

/// Of `secret`, with as many rounds as take a tenth of a second or two.
const SLOW: &str = "$6$rounds=200000$saltstring$uq/jgqC/gFjgKA8u18.WyqFirpdSstQEwG1TYGCmDgMtAnJ9q.FeNbhOaaawnC8t6l3QCloaay/4NGNXs1IwE/";

struct Slow {
    daemon: Daemon,
    directory: TempDir,
}

impl Slow {
    /// The password of `anna` takes a moment to check.
    fn start(flags: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        let users = directory.path().join("users");
        std::fs::write(&users, format!("anna:{SLOW}\n")).unwrap();
        // Those that wait have all the time that a busy machine takes.
        let socket = format!("--socket={}/auth,protocol=dovecot,timeout=60", directory.path().display());
        let all = ["-a", "passwdfile", "-O", users.to_str().unwrap(), &socket];
        let daemon = Launch::new(Program::Ours, &all).with(flags).start();
        daemon.log.wait_for("/auth");
        Self { daemon, directory }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("auth")
    }

    fn log_on(&self) -> AuthClient {
        AuthClient::new(&self.socket()).introduced(1)
    }

    fn has_frontends(&self, number: usize) -> Option<()> {
        (self.daemon.children("frontend").len() == number).then_some(())
    }

    fn frontend(&self) -> Process {
        self.daemon.children("frontend").into_iter().next().unwrap()
    }
}

/// It would be answered by the settings of before until the old frontend is killed, and lose what it has asked last.
#[test]
fn a_connection_that_is_never_without_a_request_is_soon_heard_by_the_next_frontend() {
    let server = Slow::start(&["-n", "4"]);
    let (mut client, old) = (server.log_on(), server.frontend());
    (1..=12).for_each(|id| client.send(plain(id, "anna", "secret")));
    server.daemon.process.signal("HUP");
    let mut ids = 13..;
    eventually("the old frontend has handed it on", || {
        assert!(client.line().starts_with("OK"));
        client.send(plain(ids.next()?, "anna", "secret"));
        (!old.is_running()).then_some(())
    });
}

/// Not what was when it came.
#[test]
fn a_connection_that_came_when_all_were_busy_is_served_when_it_asks_later() {
    let server = Slow::start(&["-n", "1", "--max-auth-connections=2", "--on-unavailable=no"]);
    let mut busy = [server.log_on(), server.log_on()];
    busy.iter_mut().for_each(|client| client.send(plain(1, "anna", "secret")));
    eventually("the requests have been read", || {
        (server.daemon.log.all().iter().filter(|line| line.contains("auth request:")).count() == 2)
            .then_some(())
    });
    let mut late = server.log_on();
    late.send(plain(1, "anna", "secret"));
    assert_eq!(late.line(), r"FAIL\t1\tuser=anna\ttemp\tcode=temp_fail");
    server.daemon.log.wait_for("what a new one of that user asks is answered as unavailable");
    busy.iter_mut().for_each(|client| assert_eq!(client.line(), r"OK\t1\tuser=anna"));
    late.send(plain(2, "anna", "secret"));
    assert_eq!(late.line(), r"OK\t2\tuser=anna");
}

/// The second one comes while the first frontend still answers: the one between hands on what it is to get.
#[test]
fn two_reloads_in_a_row_disturb_no_conversation() {
    let server = Slow::start(&["-n", "1"]);
    let mut client = server.log_on();
    // The first frontend has something to wait for until this goes on.
    let worker = eventually("the worker is there", || server.daemon.children("worker").into_iter().next());
    worker.signal("STOP");
    (1..=16).for_each(|id| client.send(plain(id, "anna", "secret")));
    for reloads in 1..=2 {
        server.daemon.process.signal("HUP");
        eventually("the reload is complete", || {
            let log = server.daemon.log.all();
            (log.iter().filter(|line| line.contains("has taken over")).count() == reloads).then_some(())
        });
    }
    eventually("the second has gone, the first is busy", || server.has_frontends(2));
    worker.signal("CONT");
    for _ in 1..=16 {
        assert!(client.line().starts_with("OK"));
    }
    super::expect_served(&mut client);
    eventually("the first has gone", || server.has_frontends(1));
}
