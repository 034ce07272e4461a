//! Which logins a section of `saslauthd.conf` is for, and which of several sections says more about a login.
#![forbid(unsafe_code)]

use super::site::{RealmPattern, Selector};
use crate::settings::scope::Scope;

/// The realm of a login: the client's, else what follows the last `@`, else the default one.
pub fn realm_of<'a>(login: &'a [u8], realm: &'a [u8], default: &'a [u8]) -> &'a [u8] {
    if !realm.is_empty() {
        return realm;
    }
    let at = login.iter().rposition(|byte| *byte == b'@');
    let behind = at.and_then(|at| login.get(at + 1..)).unwrap_or_default();
    if behind.is_empty() { default } else { behind }
}

impl RealmPattern {
    /// As it is written behind `[realm`.
    pub fn of(text: &str) -> Self {
        match text.strip_prefix('*') {
            Some(below) => Self::Below(below.to_owned()),
            None => Self::Exact(text.to_owned()),
        }
    }

    /// Whether a realm is one of these.
    pub fn matches(&self, realm: &[u8]) -> bool {
        match self {
            Self::Exact(name) => name.as_bytes().eq_ignore_ascii_case(realm),
            Self::Below(end) => ends_in(realm, end.as_bytes()),
        }
    }

    /// Whether every realm of the other is one of these.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Below(one), Self::Below(other)) => {
                one.eq_ignore_ascii_case(other) || ends_in(other.as_bytes(), one.as_bytes())
            }
            (Self::Exact(_), Self::Below(_)) => false,
            (one, Self::Exact(name)) => one.matches(name.as_bytes()),
        }
    }
}

/// With something before it.
fn ends_in(realm: &[u8], end: &[u8]) -> bool {
    realm.len() > end.len()
        && realm.get(realm.len() - end.len()..).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

impl Selector {
    /// The logins that the section is for; `None` if it is about something else than logins.
    pub fn of(scope: &Scope) -> Option<Self> {
        match scope {
            Scope::Logins { realm, service } => Some(Self {
                endpoint: None,
                realm: realm.as_deref().map(RealmPattern::of),
                service: service.clone(),
            }),
            Scope::Socket(path) => Some(Self { endpoint: Some(path.clone()), ..Self::default() }),
            Scope::General | Scope::Mechanism(_) | Scope::Nothing => None,
        }
    }

    /// Whether a login of that realm for that service, at whatever endpoint, is one of these.
    pub fn matches(&self, realm: &[u8], service: &[u8]) -> bool {
        self.realm.as_ref().is_none_or(|pattern| pattern.matches(realm))
            && self.service.as_ref().is_none_or(|name| name.as_bytes().eq_ignore_ascii_case(service))
    }

    /// Whether every login of the other is one of these.
    pub fn covers(&self, other: &Self) -> bool {
        covers(self.endpoint.as_ref(), other.endpoint.as_ref(), |one, other| one == other)
            && covers(self.realm.as_ref(), other.realm.as_ref(), RealmPattern::covers)
            && covers(self.service.as_ref(), other.service.as_ref(), |one, other| {
                one.eq_ignore_ascii_case(other)
            })
    }

    /// The logins that both are for; `None` if there are none.
    pub fn both(&self, other: &Self) -> Option<Self> {
        let same = |one: &String, other: &String| one == other;
        let same_word = |one: &String, other: &String| one.eq_ignore_ascii_case(other);
        Some(Self {
            endpoint: both(self.endpoint.as_ref(), other.endpoint.as_ref(), same)?,
            realm: both(self.realm.as_ref(), other.realm.as_ref(), RealmPattern::covers)?,
            service: both(self.service.as_ref(), other.service.as_ref(), same_word)?,
        })
    }

    /// The greater, the more special: a socket; realm and service; realm; service. A whole realm comes before those below
    /// one, of which the longer comes first.
    pub fn rank(&self) -> impl Ord + use<> {
        let (has_realm, has_service) = (self.realm.is_some(), self.service.is_some());
        let (is_exact, length) = match &self.realm {
            Some(RealmPattern::Exact(name)) => (true, name.len()),
            Some(RealmPattern::Below(end)) => (false, end.len()),
            None => (false, 0),
        };
        (self.endpoint.is_some(), has_realm && has_service, has_realm, has_service, is_exact, length)
    }
}

/// Nothing covers everything.
fn covers<T>(one: Option<&T>, other: Option<&T>, covers: impl Fn(&T, &T) -> bool) -> bool {
    match (one, other) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(one), Some(other)) => covers(one, other),
    }
}

/// The narrower of the two, within `Some`; `None` if neither covers the other.
fn both<T: Clone>(
    one: Option<&T>,
    other: Option<&T>,
    covered: impl Fn(&T, &T) -> bool + Copy,
) -> Option<Option<T>> {
    if covers(one, other, covered) {
        Some(other.cloned())
    } else if covers(other, one, covered) {
        Some(one.cloned())
    } else {
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn selector(header: &str) -> Selector {
        Selector::of(&Scope::parse(header.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn the_realm_is_the_clients_or_what_follows_the_last_at_sign_or_the_default() {
        for (login, realm, expected) in [
            ("anna@a.org", "b.org", "b.org"),
            ("anna@a.org", "", "a.org"),
            ("anna@x@a.org", "", "a.org"),
            ("anna@", "", "default"),
            ("anna", "", "default"),
        ] {
            assert_eq!(
                realm_of(login.as_bytes(), realm.as_bytes(), b"default"),
                expected.as_bytes(),
                "{login}"
            );
        }
    }

    #[test]
    fn a_section_is_for_logins_of_its_realm_and_service_in_any_case() {
        for (header, realm, service, is_one) in [
            ("[realm Example.org]", "example.ORG", "imap", true),
            ("[realm example.org]", "mail.example.org", "imap", false),
            ("[realm *.example.org]", "mail.Example.org", "imap", true),
            ("[realm *.example.org]", "a.b.example.org", "imap", true),
            ("[realm *.example.org]", "example.org", "imap", false),
            ("[realm *.example.org]", ".example.org", "imap", false),
            ("[realm *.example.org]", "myexample.org", "imap", false),
            ("[service IMAP]", "", "imap", true),
            ("[service imap]", "", "imaps", false),
            ("[realm a service imap]", "a", "smtp", false),
            ("[realm a service imap]", "a", "imap", true),
        ] {
            let matches = selector(header).matches(realm.as_bytes(), service.as_bytes());
            assert_eq!(matches, is_one, "{header} {realm} {service}");
        }
    }

    #[test]
    fn what_two_sections_have_in_common_is_the_narrower_of_each() {
        for (one, other, both) in [
            ("[realm a.org]", "[service imap]", Some("[realm a.org service imap]")),
            ("[realm *.org]", "[realm a.org]", Some("[realm a.org]")),
            ("[realm *.org]", "[realm *.a.org]", Some("[realm *.a.org]")),
            ("[realm *.org service imap]", "[realm a.org]", Some("[realm a.org service imap]")),
            ("[realm a.org]", "[realm b.org]", None),
            ("[service imap]", "[service smtp]", None),
            ("[realm *.org]", "[realm *.com]", None),
        ] {
            let (one, other) = (selector(one), selector(other));
            assert_eq!(one.both(&other), both.map(selector));
            assert_eq!(other.both(&one), both.map(selector));
        }
    }

    #[test]
    fn the_more_special_section_has_the_higher_rank() {
        let in_order = [
            "[socket /run/x]",
            "[realm aa.example.org service imap]",
            "[realm a.example.org service imap]",
            "[realm *.example.org service imap]",
            "[realm *.org service imap]",
            "[realm a.org]",
            "[realm *.example.org]",
            "[realm *.org]",
            "[service imap]",
        ];
        for (higher, lower) in in_order.iter().zip(in_order.iter().skip(1)) {
            assert!(selector(higher).rank() > selector(lower).rank(), "{higher} {lower}");
        }
        assert!(selector("[service imap]").rank() > Selector::default().rank());
    }
}
