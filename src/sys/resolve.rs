//! Addresses of a host, from wherever nsswitch.conf says. Blocks: for workers only.

use std::ffi::{CStr, CString, c_int};
use std::mem::zeroed;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::ptr::null_mut;

/// The addresses of `host` with the port of `service`, in the order in which RFC 6724 wants them tried; at least one.
///
/// # Errors
/// Why there are none, as a phrase.
pub fn addresses(host: &str, service: &str) -> Result<Vec<SocketAddr>, String> {
    let c_string = |text: &str| CString::new(text).map_err(|_| "the name holds a NUL".to_owned());
    let (host, service) = (c_string(host)?, c_string(service)?);
    // Numbers too may need no interface of their family: only names are filtered by what this host can reach.
    let found = look_up(&host, &service, libc::AI_ADDRCONFIG)
        .or_else(|code| if code == libc::EAI_NONAME { look_up(&host, &service, 0) } else { Err(code) })
        .map_err(reason)?;
    if found.is_empty() { Err("the name has no address".to_owned()) } else { Ok(found) }
}

/// One getaddrinfo; the error is an `EAI_…` code.
fn look_up(host: &CStr, service: &CStr, flags: c_int) -> Result<Vec<SocketAddr>, c_int> {
    // SAFETY: all-zero is a valid addrinfo: numbers and null pointers.
    let mut hints: libc::addrinfo = unsafe { zeroed() };
    hints.ai_family = libc::AF_UNSPEC;
    hints.ai_socktype = libc::SOCK_STREAM;
    hints.ai_flags = flags;
    let mut list = null_mut();
    // SAFETY: both strings end in NUL; `hints` and `list` outlive the call.
    let code = unsafe { libc::getaddrinfo(host.as_ptr(), service.as_ptr(), &raw const hints, &raw mut list) };
    if code != 0 {
        return Err(code);
    }
    let list = List(list);
    Ok(list.entries().filter_map(socket_address).collect())
}

/// What getaddrinfo allocated.
struct List(*mut libc::addrinfo);

impl List {
    fn entries(&self) -> impl Iterator<Item = &libc::addrinfo> {
        // SAFETY: a list that getaddrinfo made ends in null, and lives as long as `self`.
        let first = unsafe { self.0.as_ref() };
        // SAFETY: as above.
        std::iter::successors(first, |entry| unsafe { entry.ai_next.as_ref() })
    }
}

impl Drop for List {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: getaddrinfo made it, and it is freed once.
            unsafe { libc::freeaddrinfo(self.0) };
        }
    }
}

fn socket_address(entry: &libc::addrinfo) -> Option<SocketAddr> {
    let length = usize::try_from(entry.ai_addrlen).ok()?;
    match entry.ai_family {
        libc::AF_INET if length >= size_of::<libc::sockaddr_in>() => {
            // SAFETY: the family and the length say that a sockaddr_in is there; it may be unaligned.
            let address = unsafe { entry.ai_addr.cast::<libc::sockaddr_in>().read_unaligned() };
            let ip = Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr));
            Some(SocketAddrV4::new(ip, u16::from_be(address.sin_port)).into())
        }
        libc::AF_INET6 if length >= size_of::<libc::sockaddr_in6>() => {
            // SAFETY: as above, for a sockaddr_in6.
            let address = unsafe { entry.ai_addr.cast::<libc::sockaddr_in6>().read_unaligned() };
            let ip = Ipv6Addr::from(address.sin6_addr.s6_addr);
            let (port, scope) = (u16::from_be(address.sin6_port), address.sin6_scope_id);
            Some(SocketAddrV6::new(ip, port, 0, scope).into())
        }
        _ => None,
    }
}

fn reason(code: c_int) -> String {
    if code == libc::EAI_SYSTEM {
        return crate::strerror::strerror(&std::io::Error::last_os_error());
    }
    // SAFETY: returns null or a string that is never freed.
    let text = unsafe { libc::gai_strerror(code) };
    if text.is_null() {
        return format!("getaddrinfo failed with {code}");
    }
    // SAFETY: not null, and ends in NUL.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_their_own_addresses() {
        for (host, service, expected) in [
            ("127.0.0.1", "389", "127.0.0.1:389"),
            ("::1", "993", "[::1]:993"),
            ("192.0.2.7", "imap", "192.0.2.7:143"),
        ] {
            assert_eq!(addresses(host, service).unwrap(), [expected.parse().unwrap()], "{host} {service}");
        }
    }

    #[test]
    fn localhost_is_a_loopback_address() {
        let found = addresses("localhost", "80").unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 80), "{found:?}");
    }

    #[test]
    fn what_cannot_be_found_gives_a_reason() {
        for (host, service) in
            [("no-such-host.invalid", "80"), ("127.0.0.1", "no-such-service"), ("a\0b", "80"), ("", "")]
        {
            assert!(!addresses(host, service).unwrap_err().is_empty(), "{host:?}");
        }
    }
}
