//! `-a kerberos5`: the password is asked of a Kerberos server of the login's realm, and that server has to prove who it is
//! by a key in this host's keytab.
//!
//! What is asked is what C asks. What differs: a keytab without a key for the proof is found for wrong passwords, too; a
//! realm is asked only if the settings or krb5.conf have it; and what no server could tell is an outage.
#![forbid(unsafe_code)]

mod check;
mod outcomes;
mod principal;
mod settings;

use crate::config::site::Privileges;
use crate::credentials::Credentials;
use crate::mechanism::{FileUse, Local, LocalMechanism, Means, MechanismError, PeerOf, Started};
use crate::outcome::{Outcome, Verdict};
use crate::secret::Secret;
use crate::settings::raw_settings::RawSettings;
use crate::sys::krb5::{Context, Krb5Error};
use outcomes::{INTERNAL, NOT_VERIFIED};
use principal::PrincipalName;
use settings::Settings;

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
    impaired: bool,
}

/// krb5.conf and the keytab are read for each login, so that they may change or come later, as in C.
fn start(means: Means<'_>) -> Started {
    let settings = Settings::read(&means.settings, &mut Vec::new());
    if let Err(error) = Context::new() {
        match error {
            Krb5Error::Missing(sentence) => return Err(MechanismError(sentence)),
            Krb5Error::Failed { .. } => log::debug!(target: "kerberos5", "{error}"),
        }
    }
    Ok(Box::new(Kerberos5 { settings, impaired: false }))
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
        let question = Question { settings: &self.settings, password: &credentials.password };
        let answer = PrincipalName::of(&self.settings, credentials)
            .map_err(|why| Failed { outcome: outcomes::no_principal(why), code: None })
            .and_then(|name| question.ask(&name));
        let failed = answer.err();
        self.impaired = failed.as_ref().is_some_and(|failed| lacks_resources(failed.code));
        failed.map_or(Outcome::ACCEPT, |failed| failed.outcome).into()
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
}

impl Question<'_> {
    /// In an order in which a keytab that is of no use is found before the password matters.
    fn ask(&self, name: &PrincipalName) -> Result<(), Failed> {
        let settings = self.settings;
        let context = Context::new().map_err(Failed::unavailable(INTERNAL))?;
        let name = name.in_realm(&served_realm(settings, &context, name)?);
        let client = context.principal(&name).map_err(|error| Failed::by(error, outcomes::not_parsed))?;
        let server = context.service_principal(&settings.verify_service, settings.server_name.as_deref());
        let server = server.map_err(Failed::unavailable(INTERNAL))?;
        let keytab = context.keytab(settings.keytab.as_deref()).map_err(Failed::unavailable(INTERNAL))?;
        keytab.find(&server).map_err(Failed::unavailable(NOT_VERIFIED))?;
        let ticket = context.ticket(&client, self.password);
        let mut ticket = ticket.map_err(|error| Failed::by(error, outcomes::not_given))?;
        ticket.verify(&server, &keytab).map_err(Failed::unavailable(NOT_VERIFIED))
    }
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
