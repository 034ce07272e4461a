//! The cache, beside a plain list of what was accepted.

use crate::operations::Operations;
use saslauthd::config::CacheSettings;
use saslauthd::credentials::Credentials;
use saslauthd::policy::cache::{Cache, CachedNames, is_named};
use saslauthd::policy::route::RouteId;
use saslauthd::secret::Secret;
use std::time::{Duration, Instant};

const LIFETIME: Duration = Duration::from_secs(100);

/// Whatever is remembered, asked, flushed and forgotten: the cache knows nothing but what the list knows; it stays within
/// its bytes; and it lists what it knows and no other.
pub fn check(bytes: &[u8]) {
    let mut operations = Operations::new(bytes);
    let settings = CacheSettings { bytes: 150 * (1 + operations.below(32)), lifetime: LIFETIME };
    let mut cache = Cache::new(&settings, &[7; 32]);
    let mut now = Instant::now();
    // Login, password and when it was accepted.
    let mut accepted: Vec<(Vec<u8>, u8, Instant)> = Vec::new();
    while let Some(byte) = operations.next_byte() {
        let login = vec![b'a' + operations.below(6) as u8; 1 + operations.below(60)];
        let password = operations.below(3) as u8;
        let credentials = credentials(&login, password);
        let fingerprint = cache.fingerprint(&credentials, RouteId::DEFAULT);
        match byte % 8 {
            0..=2 => {
                cache.remember(fingerprint, CachedNames::new(&login, b"", b"imap"), now);
                accepted.retain(|(other, ..)| *other != login);
                accepted.push((login, password, now));
            }
            3..=5 => {
                let is_expected = |(name, right, since): &(Vec<u8>, u8, Instant)| {
                    *name == login && *right == password && now < *since + LIFETIME
                };
                let known = cache.lookup(&fingerprint, now);
                assert!(!known || accepted.iter().any(is_expected), "it accepts what nobody has");
            }
            6 => {
                let before = cache.len();
                assert_eq!(before - cache.flush(Some(&login)), cache.len());
                accepted.retain(|(other, ..)| !is_named(&login, other, b""));
                assert!(!cache.logins(now).any(|known| is_named(&login, known.login, b"")));
            }
            _ => now += Duration::from_secs(u64::from(byte)),
        }
        let (held, most) = cache.bytes();
        assert!(held <= most && cache.len() <= cache.most().max(1));
        for known in cache.logins(now) {
            assert!(now < known.expires && accepted.iter().any(|(login, ..)| login == known.login));
        }
    }
    cache.flush(None);
    assert!(cache.is_empty() && cache.logins(now).next().is_none());
}

fn credentials(login: &[u8], password: u8) -> Credentials {
    Credentials {
        login: login.to_vec(),
        sent_login: None,
        password: Secret::copy_of(&[b'p', password]),
        service: b"imap".to_vec(),
        realm: Vec::new(),
        client: None,
    }
}
