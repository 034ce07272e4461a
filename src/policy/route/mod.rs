//! Which mechanisms a login is put to, and in what order.
#![forbid(unsafe_code)]

pub mod chain;
#[cfg(test)]
mod tests;

use crate::config::site::{RealmPattern, Route, Routes, Selector};
use crate::credentials::Credentials;
use std::rc::Rc;

/// Tells the routes of a site apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteId(usize);

impl RouteId {
    /// Whoever nothing more special is there for takes this one.
    pub const DEFAULT: Self = Self(0);

    /// Its number, from 0.
    pub const fn number(self) -> u64 {
        self.0 as u64
    }
}

impl Routes {
    /// The route of a login that came to that endpoint: the first special one whose selector holds, else the default.
    /// `credentials` are those that the client sent, before a format changes the login.
    pub fn find(&self, endpoint: &str, credentials: &Credentials) -> (RouteId, &Rc<Route>) {
        let realm = || self.realm_of(credentials);
        let mut special = self.special.iter().zip(1..);
        let found =
            special.find(|((selector, _), _)| selector.holds(endpoint, &credentials.service, realm()));
        found.map_or((RouteId::DEFAULT, &self.default), |((_, route), number)| (RouteId(number), route))
    }

    /// The realm that the client named, else what follows the last `@` of the login, else the default one.
    fn realm_of<'a>(&'a self, credentials: &'a Credentials) -> &'a [u8] {
        if !credentials.realm.is_empty() {
            return &credentials.realm;
        }
        let mut parts = credentials.login.rsplitn(2, |byte| *byte == b'@');
        match (parts.next(), parts.next()) {
            (Some(realm), Some(_)) => realm,
            _ => &self.default_realm,
        }
    }
}

impl Selector {
    fn holds(&self, endpoint: &str, service: &[u8], realm: &[u8]) -> bool {
        self.endpoint.as_deref().is_none_or(|wanted| wanted == endpoint)
            && self.service.as_ref().is_none_or(|wanted| wanted.as_bytes().eq_ignore_ascii_case(service))
            && self.realm.as_ref().is_none_or(|pattern| pattern.holds(realm))
    }
}

impl RealmPattern {
    fn holds(&self, realm: &[u8]) -> bool {
        match self {
            Self::Exact(wanted) => wanted.as_bytes().eq_ignore_ascii_case(realm),
            Self::Below(end) => {
                let start = realm.len().checked_sub(end.len()).filter(|start| *start > 0);
                let tail = start.and_then(|start| realm.get(start..));
                tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end.as_bytes()))
            }
        }
    }
}
