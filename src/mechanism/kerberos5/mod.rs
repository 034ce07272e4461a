//! `-a kerberos5`: the password is asked of a Kerberos server of the login's realm, and that server has to prove who it is
//! by a key in this host's keytab.
//!
//! What is asked is what C asks. What differs: a keytab without a key for the proof is found for wrong passwords, too; a
//! realm is asked only if the settings or krb5.conf have it; and what no server could tell is an outage.
#![forbid(unsafe_code)]

mod check;
mod distrusted;
mod outcomes;
mod principal;
mod settings;

use crate::config::site::Privileges;
use crate::credentials::Credentials;
use crate::mechanism::{FileUse, Local, LocalMechanism, Means, MechanismError, PeerOf, Started};
use crate::outcome::{Outcome, Verdict};
use crate::secret::Secret;
use crate::settings::raw_settings::RawSettings;
use crate::sys::krb5::{Context, Keytab, Krb5Error};
use distrusted::{Distrusted, State};
use outcomes::{INTERNAL, NOT_VERIFIED};
use principal::PrincipalName;
use settings::Settings;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Instant;

pub use settings::KEYS;

/// `-a kerberos5`; `-O` names another saslauthd.conf.
///
/// Keytabs are root's, and the library reads them for each login, as it does with krb5.conf and what that includes: which
/// files these are it alone knows. A copy that is handed over would be out of date when a key is changed.
pub const LOCAL: Local = Local {
    conf: FileUse::Named,
    check: check::check,
    probe: Some(check::probe),
    reach: Some(check::reach),
    start,
    privileges: Privileges::Root,
    file: |_| None,
    peer: Some(peer),
    only_looks_up: false,
};

/// What a worker does with a login.
struct Kerberos5 {
    settings: Settings,
    /// As krb5.conf had it when this began; without that only the library knows it.
    default_realm: Option<Vec<u8>>,
    distrusted: Distrusted,
    impaired: bool,
}

/// krb5.conf and the keytab are read for each login, so that they may change or come later, as in C.
fn start(means: Means<'_>) -> Started {
    let settings = Settings::read(&means.settings, &mut Vec::new());
    let default_realm = match Context::new() {
        Ok(context) => context.written_default_realm(),
        Err(Krb5Error::Missing(sentence)) => return Err(MechanismError(sentence)),
        Err(error @ Krb5Error::Failed { .. }) => {
            log::debug!(target: "kerberos5", "{error}");
            None
        }
    };
    Ok(Box::new(Kerberos5 { settings, default_realm, distrusted: Distrusted::default(), impaired: false }))
}

/// The realm whose servers a login is asked of; an empty name stands for the default realm, which only the library knows. If
/// `krb5_realms` has a single one, no other default serves anybody. A login without a principal is asked of nobody, nor is
/// one of a realm that `krb5_realms` does not have; what krb5.conf has only the library knows, too.
fn peer(sources: &RawSettings) -> PeerOf {
    let settings = Settings::read(sources, &mut Vec::new());
    Box::new(move |credentials| {
        let realm = PrincipalName::of(&settings, credentials).ok()?.realm;
        match (realm, settings.realms.as_deref()) {
            (None, Some([only])) => Some(only.clone()),
            (None, _) => Some(Vec::new()),
            (Some(realm), Some(realms)) if !realms.contains(&realm) => None,
            (realm, _) => realm,
        }
    })
}

impl LocalMechanism for Kerberos5 {
    fn verify(&mut self, credentials: &Credentials) -> Verdict {
        let answer = PrincipalName::of(&self.settings, credentials)
            .map_err(|why| Failed { outcome: outcomes::no_principal(why), code: None })
            .and_then(|name| {
                let (settings, password) = (&self.settings, &credentials.password);
                Question { settings, password, distrusted: &mut self.distrusted }.ask(&name)
            });
        let failed = answer.err();
        self.impaired = failed.as_ref().is_some_and(|failed| lacks_resources(failed.code));
        failed.map_or(Outcome::ACCEPT, |failed| failed.outcome).into()
    }

    fn default_peer(&self) -> Option<Vec<u8>> {
        self.default_realm.clone()
    }

    fn is_impaired(&self) -> bool {
        self.impaired
    }
}

/// How a login ended that was not accepted, and the code of the library that tells so.
struct Failed {
    outcome: Outcome,
    code: Option<i32>,
}

impl Failed {
    fn is_refusal(&self) -> bool {
        matches!(self.outcome, Outcome::Reject(_))
    }

    fn unavailable(text: &'static str) -> impl Fn(Krb5Error) -> Self {
        move |error| Self::by(error, |_, reason| Outcome::unavailable(text, reason))
    }

    fn by(error: Krb5Error, outcome: impl Fn(Option<i32>, String) -> Outcome) -> Self {
        let code = error.code();
        Self { outcome: outcome(code, error.to_string()), code }
    }
}

/// Whether another process may do better: this one has no memory or descriptors left.
fn lacks_resources(code: Option<i32>) -> bool {
    matches!(code, Some(libc::ENOMEM | libc::EMFILE | libc::ENFILE))
}

/// A password, and what is to be known to ask about it.
struct Question<'a> {
    settings: &'a Settings,
    password: &'a Secret,
    distrusted: &'a mut Distrusted,
}

impl Question<'_> {
    /// In an order in which a keytab that is of no use is found before the password matters.
    fn ask(self, name: &PrincipalName) -> Result<(), Failed> {
        let settings = self.settings;
        let context = Context::new().map_err(Failed::unavailable(INTERNAL))?;
        let realm = served_realm(settings, &context, name)?;
        let client = context.principal(&name.in_realm(&realm));
        let client = client.map_err(|error| Failed::by(error, outcomes::not_parsed))?;
        let server = context.service_principal(&settings.verify_service, settings.server_name.as_deref());
        let server = server.map_err(Failed::unavailable(INTERNAL))?;
        let keytab = context.keytab(settings.keytab.as_deref()).map_err(Failed::unavailable(INTERNAL))?;
        keytab.find(&server).map_err(Failed::unavailable(NOT_VERIFIED))?;
        let state = state_of(&keytab);
        let mut ticket = context.ticket(&client, self.password).map_err(|error| {
            let failed = Failed::by(error, outcomes::not_given);
            let distrust = self.distrusted.reason(&realm, state, Instant::now());
            distrust.filter(|_| failed.is_refusal()).map_or(failed, |reason| Failed {
                outcome: Outcome::unavailable(NOT_VERIFIED, reason.to_owned()),
                code: None,
            })
        })?;
        let verified = ticket.verify(&server, &keytab);
        match &verified {
            Ok(()) => self.distrusted.forget(&realm),
            Err(error) if outcomes::is_of_the_key(error.code()) => {
                let (keytab, server) = (keytab.name(), server.name());
                let reason =
                    format!("the keytab {keytab} has no key by which {server} could be proved: {error}");
                if self.distrusted.note(&realm, state, &reason, Instant::now()) {
                    log::error!(target: "kerberos5", "No login of {} can be accepted: {reason}", String::from_utf8_lossy(&realm));
                }
            }
            Err(_) => {}
        }
        verified.map_err(Failed::unavailable(NOT_VERIFIED))
    }
}

/// What tells that somebody has changed the keytab; nothing where it is no file.
fn state_of(keytab: &Keytab<'_>) -> State {
    let found = fs::metadata(check::path_of(keytab)?).ok()?;
    let changed = i128::from(found.ctime()) * 1_000_000_000 + i128::from(found.ctime_nsec());
    Some((found.dev(), found.ino(), found.len(), changed))
}

/// The realm of the name, if it may be asked: whoever looks for the servers of any realm lets clients choose which name
/// servers are asked, and for what.
fn served_realm(settings: &Settings, context: &Context, name: &PrincipalName) -> Result<Vec<u8>, Failed> {
    let realm = match &name.realm {
        Some(realm) => realm.clone(),
        None => context.default_realm().map_err(Failed::unavailable(INTERNAL))?,
    };
    let is_served = match &settings.realms {
        Some(realms) => realms.contains(&realm),
        None => name.realm.is_none() || is_known(context, &realm).map_err(Failed::unavailable(INTERNAL))?,
    };
    let has_list = settings.realms.is_some();
    if is_served {
        Ok(realm)
    } else {
        Err(Failed { outcome: outcomes::not_served(&realm, has_list), code: None })
    }
}

/// Whether krb5.conf has it. That there is no default realm is no matter for a name that has its own.
fn is_known(context: &Context, realm: &Vec<u8>) -> Result<bool, Krb5Error> {
    Ok(context.configured_realms()?.contains(realm) || context.default_realm().is_ok_and(|own| own == *realm))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::settings::file::Text;

    /// Who is asked about a login by these settings; `-` for nobody.
    fn peer_of(conf: &str, login: &str) -> String {
        let file = Some(Text { path: "/c".into(), bytes: Secret::copy_of(conf.as_bytes()) });
        let peer = peer(&RawSettings { file, ..RawSettings::default() });
        let name = peer(&Credentials::of_login(login, "secret"));
        name.map_or_else(|| "-".to_owned(), |name| String::from_utf8(name).unwrap())
    }

    #[test]
    fn a_login_is_asked_of_its_realm_and_one_without_of_the_only_realm_that_is_listed() {
        for (conf, login, expected) in [
            ("", "anna", ""),
            ("", "anna@A.EXAMPLE", "A.EXAMPLE"),
            ("krb5_realms: A.EXAMPLE\n", "anna", "A.EXAMPLE"),
            ("krb5_realms: A.EXAMPLE\n", "anna@A.EXAMPLE", "A.EXAMPLE"),
            ("krb5_realms: A.EXAMPLE\n", "anna@B.EXAMPLE", "-"),
            ("krb5_realms: A.EXAMPLE B.EXAMPLE\n", "anna", ""),
            ("krb5_realms: A.EXAMPLE B.EXAMPLE\n", "anna@B.EXAMPLE", "B.EXAMPLE"),
            ("", "WELLKNOWN/ANONYMOUS", "-"),
        ] {
            assert_eq!(peer_of(conf, login), expected, "{conf} {login}");
        }
    }
}
