//! `ldap_mech` and `ldap_sasl_secprops`: the SASL mechanisms that may be used.
#![forbid(unsafe_code)]

use super::super::sasl::{ANY_STRENGTH, Mechanism, WHAT_WORKS};
use super::super::sasl_choice::Choice;
use crate::net::exchange::Server;
use crate::settings::file::Entry;
use crate::settings::keys::Keys;

const MECHANISM: [&str; 2] = ["ldap_mech", "ldap_sasl_mech"];

/// What may be used when `ldap_use_sasl` says that SASL is; `None` when nothing is left.
pub(super) fn read(keys: &mut Keys<'_>, servers: &[Server]) -> Option<Choice> {
    let choice = match (keys.text(&MECHANISM), keys.entry(&MECHANISM)) {
        (Some(names), Some(entry)) => read_names(keys, entry, names)?,
        // As libsasl does, the best that the server has is taken.
        (None, None) => Choice::all(),
        _ => return None,
    };
    let is_private = servers.iter().all(Server::is_private);
    let choice = check_properties(keys, choice, is_private)?;
    if let Some(entry) = keys.entry(&MECHANISM) {
        if !is_private && choice.only().is_none() && choice.has(Mechanism::Plain) {
            keys.warn(entry, "has PLAIN, which is not chosen where a server has no TLS");
        }
    }
    Some(choice)
}

fn read_names(keys: &mut Keys<'_>, entry: &Entry, names: &str) -> Option<Choice> {
    let names: Vec<_> = names.split_ascii_whitespace().collect();
    let known: Vec<_> = names.iter().filter_map(|name| Mechanism::find(name)).collect();
    let Some(first) = known.first() else {
        keys.complain(entry, WHAT_WORKS);
        return None;
    };
    if names.len() > known.len() {
        keys.warn(entry, &format!("has names that are ignored: it {WHAT_WORKS}"));
    }
    let without_password = known.iter().find(|mechanism| !mechanism.proves_password());
    if let (Some(mechanism), true) = (without_password, known.len() > 1) {
        let name = mechanism.name();
        let what = if mechanism == first {
            format!("begins with {name}, which uses no password: the others are ignored")
        } else {
            format!("has {name}, which uses no password, among others: it is ignored")
        };
        keys.warn(entry, &what);
    }
    match first.proves_password() {
        false => Some((*first).into()),
        true => Choice::of(&known),
    }
}

const PROPERTIES: &str = "ldap_sasl_secprops";

/// `minssf` and `maxssf` of `ldap_sasl_secprops`: how strong the protection must be and may be that GSSAPI gives a connection.
pub(super) fn strength(keys: &mut Keys<'_>, choice: &Choice) -> (u32, u32) {
    let (mut least, mut most) = ANY_STRENGTH;
    if !choice.has(Mechanism::Gssapi) {
        return ANY_STRENGTH;
    }
    let Some((properties, entry)) = keys.text(&[PROPERTIES]).zip(keys.entry(&[PROPERTIES])) else {
        return ANY_STRENGTH;
    };
    for property in properties.split(',').map(|property| property.trim().to_ascii_lowercase()) {
        let Some((name @ ("minssf" | "maxssf"), value)) = property.split_once('=') else { continue };
        match value.parse() {
            Ok(value) if name == "minssf" => least = value,
            Ok(value) => most = value,
            Err(_) => keys.complain(entry, &format!("has {name} without a number")),
        }
    }
    if least > most {
        keys.complain(entry, "has a minssf above its maxssf");
    }
    (least, most)
}

/// `ldap_sasl_secprops`: what libsasl was to demand of the mechanism. `encrypted`: TLS or a unix socket is everywhere.
fn check_properties(keys: &mut Keys<'_>, mut choice: Choice, encrypted: bool) -> Option<Choice> {
    let Some(properties) = keys.text(&[PROPERTIES]) else { return Some(choice) };
    let entry = keys.entry(&[PROPERTIES])?;
    for property in properties.split(',').map(|property| property.trim().to_ascii_lowercase()) {
        match property.split_once('=').unwrap_or((&property, "")) {
            // GSSAPI protects a connection by itself, the other mechanisms do not, so that it must come from TLS.
            ("minssf", strength) if strength != "0" && !encrypted && !choice.has(Mechanism::Gssapi) => {
                keys.complain(
                    entry,
                    "requires minssf, which only TLS can provide, and not all servers have TLS",
                );
            }
            ("noplain", _) => match choice.without_plain() {
                Some(others) => choice = others,
                None => keys.complain(entry, "requires noplain, but ldap_mech is PLAIN"),
            },
            // A password can be guessed from what is seen of it, a key of Kerberos or TLS cannot.
            ("nodict", _) if choice.has(Mechanism::Gssapi) => {}
            ("forwardsec" | "nodict", _) if !choice.has(Mechanism::External) => {
                keys.complain(entry, &format!("requires {property}, which ldap_mech cannot provide"));
            }
            ("passcred", _) => keys.warn(entry, "has passcred, which is ignored"),
            (
                "" | "none" | "minssf" | "maxssf" | "maxbufsize" | "noactive" | "noanonymous" | "forwardsec"
                | "nodict",
                _,
            ) => {}
            _ => keys.complain(entry, "has a property that libsasl does not know"),
        }
    }
    Some(choice)
}
