//! Who serves after deaths, reloads and hangs: one frontend with its workers, and by what was read last.

use crate::support::{Answer, Probed, Process, Program, eventually, within};
use std::time::{Duration, Instant};

/// Longer than a frontend may be silent: 5 s to the next ping, 10 s for its answer.
const NOTICED: Duration = Duration::from_secs(40);

/// Seen: the restart that was due after the third death came beside the one of the reload; two frontends served for
/// good, and the old password was accepted by the one of them that no reload reached.
#[test]
fn a_reload_after_a_row_of_deaths_leaves_one_frontend_that_remembers_nothing() {
    require!(Root, Compiler);
    let site = start(&["-c", "-n", "2"]);
    for _ in 0..6 {
        kill(&eventually("a frontend", || frontend_of(&site)));
    }
    reload(&site);
    eventually("one frontend with its workers is left", || is_settled(&site, 2));
    assert_eq!(site.ask("user", "right"), "OK");
    site.probe.change_password("changed");
    reload(&site);
    eventually("one frontend with its workers is left", || is_settled(&site, 2));
    let answers: Vec<_> = (0..100).map(|_| site.ask("user", "right")).collect();
    assert!(answers.iter().all(Answer::is_no), "{answers:?}");
    assert_eq!(site.ask("user", "changed"), "OK");
}

/// The connection goes to the new frontend, which knows nothing of the old one's cache.
#[test]
fn a_connection_that_was_silent_at_a_reload_is_answered_by_the_new_frontend() {
    require!(Root, Compiler);
    let site = start(&["-c"]);
    assert_eq!(site.ask("user", "right"), "OK");
    let mut silent: Vec<_> = (0..300).map(|_| site.daemon.connect()).collect();
    let old = eventually("a frontend", || frontend_of(&site));
    site.probe.change_password("changed");
    reload(&site);
    eventually("the old frontend has nothing left to do", || (!old.is_running()).then_some(()));
    let mut last = silent.pop().unwrap();
    last.send(site.probe.request("user", "changed").bytes());
    assert_eq!(last.receive(), "OK");
    for mut connection in silent {
        connection.send(site.probe.request("user", "right").bytes());
        assert_eq!(connection.receive(), "NO PAM auth error");
    }
}

/// Seen: its request had come when the new frontend looked at it for the first time, and it counted for nothing: as many
/// again as --max-connections allows were taken, and nobody noticed when it hung up.
#[test]
fn a_connection_that_asks_while_it_changes_hands_counts_like_any_other() {
    require!(Root, Compiler);
    let site = start(&["-n", "2", "--max-connections=1"]);
    let mut gate = site.daemon.connect();
    site.daemon.wait_until_idle();
    let old = eventually("a frontend", || frontend_of(&site));
    old.signal("STOP");
    site.daemon.process.signal("HUP");
    site.daemon.log.wait_for("a new frontend has taken over");
    gate.send(site.probe.request("gate", "right").bytes());
    old.signal("CONT");
    site.probe.wait_for_calls(1);
    assert_eq!(site.ask_roughly("user", "right"), Answer::Nothing, "there is room for one");
    site.probe.open_gate();
    assert_eq!(gate.receive(), "OK");
}

/// What has begun before the reload is the old frontend's, but not what that one remembers.
#[test]
fn a_request_that_a_reload_cut_in_two_is_asked_anew() {
    require!(Root, Compiler);
    let site = start(&["-c"]);
    assert_eq!(site.ask("user", "right"), "OK");
    let chunks = site.probe.request("user", "right").chunks();
    let mut half = site.daemon.connect();
    half.send(&chunks[0]);
    site.daemon.wait_until_idle();
    site.probe.change_password("changed");
    reload(&site);
    site.daemon.log.wait_for("a new frontend has taken over");
    half.send(chunks[1..].concat());
    assert_eq!(half.receive(), "NO PAM auth error");
}

#[test]
fn a_reload_cures_a_frontend_that_hangs() {
    require!(Root, Compiler);
    let site = start(&["-n", "2"]);
    let hanging = eventually("a frontend", || frontend_of(&site));
    hanging.signal("STOP");
    let mut waiting = site.begin("user", "right");
    let start = Instant::now();
    site.daemon.process.signal("HUP");
    site.daemon.log.wait_for("is killed: it did not hand over");
    assert_eq!(site.ask("user", "right"), "OK");
    assert!(start.elapsed() < NOTICED, "it took {:?}", start.elapsed());
    // Nobody had taken it yet: it is still in the queue of the socket.
    assert_eq!(waiting.receive(), "OK");
    eventually("one frontend with its workers is left", || is_settled(&site, 2));
}

#[test]
fn a_frontend_that_hangs_is_noticed_and_replaced() {
    require!(Root, Compiler);
    let site = start(&["-n", "2"]);
    let mut held = site.begin("gate", "right");
    site.probe.wait_for_calls(1);
    eventually("a frontend", || frontend_of(&site)).signal("STOP");
    let mut waiting = site.begin("user", "right");
    let noticed = within(NOTICED, || {
        site.daemon.log.all().iter().find(|line| line.contains("has not answered for")).cloned()
    });
    assert!(noticed.is_some(), "nobody noticed");
    assert_eq!(waiting.receive(), "OK");
    assert!(held.receive().is_none(), "what it held is closed, so that the client tries again");
    eventually("one frontend with its workers is left", || is_settled(&site, 2));
}

/// Its last login hangs, and it is stopped besides: the drain must end all the same.
#[test]
fn a_drain_that_hangs_is_ended() {
    require!(Root, Compiler);
    let site = start(&["-n", "2", "--request-timeout=1", "--read-timeout=1"]);
    let old = eventually("a frontend", || frontend_of(&site));
    let mut held = site.begin("hang", "right");
    site.probe.wait_for_calls(1);
    reload(&site);
    old.signal("STOP");
    assert_eq!(site.ask("user", "right"), "OK");
    within(NOTICED, || (!old.is_running()).then_some(())).expect("the drain ends");
    assert!(held.receive().is_none());
    eventually("one frontend with its workers is left", || is_settled(&site, 2));
}

/// A daemon that is itself stopped for a while, as by a debugger or a snapshot, blames nobody for that.
#[test]
fn a_supervisor_that_was_stopped_kills_nobody_when_it_goes_on() {
    require!(Root, Compiler);
    let site = start(&["-n", "2"]);
    let before = eventually("a frontend", || frontend_of(&site));
    site.daemon.process.signal("STOP");
    // Longer than a frontend may be silent.
    let _ = within(Duration::from_secs(16), || None::<()>);
    site.daemon.process.signal("CONT");
    assert_eq!(site.ask("user", "right"), "OK");
    site.daemon.process.signal("HUP");
    site.daemon.log.wait_for("a new frontend has taken over");
    eventually("the old frontend leaves in peace", || (!before.is_running()).then_some(()));
    let lines = site.daemon.log.all();
    assert!(!lines.iter().any(|line| line.contains("is killed")), "{lines:#?}");
}

/// Signals in random order at random moments; afterwards everything is as it should be. The numbers of a run that
/// fails are printed and can be set with SASLAUTHD_SIGNALS_SEED.
#[test]
fn random_signals_leave_one_frontend_that_serves_by_what_was_read_last() {
    require!(Root, Compiler);
    let seed = std::env::var("SASLAUTHD_SIGNALS_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("SASLAUTHD_SIGNALS_SEED={seed}");
    let mut chance = Chance(seed);
    for round in 0..3 {
        let mut site = start(&["-c", "-n", "3"]);
        for _ in 0..25 {
            disturb(&site, &mut chance);
        }
        site.daemon.process.children().iter().for_each(|child| child.signal("CONT"));
        let password = format!("changed {round}");
        site.probe.change_password(&password);
        reload(&site);
        within(NOTICED, || is_settled(&site, 3)).expect("one frontend with its workers is left");
        assert!((0..50).all(|_| site.ask("user", "right").is_no()), "the old password is remembered");
        assert_eq!(site.ask("user", &password), "OK");
        let children = site.daemon.process.children();
        assert_eq!(site.daemon.end_with("TERM"), Some(0));
        assert!(children.iter().all(|child| !child.is_running()), "a child is left");
    }
}

#[test]
fn term_ends_it_while_signals_come_in_random_order() {
    require!(Root, Compiler);
    let mut chance = Chance(u64::from(std::process::id()) + 1);
    for _ in 0..4 {
        let mut site = start(&["-n", "2"]);
        for _ in 0..chance.below(8) {
            disturb(&site, &mut chance);
        }
        let children = site.daemon.process.children();
        assert_eq!(site.daemon.end_with("TERM"), Some(0));
        eventually("its children end", || children.iter().all(|child| !child.is_running()).then_some(()));
    }
}

/// A daemon that serves: until then a signal would only end its start.
fn start(flags: &[&str]) -> Probed {
    let site = Probed::start(Program::Ours, flags);
    site.daemon.log.wait_for("listening on socket");
    site
}

/// One signal to one process, and perhaps a login.
fn disturb(site: &Probed, chance: &mut Chance) {
    let children = site.daemon.process.children();
    let one = children.get(chance.below(children.len().max(1)));
    let frontend = site.daemon.children("frontend").into_iter().next();
    match (chance.below(10), one) {
        (0..=3, _) => site.daemon.process.signal("HUP"),
        (4..=5, _) => frontend.into_iter().for_each(|frontend| frontend.signal("KILL")),
        (6, Some(child)) => child.signal("KILL"),
        (7, Some(child)) => child.signal("STOP"),
        (8, _) => children.iter().for_each(|child| child.signal("CONT")),
        _ => drop(site.begin("user", "right")),
    }
    let pause = Duration::from_millis([1, 10, 50, 200][chance.below(4)]);
    let _ = within(pause, || None::<()>);
}

/// A small generator: the order is to be random, not secret.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

fn kill(process: &Process) {
    process.signal("KILL");
    eventually("it is dead", || (!process.is_running()).then_some(()));
}

fn frontend_of(site: &Probed) -> Option<Process> {
    site.daemon.children("frontend").into_iter().next()
}

/// Whether there is one frontend, with that many workers and nothing else.
fn is_settled(site: &Probed, workers: usize) -> Option<()> {
    let [frontends, all] =
        [site.daemon.children("frontend"), site.daemon.process.children()].map(|them| them.len());
    (frontends == 1 && site.daemon.children("worker").len() == workers && all == workers + 1).then_some(())
}

/// Reloads, and waits until that is complete.
fn reload(site: &Probed) {
    let complete = |log: &[String]| log.iter().filter(|line| line.contains("has taken over")).count();
    let before = complete(&site.daemon.log.all());
    site.daemon.process.signal("HUP");
    within(NOTICED, || (complete(&site.daemon.log.all()) > before).then_some(()))
        .expect("the reload is complete");
}
