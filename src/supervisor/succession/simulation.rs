//! A seeded simulation of the succession on virtual time: frontends that die, hang, start slowly or never, a user who
//! edits files, reloads and stops at any moment. After every step the invariants of docs/ARCHITECTURE.md hold.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use super::heartbeat::{INTERVAL, LONGEST_SILENCE};
use super::*;
#[cfg(test)]
use crate::simulation::of_all_seeds;
use crate::simulation::{Random, is_over};

const STEPS: usize = 300;
const DRAIN_TIME: Duration = Duration::from_secs(15);
/// What may pass between a deadline and the look at it.
const SLACK: Duration = Duration::from_millis(1);

#[test]
fn one_frontend_accepts_every_reload_is_read_and_every_drain_ends_whatever_dies_or_hangs() {
    of_all_seeds(run);
}

/// A world of that seed, to its end.
pub(crate) fn run(seed: u64) {
    World::new(seed).run();
}

/// What is on its way to a process; one that is stopped reads nothing.
#[derive(Clone, Copy, PartialEq)]
enum Message {
    Accept,
    Drain,
    Stop,
    Ping,
}

/// A frontend as the simulated kernel knows it.
struct Process {
    settings: u64,
    inbox: VecDeque<Message>,
    ready_at: Option<Instant>,
    is_ready: bool,
    accepts: bool,
    drains_since: Option<Instant>,
    /// When its last request is answered.
    ends_at: Option<Instant>,
    stopped_at: Option<Instant>,
    /// When a killed one disappears; some take for ever.
    killed: Option<Option<Instant>>,
}

impl Process {
    fn is_alive(&self) -> bool {
        self.killed.is_none()
    }
}

struct World {
    random: Random,
    now: Instant,
    succession: Succession<u64>,
    processes: BTreeMap<FrontendId, Process>,
    /// Counts the edits of the files; an odd number cannot be used.
    files: u64,
    last_good_read: u64,
    /// Read for the next frontend that is started.
    fresh: Option<u64>,
    /// What the last frontend that got ready was set up with.
    proved: u64,
    last_read_at: Instant,
    /// The first reload since the files were last read.
    unread_reload: Option<Instant>,
    /// Chances in so many that something goes wrong; none at the end.
    faults: Option<u64>,
    stopped: Option<Instant>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let now = Instant::now();
        let faults = Some(2 + random.below(20));
        Self {
            succession: Succession::new(0, DRAIN_TIME, now),
            random,
            now,
            processes: BTreeMap::new(),
            files: 0,
            last_good_read: 0,
            fresh: None,
            proved: 0,
            last_read_at: now,
            unread_reload: None,
            faults,
            stopped: None,
        }
    }

    fn run(mut self) {
        self.carry_out();
        for _ in (0..STEPS).take_while(|_| !is_over()) {
            self.step();
            self.settle();
            if self.succession.started().is_some_and(|started| started.is_err()) {
                return;
            }
        }
        self.faults = None;
        if self.random.one_in(3) { self.stop_for_good() } else { self.rest() }
    }

    fn step(&mut self) {
        match self.random.below(16) {
            0..=2 => self.reload(),
            3..=4 => self.files += self.random.below(3),
            5 => self.kill_one(),
            6 => self.freeze_one(),
            7 => self.thaw_one(),
            8 => self.pass(Duration::from_secs(20)),
            _ => {
                let limit = *[10, 500, 5_000].get(self.random.below(3) as usize).unwrap();
                let time = self.random.milliseconds(limit);
                self.pass(time);
            }
        }
    }

    fn goes_wrong(&mut self) -> bool {
        self.faults.is_some_and(|chances| self.random.one_in(chances))
    }

    fn reload(&mut self) {
        self.unread_reload.get_or_insert(self.now);
        self.succession.handle_reload();
    }

    fn pick(&mut self, wanted: impl Fn(&Process) -> bool) -> Option<FrontendId> {
        let ids: Vec<_> = self.processes.iter().filter(|(_, one)| wanted(one)).map(|(id, _)| *id).collect();
        self.random.pick(&ids)
    }

    fn kill_one(&mut self) {
        if let Some(id) = self.pick(Process::is_alive) {
            self.processes.remove(&id);
            self.succession.handle_ended(id, self.now);
        }
    }

    fn freeze_one(&mut self) {
        let now = self.now;
        if let Some(id) = self.pick(|one| one.is_alive() && one.stopped_at.is_none()) {
            self.processes.get_mut(&id).unwrap().stopped_at = Some(now);
        }
    }

    fn thaw_one(&mut self) {
        if let Some(id) = self.pick(|one| one.is_alive() && one.stopped_at.is_some()) {
            self.processes.get_mut(&id).unwrap().stopped_at = None;
            self.read(id);
        }
    }

    /// Lets a process read what it was told.
    fn read(&mut self, id: FrontendId) {
        let drain = self.random.milliseconds(20_000);
        let Some(process) = self.processes.get_mut(&id) else { return };
        if !process.is_alive() || process.stopped_at.is_some() {
            return;
        }
        let now = self.now;
        for message in std::mem::take(&mut process.inbox) {
            match message {
                Message::Accept => process.accepts = true,
                Message::Drain => {
                    process.accepts = false;
                    process.ends_at = Some(now + drain);
                    self.succession.handle_closed(id, now);
                }
                Message::Stop => {
                    process.accepts = false;
                    process.ends_at = Some(now + drain / 3);
                }
                Message::Ping => {}
            }
            self.succession.handle_heard(id, now);
        }
    }

    fn tell(&mut self, id: FrontendId, message: Message) {
        if let Some(process) = self.processes.get_mut(&id) {
            process.inbox.push_back(message);
            self.read(id);
        }
    }

    fn carry_out(&mut self) {
        while let Some(command) = self.succession.next_command() {
            match command {
                Command::ReadSettings => self.read_files(),
                Command::Start(id, settings) => self.start(id, settings),
                Command::Accept(id) => self.tell(id, Message::Accept),
                Command::Drain(id) => {
                    self.processes.get_mut(&id).into_iter().for_each(|one| one.drains_since = Some(self.now));
                    self.tell(id, Message::Drain);
                }
                Command::Stop(id) => self.tell(id, Message::Stop),
                Command::Ping(id) => self.tell(id, Message::Ping),
                Command::Kill(id, _) => {
                    let goes = (!self.goes_wrong()).then(|| self.now + self.random.milliseconds(50));
                    self.processes.get_mut(&id).unwrap().killed = Some(goes);
                }
                Command::Log(_) => {}
            }
            self.check_who_accepts();
        }
    }

    fn read_files(&mut self) {
        (self.last_read_at, self.unread_reload) = (self.now, None);
        let usable = self.files % 2 == 0;
        if usable {
            (self.last_good_read, self.fresh) = (self.files, Some(self.files));
        }
        self.succession.handle_settings(usable.then_some(self.files), self.now);
    }

    fn start(&mut self, id: FrontendId, settings: u64) {
        let is_fresh = self.fresh.take_if(|fresh| *fresh == settings).is_some();
        assert!(is_fresh || settings == self.proved, "started with settings that never served");
        if self.goes_wrong() {
            self.succession.handle_ended(id, self.now);
            return;
        }
        let never = self.goes_wrong();
        let ready_at = (!never)
            .then(|| self.now + self.random.milliseconds(if self.faults.is_some() { 3_000 } else { 300 }));
        let process = Process {
            settings,
            inbox: VecDeque::new(),
            ready_at,
            is_ready: false,
            accepts: false,
            drains_since: None,
            ends_at: None,
            stopped_at: None,
            killed: None,
        };
        assert!(self.processes.insert(id, process).is_none(), "a number is used twice");
    }

    /// Lets time pass, from one event to the next.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let events = self.next_events().filter(|due| *due > self.now);
            self.now = events.chain(self.succession.next_timeout()).min().map_or(end, |due| due.min(end));
            self.settle();
        }
    }

    fn next_events(&self) -> impl Iterator<Item = Instant> {
        self.processes.values().flat_map(|one| {
            [one.ready_at.filter(|_| !one.is_ready), one.ends_at, one.killed.flatten()].into_iter().flatten()
        })
    }

    /// What happens by itself at this moment: processes first, as in the supervisor's loop.
    fn settle(&mut self) {
        for id in self.processes.keys().copied().collect::<Vec<_>>() {
            self.live(id);
            self.carry_out();
        }
        // A start that fails may be due again at once, but not for ever.
        for _ in 0..5 {
            self.succession.handle_timeout(self.now);
            self.carry_out();
        }
        let due = self.succession.next_timeout();
        let is_over = self.succession.started().is_some_and(|started| started.is_err());
        assert!(is_over || due.is_none_or(|due| due > self.now), "time does not pass");
        self.check();
    }

    fn live(&mut self, id: FrontendId) {
        let now = self.now;
        let Some(process) = self.processes.get_mut(&id) else { return };
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        if is_due(process.killed.flatten()) {
            self.processes.remove(&id);
            self.succession.handle_ended(id, now);
        } else if process.is_alive() && process.stopped_at.is_none() {
            if is_due(process.ready_at) && !process.is_ready {
                process.is_ready = true;
                if process.drains_since.is_none() {
                    self.proved = process.settings;
                }
                self.succession.handle_ready(id, now);
            } else if is_due(process.ends_at) {
                self.processes.remove(&id);
                assert!(self.succession.handle_ended(id, now), "a frontend that drained was not to end");
            }
        }
    }

    fn check_who_accepts(&self) {
        let accepting = self.processes.values().filter(|one| one.is_alive() && one.accepts).count();
        assert!(accepting <= 1, "{accepting} frontends accept");
    }

    fn check(&self) {
        self.check_who_accepts();
        let is_within = |since: Option<Instant>, limit: Duration| {
            since.is_none_or(|since| self.now.duration_since(since) <= limit + SLACK)
        };
        if self.succession.phase == Phase::Serving {
            assert!(is_within(self.unread_reload, START_TIME * 4), "a reload was not followed by a read");
        }
        let alive = self.processes.values().filter(|one| one.is_alive()).count();
        assert!(alive <= MAX_DRAINING + 2, "{alive} frontends are there");
        for process in self.processes.values().filter(|one| one.is_alive()) {
            assert!(is_within(process.drains_since, DRAIN_TIME), "a drain does not end");
            let patience = if process.is_ready { INTERVAL + LONGEST_SILENCE } else { START_TIME };
            if self.succession.phase == Phase::Serving {
                let limit = patience + CLOSE_TIME;
                assert!(is_within(process.stopped_at, limit), "a stopped frontend is not noticed");
            }
        }
    }

    /// Nothing goes wrong any more: in the end one frontend serves, with the files that were last found good.
    fn rest(&mut self) {
        self.pass(Duration::from_secs(120));
        // The first one may have been hanging already.
        if self.succession.started().is_some_and(|started| started.is_err()) {
            return;
        }
        let alive: Vec<_> = self.processes.values().filter(|one| one.is_alive()).collect();
        let [serving] = alive[..] else { panic!("{} frontends are left", alive.len()) };
        assert!(serving.is_ready && serving.accepts);
        assert_eq!(self.unread_reload, None);
        assert!(self.last_good_read >= serving.settings, "settings that nobody has read");
        self.files += self.files % 2;
        self.reload();
        self.settle();
        self.pass(Duration::from_secs(60));
        let serves_new = |one: &Process| one.is_alive() && one.accepts && one.settings == self.files;
        assert!(self.processes.values().any(serves_new), "the reload has not come into force");
    }

    fn stop_for_good(&mut self) {
        self.stopped = Some(self.now);
        self.succession.handle_stop(self.now);
        self.settle();
        self.pass(Duration::from_secs(20));
        if self.succession.started() == Some(Ok(())) {
            assert!(self.succession.is_over(), "the daemon does not end");
            assert!(self.processes.values().all(|one| !one.is_alive()), "a frontend is left");
        }
    }
}
