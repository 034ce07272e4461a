//! The service account: who searches and checks groups, by a DN and a password or by SASL.
#![forbid(unsafe_code)]

use super::super::sasl::{Identity, Mechanism, Options, WHAT_WORKS};
use super::super::scram::LEAST_ROUNDS;
use crate::config::keys::Keys;
use crate::mech::pbkdf2::MOST_ROUNDS;
use crate::secret::Secret;
use std::rc::Rc;

/// Who searches and checks groups.
#[derive(PartialEq)]
pub enum Account {
    /// Nobody in particular; there is no bind at all.
    Anonymous,
    /// `ldap_bind_dn` with `ldap_bind_pw`.
    Simple {
        /// Whom to bind as.
        dn: String,
        /// Its password; not empty.
        password: Rc<Secret>,
    },
    /// `ldap_use_sasl`
    Sasl(Mechanism, Rc<Identity>),
}

const PASSWORD: [&str; 2] = ["ldap_bind_pw", "ldap_password"];
const MECHANISM: [&str; 2] = ["ldap_mech", "ldap_sasl_mech"];
const NAME: [&str; 2] = ["ldap_id", "ldap_sasl_authc_id"];
const ACTS_AS: [&str; 2] = ["ldap_authz_id", "ldap_sasl_authz_id"];
const REALM: [&str; 2] = ["ldap_realm", "ldap_sasl_realm"];

impl Account {
    /// For the log.
    pub fn name(&self) -> String {
        match self {
            Self::Anonymous => "nobody".to_owned(),
            Self::Simple { dn, .. } => dn.clone(),
            Self::Sasl(mechanism, identity) if identity.name.is_empty() => mechanism.name().to_owned(),
            Self::Sasl(mechanism, identity) => {
                format!("{} by {}", String::from_utf8_lossy(&identity.name), mechanism.name())
            }
        }
    }

    /// What it proves itself with.
    pub fn password(&self) -> Option<&Secret> {
        match self {
            Self::Anonymous => None,
            Self::Simple { password, .. } => Some(password),
            Self::Sasl(_, identity) => Some(&identity.password),
        }
    }

    /// The account of `ldap_bind_dn`.
    pub(super) fn read_simple(keys: &mut Keys<'_>) -> Self {
        let password = keys.secret(&PASSWORD);
        match (keys.text(&["ldap_bind_dn"]), password) {
            (Some(dn), Some(password)) => Self::Simple { dn: dn.to_owned(), password: Rc::new(password) },
            (Some(_), None) => {
                // RFC 4513, section 5.1.2: a bind with a DN and no password is none, whatever the server says.
                warn(keys, &["ldap_bind_dn"], "has no effect without ldap_bind_pw: searches are anonymous");
                Self::Anonymous
            }
            (None, Some(_)) => {
                warn(keys, &PASSWORD, "has no effect without ldap_bind_dn: searches are anonymous");
                Self::Anonymous
            }
            (None, None) => Self::Anonymous,
        }
    }

    /// The account of `ldap_id`. `needed`: something will be done with it.
    pub(super) fn read_sasl(keys: &mut Keys<'_>, mechanism: Mechanism, needed: bool) -> Self {
        let text = |value: Option<&str>| value.unwrap_or_default().as_bytes().to_vec();
        let name = text(keys.text(&NAME));
        let acts_as = text(keys.text(&ACTS_AS));
        let password = keys.secret(&PASSWORD).unwrap_or_default();
        if needed && mechanism != Mechanism::External && (name.is_empty() || password.is_empty()) {
            keys.miss(&format!("ldap_mech {} needs ldap_id and ldap_bind_pw", mechanism.name()));
        }
        let options = read_options(keys, mechanism);
        Self::Sasl(mechanism, Rc::new(Identity::new(name, acts_as, Rc::new(password)).with_options(options)))
    }
}

fn read_options(keys: &mut Keys<'_>, mechanism: Mechanism) -> Options {
    let realm = keys.text(&REALM).unwrap_or_default().as_bytes().to_vec();
    if mechanism != Mechanism::DigestMd5 {
        warn(keys, &REALM, "has no effect: only DIGEST-MD5 has realms");
    }
    let least_rounds = keys.number(&["ldap_scram_min_rounds"], 1..=MOST_ROUNDS).unwrap_or(LEAST_ROUNDS);
    Options { realm, least_rounds }
}

/// `ldap_mech`, when `ldap_use_sasl` says so.
pub(super) fn read_mechanism(keys: &mut Keys<'_>) -> Option<Mechanism> {
    let Some(name) = keys.text(&MECHANISM) else {
        // The C daemon leaves the choice to libsasl, which chooses by what happens to be installed.
        if let Some(entry) = keys.entry(&["ldap_use_sasl"]) {
            keys.complain(entry, &format!("needs ldap_mech, which {WHAT_WORKS}"));
        }
        return None;
    };
    let mechanism = name.split_ascii_whitespace().find_map(Mechanism::find);
    if let Some(entry) = keys.entry(&MECHANISM) {
        match mechanism {
            None => keys.complain(entry, WHAT_WORKS),
            // libsasl would take the best that the server has, too.
            Some(first) if name.split_ascii_whitespace().count() > 1 => {
                keys.warn(entry, &format!("takes one name: of these {} is used", first.name()));
            }
            Some(_) => {}
        }
    }
    mechanism
}

/// `ldap_sasl_secprops`: what libsasl was to demand of the mechanism. `encrypted`: TLS or a unix socket is everywhere.
pub(super) fn check_properties(keys: &mut Keys<'_>, mechanism: Mechanism, encrypted: bool) {
    let Some(properties) = keys.text(&["ldap_sasl_secprops"]) else { return };
    let Some(entry) = keys.entry(&["ldap_sasl_secprops"]) else { return };
    for property in properties.split(',').map(|property| property.trim().to_ascii_lowercase()) {
        match property.split_once('=').unwrap_or((&property, "")) {
            // Our mechanisms have no protection of their own, so it must come from TLS.
            ("minssf", strength) if strength != "0" && !encrypted => {
                keys.complain(entry, "demands minssf, which only TLS can give, and not all servers have TLS");
            }
            ("noplain", _) if mechanism == Mechanism::Plain => {
                keys.complain(entry, "demands noplain, but ldap_mech is PLAIN");
            }
            ("forwardsec" | "nodict", _) if mechanism != Mechanism::External => {
                keys.complain(entry, &format!("demands {property}, which ldap_mech cannot give"));
            }
            ("passcred", _) => keys.warn(entry, "has passcred, which is passed over"),
            (
                "" | "none" | "minssf" | "maxssf" | "maxbufsize" | "noplain" | "noactive" | "noanonymous"
                | "forwardsec" | "nodict",
                _,
            ) => {}
            _ => keys.complain(entry, "has a property that libsasl does not know"),
        }
    }
}

fn warn(keys: &mut Keys<'_>, names: &[&str], what: &str) {
    if let Some(entry) = keys.entry(names) {
        keys.warn(entry, what);
    }
}
