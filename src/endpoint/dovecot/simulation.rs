//! A seeded simulation of one connection on virtual time: requests of all kinds under many ids, cut anywhere, cancelled,
//! forgotten, flooded; answers in any order, late, or that nobody could be asked; reloads in between.
//!
//! A failing seed is printed; `SASLAUTHD_SIMULATION_SEED=n cargo test simulation` replays it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod client;

use super::session::MOST_OUTPUT;
use super::*;
use crate::outcome::Outcome;
use crate::secret::{Secret, alive};
#[cfg(test)]
use crate::simulation::of_all_seeds;
use crate::simulation::{Random, is_over};
use client::{Client, Line, Word};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Instant;

const STEPS: usize = 200;

#[test]
fn every_request_gets_one_answer_of_its_own_whatever_client_and_mechanism_do() {
    of_all_seeds(run);
}

/// A world of that seed, to its end.
pub(crate) fn run(seed: u64) {
    let before = alive();
    World::new(seed).run();
    assert_eq!(alive(), before, "a secret is left");
}

/// What the server has been asked, and how it was answered.
struct World {
    random: Random,
    now: Instant,
    settings: Rc<SessionSettings>,
    session: Session,
    /// Secrets of a session in which nothing is going on.
    secrets_at_rest: usize,
    client: Client,
    /// Being checked, with the client's id, which its login tells.
    checking: BTreeMap<RequestNumber, Request>,
    withdrawn: Vec<RequestNumber>,
    /// How much of the output has been looked at.
    observed: usize,
    closed: Option<CloseReason>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let settings = Rc::new(SessionSettings {
            mechanisms: Mechanism::ALL.to_vec(),
            limits: Limits::DEFAULT,
            max_open: 1 + random.below(8) as usize,
            continuation_time: Duration::from_secs(1 + random.below(60)),
            service: random.one_in(2).then(|| b"mail".to_vec()),
            on_unavailable: random.pick(&[OnUnavailable::Close, OnUnavailable::No]).unwrap(),
        });
        let (now, before) = (Instant::now(), alive());
        let identity = Identity { process: 1, connection: seed, cookie: [0; 16] };
        let session = Session::new(Rc::clone(&settings), &identity, now);
        Self {
            random,
            now,
            settings,
            session,
            secrets_at_rest: alive() - before,
            client: Client::default(),
            checking: BTreeMap::new(),
            withdrawn: Vec::new(),
            observed: 0,
            closed: None,
        }
    }

    fn run(mut self) {
        for _ in (0..STEPS).take_while(|_| !is_over()) {
            self.step();
            self.carry_out();
            self.check();
            if self.closed.is_some() {
                return self.check_close();
            }
        }
        self.finish();
    }

    fn step(&mut self) {
        match self.random.below(16) {
            0..=6 => self.client.say_something(&mut self.random),
            7..=9 => self.send(),
            10..=12 => self.answer(),
            13 => self.pass_time(),
            14 => self.read(),
            _ => self.reload(),
        }
    }

    /// A part of what the client has to say arrives: line by line, so that it is known which one led to what. That it
    /// is the same in other pieces is for others to test.
    fn send(&mut self) {
        let most = if self.random.one_in(4) { 4096 } else { 40 };
        let length = 1 + self.random.below(most) as usize;
        for piece in self.client.take(length).split_inclusive(|byte| *byte == b'\n') {
            if !self.session.wants_input() {
                self.read();
            }
            self.session.handle_input(piece, self.now);
            self.client.sent(piece);
            let lines = self.observe();
            assert!(lines.iter().all(|line| line.word != Word::Ok), "nobody has accepted it");
        }
    }

    fn answer(&mut self) {
        let numbers: Vec<_> = self.checking.keys().copied().collect();
        let Some(number) = self.random.pick(&numbers) else { return self.answer_too_late() };
        let outcome = match self.random.below(12) {
            0 => Outcome::internal_failure("simulated"),
            1..=5 => Outcome::reject("a secret of the mechanism"),
            _ => Outcome::ACCEPT,
        };
        self.answer_with(number, &outcome);
    }

    fn answer_with(&mut self, number: RequestNumber, outcome: &Outcome) {
        let request = self.checking.remove(&number).unwrap();
        self.session.handle_answer(number, outcome, &request.credentials.login);
        let lines = self.observe();
        let words: Vec<_> = lines.iter().map(|line| (line.id, line.word)).collect();
        let id = id_of(&request);
        match outcome {
            Outcome::Accept(_) => assert_eq!(words, [(id, Word::Ok)]),
            Outcome::Reject(_) => assert_eq!(words, [(id, Word::Fail { temporary: false })]),
            Outcome::Unavailable(_) if self.checking.is_empty() && self.closes_when_unavailable() => {
                assert_eq!(words, []);
                self.carry_out();
                assert_eq!(self.closed, Some(CloseReason::Unavailable));
            }
            Outcome::Unavailable(_) => assert_eq!(words, [(id, Word::Fail { temporary: true })]),
        }
    }

    fn closes_when_unavailable(&self) -> bool {
        self.settings.on_unavailable == OnUnavailable::Close
    }

    /// To a request that is withdrawn: nothing may come of it, not even under an id that is used again.
    fn answer_too_late(&mut self) {
        if let Some(number) = self.random.pick(&self.withdrawn) {
            let before = self.session.output().len();
            self.session.handle_answer(number, &Outcome::ACCEPT, b"nobody");
            assert_eq!(self.session.output().len(), before, "an answer to what is withdrawn");
        }
    }

    fn pass_time(&mut self) {
        // A client that is within a line rarely takes a rest.
        let is_long = self.random.one_in(if self.client.is_within_a_line_or_handshake() { 60 } else { 4 });
        let most = if is_long { 100_000 } else { 1000 };
        let until = self.now + self.random.milliseconds(most);
        while let Some(due) = self.session.next_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.session.handle_timeout(self.now);
            self.observe();
            assert!(
                self.session.next_timeout().is_none_or(|next| next > self.now),
                "it would be woken for ever"
            );
            self.carry_out();
        }
        self.now = until;
    }

    /// What the server has said since the last look. It may be a while before the client reads it.
    fn observe(&mut self) -> Vec<Line> {
        let output = self.session.output().as_bytes();
        let news = output.get(self.observed..).unwrap_or_default();
        self.observed = output.len();
        self.client.hear(news)
    }

    fn read(&mut self) {
        self.observe();
        *self.session.output() = Secret::default();
        self.observed = 0;
    }

    /// The connection moves to another process.
    fn reload(&mut self) {
        if !self.session.is_at_rest() {
            return;
        }
        assert!(self.checking.is_empty(), "not all is answered");
        self.client.check_that_nobody_waits();
        let bytes = self.session.hand_over().encode();
        let handed_over = HandedOver::decode(&bytes).unwrap();
        self.session = Session::resume(Rc::clone(&self.settings), handed_over, self.now);
        // The new process counts from the beginning.
        self.withdrawn.clear();
    }

    fn carry_out(&mut self) {
        while let Some(event) = self.session.next_event() {
            assert_eq!(self.closed, None, "nothing follows a close");
            match event {
                SessionEvent::Request(request) => self.check_request(request),
                SessionEvent::Withdrawn(number) => {
                    assert!(
                        self.checking.remove(&number).is_some(),
                        "only what is being checked is withdrawn"
                    );
                    self.withdrawn.push(number);
                }
                SessionEvent::Refused(_) => {}
                SessionEvent::Close(reason) => self.closed = Some(reason),
            }
        }
    }

    /// Login and password belong together, and the client has asked for just that.
    fn check_request(&mut self, request: Request) {
        let id = id_of(&request);
        assert!(self.client.is_owed(id), "asked about {id}, which is not open");
        let password = request.credentials.password.as_bytes();
        assert_eq!(Client::id_of(password), id, "the password of another request");
        let service = self.settings.service.as_deref().unwrap_or(b"smtp");
        assert_eq!(request.credentials.service, service);
        assert_eq!(request.credentials.client.unwrap().to_string(), "192.0.2.7");
        assert!(self.checking.values().all(|other| id_of(other) != id), "twice at a time");
        assert!(self.checking.insert(request.number, request).is_none(), "a number is used once");
    }

    fn check(&mut self) {
        let output = self.session.output().len();
        assert!(output <= MOST_OUTPUT);
        let open: Vec<_> = self.session.open_requests().collect();
        assert!(open.len() <= self.settings.max_open, "more than may be open");
        if self.closed.is_none() {
            let checking: BTreeSet<_> = self.checking.keys().copied().collect();
            assert_eq!(open.into_iter().collect::<BTreeSet<_>>(), checking);
        }
        let passwords = self.checking.len();
        assert_eq!(alive(), self.secrets_at_rest + passwords, "a secret is kept");
    }

    /// A close is for a reason.
    fn check_close(mut self) {
        self.read();
        match self.closed.unwrap() {
            CloseReason::Protocol(error) => assert!(self.client.has_misbehaved, "{error}"),
            CloseReason::Unavailable => assert_eq!(self.settings.on_unavailable, OnUnavailable::Close),
            CloseReason::TimedOut => {
                assert!(self.client.is_within_a_line_or_handshake(), "a quiet client was closed");
            }
            CloseReason::Unread => panic!("it was told to stop"),
        }
        assert!(self.checking.is_empty(), "a close withdraws all");
        self.session.handle_input(b"CONT\t1\tAA==\n", self.now);
        assert!(self.session.output().is_empty() && self.session.next_event().is_none());
    }

    /// With everything sent, answered and timed out, nobody waits any more.
    fn finish(mut self) {
        while self.client.has_more_to_say() {
            self.send();
            self.read();
            self.carry_out();
            if self.closed.is_some() {
                return self.check_close();
            }
        }
        for number in self.checking.keys().copied().collect::<Vec<_>>() {
            self.answer_with(number, &Outcome::ACCEPT);
        }
        self.now += self.settings.continuation_time;
        self.session.handle_timeout(self.now);
        self.carry_out();
        self.read();
        if self.closed.is_some() {
            return self.check_close();
        }
        assert!(self.session.is_at_rest());
        self.client.check_that_nobody_waits();
    }
}

fn id_of(request: &Request) -> u32 {
    Client::id_of(&request.credentials.login)
}
