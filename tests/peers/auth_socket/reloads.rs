//! A Postfix with many clients at once, while the daemon behind its auth socket starts anew.

use crate::peers::postfix::instance::{Postfix, Sasl};
use crate::peers::smtp::METHODS;
use crate::peers::succeed;
use crate::support::{Daemon, Launch, Process, Program, eventually, under_load, within};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Each has an smtpd of its own, and that a connection to the daemon.
const CLIENTS: usize = 20;

const ACCEPTED: &str = "235 ";
const TRY_LATER: &str = "454 ";

#[test]
fn a_reload_under_twenty_busy_smtpds_loses_no_login() {
    require!(Postfix);
    reload_under_load(&Host::start(QUICK));
}

/// Their requests are with the old frontend when the new one takes over.
#[test]
fn a_reload_while_twenty_smtpds_wait_for_their_answers_loses_no_login() {
    require!(Postfix);
    reload_under_load(&Host::start(&slow()));
}

/// HUP comes whether the reload before is complete or not.
fn reload_under_load(host: &Host) {
    let (reloads, replies) = under_load(
        CLIENTS,
        || Some(host.log_in()),
        || {
            host.wait_until_all_are_busy();
            for _ in 0..20 {
                host.daemon.process.signal("HUP");
                // The pace of the signals: nothing is waited for.
                let _ = within(Duration::from_millis(500), || None::<()>);
            }
            let complete =
                || host.daemon.log.all().iter().filter(|line| line.contains("has taken over")).count();
            eventually("a reload is complete", || (complete() > 0).then_some(()));
            host.wait_for_replies(10 * CLIENTS);
            complete()
        },
    );
    let counts = count(&replies);
    assert!(replies.iter().all(|reply| reply.starts_with(ACCEPTED)), "{reloads} reloads: {counts:?}");
    assert_eq!(host.postfix.complaints(), Vec::<String>::new());
}

#[test]
fn a_frontend_that_is_killed_under_twenty_busy_smtpds_is_try_later_and_no_wrong_password() {
    require!(Postfix);
    let host = Host::start(QUICK);
    let ((), replies) = under_load(
        CLIENTS,
        || Some(host.log_in()),
        || {
            host.wait_until_all_are_busy();
            let killed = host.frontend();
            killed.signal("KILL");
            eventually("another frontend serves", || {
                let frontends = host.daemon.children("frontend");
                frontends.iter().any(|frontend| *frontend != killed).then_some(())
            });
            host.wait_for_replies(10 * CLIENTS);
        },
    );
    let counts = count(&replies);
    let expected = |reply: &String| [ACCEPTED, TRY_LATER].iter().any(|start| reply.starts_with(start));
    assert!(replies.iter().all(expected), "{counts:?}");
    for _ in 0..CLIENTS {
        assert!(host.log_in().starts_with(ACCEPTED));
    }
}

/// An entry that is compared at once.
const QUICK: &str = "{PLAIN}right horse";

/// An entry that keeps a processor busy for a fortieth of a second: twenty are checked within the nine seconds that Postfix leaves,
/// also where others have nine tenths of the machine.
fn slow() -> String {
    let script = "print crypt('right horse', '$6$rounds=25000$saltofpeers$')";
    let hash = succeed(Command::new("perl").args(["-e", script]));
    assert!(hash.starts_with("$6$"), "{hash}");
    hash
}

struct Host {
    postfix: Postfix,
    daemon: Daemon,
    turn: AtomicUsize,
    replies: AtomicUsize,
}

impl Host {
    /// With this entry for the right password.
    fn start(hash: &str) -> Self {
        let postfix = Postfix::start(Sasl::Dovecot { is_chrooted: true });
        let socket = format!("{},protocol=dovecot,mode=0660,owner=postfix", postfix.auth_socket().display());
        let daemon = Launch::new(Program::Ours, &["-a", "passwdfile", "--socket", &socket])
            .with_file("-O", &format!("alice:{hash}\n"))
            .start();
        Self { postfix, daemon, turn: AtomicUsize::new(0), replies: AtomicUsize::new(0) }
    }

    /// What Postfix says to the right password, in a session of its own.
    fn log_in(&self) -> String {
        let method = METHODS[self.turn.fetch_add(1, Ordering::Relaxed) % 2];
        let reply = self.postfix.connect().authenticate(method, "alice", "right horse");
        self.replies.fetch_add(1, Ordering::Relaxed);
        reply
    }

    fn wait_until_all_are_busy(&self) {
        eventually("each client has its smtpd", || (self.postfix.smtpds().len() >= CLIENTS).then_some(()));
        self.wait_for_replies(CLIENTS);
    }

    fn wait_for_replies(&self, count: usize) {
        let before = self.replies.load(Ordering::Relaxed);
        // Slow hashes, on machines that other tests share.
        within(Duration::from_secs(90), || {
            (self.replies.load(Ordering::Relaxed) >= before + count).then_some(())
        })
        .expect("the clients are answered");
    }

    fn frontend(&self) -> Process {
        self.daemon.children("frontend").pop().expect("a frontend runs")
    }
}

/// How often each reply came.
fn count(replies: &[String]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for reply in replies {
        *counts.entry(reply.as_str()).or_default() += 1;
    }
    counts
}
