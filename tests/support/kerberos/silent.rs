//! A Kerberos server that hears everything and answers nothing, as one behind a firewall that drops packets.

use crate::support::address::own_address;
use std::net::{SocketAddr, TcpListener, UdpSocket};

/// One at an address of its own, by UDP and by TCP; dropping it closes its ports.
pub struct SilentKdc {
    datagrams: UdpSocket,
    /// The kernel takes the connections, and nobody reads from them.
    _connections: TcpListener,
}

impl SilentKdc {
    /// Starts it.
    pub fn start() -> Self {
        Self::start_at((own_address(), super::PORT).into())
    }

    /// Starts it where another one has been.
    pub fn start_at(address: SocketAddr) -> Self {
        let datagrams = UdpSocket::bind(address).unwrap();
        datagrams.set_nonblocking(true).unwrap();
        Self { datagrams, _connections: TcpListener::bind(address).unwrap() }
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.datagrams.local_addr().unwrap()
    }

    /// How many datagrams have come since the last call.
    pub fn heard(&self) -> usize {
        std::iter::from_fn(|| self.datagrams.recv(&mut [0; 4096]).ok()).count()
    }
}
