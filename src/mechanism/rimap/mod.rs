//! `-a rimap`: whoever an IMAP server lets in is let in.
//!
//! Pure: [`settings`] say which servers, a [`session`] speaks to one of them, an [`exchange`] makes the verdict.
#![forbid(unsafe_code)]

mod capabilities;
mod command;
pub mod exchange;
mod reader;
mod reply;
pub mod session;
pub mod settings;
mod verdict;

pub use command::Question;
pub use exchange::Check;
pub use session::{Answer, ImapSession};
pub use settings::Settings;

use crate::config::NetworkSettings;
use crate::credentials::Credentials;
use crate::mechanism::{FileUse, MechanismError, Remote};
use crate::net::exchange::{PoolId, PoolSettings, Protocol, Sharing, Timeouts, TlsMode};
use crate::outcome::Verdict;
use crate::settings::file::Problem;
use crate::settings::raw_settings::RawSettings;
use std::ffi::OsStr;
use std::rc::Rc;

/// The key of saslauthd.conf that names the servers, where `-O` does not.
pub const SERVERS_KEY: &str = "rimap_servers";

/// The keys of saslauthd.conf, each with its other spellings.
pub const KEYS: &[&[&str]] = &[
    &[SERVERS_KEY],
    &["rimap_tls_check_peer"],
    &["rimap_tls_cacert_file"],
    &["rimap_tls_cacert_dir"],
    &["rimap_tls_cert"],
    &["rimap_tls_key"],
    &["rimap_tls_ciphers"],
    &["rimap_tls_cipher_suites"],
    &["rimap_tls_min_version"],
];

/// The entry in the table of mechanisms.
pub const REMOTE: Remote = Remote { file: FileUse::Optional, needs_file, check, credentials: |_| None };

/// With `-O` all that it says is about TLS. C never reads it.
fn needs_file(option: Option<&OsStr>) -> bool {
    settings::read_option(option, &mut Vec::new()).iter().any(|server| server.tls != TlsMode::Off)
}

fn check(sources: &RawSettings, _network: &NetworkSettings) -> Vec<Problem> {
    let mut problems = Vec::new();
    Settings::read(sources, &mut problems);
    problems
}

/// The mechanism as the settings say, without anything that drives it.
///
/// # Errors
/// When the settings do not allow that.
pub fn protocol(sources: &RawSettings, network: &NetworkSettings) -> Result<Rimap, MechanismError> {
    let mut problems = Vec::new();
    let settings = Settings::read(sources, &mut problems);
    match problems.iter().find(|problem| problem.is_error()) {
        Some(problem) => Err(MechanismError(problem.to_string())),
        None => Ok(Rimap::new(settings, network)),
    }
}

/// The one pool: all servers are as good as each other.
const POOL: PoolId = PoolId(0);

/// The mechanism at work.
pub struct Rimap {
    pool: Rc<PoolSettings>,
}

impl Rimap {
    /// Asks the servers of `settings` in the way of `network`.
    pub fn new(settings: Settings, network: &NetworkSettings) -> Self {
        let pool = PoolSettings {
            servers: settings.servers,
            order: network.order,
            // IMAP knows no way back to before the login.
            sharing: Sharing::OneShot,
            most_connections: network.most_connections,
            idle_time: network.idle_time,
            timeouts: Timeouts::from(network),
            tls: Rc::new(settings.tls),
            credential_scope: 0,
        };
        Self { pool: Rc::new(pool) }
    }
}

impl Protocol for Rimap {
    type Request = Credentials;
    type Verdict = Verdict;
    type Question = Question;
    type Answer = Answer;
    type Session = ImapSession;
    type Exchange = Check;

    fn pool(&self, _pool: PoolId) -> Rc<PoolSettings> {
        Rc::clone(&self.pool)
    }

    fn session(&self, _pool: PoolId, server: usize) -> ImapSession {
        // A place that is not in the list cannot be; if it were, no password could go there in clear.
        let tls = self.pool.servers.get(server).map_or(TlsMode::StartTls, |server| server.tls);
        ImapSession::new(tls)
    }

    fn exchange(&self, credentials: Credentials) -> Check {
        Check::new(credentials)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn problems(option: Option<&str>) -> Vec<String> {
        let sources = RawSettings { option: option.map(Into::into), ..RawSettings::default() };
        check(&sources, &NetworkSettings::DEFAULT).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_option_is_looked_at_before_the_daemon_starts() {
        assert_eq!(problems(Some("mail.example.org/143 imaps://[::1]")), [""; 0]);
        assert_eq!(problems(None), ["-O: rimap needs the name of an IMAP server"]);
        assert_eq!(problems(Some("mail/0")), ["-O: mail/0 has a port that is not a number from 1 to 65535"]);
    }

    #[test]
    fn every_session_uses_tls_as_its_server_wants_it_and_carries_one_login() {
        let sources =
            RawSettings { option: Some("a imap://b?starttls imaps://c".into()), ..RawSettings::default() };
        let rimap = Rimap::new(Settings::read(&sources, &mut Vec::new()), &NetworkSettings::DEFAULT);
        let pool = rimap.pool(POOL);
        assert_eq!(pool.sharing, Sharing::OneShot);
        assert_eq!(pool.servers.len(), 3);
        let first_words = |server| {
            let mut session = rimap.session(POOL, server);
            crate::net::exchange::Session::handle_input(&mut session, b"* OK\r\n");
            let sent = crate::net::exchange::Session::output(&mut session).as_bytes().to_vec();
            String::from_utf8(sent).unwrap()
        };
        let asks = "saslauthd2 CAPABILITY\r\n";
        assert_eq!([0, 1, 2].map(first_words), [asks, "saslauthd1 STARTTLS\r\n", asks]);
        assert_eq!(first_words(3), "saslauthd1 STARTTLS\r\n", "no password in clear for an unknown server");
    }
}
