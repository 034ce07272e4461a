//! Where a server can be reached, and which of its addresses have failed.
#![forbid(unsafe_code)]

use super::Target;
use crate::net::exchange::Address;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// How long found addresses count as new. Old ones stay in use until newer ones are there.
const REFRESH: Duration = Duration::from_secs(60);
/// How soon a name is looked up again that could not be found.
pub(super) const LOOK_UP_AGAIN: Duration = Duration::from_secs(5);

/// The addresses of one server, the one to be used next first.
pub(super) struct Addresses {
    places: Vec<Place>,
    /// When a name has to be looked up again; `None` if there is no name.
    stale_at: Option<Instant>,
    /// When its name was last looked up.
    looked_up_at: Option<Instant>,
    /// When a question was last answered, at whatever address.
    answered_at: Option<Instant>,
}

struct Place {
    target: Target,
    failed_at: Option<Instant>,
    answered_at: Option<Instant>,
}

impl Addresses {
    /// Those that can be known without asking anybody.
    pub(super) fn of(address: &Address, now: Instant) -> Self {
        let known = match address {
            Address::Path(path) => Some(Target::Path(path.clone())),
            Address::Host { host, service } => literal(host, service).map(Target::Socket),
        };
        let stale_at = known.is_none().then_some(now);
        let places = known.into_iter().map(Place::new).collect();
        Self { places, stale_at, looked_up_at: None, answered_at: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(super) fn first(&self) -> Option<&Target> {
        self.places.first().map(|place| &place.target)
    }

    /// Whether the name should be looked up.
    pub(super) fn are_stale(&self, now: Instant) -> bool {
        self.stale_at.is_some_and(|at| now >= at)
    }

    /// The name was looked up. What is known of addresses that were there before stays known.
    pub(super) fn replace(&mut self, found: Vec<SocketAddr>, now: Instant) {
        let mut places: Vec<Place> = Vec::new();
        for target in found.into_iter().map(Target::Socket) {
            if places.iter().any(|place| place.target == target) {
                continue;
            }
            let known = self.places.iter().position(|place| place.target == target);
            places.push(known.map_or_else(|| Place::new(target), |known| self.places.remove(known)));
        }
        // Stable: the resolver's order is kept among those that have not failed and among those that have.
        places.sort_by_key(|place| place.failed_at.is_some());
        self.places = places;
        self.stale_at = Some(now + REFRESH);
        self.looked_up_at = Some(now);
    }

    /// The name could not be looked up.
    pub(super) fn keep(&mut self, now: Instant) {
        self.stale_at = Some(now + LOOK_UP_AGAIN);
        self.looked_up_at = Some(now);
    }

    /// The address has failed: the others come first.
    pub(super) fn fail(&mut self, target: &Target, now: Instant) {
        if let Some(index) = self.places.iter().position(|place| place.target == *target) {
            let mut place = self.places.remove(index);
            place.failed_at = Some(now);
            self.places.push(place);
        }
    }

    /// The others come first, though it may be as good as they are.
    pub(super) fn put_last(&mut self, target: &Target) {
        if let Some(index) = self.places.iter().position(|place| place.target == *target) {
            let place = self.places.remove(index);
            self.places.push(place);
        }
    }

    /// Whether every address has failed since the last answer.
    pub(super) fn have_all_failed(&self) -> bool {
        self.places.iter().all(|place| place.failed_at.is_some() && place.failed_at >= self.answered_at)
    }

    /// All have failed and are to be tried again, and the name is looked up again soon: the server may have moved.
    pub(super) fn forget_failures(&mut self) {
        self.places.iter_mut().for_each(|place| place.failed_at = None);
        if let (Some(stale_at), Some(at)) = (self.stale_at, self.looked_up_at) {
            self.stale_at = Some(stale_at.min(at + LOOK_UP_AGAIN));
        }
    }

    /// A question was answered there.
    pub(super) fn answer(&mut self, target: &Target, now: Instant) {
        self.answered_at = Some(now);
        if let Some(place) = self.places.iter_mut().find(|place| place.target == *target) {
            place.answered_at = Some(now);
            place.failed_at = None;
        }
    }

    /// Whether a question was answered there after that time.
    pub(super) fn has_answered_since(&self, target: &Target, time: Instant) -> bool {
        let place = self.places.iter().find(|place| place.target == *target);
        place.and_then(|place| place.answered_at).is_some_and(|at| at > time)
    }
}

impl Place {
    fn new(target: Target) -> Self {
        Self { target, failed_at: None, answered_at: None }
    }
}

fn literal(host: &str, service: &str) -> Option<SocketAddr> {
    let host: IpAddr = host.parse().ok()?;
    Some(SocketAddr::new(host, service.parse().ok()?))
}
