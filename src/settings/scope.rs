//! The headers of sections: `[realm example.org]` and the others.
#![forbid(unsafe_code)]

use std::fmt;

/// What the keys of a section are for.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Before the first section: whatever no section says otherwise about.
    #[default]
    General,
    /// `[mechanism NAME]`
    Mechanism(String),
    /// `[realm NAME]`, `[service NAME]`, `[realm NAME service NAME]`: some logins. One of the two is there.
    Logins {
        /// A name, or `*.` and a name.
        realm: Option<String>,
        /// A name.
        service: Option<String>,
    },
    /// `[socket PATH]`, absolute. Without empty parts and `.`: what counts for a socket is found by its path, as a
    /// string.
    Socket(String),
    /// A header that means nothing: the keys count for nobody.
    Nothing,
}

/// The longest name of a mechanism in bytes; it is in every log line about a login.
pub const LONGEST_NAME: usize = 64;

const NO_SECTION: &str = "a section begins with a line like \"[realm example.org]\"";
const NO_MECHANISM: &str = "a mechanism has a name of up to 64 letters, digits, - and _";
const NO_REALM: &str = "a realm is a name such as example.org, or *.example.org for all below it";
const NO_SERVICE: &str = "a service has a name such as imap, without a *";
const NO_SOCKET: &str = "a socket is named by its absolute path";

impl Scope {
    /// Reads a header with its brackets.
    ///
    /// # Errors
    /// What is wrong with it, without a full stop; nothing of the header is in it.
    pub fn parse(header: &[u8]) -> Result<Self, &'static str> {
        let inside = header.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")).ok_or(NO_SECTION)?;
        let inside = std::str::from_utf8(inside.trim_ascii()).map_err(|_| NO_SECTION)?;
        if inside.contains(|letter: char| letter.is_control() && letter != '\t') {
            return Err(NO_SECTION);
        }
        let (word, rest) = inside.split_once([' ', '\t']).ok_or(NO_SECTION)?;
        let rest = rest.trim_ascii();
        match word.to_ascii_lowercase().as_str() {
            "mechanism" if is_name(rest) => Ok(Self::Mechanism(rest.to_owned())),
            "mechanism" => Err(NO_MECHANISM),
            "socket" if rest.starts_with('/') && !rest.contains('\t') => Ok(Self::Socket(plain(rest))),
            "socket" => Err(NO_SOCKET),
            _ => Self::parse_logins(inside),
        }
    }

    /// The two may come in any order, each once.
    fn parse_logins(inside: &str) -> Result<Self, &'static str> {
        let (mut realm, mut service) = (None, None);
        let mut words = inside.split_ascii_whitespace();
        while let Some(word) = words.next() {
            let place = match word.to_ascii_lowercase().as_str() {
                "realm" => &mut realm,
                "service" => &mut service,
                _ => return Err(NO_SECTION),
            };
            let name = words.next().ok_or(NO_SECTION)?;
            if place.replace(name.to_owned()).is_some() {
                return Err(NO_SECTION);
            }
        }
        if realm.as_deref().is_some_and(|realm| !is_realm(realm)) {
            return Err(NO_REALM);
        }
        if service.as_deref().is_some_and(|service| service.contains('*')) {
            return Err(NO_SERVICE);
        }
        Ok(Self::Logins { realm, service })
    }

    /// Whether it is `[realm NAME]`, `[service NAME]` or both.
    pub fn is_about_logins(&self) -> bool {
        matches!(self, Self::Logins { .. })
    }

    /// Whether the two are about the same, so that one of them is too many.
    pub fn is_same(&self, other: &Self) -> bool {
        let same = |one: &Option<String>, other: &Option<String>| match (one, other) {
            (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
            (one, other) => one == other,
        };
        match (self, other) {
            (Self::Mechanism(one), Self::Mechanism(other)) => one.eq_ignore_ascii_case(other),
            (Self::Socket(one), Self::Socket(other)) => one == other,
            (
                Self::Logins { realm, service },
                Self::Logins { realm: other_realm, service: other_service },
            ) => same(realm, other_realm) && same(service, other_service),
            _ => false,
        }
    }
}

/// Whether it can be the name of a mechanism: it can stand in a list and in a log line.
pub fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(letter)
}

/// The path as the socket is known by it. A slash at the end is kept, since it is wrong there.
fn plain(path: &str) -> String {
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    let plain: String = parts.flat_map(|part| ["/", part]).collect();
    if path.ends_with('/') { plain + "/" } else { plain }
}

fn is_realm(realm: &str) -> bool {
    match realm.strip_prefix("*.") {
        Some(name) => !name.is_empty() && !name.contains('*'),
        None => !realm.contains('*'),
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::General => formatter.write_str("the general part"),
            Self::Mechanism(name) => write!(formatter, "the mechanism {name}"),
            Self::Socket(path) => write!(formatter, "the socket {path}"),
            Self::Logins { realm: Some(realm), service: None } => write!(formatter, "the realm {realm}"),
            Self::Logins { realm: Some(realm), service: Some(service) } => {
                write!(formatter, "the realm {realm} with the service {service}")
            }
            Self::Logins { realm: None, service } => {
                write!(formatter, "the service {}", service.as_deref().unwrap_or_default())
            }
            Self::Nothing => formatter.write_str("a section"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn logins(realm: Option<&str>, service: Option<&str>) -> Scope {
        Scope::Logins { realm: realm.map(str::to_owned), service: service.map(str::to_owned) }
    }

    #[test]
    fn a_header_says_what_its_keys_are_for() {
        for (header, scope) in [
            ("[mechanism corp]", Scope::Mechanism("corp".to_owned())),
            ("[ MECHANISM\t corp-2_x ]", Scope::Mechanism("corp-2_x".to_owned())),
            ("[realm example.org]", logins(Some("example.org"), None)),
            ("[realm *.example.org]", logins(Some("*.example.org"), None)),
            ("[service imap]", logins(None, Some("imap"))),
            ("[realm example.org service smtp]", logins(Some("example.org"), Some("smtp"))),
            ("[Service smtp  Realm example.org]", logins(Some("example.org"), Some("smtp"))),
            ("[realm realm service service]", logins(Some("realm"), Some("service"))),
            ("[socket /run/a socket]", Scope::Socket("/run/a socket".to_owned())),
            ("[socket //run/./a//b/.]", Scope::Socket("/run/a/b".to_owned())),
            ("[socket /run/a/../b]", Scope::Socket("/run/a/../b".to_owned())),
            ("[socket /run/]", Scope::Socket("/run/".to_owned())),
            ("[socket /]", Scope::Socket("/".to_owned())),
        ] {
            assert_eq!(Scope::parse(header.as_bytes()), Ok(scope), "{header}");
        }
    }

    #[test]
    fn a_header_that_is_none_says_what_would_be_one() {
        for (header, text) in [
            ("[]", NO_SECTION),
            ("[mechanism]", NO_SECTION),
            ("[realm a b]", NO_SECTION),
            ("[realm a service]", NO_SECTION),
            ("[realm a realm b]", NO_SECTION),
            ("[database x]", NO_SECTION),
            ("[realm x", NO_SECTION),
            ("[realm \u{1b}]", NO_SECTION),
            ("[mechanism a b]", NO_MECHANISM),
            ("[mechanism a,b]", NO_MECHANISM),
            ("[realm *]", NO_REALM),
            ("[realm *.]", NO_REALM),
            ("[realm *example.org]", NO_REALM),
            ("[realm a.*.org]", NO_REALM),
            ("[realm *.*.org]", NO_REALM),
            ("[service im*]", NO_SERVICE),
            ("[socket mux]", NO_SOCKET),
        ] {
            assert_eq!(Scope::parse(header.as_bytes()), Err(text), "{header}");
        }
        let long = format!("[mechanism {}]", "x".repeat(LONGEST_NAME + 1));
        assert_eq!(Scope::parse(long.as_bytes()), Err(NO_MECHANISM));
    }

    #[test]
    fn two_sections_about_the_same_are_told_by_what_they_are_about() {
        let parsed = |header: &str| Scope::parse(header.as_bytes()).unwrap();
        for (one, other, is_same) in [
            ("[realm x service y]", "[service Y realm X]", true),
            ("[realm x]", "[realm x service y]", false),
            ("[realm x]", "[service x]", false),
            ("[realm x.org]", "[realm *.x.org]", false),
            ("[mechanism pam]", "[mechanism PAM]", true),
            ("[socket /a]", "[socket /A]", false),
            ("[socket /a/b]", "[socket //a/./b]", true),
        ] {
            assert_eq!(parsed(one).is_same(&parsed(other)), is_same, "{one} {other}");
        }
    }
}
