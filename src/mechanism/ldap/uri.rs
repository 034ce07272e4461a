//! `ldap://`, `ldaps://` and `ldapi://`: the servers of `ldap_servers`, and what a referral asks for (RFC 4516).
#![forbid(unsafe_code)]

use super::message::Scope;
use super::tokens::SyntaxError;
use crate::net::exchange::pool_settings::{Address, Server, TlsMode};
use percent_encoding::percent_decode;
use std::ffi::OsString;
use std::net::Ipv6Addr;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// Where Debian's libldap looks for the socket of an `ldapi://` without a path.
pub const DEFAULT_SOCKET: &str = "/var/run/slapd/ldapi";

/// An LDAP URI taken apart. What is not in it is empty or `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapUri {
    /// Where to ask; `ldap://` alone has [`TlsMode::Off`], StartTLS is the caller's wish.
    pub server: Server,
    /// Whether a host stands in it; without one (`ldap:///dc=x`) the server is the one that is known already, and
    /// `server` the local host.
    pub has_host: bool,
    /// The DN.
    pub name: Vec<u8>,
    /// The attributes.
    pub attributes: Vec<Vec<u8>>,
    /// The scope.
    pub scope: Option<Scope>,
    /// The filter, for `Filter::parse_literal`.
    pub filter: Vec<u8>,
    /// Whether there is a critical extension, which means that the URI must not be used: there is none we know.
    pub has_critical_extension: bool,
}

/// The servers of a list, divided by blanks or commas as libldap takes it. Offsets of errors count from the list's
/// beginning.
pub fn parse_servers(list: &str) -> Result<Vec<Server>, SyntaxError> {
    let mut servers = Vec::new();
    let mut offset = 0;
    for word in list.split([' ', '\t', ',']) {
        if !word.is_empty() {
            let (bare, before) = without_wrapping(word);
            let uri = parse(bare.as_bytes());
            let uri = uri.map_err(|error| SyntaxError { offset: error.offset + offset + before, ..error })?;
            servers.push(uri.server);
        }
        offset += word.len() + 1;
    }
    if servers.is_empty() {
        return Err(SyntaxError::new(0, "expected at least one URI like ldap://ldap.example.org/"));
    }
    Ok(servers)
}

/// A URI without the `<URL:` and `>` that RFC 3986 (appendix C) puts around it in a text, which libldap takes; and how many
/// bytes were before it.
fn without_wrapping(word: &str) -> (&str, usize) {
    let bare = word.strip_prefix('<').and_then(|word| word.strip_suffix('>')).unwrap_or(word);
    let start = bare.get(..4).filter(|start| start.eq_ignore_ascii_case("URL:"));
    let uri = start.and_then(|start| bare.get(start.len()..)).unwrap_or(bare);
    let before = if bare.len() < word.len() { 1 } else { 0 } + bare.len() - uri.len();
    (uri, before)
}

/// Takes a URI apart, such as one of a referral.
pub fn parse(uri: &[u8]) -> Result<LdapUri, SyntaxError> {
    let (scheme, start) = Scheme::of(uri)?;
    let rest = uri.get(start..).unwrap_or_default();
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let address = scheme.address(authority, start)?;
    let rest_at = start + end;
    let rest = rest.strip_prefix(b"/").unwrap_or(rest);
    let mut fields = rest.split(|byte| *byte == b'?');
    let mut field = || fields.next().unwrap_or_default();
    let (name, attributes, scope, filter, extensions) = (field(), field(), field(), field(), field());
    Ok(LdapUri {
        server: Server { address, tls: scheme.tls(), name: shown(uri.get(..rest_at).unwrap_or_default()) },
        has_host: !authority.is_empty(),
        name: decode(name),
        attributes: attributes
            .split(|byte| *byte == b',')
            .filter(|name| !name.is_empty())
            .map(decode)
            .collect(),
        scope: parse_scope(scope, rest_at)?,
        filter: decode(filter),
        has_critical_extension: extensions.split(|byte| *byte == b',').any(|name| name.starts_with(b"!")),
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Ldap,
    Ldaps,
    Ldapi,
}

impl Scheme {
    /// The scheme, and where the host begins.
    fn of(uri: &[u8]) -> Result<(Self, usize), SyntaxError> {
        for (scheme, text) in [(Self::Ldap, "ldap://"), (Self::Ldaps, "ldaps://"), (Self::Ldapi, "ldapi://")]
        {
            if uri.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text.as_bytes())) {
                return Ok((scheme, text.len()));
            }
        }
        Err(SyntaxError::new(0, "expected ldap://, ldaps:// or ldapi://"))
    }

    fn tls(self) -> TlsMode {
        if self == Self::Ldaps { TlsMode::Implicit } else { TlsMode::Off }
    }

    /// The ports of IANA.
    fn port(self) -> &'static str {
        if self == Self::Ldaps { "636" } else { "389" }
    }

    fn address(self, authority: &[u8], offset: usize) -> Result<Address, SyntaxError> {
        if self == Self::Ldapi {
            return socket(authority, offset);
        }
        let (host, port) = split_port(authority, offset)?;
        let host = if host.is_empty() { "localhost".to_owned() } else { host };
        Ok(Address::Host { host, service: port.unwrap_or_else(|| self.port().to_owned()) })
    }
}

fn socket(authority: &[u8], offset: usize) -> Result<Address, SyntaxError> {
    let path = match decode(authority) {
        path if path.is_empty() => DEFAULT_SOCKET.as_bytes().to_vec(),
        path => path,
    };
    if !path.starts_with(b"/") {
        return Err(SyntaxError::new(offset, "expected an absolute path, in which each / is written as %2F"));
    }
    if path.contains(&0) {
        return Err(SyntaxError::new(offset, "a path cannot have a NUL in it"));
    }
    Ok(Address::Path(PathBuf::from(OsString::from_vec(path))))
}

/// `host`, `host:port`, `[address]` or `[address]:port`.
fn split_port(authority: &[u8], offset: usize) -> Result<(String, Option<String>), SyntaxError> {
    let fail = |text: &str| Err(SyntaxError::new(offset, text));
    let Ok(text) = String::from_utf8(decode(authority)) else { return fail("the host is not UTF-8") };
    let (host, port) = match text.strip_prefix('[') {
        Some(inside) => {
            let Some((host, rest)) = inside.split_once(']') else {
                return fail("expected ']' after the address");
            };
            if !is_ipv6(host) {
                return fail("only an IPv6 address stands in brackets");
            }
            (host, rest)
        }
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    if host.bytes().any(|byte| !is_host_byte(byte)) {
        return fail("the host has a character that no host name has");
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok((host.to_owned(), None)),
        // Nothing behind the colon means the usual port: RFC 3986, section 3.2.3.
        Some("") => Ok((host.to_owned(), None)),
        Some(number) if is_port(number) => Ok((host.to_owned(), Some(number.to_owned()))),
        _ => fail("the port must be a number from 1 to 65535"),
    }
}

/// With or without a zone, as in `fe80::1%eth0`.
fn is_ipv6(host: &str) -> bool {
    let address = host.split_once('%').map_or(host, |(address, _)| address);
    address.parse::<Ipv6Addr>().is_ok()
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii() || matches!(byte, b'-' | b'.' | b'_' | b':' | b'%')
}

fn is_port(digits: &str) -> bool {
    digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok_and(|port| port != 0)
}

fn parse_scope(scope: &[u8], offset: usize) -> Result<Option<Scope>, SyntaxError> {
    Ok(match scope.to_ascii_lowercase().as_slice() {
        b"" => None,
        b"base" => Some(Scope::Base),
        b"one" | b"onelevel" => Some(Scope::One),
        b"sub" | b"subtree" => Some(Scope::Sub),
        _ => return Err(SyntaxError::new(offset, "the scope must be base, one or sub")),
    })
}

fn decode(text: &[u8]) -> Vec<u8> {
    percent_decode(text).collect()
}

/// For the log, without anything that could break a line.
fn shown(uri: &[u8]) -> String {
    String::from_utf8_lossy(uri).chars().filter(|character| !character.is_control()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn host(uri: &str) -> (String, String, TlsMode) {
        let server = parse(uri.as_bytes()).unwrap_or_else(|error| panic!("{uri}: {error}")).server;
        let Address::Host { host, service } = server.address else { panic!("{uri} is a path") };
        (host, service, server.tls)
    }

    fn path(uri: &str) -> PathBuf {
        match parse(uri.as_bytes()).unwrap().server.address {
            Address::Path(path) => path,
            Address::Host { host, .. } => panic!("{host}"),
        }
    }

    #[test]
    fn hosts_have_the_usual_ports_unless_they_name_one() {
        for (uri, name, port, tls) in [
            ("ldap://ldap.example.org", "ldap.example.org", "389", TlsMode::Off),
            ("ldap://ldap.example.org/", "ldap.example.org", "389", TlsMode::Off),
            ("LDAPS://10.1.1.2:999/", "10.1.1.2", "999", TlsMode::Implicit),
            ("ldaps://a_b-c", "a_b-c", "636", TlsMode::Implicit),
            ("ldap://[::1]", "::1", "389", TlsMode::Off),
            ("ldap://[fe80::1%25eth0]:3389/", "fe80::1%eth0", "3389", TlsMode::Off),
            ("ldap:///", "localhost", "389", TlsMode::Off),
            ("ldap://", "localhost", "389", TlsMode::Off),
            ("ldap://:1389", "localhost", "1389", TlsMode::Off),
            ("ldap://a:/", "a", "389", TlsMode::Off),
            ("ldap://a?b", "a", "389", TlsMode::Off),
        ] {
            assert_eq!(host(uri), (name.to_owned(), port.to_owned(), tls), "{uri}");
        }
    }

    #[test]
    fn a_socket_is_named_by_an_encoded_path() {
        assert_eq!(path("ldapi://%2Fvar%2Frun%2fldapi/"), PathBuf::from("/var/run/ldapi"));
        assert_eq!(path("ldapi://%2ftmp%2fa%20b"), PathBuf::from("/tmp/a b"));
        assert_eq!(path("ldapi:///"), PathBuf::from(DEFAULT_SOCKET));
        assert_eq!(path("ldapi://"), PathBuf::from(DEFAULT_SOCKET));
    }

    #[test]
    fn a_referral_has_all_its_parts_decoded() {
        let uri = parse(b"ldap://h:1/ou=a%2cb%20c,dc=x?cn,user%50assword?SUB?(cn=%2a%C3%A9)?!x,y").unwrap();
        assert_eq!(uri.name, b"ou=a,b c,dc=x");
        assert_eq!(uri.attributes, [b"cn".to_vec(), b"userPassword".to_vec()]);
        assert_eq!((uri.scope, uri.filter.as_slice()), (Some(Scope::Sub), "(cn=*é)".as_bytes()));
        assert!(uri.has_host && uri.has_critical_extension);
        assert_eq!(uri.server.name, "ldap://h:1");
    }

    #[test]
    fn the_parts_of_a_referral_may_be_missing() {
        let uri = parse(b"ldap:///dc=x??one").unwrap();
        assert_eq!((uri.name.as_slice(), uri.scope, uri.has_host), (&b"dc=x"[..], Some(Scope::One), false));
        assert!(uri.attributes.is_empty() && uri.filter.is_empty() && !uri.has_critical_extension);
        let uri = parse(b"ldap://h").unwrap();
        assert!(uri.name.is_empty() && uri.scope.is_none());
        assert!(parse(b"ldap://h/????x,y").is_ok_and(|uri| !uri.has_critical_extension));
    }

    #[test]
    fn servers_are_divided_by_blanks_or_commas() {
        let names =
            |list| parse_servers(list).unwrap().into_iter().map(|server| server.name).collect::<Vec<_>>();
        assert_eq!(names("ldap://localhost/"), ["ldap://localhost"]);
        assert_eq!(names(" ldap://a  ldaps://b:1/,ldapi:///\t"), ["ldap://a", "ldaps://b:1", "ldapi://"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (list, message) in [
            ("", "expected at least one URI like ldap://ldap.example.org/ at byte 1"),
            ("localhost", "expected ldap://, ldaps:// or ldapi:// at byte 1"),
            ("ldap://a, ldap:/b", "expected ldap://, ldaps:// or ldapi:// at byte 11"),
            ("ldap://a ldap://b:x", "the port must be a number from 1 to 65535 at byte 17"),
            ("ldap://a:0", "the port must be a number from 1 to 65535 at byte 8"),
            ("ldap://a:65536", "the port must be a number from 1 to 65535 at byte 8"),
            ("ldap://a:+1", "the port must be a number from 1 to 65535 at byte 8"),
            ("ldap://::1", "the port must be a number from 1 to 65535 at byte 8"),
            ("ldap://[::1", "expected ']' after the address at byte 8"),
            ("ldap://[a]", "only an IPv6 address stands in brackets at byte 8"),
            ("ldap://[::1]1", "the port must be a number from 1 to 65535 at byte 8"),
            ("ldap://u@h/", "the host has a character that no host name has at byte 8"),
            ("ldap://%00/", "the host has a character that no host name has at byte 8"),
            ("ldapi://tmp", "expected an absolute path, in which each / is written as %2F at byte 9"),
            ("ldapi://%2ftmp%00", "a path cannot have a NUL in it at byte 9"),
            ("ldap://a/??all", "the scope must be base, one or sub at byte 9"),
        ] {
            assert_eq!(parse_servers(list).unwrap_err().to_string(), message, "{list}");
        }
    }

    #[test]
    fn a_uri_with_any_bytes_breaks_nothing() {
        let alphabet = b"ldapis:/?[]%0@,.\0\xff\n ";
        let mut state = 0x0123_4567_89ab_cdef_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 33).unwrap()
        };
        for _ in 0..50_000 {
            let rest: Vec<u8> = (0..next() % 20).map(|_| alphabet[next() % alphabet.len()]).collect();
            let uri = [b"ldap://".as_slice(), &rest].concat();
            if let Ok(uri) = parse(&uri) {
                assert!(!uri.server.name.contains(char::is_control));
            }
        }
    }
}
