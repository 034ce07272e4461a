//! Who has a penalty.
#![forbid(unsafe_code)]

use super::{Penalties, login};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// An address that has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressNow {
    /// Of IPv6 the first of its /64.
    pub address: IpAddr,
    /// 1 to 4.
    pub step: u8,
    /// How long a refusal is held back.
    pub delay: Duration,
    /// How long all of it is remembered if nothing more comes.
    pub left: Duration,
}

/// A login for which there were many wrong passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginNow<'a> {
    /// With `@` and its realm, cut at 255 bytes.
    pub name: &'a [u8],
    /// How long a refusal is held back.
    pub delay: Duration,
    /// For how long, if nothing more comes.
    pub left: Duration,
}

impl Penalties {
    /// The one with the last wrong password first.
    pub fn addresses_now(&self, now: Instant) -> impl Iterator<Item = AddressNow> {
        let all = self.addresses.iter().map(move |(address, known)| AddressNow {
            address,
            step: known.step(now),
            delay: known.delay(now),
            left: known.left(now),
        });
        all.filter(|address| address.step > 0)
    }

    /// The one with the last wrong password first.
    pub fn logins_now(&self, now: Instant) -> impl Iterator<Item = LoginNow<'_>> {
        self.logins.iter().filter_map(move |(_, known)| {
            let (name, left) = (known.name()?, known.left(now)?);
            Some(LoginNow { name, delay: login::DELAY, left })
        })
    }
}
