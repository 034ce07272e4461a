//! Loopback addresses, so that no server of a test has to guess a free port.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU16, Ordering};

/// An address that no other test has, whichever runs beside this one: it is made of the number of the tests' process.
pub fn own_address() -> Ipv4Addr {
    static COUNT: AtomicU16 = AtomicU16::new(0);
    let [.., high, low] = std::process::id().to_be_bytes();
    // 127.0 is where everybody else is, and 127.255 is for broadcasts.
    let place = 1 + COUNT.fetch_add(1, Ordering::Relaxed) % 253;
    Ipv4Addr::new(127, u8::try_from(place).unwrap(), high, low)
}
