//! From a frontend that leaves to the next one: a reload forgives nobody.
#![forbid(unsafe_code)]

use super::address::{self, Address};
use super::attempt::{Account, Digests};
use super::login::{self, Login};
use super::{KEY_LENGTH, Penalties};
use crate::ipc::{ADDRESSES_AT_ONCE, HandedAddress, HandedLogin, HandedPenalties, LOGINS_AT_ONCE};
use crate::policy::origin::subnet_of;
use crate::secret::Secret;
use std::net::IpAddr;
use std::time::Instant;

impl Penalties {
    /// All that is worth remembering, in messages. Nothing is taken out here: what is counted from now on counts here only.
    pub fn hand_over(&self, now: Instant) -> Vec<HandedPenalties> {
        let key = || Secret::copy_of(self.digests.key());
        // The newest last, as it is to be there.
        let mut addresses: Vec<_> = self
            .addresses
            .iter()
            .filter_map(|(address, known)| handed_address(address, known, now))
            .collect();
        addresses.reverse();
        let mut logins: Vec<_> =
            self.logins.iter().filter_map(|(account, known)| handed_login(account, known, now)).collect();
        logins.reverse();
        let addresses = addresses.chunks(ADDRESSES_AT_ONCE).map(|some| HandedPenalties {
            key: key(),
            addresses: some.to_vec(),
            logins: Vec::new(),
        });
        let logins = logins.chunks(LOGINS_AT_ONCE).map(|some| HandedPenalties {
            key: key(),
            addresses: Vec::new(),
            logins: some.to_vec(),
        });
        addresses.chain(logins).collect()
    }

    /// Takes what another frontend has handed over. What no frontend of this version can have said is passed over.
    pub fn take_over(&mut self, handed: HandedPenalties, now: Instant) {
        let Ok(key) = <&[u8; KEY_LENGTH]>::try_from(handed.key.as_bytes()) else { return };
        if key != self.digests.key() {
            self.adopt(key);
        }
        for HandedAddress { address, step, left, has_lost_some, failures } in handed.addresses {
            let parts = address::Parts { step, left, has_lost_some, failures };
            let known = Address::of_parts(parts, now).filter(|_| subnet_of(address) == address);
            if let (Some(known), Some(subnet)) = (known, self.subnet(Some(address))) {
                // One that has got a wrong password here already keeps the longer of the two.
                let here = self.addresses.get(&subnet).filter(|here| here.step(now) >= known.step(now));
                let kept = here.cloned().unwrap_or(known);
                self.addresses.insert(subnet, kept);
            }
        }
        for HandedLogin { account, name, told, failures } in handed.logins {
            let account = Account(account);
            if let Some(known) = Login::of_parts(login::Parts { name, told, failures }, now) {
                if self.logins.get(&account).is_none() {
                    self.logins.insert(account, known);
                }
            }
        }
    }

    /// Digests of before compare to nothing any more: a wrong password of the last moment may count twice.
    fn adopt(&mut self, key: &[u8; KEY_LENGTH]) {
        self.digests = Digests::new(key);
        self.logins.clear();
    }
}

fn handed_address(address: IpAddr, known: &Address, now: Instant) -> Option<HandedAddress> {
    let address::Parts { step, left, has_lost_some, failures } = known.parts(now)?;
    Some(HandedAddress { address, step, left, has_lost_some, failures })
}

fn handed_login(account: Account, known: &Login, now: Instant) -> Option<HandedLogin> {
    let login::Parts { name, told, failures } = known.parts(now)?;
    Some(HandedLogin { account: account.0, name, told, failures })
}
