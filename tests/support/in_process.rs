//! A mechanism that blocks, in the process of the test: there valgrind sees how its library is called
//! (contrib/make/valgrind.sh).

use saslauthd::credentials::Credentials;
use saslauthd::mechanism::{LocalMechanism, Means};
use saslauthd::outcome::Outcome;
use saslauthd::registry::{self, Kind};
use saslauthd::secret::Secret;
use saslauthd::settings::file::Text;
use saslauthd::settings::raw_settings::RawSettings;

/// One that is ready for logins, as in a worker.
pub struct InProcess(Box<dyn LocalMechanism>);

impl InProcess {
    /// With this saslauthd.conf.
    pub fn start(mechanism: &str, conf: &str) -> Self {
        let Kind::Local(local) = &registry::find(mechanism).unwrap().kind else {
            panic!("{mechanism} does not block");
        };
        let file = Text { path: "saslauthd.conf".into(), bytes: Secret::copy_of(conf.as_bytes()) };
        let settings = RawSettings { file: Some(file), ..RawSettings::default() };
        let started = (local.start)(Means { settings, ..Means::default() });
        Self(started.unwrap_or_else(|error| panic!("{mechanism} cannot be used: {error}")))
    }

    /// `OK`, `NO`, or the reason for which nobody could tell.
    pub fn ask(&mut self, login: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> String {
        let credentials = Credentials {
            login: login.as_ref().to_vec(),
            sent_login: None,
            password: Secret::copy_of(password.as_ref()),
            service: b"smtp".to_vec(),
            realm: Vec::new(),
            client: None,
            connection: None,
        };
        match self.0.verify(&credentials).outcome {
            Outcome::Accept(_) => "OK".to_owned(),
            Outcome::Reject(_) => "NO".to_owned(),
            Outcome::Unavailable(refusal) => refusal.reason.into_owned(),
        }
    }
}
