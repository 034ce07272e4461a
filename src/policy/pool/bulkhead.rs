//! Bulkheads: where the workers of a pool ask several backends, as one of `kerberos5` asks several realms, none of these gets
//! the last worker.
//!
//! A backend that falls silent holds every worker that it has, long before anybody can know that it is silent. Whoever
//! needs another one then finds a worker all the same. Logins beyond that wait outside the queue, in turn as in it.
//!
//! It costs the last worker of those that one backend could use. So nothing is kept free from one for others that nobody
//! has proved to be there: clients make up realms as they like.
#![forbid(unsafe_code)]

use crate::job::JobId;
use crate::policy::fair_queue::FairQueue;
use crate::policy::origin::Origin;
use std::collections::HashMap;
use std::rc::Rc;

/// What a backend is called.
type Name = Rc<[u8]>;

/// Who may be in the queue or have a worker, and who waits outside.
#[derive(Default)]
pub(super) struct Bulkheads {
    /// Those with a job.
    compartments: HashMap<Name, Compartment>,
    /// Of the jobs inside and outside.
    names: HashMap<JobId, Name>,
    outside: usize,
    /// The first backend that has proved to be there.
    first: Option<Name>,
    /// Another one has, too.
    is_shared: bool,
}

#[derive(Default)]
struct Compartment {
    /// Jobs in the queue, or with a worker.
    inside: usize,
    outside: FairQueue<JobId>,
}

impl Bulkheads {
    /// That backend is there: it has decided about a login, or was waited for.
    pub(super) fn prove(&mut self, name: &Name) {
        self.is_shared |= *self.first.get_or_insert_with(|| Rc::clone(name)) != *name;
    }

    /// A job comes for that backend. `true` if it may go into the queue for that many `workers`, otherwise it waits here.
    pub(super) fn enter(&mut self, name: &Name, job: JobId, origin: &Origin, workers: usize) -> bool {
        let most = self.most(name, workers);
        let compartment = self.compartments.entry(Rc::clone(name)).or_default();
        self.names.insert(job, Rc::clone(name));
        let is_inside = compartment.inside < most;
        if is_inside {
            compartment.inside += 1;
        } else {
            compartment.outside.insert(origin, job.0, job);
            self.outside += 1;
        }
        is_inside
    }

    /// The job waits no more, if it did outside.
    pub(super) fn remove(&mut self, job: JobId, origin: &Origin) -> bool {
        let Some(name) = self.names.get(&job) else { return false };
        let Some(compartment) = self.compartments.get_mut(name) else { return false };
        let is_removed = compartment.outside.remove(origin, job.0);
        if is_removed {
            self.outside -= 1;
            self.names.remove(&job);
        }
        is_removed
    }

    /// The job is over, if it was inside. Names the one that may go into the queue now.
    pub(super) fn leave(&mut self, job: JobId, workers: usize) -> Option<JobId> {
        let name = self.names.remove(&job)?;
        let most = self.most(&name, workers);
        let compartment = self.compartments.get_mut(&name)?;
        compartment.inside = compartment.inside.saturating_sub(1);
        // More may have come in before another backend was proved.
        let next = if compartment.inside < most { compartment.let_one_in() } else { None };
        if compartment.inside == 0 {
            self.compartments.remove(&name);
        }
        self.outside -= usize::from(next.is_some());
        next
    }

    /// How many jobs of that backend may be inside.
    fn most(&self, name: &Name, workers: usize) -> usize {
        let has_others = self.is_shared || self.first.as_ref().is_some_and(|first| first != name);
        if has_others { workers.saturating_sub(1).max(1) } else { usize::MAX }
    }

    /// How many wait outside.
    pub(super) fn len(&self) -> usize {
        self.outside
    }

    /// Whether the job waits here.
    #[cfg(any(test, feature = "simulation"))]
    pub(super) fn holds(&self, job: JobId) -> bool {
        let compartment = self.names.get(&job).and_then(|name| self.compartments.get(name));
        compartment.is_some_and(|compartment| compartment.outside.iter().any(|held| *held == job))
    }

    /// All of which something is known.
    #[cfg(any(test, feature = "simulation"))]
    pub(super) fn jobs(&self) -> impl Iterator<Item = JobId> {
        self.names.keys().copied()
    }

    /// All that wait outside, each with the number of those of its backend that would go in before it.
    pub(super) fn all_in_turn(&self) -> impl Iterator<Item = (usize, JobId)> {
        self.compartments
            .values()
            .flat_map(|compartment| compartment.outside.all_in_turn().into_iter().enumerate())
    }
}

impl Compartment {
    fn let_one_in(&mut self) -> Option<JobId> {
        let (origin, number, job) =
            self.outside.next(usize::MAX).map(|(origin, number, job)| (origin.clone(), number, *job))?;
        self.outside.pass(&origin, number);
        self.inside += 1;
        Some(job)
    }
}
