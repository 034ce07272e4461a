//! Databases, through the client libraries of the system, mapped when they are first needed and only by workers of `sql`:
//! libpq, libmariadb and libsqlite3. One connection and one question at a time, no transaction, and one row that counts.
//!
//! Calls block, each for no longer than its [`Target`] says. What a server sends is not trusted.

mod addresses;
mod authorities;
mod errors;
mod mysql;
mod names;
mod needs;
mod postgresql;
mod sqlite;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use crate::secret::Secret;
use std::ffi::{CStr, c_char};
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Whose database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// PostgreSQL, and what speaks its protocol, through libpq.
    Postgresql,
    /// MySQL and MariaDB, through libmariadb.
    Mysql,
    /// A file of SQLite, through libsqlite3.
    Sqlite,
}

/// One server, or file, and how to log in there.
pub struct Target {
    /// Whose database it is.
    pub engine: Engine,
    /// A name, an address, or, if it begins with `/`, a socket: for PostgreSQL the directory that it is in, for MySQL the
    /// socket itself. `None` is where the library looks by itself; of no meaning for SQLite.
    pub host: Option<String>,
    /// The TCP port; `None` is the engine's own, 5432 or 3306. With PostgreSQL it is a part of the socket's name, too.
    pub port: Option<u16>,
    /// Whom to log in as; of no meaning for SQLite.
    pub user: String,
    /// With what; nothing is sent if it is empty.
    pub password: Secret,
    /// The database's name; the path of the file for SQLite.
    pub database: String,
    /// Whether to speak TLS; never done at a unix socket.
    pub tls: TlsMode,
    /// How long finding the server, connecting and logging in may take together; for SQLite how long to wait for a writer.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub answer_timeout: Duration,
}

/// Whether a connection over the network is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsMode {
    /// It is not.
    Off,
    /// It is, or is not made.
    On(TlsFiles),
}

/// What certificates are checked with and shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates of authorities in one file of PEM.
    pub ca_file: Option<PathBuf>,
    /// The same in a directory. Without both it is the system's authorities.
    pub ca_dir: Option<PathBuf>,
    /// The certificate that is shown to the server.
    pub certificate: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
    /// Whether the server's certificate need not be of those authorities, nor have its name: for tests.
    pub unverified: bool,
}

/// What is asked.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// One statement; its parameters are `$1`, `$2` … for PostgreSQL, and a `?` each for the others.
    pub text: &'a str,
    /// What they stand for, in this order: text in UTF-8 without NUL.
    pub parameters: &'a [&'a [u8]],
}

/// What came of it.
pub struct Answer {
    /// The names of the columns, as the server has them.
    pub columns: Vec<String>,
    /// As many values as columns, as text; `None` for NULL. No row at all is `None`, too.
    pub first_row: Option<Vec<Option<Secret>>>,
    /// Whether there is a second row.
    pub has_more_rows: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// What may be done about it.
    pub kind: ErrorKind,
    /// A whole sentence without a full stop. It names the server and holds neither password nor parameter.
    pub text: String,
}

/// What may be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The connection is gone, or could not be made: another server, or once more.
    Lost,
    /// The server does not take this user, password, database or TLS: the administrator's to put right.
    Refused,
    /// The statement does not suit the database: no such table, column or right, wrong syntax. Also a question that is
    /// not one, such as a wrong number of parameters.
    Configuration,
    /// A value is none that the database can have there (SQLSTATE's class 22): whoever sent the login did that.
    BadValue,
    /// The server has no room, is starting or is being stopped: another server.
    Overloaded,
    /// Somebody else holds the table or the file, or the transaction must be tried again.
    Locked,
    /// It took longer than it may, by our clock or by a bound that the server has.
    TooSlow,
    /// The sandbox of this process is in the way; that of another may not be.
    KeptOut,
    /// The client library is missing or lacks a function.
    Library,
}

impl fmt::Display for SqlError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl std::error::Error for SqlError {}

/// A connection that has logged in.
pub trait Connection {
    /// Asks one question.
    ///
    /// # Errors
    /// After [`ErrorKind::Lost`], and mostly after [`ErrorKind::TooSlow`], the connection is of no use;
    /// [`is_alive`](Self::is_alive) says so. The question may have been carried out then; since it only reads, it may be
    /// asked again.
    fn ask(&mut self, question: &Question<'_>) -> Result<Answer, SqlError>;

    /// Whether nothing is known against another question: asks the kernel, not the server. A connection that its
    /// server has closed meanwhile is seen.
    fn is_alive(&mut self) -> bool;
}

/// Maps the library of that engine, so that a process that gives up its access to files afterwards has it. To be called
/// first while the process has one thread.
///
/// # Errors
/// [`ErrorKind::Library`]; the sentence names the package.
pub fn load(engine: Engine) -> Result<(), SqlError> {
    match engine {
        Engine::Postgresql => postgresql::load(),
        Engine::Mysql => mysql::load(),
        Engine::Sqlite => sqlite::load(),
    }
}

/// Makes a connection and logs in.
///
/// # Errors
/// Of every kind but [`ErrorKind::BadValue`].
pub fn connect(target: &Target) -> Result<Box<dyn Connection>, SqlError> {
    Ok(match target.engine {
        Engine::Postgresql => Box::new(postgresql::connect(target)?),
        Engine::Mysql => Box::new(mysql::connect(target)?),
        Engine::Sqlite => Box::new(sqlite::connect(target)?),
    })
}

pub use needs::sandbox;

/// What a server may send after the second row until its connection is given up rather than read to the end.
const MOST_ROWS: usize = 100;

/// What a value may be long, in bytes. No hash is, and no login.
const LONGEST_VALUE: usize = 1 << 20;

/// What is told for the passphrase of a private key: no key has it, and an empty one the libraries take for none.
const NO_PASSPHRASE: &str = "none";

/// What is left of the time.
fn remaining(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// The length of a value as one of this program, if it is not too long.
fn length_of_value<T: TryInto<usize>>(length: T) -> Result<usize, SqlError> {
    let length = length.try_into().ok().filter(|length| *length <= LONGEST_VALUE);
    length.ok_or_else(|| {
        SqlError::configuration("a value of more than 1 MiB came, which nobody can use".to_owned())
    })
}

impl SqlError {
    const fn new(kind: ErrorKind, text: String) -> Self {
        Self { kind, text }
    }

    const fn configuration(text: String) -> Self {
        Self::new(ErrorKind::Configuration, text)
    }

    fn silent(place: &str) -> Self {
        Self::new(ErrorKind::TooSlow, format!("{place} did not answer in time"))
    }

    /// Without what the server says, since it mostly repeats the value.
    fn bad_value(place: &str, code: &str) -> Self {
        Self::new(ErrorKind::BadValue, format!("{place} cannot take a value of the login ({code})"))
    }
}

/// A library that cannot be used, with the package that has it.
fn library_error(name: &str, package: &str, reason: &dyn fmt::Display) -> SqlError {
    SqlError::new(ErrorKind::Library, format!("{name} cannot be loaded, install {package}: {reason}"))
}

/// Whose words and failures these are, to begin a sentence with.
fn place(target: &Target) -> String {
    let name = match target.engine {
        Engine::Postgresql => "PostgreSQL",
        Engine::Mysql => "MySQL",
        Engine::Sqlite => return format!("SQLite's {}", target.database),
    };
    match (&target.host, target.port) {
        (None, _) => format!("{name} at its usual socket"),
        (Some(host), Some(port)) if host.contains(':') => format!("{name} at [{host}]:{port}"),
        (Some(host), Some(port)) if !host.starts_with('/') => format!("{name} at {host}:{port}"),
        (Some(host), _) => format!("{name} at {host}"),
    }
}

/// A text with a NUL at its end. It is wiped, whether it is a password or not.
///
/// # Errors
/// When it has one in it.
fn text_for_c(text: &[u8]) -> Result<Secret, SqlError> {
    if text.contains(&0) {
        return Err(SqlError::configuration("a text for a database holds a NUL".to_owned()));
    }
    let mut copy = Secret::with_capacity(text.len().saturating_add(1));
    copy.extend_from_slice(text);
    copy.extend_from_slice(&[0]);
    Ok(copy)
}

/// The bytes of a library's text; none for null.
///
/// # Safety
/// It is null or a C string that lives, and does not change, for as long as the bytes are looked at.
const unsafe fn c_text<'a>(text: *const c_char) -> &'a [u8] {
    if text.is_null() {
        return b"";
    }
    // SAFETY: not null, and by the caller's promise a C string.
    unsafe { CStr::from_ptr(text) }.to_bytes()
}

/// Numbers of the headers.
macro_rules! constants {
    ($($name:ident: $kind:ty = $value:expr;)*) => {
        $(pub(super) const $name: $kind = $value;)*

        /// Each with its value.
        #[cfg(test)]
        pub(in crate::sys::sql) const CONSTANTS: &[(&str, i64)] = &[$((stringify!($name), $value as i64),)*];
    };
}

use constants;
