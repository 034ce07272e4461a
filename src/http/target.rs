//! A server and what every request to it begins with.
#![forbid(unsafe_code)]

use crate::net::exchange::{Address, Server, TlsMode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::net::Ipv6Addr;

/// Where to send requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The server.
    pub server: Server,
    /// What it calls itself: the value of the field `Host`.
    pub authority: String,
    /// What to ask it for: path and query. Never logged, since administrators write keys for their servers into it.
    pub path: String,
}

/// What cannot stand in the first line of a request.
const NOT_IN_A_PATH: &AsciiSet = &CONTROLS.add(b' ');

impl Target {
    /// The target of C's three keys. C names the port in `Host`, whichever it is, and so do we.
    ///
    /// # Errors
    /// When `host` is no host. Both others must be checked with [`is_port_or_service`] and [`is_path`].
    pub fn of_keys(host: &str, port: &str, path: &str) -> Result<Self, &'static str> {
        let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        if !is_host(host) {
            return Err("is not a name or an address of a host");
        }
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        // `Host` has no room for the name of a port, only for its number.
        let authority = if is_number { format!("{}:{port}", bracketed(host)) } else { bracketed(host) };
        let name = format!("http://{}:{port}", bracketed(host));
        Ok(Self::new(host, port, TlsMode::Off, name, authority, path))
    }

    /// The target that a URL names.
    ///
    /// # Errors
    /// What is wrong with it, to go on after the key's name.
    pub fn of_url(url: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = url.split_once("://").ok_or(NO_URL)?;
        let (tls, scheme, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (TlsMode::Off, "http", "80"),
            "https" => (TlsMode::Implicit, "https", "443"),
            _ => return Err(NO_URL),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err("cannot hold a login and password; what the server wants has a key of its own");
        }
        if path.contains('#') {
            return Err("cannot have a fragment: a server never sees what follows #");
        }
        let (host, port) = host_and_port(authority)?;
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let authority = match port {
            Some(port) if port != default_port => format!("{}:{port}", bracketed(host)),
            _ => bracketed(host),
        };
        let name = format!("{scheme}://{authority}");
        Ok(Self::new(host, port.unwrap_or(default_port), tls, name, authority, &path))
    }

    fn new(host: &str, port: &str, tls: TlsMode, name: String, authority: String, path: &str) -> Self {
        let address = Address::Host { host: host.to_owned(), service: port.to_owned() };
        let path = utf8_percent_encode(path, NOT_IN_A_PATH).to_string();
        Self { server: Server { address, tls, name }, authority, path }
    }

    /// A request up to the number that says how long its body is. As auth_httpform.c has it, in its order.
    pub fn head(&self, content_type: &str, keep_alive: bool) -> String {
        let (path, authority) = (&self.path, &self.authority);
        let connection = if keep_alive { "keep-alive" } else { "close" };
        format!(
            "POST {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: {connection}\r\nUser-Agent: saslauthd\r\n\
             Accept: */*\r\nContent-Type: {content_type}\r\nContent-Length: "
        )
    }
}

const NO_URL: &str = "takes URLs like https://host/path";

/// Whether it is a port's number, or could be a name from /etc/services.
pub fn is_port_or_service(port: &str) -> bool {
    if port.bytes().all(|byte| byte.is_ascii_digit()) {
        return is_port(port);
    }
    port.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte))
}

/// Whether it can be what a request asks for: a path, or a whole URL for a proxy.
pub fn is_path(path: &str) -> bool {
    path.starts_with('/') || path.starts_with("http://") || path.starts_with("https://")
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0)
}

fn is_host(host: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    host.parse::<Ipv6Addr>().is_ok() || (!host.is_empty() && host.bytes().all(is_name))
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn host_and_port(authority: &str) -> Result<(&str, Option<&str>), &'static str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or("has an address without its closing bracket")?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_address = host.parse::<Ipv6Addr>().is_ok();
    if !is_host(host) || is_address != authority.starts_with('[') {
        return Err("is a URL without a usable host");
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok((host, None)),
        Some("") => Ok((host, None)),
        Some(port) if is_port(port) => Ok((host, Some(port))),
        _ => Err("is a URL whose port is not a number from 1 to 65535"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parts(target: &Target) -> (String, String, bool, String, String, String) {
        let Address::Host { host, service } = target.server.address.clone() else { panic!("no host") };
        let tls = target.server.tls == TlsMode::Implicit;
        (host, service, tls, target.authority.clone(), target.path.clone(), target.server.name.clone())
    }

    #[test]
    fn a_url_names_host_port_tls_and_path() {
        for (url, host, port, tls, authority, path) in [
            ("http://a.example", "a.example", "80", false, "a.example", "/"),
            ("HTTPS://a.example/", "a.example", "443", true, "a.example", "/"),
            ("https://a.example:443/x", "a.example", "443", true, "a.example", "/x"),
            ("https://a.example:/x", "a.example", "443", true, "a.example", "/x"),
            ("https://a.example:8443/x/y?z=1&b", "a.example", "8443", true, "a.example:8443", "/x/y?z=1&b"),
            ("http://a.example?z", "a.example", "80", false, "a.example", "/?z"),
            ("http://127.0.0.1:8080/", "127.0.0.1", "8080", false, "127.0.0.1:8080", "/"),
            ("http://[::1]:8080/", "::1", "8080", false, "[::1]:8080", "/"),
            ("https://[2001:db8::1]", "2001:db8::1", "443", true, "[2001:db8::1]", "/"),
            ("http://a/\u{e4}", "a", "80", false, "a", "/%C3%A4"),
        ] {
            let scheme = if tls { "https" } else { "http" };
            let name = format!("{scheme}://{authority}");
            let expected = (host.into(), port.into(), tls, authority.into(), path.into(), name);
            assert_eq!(parts(&Target::of_url(url).unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn what_is_no_usable_url_is_an_error() {
        for url in [
            "",
            "a.example",
            "/path",
            "ftp://a/",
            "http://",
            "http:///x",
            "http://:80/",
            "http://a:0/",
            "http://a:65536/",
            "http://a:+80/",
            "http://a:http/",
            "http://a:80:80/",
            "http://::1/",
            "http://[::1/",
            "http://[a]/",
            "http://[::1]80/",
            "http://anna:secret@a/",
            "http://a/#x",
            "http://a#x",
            "http://a b/",
            "http://a\r\nX: y/",
            "http://\u{e4}/",
        ] {
            assert!(Target::of_url(url).is_err(), "{url:?}");
        }
    }

    #[test]
    fn the_keys_of_c_make_the_request_of_c() {
        let target = Target::of_keys("localhost", "80", "/cgi-bin/auth?x=%u").unwrap();
        assert_eq!(
            target.head("application/x-www-form-urlencoded", false),
            "POST /cgi-bin/auth?x=%u HTTP/1.1\r\nHost: localhost:80\r\nConnection: close\r\n\
             User-Agent: saslauthd\r\nAccept: */*\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: "
        );
        assert_eq!(target.server.name, "http://localhost:80");
    }

    #[test]
    fn hosts_of_c_may_be_addresses_and_ports_may_be_names() {
        for (host, port, authority) in [
            ("127.0.0.1", "8080", "127.0.0.1:8080"),
            ("::1", "8080", "[::1]:8080"),
            ("[::1]", "80", "[::1]:80"),
            ("mail_host", "http", "mail_host"),
        ] {
            let target = Target::of_keys(host, port, "/").unwrap();
            assert_eq!(target.authority, authority);
            assert!(is_port_or_service(port));
        }
        for host in ["", "a b", "a/b", "a:80", "a\r\nX: y", "[a", "\u{e4}"] {
            assert!(Target::of_keys(host, "80", "/").is_err(), "{host:?}");
        }
        for port in ["0", "65536", "99999999", "a b", "a\r\n"] {
            assert!(!is_port_or_service(port), "{port:?}");
        }
    }

    #[test]
    fn nothing_in_a_path_can_end_the_line() {
        let target = Target::of_keys("a", "80", "/x HTTP/1.1\r\nX: y\u{0}\u{e4}").unwrap();
        assert_eq!(target.path, "/x%20HTTP/1.1%0D%0AX:%20y%00%C3%A4");
        assert!(
            target
                .head("x", true)
                .starts_with("POST /x%20HTTP/1.1%0D%0AX:%20y%00%C3%A4 HTTP/1.1\r\nHost: a:80\r\n")
        );
    }
}
