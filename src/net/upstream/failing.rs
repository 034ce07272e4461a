//! What becomes of questions when a connection breaks, or a server cannot answer.
#![forbid(unsafe_code)]

use super::asking::was_commanded;
use super::certain::certain;
use super::connection::{Connection, Purpose};
use super::health::Availability;
use super::in_flight::Awaited;
use super::servers::{FailureScope, ServerId};
use super::{Command, ConnectionId, Event, Target, UpstreamManager};
use crate::net::exchange::{Failure, FailureKind, PoolId, QuestionId, Sharing};
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
            self.note_failure(connection.server, &connection.target, failure, connection.began, now);
        }
    }

    /// Those that are asked again on a fresh connection, and those that are not. The server may have closed one that
    /// it has served before, before it saw the question. Shared ones carry searches, which can be asked twice anyway.
    fn divide(&self, connection: &Connection, now: Instant) -> (BTreeSet<QuestionId>, BTreeSet<QuestionId>) {
        let is_up = self.servers.availability(connection.server, now) != Availability::Down;
        let pool = certain(self.pools.get(&connection.pool));
        let is_shared = pool.is_some_and(|pool| matches!(pool.settings.sharing, Sharing::Pipelined(_)));
        let may_again = is_up && (connection.was_used || is_shared);
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
            if let Some(question) = certain(self.questions.get_mut(id)) {
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
        let scope = self.note_failure(connection.server, &connection.target, failure, connection.began, now);
        let next_address = scope == FailureScope::Address;
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
            if let Some(question) = certain(self.questions.get_mut(&id)) {
                question.failure = Some(failure.clone());
            }
            self.dequeue(id);
            self.give_up(id, failure.clone());
        }
    }

    fn oldest_waiting(&self, pool: PoolId) -> Option<QuestionId> {
        let groups = certain(self.pools.get(&pool))?.queue.groups();
        groups.min_by_key(|group| group.oldest).map(|group| group.question)
    }

    /// These were asked, and nobody will answer them here: the connection has broken over them, or is closed since it
    /// was silent. The server is not down for that, since one of them may be why: a client whose login makes a server
    /// hang up, or is never answered, must not have it left alone by all others.
    pub(super) fn leave_unanswered(
        &mut self,
        connection: &Connection,
        questions: BTreeSet<QuestionId>,
        failure: &Failure,
        now: Instant,
    ) {
        self.tell_unanswered(connection, failure, now);
        self.servers.note_failed(connection.server, questions.len());
        for id in questions {
            self.try_elsewhere(id, connection.index, failure, now);
        }
    }

    fn tell_unanswered(&mut self, connection: &Connection, failure: &Failure, now: Instant) {
        let Some(pool) = certain(self.pools.get_mut(&connection.pool)) else { return };
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
        self.note_failure(connection.server, &connection.target, failure, connection.began, now);
        for id in questions {
            self.try_elsewhere(id, connection.index, failure, now);
        }
    }

    fn note_failure(
        &mut self,
        server: ServerId,
        target: &Target,
        failure: &Failure,
        began: Instant,
        now: Instant,
    ) -> FailureScope {
        self.servers.note_failed(server, 1);
        let scope = self.servers.handle_failure(server, target, failure, began, now);
        if scope == FailureScope::Server {
            self.close_idle(server);
        }
        scope
    }

    /// Connections to a server that has failed are likely to be dead, and take the place of those that are not.
    fn close_idle(&mut self, server: ServerId) {
        let pools = self.servers.pools(server);
        let pools_of_server = pools.iter().filter_map(|pool| certain(self.pools.get(pool)));
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
        let Some(question) = certain(self.questions.get_mut(&id)) else { return };
        question.group.tried = question.group.tried.with(index);
        question.group.awaits_probe = true;
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
    pub(super) fn cut(&mut self, id: ConnectionId, failure: &Failure, now: Instant) {
        let Some(mut connection) = certain(self.close(id)) else { return };
        if connection.is_ready() {
            let questions = std::mem::take(&mut connection.in_flight);
            self.lose_unasked(&connection, questions, failure, now);
        } else {
            self.fail_to_open(connection, failure, now);
        }
    }
}
