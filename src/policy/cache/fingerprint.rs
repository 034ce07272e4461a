//! What requests are recognized by, so that no password has to be kept.
#![forbid(unsafe_code)]

use crate::config::selector::realm_of;
use crate::credentials::Credentials;
use crate::policy::route::RouteId;
use hmac::digest::FixedOutput;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Makes fingerprints, by HMAC-SHA256 under a key that is made at start and never leaves the process: the memory tells
/// nothing about a password without that key (the C daemon writes unsalted MD5 into a file).
pub struct Fingerprints {
    keyed: Hmac<Sha256>,
}

pub(super) type Name = [u8; 16];

/// What the cache knows of one request: whom it is about, and a proof of the password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    pub(super) name: Name,
    /// Half of the digest: nobody finds 128 bits by guessing.
    pub(super) password: [u8; 16],
}

impl Fingerprints {
    /// `key` must be random and new for each process.
    pub fn new(key: &[u8; 32]) -> Self {
        // HMAC takes a key of any length, so this never fails; an error would be a cache that never matches.
        let keyed =
            Hmac::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        Self { keyed }
    }

    /// The fingerprint of a request. Login, realm, service and client address are all part of it, since a
    /// mechanism may decide by any of them, also the realm that a format has taken off, by which sections are chosen; and
    /// so is the route, since by another one others decide.
    pub fn of(&self, credentials: &Credentials, route: RouteId) -> Fingerprint {
        let mut name = self.keyed.clone();
        if let (Some(sent), true) = (&credentials.sent_login, credentials.realm.is_empty()) {
            // No part is as long as that.
            name.update(&usize::MAX.to_le_bytes());
            let realm = realm_of(sent, b"", b"");
            name.update(&realm.len().to_le_bytes());
            realm.iter().for_each(|byte| name.update(&[byte.to_ascii_lowercase()]));
        }
        for part in [&credentials.login, &credentials.realm, &credentials.service] {
            name.update(&part.len().to_le_bytes());
            name.update(part);
        }
        if let Some(address) = credentials.client {
            name.update(address.to_string().as_bytes());
        }
        if route != RouteId::DEFAULT {
            // No address has such a byte in it.
            name.update(&[0xFF]);
            name.update(&route.number().to_le_bytes());
        }
        let name: [u8; 32] = name.finalize_fixed().into();
        let mut password = self.keyed.clone();
        password.update(&name);
        password.update(credentials.password.as_bytes());
        Fingerprint { name: first_half(&name), password: first_half(&password.finalize_fixed().into()) }
    }
}

fn first_half(digest: &[u8; 32]) -> [u8; 16] {
    digest.first_chunk().copied().unwrap_or_default()
}
