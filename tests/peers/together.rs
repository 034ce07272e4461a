//! One daemon for programs that ask in different ways at different sockets: a Postfix by mux, another by Dovecot's
//! protocol, libsasl's sample server and Cyrus IMAP. Each has passwords of its own.

use super::libsasl::{self, SampleServer};
use super::needs::{self, Need};
use super::pam::PamService;
use super::postfix;
use super::postfix::instance::{Postfix, Sasl};
use super::smtp::{METHODS, Method};
use crate::support::{Cyrus, Daemon, Launch, Program, cyrus, eventually, under_load};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

const NEEDS: [Need; 1] = [Need::File(cyrus::PROGRAM, "tests/support/unpack.sh fetches it")];

const LOGIN: &str = "alice@example.test";

/// How many ask.
const PEERS: usize = 4;

/// The right passwords of their services.
const PASSWORDS: [&str; PEERS] = ["mux horse", "dovecot horse", "sample horse", "imap horse"];

/// Where the socket for the chrooted Postfix is, as saslauthd(8) has it.
const SOCKET: &str = "/private/saslauthd";

const CLIENTS: usize = 6;

/// What each peer has to have heard between two reloads.
const ANSWERS_BETWEEN: usize = 6;

#[test]
fn one_daemon_serves_a_chrooted_postfix_by_mux_another_by_dovecot_and_cyrus_libsasl_at_once() {
    let name = concat!(
        module_path!(),
        "::one_daemon_serves_a_chrooted_postfix_by_mux_another_by_dovecot_and_cyrus_libsasl_at_once"
    );
    let all = needs::OF_ALL.into_iter().chain(postfix::NEEDS).chain(libsasl::NEEDS).chain(NEEDS);
    if !needs::are_met(name, all) {
        return;
    }
    let site = Site::start();
    let turn = AtomicUsize::new(0);
    let answers: [AtomicUsize; PEERS] = Default::default();
    let log_in = || {
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        let (peer, password) = (turn % PEERS, PASSWORDS[turn / PEERS % PEERS]);
        let reply = site.ask(peer, METHODS[turn / PEERS / PEERS % 2], password);
        answers[peer].fetch_add(1, Ordering::Relaxed);
        Some((peer, password, reply))
    };
    let served = |what: &str| {
        let before: Vec<_> = answers.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        eventually(what, || {
            let mut both = answers.iter().zip(&before);
            both.all(|(now, before)| now.load(Ordering::Relaxed) >= before + ANSWERS_BETWEEN).then_some(())
        });
    };
    let ((), replies) = under_load(CLIENTS, log_in, || {
        served("all are answered before the first reload");
        for _ in 0..3 {
            site.reload();
            served("all are answered after a reload");
        }
    });
    for (peer, password, reply) in replies {
        // The passwords of the others are wrong: each socket has a service of its own.
        let wanted = if password == PASSWORDS[peer] { Reply::Yes } else { Reply::No };
        assert_eq!(reply, wanted, "{password} of {peer}");
    }
}

/// What a peer was told.
#[derive(Debug, PartialEq, Eq)]
enum Reply {
    Yes,
    No,
    /// In its own words.
    Other(String),
}

struct Site {
    services: [PamService; PEERS],
    by_mux: Postfix,
    by_dovecot: Postfix,
    by_libsasl: SampleServer,
    imap: Cyrus,
    daemon: Daemon,
    _directory: TempDir,
}

impl Site {
    fn start() -> Self {
        let services = PASSWORDS.map(|password| PamService::new(&[(LOGIN, password), ("alice", password)]));
        let directory = TempDir::new().unwrap();
        // Cyrus IMAP is not root.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let imap = directory.path().join("imap");
        let by_mux = Postfix::start(Sasl::Cyrus { service: "smtp", socket: SOCKET });
        let by_dovecot = Postfix::start(Sasl::Dovecot { is_chrooted: true });
        let [mux, dovecot, _, cyrus] = &services;
        let sockets = [
            format!("{},mode=0600,owner=postfix,service={}", by_mux.in_chroot(SOCKET).display(), mux.name()),
            format!(
                "{},protocol=dovecot,mode=0660,owner=postfix,group=postfix,service={}",
                by_dovecot.auth_socket().display(),
                dovecot.name()
            ),
            format!("{},mode=0666,service={}", imap.display(), cyrus.name()),
        ];
        let sockets = sockets.each_ref().map(|socket| ["--socket", socket]).concat();
        let daemon = Launch::new(Program::Ours, &["-a", "pam", "-r", "-n", "6"]).with(&sockets).start();
        let by_libsasl = SampleServer::new(&daemon.socket());
        let imap = Cyrus::asking(&imap);
        Self { services, by_mux, by_dovecot, by_libsasl, imap, daemon, _directory: directory }
    }

    /// What the peer of this number hears; only Postfix has several methods.
    fn ask(&self, peer: usize, method: Method, password: &str) -> Reply {
        match peer {
            0 => smtp_reply(&self.by_mux, method, password),
            1 => smtp_reply(&self.by_dovecot, method, password),
            2 => {
                let lines = self.by_libsasl.authenticate(self.services[2].name(), "alice", password);
                let says = |words: &str| lines.lines().any(|line| line.ends_with(words));
                match (says(libsasl::ACCEPTED), says(libsasl::REFUSED)) {
                    (true, false) => Reply::Yes,
                    (false, true) => Reply::No,
                    _ => Reply::Other(lines),
                }
            }
            _ => {
                let line = self.imap.log_in("alice", password);
                match line {
                    _ if line.starts_with("OK ") => Reply::Yes,
                    _ if line == "NO Login failed: authentication failure" => Reply::No,
                    _ => Reply::Other(line),
                }
            }
        }
    }

    fn reload(&self) {
        let complete = || self.daemon.log.all().iter().filter(|line| line.contains("has taken over")).count();
        let before = complete();
        self.daemon.process.signal("HUP");
        eventually("the reload is complete", || (complete() > before).then_some(()));
    }
}

fn smtp_reply(postfix: &Postfix, method: Method, password: &str) -> Reply {
    let reply = postfix.connect().authenticate(method, LOGIN, password);
    match reply.get(..3) {
        Some("235") => Reply::Yes,
        Some("535") => Reply::No,
        _ => Reply::Other(reply),
    }
}
