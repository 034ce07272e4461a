//! The pools of workers of a site. None takes anything from another.
#![forbid(unsafe_code)]

use super::overload::OverloadWatch;
use super::queue_watch::QueueWatch;
use crate::config::site::{PoolId, Site};
use crate::job::WorkerId;
use crate::policy::pool::{Command, Pool};
use std::time::{Duration, Instant};

pub(super) struct Pools(Vec<Watched>);

struct Watched {
    pool: Pool,
    queue: QueueWatch,
    overload: OverloadWatch,
}

impl Pools {
    /// Without workers. `most` is the longest that a login may wait.
    pub(super) fn new(site: &Site, most: Duration) -> Self {
        let pools = site.pools.iter().map(|pool| Watched {
            pool: Pool::new(pool.workers.clone()).in_batches(pool.batch),
            queue: QueueWatch::new(most),
            overload: OverloadWatch::default(),
        });
        Self(pools.collect())
    }

    pub(super) fn get(&mut self, id: PoolId) -> Option<&mut Pool> {
        self.0.get_mut(id.0).map(|watched| &mut watched.pool)
    }

    /// As [`Self::get`], and what watches its queue for those who wait in vain.
    pub(super) fn watched(&mut self, id: PoolId) -> Option<(&mut Pool, &mut OverloadWatch)> {
        self.0.get_mut(id.0).map(|watched| (&mut watched.pool, &mut watched.overload))
    }

    /// All of them.
    pub(super) fn ids(&self) -> impl Iterator<Item = PoolId> + use<> {
        (0..self.0.len()).map(PoolId)
    }

    /// The one that a worker belongs to.
    pub(super) fn of(&mut self, worker: WorkerId) -> Option<&mut Pool> {
        self.0.iter_mut().map(|watched| &mut watched.pool).find(|pool| pool.has(worker))
    }

    /// As [`Self::of`].
    pub(super) fn id_of(&self, worker: WorkerId) -> Option<PoolId> {
        self.0.iter().position(|watched| watched.pool.has(worker)).map(PoolId)
    }

    /// How many workers have a job.
    pub(super) fn busy(&self) -> usize {
        self.0.iter().map(|watched| watched.pool.busy()).sum()
    }

    /// How many jobs wait for one.
    pub(super) fn queued(&self) -> usize {
        self.0.iter().map(|watched| watched.pool.queued()).sum()
    }

    /// Whether all that keep workers ready have had one that was.
    pub(super) fn have_been_ready(&self) -> bool {
        let mut pools = self.0.iter().map(|watched| &watched.pool);
        pools.all(|pool| pool.has_been_ready() || pool.settings().ready == 0)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.0.iter_mut().for_each(|watched| watched.pool.handle_timeout(now));
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let timeouts = self.0.iter().flat_map(|watched| {
            [watched.pool.next_timeout(), watched.queue.next_timeout(), watched.overload.next_timeout()]
        });
        timeouts.flatten().min()
    }

    pub(super) fn next_command(&mut self) -> Option<(PoolId, Command)> {
        let mut pools = self.0.iter_mut().zip(0..);
        pools.find_map(|(watched, place)| Some((PoolId(place), watched.pool.next_command()?)))
    }

    /// How many wait in the pool and how long the first has, when that is worth a warning; see [`QueueWatch::observe`].
    pub(super) fn observe_queue(
        &mut self,
        id: PoolId,
        oldest: impl FnOnce() -> Option<Instant>,
        now: Instant,
    ) -> Option<(usize, Duration)> {
        let Watched { pool, queue, .. } = self.0.get_mut(id.0)?;
        queue.observe(pool.waiting(), oldest, now)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Pool> {
        self.0.iter_mut().map(|watched| &mut watched.pool)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Pool> {
        self.0.iter().map(|watched| &watched.pool)
    }
}
