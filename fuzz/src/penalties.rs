//! Penalties that a frontend is handed, and does not trust.

use crate::memory::most_held;
use saslauthd::config::GuessingSettings;
use saslauthd::config::networks::Networks;
use saslauthd::ipc::{HandedPenalties, LARGEST_PENALTIES};
use saslauthd::policy::penalty::{KEY_LENGTH, Penalties};
use std::time::{Duration, Instant};

/// No penalty is longer.
const LONGEST_DELAY: Duration = Duration::from_secs(15);
/// Nothing of an address is remembered for longer.
const LONGEST_MEMORY: Duration = Duration::from_secs(15 + 29);
/// The same of a login.
const LONGEST_MEMORY_OF_LOGINS: Duration = Duration::from_secs(60);

/// A message has room for 64 addresses and 16 logins; here there are two tables of them, and what is sent on.
const MOST_HELD: usize = 256 * 1024;

/// Whatever a message says: no penalty comes of it that there is not, all are over in time, and the next frontend gets
/// the same.
pub fn check(bytes: &[u8]) {
    let ((), held) = most_held(|| {
        let Ok(handed) = HandedPenalties::decode(bytes) else { return };
        let now = Instant::now();
        let mut here = penalties();
        here.take_over(handed, now);
        check_bounds(&here, now);
        let mut next = penalties();
        for message in here.hand_over(now) {
            let sent = message.encode();
            assert!(sent.len() <= LARGEST_PENALTIES, "{} bytes", sent.len());
            let Ok(arrived) = HandedPenalties::decode(sent.as_bytes()) else {
                panic!("what is sent can be read")
            };
            next.take_over(arrived, now);
        }
        assert!(next.addresses_now(now).eq(here.addresses_now(now)), "not the same addresses");
        assert!(next.logins_now(now).eq(here.logins_now(now)), "not the same logins");
    });
    assert!(held <= MOST_HELD + 32 * bytes.len(), "{held} bytes held");
}

fn penalties() -> Penalties {
    let settings = GuessingSettings { penalty: true, trusted_networks: Networks::default() };
    Penalties::new(&settings, &[7; KEY_LENGTH]).expect("there are penalties")
}

fn check_bounds(here: &Penalties, now: Instant) {
    for address in here.addresses_now(now) {
        assert!((1..=4).contains(&address.step) && address.delay <= LONGEST_DELAY, "{address:?}");
        assert!(!address.left.is_zero() && address.left <= LONGEST_MEMORY, "{address:?}");
        let owed = here.owed(Some(address.address), b"nobody", b"", now);
        assert_eq!(owed.by_address, address.delay, "what is listed is what is owed");
    }
    for login in here.logins_now(now) {
        assert!(login.delay <= LONGEST_DELAY && login.left <= LONGEST_MEMORY_OF_LOGINS, "{login:?}");
    }
    assert_eq!(here.addresses_now(now + LONGEST_MEMORY).count(), 0, "an address is held for ever");
    assert_eq!(here.logins_now(now + LONGEST_MEMORY_OF_LOGINS).count(), 0, "a login is held for ever");
}
