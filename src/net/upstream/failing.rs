//! What becomes of questions when a connection breaks, time runs out, or a server cannot answer.
#![forbid(unsafe_code)]

use super::asking::was_commanded;
use super::connection::{Connection, Purpose, Seconds};
use super::health::Standing;
use super::in_flight::{Awaited, SUSPICION};
use super::servers::{Blame, ServerId};
use super::{Command, ConnectionId, Event, State, Target, UpstreamManager};
use crate::mech::remote::{Failure, FailureKind, PoolId, QuestionId, Sharing, TlsMode};
use std::collections::BTreeSet;
use std::time::Instant;

impl UpstreamManager {
    /// The connection is broken.
    pub(super) fn lose(&mut self, id: ConnectionId, failure: &Failure, now: Instant) {
        self.take_back(id);
        let Some(connection) = self.take(id) else { return };
        if !connection.is_ready() {
            return self.fail_to_open(connection, failure, now);
        }
        if connection.in_flight.is_empty() {
            return self.lose_idle(&connection, failure, now);
        }
        let (again, lost) = self.divide(&connection, now);
        // First, so that the room of the connection is theirs.
        if !again.is_empty() {
            self.ask_again(&connection, again, failure, now);
        }
        if lost.iter().any(|id| was_commanded(&self.questions, id)) {
            self.leave_unanswered(&connection, lost, failure, now);
        } else if !lost.is_empty() {
            self.lose_unasked(&connection, lost, failure, now);
        }
    }

    /// Nobody has asked anything: the server may close when it likes. But one that does it at once is not back.
    fn lose_idle(&mut self, connection: &Connection, failure: &Failure, now: Instant) {
        let never_answered = connection.heard_at.is_none();
        if never_answered
            && connection.purpose == Purpose::Probe
            && self.servers.is_half_open(connection.server)
        {
            self.blame(connection.server, &connection.target, failure, connection.began, now);
        }
    }

    /// Those that are asked again on a fresh connection, and those that are not. The server may have closed one that
    /// it has served before, before it saw the question.
    fn divide(&self, connection: &Connection, now: Instant) -> (BTreeSet<QuestionId>, BTreeSet<QuestionId>) {
        let is_up = self.servers.standing(connection.server, now) != Standing::Bad;
        let may_again = is_up && connection.was_used;
        connection.in_flight.iter().copied().partition(|id| may_again && self.may_be_asked_again(id))
    }

    pub(super) fn ask_again(
        &mut self,
        connection: &Connection,
        questions: BTreeSet<QuestionId>,
        failure: &Failure,
        now: Instant,
    ) {
        for id in &questions {
            if let Some(question) = self.questions.get_mut(id) {
                question.was_asked_again = true;
                question.failure = Some(failure.clone());
            }
        }
        let again = Purpose::Again(questions.clone());
        if !self.open(connection.pool, connection.index, again, now) {
            questions.iter().for_each(|id| self.try_elsewhere(*id, connection.index, failure, now));
        }
    }

    /// It did not become ready: the next address, or another server.
    fn fail_to_open(&mut self, connection: Connection, failure: &Failure, now: Instant) {
        let blame = self.blame(connection.server, &connection.target, failure, connection.began, now);
        let next_address = blame == Blame::Address;
        let (pool, index) = (connection.pool, connection.index);
        match connection.purpose {
            Purpose::Queue => {}
            Purpose::Probe | Purpose::Replacement(_) if next_address => {
                self.open(pool, index, connection.purpose, now);
            }
            Purpose::Probe => {}
            Purpose::Replacement(silent) => self.leave_silent(silent, failure, now),
            Purpose::Again(questions) if questions.is_empty() => {}
            Purpose::Again(questions) => {
                if !next_address || !self.open(pool, index, Purpose::Again(questions.clone()), now) {
                    questions.into_iter().for_each(|id| self.try_elsewhere(id, index, failure, now));
                }
            }
        }
    }

    /// It was not even begun. Those that it was for are given up: to wait for better times is up to their clients.
    pub(super) fn lack(&mut self, id: ConnectionId, failure: &Failure) {
        let Some(connection) = self.take(id) else { return };
        let questions = match connection.purpose {
            Purpose::Queue => self.oldest_waiting(connection.pool).into_iter().collect(),
            Purpose::Probe | Purpose::Replacement(_) => BTreeSet::new(),
            Purpose::Again(questions) => questions,
        };
        for id in questions {
            if let Some(question) = self.questions.get_mut(&id) {
                question.failure = Some(failure.clone());
            }
            self.dequeue(id);
            self.give_up(id, failure.clone());
        }
    }

    fn oldest_waiting(&self, pool: PoolId) -> Option<QuestionId> {
        let groups = self.pools.get(&pool)?.queue.groups();
        groups.min_by_key(|group| group.oldest).map(|group| group.question)
    }

    /// These were asked, and nobody will answer them here: the connection has broken over them, or is closed since it
    /// was silent. The server is not down for that, since one of them may be why: a client whose login makes a server
    /// hang up, or is never answered, must not have it left alone by all others.
    fn leave_unanswered(
        &mut self,
        connection: &Connection,
        questions: BTreeSet<QuestionId>,
        failure: &Failure,
        now: Instant,
    ) {
        self.tell_unanswered(connection, failure, now);
        for id in questions {
            self.try_elsewhere(id, connection.index, failure, now);
        }
    }

    fn tell_unanswered(&mut self, connection: &Connection, failure: &Failure, now: Instant) {
        let Some(pool) = self.pools.get_mut(&connection.pool) else { return };
        let server = pool.settings.servers.get(connection.index);
        let server = server.filter(|_| pool.unanswered_told.is_due(now));
        let event = server.map(|server| Event::Unanswered(server.clone(), failure.clone()));
        self.commands.extend(event.map(Command::Log));
    }

    /// The server takes no questions, though it let somebody connect. It has seen none of these, so that they are not
    /// why.
    fn lose_unasked(
        &mut self,
        connection: &Connection,
        questions: BTreeSet<QuestionId>,
        failure: &Failure,
        now: Instant,
    ) {
        self.blame(connection.server, &connection.target, failure, connection.began, now);
        for id in questions {
            self.try_elsewhere(id, connection.index, failure, now);
        }
    }

    fn blame(
        &mut self,
        server: ServerId,
        target: &Target,
        failure: &Failure,
        began: Instant,
        now: Instant,
    ) -> Blame {
        let blame = self.servers.handle_failure(server, target, failure, began, now);
        if blame == Blame::Server {
            self.close_idle(server);
        }
        blame
    }

    /// Connections to a server that has failed are likely to be dead, and take the place of those that are not.
    fn close_idle(&mut self, server: ServerId) {
        let pools = self.servers.pools(server);
        let pools_of_server = pools.iter().filter_map(|pool| self.pools.get(pool));
        let server_pools = pools_of_server
            .flat_map(|pool| &pool.server_pools)
            .filter(|server_pool| server_pool.server == server);
        let free: Vec<_> = server_pools
            .flat_map(|server_pool| &server_pool.free)
            .map(|(_, connection)| *connection)
            .collect();
        for id in free {
            if self.connections.get(&id).is_some_and(|connection| connection.in_flight.is_empty()) {
                self.close(id);
            }
        }
    }

    /// The server at that place has not answered: the next one, if there is one.
    pub(super) fn try_elsewhere(&mut self, id: QuestionId, index: usize, failure: &Failure, now: Instant) {
        let Some(question) = self.questions.get_mut(&id) else { return };
        question.wish.tried = question.wish.tried.with(index);
        question.wish.hopeful = true;
        question.was_asked_again = false;
        question.failure = Some(failure.clone());
        let pool = question.pool;
        self.attend(pool, now);
        self.enqueue(id);
    }

    /// The session takes no further question. Those that it has still get their answers.
    pub(super) fn finish(&mut self, id: ConnectionId, now: Instant) {
        self.take_back(id);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.is_finished = true;
        let is_of_use =
            connection.was_used || connection.in_flight.iter().all(|id| was_commanded(&self.questions, id));
        if connection.in_flight.is_empty() && connection.is_ready() {
            self.close(id);
        } else if !connection.is_ready() || !is_of_use {
            let failure = Failure::new(FailureKind::Refused, "the server takes no questions");
            self.cut(id, &failure, now);
        } else {
            self.note_freedom(id);
        }
    }

    /// Questions that the caller has not been told of yet go back into the queue, if the connection has shown that
    /// it is of use: its server has not seen them.
    fn take_back(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id).filter(|connection| connection.was_used) else {
            return;
        };
        let (ordered, unordered) = std::mem::take(&mut connection.in_flight)
            .into_iter()
            .partition(|id| was_commanded(&self.questions, id));
        connection.in_flight = ordered;
        let (server, unordered): (_, BTreeSet<_>) = (connection.server, unordered);
        for question in unordered {
            self.servers.end_waiting(server, Awaited::Answer);
            self.enqueue(question);
        }
    }

    /// Closes a connection on which nothing can be asked.
    fn cut(&mut self, id: ConnectionId, failure: &Failure, now: Instant) {
        let Some(mut connection) = self.close(id) else { return };
        if connection.is_ready() {
            let questions = std::mem::take(&mut connection.in_flight);
            self.lose_unasked(&connection, questions, failure, now);
        } else {
            self.fail_to_open(connection, failure, now);
        }
    }

    pub(super) fn time_out_connection(&mut self, id: ConnectionId, now: Instant) {
        let Some(connection) = self.connections.get(&id) else { return };
        if connection.is_ready() {
            return self.end_idleness(id, now);
        }
        let Some(pool) = self.pools.get(&connection.pool) else { return };
        let tls = pool.settings.servers.get(connection.index).map_or(TlsMode::Off, |server| server.tls);
        let failure = connection.expiry(&pool.settings.timeouts, tls);
        self.cut(id, &failure, now);
    }

    pub(super) fn time_out_question(&mut self, id: QuestionId, now: Instant) {
        let Some(question) = self.questions.get(&id) else { return };
        let over = now >= question.deadline;
        match question.state {
            State::Asked { connection, at, .. } => {
                let time = Seconds(question.due.saturating_duration_since(at));
                let server = self.server_asked(connection);
                let reason = format!("no answer from {server} within {time}");
                let failure = Failure::new(FailureKind::Unexpected, reason);
                if over {
                    self.miss_deadline(id, connection, failure, now);
                } else {
                    self.miss_answer(id, connection, &failure, now);
                }
            }
            State::Waiting | State::Reserved(_) => {
                let failure = Failure::new(FailureKind::Contact, self.what_is_late(question.pool));
                self.detach(id, now);
                self.give_up(id, failure);
            }
        }
    }

    /// Why a question in the queue of the pool could not be asked in time.
    fn what_is_late(&self, pool: PoolId) -> String {
        let pool = self.pools.get(&pool);
        let servers = pool.map(|pool| pool.settings.servers.as_slice()).unwrap_or_default();
        let server = servers.first().map(ToString::to_string).unwrap_or_default();
        let first = pool.and_then(|pool| pool.server_pools.first());
        match first.is_some_and(|server_pool| self.servers.is_awaited(server_pool.server)) {
            true => format!("no address of {server} in time"),
            false => format!("no connection to {server} in time"),
        }
    }

    /// The question has taken too long on this server, though not too long for another.
    fn miss_answer(&mut self, id: QuestionId, on: ConnectionId, failure: &Failure, now: Instant) {
        self.note_silence(id, on, failure, now);
        let Some(connection) = self.connections.get(&on) else { return };
        let is_alive = connection.heard_at > self.asked_at(on, id);
        if is_alive && matches!(self.sharing(on), Some(Sharing::Pipelined(_))) {
            let index = connection.index;
            self.call_off(on, id);
            self.try_elsewhere(id, index, failure, now);
            self.release(on, id, now);
        } else {
            self.close_silent(id, on, failure, now);
        }
    }

    /// Closes a connection that has been silent to this question for all its time. It goes over to a fresh one if the
    /// old one may have been dead and no other server is better; so do the others, which have not had their time.
    fn close_silent(&mut self, id: QuestionId, on: ConnectionId, failure: &Failure, now: Instant) {
        let asked_at = self.asked_at(on, id);
        let Some(connection) = self.close(on) else { return };
        let may_be_dead =
            connection.was_used && connection.heard_at <= asked_at && !self.has_better(id, &connection, now);
        let (again, lost): (BTreeSet<_>, BTreeSet<_>) = connection
            .in_flight
            .iter()
            .partition(|question| (**question != id || may_be_dead) && self.may_be_asked_again(question));
        if !again.is_empty() {
            self.ask_again(&connection, again, failure, now);
        }
        if !lost.is_empty() {
            self.leave_unanswered(&connection, lost, failure, now);
        }
    }

    /// Whether the question has a server to go to that works.
    fn has_better(&self, id: QuestionId, connection: &Connection, now: Instant) -> bool {
        let Some(question) = self.questions.get(&id) else { return false };
        let elsewhere = question.wish.tried.with(connection.index);
        let pool = self.pools.get(&connection.pool);
        pool.is_some_and(|pool| pool.best(elsewhere, &self.servers, now) == Standing::Good)
    }

    /// The login's time is over. The server is silent only if it has been so for long.
    fn miss_deadline(&mut self, id: QuestionId, on: ConnectionId, failure: Failure, now: Instant) {
        let Some(asked_at) = self.asked_at(on, id) else { return };
        if now >= asked_at + SUSPICION {
            self.note_silence(id, on, &failure, now);
        }
        self.detach(id, now);
        if let Some(question) = self.questions.get_mut(&id) {
            question.failure = Some(failure.clone());
        }
        self.give_up(id, failure);
    }

    /// A question has waited in vain for long.
    fn note_silence(&mut self, id: QuestionId, on: ConnectionId, failure: &Failure, now: Instant) {
        let Some(asked_at) = self.asked_at(on, id) else { return };
        if let Some(connection) = self.connections.get(&on) {
            self.servers.handle_silence(connection.server, &connection.target, failure, asked_at, now);
        }
    }

    fn server_asked(&self, on: ConnectionId) -> String {
        let Some(connection) = self.connections.get(&on) else { return String::new() };
        let pool = self.pools.get(&connection.pool);
        let server = pool.and_then(|pool| pool.settings.servers.get(connection.index));
        server.map(ToString::to_string).unwrap_or_default()
    }
}
