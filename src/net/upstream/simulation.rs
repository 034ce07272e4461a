//! A seeded simulation of the upstream manager on virtual time, with servers that refuse, hang, break connections, cannot
//! answer, and recover; with logins that nobody ever answers, and connections that die without a word; with names that
//! cannot be found; with all three ways to share connections.
//!
//! A failing seed is printed; `SASLAUTHD_SIMULATION_SEED=n cargo test simulation` replays it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

mod checks;
mod servers;

use super::health::Availability;
use super::testing::{failure, named, numbered, pool};
use super::*;
use crate::config::ServerOrder;
use crate::net::exchange::{Server, Sharing, Timeouts};
use crate::policy::origin::Origin;
#[cfg(test)]
use crate::simulation::of_all_seeds;
use crate::simulation::{Random, is_over};
use std::collections::BTreeMap;

const STEPS: usize = 150;
/// Waiting at a time: enough for every bound to be met.
const MOST_QUESTIONS: usize = 24;
/// Questions at a time that no server answers: fewer than the connections that a pool may have.
const MOST_HANGING: usize = 3;
/// How long a question may take that a server alone can answer at once, though its connection has died: until that is
/// noticed, and as long again for those that waited behind it.
const BOUND: Duration = Duration::from_secs(3);
/// Nothing takes no time at all.
const INSTANT: Duration = Duration::from_micros(1);

#[test]
fn every_question_is_answered_once_or_given_up_in_time_whatever_servers_do() {
    of_all_seeds(run);
}

/// A world of that seed, to its end.
pub(crate) fn run(seed: u64) {
    World::new(seed).run();
}

/// What a server does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Good,
    Refuses,
    /// Nothing comes of a connection.
    Swallows,
    /// Connections are accepted, and then silence.
    Hangs,
    /// Connections break when they are ready or asked.
    Breaks,
}

struct Wire {
    pool: PoolId,
    server: usize,
    stage: Stage,
    /// Not yet answered, as the server sees it; abandoned ones included.
    asked: Vec<QuestionId>,
    questions: usize,
    has_answered: bool,
    finished: bool,
    /// Nothing goes either way any more, and nobody is told.
    is_dead: bool,
}

#[derive(Debug)]
struct Asked {
    pool: PoolId,
    since: Instant,
    /// No server answers it.
    hangs: bool,
    /// What has become of it on the server that is always well: it said that it cannot answer, or a second connection
    /// was lost.
    is_excused: bool,
    /// How many connections it has lost.
    lost: usize,
    /// When one of them died without a word, which takes a while to be noticed.
    silenced_at: Option<Instant>,
    deadline: Instant,
    /// How often each server was asked it.
    tries: BTreeMap<usize, usize>,
    on: Option<ConnectionId>,
}

/// The world around a upstream, and what it remembers to judge it by.
struct World {
    random: Random,
    now: Instant,
    manager: UpstreamManager,
    pools: Vec<Rc<PoolSettings>>,
    /// By the name of the server.
    moods: BTreeMap<String, Mood>,
    /// A server that is always well.
    well: Option<Server>,
    wires: BTreeMap<ConnectionId, Wire>,
    asked: BTreeMap<QuestionId, Asked>,
    last_question: u64,
    lookups: BTreeSet<(String, String)>,
    /// Whether a connection has broken since commands were last taken, so that older ones say nothing of now.
    disturbed: bool,
    /// How many answers there were that somebody waited for, by server.
    answered: BTreeMap<String, u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let servers: Vec<_> = (0..1 + random.below(4) as u16)
            .map(|number| if random.one_in(2) { named(number) } else { numbered(number) })
            .collect();
        let pools = (0..1 + random.below(3)).map(|_| Rc::new(random_pool(&mut random, &servers))).collect();
        let well = random.one_in(2).then(|| servers[random.below(servers.len() as u64) as usize].clone());
        let moods = servers.iter().map(|server| (server.name.clone(), Mood::Good)).collect();
        Self {
            manager: UpstreamManager::new(random.milliseconds(12_000)),
            random,
            now: Instant::now(),
            pools,
            moods,
            well,
            wires: BTreeMap::new(),
            asked: BTreeMap::new(),
            last_question: 0,
            lookups: BTreeSet::new(),
            disturbed: false,
            answered: BTreeMap::new(),
        }
    }

    fn run(mut self) {
        for _ in (0..STEPS).take_while(|_| !is_over()) {
            self.step();
            self.carry_out();
            self.check();
        }
        self.finish();
    }

    fn step(&mut self) {
        self.tick(INSTANT);
        self.carry_out();
        match self.random.below(21) {
            20 if self.random.one_in(4) => self.forget_connections(),
            0..=5 => self.ask(),
            6..=13 => self.advance_a_wire(),
            14 => self.abandon(),
            15 => self.change_a_mood(),
            16 => self.answer_a_lookup(),
            _ => self.pass_time(),
        }
    }

    fn ask(&mut self) {
        let pool = self.random.below(self.pools.len() as u64) as usize;
        let deadline = self.now + Duration::from_millis(1) + self.random.milliseconds(30_000);
        for _ in 0..1 + self.random.below(4) {
            if self.asked.len() >= MOST_QUESTIONS {
                return;
            }
            self.last_question += 1;
            let id = QuestionId(self.last_question);
            let asked = Asked {
                pool: PoolId(pool),
                since: self.now,
                hangs: self.random.one_in(6) && self.hanging() < MOST_HANGING,
                is_excused: false,
                lost: 0,
                silenced_at: None,
                deadline,
                tries: BTreeMap::new(),
                on: None,
            };
            self.asked.insert(id, asked);
            let uid = self.random.below(3) as u32;
            let origin = Origin::client(uid, &[self.random.below(3) as u8], None);
            self.manager.ask(id, &origin, PoolId(pool), &self.pools[pool], deadline, self.now);
            self.carry_out();
        }
    }

    fn hanging(&self) -> usize {
        self.asked.values().filter(|asked| asked.hangs).count()
    }

    /// A firewall forgets all connections that there are: they are dead, and new ones are not.
    fn forget_connections(&mut self) {
        for wire in self.wires.values_mut().filter(|wire| wire.stage == Stage::Ready && !wire.is_dead) {
            wire.is_dead = true;
            for question in &wire.asked {
                if let Some(asked) = self.asked.get_mut(question) {
                    asked.lose(wire.has_answered);
                    asked.silenced_at = Some(self.now);
                }
            }
        }
    }

    fn abandon(&mut self) {
        let all: Vec<_> = self.asked.keys().copied().collect();
        if let Some(question) = self.random.pick(&all) {
            self.asked.remove(&question);
            self.manager.abandon(question, self.now);
        }
    }

    fn change_a_mood(&mut self) {
        let names: Vec<_> = self.moods.keys().cloned().collect();
        let name = &names[self.random.below(names.len() as u64) as usize];
        if self.well.as_ref().is_some_and(|well| well.name == *name) {
            return;
        }
        let moods = [Mood::Good, Mood::Good, Mood::Refuses, Mood::Swallows, Mood::Hangs, Mood::Breaks];
        self.moods.insert(name.clone(), self.random.pick(&moods).unwrap());
    }

    fn answer_a_lookup(&mut self) {
        let Some((host, service)) = self.lookups.pop_first() else { return };
        let port = service.parse().unwrap();
        let well = self.well.as_ref().is_some_and(|well| well.host() == Some(&host));
        let found = match self.random.below(6) {
            0 if !well => Err("simulated".to_owned()),
            1 if !well => Ok(Vec::new()),
            2 => Ok(vec![([127, 0, 0, 1], port).into(), ([127, 0, 0, 2], port).into()]),
            _ => Ok(vec![([127, 0, 0, 1], port).into()]),
        };
        self.manager.handle_addresses(&host, &service, found, self.now);
    }

    fn pass_time(&mut self) {
        let most = if self.random.one_in(4) { 4000 } else { 60 };
        let jump = self.random.milliseconds(most);
        self.tick(jump);
    }

    fn tick(&mut self, jump: Duration) {
        if jump > INSTANT {
            self.serve_well();
        }
        // Like the event loop: never later than the upstream manager wants to be woken.
        let due = self.manager.next_timeout().unwrap_or(self.now + jump);
        self.now = due.min(self.now + jump).max(self.now);
        self.manager.handle_timeout(self.now);
    }

    /// A server that is always well leaves nobody waiting for long.
    fn serve_well(&mut self) {
        if self.well.is_none() {
            return;
        }
        while let Some((host, service)) =
            self.lookups.iter().find(|(host, _)| self.is_well_host(host)).cloned()
        {
            self.lookups.remove(&(host.clone(), service.clone()));
            let found = Ok(vec![([127, 0, 0, 1], service.parse().unwrap()).into()]);
            self.manager.handle_addresses(&host, &service, found, self.now);
            self.carry_out();
        }
        while let Some(id) = self.well_wire_with_work() {
            let later = self.now + INSTANT;
            if self.manager.next_timeout().is_some_and(|due| due <= later) {
                return;
            }
            self.now = later;
            self.advance(id);
            self.carry_out();
        }
    }

    fn is_well_host(&self, host: &str) -> bool {
        self.well.as_ref().is_some_and(|well| well.host() == Some(host))
    }

    fn well_wire_with_work(&self) -> Option<ConnectionId> {
        let can_be_answered = |question: &&QuestionId| self.can_be_answered(**question);
        let busy = |wire: &Wire| {
            !wire.is_dead && (wire.stage != Stage::Ready || wire.asked.iter().any(|id| can_be_answered(&id)))
        };
        let mut wires = self.wires.iter();
        wires.find(|(_, wire)| busy(wire) && Some(self.server(wire)) == self.well.as_ref()).map(|(id, _)| *id)
    }

    /// One that nobody waits for any more may hang or not.
    fn can_be_answered(&self, question: QuestionId) -> bool {
        self.asked.get(&question).is_none_or(|asked| !asked.hangs)
    }

    fn server(&self, wire: &Wire) -> &Server {
        &self.pools[wire.pool.0].servers[wire.server]
    }

    fn carry_out(&mut self) {
        self.disturbed = false;
        while let Some(command) = self.manager.next_command() {
            match command {
                Command::Resolve { host, service } => {
                    assert!(self.lookups.insert((host, service)), "one lookup of a name at a time");
                }
                Command::Open { connection, pool, server, .. } => self.open(connection, pool, server),
                Command::Ask(connection, question) => self.put(connection, question),
                Command::Abandon(connection, question) => {
                    let wire = self.wires.get_mut(&connection).expect("only what is open is told");
                    wire.asked.retain(|asked| *asked != question);
                    self.forget_place(question, connection);
                }
                Command::Close(connection) => {
                    let wire = self.wires.remove(&connection).expect("only what is open is closed");
                    for question in wire.asked {
                        self.forget_place(question, connection);
                    }
                }
                Command::GiveUp(question, failure) if failure.reason == "shortage" => {
                    self.asked.remove(&question).expect("given up once, and only if somebody waits");
                }
                Command::GiveUp(question, _) => self.judge(question),
                Command::Log(event) => {
                    if let Event::Failed(server, failure) = event {
                        assert_ne!(Some(&server), self.well.as_ref(), "{failure}");
                    }
                }
            }
        }
    }

    fn forget_place(&mut self, question: QuestionId, connection: ConnectionId) {
        if let Some(asked) = self.asked.get_mut(&question).filter(|asked| asked.on == Some(connection)) {
            asked.on = None;
        }
    }

    fn open(&mut self, id: ConnectionId, pool: PoolId, server: usize) {
        let wire = Wire {
            pool,
            server,
            stage: Stage::Connecting,
            asked: Vec::new(),
            questions: 0,
            has_answered: false,
            finished: false,
            is_dead: false,
        };
        assert!(self.wires.insert(id, wire).is_none(), "a number is used once");
        let beside = self.wires.values().filter(|wire| wire.pool == pool && wire.server == server).count();
        assert!(beside <= self.pools[pool.0].most_connections, "more connections than the bound");
        if self.well.is_none() && self.random.one_in(10) {
            self.wires.remove(&id);
            return self.manager.handle_shortage(id, failure("shortage"), self.now);
        }
        // connect(2) can fail at once.
        if self.moods[&self.server(&self.wires[&id]).name] == Mood::Refuses && self.random.one_in(3) {
            self.break_wire(id);
        }
    }

    fn put(&mut self, id: ConnectionId, question: QuestionId) {
        let wire = self.wires.get_mut(&id).expect("only open connections are asked");
        assert_eq!(wire.stage, Stage::Ready, "asked before it was ready");
        assert!(!wire.finished, "asked after it was finished");
        let (is_dead, has_answered) = (wire.is_dead, wire.has_answered);
        wire.questions += 1;
        wire.asked.push(question);
        let sharing = self.pools[wire.pool.0].sharing;
        assert!(sharing != Sharing::OneShot || wire.questions == 1, "a second question");
        if let Sharing::Pipelined(most) = sharing {
            let in_flight = self.manager.connections[&id].in_flight.len();
            assert!(in_flight <= most, "more at a time than the pool allows");
        }
        assert!(wire.asked.len() == 1 || matches!(sharing, Sharing::Pipelined(_)), "two on one connection");
        let asked = self.asked.get_mut(&question).expect("only those are asked that somebody waits for");
        assert!(
            asked.on.is_none_or(|on| on == id || !self.wires.contains_key(&on))
                || matches!(sharing, Sharing::Pipelined(_)),
            "asked on two connections"
        );
        asked.on = Some(id);
        if is_dead {
            asked.lose(has_answered);
            asked.silenced_at = Some(self.now);
        }
        *asked.tries.entry(self.wires[&id].server).or_default() += 1;
        assert!(asked.tries.values().all(|tries| *tries <= 2), "asked three times on one server");
        // It may have gone over with another that hangs.
        let second_try = asked.tries.values().any(|tries| *tries == 2);
        asked.lost = asked.lost.max(usize::from(second_try));
        // Writing can fail at once, while other commands wait.
        let wire = &self.wires[&id];
        if self.well.as_ref() != Some(self.server(wire)) && self.random.one_in(12) {
            self.break_wire(id);
        }
    }

    /// A question is given up.
    fn judge(&mut self, question: QuestionId) {
        let asked = self.asked.remove(&question).expect("given up once, and only if somebody waits");
        assert!(self.now <= asked.deadline, "given up after its deadline");
        self.judge_by_the_well(&asked);
        if self.now == asked.deadline {
            return;
        }
        let pool = &self.pools[asked.pool.0];
        for (index, server) in pool.servers.iter().enumerate() {
            let tried = asked.tries.contains_key(&index);
            assert!(tried || self.well.as_ref() != Some(server), "given up though a server is well");
            let id = self.manager.pools[&asked.pool].server_pools[index].server;
            let availability = self.manager.servers.availability(id, self.now);
            let bad = availability == Availability::Down || self.disturbed;
            assert!(tried || bad, "given up though {} is {availability:?}", server.name);
        }
    }

    /// A login that a healthy server would answer is answered, whatever others ask of it and whatever becomes of
    /// connections that were there before.
    fn judge_by_the_well(&self, asked: &Asked) {
        let pool = &self.pools[asked.pool.0];
        let Some(place) = pool.servers.iter().position(|server| Some(server) == self.well.as_ref()) else {
            return;
        };
        let is_unnoticed = asked.silenced_at.is_some_and(|at| self.now < at + BOUND);
        if asked.hangs || asked.is_excused || asked.lost > 1 || is_unnoticed {
            return;
        }
        if self.now < asked.deadline {
            assert!(
                !asked.tries.contains_key(&place),
                "given up though a healthy server was asked: {asked:?}"
            );
        } else if pool.servers.len() == 1
            && self.dead_wires(asked.pool) + MOST_HANGING < pool.most_connections
        {
            assert!(asked.deadline < asked.since + BOUND, "a healthy server alone was late: {asked:?}");
        }
    }

    /// A fresh connection that dies over its first question keeps its place until the time of that is over.
    fn dead_wires(&self, pool: PoolId) -> usize {
        self.wires.values().filter(|wire| wire.pool == pool && wire.is_dead).count()
    }

    /// Left alone, every question ends and everything is forgotten: with nothing but time.
    fn finish(&mut self) {
        self.well = None;
        while let Some((host, service)) = self.lookups.pop_first() {
            self.manager.handle_addresses(&host, &service, Err("simulated".to_owned()), self.now);
            self.carry_out();
        }
        for mood in self.moods.values_mut() {
            *mood = Mood::Swallows;
        }
        let mut rings = 0;
        while let Some(due) = self.manager.next_timeout() {
            rings += 1;
            assert!(rings < 10_000, "time alone brings no end");
            self.now = self.now.max(due);
            self.manager.handle_timeout(self.now);
            self.carry_out();
            while let Some((host, service)) = self.lookups.pop_first() {
                self.manager.handle_addresses(&host, &service, Err("simulated".to_owned()), self.now);
                self.carry_out();
            }
        }
        self.check();
        assert!(self.asked.is_empty() && self.wires.is_empty() && self.manager.pools.is_empty());
        assert_eq!(self.manager.servers.sizes_for_test(), (0, 0, 0));
        let counted = self.manager.take_counts().into_iter();
        let counted =
            counted.map(|(server, counts)| (server, counts.answered)).filter(|(_, count)| *count > 0);
        assert_eq!(counted.collect::<BTreeMap<_, _>>(), self.answered);
    }
}

impl Asked {
    /// Its connection is lost. Over one that has never answered it has no second try.
    fn lose(&mut self, has_answered: bool) {
        self.lost += if has_answered { 1 } else { 2 };
    }
}

fn random_pool(random: &mut Random, servers: &[Server]) -> PoolSettings {
    let mut pool = pool(servers.to_vec());
    pool.servers.rotate_left(random.below(servers.len() as u64) as usize);
    pool.order = if random.one_in(2) { ServerOrder::Listed } else { ServerOrder::RoundRobin };
    pool.sharing = match random.below(3) {
        0 => Sharing::OneShot,
        1 => Sharing::Sequential,
        _ => Sharing::Pipelined(1 + random.below(5) as usize),
    };
    pool.most_connections = 1 + MOST_HANGING + random.below(4) as usize;
    pool.idle_time = Duration::from_secs(1 + random.below(60));
    let mut time = |most| Duration::from_millis(200) + random.milliseconds(most);
    pool.timeouts = Timeouts { connect: time(5000), tls: time(5000), operation: time(10_000) };
    pool
}
