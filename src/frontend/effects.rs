//! What dispatcher, mechanisms and connections want of each other, carried out.
#![forbid(unsafe_code)]

use super::{Frontend, record};
use crate::config::site::InstanceId;
use crate::ipc::FromFrontend;
use crate::net::{Network, NetworkAction};
use crate::policy::dispatch::{Action, Event};
use crate::policy::policy_server::Answer;
use std::time::Instant;

impl Frontend {
    /// Does what the dispatcher wants, and what the servers' answers lead to, until there is nothing more.
    pub(super) fn carry_out(&mut self, now: Instant) {
        loop {
            while let Some(action) = self.dispatcher.next_action() {
                self.act(action, now);
            }
            if self.hand_over(now) {
                continue;
            }
            if let Some(event) = self.auth_clients.next_event() {
                self.take_auth_event(event, now);
                continue;
            }
            if let Some(action) = self.networks.next_policy_action() {
                self.take_policy_action(action, now);
                continue;
            }
            match self.networks.next_action() {
                None => return,
                Some((instance, NetworkAction::Decided(job, verdict))) => {
                    self.dispatcher.handle_decision(instance, job, verdict, now);
                }
                Some((instance, NetworkAction::Errand(id, errand, login))) => {
                    self.dispatcher.handle_errand(instance, id, errand, login, now);
                }
                Some((instance, NetworkAction::Withdraw(id))) => {
                    self.dispatcher.handle_withdrawal(instance, id, now);
                }
            }
        }
    }

    /// Sends workers what they are to do. `true` if some of it comes back.
    fn hand_over(&mut self, now: Instant) -> bool {
        let undelivered = self.workers.flush();
        let has_any = !undelivered.is_empty();
        for (worker, jobs) in undelivered {
            self.dispatcher.handle_undelivered(worker, jobs, now);
        }
        has_any
    }

    fn act(&mut self, action: Action, now: Instant) {
        match action {
            Action::Reply(request, names, outcome) => self.reply(request, &names, &outcome, now),
            Action::StartWorker(pool) => self.control.send(FromFrontend::Start(pool)),
            Action::Send(worker, job, purpose) => self.workers.send(worker, job, purpose),
            Action::Retire(worker) => self.workers.remove(worker),
            Action::Kill(worker) => {
                self.workers.remove(worker);
                self.control.send(FromFrontend::Kill(worker));
            }
            Action::Ask(instance, job, origin, credentials) => {
                record::write_question(job, &credentials.login, instance, &self.site);
                self.with_network(instance, |network| network.ask(job, origin, credentials, now));
            }
            Action::Withdraw(instance, job) => {
                self.with_network(instance, |network| network.withdraw(job, now));
            }
            Action::Abandon(instance, job) => {
                self.with_network(instance, |network| network.abandon(job, now));
            }
            Action::AskPolicyServer(id, origin, question) => {
                if let Some(server) = self.networks.policy_server() {
                    server.ask(id, origin, question, now);
                }
            }
            Action::AbandonPolicyQuestion(id) => {
                if let Some(server) = self.networks.policy_server() {
                    server.abandon(id, now);
                }
            }
            Action::Report(InstanceId::POLICY_SERVER, id, result) => {
                if let Some(server) = self.networks.policy_server() {
                    server.handle_errand(id, result, now);
                }
            }
            Action::Report(instance, id, result) => {
                self.with_network(instance, |network| network.handle_errand(id, result, now));
            }
            Action::Log(event) => {
                self.decided += u64::from(matches!(event, Event::Decided(..)));
                record::write(&event, &self.site, &mut self.outages, now);
            }
        }
    }

    fn take_policy_action(&mut self, action: NetworkAction<Answer>, now: Instant) {
        match action {
            NetworkAction::Decided(id, answer) => self.dispatcher.handle_policy_answer(id, answer, now),
            NetworkAction::Errand(id, errand, _) => {
                self.dispatcher.handle_errand(InstanceId::POLICY_SERVER, id, errand, None, now);
            }
            NetworkAction::Withdraw(id) => {
                self.dispatcher.handle_withdrawal(InstanceId::POLICY_SERVER, id, now);
            }
        }
    }

    fn with_network(&mut self, instance: InstanceId, act: impl FnOnce(&mut dyn Network)) {
        if let Some(network) = self.networks.get(instance) {
            act(network);
        }
    }

    /// Writes what the servers are to be asked and what auth clients are answered, and hands out what workers get in batches:
    /// after all events, so that what is for one of them travels together.
    pub(super) fn flush(&mut self, now: Instant) {
        self.networks.flush(now);
        self.carry_out(now);
        self.auth_clients.flush(now);
        self.carry_out(now);
        while self.dispatcher.hand_out(now) {
            self.carry_out(now);
        }
    }
}
