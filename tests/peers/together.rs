//! One daemon for programs that ask in different ways at different sockets, each with users of its own.

use super::libsasl::{self, SampleServer};
use super::needs;
use super::pam::PamService;
use super::postfix;
use super::postfix::instance::{Postfix, Sasl};
use super::smtp::{METHODS, Method};
use crate::support::{Daemon, Launch, Program, eventually, under_load};
use std::sync::atomic::{AtomicUsize, Ordering};

const LOGIN: &str = "alice@example.test";

/// The right passwords of the three services.
const PASSWORDS: [&str; 3] = ["mux horse", "dovecot horse", "sample horse"];

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
    if !needs::are_met(name, needs::OF_ALL.into_iter().chain(postfix::NEEDS).chain(libsasl::NEEDS)) {
        return;
    }
    let site = Site::start();
    let turn = AtomicUsize::new(0);
    let answers: [AtomicUsize; 3] = Default::default();
    let log_in = || {
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        let (peer, password) = (turn % 3, PASSWORDS[turn / 3 % 3]);
        let reply = site.ask(peer, METHODS[turn / 9 % 2], password);
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
    services: [PamService; 3],
    by_mux: Postfix,
    by_dovecot: Postfix,
    by_libsasl: SampleServer,
    daemon: Daemon,
}

impl Site {
    fn start() -> Self {
        let services = PASSWORDS.map(|password| PamService::new(&[(LOGIN, password)]));
        let by_mux = Postfix::start(Sasl::Cyrus { service: "smtp", socket: SOCKET });
        let by_dovecot = Postfix::start(Sasl::Dovecot { is_chrooted: true });
        let [mux, dovecot, _] = &services;
        let sockets = [
            format!("{},mode=0600,owner=postfix,service={}", by_mux.in_chroot(SOCKET).display(), mux.name()),
            format!(
                "{},protocol=dovecot,mode=0660,owner=postfix,group=postfix,service={}",
                by_dovecot.auth_socket().display(),
                dovecot.name()
            ),
        ];
        let flags = ["-a", "pam", "-r", "-n", "6", "--socket", &sockets[0], "--socket", &sockets[1]];
        let daemon = Launch::new(Program::Ours, &flags).start();
        let by_libsasl = SampleServer::new(&daemon.socket());
        Self { services, by_mux, by_dovecot, by_libsasl, daemon }
    }

    /// What the peer of this number hears; libsasl's sample server has PLAIN only.
    fn ask(&self, peer: usize, method: Method, password: &str) -> Reply {
        match peer {
            0 => smtp_reply(&self.by_mux, method, password),
            1 => smtp_reply(&self.by_dovecot, method, password),
            _ => {
                let lines = self.by_libsasl.authenticate(self.services[2].name(), "alice", password);
                let says = |words: &str| lines.lines().any(|line| line.ends_with(words));
                match (says(libsasl::ACCEPTED), says(libsasl::REFUSED)) {
                    (true, false) => Reply::Yes,
                    (false, true) => Reply::No,
                    _ => Reply::Other(lines),
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
