//! Penalties: what counts for them, and which answers they hold back.
#![forbid(unsafe_code)]

use super::job::Login;
use super::{Action, ClientId, Dispatcher, Event, Names, RequestId};
use crate::credentials::Credentials;
use crate::ipc::HandedPenalties;
use crate::metrics::snapshot::PenaltiesNow;
use crate::outcome::Outcome;
use crate::policy::penalty::{AddressNow, Attempt, Held, LoginNow, Penalties};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long before its deadline a refusal is out at the latest, so that whoever has set the deadline reads a refusal and
/// does not give up a moment before.
const MARGIN: Duration = Duration::from_secs(1);

/// Who has a penalty, and what is held back for one.
pub(super) struct Punishment {
    /// `None` with `--penalty=no`.
    penalties: Option<Penalties>,
    held: Held<ClientId, RequestId>,
}

impl Punishment {
    pub(super) fn new(penalties: Option<Penalties>, connections: usize) -> Self {
        Self { penalties, held: Held::new(connections) }
    }

    /// What is to be remembered of a login should its password be wrong.
    pub(super) fn attempt(&self, credentials: &Credentials) -> Option<Attempt> {
        self.penalties.as_ref().map(|penalties| penalties.attempt(credentials))
    }

    /// It was accepted.
    pub(super) fn note_success(&mut self, client: Option<IpAddr>, login: &[u8], realm: &[u8], now: Instant) {
        if let Some(penalties) = &mut self.penalties {
            penalties.note_success(client, login, realm, now);
        }
    }

    /// Its answer is out, or nobody waits for it.
    pub(super) fn release(&mut self, request: RequestId) {
        self.held.release(request.client, &request);
    }
}

impl Dispatcher {
    /// A login is decided, for all that ask at the same time: it counts once.
    pub(super) fn note_end(&mut self, login: &Login, outcome: &Outcome, now: Instant) {
        let Names { client, login: name, realm, .. } = &*login.names;
        match outcome {
            Outcome::Accept(_) => self.punishment.note_success(*client, name, realm, now),
            Outcome::Reject(_) => self.note_failure(login, now),
            // Nobody knows whether the password was wrong.
            Outcome::Unavailable(_) => {}
        }
    }

    /// A mechanism has refused it.
    pub(super) fn note_failure(&mut self, login: &Login, now: Instant) {
        let (Some(penalties), Some(attempt)) = (&mut self.punishment.penalties, login.attempt) else {
            return;
        };
        let Names { client, login: name, realm, .. } = &*login.names;
        if penalties.note_failure(*client, attempt, (name, realm), now) {
            self.counters.note_many_failures();
            self.actions.push_back(Action::Log(Event::ManyFailures(Rc::clone(&login.names))));
        }
    }

    /// For how long the answer to a request is held back that is owed `delay` anyway. Both are served at the same time.
    pub(super) fn delay_with_penalty(
        &mut self,
        request: RequestId,
        names: &Names,
        outcome: &Outcome,
        delay: Duration,
        deadline: Instant,
        now: Instant,
    ) -> Duration {
        let (Some(penalties), Outcome::Reject(_)) = (&self.punishment.penalties, outcome) else {
            return delay;
        };
        let owed = penalties.owed(names.client, &names.login, &names.realm, now);
        let left = deadline.saturating_duration_since(now).saturating_sub(MARGIN);
        let penalty = owed.delay().min(left);
        if penalty <= delay {
            return delay;
        }
        if !self.punishment.held.admit(request.client, request) {
            self.counters.note_waived_penalty();
            return delay;
        }
        self.counters.note_penalty(owed);
        penalty
    }

    /// Whether there are penalties at all.
    pub fn has_penalties(&self) -> bool {
        self.punishment.penalties.is_some()
    }

    /// How many there are now.
    pub fn penalties(&self, now: Instant) -> PenaltiesNow {
        PenaltiesNow {
            addresses: self.penalties_of_addresses(now).count(),
            logins: self.penalties_of_logins(now).count(),
            held: self.punishment.held.len(),
        }
    }

    /// The addresses that have one, the one with the last wrong password first.
    pub fn penalties_of_addresses(&self, now: Instant) -> impl Iterator<Item = AddressNow> {
        self.punishment.penalties.iter().flat_map(move |penalties| penalties.addresses_now(now))
    }

    /// The logins that have one, the one with the last wrong password first.
    pub fn penalties_of_logins(&self, now: Instant) -> impl Iterator<Item = LoginNow<'_>> {
        self.punishment.penalties.iter().flat_map(move |penalties| penalties.logins_now(now))
    }

    /// Forgets all; returns how many there were. What is held back already stays so.
    pub fn clear_penalties(&mut self, now: Instant) -> usize {
        self.punishment.penalties.as_mut().map_or(0, |penalties| penalties.clear(now))
    }

    /// Forgets that of an address, or rather of its subnet; whether there was one.
    pub fn clear_penalty_of_address(&mut self, address: IpAddr, now: Instant) -> bool {
        self.punishment.penalties.as_mut().is_some_and(|penalties| penalties.clear_address(address, now))
    }

    /// Forgets that of a login, named with `@` and its realm; whether there was one.
    pub fn clear_penalty_of_login(&mut self, name: &[u8], now: Instant) -> bool {
        self.punishment.penalties.as_mut().is_some_and(|penalties| penalties.clear_login(name, now))
    }

    /// What the next frontend is to know.
    pub fn penalties_to_hand_over(&self, now: Instant) -> Vec<HandedPenalties> {
        self.punishment.penalties.as_ref().map(|penalties| penalties.hand_over(now)).unwrap_or_default()
    }

    /// What a frontend before has known.
    pub fn take_over_penalties(&mut self, handed: HandedPenalties, now: Instant) {
        if let Some(penalties) = &mut self.punishment.penalties {
            penalties.take_over(handed, now);
        }
    }
}
