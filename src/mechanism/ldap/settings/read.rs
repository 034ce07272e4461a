//! From the keys of one realm to its settings.
#![forbid(unsafe_code)]

use super::super::cipher;
use super::super::filter::Filter;
use super::super::ldap_conf::LdapConf;
use super::super::message::{Dereference, Scope};
use super::super::sasl_choice::Choice;
use super::super::tokens::Template;
use super::account::Account;
use super::lookup::{SCOPES, dn_template, filter};
use super::{Limits, Lookup, Method, Referrals, Settings, groups, mechanisms, servers};
use crate::mechanism::tls_keys;
use crate::net::exchange::{Server, TlsMode, TlsSettings};
use crate::settings::keys::Keys;
use std::rc::Rc;
use std::time::Duration;

const ALIASES: [(&str, Dereference); 4] = [
    ("never", Dereference::Never),
    ("search", Dereference::Search),
    ("find", Dereference::Find),
    ("always", Dereference::Always),
];

/// Reads the keys; `None` when there is something wrong that leaves nothing to do.
pub(super) fn read(keys: &mut Keys<'_>, conf: &LdapConf) -> Option<Settings> {
    check_version(keys);
    accept_without_effect(keys);
    let servers = servers::read(keys);
    let base = dn_template(keys, &["ldap_search_base"]).unwrap_or_default();
    let uses_sasl = keys.switch(&["ldap_use_sasl"]).unwrap_or(false);
    let choice = if uses_sasl { mechanisms::read(keys, &servers) } else { None };
    let method = read_method(keys, choice.as_ref(), &base);
    let group = groups::read(keys, &base);
    let account = read_account(keys, choice.as_ref(), method.as_ref(), group.is_some());
    let tls = Rc::new(read_tls(keys, conf, &servers));
    let (timeout, limits) = (read_timeout(keys), read_limits(keys));
    let (default_realm, referrals) = (default_realm(keys), read_referrals(keys, &servers));
    if uses_sasl && choice.is_none() {
        return None;
    }
    let (account, method) = (Rc::new(account), method?);
    Some(Settings { servers, tls, timeout, account, method, group, limits, default_realm, referrals })
}

/// Servers that still take 2 take 3, too.
fn check_version(keys: &mut Keys<'_>) {
    let Some(entry) = keys.entry(&["ldap_version"]) else { return };
    match keys.lenient_number(&["ldap_version"], 0..=9) {
        Some(2) => keys.warn(entry, "is 2, which is no longer supported: 3 is used"),
        Some(3) | None => {}
        Some(_) => keys.complain(entry, "takes 3"),
    }
}

/// They are only looked at for values that make no sense.
fn accept_without_effect(keys: &mut Keys<'_>) {
    keys.switch(&["ldap_restart"]);
    keys.text(&["ldap_debug"]);
}

/// SASL knows no DN to bind as, so with it `bind` is `fastbind`, as in C. EXTERNAL and GSSAPI prove no password: with these
/// the account searches, and users bind with their passwords as ever.
fn read_method(keys: &mut Keys<'_>, choice: Option<&Choice>, base: &Template) -> Option<Method> {
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Word {
        Bind,
        Custom,
        FastBind,
    }
    let words = [("bind", Word::Bind), ("custom", Word::Custom), ("fastbind", Word::FastBind)];
    let word = keys.lenient_choice(&["ldap_auth_method"], &words).unwrap_or(Word::Bind);
    let without_password = choice.filter(|choice| !choice.proves_password());
    match (word, choice) {
        (Word::Custom, _) => {
            let attribute = keys.text(&["ldap_password_attr"]).unwrap_or("userPassword").to_owned();
            Some(Method::Custom(read_lookup(keys, base)?, attribute))
        }
        (Word::Bind, _) if choice.is_none() || without_password.is_some() => {
            Some(Method::Bind(read_lookup(keys, base)?))
        }
        (Word::FastBind, Some(choice)) if without_password.is_some() => {
            if let Some(entry) = keys.entry(&["ldap_auth_method"]) {
                let name = choice.name();
                keys.complain(entry, &format!("is fastbind, but {name} as ldap_mech uses no password"));
            }
            None
        }
        (Word::Bind | Word::FastBind, Some(choice)) => Some(Method::SaslBind(choice.clone())),
        (Word::Bind | Word::FastBind, None) => {
            dn_template(keys, &["ldap_filter"]).map(Method::FastBind).or_else(|| {
                keys.miss("ldap_auth_method fastbind needs the DN of users in ldap_filter");
                None
            })
        }
    }
}

fn read_lookup(keys: &mut Keys<'_>, base: &Template) -> Option<Lookup> {
    let scope = keys.lenient_choice(&["ldap_scope"], &SCOPES).unwrap_or(Scope::Sub);
    let filter = match keys.entry(&["ldap_filter"]) {
        Some(_) => filter(keys, "ldap_filter"),
        None => Filter::parse("(uid=%u)").ok(),
    };
    Some(Lookup { base: base.clone(), scope, filter: filter? })
}

fn read_account(
    keys: &mut Keys<'_>,
    choice: Option<&Choice>,
    method: Option<&Method>,
    checks_group: bool,
) -> Account {
    let Some(choice) = choice else { return Account::read_simple(keys) };
    let needed = checks_group || !matches!(method, Some(Method::SaslBind(_)));
    Account::read_sasl(keys, choice, needed)
}

/// For libldap -1 is for ever. Here the daemon's own times hold then, so that no login waits for ever.
fn read_timeout(keys: &mut Keys<'_>) -> Option<Duration> {
    let entry = keys.entry(&["ldap_timeout"])?;
    if entry.value.as_bytes() == b"-1" {
        keys.warn(entry, "is -1, which would mean no limit: the default is used");
        return None;
    }
    let seconds = keys.lenient_number(&["ldap_timeout"], 1..=86_400)?;
    Some(Duration::from_secs(seconds.into()))
}

fn read_limits(keys: &mut Keys<'_>) -> Limits {
    let most = i32::MAX.unsigned_abs();
    let mut number = |key, default| {
        keys.lenient_number(&[key], 0..=most).and_then(|number| i32::try_from(number).ok()).unwrap_or(default)
    };
    let (size, time) = (number("ldap_size_limit", 1), number("ldap_time_limit", 5));
    Limits { deref: keys.lenient_choice(&["ldap_deref"], &ALIASES).unwrap_or(Dereference::Never), size, time }
}

fn default_realm(keys: &mut Keys<'_>) -> Vec<u8> {
    keys.text(&["ldap_default_realm", "ldap_default_domain"]).unwrap_or_default().as_bytes().to_vec()
}

fn read_referrals(keys: &mut Keys<'_>, servers: &[Server]) -> Referrals {
    let starts_tls = keys.safeguard(&["ldap_start_tls"]).unwrap_or(false);
    let hosts = keys.text(&["ldap_referral_hosts"]).unwrap_or_default();
    Referrals {
        follow: keys.switch(&["ldap_referrals"]).unwrap_or(false),
        hosts: hosts.split_ascii_whitespace().map(str::to_ascii_lowercase).collect(),
        with_tls: starts_tls || servers.iter().any(|server| server.tls != TlsMode::Off),
    }
}

/// `ldap_tls_ciphers` may be a priority string, which says something about versions too; the other keys come after it.
fn read_tls(keys: &mut Keys<'_>, conf: &LdapConf, servers: &[Server]) -> TlsSettings {
    let (mut tls, name) = (conf.tls.clone(), ["ldap_tls_ciphers"]);
    let is_used = servers.iter().any(|server| server.tls != TlsMode::Off);
    if let (Some(what), None, true) = (&conf.unusable_ciphers, keys.entry(&name), is_used) {
        keys.miss(&format!("TLS_CIPHER_SUITE of ldap.conf {what}; ldap_tls_ciphers overrides it"));
    }
    if let (Some(list), Some(entry)) = (keys.text(&name), keys.entry(&name)) {
        match cipher::apply(list, &mut tls) {
            Ok(remarks) => {
                remarks.iter().for_each(|remark| keys.warn_at(entry, Some(remark.offset), &remark.text))
            }
            Err(error) if !is_used => {
                keys.warn_at(entry, Some(error.offset), &error.text);
            }
            Err(error) => keys.complain_at(entry, Some(error.offset), &error.text),
        }
    }
    let ciphers = tls.ciphers.clone();
    TlsSettings { ciphers, ..tls_keys::read(keys, "ldap", tls) }
}
