//! What saslauthd.conf and ldap.conf say about logins in a directory.
#![forbid(unsafe_code)]

mod account;
mod groups;
mod kerberos;
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
use super::tokens::Template;
use crate::config::layers::{self, Layers};
use crate::config::selector::realm_of;
use crate::config::site::Selector;
use crate::mechanism::CredentialPath;
use crate::net::exchange::{Server, TlsSettings};
use crate::settings::file::{File, Problem, Section, Text};
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

/// Something that logins have, such as their [`Settings`], which sections for realms and services change.
pub struct Realms<T> {
    general: T,
    /// The more special ones first.
    special: Vec<(Selector, T)>,
    /// `default_realm`
    default_realm: Vec<u8>,
    /// What logins by GSSAPI are made with.
    credentials: CredentialPath,
}

impl Realms<Settings> {
    /// What the mechanism logs in with by GSSAPI; `None` if no account does.
    pub fn credentials(&self) -> Option<CredentialPath> {
        let uses_gssapi = self.all().any(|settings| settings.account.uses_gssapi());
        uses_gssapi.then(|| self.credentials.clone())
    }

    /// Reads everything; `None` when something is wrong with which the daemon cannot run.
    pub fn read(sources: &RawSettings, problems: &mut Vec<Problem>) -> Option<Self> {
        let conf = sources.ldap_conf.as_ref().map(|text| LdapConf::read(text, problems)).unwrap_or_default();
        let Some(text) = &sources.file else {
            problems.push(Problem::error(Path::new("saslauthd.conf"), "ldap needs this file"));
            return None;
        };
        let file = text.parse(problems);
        let own = file.for_mechanism(sources.instance.as_deref());
        let general = read::read(&mut Keys::new(text.path(), own.clone(), problems), &conf);
        let credentials = kerberos::path(&mut Keys::new(text.path(), own.clone(), problems));
        let mut special = Vec::new();
        for Layers { selector, sections } in layers(text, &file, problems) {
            let sections = sections.into_iter().chain(own.iter().copied()).collect();
            let settings = read::read(&mut Keys::new(text.path(), sections, problems), &conf);
            special.push((selector, settings));
        }
        let mut keys = Keys::new(text.path(), vec![&file.general], problems);
        let default_realm = keys.text(&["default_realm"]).unwrap_or_default().as_bytes().to_vec();
        for section in file.sections.iter().filter(|section| section.scope.is_about_logins()) {
            kerberos::complain_of_section(&mut Keys::new(text.path(), vec![section], problems), section);
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
        let special = special.into_iter().map(|(selector, settings)| Some((selector, settings?)));
        Some(Self { general: general?, special: special.collect::<Option<_>>()?, default_realm, credentials })
    }
}

/// Which sections with keys of ldap count for which logins.
fn layers<'a>(text: &Text, file: &'a File, problems: &mut Vec<Problem>) -> Vec<Layers<'a>> {
    let with_keys = |section: &&Section| {
        section.scope.is_about_logins() && section.entries.iter().any(|entry| entry.key.starts_with("ldap_"))
    };
    layers::of(file.sections.iter().filter(with_keys)).unwrap_or_else(|too_many| {
        problems.push(Problem::error(text.path(), too_many.to_string()));
        Vec::new()
    })
}

impl<T> Realms<T> {
    /// What a login has, by its realm and its service: see [`realm_of`]. Without a section for these that is what the
    /// mechanism has by itself.
    pub fn of(&self, login: &[u8], realm: &[u8], service: &[u8]) -> &T {
        let realm = realm_of(login, realm, &self.default_realm);
        let special = self.special.iter().find(|(selector, _)| selector.matches(realm, service));
        special.map_or(&self.general, |(_, special)| special)
    }

    /// What all logins have, each once.
    pub fn all(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.general).chain(self.special.iter().map(|(_, special)| special))
    }

    /// Makes something else for every realm.
    pub fn map<U>(self, mut make: impl FnMut(T) -> U) -> Realms<U> {
        Realms {
            general: make(self.general),
            special: self.special.into_iter().map(|(selector, own)| (selector, make(own))).collect(),
            default_realm: self.default_realm,
            credentials: self.credentials,
        }
    }

    /// What logins of no particular realm have.
    #[cfg(test)]
    pub(super) fn into_general(self) -> T {
        self.general
    }
}
