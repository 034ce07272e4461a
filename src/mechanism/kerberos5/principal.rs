//! From a login to the name of the principal that is asked about, as the C daemon makes it.
#![forbid(unsafe_code)]

use super::settings::Settings;
use crate::credentials::Credentials;

/// The longest name with its realm in bytes: C's buffer.
const LONGEST: usize = 2047;

/// The first part of names that are nobody's (RFC 6111, section 3).
const RESERVED: &[u8] = b"WELLKNOWN";

/// A name in the library's writing, in which nothing is quoted: `primary/instance` and the realm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PrincipalName {
    /// Without the realm.
    pub(super) name: Vec<u8>,
    /// `None` for the default realm.
    pub(super) realm: Option<Vec<u8>>,
}

/// Why a login is no principal's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPrincipal {
    /// There is nothing before the realm. C asks for it, and no server knows it.
    Nameless,
    /// It begins with [`RESERVED`]. For `WELLKNOWN/ANONYMOUS` libkrb5 gets a ticket without any password, where there is
    /// PKINIT (RFC 8062), as in every domain of FreeIPA.
    Reserved,
    /// It is no name, or would be read as another one than it shows.
    Malformed(&'static str),
    /// The settings give logins of this service another instance.
    OtherInstance,
    /// It is longer than [`LONGEST`].
    TooLong,
}

impl PrincipalName {
    /// Of the login, the realm that came with it, and the instance that its service gets.
    ///
    /// # Errors
    /// When that is no name, or not one that may log in here.
    pub(super) fn of(settings: &Settings, credentials: &Credentials) -> Result<Self, NoPrincipal> {
        let (login, own_realm) = split(&credentials.login)?;
        let login = if settings.converts_dot { with_slash(login) } else { login.to_vec() };
        let name = match settings.instance(&credentials.service) {
            Some(instance) => with_instance(login, instance)?,
            None => login,
        };
        let sent_realm = Some(credentials.realm.as_slice()).filter(|realm| !realm.is_empty());
        let realm = one_of(own_realm, sent_realm, settings.upper_cases_realm)?;
        check(&name, realm.as_deref())?;
        Ok(Self { name, realm })
    }

    /// The whole name.
    pub(super) fn in_realm(&self, realm: &[u8]) -> Vec<u8> {
        [&self.name, &b"@"[..], realm].concat()
    }
}

/// What is before the at sign and what is behind it.
fn split(login: &[u8]) -> Result<(&[u8], Option<&[u8]>), NoPrincipal> {
    let mut parts = login.split(|byte| *byte == b'@');
    let (name, realm, more) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    if more.is_some() { Err(NoPrincipal::Malformed("it has more than one @")) } else { Ok((name, realm)) }
}

/// The first dot becomes a slash.
fn with_slash(login: &[u8]) -> Vec<u8> {
    let mut login = login.to_vec();
    if let Some(dot) = login.iter_mut().find(|byte| **byte == b'.') {
        *dot = b'/';
    }
    login
}

/// A login that has the instance already is that one; one with another is not let in.
fn with_instance(login: Vec<u8>, instance: &[u8]) -> Result<Vec<u8>, NoPrincipal> {
    match login.iter().position(|byte| *byte == b'/') {
        Some(slash) if login.get(slash + 1..) == Some(instance) => Ok(login),
        Some(_) => Err(NoPrincipal::OtherInstance),
        None => Ok([&login, &b"/"[..], instance].concat()),
    }
}

/// The realm, which may be in both places; C makes a name with two realms of that, which is none.
fn one_of(
    own: Option<&[u8]>,
    sent: Option<&[u8]>,
    upper_cases: bool,
) -> Result<Option<Vec<u8>>, NoPrincipal> {
    let form = |realm: &[u8]| if upper_cases { realm.to_ascii_uppercase() } else { realm.to_vec() };
    match (own.map(form), sent.map(form)) {
        (Some(own), Some(sent)) if own != sent => {
            Err(NoPrincipal::Malformed("its realm is another one than that which came with it"))
        }
        (own, sent) => Ok(own.or(sent)),
    }
}

fn check(name: &[u8], realm: Option<&[u8]>) -> Result<(), NoPrincipal> {
    let malformed = |why| Err(NoPrincipal::Malformed(why));
    let has = |wanted: u8| name.contains(&wanted) || realm.is_some_and(|realm| realm.contains(&wanted));
    if has(b'\\') {
        // The library takes it away, and makes a NUL of "\0": who logs in would not be who it shows.
        return malformed("it has a backslash");
    }
    if has(0) {
        return malformed("it has a NUL");
    }
    if name.is_empty() {
        return Err(NoPrincipal::Nameless);
    }
    let mut parts = name.split(|byte| *byte == b'/');
    if parts.clone().any(<[u8]>::is_empty) {
        return malformed("a part of it is empty");
    }
    if parts.next() == Some(RESERVED) {
        return Err(NoPrincipal::Reserved);
    }
    match realm {
        Some(realm) if realm.iter().any(|byte| matches!(byte, b'/' | b'@')) => malformed("its realm is none"),
        Some([]) => malformed("its realm is empty"),
        _ if name.len() + realm.map_or(0, |realm| realm.len() + 1) > LONGEST => Err(NoPrincipal::TooLong),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "principal_tests.rs"]
mod tests;
