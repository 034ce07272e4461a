//! Which mechanisms a login is put to, and in what order.
#![forbid(unsafe_code)]

pub mod chain;
#[cfg(test)]
mod tests;

use crate::config::selector::realm_of;
use crate::config::site::{Route, Routes, Selector};
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
        let Credentials { login, realm, service, .. } = credentials;
        let realm = || realm_of(login, realm, &self.default_realm);
        let holds = |selector: &Selector| {
            let is_there = selector.endpoint.as_deref().is_none_or(|wanted| wanted == endpoint);
            is_there && selector.matches(realm(), service)
        };
        let found = self.special.iter().zip(1..).find(|((selector, _), _)| holds(selector));
        found.map_or((RouteId::DEFAULT, &self.default), |((_, route), number)| (RouteId(number), route))
    }
}
