//! `-a sql`: logins of a table in PostgreSQL, MySQL, MariaDB or SQLite, with the keys of libsasl's plugin of that name and
//! with hashed passwords, which it does not have.
//!
//! A worker has one connection, which it keeps. A login is one statement whose parameters are bound; what comes back is
//! compared here, never in the database.
#![forbid(unsafe_code)]

mod hosts;
mod lexer;
mod probe;
mod quoted;
mod row;
pub mod select;
mod server;
mod session;
mod settings;

use crate::config::sandbox::Rules;
use crate::config::site::Privileges;
use crate::credentials::Credentials;
use crate::hash::load_hashes;
use crate::mechanism::password::check_dummy_hash;
use crate::mechanism::schemes::{KnownScheme, NotCompared, Stored};
use crate::mechanism::{FileUse, Local, LocalMechanism, Means, MechanismError, Started};
use crate::outcome::{Outcome, Refusal, Verdict};
use crate::secret::Secret;
use crate::settings::file::Problem;
use crate::settings::raw_settings::RawSettings;
use crate::strerror::strerror;
use crate::sys::host_name::host_name;
use crate::sys::sql::{Answer, ErrorKind, Question, SqlError, connect, load, sandbox};
use row::{Found, judge};
use select::{Names, Select};
use session::Session;
use settings::Settings;
pub use settings::{KEYS, PASSWORD};

/// `-a sql`
pub const LOCAL: Local = Local {
    conf: FileUse::Required,
    check,
    start,
    privileges: Privileges::Unprivileged,
    file: |_| None,
    probe: Some(probe::probe),
    reach: Some(probe::reach),
    peer: None,
    only_looks_up: false,
};

/// For every refusal: a client needs to know no more, and the log says it.
const REPLY: &str = "";

/// What is said of a statement that selects nothing but `user`.
const NO_COLUMN: &str = "sql_select gives no column with a password";

struct Sql {
    select: Select,
    usual_scheme: Option<KnownScheme>,
    session: Session,
    /// The realm of logins without one.
    host: Vec<u8>,
    /// A stored password that was found, whose kind of work unknown logins cost too.
    stand_in: Option<Secret>,
    /// Whether the sandbox keeps this worker from its file: a directory has taken the place of the one at the start.
    is_kept_out: bool,
}

/// Reads the settings; asks nobody.
fn check(sources: &RawSettings) -> Vec<Problem> {
    let mut problems = Vec::new();
    settings::read(sources, &mut problems);
    problems
}

/// Maps the libraries, since a sandbox comes next in which none can be mapped any more. The connection is made when the first
/// login comes: that a server is down must not keep the daemon from starting.
fn start(means: Means<'_>) -> Started {
    let settings = read(&means.settings)?;
    let engine = settings.targets.first().map(|target| target.engine);
    engine.map_or(Ok(()), load).map_err(|error| MechanismError(error.text))?;
    // Whoever needs none of it is served without; the others are told when they log in.
    let _ = load_hashes();
    let host = host_name().map_err(|error| MechanismError(format!("gethostname: {}", strerror(&error))))?;
    Ok(Box::new(Sql::new(settings, host, Box::new(connect))))
}

/// The settings, or the first thing that is wrong with them.
fn read(sources: &RawSettings) -> Result<Settings, MechanismError> {
    let mut problems = Vec::new();
    settings::read(sources, &mut problems).ok_or_else(|| {
        let error = problems.iter().find(|problem| problem.is_error());
        MechanismError(error.map_or_else(|| "sql has no settings".to_owned(), Problem::to_string))
    })
}

impl Sql {
    fn new(settings: Settings, host: Vec<u8>, connect: session::Connect) -> Self {
        let Settings { targets, select, usual_scheme, limits } = settings;
        let session = Session::new(targets, limits, connect);
        Self { select, usual_scheme, session, host, stand_in: None, is_kept_out: false }
    }

    fn ask(&mut self, names: &Names<'_>) -> Result<Answer, SqlError> {
        let values = self.select.bind(names);
        let parameters: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
        self.session.ask(&Question { text: &self.select.text, parameters: &parameters })
    }

    fn check_login(&mut self, credentials: &Credentials) -> Outcome {
        self.is_kept_out = false;
        let login = &credentials.login;
        if !is_text(login) || !is_text(&credentials.realm) {
            // No database of text has such a login; each would say so in a way of its own.
            return Outcome::unknown_login(REPLY, "The login or its realm is not UTF-8");
        }
        let host = std::mem::take(&mut self.host);
        let names = Names::of(login, &credentials.realm, &host);
        let outcome = match self.ask(&names) {
            Ok(answer) => self.outcome(judge(answer, login, &names), &names, &credentials.password),
            Err(SqlError { kind: ErrorKind::BadValue, text }) => {
                self.spend_time(&credentials.password);
                Outcome::unknown_login(REPLY, text)
            }
            Err(error) => {
                self.is_kept_out = error.kind == ErrorKind::KeptOut;
                Outcome::unavailable(REPLY, error.text)
            }
        };
        self.host = host;
        outcome
    }

    /// Whatever was found, as much work is done for it.
    fn outcome(&mut self, found: Found, names: &Names<'_>, password: &Secret) -> Outcome {
        match found {
            Found::Password(stored) => self.compare(stored, names, password),
            Found::Nothing => {
                self.spend_time(password);
                Outcome::unknown_login(REPLY, "The database has no such login")
            }
            Found::NoPassword => {
                self.spend_time(password);
                Outcome::Reject(Refusal::with_reason(REPLY, "The login has no password in the database"))
            }
            Found::Other(stored) => {
                match stored {
                    Some(stored) => _ = self.compare(stored, names, password),
                    None => self.spend_time(password),
                }
                Outcome::unknown_login(
                    REPLY,
                    "The database has found another login, which it takes for the same",
                )
            }
            Found::Several => Outcome::unavailable(REPLY, "sql_select has found more than one row"),
            Found::NoColumn => Outcome::unavailable(REPLY, NO_COLUMN),
        }
    }

    fn compare(&mut self, stored: Secret, names: &Names<'_>, password: &Secret) -> Outcome {
        let login = [names.user, b"@", names.realm].concat();
        let outcome = match check_stored(&login, password, &stored, self.usual_scheme) {
            Ok(true) => Outcome::ACCEPT,
            Ok(false) => Outcome::Reject(Refusal::with_reason(REPLY, "Incorrect password")),
            Err(NotCompared::Malformed(why)) => {
                self.spend_time(password);
                return Outcome::Reject(Refusal::with_reason(REPLY, why));
            }
            Err(NotCompared::Failed(why)) => return Outcome::unavailable(REPLY, why),
        };
        self.stand_in = Some(stored);
        outcome
    }

    /// What is unknown takes as long as the password that was found last.
    fn spend_time(&self, password: &Secret) {
        match &self.stand_in {
            Some(stored) => {
                _ = std::hint::black_box(check_stored(b"", password, stored, self.usual_scheme));
            }
            None => check_dummy_hash(password),
        }
    }
}

impl LocalMechanism for Sql {
    fn verify(&mut self, credentials: &Credentials) -> Verdict {
        self.check_login(credentials).into()
    }

    fn is_impaired(&self) -> bool {
        self.is_kept_out
    }

    fn sandbox(&self) -> Rules {
        sandbox(self.session.targets())
    }
}

fn check_stored(
    login: &[u8],
    password: &Secret,
    stored: &Secret,
    usual: Option<KnownScheme>,
) -> Result<bool, NotCompared> {
    Stored::parse_value(stored.as_bytes(), usual)?.check_of(login, password.as_bytes())
}

fn is_text(name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok() && !name.contains(&0)
}

#[cfg(test)]
#[path = "mod_tests.rs"]
mod tests;
