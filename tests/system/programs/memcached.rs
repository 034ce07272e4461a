//! memcached with SASL (`-S`). Its own `-u` leaves out the group sasl, so it is started as that user.

use crate::inside::{sh, start, wait_for_port, write};
use crate::support::PATIENCE;
use crate::trial::{Program, Realm};
use std::io::{Read, Write};
use std::net::TcpStream;

const PORT: u16 = 11211;

/// memcached, asked in its binary protocol.
pub struct Memcached;

impl Program for Memcached {
    const NAME: &str = "memcached";
    const PACKAGE: &str = "memcached";
    const LAYER: &str = "others";
    const FILES: &[&str] = &["/usr/bin/memcached"];
    const SERVICE: &str = "memcached";
    const YES: &str = "0x0000";
    const NO: &str = "0x0020";
    const NOTHING: &str = Self::NO;
    const REALM: Realm = Realm::Apart;

    fn start() -> Self {
        write("/etc/sasl2/memcached.conf", "pwcheck_method: saslauthd\nmech_list: PLAIN\n");
        sh("adduser --quiet memcache sasl");
        start("setpriv --reuid=memcache --regid=memcache --init-groups memcached -S -l 127.0.0.1");
        wait_for_port(PORT);
        Self
    }

    /// The status of the reply to "SASL Auth" with PLAIN.
    fn log_in(&self, login: &str, password: &str) -> String {
        let value = format!("\0{login}\0{password}");
        let (key, length) = (b"PLAIN", u32::try_from(5 + value.len()).unwrap());
        let mut request = vec![0x80, 0x21, 0, 5, 0, 0, 0, 0];
        request.extend(length.to_be_bytes());
        request.extend([0; 12]);
        request.extend([key, value.as_bytes()].concat());
        let mut stream = TcpStream::connect(("127.0.0.1", PORT)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&request).unwrap();
        let mut header = [0; 24];
        stream.read_exact(&mut header).unwrap();
        format!("0x{:02x}{:02x}", header[6], header[7])
    }
}
