//! Every fault at every step: what a server or the way to it can do wrong, while a login waits for it.
//!
//! A fault is never a wrong password, never OK, and never takes longer than it may; and when it is over, all is well.

mod imap;
mod ldap;

use crate::support::{Answer, Daemon, Fault, Launch, Moment, Proxy, Request, eventually, under_load};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The shortest times that can be asked for.
const IMPATIENT: [&str; 5] = [
    "--connect-timeout=1",
    "--tls-timeout=1",
    "--operation-timeout=1",
    "--total-timeout=2",
    "--retry-interval=1",
];

/// The total time-out, and time for a loaded machine.
const BOUND: Duration = Duration::from_secs(2 + 8);

/// One moment of a conversation at which something goes wrong.
struct Case {
    moment: Moment,
    fault: Fault,
    /// What a login gets.
    expected: Expected,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Unavailable,
    /// It is no fault for a client that reads on.
    Accepted,
}

/// One daemon behind a proxy for each case, all side by side, since most of the time is spent with waiting.
fn check(cases: &[Case], start: impl Fn() -> (Proxy, Launch) + Sync) {
    std::thread::scope(|scope| {
        let start = &start;
        let checks: Vec<_> =
            cases.iter().map(|case| (case, scope.spawn(move || case.check(start())))).collect();
        let failed: Vec<_> = checks
            .into_iter()
            .filter_map(|(case, check)| {
                check.join().is_err().then(|| format!("{:?}: {:?}", case.moment, case.fault))
            })
            .collect();
        assert!(failed.is_empty(), "{failed:#?}");
    });
}

impl Case {
    fn check(&self, (proxy, launch): (Proxy, Launch)) {
        let what = format!("{:?}: {:?}", self.moment, self.fault);
        // What is no fault must not become one on a loaded machine.
        let flags =
            if self.expected == Expected::Accepted { &["--retry-interval=1"][..] } else { &IMPATIENT };
        let daemon = launch.with(flags).start();
        proxy.spoil(self.moment, self.fault);
        match self.expected {
            Expected::Accepted => assert!(ask(&daemon, "right").is_ok(), "{what}"),
            // On a loaded machine the time may be over before it happens.
            Expected::Unavailable => eventually("the fault happens", || {
                expect_unavailable(&daemon, "right", &what);
                (proxy.faults() > 0).then_some(())
            }),
        }
        assert!(proxy.faults() > 0, "{what} did not happen");
        if self.expected == Expected::Unavailable {
            expect_unavailable(&daemon, "wrong", &what);
            daemon.log.wait_for("auth unavailable: [user=anna]");
        }
        let frontend = daemon.children("frontend");
        proxy.heal();
        eventually("the server is asked again", || ask(&daemon, "right").is_ok().then_some(()));
        eventually("a wrong password is told", || {
            let answer = ask(&daemon, "wrong");
            assert!(!answer.is_ok(), "{what}");
            answer.is_no().then_some(())
        });
        assert_eq!(daemon.children("frontend"), frontend, "{what} killed it");
    }
}

fn expect_unavailable(daemon: &Daemon, password: &str, what: &str) {
    let begun = Instant::now();
    assert!(ask(daemon, password).is_none(), "{what}");
    assert!(begun.elapsed() < BOUND, "{what} took {:?}", begun.elapsed());
}

/// Every fault that leaves the login without an answer. A server that is to be heard first can reset nothing before
/// the client has said something.
fn deadly(moment: Moment, garbage: &'static [u8], giant: &'static [u8], endless: &'static [u8]) -> Vec<Case> {
    let faults = [
        Fault::Silence,
        Fault::Close,
        Fault::Reset,
        Fault::Say(garbage),
        Fault::Say(giant),
        Fault::Flood(endless),
        Fault::Half,
        Fault::HalfAndClose,
    ];
    faults.map(|fault| Case { moment, fault, expected: Expected::Unavailable }).into()
}

fn ask(daemon: &Daemon, password: &str) -> Answer {
    daemon.ask(&Request::new("anna", password).service("smtp"))
}

/// What a restart of the server, or a firewall that forgets connections, does: the connections that were kept are
/// gone, and nobody notices.
fn kept_connections_may_break(proxy: &Proxy, daemon: &Daemon) {
    for _ in 0..5 {
        assert!(ask(daemon, "right").is_ok());
        assert!(ask(daemon, "wrong").is_no());
        proxy.cut();
    }
    assert!(ask(daemon, "wrong").is_no());
    proxy.cut();
    assert!(ask(daemon, "right").is_ok());
}

/// Many log in while the server is restarted: what it held is lost, and nobody's password is wrong for that.
fn nobody_is_refused_by_a_cut(proxy: &Proxy, daemon: &Daemon) {
    let accepted = AtomicUsize::new(0);
    let log_in = || {
        let answer = ask(daemon, "right");
        accepted.fetch_add(usize::from(answer.is_ok()), Ordering::Relaxed);
        Some(answer)
    };
    let ((), answers) = under_load(8, log_in, || {
        for _ in 0..3 {
            let before = accepted.load(Ordering::Relaxed);
            eventually("logins are accepted", || {
                (accepted.load(Ordering::Relaxed) > before + 50).then_some(())
            });
            proxy.cut();
        }
    });
    assert!(answers.iter().all(|answer| answer.is_ok() || answer.is_none()), "{answers:?}");
    eventually("all is well again", || ask(daemon, "right").is_ok().then_some(()));
}
