//! A seeded simulation of the upstream manager on virtual time, with servers that refuse, hang, break connections, cannot
//! answer, and recover; with names that cannot be found; with all three ways to share connections.
//!
//! A failing seed is printed; `SASLAUTHD_SIMULATION_SEED=n cargo test simulation` replays it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

mod checks;

use super::health::Standing;
use super::tests::{failure, named, numbered, pool};
use super::*;
use crate::mech::remote::{Server, ServerOrder, Sharing, Timeouts};
use crate::simulation::{Random, of_all_seeds};
use std::collections::BTreeMap;

const STEPS: usize = 150;
/// Waiting at a time: enough for every bound to be met.
const MOST_QUESTIONS: usize = 24;
/// Nothing takes no time at all.
const INSTANT: Duration = Duration::from_micros(1);

#[test]
fn every_question_is_answered_once_or_given_up_in_time_whatever_servers_do() {
    of_all_seeds(|seed| World::new(seed).run());
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
}

struct Asked {
    pool: PoolId,
    deadline: Instant,
    /// How often each server was asked it.
    tries: BTreeMap<usize, usize>,
    on: Option<ConnectionId>,
}

/// The world around a upstream, and what it remembers to judge it by.
struct World {
    random: Random,
    now: Instant,
    board: UpstreamManager,
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
            board: UpstreamManager::new(random.milliseconds(12_000)),
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
        }
    }

    fn run(mut self) {
        for _ in 0..STEPS {
            self.step();
            self.carry_out();
            self.check();
        }
        self.finish();
    }

    fn step(&mut self) {
        self.tick(INSTANT);
        self.carry_out();
        match self.random.below(20) {
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
            let asked = Asked { pool: PoolId(pool), deadline, tries: BTreeMap::new(), on: None };
            self.asked.insert(id, asked);
            self.board.ask(id, PoolId(pool), &self.pools[pool], deadline, self.now);
            self.carry_out();
        }
    }

    fn abandon(&mut self) {
        let all: Vec<_> = self.asked.keys().copied().collect();
        if let Some(question) = self.random.pick(&all) {
            self.asked.remove(&question);
            self.board.abandon(question, self.now);
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
        self.board.handle_addresses(&host, &service, found, self.now);
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
        let due = self.board.next_timeout().unwrap_or(self.now + jump);
        self.now = due.min(self.now + jump).max(self.now);
        self.board.handle_timeout(self.now);
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
            self.board.handle_addresses(&host, &service, found, self.now);
            self.carry_out();
        }
        while let Some(id) = self.well_wire_with_work() {
            let later = self.now + INSTANT;
            if self.board.next_timeout().is_some_and(|due| due <= later) {
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
        let busy = |wire: &Wire| wire.stage != Stage::Ready || !wire.asked.is_empty();
        let mut wires = self.wires.iter();
        wires.find(|(_, wire)| busy(wire) && Some(self.server(wire)) == self.well.as_ref()).map(|(id, _)| *id)
    }

    fn server(&self, wire: &Wire) -> &Server {
        &self.pools[wire.pool.0].servers[wire.server]
    }

    fn advance_a_wire(&mut self) {
        let all: Vec<_> = self.wires.keys().copied().collect();
        if let Some(id) = self.random.pick(&all) {
            self.advance(id);
        }
    }

    /// Something happens on a connection, as its server's mood has it.
    fn advance(&mut self, id: ConnectionId) {
        let wire = &self.wires[&id];
        let mood = self.moods[&self.server(wire).name];
        match (wire.stage, mood) {
            (_, Mood::Swallows) | (Stage::Opening, Mood::Hangs) => {}
            (Stage::Connecting, Mood::Refuses) => self.break_wire(id, false),
            (Stage::Connecting, _) => self.connect(id),
            (Stage::Securing, _) => self.enter(id, Stage::Opening),
            (Stage::Opening, Mood::Good) => self.enter(id, Stage::Ready),
            (Stage::Opening, Mood::Refuses | Mood::Breaks) => self.break_wire(id, false),
            (Stage::Ready, mood) => self.serve(id, mood),
        }
    }

    fn connect(&mut self, id: ConnectionId) {
        if self.random.one_in(3) {
            return self.enter(id, Stage::Securing);
        }
        self.enter(id, Stage::Opening);
        // A session that waits for no greeting.
        if self.wires.contains_key(&id) && self.random.one_in(2) {
            self.enter(id, Stage::Ready);
        }
    }

    fn enter(&mut self, id: ConnectionId, stage: Stage) {
        self.wires.get_mut(&id).unwrap().stage = stage;
        self.board.handle_stage(id, stage, self.now);
    }

    fn serve(&mut self, id: ConnectionId, mood: Mood) {
        let wire = self.wires.get_mut(&id).unwrap();
        let is_well = self.well.as_ref() == Some(&self.pools[wire.pool.0].servers[wire.server]);
        if wire.asked.is_empty() {
            // Servers close idle connections when they like.
            if mood == Mood::Breaks || self.random.one_in(6) {
                self.break_wire(id, false);
            }
            return;
        }
        if wire.has_answered && self.random.one_in(8) {
            return self.break_wire(id, false);
        }
        match mood {
            Mood::Hangs => {}
            Mood::Breaks | Mood::Refuses => {
                let heard = self.random.one_in(2);
                self.break_wire(id, heard);
            }
            _ if !is_well && self.random.one_in(20) => self.break_wire(id, true),
            _ => self.answer(id),
        }
    }

    fn break_wire(&mut self, id: ConnectionId, heard: bool) {
        self.disturbed = true;
        let wire = self.wires.remove(&id).unwrap();
        // Those whose order to be asked has not been taken yet count as asked.
        for question in &self.board.connections[&id].in_flight {
            self.asked.get_mut(question).unwrap().tries.entry(wire.server).or_default();
        }
        self.board.handle_broken(id, failure("broken"), heard, self.now);
    }

    fn answer(&mut self, id: ConnectionId) {
        let cannot = self.random.one_in(10);
        let finishes = self.random.one_in(10);
        let wire = self.wires.get_mut(&id).unwrap();
        let index = self.random.below(wire.asked.len() as u64) as usize;
        let question = wire.asked.remove(index);
        wire.finished |= finishes;
        wire.has_answered = true;
        let expected = self.board.asked_at(id, question).is_some();
        assert!(!expected || self.asked[&question].on == Some(id), "it is known who is asked what");
        let answered = if cannot { Err(failure("cannot")) } else { Ok(()) };
        let counts = self.board.handle_answer(id, question, answered, self.now);
        assert_eq!(counts, expected && !cannot, "an answer counts if and only if somebody waits for it");
        if counts {
            self.asked.remove(&question);
        } else if let Some(asked) = self.asked.get_mut(&question).filter(|_| expected) {
            asked.on = None;
        }
        if finishes {
            self.board.handle_finished(id, self.now);
        }
    }

    fn carry_out(&mut self) {
        self.disturbed = false;
        while let Some(command) = self.board.next_command() {
            match command {
                Command::Resolve { host, service } => {
                    assert!(self.lookups.insert((host, service)), "one lookup of a name at a time");
                }
                Command::Open { connection, pool, server, .. } => self.open(connection, pool, server),
                Command::Ask(connection, question) => self.put(connection, question),
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
        };
        assert!(self.wires.insert(id, wire).is_none(), "a number is used once");
        let beside = self.wires.values().filter(|wire| wire.pool == pool && wire.server == server).count();
        assert!(beside <= self.pools[pool.0].most_connections, "more connections than the bound");
        if self.well.is_none() && self.random.one_in(10) {
            self.wires.remove(&id);
            return self.board.handle_shortage(id, failure("shortage"), self.now);
        }
        // connect(2) can fail at once.
        if self.moods[&self.server(&self.wires[&id]).name] == Mood::Refuses && self.random.one_in(3) {
            self.break_wire(id, false);
        }
    }

    fn put(&mut self, id: ConnectionId, question: QuestionId) {
        let wire = self.wires.get_mut(&id).expect("only open connections are asked");
        assert_eq!(wire.stage, Stage::Ready, "asked before it was ready");
        assert!(!wire.finished, "asked after it was finished");
        wire.questions += 1;
        wire.asked.push(question);
        let sharing = self.pools[wire.pool.0].sharing;
        assert!(sharing != Sharing::OneShot || wire.questions == 1, "a second question");
        if let Sharing::Pipelined(most) = sharing {
            let in_flight = self.board.connections[&id].in_flight.len();
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
        *asked.tries.entry(self.wires[&id].server).or_default() += 1;
        assert!(asked.tries.values().all(|tries| *tries <= 2), "asked three times on one server");
        // Writing can fail at once, while other commands wait.
        let wire = &self.wires[&id];
        if self.well.as_ref() != Some(self.server(wire)) && self.random.one_in(12) {
            self.break_wire(id, false);
        }
    }

    /// A question is given up.
    fn judge(&mut self, question: QuestionId) {
        let asked = self.asked.remove(&question).expect("given up once, and only if somebody waits");
        assert!(self.now <= asked.deadline, "given up after its deadline");
        if self.now == asked.deadline {
            return;
        }
        let pool = &self.pools[asked.pool.0];
        for (index, server) in pool.servers.iter().enumerate() {
            let tried = asked.tries.contains_key(&index);
            assert!(tried || self.well.as_ref() != Some(server), "given up though a server is well");
            let id = self.board.pools[&asked.pool].server_pools[index].server;
            let standing = self.board.servers.standing(id, self.now);
            let bad = standing == Standing::Bad || self.disturbed;
            assert!(tried || bad, "given up though {} is {standing:?}", server.name);
        }
    }

    /// Left alone, every question ends and everything is forgotten: with nothing but time.
    fn finish(&mut self) {
        while let Some((host, service)) = self.lookups.pop_first() {
            self.board.handle_addresses(&host, &service, Err("simulated".to_owned()), self.now);
            self.carry_out();
        }
        for mood in self.moods.values_mut() {
            *mood = Mood::Swallows;
        }
        self.well = None;
        let mut rings = 0;
        while let Some(due) = self.board.next_timeout() {
            rings += 1;
            assert!(rings < 10_000, "time alone brings no end");
            self.now = self.now.max(due);
            self.board.handle_timeout(self.now);
            self.carry_out();
            while let Some((host, service)) = self.lookups.pop_first() {
                self.board.handle_addresses(&host, &service, Err("simulated".to_owned()), self.now);
                self.carry_out();
            }
        }
        self.check();
        assert!(self.asked.is_empty() && self.wires.is_empty() && self.board.pools.is_empty());
        assert_eq!(self.board.servers.sizes_for_test(), (0, 0, 0));
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
    pool.most_connections = 1 + random.below(6) as usize;
    pool.idle_time = Duration::from_secs(1 + random.below(60));
    let mut time = |most| Duration::from_millis(200) + random.milliseconds(most);
    pool.timeouts = Timeouts { connect: time(5000), tls: time(5000), operation: time(10_000) };
    pool
}
