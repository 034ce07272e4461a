//! What the dispatcher tells of itself, and what is done to its cache by hand.
#![forbid(unsafe_code)]

use super::job::Job;
use super::{Dispatcher, InstanceId};
use crate::metrics::histogram::Histogram;
use crate::metrics::ledger::label;
use crate::metrics::snapshot::{CacheNow, MechanismNow, NegativeCacheNow, PoolNow};
use crate::metrics::totals::Totals;
use crate::policy::cache::{CachedLogin, is_named};
use std::time::{Duration, Instant};

impl Dispatcher {
    /// What was counted since this was asked last.
    pub fn take_totals(&mut self) -> Totals {
        let mut totals = self.counters.take(&self.site);
        self.pools.iter_mut().for_each(|pool| totals.waits.add(&pool.take_waits()));
        if let Some(server) = &mut self.policy_server {
            totals.policy = std::mem::take(&mut server.counted);
        }
        totals
    }

    /// What the requests of the last half minute or minute took, and how long that time was.
    pub fn recent(&mut self, now: Instant) -> (Histogram, Duration) {
        self.counters.recent(now)
    }

    /// In the order of the site.
    pub fn mechanisms(&mut self, now: Instant) -> Vec<MechanismNow> {
        let instances = self.site.instances.iter().zip((0..).map(InstanceId));
        let mechanisms = instances.map(|(instance, id)| MechanismNow {
            name: label(&instance.name),
            mechanism: instance.mechanism.to_owned(),
            recent_durations: self.counters.recent_checks(id, now),
        });
        mechanisms.collect()
    }

    /// In the order of the site.
    pub fn pools(&self, now: Instant) -> Vec<PoolNow> {
        let named = self.pools.iter().zip(&self.site.pools).map(|(pool, settings)| {
            let instance = settings.instance.or(settings.gssapi_for);
            let instance = instance.and_then(|instance| self.site.instances.get(instance.0));
            PoolNow { instance: instance.map(|instance| label(&instance.name)), ..pool.look(now) }
        });
        named.collect()
    }

    /// How many requests have no reply yet.
    pub fn waiting_requests(&self) -> usize {
        self.requests.len()
    }

    /// `None` without one.
    pub fn cache(&self) -> Option<CacheNow> {
        self.cache.as_ref().map(|cache| {
            let (bytes, most_bytes) = cache.bytes();
            let (entries, most, lifetime) = (cache.len(), cache.most(), cache.lifetime());
            CacheNow { entries, most, lifetime, bytes, most_bytes }
        })
    }

    /// `None` without one.
    pub fn negative_cache(&mut self, now: Instant) -> Option<NegativeCacheNow> {
        let cache = self.negative_cache.as_mut()?;
        Some(NegativeCacheNow { entries: cache.len(now), lifetime: cache.lifetime() })
    }

    /// All logins that are answered by the cache now, the one that was used last first.
    pub fn cached_logins(&self, now: Instant) -> impl Iterator<Item = CachedLogin<'_>> {
        self.cache.iter().flat_map(move |cache| cache.logins(now))
    }

    /// Forgets what the cache and the negative cache know of a login, or of all; returns how many entries that were. A login is named as the
    /// mechanism sees it, with or without an `@` and the realm that the client has sent.
    ///
    /// What is being decided meanwhile is not remembered either, and nobody who asks from now on joins it.
    pub fn flush_cache(&mut self, login: Option<&[u8]>) -> usize {
        for job in self.jobs.values_mut().filter_map(Job::login) {
            if login.is_none_or(|wanted| is_named(wanted, &job.names.login, &job.names.realm)) {
                if let Some(fingerprint) = job.fingerprint.take() {
                    self.in_flight.remove(&fingerprint);
                }
            }
        }
        let accepted = self.cache.as_mut().map_or(0, |cache| cache.flush(login));
        let refused = self.negative_cache.as_mut().map_or(0, |cache| cache.flush(login));
        self.counters.note_flushed(accepted, refused);
        accepted + refused
    }
}
