//! SQLite through libsqlite3: a file that is read and never written, next to whoever writes it.

mod database;
mod file;
mod functions;
mod statement;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use super::{Answer, Connection, ErrorKind, Question, SqlError, Target, library_error, place};
use crate::sys::library::Library;
use database::Database;
use file::Identity;
use functions::Libsqlite3;
use statement::Statement;
use std::ffi::CStr;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The name has been the same since SQLite 3.0.
const LIBSQLITE3: &CStr = c"libsqlite3.so.0";

/// Maps libsqlite3.
///
/// # Errors
/// When it is not installed.
pub(super) fn load() -> Result<(), SqlError> {
    library().map(drop)
}

fn library() -> Result<&'static Libsqlite3, SqlError> {
    static LIBRARY: OnceLock<Libsqlite3> = OnceLock::new();
    if let Some(library) = LIBRARY.get() {
        return Ok(library);
    }
    let missing = |reason| library_error("libsqlite3", "libsqlite3-0 (on RHEL: sqlite-libs)", &reason);
    let library = Library::open(LIBSQLITE3).map_err(missing)?;
    // SAFETY: the addresses are those of libsqlite3, by the name of the library.
    let library = unsafe { Libsqlite3::find(|name| library.address_of(name)) }.map_err(missing)?;
    Ok(LIBRARY.get_or_init(|| library))
}

/// The file, opened.
///
/// # Errors
/// Those of [`connect`](super::connect).
pub(super) fn connect(target: &Target) -> Result<Session, SqlError> {
    let library = library()?;
    let path = PathBuf::from(&target.database);
    let place = place(target);
    let identity = file::identity(&path).map_err(|reason| refused(&place, &reason))?;
    let waits = Waits { for_writers: target.connect_timeout, for_answers: target.answer_timeout };
    let database = Database::open(library, &path, waits.for_writers)
        .map_err(|error| SqlError::new(error.kind, format!("{place}: {}", error.text)))?;
    Ok(Session { library, statement: None, database, path, place, identity, waits })
}

fn refused(place: &str, reason: &str) -> SqlError {
    SqlError::new(ErrorKind::Refused, format!("{place} cannot be read: {reason}"))
}

#[derive(Clone, Copy)]
struct Waits {
    for_writers: Duration,
    for_answers: Duration,
}

/// An open file.
pub(super) struct Session {
    library: &'static Libsqlite3,
    /// Goes before the database does; the same question is prepared once.
    statement: Option<(String, Statement)>,
    database: Database,
    path: PathBuf,
    place: String,
    identity: Identity,
    waits: Waits,
}

impl Session {
    fn ask_prepared(&mut self, question: &Question<'_>) -> Result<Answer, SqlError> {
        self.database.limit(Instant::now() + self.waits.for_answers);
        if self.statement.as_ref().is_none_or(|(prepared, _)| prepared != question.text) {
            self.statement = None;
            let statement = self.database.prepare(question.text)?;
            self.statement = Some((question.text.to_owned(), statement));
        }
        let gone = || SqlError::configuration("the statement is gone".to_owned());
        self.statement.as_mut().ok_or_else(gone)?.1.ask(question.parameters, &self.database)
    }

    /// A file in WAL mode that nobody has open to write cannot be opened without the right to write beside it. It is at
    /// rest then, and is read as it is; that counts if it has been at rest all the while.
    fn ask_at_rest(&self, question: &Question<'_>) -> Result<Option<Answer>, SqlError> {
        let Some(before) = file::at_rest(&self.path) else { return Ok(None) };
        let database = Database::open_at_rest(self.library, &self.path)?;
        database.limit(Instant::now() + self.waits.for_answers);
        let answer = database.prepare(question.text)?.ask(question.parameters, &database)?;
        drop(database);
        if file::at_rest(&self.path) == Some(before) {
            return Ok(Some(answer));
        }
        Err(SqlError::new(ErrorKind::Locked, "it was being written to".to_owned()))
    }
}

impl Connection for Session {
    fn ask(&mut self, question: &Question<'_>) -> Result<Answer, SqlError> {
        let mut answer = self.ask_prepared(question);
        if matches!(&answer, Err(error) if error.kind == ErrorKind::Refused) && file::is_wal(&self.path) {
            self.statement = None;
            match self.ask_at_rest(question) {
                Ok(Some(found)) => answer = Ok(found),
                Ok(None) => {}
                Err(error) => answer = Err(error),
            }
        }
        answer.map_err(|error| match error.kind {
            ErrorKind::BadValue => SqlError::bad_value(&self.place, &error.text),
            ErrorKind::Refused => match file::identity(&self.path) {
                Err(reason) => refused(&self.place, &reason),
                Ok(_) => SqlError::new(error.kind, format!("{}: {}", self.place, error.text)),
            },
            kind => SqlError::new(kind, format!("{}: {}", self.place, error.text)),
        })
    }

    fn is_alive(&mut self) -> bool {
        file::identity(&self.path).is_ok_and(|identity| identity == self.identity)
    }
}
