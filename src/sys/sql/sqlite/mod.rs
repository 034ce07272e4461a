//! SQLite through libsqlite3: a file that is read and never written, next to whoever writes it.

mod database;
mod failure;
mod file;
mod functions;
mod statement;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use super::{Answer, Connection, ErrorKind, Question, SqlError, Target, library_error, place};
use database::Database;
use file::{Rest, State, Unreadable};
use functions::Libsqlite3;
use statement::Statement;
use std::ffi::CStr;
use std::path::PathBuf;
use std::thread;
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
    let missing = |reason| library_error("libsqlite3", "libsqlite3-0 (on RHEL: sqlite-libs)", &reason);
    // SAFETY: it is the table of libsqlite3, whose library has that name.
    unsafe { Libsqlite3::of(LIBSQLITE3, |_| ()) }.map_err(missing)
}

/// The file, opened.
///
/// # Errors
/// Those of [`connect`](super::connect).
pub(super) fn connect(target: &Target) -> Result<Session, SqlError> {
    let path = PathBuf::from(&target.database);
    let place = place(target);
    file::check_readable(&path).map_err(|reason| refused(&place, &reason))?;
    let state = file::state(&path);
    let waits = Waits { for_writers: target.connect_timeout, for_answers: target.answer_timeout };
    Ok(Session { library: library()?, statement: None, database: None, path, place, state, waits })
}

fn refused(place: &str, reason: &Unreadable) -> SqlError {
    let (kind, reason) = match reason {
        Unreadable::Refused(reason) => (ErrorKind::Refused, reason.as_str()),
        Unreadable::KeptOut => (
            ErrorKind::KeptOut,
            "its directory is not the one that was there when this worker entered its sandbox",
        ),
    };
    SqlError::new(kind, format!("{place} cannot be read: {reason}"))
}

#[derive(Clone, Copy)]
struct Waits {
    for_writers: Duration,
    for_answers: Duration,
}

/// A file that can be asked.
pub(super) struct Session {
    library: &'static Libsqlite3,
    /// Goes before the database does; the same question is prepared once.
    statement: Option<(String, Statement)>,
    /// Not kept for a file in WAL mode that is at rest.
    database: Option<Database>,
    path: PathBuf,
    place: String,
    /// When it was opened. SQLite would not see that another database was copied into the file which has been changed as often.
    state: Option<State>,
    waits: Waits,
}

impl Session {
    /// To open a file in WAL mode beside which there is no log, SQLite would have to make one, and may not. Nobody has it
    /// open then, and it is read as it is.
    fn ask_somehow(&mut self, question: &Question<'_>) -> Result<Answer, SqlError> {
        if self.database.is_none() && file::has_wal_mode(&self.path) && !file::has_log(&self.path) {
            if let Some(answer) = self.ask_at_rest(question)? {
                return Ok(answer);
            }
        }
        match self.ask_between_writes(question) {
            Err(error) if error.kind == ErrorKind::Refused => {
                self.close();
                let left_over =
                    file::has_wal_mode(&self.path).then(|| self.ask_at_rest(question)).transpose()?;
                left_over.flatten().ok_or(error)
            }
            result => result,
        }
    }

    /// What to do about a file that only a writer could put right.
    fn remedy(&self) -> String {
        let Some(left_over) = file::left_over(&self.path) else { return String::new() };
        format!(
            "; a program has ended while it wrote and has left {} behind: the next one that may write puts that right, \
             such as sqlite3 with .tables",
            left_over.display()
        )
    }

    fn close(&mut self) {
        self.statement = None;
        self.database = None;
    }

    /// SQLite itself would look for the end of a write ten times a second in the end, and not see the gaps between the many of
    /// an import.
    fn ask_between_writes(&mut self, question: &Question<'_>) -> Result<Answer, SqlError> {
        let begun = Instant::now();
        loop {
            match self.ask_open(question) {
                Err(error) if error.kind == ErrorKind::Locked && begun.elapsed() < self.waits.for_writers => {
                    look_away();
                }
                result => return result,
            }
        }
    }

    fn ask_open(&mut self, question: &Question<'_>) -> Result<Answer, SqlError> {
        let database = match &mut self.database {
            Some(database) => database,
            none => none.insert(Database::open(self.library, &self.path)?),
        };
        database.limit(Instant::now() + self.waits.for_answers);
        let statement = match &mut self.statement {
            Some((prepared, statement)) if prepared == question.text => statement,
            other => {
                *other = None;
                &mut other.insert((question.text.to_owned(), database.prepare(question.text)?)).1
            }
        };
        statement.ask(question.parameters)
    }

    /// What is read counts if the file has been at rest all the while. `None` if it is not at rest.
    fn ask_at_rest(&self, question: &Question<'_>) -> Result<Option<Answer>, SqlError> {
        let begun = Instant::now();
        loop {
            let before = file::rest(&self.path);
            match before {
                Rest::No => return Ok(None),
                Rest::Quiet(_) => {
                    let answer = self.ask_as_it_is(question);
                    if file::rest(&self.path) == before {
                        return answer.map(Some);
                    }
                }
                Rest::Soon => {}
            }
            if begun.elapsed() > self.waits.for_writers {
                return Err(SqlError::new(ErrorKind::Locked, "it is being written to".to_owned()));
            }
            look_away();
        }
    }

    fn ask_as_it_is(&self, question: &Question<'_>) -> Result<Answer, SqlError> {
        let database = Database::open_at_rest(self.library, &self.path)?;
        database.limit(Instant::now() + self.waits.for_answers);
        database.prepare(question.text)?.ask(question.parameters)
    }
}

#[allow(clippy::disallowed_methods, reason = "nothing happens when a file is not written to any more")]
fn look_away() {
    thread::sleep(LOOK_AGAIN);
}

/// How often it is looked whether a file is written to. A write takes some milliseconds, most of them until it is on the disk.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

impl Connection for Session {
    fn ask(&mut self, question: &Question<'_>) -> Result<Answer, SqlError> {
        let answer = self.ask_somehow(question);
        answer.map_err(|error| match error.kind {
            ErrorKind::BadValue => SqlError::bad_value(&self.place, &error.text),
            ErrorKind::Refused => match file::check_readable(&self.path) {
                Err(reason) => refused(&self.place, &reason),
                Ok(()) => {
                    SqlError::new(error.kind, format!("{}: {}{}", self.place, error.text, self.remedy()))
                }
            },
            kind => SqlError::new(kind, format!("{}: {}", self.place, error.text)),
        })
    }

    fn is_alive(&mut self) -> bool {
        self.state.is_some() && file::state(&self.path) == self.state
    }
}
