//! Databases, through the client libraries of the system, mapped when they are first needed and only by workers of `sql`:
//! libpq, libmariadb and libsqlite3. One connection and one question at a time, no transaction, never more than two rows.
//!
//! Calls block, each for no longer than its [`Target`] says. What a server sends is not trusted.

use crate::secret::Secret;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

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
    /// It took longer than it may. The connection is of no use any more.
    TooSlow,
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
    /// After [`ErrorKind::Lost`] and [`ErrorKind::TooSlow`] the connection is of no use; [`is_alive`](Self::is_alive)
    /// says so. The question may have been carried out then; since it only reads, it may be asked again.
    fn ask(&mut self, question: &Question<'_>) -> Result<Answer, SqlError>;

    /// Whether nothing is known against another question: asks the kernel, not the server. A connection that its
    /// server has closed meanwhile is seen.
    fn is_alive(&mut self) -> bool;
}

/// Maps the library of that engine, so that a process that gives up its access to files afterwards has it.
///
/// # Errors
/// [`ErrorKind::Library`]; the sentence names the package.
pub fn load(engine: Engine) -> Result<(), SqlError> {
    let name = match engine {
        Engine::Postgresql => "libpq.so.5",
        Engine::Mysql => "libmariadb.so.3",
        Engine::Sqlite => "libsqlite3.so.0",
    };
    Err(SqlError { kind: ErrorKind::Library, text: format!("{name} is not supported yet") })
}

/// Makes a connection and logs in.
///
/// # Errors
/// Of every kind but [`ErrorKind::BadValue`].
pub fn connect(target: &Target) -> Result<Box<dyn Connection>, SqlError> {
    load(target.engine)?;
    Err(SqlError { kind: ErrorKind::Library, text: "no engine is supported yet".to_owned() })
}
