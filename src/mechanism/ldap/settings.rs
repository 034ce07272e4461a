//! What saslauthd.conf and ldap.conf say about logins in a directory.
#![forbid(unsafe_code)]

mod account;
mod groups;
mod lookup;
mod mechanisms;
mod read;
mod servers;
#[cfg(test)]
pub(super) mod tests;

pub use account::Account;
pub use groups::GroupCheck;

use super::filter::Filter;
use super::ldap_conf::LdapConf;
use super::message::{Dereference, Scope};
use super::sasl_choice::Choice;
use super::tokens::{Template, split_login};
use crate::net::exchange::{Server, TlsSettings};
use crate::settings::file::Problem;
use crate::settings::keys::Keys;
use crate::settings::raw_settings::RawSettings;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

/// Everything that a login of one realm needs.
#[derive(PartialEq)]
pub struct Settings {
    /// `ldap_servers`, with `ldap_start_tls` in them.
    pub servers: Vec<Server>,
    /// For those with TLS.
    pub tls: Rc<TlsSettings>,
    /// `ldap_timeout`, for each step; without the key the daemon's options hold, up to C's default.
    pub timeout: Option<Duration>,
    /// Who searches and checks groups.
    pub account: Rc<Account>,
    /// How a password is checked.
    pub method: Method,
    /// Who must be a member of what.
    pub group: Option<GroupCheck>,
    /// What a server may do for one search.
    pub limits: Limits,
    /// `ldap_default_realm`
    pub default_realm: Vec<u8>,
    /// Whether and where to referrals are followed.
    pub referrals: Referrals,
}

/// How a password is checked.
#[derive(PartialEq)]
pub enum Method {
    /// Find the entry, bind as it.
    Bind(Lookup),
    /// Find the entry, compare with its values of this attribute.
    Custom(Lookup, String),
    /// Bind as this DN.
    FastBind(Template),
    /// Bind as the login, by SASL.
    SaslBind(Choice),
}

/// How an entry is found.
#[derive(PartialEq)]
pub struct Lookup {
    /// Below which DN.
    pub base: Template,
    /// How far below.
    pub scope: Scope,
    /// What it must be like.
    pub filter: Filter,
}

/// What a server may do for one search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `ldap_deref`: when aliases are followed.
    pub deref: Dereference,
    /// `ldap_size_limit`: how many entries it returns; 0 for as many as it likes.
    pub size: i32,
    /// `ldap_time_limit` in seconds; 0 for as many as it likes.
    pub time: i32,
}

/// Whether and where to referrals are followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Referrals {
    /// `ldap_referrals`
    pub follow: bool,
    /// `ldap_referral_hosts`: names of hosts beside the configured servers that may see the service account's password
    /// and those of users.
    pub hosts: Vec<String>,
    /// Whether these have TLS: if any configured server has it.
    pub with_tls: bool,
}

/// Something that each realm has, such as its [`Settings`].
pub struct Realms<T> {
    general: T,
    realms: Vec<(String, T)>,
}

impl Realms<Settings> {
    /// Reads everything; `None` when something is wrong with which the daemon cannot run.
    pub fn read(sources: &RawSettings, problems: &mut Vec<Problem>) -> Option<Self> {
        let conf = sources.ldap_conf.as_ref().map(|text| LdapConf::read(text, problems)).unwrap_or_default();
        let Some(text) = &sources.file else {
            problems.push(Problem::error(Path::new("saslauthd.conf"), "ldap needs this file"));
            return None;
        };
        let file = text.parse(problems);
        let general = read::read(&mut Keys::general(text.path(), &file, problems), &conf);
        let mut realms = Vec::new();
        for section in &file.realms {
            let mut keys = Keys::of_realm(text.path(), &file, section, problems);
            realms.push((section.realm.clone(), read::read(&mut keys, &conf)));
        }
        // A line of the general part is read once for each realm, and is wrong as often.
        let mut seen = Vec::new();
        problems.retain(|problem| {
            let new = !seen.contains(problem);
            seen.push(problem.clone());
            new
        });
        if problems.iter().any(Problem::is_error) {
            return None;
        }
        let realms = realms.into_iter().map(|(realm, settings)| Some((realm, settings?)));
        Some(Self { general: general?, realms: realms.collect::<Option<_>>()? })
    }
}

impl<T> Realms<T> {
    /// What a login has: of the realm that the client named, or else of the domain that `%d` stands for. For a realm
    /// without a section that is the general part.
    pub fn of(&self, login: &[u8], realm: &[u8]) -> &T {
        let name = if realm.is_empty() { split_login(login).1 } else { realm };
        let section = self.realms.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
        section.map_or(&self.general, |(_, of_realm)| of_realm)
    }

    /// Makes something else for every realm.
    pub fn map<U>(self, mut make: impl FnMut(T) -> U) -> Realms<U> {
        let general = make(self.general);
        Realms {
            general,
            realms: self.realms.into_iter().map(|(realm, of_realm)| (realm, make(of_realm))).collect(),
        }
    }

    /// What logins of no particular realm have.
    #[cfg(test)]
    pub(super) fn into_general(self) -> T {
        self.general
    }
}
