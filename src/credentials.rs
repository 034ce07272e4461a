//! What a client asks about: a login, its password and where they were used.
#![forbid(unsafe_code)]

use crate::secret::Secret;
use std::net::{IpAddr, SocketAddr};

/// One login attempt. Bytes, never text: no encoding is assumed or changed.
///
/// Deliberately neither `Debug` nor `Clone`: see [`Secret`].
pub struct Credentials {
    /// The account, as `-r` or `--login-format` has made it. Not empty, no NUL.
    pub login: Vec<u8>,
    /// The login as the client sent it, where a format has made another one of it: by its realm sections are chosen.
    pub sent_login: Option<Vec<u8>>,
    /// The password. Not empty, no NUL.
    pub password: Secret,
    /// The service the login is for (`smtp`, `imap`, …); may be empty.
    pub service: Vec<u8>,
    /// The realm; may be empty.
    pub realm: Vec<u8>,
    /// The bare address of the client's client, when one was sent that is an address.
    pub client: Option<IpAddr>,
    /// What the mail server tells of its client's connection, if it does. No mechanism gets to know it.
    pub connection: Option<Box<MailConnection>>,
}

/// What a mail server knows of its client's connection, in Dovecot's words, for the policy server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailConnection {
    /// `secured=tls`: whether it has TLS, as far as that is said. Postfix and Exim say no more than `secured`.
    pub has_tls: bool,
    /// `session=`: the mail server's name for it; may be empty.
    pub session: Vec<u8>,
    /// `client_id=`: what the client has said it is, as by IMAP's `ID`; may be empty.
    pub device: Vec<u8>,
}

impl Credentials {
    /// For tests: a login of the service `smtp` without a realm or an address.
    #[cfg(any(test, feature = "simulation"))]
    pub fn of_login(login: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Self {
        Self {
            login: login.as_ref().to_vec(),
            sent_login: None,
            password: Secret::copy_of(password.as_ref()),
            service: b"smtp".to_vec(),
            realm: Vec::new(),
            client: None,
            connection: None,
        }
    }

    /// The same once more, for another mechanism.
    pub fn copy(&self) -> Self {
        Self {
            login: self.login.clone(),
            sent_login: self.sent_login.clone(),
            password: Secret::copy_of(self.password.as_bytes()),
            service: self.service.clone(),
            realm: self.realm.clone(),
            client: self.client,
            connection: self.connection.clone(),
        }
    }
}

/// The address in the optional fifth field of a request.
///
/// Cyrus SASL 2.2 sends `ip;port`; other stacks send `ip`, `ip:port` or `[ip]:port`. PAM_RHOST and fail2ban need
/// the bare address, so port and zone are dropped and an IPv4 address inside IPv6 becomes plain IPv4. Anything
/// that is not an address is `None`: it would only be a name that a client made up.
pub fn client_address(field: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(field).ok()?;
    let text = text.split(';').next()?;
    let address = text.parse().ok().or_else(|| address_of_host_and_port(text))?;
    Some(IpAddr::to_canonical(&address))
}

fn address_of_host_and_port(text: &str) -> Option<IpAddr> {
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Some(socket.ip());
    }
    let text = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) if port.is_empty() || port.starts_with(':') => address,
        _ => text,
    };
    let (address, _zone) = text.split_once('%').unwrap_or((text, ""));
    address.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_address_is_bare_in_every_spelling_that_clients_use() {
        for (field, expected) in [
            ("192.0.2.7;2525", "192.0.2.7"),
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7:2525", "192.0.2.7"),
            ("2001:db8::7;25", "2001:db8::7"),
            ("[2001:db8::7]:25", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[192.0.2.7]:25", "192.0.2.7"),
            ("[192.0.2.7]", "192.0.2.7"),
            ("fe80::1%eth0;25", "fe80::1"),
            ("::ffff:192.0.2.7;25", "192.0.2.7"),
            ("::1", "::1"),
        ] {
            let address = client_address(field.as_bytes()).map(|address| address.to_string());
            assert_eq!(address.as_deref(), Some(expected), "{field}");
        }
    }

    #[test]
    fn what_is_not_an_address_is_no_address() {
        for field in ["", ";", "localhost;25", "192.0.2;25", "192.0.2.7 x;25", "[::1", "\u{0};1"] {
            assert_eq!(client_address(field.as_bytes()), None, "{field:?}");
        }
        assert_eq!(client_address(b"\xff;1"), None);
    }
}
