//! Who wants something done: by this the daemon shares out what it has.
#![forbid(unsafe_code)]

use crate::config::networks::first_bits;
use std::net::IpAddr;
use std::rc::Rc;

/// A user of this machine and, within that user, a login as a mechanism sees it and the client address that was sent
/// with it. Mail servers all come as one user, so both are needed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The user at the other end of the connection; `None` is the daemon's own event loop.
    pub uid: Option<u32>,
    /// The account that is asked about, and from where.
    pub login: Rc<Login>,
}

/// One account as used from one address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Login {
    /// The name, as the mechanism sees it.
    pub name: Vec<u8>,
    /// The bare client address, if one was sent.
    pub client: Option<IpAddr>,
}

/// Where a login comes from, as far as it can be told: an IPv4 address, or the subnet of an IPv6 address (RFC 6177: a
/// site has a /64 at least). `None` stands for all that came without an address.
pub type Subnet = Option<IpAddr>;

/// The bits that the addresses of a subnet of IPv6 have in common.
pub const SUBNET: u32 = 64;

/// The subnet that an address belongs to. IPv4 that is written as IPv6 is IPv4.
pub fn subnet_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        four @ IpAddr::V4(_) => four,
        six @ IpAddr::V6(_) => first_bits(six, SUBNET),
    }
}

impl Origin {
    /// The subnet of the client.
    pub fn subnet(&self) -> Subnet {
        self.login.client.map(subnet_of)
    }

    /// A login that a client of the socket asks about.
    pub fn client(uid: u32, name: &[u8], client: Option<IpAddr>) -> Self {
        Self { uid: Some(uid), login: Rc::new(Login { name: name.to_vec(), client }) }
    }

    /// The event loop itself, on behalf of all.
    pub fn event_loop() -> Self {
        Self { uid: None, login: Rc::default() }
    }
}
