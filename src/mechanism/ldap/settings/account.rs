//! The service account: who searches and checks groups, by a DN and a password or by SASL.
#![forbid(unsafe_code)]

use super::super::sasl::{Identity, Mechanism, Options};
use super::super::sasl_choice::Choice;
use super::super::scram::LEAST_ROUNDS;
use super::{kerberos, mechanisms};
use crate::mechanism::pbkdf2::MOST_ROUNDS;
use crate::secret::Secret;
use crate::settings::keys::Keys;
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
    Sasl(Choice, Rc<Identity>),
}

const PASSWORD: [&str; 2] = ["ldap_bind_pw", "ldap_password"];
const NAME: [&str; 2] = ["ldap_id", "ldap_sasl_authc_id"];
const ACTS_AS: [&str; 2] = ["ldap_authz_id", "ldap_sasl_authz_id"];
const REALM: [&str; 2] = ["ldap_realm", "ldap_sasl_realm"];

impl Account {
    /// For the log.
    pub fn name(&self) -> String {
        match self {
            Self::Anonymous => "nobody".to_owned(),
            Self::Simple { dn, .. } => dn.clone(),
            Self::Sasl(choice, identity) if choice.has(Mechanism::Gssapi) => {
                match identity.options.principal.as_str() {
                    "" => choice.name().to_owned(),
                    principal => format!("{principal} by {}", choice.name()),
                }
            }
            Self::Sasl(choice, identity) if identity.name.is_empty() => choice.name().to_owned(),
            Self::Sasl(choice, identity) => {
                format!("{} by {}", String::from_utf8_lossy(&identity.name), choice.name())
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

    /// Whether it logs in by GSSAPI.
    pub fn uses_gssapi(&self) -> bool {
        matches!(self, Self::Sasl(choice, _) if choice.has(Mechanism::Gssapi))
    }

    /// Whether its login protects what follows, if the server wants that.
    pub fn protects(&self) -> bool {
        matches!(self, Self::Sasl(_, identity) if self.uses_gssapi() && identity.options.strength.1 > 0)
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
    pub(super) fn read_sasl(keys: &mut Keys<'_>, choice: &Choice, needed: bool) -> Self {
        let text = |value: Option<&str>| value.unwrap_or_default().as_bytes().to_vec();
        let name = text(keys.text(&NAME));
        let acts_as = text(keys.text(&ACTS_AS));
        let password = keys.secret(&PASSWORD).unwrap_or_default();
        if needed && choice.proves_password() && (name.is_empty() || password.is_empty()) {
            let what = choice
                .only()
                .map_or_else(|| "ldap_use_sasl".to_owned(), |known| format!("ldap_mech {}", known.name()));
            keys.miss(&format!("{what} needs ldap_id and ldap_bind_pw"));
        }
        let options = read_options(keys, choice);
        Self::Sasl(
            choice.clone(),
            Rc::new(Identity::new(name, acts_as, Rc::new(password)).with_options(options)),
        )
    }
}

fn read_options(keys: &mut Keys<'_>, choice: &Choice) -> Options {
    let realm = keys.text(&REALM).unwrap_or_default().as_bytes().to_vec();
    if choice.has(Mechanism::Gssapi) {
        warn(keys, &REALM, "has no effect: the realm is that of ldap_krb5_principal, or of krb5.conf");
    } else if !choice.has(Mechanism::DigestMd5) {
        warn(keys, &REALM, "has no effect: only DIGEST-MD5 has realms");
    }
    let least_rounds = keys.number(&["ldap_scram_min_rounds"], 1..=MOST_ROUNDS).unwrap_or(LEAST_ROUNDS);
    let strength = mechanisms::strength(keys, choice);
    Options { realm, least_rounds, principal: kerberos::principal(keys, choice), strength }
}

fn warn(keys: &mut Keys<'_>, names: &[&str], what: &str) {
    if let Some(entry) = keys.entry(names) {
        keys.warn(entry, what);
    }
}
