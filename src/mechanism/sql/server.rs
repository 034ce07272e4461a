//! `sql_hostnames`: where the servers are, as libsasl's plugin writes them, and sockets as Postfix does.
#![forbid(unsafe_code)]

use crate::settings::tokens::SyntaxError;

/// More servers than anybody has of one database; each takes time when all are silent.
pub(super) const MOST_SERVERS: usize = 16;

/// Where a server is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Server {
    /// A name, an address, or the path of a socket or its directory; `None` is where the library looks by itself.
    pub host: Option<String>,
    /// `None` is the engine's own.
    pub port: Option<u16>,
}

/// Takes a list apart, with commas or blanks between the servers: `host`, `host:port`, `[address]:port`, `/path`,
/// `unix:/path`.
///
/// # Errors
/// What is wrong with which of them.
pub(super) fn parse(text: &str) -> Result<Vec<Server>, SyntaxError> {
    let mut servers = Vec::new();
    let mut offset = 0;
    for word in text.split([',', ' ', '\t']) {
        if !word.is_empty() {
            let server = parse_one(word).ok_or_else(|| {
                SyntaxError::new(offset, "takes servers like host, host:port, [address]:port or /path")
            })?;
            servers.push(server);
        }
        offset += word.len() + 1;
    }
    match servers.len() {
        0 => Err(SyntaxError::new(0, "names no server")),
        1..=MOST_SERVERS => Ok(servers),
        _ => Err(SyntaxError::new(0, format!("takes at most {MOST_SERVERS} servers"))),
    }
}

fn parse_one(word: &str) -> Option<Server> {
    let word = word.strip_prefix("unix:").filter(|path| path.starts_with('/')).unwrap_or(word);
    let word = word.strip_prefix("inet:").unwrap_or(word);
    let (host, port) = if let Some(rest) = word.strip_prefix('[') {
        let (address, behind) = rest.split_once(']')?;
        address.parse::<std::net::Ipv6Addr>().ok()?;
        (address, behind.strip_prefix(':').or_else(|| behind.is_empty().then_some(""))?)
    } else if word.parse::<std::net::Ipv6Addr>().is_ok() {
        (word, "")
    } else {
        match word.split_once(':') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (word, ""),
        }
    };
    let port = if port.is_empty() { None } else { Some(port.parse::<u16>().ok().filter(|port| *port > 0)?) };
    let is_host = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic());
    is_host.then(|| Server { host: Some(host.to_owned()), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(host: &str, port: Option<u16>) -> Server {
        Server { host: Some(host.to_owned()), port }
    }

    #[test]
    fn a_list_is_read_as_by_the_plugin_and_with_sockets() {
        let expected = vec![
            server("db1.example.org", None),
            server("db2", Some(5433)),
            server("192.0.2.1", Some(3306)),
            server("2001:db8::1", Some(3306)),
            server("2001:db8::2", None),
            server("::1", None),
            server("/run/postgresql", Some(5433)),
            server("/run/mysqld/mysqld.sock", None),
            server("db3", Some(1)),
        ];
        let text = "db1.example.org, db2:5433,192.0.2.1:3306 [2001:db8::1]:3306\t2001:db8::2,,[::1] \
                    /run/postgresql:5433,unix:/run/mysqld/mysqld.sock inet:db3:1";
        assert_eq!(parse(text), Ok(expected));
    }

    #[test]
    fn what_is_no_server_is_named_by_its_place() {
        for (text, offset) in [
            ("", 0),
            (" , ", 0),
            ("a, b:x", 3),
            ("a:0", 0),
            ("a:65536", 0),
            ("a:", 0),
            (":1", 0),
            ("[::1", 0),
            ("[x]:1", 0),
            ("[::1]x", 0),
            ("dä", 0),
        ] {
            assert_eq!(parse(text).map_err(|error| error.offset), Err(offset), "{text}");
        }
        assert!(parse(&"a,".repeat(MOST_SERVERS)).is_ok());
        assert!(parse(&"a,".repeat(MOST_SERVERS + 1)).is_err());
    }
}
