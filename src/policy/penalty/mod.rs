//! Penalties for those who guess passwords: the answer to their next wrong one comes later.
//!
//! By client address the first wrong password has two seconds coming, the next ones 4, 8, and 15 from then on; a step is
//! taken back after 15 seconds of quiet, all after 29. A password that was wrong for the same login before does not count
//! again: a phone with an old password climbs no step. The right password takes back the steps of its own login only.
//! By login, whatever the address, refusals are held back by four seconds while there were ten different wrong passwords within a
//! minute.
//!
//! Only refusals are ever held back, and nobody is refused for a penalty. Pure and bounded: see [`MOST_ADDRESSES`].
#![forbid(unsafe_code)]

mod address;
mod attempt;
mod bounded;
mod handing_over;
mod held;
mod listing;
mod login;
mod ring;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

pub use attempt::{Account, Attempt, KEY_LENGTH};
pub use held::Held;
pub use listing::{AddressNow, LoginNow};
pub use login::{MANY, WITHIN};

use crate::config::GuessingSettings;
use crate::config::networks::Networks;
use crate::credentials::Credentials;
use crate::policy::origin::subnet_of;
use address::Address;
use attempt::{Digests, shown_name};
use bounded::Bounded;
use login::Login;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How many addresses are remembered, those of IPv6 by /64; then the one without a wrong password for longest is forgotten. All
/// of them together take some 4 MB at the most.
pub const MOST_ADDRESSES: usize = 8192;

/// The same of logins, with some 4 MB and what their names take, 255 bytes each at the most.
pub const MOST_LOGINS: usize = 4096;

/// The wrong passwords of late.
pub struct Penalties {
    digests: Digests,
    trusted: Networks,
    addresses: Bounded<IpAddr, Address>,
    logins: Bounded<Account, Login>,
}

impl Penalties {
    /// Nobody has a penalty yet; `None` if nobody ever will. `key` is random.
    pub fn new(settings: &GuessingSettings, key: &[u8; KEY_LENGTH]) -> Option<Self> {
        settings.penalty.then(|| Self {
            digests: Digests::new(key),
            trusted: settings.trusted_networks.clone(),
            addresses: Bounded::new(MOST_ADDRESSES),
            logins: Bounded::new(MOST_LOGINS),
        })
    }

    /// What is to be remembered of a login should its password be wrong.
    pub fn attempt(&self, credentials: &Credentials) -> Attempt {
        let account = self.account(&credentials.login, &credentials.realm);
        self.digests.attempt(account, &credentials.password)
    }

    fn account(&self, login: &[u8], realm: &[u8]) -> Account {
        self.digests.account(&shown_name(login, realm))
    }

    /// A mechanism has refused a login. Whether the log is to say that there are many failures for it.
    pub fn note_failure(
        &mut self,
        client: Option<IpAddr>,
        attempt: Attempt,
        (login, realm): (&[u8], &[u8]),
        now: Instant,
    ) -> bool {
        self.forget_old(now);
        if let Some(subnet) = self.subnet(client) {
            let known = self.addresses.get(&subnet).filter(|address| !address.is_over(now));
            let mut address = known.cloned().unwrap_or_else(|| Address::new(now));
            if address.note_failure(attempt, now) {
                self.addresses.insert(subnet, address);
            }
        }
        let mut known = self.logins.get(&attempt.account).cloned().unwrap_or_default();
        let is_to_be_told = known.note_failure(attempt, || shown_name(login, realm), now);
        self.logins.insert(attempt.account, known);
        is_to_be_told
    }

    /// A login was accepted, by the cache for one: what was wrong before were slips.
    pub fn note_success(&mut self, client: Option<IpAddr>, login: &[u8], realm: &[u8], now: Instant) {
        let Some(subnet) = client.filter(|_| self.addresses.len() > 0).map(subnet_of) else { return };
        if self.addresses.get(&subnet).is_none() {
            return;
        }
        let account = self.account(login, realm);
        if let Some(address) = self.addresses.get_mut(&subnet) {
            address.note_success(account, now);
            if address.is_over(now) {
                self.addresses.remove(&subnet);
            }
        }
    }

    /// How long a refusal of that login is to be held back for its address, and how long for itself.
    pub fn owed(&self, client: Option<IpAddr>, login: &[u8], realm: &[u8], now: Instant) -> Owed {
        let address = self.subnet(client).and_then(|subnet| self.addresses.get(&subnet));
        let has_many = || {
            let account = self.account(login, realm);
            self.logins.get(&account).is_some_and(|login| login.has_many(now))
        };
        Owed {
            by_address: address.map(|address| address.delay(now)).unwrap_or_default(),
            by_login: if self.logins.len() > 0 && has_many() { login::DELAY } else { Duration::ZERO },
        }
    }

    /// Forgets all; returns how many addresses and logins had a penalty.
    pub fn clear(&mut self, now: Instant) -> usize {
        let cleared = self.addresses_now(now).count() + self.logins_now(now).count();
        self.addresses.clear();
        self.logins.clear();
        cleared
    }

    /// Forgets an address with its subnet; whether it had a penalty.
    pub fn clear_address(&mut self, address: IpAddr, now: Instant) -> bool {
        self.addresses.remove(&subnet_of(address)).is_some_and(|address| !address.is_over(now))
    }

    /// Forgets a login, named with `@` and its realm if it has one; whether it had a penalty.
    pub fn clear_login(&mut self, name: &[u8], now: Instant) -> bool {
        let account = self.digests.account(name);
        self.logins.remove(&account).is_some_and(|login| login.has_many(now))
    }

    /// By what an address is known; `None` for those that have no penalties.
    fn subnet(&self, client: Option<IpAddr>) -> Option<IpAddr> {
        client.filter(|address| !self.trusted.contain(*address)).map(subnet_of)
    }

    /// A few at a time: of the oldest at least, which are the next to go.
    fn forget_old(&mut self, now: Instant) {
        for _ in 0..2 {
            self.addresses.remove_oldest_if(|address| address.is_over(now));
            self.logins.remove_oldest_if(|login| login.is_over(now));
        }
    }
}

/// What a refusal is to be held back for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Owed {
    /// The wrong passwords of its address.
    pub by_address: Duration,
    /// Those for its login.
    pub by_login: Duration,
}

impl Owed {
    /// Both are served at the same time.
    pub fn delay(&self) -> Duration {
        self.by_address.max(self.by_login)
    }
}
