//! The one reply: now, or when the delay that PAM wants is over; and the warning when logins wait.
#![forbid(unsafe_code)]

use super::{Action, ClientId, DecidedBy, Dispatcher, Event, Names, Timer, Waiting, Waits};
use crate::outcome::Outcome;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Instant;

impl Dispatcher {
    /// Logs the failure now and sends it when PAM's delay is over.
    pub(super) fn hold(
        &mut self,
        names: &Rc<Names>,
        clients: BTreeSet<ClientId>,
        outcome: Outcome,
        until: Instant,
    ) {
        for client in clients {
            self.log_decision(names, &outcome, DecidedBy::Mechanism);
            self.clients.insert(client, Waits::Delay(outcome.clone(), until));
            self.timers.insert((until, Timer::HeldReply(client)));
        }
    }

    pub(super) fn release(&mut self, client: ClientId) {
        if let Some(Waits::Delay(outcome, _)) = self.clients.remove(&client) {
            self.actions.push_back(Action::Reply(client, outcome));
        }
    }

    pub(super) fn decide(
        &mut self,
        names: &Rc<Names>,
        clients: impl IntoIterator<Item = ClientId>,
        outcome: Outcome,
        by: DecidedBy,
    ) {
        for client in clients {
            self.clients.remove(&client);
            self.actions.push_back(Action::Reply(client, outcome.clone()));
            self.log_decision(names, &outcome, by);
        }
    }

    pub(super) fn log_decision(&mut self, names: &Rc<Names>, outcome: &Outcome, by: DecidedBy) {
        let event = Event::Decided(Rc::clone(names), outcome.clone(), by);
        self.actions.push_back(Action::Log(event));
    }

    pub(super) fn watch_queue(&mut self, now: Instant) {
        let waiting = self.pool.waiting();
        let oldest = || {
            let waiting = self.jobs.values().filter(|job| job.purpose.is_some());
            waiting.map(|job| job.submitted).min()
        };
        if let Some((logins, longest)) = self.queue_watch.observe(waiting, oldest, now) {
            let flag = self.pool.settings().flag;
            self.actions.push_back(Action::Log(Event::Waiting(Waiting { logins, longest, flag })));
        }
    }
}
