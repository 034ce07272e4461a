//! Circuit breakers for what mechanisms that block ask by themselves, such as the servers of a Kerberos realm.
//!
//! A library that waits for a silent server holds its worker: libkrb5 1.20 for 27 seconds. So a backend that answers nobody
//! is left alone (the circuit is *open*): logins are told at once, but for one at a time that tries (half-open). An answer,
//! whatever it says, closes the circuit.
//!
//! It opens when two logins of different names have waited for [`PATIENCE`] since the last answer. One alone may be what
//! the backend cannot digest, tried again and again by somebody's telephone, and must not take it from everybody. No login
//! that has a worker is cut short: a library may be trying the next server of its own list.
//!
//! Pure: a table of what workers have, by backend. It is bounded by the workers and `MOST`.
#![forbid(unsafe_code)]

#[cfg(test)]
mod tests;

use crate::config::site::InstanceId;
use crate::job::JobId;
use crate::policy::origin::Login;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long a login waits until that counts. libkrb5 takes two seconds when the first of two servers is silent and four
/// when two of three are; mail clients wait for eight to ten.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How many backends are remembered of which no worker has a login. The one asked the longest time ago makes room.
const MOST: usize = 256;

/// Whoever decides about a login behind a mechanism that blocks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Backend {
    /// The mechanism.
    pub instance: InstanceId,
    /// As the mechanism calls it: a realm.
    pub name: Rc<[u8]>,
}

/// What a backend has become by what was heard of it, or was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Answers nobody: it is left alone.
    Opened,
    /// Answers again.
    Closed,
}

/// How a login ended that a worker had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was accepted or refused.
    Decided,
    /// The mechanism could not tell. That it soon knew so is as good as an answer, since it costs nobody time.
    Undecided,
    /// It had all the time that a login has; its worker is killed.
    GivenUp,
}

/// All backends of which something is to be remembered.
#[derive(Debug)]
pub struct CircuitBreakers {
    circuits: BTreeMap<Backend, Circuit>,
    /// How long logins that are given up must have waited so that this counts.
    least: Duration,
}

#[derive(Debug)]
struct Circuit {
    /// What workers have.
    out: BTreeMap<JobId, Out>,
    /// Has waited in vain since the last answer.
    witness: Option<Rc<Login>>,
    /// How long all together have waited that were given up since then. A login that had to wait for its worker is given up a
    /// moment after that has it, which alone says nothing.
    in_vain: Duration,
    /// While it is open.
    open: Option<Open>,
    last_asked: Instant,
}

#[derive(Debug)]
struct Out {
    login: Rc<Login>,
    /// When it began or, if that is later, when another login was answered.
    since: Instant,
    /// Another login was answered since it began.
    is_outlived: bool,
    has_testified: bool,
}

#[derive(Debug, Default)]
struct Open {
    /// The login that tries.
    probe: Option<JobId>,
}

impl CircuitBreakers {
    /// Without anything known. A login is given up after `longest`: where that is less than [`PATIENCE`], most of it has to do.
    pub fn new(longest: Duration) -> Self {
        Self { circuits: BTreeMap::new(), least: PATIENCE.min(longest / 4 * 3) }
    }

    /// Whether a worker is to be asked for this login; otherwise nobody.
    pub fn admit(&mut self, backend: &Backend, job: JobId) -> bool {
        match self.circuits.get_mut(backend).and_then(|circuit| circuit.open.as_mut()) {
            None => true,
            Some(open) => *open.probe.get_or_insert(job) == job,
        }
    }

    /// A worker gets the login.
    pub fn begin(&mut self, backend: &Backend, job: JobId, login: Rc<Login>, now: Instant) {
        if !self.circuits.contains_key(backend) {
            self.make_room();
        }
        let circuit = self.circuits.entry(backend.clone()).or_insert_with(|| Circuit::new(now));
        circuit.last_asked = now;
        circuit.out.insert(job, Out::new(login, now));
    }

    /// The worker did not get the login, which waits for another one and is asked of nobody so long.
    pub fn take_back(&mut self, backend: &Backend, job: JobId) {
        if let Some(circuit) = self.circuits.get_mut(backend) {
            circuit.out.remove(&job);
            self.forget_if_unremarkable(backend);
        }
    }

    /// The login has ended in a worker.
    pub fn end(&mut self, backend: &Backend, job: JobId, end: End, now: Instant) -> Option<Change> {
        let circuit = self.circuits.get_mut(backend)?;
        let out = circuit.leave(job)?;
        let waited = now.saturating_duration_since(out.since);
        let change = match end {
            End::GivenUp => {
                circuit.in_vain = circuit.in_vain.saturating_add(waited);
                if circuit.in_vain >= self.least { circuit.testify(out.login) } else { None }
            }
            End::Undecided if waited >= PATIENCE => circuit.testify(out.login),
            // It was held up by something that did not hold up others.
            End::Undecided if out.is_outlived => None,
            End::Undecided | End::Decided => circuit.close(now),
        };
        self.forget_if_unremarkable(backend);
        change
    }

    /// The login has ended, or goes on elsewhere, and that says nothing of the backend.
    pub fn withdraw(&mut self, backend: &Backend, job: JobId) {
        if let Some(circuit) = self.circuits.get_mut(backend) {
            circuit.leave(job);
            self.forget_if_unremarkable(backend);
        }
    }

    /// The time that [`Self::next_timeout`] named has come. Names those that are left alone from now on.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<Backend> {
        let opened = self.circuits.iter_mut().filter_map(|(backend, circuit)| {
            (circuit.look(now) == Some(Change::Opened)).then(|| backend.clone())
        });
        opened.collect()
    }

    /// Those that are left alone.
    pub fn open(&self) -> impl Iterator<Item = &Backend> {
        self.circuits.iter().filter(|(_, circuit)| circuit.open.is_some()).map(|(backend, _)| backend)
    }

    /// What workers have, and those that try.
    #[cfg(any(test, feature = "simulation"))]
    pub fn jobs(&self) -> impl Iterator<Item = JobId> {
        let circuits = self.circuits.values();
        circuits.flat_map(|circuit| {
            circuit.out.keys().copied().chain(circuit.open.as_ref().and_then(|open| open.probe))
        })
    }

    /// When a login will have waited for [`PATIENCE`].
    pub fn next_timeout(&self) -> Option<Instant> {
        self.circuits.values().filter_map(Circuit::next_testimony).min()
    }

    fn forget_if_unremarkable(&mut self, backend: &Backend) {
        let is_remarkable = |circuit: &Circuit| {
            let has_waited = circuit.witness.is_some() || !circuit.in_vain.is_zero();
            !circuit.out.is_empty() || has_waited || circuit.open.is_some()
        };
        if self.circuits.get(backend).is_some_and(|circuit| !is_remarkable(circuit)) {
            self.circuits.remove(backend);
        }
    }

    fn make_room(&mut self) {
        let resting = || self.circuits.iter().filter(|(_, circuit)| circuit.out.is_empty());
        if resting().count() >= MOST {
            let oldest = resting().min_by_key(|(_, circuit)| circuit.last_asked);
            if let Some(oldest) = oldest.map(|(backend, _)| backend.clone()) {
                self.circuits.remove(&oldest);
            }
        }
    }
}

impl Circuit {
    fn new(now: Instant) -> Self {
        Self { out: BTreeMap::new(), witness: None, in_vain: Duration::ZERO, open: None, last_asked: now }
    }

    /// Lets another login try if this was the one that did.
    fn leave(&mut self, job: JobId) -> Option<Out> {
        if let Some(open) = self.open.as_mut().filter(|open| open.probe == Some(job)) {
            open.probe = None;
        }
        self.out.remove(&job)
    }

    fn close(&mut self, now: Instant) -> Option<Change> {
        (self.witness, self.in_vain) = (None, Duration::ZERO);
        for out in self.out.values_mut() {
            (out.since, out.is_outlived, out.has_testified) = (now, true, false);
        }
        self.open.take().map(|_| Change::Closed)
    }

    fn testify(&mut self, login: Rc<Login>) -> Option<Change> {
        let witness = self.witness.get_or_insert_with(|| Rc::clone(&login));
        if witness.name == login.name || self.open.is_some() {
            return None;
        }
        self.open = Some(Open::default());
        Some(Change::Opened)
    }

    fn look(&mut self, now: Instant) -> Option<Change> {
        let is_due = |out: &&mut Out| !out.has_testified && out.since + PATIENCE <= now;
        let due = self.out.values_mut().filter(is_due).map(|out| {
            out.has_testified = true;
            Rc::clone(&out.login)
        });
        let due: Vec<_> = due.collect();
        due.into_iter().filter_map(|login| self.testify(login)).last()
    }

    fn next_testimony(&self) -> Option<Instant> {
        let waiting = self.out.values().filter(|out| !out.has_testified);
        waiting.map(|out| out.since + PATIENCE).min()
    }
}

impl Out {
    fn new(login: Rc<Login>, now: Instant) -> Self {
        Self { login, since: now, is_outlived: false, has_testified: false }
    }
}
