//! `-a httpform`: asks a web server, by sending it a form with the login. The status of the reply is the verdict.
//!
//! As auth_httpform.c does it, and besides: https, several servers, connections that are kept, JSON, other statuses.
#![forbid(unsafe_code)]

mod dialogue;
mod escape;
mod exchange;
mod settings;
mod status;
mod template;
#[cfg(test)]
mod tests;

pub use dialogue::Forms;
pub use exchange::Exchange;

use crate::config::NetworkSettings;
use crate::credentials::Credentials;
use crate::http::head::Reply;
use crate::http::session;
use crate::http::target::Target;
use crate::mechanism::{FileUse, MechanismError, Remote};
use crate::net::exchange::{PoolId, PoolSettings, Protocol, Sharing, Timeouts};
use crate::outcome::Verdict;
use crate::secret::Secret;
use crate::settings::file::Problem;
use crate::settings::raw_settings::RawSettings;
use settings::Settings;
use status::Statuses;
use std::rc::Rc;
use template::Template;

/// The keys of saslauthd.conf, each with its other spellings.
pub const KEYS: &[&[&str]] = &[
    &["httpform_host"],
    &["httpform_port"],
    &["httpform_uri"],
    &["httpform_url"],
    &["httpform_data"],
    &["httpform_content_type"],
    &["httpform_accept"],
    &["httpform_reject"],
    &["httpform_keep_alive"],
    &["httpform_tls_check_peer"],
    &["httpform_tls_cacert_file"],
    &["httpform_tls_cacert_dir"],
    &["httpform_tls_cert"],
    &["httpform_tls_key"],
    &["httpform_tls_ciphers"],
    &["httpform_tls_cipher_suites"],
    &["httpform_tls_min_version"],
];

/// `-a httpform`
pub const REMOTE: Remote =
    Remote { file: FileUse::Required, needs_file: |_| true, check, credentials: |_| None };

fn check(sources: &RawSettings, _: &NetworkSettings) -> Vec<Problem> {
    let mut problems = Vec::new();
    settings::read(sources, &mut problems);
    problems
}

/// The mechanism as the file says, without anything that drives it.
///
/// # Errors
/// When the settings do not allow that.
pub fn protocol(sources: &RawSettings, network: &NetworkSettings) -> Result<Httpform, MechanismError> {
    let mut problems = Vec::new();
    let settings = settings::read(sources, &mut problems);
    settings.map(|settings| Httpform::new(settings, network)).ok_or_else(|| {
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        MechanismError(problems.join("; "))
    })
}

/// One connection.
pub type Session = session::Session<Forms>;

/// The mechanism, as [`Protocol`] wants it.
pub struct Httpform {
    pool: Rc<PoolSettings>,
    /// What a request to each server of the pool begins with.
    heads: Vec<Rc<str>>,
    template: Rc<Template>,
    statuses: Rc<Statuses>,
}

impl Httpform {
    fn new(settings: Settings, network: &NetworkSettings) -> Self {
        let head = |target: &Target| target.head(&settings.content_type, settings.keep_alive).into();
        let heads = settings.targets.iter().map(head).collect();
        let pool = PoolSettings {
            servers: settings.targets.into_iter().map(|target| target.server).collect(),
            order: network.order,
            sharing: if settings.keep_alive { Sharing::Sequential } else { Sharing::OneShot },
            most_connections: network.most_connections,
            idle_time: network.idle_time,
            timeouts: Timeouts::from(network),
            tls: Rc::new(settings.tls),
            credential_scope: 0,
        };
        Self {
            pool: Rc::new(pool),
            heads,
            template: Rc::new(settings.template),
            statuses: Rc::new(settings.statuses),
        }
    }
}

impl Protocol for Httpform {
    type Request = Credentials;
    type Verdict = Verdict;
    type Question = Secret;
    type Answer = Reply;
    type Session = Session;
    type Exchange = Exchange;

    fn pool(&self, _: PoolId) -> Rc<PoolSettings> {
        Rc::clone(&self.pool)
    }

    fn session(&self, _: PoolId, server: usize) -> Session {
        let head = self.heads.get(server).map_or_else(|| "".into(), Rc::clone);
        Session::new(Forms::new(head, Rc::clone(&self.statuses)))
    }

    fn exchange(&self, credentials: Credentials) -> Exchange {
        Exchange::new(credentials, Rc::clone(&self.template), Rc::clone(&self.statuses))
    }
}
