//! Logins and what they ask.
#![forbid(unsafe_code)]

use super::{Asked, Driver, Login, Pending, Sender};
use crate::job::JobId;
use crate::job::{Errand, ErrandId};
use crate::net::exchange::{Exchange, Failure, PoolId, Protocol, QuestionId, Step};
use crate::net::{ConnectionId, NetworkAction};
use crate::policy::origin::Origin;
use std::time::Instant;

impl<P: Protocol> Driver<P> {
    pub(super) fn step(
        &mut self,
        login: JobId,
        mut exchange: P::Exchange,
        origin: Origin,
        deadline: Instant,
        now: Instant,
        step: impl FnOnce(&mut P::Exchange) -> Step<P::Question, P::Verdict>,
    ) {
        let waits_for = match step(&mut exchange) {
            Step::Ask(pool, question) => {
                Pending::Question(self.put(login, &origin, pool, question, deadline, now))
            }
            Step::Errand(errand) => Pending::Errand(self.send(Sender::Exchange(login), errand)),
            Step::Done(verdict) => return self.actions.push_back(NetworkAction::Decided(login, verdict)),
        };
        self.logins.insert(login, Login { exchange, origin, deadline, waits_for });
    }

    pub(super) fn put(
        &mut self,
        login: JobId,
        origin: &Origin,
        pool: PoolId,
        question: P::Question,
        deadline: Instant,
        now: Instant,
    ) -> QuestionId {
        self.last_question += 1;
        let id = QuestionId(self.last_question);
        self.questions.insert(id, Asked { login, question });
        self.upstream.ask(id, origin, pool, &self.protocol.pool(pool), deadline, now);
        id
    }

    pub(super) fn send(&mut self, sender: Sender, errand: Errand) -> ErrandId {
        self.last_errand += 1;
        let id = ErrandId(self.last_errand);
        let login = match sender {
            Sender::Exchange(login) => Some(login),
            Sender::Session(_) | Sender::UpstreamManager { .. } => None,
        };
        self.errands.insert(id, sender);
        self.actions.push_back(NetworkAction::Errand(id, errand, login));
        id
    }

    /// Nobody waits for it any more.
    pub(super) fn withdraw_errand(&mut self, errand: ErrandId) {
        if self.errands.remove(&errand).is_some() {
            self.actions.push_back(NetworkAction::Withdraw(errand));
        }
    }

    /// Nor for those of a connection that is closed.
    pub(super) fn withdraw_errands_of(&mut self, connection: ConnectionId) {
        let is_its = |sender: &Sender| matches!(sender, Sender::Session(id) if *id == connection);
        let its = self.errands.iter().filter(|(_, sender)| is_its(sender)).map(|(errand, _)| *errand);
        its.collect::<Vec<_>>().into_iter().for_each(|errand| self.withdraw_errand(errand));
    }

    pub(super) fn answer(&mut self, question: QuestionId, answer: Result<P::Answer, Failure>, now: Instant) {
        let Some(Asked { login, .. }) = self.questions.remove(&question) else { return };
        if let Some(Login { exchange, origin, deadline, .. }) = self.logins.remove(&login) {
            self.step(login, exchange, origin, deadline, now, |exchange| exchange.handle_answer(answer));
        }
    }
}
