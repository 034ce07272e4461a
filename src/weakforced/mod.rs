//! A client of policy servers that speak weakforced's protocol over HTTP, as Dovecot's auth policy does: the same bodies,
//! byte for byte, for the same logins.
#![forbid(unsafe_code)]

mod answer;
mod body;
mod dialogue;
mod exchange;
mod settings;
#[cfg(test)]
mod tests;

pub use answer::{Fault, Reply, read as read_reply};
pub use dialogue::Questions;
pub use exchange::Exchange;
pub use settings::{KEYS, PASSWORDS, PREFIX};

use crate::base64;
use crate::config::NetworkSettings;
use crate::http::session;
use crate::mechanism::MechanismError;
use crate::net::exchange::{PoolId, PoolSettings, Protocol, Sharing, Timeouts};
use crate::policy::policy_server::{Answer, PolicySettings, Question};
use crate::policy::room::{POLICY_CONNECTIONS_FOR_QUESTIONS, POLICY_CONNECTIONS_FOR_REPORTS};
use crate::secret::Secret;
use crate::settings::file::Problem;
use crate::settings::raw_settings::RawSettings;
use settings::Settings;
use std::rc::Rc;
use std::time::Duration;

/// How the log, the status and the metrics call what asks policy servers. No mechanism can have that name.
pub const NAME: &str = "(policy)";

/// Questions about logins go to one pool and reports to another, so that these keep no login waiting.
const ALLOW: PoolId = PoolId(0);
const REPORT: PoolId = PoolId(1);

/// What is wrong with the settings; nothing if no policy server is named.
pub fn check(sources: &RawSettings) -> Vec<Problem> {
    let mut problems = Vec::new();
    settings::read(sources, &mut problems);
    problems
}

/// Whether a policy server is named.
pub fn is_configured(sources: &RawSettings) -> bool {
    settings::is_there(sources)
}

/// The client, and how it is to be used; `None` if no policy server is named.
///
/// # Errors
/// When the settings do not allow that.
pub fn client(
    sources: &RawSettings,
    network: &NetworkSettings,
) -> Result<Option<(Weakforced, PolicySettings)>, MechanismError> {
    let mut problems = Vec::new();
    let settings = settings::read(sources, &mut problems);
    if problems.iter().any(Problem::is_error) {
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        return Err(MechanismError(problems.join("; ")));
    }
    Ok(settings.map(|settings| parts(settings, network)))
}

/// How servers are asked: as others are, but for the time.
pub fn network(network: &NetworkSettings, timeout: Duration) -> NetworkSettings {
    NetworkSettings { total_timeout: timeout, ..network.clone() }
}

fn parts(settings: Settings, network: &NetworkSettings) -> (Weakforced, PolicySettings) {
    let Settings { targets, user, password, policy, tls } = settings;
    let heads = targets.iter().map(|target| dialogue::Heads::of(target, user.as_deref(), &password));
    let heads = heads.map(Rc::new).collect();
    // Where there is a second server it is to have its time, too.
    let step = policy.timeout / if targets.len() > 1 { 2 } else { 1 };
    let timeouts = Timeouts {
        connect: network.connect_timeout.min(step),
        tls: network.tls_timeout.min(step),
        operation: step,
    };
    let pool = |most_connections| PoolSettings {
        servers: targets.iter().map(|target| target.server.clone()).collect(),
        order: network.order,
        sharing: Sharing::Sequential,
        most_connections: network.most_connections.clamp(1, most_connections),
        idle_time: network.idle_time,
        timeouts,
        tls: Rc::new(tls.clone()),
        credential_scope: 0,
    };
    let pools = [pool(POLICY_CONNECTIONS_FOR_QUESTIONS), pool(POLICY_CONNECTIONS_FOR_REPORTS)].map(Rc::new);
    (Weakforced { pools, heads }, policy)
}

/// The client, as [`Protocol`] wants it.
pub struct Weakforced {
    pools: [Rc<PoolSettings>; 2],
    /// What a request to each server begins with.
    heads: Vec<Rc<dialogue::Heads>>,
}

impl Protocol for Weakforced {
    type Request = Question;
    type Verdict = Answer;
    type Question = Question;
    type Answer = Reply;
    type Session = session::Session<Questions>;
    type Exchange = Exchange;

    fn pools(&self) -> Vec<PoolId> {
        vec![ALLOW]
    }

    fn pool(&self, pool: PoolId) -> Rc<PoolSettings> {
        let [allow, report] = &self.pools;
        Rc::clone(if pool == REPORT { report } else { allow })
    }

    fn session(&self, _: PoolId, server: usize) -> Self::Session {
        let heads = self.heads.get(server).map_or_else(Rc::default, Rc::clone);
        session::Session::new(Questions::new(heads))
    }

    fn exchange(&self, question: Question) -> Exchange {
        Exchange::new(question)
    }
}

/// Login and password of `Authorization`, as HTTP's basic scheme has them.
fn basic(user: &str, password: &Secret) -> Secret {
    let mut both = Secret::with_capacity(user.len() + 1 + password.len());
    both.extend_from_slice(user.as_bytes());
    both.extend_from_slice(b":");
    both.extend_from_slice(password.as_bytes());
    Secret::from_vec(base64::encode(both.as_bytes()).into_bytes())
}
