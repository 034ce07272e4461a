//! The cache and the negative cache, beside plain lists of what was accepted and refused.

use crate::operations::Operations;
use saslauthd::config::CacheSettings;
use saslauthd::config::site::Route;
use saslauthd::credentials::Credentials;
use saslauthd::outcome::Outcome;
use saslauthd::policy::cache::{Cache, CachedNames, Fingerprints, is_named};
use saslauthd::policy::negative_cache::NegativeCache;
use saslauthd::policy::route::RouteId;
use saslauthd::policy::route::chain::{Asked, Decision, Source};
use saslauthd::secret::Secret;
use std::rc::Rc;
use std::time::{Duration, Instant};

const LIFETIME: Duration = Duration::from_secs(100);
const STALE: Duration = Duration::from_secs(50);
const NEGATIVE_LIFETIME: Duration = Duration::from_secs(30);

/// Whatever is remembered, asked, flushed and forgotten: the cache knows nothing but what the list knows; it stays within
/// its bytes; and it lists what it knows and no other. The same of refusals.
pub fn check(bytes: &[u8]) {
    let mut operations = Operations::new(bytes);
    let settings =
        CacheSettings { bytes: 150 * (1 + operations.below(32)), lifetime: LIFETIME, stale: STALE };
    let fingerprints = Fingerprints::new(&[7; 32]);
    let (mut cache, mut negative) = (Cache::new(&settings), NegativeCache::new(NEGATIVE_LIFETIME));
    let mut now = Instant::now();
    let refusal = refusal();
    // Login, password and when it was accepted, or refused.
    let mut accepted: Vec<(Vec<u8>, u8, Instant)> = Vec::new();
    let mut refused: Vec<(Vec<u8>, u8, Instant)> = Vec::new();
    while let Some(byte) = operations.next_byte() {
        let login = vec![b'a' + operations.below(6) as u8; 1 + operations.below(60)];
        let password = operations.below(3) as u8;
        let credentials = credentials(&login, password);
        let fingerprint = fingerprints.of(&credentials, RouteId::DEFAULT);
        match byte % 8 {
            0..=2 => {
                negative.forget(&fingerprint);
                refused.retain(|(other, wrong, _)| *other != login || *wrong != password);
                cache.remember(fingerprint, CachedNames::new(&login, b"", b"imap"), now);
                accepted.retain(|(other, ..)| *other != login);
                accepted.push((login, password, now));
            }
            3..=4 => {
                let is_among = |known: &[(Vec<u8>, u8, Instant)], lifetime| {
                    let is_it = |(name, tried, since): &(Vec<u8>, u8, Instant)| {
                        *name == login && *tried == password && now < *since + lifetime
                    };
                    known.iter().any(is_it)
                };
                let known = cache.lookup(&fingerprint, now);
                assert!(!known || is_among(&accepted, LIFETIME), "it accepts what nobody has");
                let stale = cache.lookup_stale(&fingerprint, now);
                assert!(!stale || is_among(&accepted, LIFETIME + STALE), "it accepts what nobody had");
                assert!(stale || !known, "what is known is known in an outage as well");
                let wrong = negative.lookup(&fingerprint, now).is_some();
                assert_eq!(
                    wrong,
                    is_among(&refused, NEGATIVE_LIFETIME),
                    "it refuses what was refused, and no more"
                );
            }
            5 => {
                cache.forget(&fingerprint);
                accepted.retain(|(other, right, _)| *other != login || *right != password);
                negative.remember(&fingerprint, &refusal, CachedNames::new(&login, b"", b"imap"), now);
                refused.retain(|(other, wrong, _)| *other != login || *wrong != password);
                refused.push((login, password, now));
            }
            6 => {
                let before = cache.len();
                assert_eq!(before - cache.flush(Some(&login)), cache.len());
                accepted.retain(|(other, ..)| !is_named(&login, other, b""));
                assert!(!cache.logins(now).any(|known| is_named(&login, known.login, b"")));
                negative.flush(Some(&login));
                refused.retain(|(other, ..)| !is_named(&login, other, b""));
            }
            _ => now += Duration::from_secs(u64::from(byte)),
        }
        let (held, most) = cache.bytes();
        assert!(held <= most && cache.len() <= cache.most().max(1));
        let (held, most) = negative.bytes();
        assert!(held <= most && negative.len(now) <= refused.len());
        for known in cache.logins(now) {
            assert!(now < known.expires && accepted.iter().any(|(login, ..)| login == known.login));
        }
    }
    negative.flush(None);
    assert_eq!((negative.len(now), negative.bytes().0), (0, 0));
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
        connection: None,
    }
}

/// What a mechanism says of a wrong password.
fn refusal() -> Decision {
    let route = Rc::new(Route { login_format: None, steps: Vec::new() });
    Decision {
        outcome: Outcome::reject("authentication failed"),
        asked: Asked::all(&route),
        delay: Duration::ZERO,
        owes_failure_delay: true,
        is_refused: true,
        source: Source::Mechanisms,
    }
}
