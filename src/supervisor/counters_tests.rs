use super::*;
use crate::metrics::totals::{ServerTotals, Verdicts};
use crate::simulation::{Random, of_all_seeds};
use std::collections::BTreeMap;

const SECOND: Duration = Duration::from_secs(1);
const CONFIGURED: u64 = 1_700_000_100;

/// A frontend as far as it counts.
#[derive(Default)]
struct Frontend {
    knows: Ledger,
    unreported: Totals,
}

/// A supervisor's counters, the frontends around them, and what was counted in truth.
struct World {
    random: Random,
    now: Instant,
    counters: Counters,
    frontends: BTreeMap<FrontendId, Frontend>,
    serving: FrontendId,
    counted: Totals,
    lost: Totals,
    last: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let (now, serving) = (Instant::now(), FrontendId(1));
        let counters = Counters::new(7, 1_700_000_000, now);
        let (counted, lost) = (Totals::default(), Totals::default());
        let frontends = BTreeMap::from([(serving, Frontend::default())]);
        let mut world =
            Self { random: Random(seed), now, counters, frontends, serving, counted, lost, last: 1 };
        world.counters.begin_serving(serving, CONFIGURED);
        world.tell();
        world
    }

    fn count(&mut self) {
        let ids: Vec<_> = self.frontends.keys().copied().collect();
        let id = self.random.pick(&ids).unwrap();
        let mut more = Totals { cache_hits: 1, ..Totals::default() };
        more.durations.record(Duration::from_millis(self.random.below(100)));
        let name = format!("m{}", self.random.below(20));
        more.mechanisms.insert(name.clone(), Verdicts { accept: 1, ..Verdicts::default() });
        more.servers.insert((name, "s".to_owned()), ServerTotals { answered: 1, failed: 0 });
        let frontend = self.frontends.get_mut(&id).unwrap();
        frontend.knows.add(&more);
        frontend.unreported.add(&more);
        self.counted.add(&more);
    }

    fn report(&mut self, id: FrontendId) {
        let frontend = self.frontends.get_mut(&id).unwrap();
        for part in std::mem::take(&mut frontend.unreported).into_parts(MOST_NAMES) {
            self.counters.handle_report(id, &part);
        }
    }

    /// A reload, or the death of the one that serves.
    fn replace(&mut self, dies: bool) {
        if dies {
            let dead = self.frontends.remove(&self.serving).unwrap();
            self.lost.add(&dead.unreported);
        } else {
            self.report(self.serving);
        }
        self.last += 1;
        self.serving = FrontendId(self.last);
        self.frontends.insert(self.serving, Frontend::default());
        self.counters.begin_serving(self.serving, CONFIGURED);
        self.tell();
    }

    /// One that drains ends.
    fn end(&mut self) {
        let draining: Vec<_> = self.frontends.keys().copied().filter(|id| *id != self.serving).collect();
        if let Some(id) = self.random.pick(&draining) {
            self.report(id);
            self.frontends.remove(&id);
        }
    }

    fn tell(&mut self) {
        let has_room = !self.random.one_in(4);
        let message = self.counters.next_message(self.now);
        let Some((id, totals, daemon)) = message else { return };
        assert_eq!((id, daemon.pid, daemon.configured), (self.serving, 7, CONFIGURED));
        assert!(totals.mechanisms.len() <= MOST_NAMES && totals.servers.len() <= MOST_NAMES);
        match has_room {
            true => self.frontends.get_mut(&id).unwrap().knows.add(&totals),
            false => self.counters.take_back(&totals),
        }
        assert_eq!(self.counters.next_message(self.now), None, "it is told more than it can read");
    }

    fn step(&mut self) {
        match self.random.below(12) {
            0..=4 => self.count(),
            5..=6 => {
                let ids: Vec<_> = self.frontends.keys().copied().collect();
                let id = self.random.pick(&ids).unwrap();
                self.report(id);
            }
            7 => self.replace(false),
            8 if self.random.one_in(3) => self.replace(true),
            9 => self.end(),
            _ => {
                self.now += Duration::from_millis(self.random.below(1500));
                self.tell();
            }
        }
        let known = self.frontends.get(&self.serving).unwrap().knows.totals();
        assert!(known.logins() <= self.counted.logins(), "counted twice");
    }

    fn finish(mut self) {
        let ids: Vec<_> = self.frontends.keys().copied().collect();
        ids.into_iter().for_each(|id| self.report(id));
        while let Some(due) = self.counters.next_timeout(self.now) {
            self.now = self.now.max(due);
            self.tell();
        }
        let mut all = self.lost.clone();
        all.add(self.counters.totals());
        assert_eq!(all, self.counted, "only what the dead had not reported is lost");
        let serving = self.frontends.get(&self.serving).unwrap();
        assert_eq!(serving.knows.totals(), self.counters.totals(), "the one that serves knows all there was");
    }
}

#[test]
fn nothing_is_lost_or_counted_twice_over_reloads_and_deaths() {
    of_all_seeds(|seed| {
        let mut world = World::new(seed);
        (0..120).for_each(|_| world.step());
        world.finish();
    });
}

#[test]
fn a_new_frontend_is_told_at_once_what_there_was_and_how_the_daemon_is() {
    let start = Instant::now();
    let mut counters = Counters::new(7, 100, start);
    assert_eq!(counters.next_timeout(start), None, "there is nobody to be told");
    counters.handle_report(FrontendId(1), &Totals { cache_hits: 3, ..Totals::default() });
    counters.note_reload(false);
    counters.note_draining(2);
    counters.begin_serving(FrontendId(2), 200);
    let (to, totals, daemon) = counters.next_message(start + 5 * SECOND).unwrap();
    let reloads = Reloads { succeeded: 0, failed: 1 };
    assert_eq!((to, totals), (FrontendId(2), Totals { cache_hits: 3, reloads, ..Totals::default() }));
    let expected = Daemon {
        pid: 7,
        started: 100,
        configured: 200,
        uptime: 5 * SECOND,
        draining: 2,
        reload_failed: true,
    };
    assert_eq!(daemon, expected);
    assert_eq!(counters.next_timeout(start), None, "that was all");
    counters.note_reload(true);
    assert_eq!(counters.next_timeout(start), Some(start + 6 * SECOND));
    assert_eq!(counters.next_message(start + 5 * SECOND), None);
    let (_, totals, daemon) = counters.next_message(start + 6 * SECOND).unwrap();
    assert_eq!((totals.reloads.succeeded, daemon.reload_failed), (1, false));
}

#[test]
fn what_the_one_that_serves_reports_is_not_told_to_it_again() {
    let start = Instant::now();
    let mut counters = Counters::new(7, 100, start);
    counters.begin_serving(FrontendId(1), 100);
    counters.next_message(start).unwrap();
    counters.handle_report(FrontendId(1), &Totals { cache_hits: 3, ..Totals::default() });
    assert_eq!(counters.next_timeout(start), None);
    assert_eq!(counters.totals().cache_hits, 3);
}

#[test]
fn a_worker_that_dies_is_counted_by_its_reason() {
    let mut counters = Counters::new(7, 100, Instant::now());
    counters.note_worker_death(WorkerDeath::Killed);
    counters.note_worker_death(WorkerDeath::Crash);
    counters.note_worker_death(WorkerDeath::Crash);
    counters.note_dropped_lines(4);
    let expected = BTreeMap::from([("crash".to_owned(), 2), ("killed".to_owned(), 1)]);
    assert_eq!(counters.totals().worker_deaths, expected);
    assert_eq!(counters.totals().log_lines_dropped, 4);
}
