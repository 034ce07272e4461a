//! One connection to PostgreSQL. libpq is asked for nothing that would wait.

use super::functions::*;
use super::parameters::Parameters;
use super::result::{PgResult, Row};
use super::{explained, kind_of_failure};
use crate::sys::descriptor;
use crate::sys::sql::{
    Answer, Connection, ErrorKind, MOST_ROWS, Question, SqlError, Target, c_text, errors, place, remaining,
    text_for_c,
};
use std::ffi::{c_char, c_int, c_void};
use std::os::fd::BorrowedFd;
use std::ptr::{NonNull, null, null_mut};
use std::time::{Duration, Instant};

/// A connection that has logged in.
pub(in super::super) struct Session {
    library: &'static Libpq,
    raw: NonNull<PGconn>,
    /// Whose it is, for sentences.
    place: String,
    answer_timeout: Duration,
    /// Whether an answer was given up, so that the next one would not be the next question's.
    is_out_of_step: bool,
}

impl Session {
    /// Connects and logs in.
    pub(super) fn start(
        library: &'static Libpq,
        parameters: &Parameters,
        target: &Target,
        deadline: Instant,
    ) -> Result<Self, SqlError> {
        let pointers = |each: fn(&Parameters) -> Vec<*const c_char>| {
            let mut all = each(parameters);
            all.push(null());
            all
        };
        let keywords = pointers(|all| all.iter().map(|(name, _)| name.as_ptr()).collect());
        let values = pointers(|all| all.iter().map(|(_, value)| value.as_bytes().as_ptr().cast()).collect());
        // SAFETY: both lists end in null, and hold C strings that outlive the call; libpq copies them.
        let raw = unsafe { (library.PQconnectStartParams)(keywords.as_ptr(), values.as_ptr(), 0) };
        let raw = NonNull::new(raw)
            .ok_or_else(|| SqlError::new(ErrorKind::Overloaded, "libpq has no memory".into()))?;
        let (place, answer_timeout) = (place(target), target.answer_timeout);
        let mut session = Self { library, raw, place, answer_timeout, is_out_of_step: false };
        // SAFETY: the connection is libpq's; the function is for any connection and result.
        unsafe {
            (library.PQsetErrorVerbosity)(raw.as_ptr(), PQERRORS_VERBOSE);
            (library.PQsetNoticeReceiver)(raw.as_ptr(), Some(ignore_notice), null_mut());
        }
        session.log_in(target, deadline)?;
        // SAFETY: the connection is libpq's.
        unsafe { (library.PQsetnonblocking)(raw.as_ptr(), 1) };
        Ok(session)
    }

    fn log_in(&mut self, target: &Target, deadline: Instant) -> Result<(), SqlError> {
        let mut writing = true;
        loop {
            self.wait(writing, deadline)?;
            // SAFETY: the connection is libpq's, and is being made.
            match unsafe { (self.library.PQconnectPoll)(self.raw.as_ptr()) } {
                PGRES_POLLING_OK => return Ok(()),
                PGRES_POLLING_FAILED => return Err(self.failure(target)),
                wanted => writing = wanted != PGRES_POLLING_READING,
            }
        }
    }

    /// Why no connection was made.
    fn failure(&self, target: &Target) -> SqlError {
        // SAFETY: the connection is libpq's.
        let needs_password = unsafe { (self.library.PQconnectionNeedsPassword)(self.raw.as_ptr()) } != 0;
        let said = self.last_error();
        let said = said.split_once(" failed: ").map_or(said.as_str(), |(_, reason)| reason);
        let kind = if needs_password { ErrorKind::Refused } else { kind_of_failure(said, target) };
        SqlError::new(kind, format!("{}: {}", self.place, explained(said, target)))
    }

    fn last_error(&self) -> String {
        // SAFETY: the connection is libpq's, and the text lives until the next call; it is copied.
        errors::clean(unsafe { c_text((self.library.PQerrorMessage)(self.raw.as_ptr())) })
    }

    /// Waits for the server until `deadline`.
    fn wait(&self, writing: bool, deadline: Instant) -> Result<(), SqlError> {
        // SAFETY: the connection is libpq's.
        let socket = unsafe { (self.library.PQsocket)(self.raw.as_ptr()) };
        if socket < 0 {
            return Err(SqlError::new(ErrorKind::Lost, format!("{}: {}", self.place, self.last_error())));
        }
        // SAFETY: libpq keeps the socket open until its next call, which is after this one.
        let socket = unsafe { BorrowedFd::borrow_raw(socket) };
        while !remaining(deadline).is_zero() {
            match descriptor::wait_for(socket, writing, remaining(deadline)) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => return Err(SqlError::new(ErrorKind::Lost, format!("{}: {error}", self.place))),
            }
        }
        Err(SqlError::silent(&self.place))
    }

    fn is_connected(&self) -> bool {
        // SAFETY: the connection is libpq's.
        unsafe { (self.library.PQstatus)(self.raw.as_ptr()) == CONNECTION_OK }
    }

    fn is_readable(&self) -> bool {
        // SAFETY: the connection is libpq's.
        let socket = unsafe { (self.library.PQsocket)(self.raw.as_ptr()) };
        // SAFETY: it is open while it is connected, and not closed during the call.
        socket >= 0
            && descriptor::is_readable_within(unsafe { BorrowedFd::borrow_raw(socket) }, Duration::ZERO)
    }

    /// Hands the question to libpq: an unnamed statement, so that nothing of it stays at the server, or at a pooler that
    /// gives the connection to others in between.
    fn send(&mut self, question: &Question<'_>) -> Result<(), SqlError> {
        let text = text_for_c(question.text.as_bytes())?;
        let values =
            question.parameters.iter().map(|value| text_for_c(value)).collect::<Result<Vec<_>, _>>()?;
        let pointers: Vec<*const c_char> =
            values.iter().map(|value| value.as_bytes().as_ptr().cast()).collect();
        let count = c_int::try_from(pointers.len())
            .map_err(|_| SqlError::configuration("too many parameters".into()))?;
        let (raw, text) = (self.raw.as_ptr(), text.as_bytes().as_ptr().cast());
        // SAFETY: text and values are C strings that outlive the call; without types, lengths and formats all are text.
        let sent = unsafe {
            (self.library.PQsendQueryParams)(raw, text, count, null(), pointers.as_ptr(), null(), null(), 0)
                == 1
                && (self.library.PQsetSingleRowMode)(raw) == 1
        };
        if sent { Ok(()) } else { Err(self.broken()) }
    }

    /// The next part of the answer; `None` after the last.
    fn next_result(&mut self, deadline: Instant) -> Result<Option<PgResult>, SqlError> {
        let raw = self.raw.as_ptr();
        loop {
            // SAFETY: the connection is libpq's.
            let unsent = unsafe { (self.library.PQflush)(raw) };
            // SAFETY: as above.
            if unsent < 0 || (unsent == 0 && unsafe { (self.library.PQisBusy)(raw) } == 0) {
                break;
            }
            self.wait(unsent > 0, deadline)?;
            // SAFETY: as above. What it fails for is in the next result.
            if unsafe { (self.library.PQconsumeInput)(raw) } == 0 {
                break;
            }
        }
        // SAFETY: as above; it does not wait now.
        let result = NonNull::new(unsafe { (self.library.PQgetResult)(raw) });
        // SAFETY: the result is libpq's, and is given once.
        Ok(result.map(|result| unsafe { PgResult::new(self.library, result) }))
    }

    fn broken(&mut self) -> SqlError {
        self.is_out_of_step = true;
        SqlError::new(ErrorKind::Lost, format!("{}: {}", self.place, self.last_error()))
    }

    fn read_answer(&mut self, deadline: Instant) -> Result<Answer, SqlError> {
        let mut answer = Err(SqlError::configuration(format!("{}: the statement gives no rows", self.place)));
        let mut rows = 0;
        while let Some(mut result) = self.next_result(deadline)? {
            match (result.status(), &mut answer) {
                (PGRES_SINGLE_TUPLE | PGRES_TUPLES_OK, Err(_)) => {
                    let first_row = self.take_row(&mut result)?;
                    answer = Ok(Answer { columns: result.columns(), first_row, has_more_rows: false });
                }
                (PGRES_SINGLE_TUPLE, Ok(answer)) => answer.has_more_rows = true,
                (PGRES_TUPLES_OK | PGRES_COMMAND_OK | PGRES_EMPTY_QUERY, _) => {}
                (PGRES_COPY_IN | PGRES_COPY_OUT | PGRES_COPY_BOTH, _) => {
                    self.is_out_of_step = true;
                    return answer;
                }
                _ => answer = Err(self.refusal(&result)),
            }
            rows += 1;
            if rows > MOST_ROWS {
                self.is_out_of_step = true;
                break;
            }
        }
        answer
    }

    /// The row of a result. One that nobody can use leaves the rest of its answer where it is.
    fn take_row(&mut self, result: &mut PgResult) -> Result<Option<Row>, SqlError> {
        result.take_row().map_err(|error| {
            self.is_out_of_step = true;
            SqlError::new(error.kind, format!("{}: {}", self.place, error.text))
        })
    }

    /// Why the server does not answer the question.
    fn refusal(&self, result: &PgResult) -> SqlError {
        let (state, place) = (result.sqlstate(), &self.place);
        if !self.is_connected() {
            return SqlError::new(ErrorKind::Lost, format!("{place}: {}", result.message()));
        }
        match errors::of_sqlstate(&state) {
            ErrorKind::BadValue => SqlError::bad_value(place, &state),
            // A violation of the protocol that leaves the connection is a wrong number of parameters.
            ErrorKind::Lost => {
                SqlError::configuration(format!("{place}: {} (SQLSTATE {state})", result.message()))
            }
            kind => SqlError::new(kind, format!("{place}: {} (SQLSTATE {state})", result.message())),
        }
    }
}

impl Connection for Session {
    fn ask(&mut self, question: &Question<'_>) -> Result<Answer, SqlError> {
        let deadline = Instant::now() + self.answer_timeout;
        self.send(question)?;
        let answer = self.read_answer(deadline);
        // A bound of the server's ends the statement only, one of ours leaves it running.
        self.is_out_of_step |= matches!(&answer, Err(error) if error.kind == ErrorKind::TooSlow)
            && remaining(deadline).is_zero();
        answer
    }

    fn is_alive(&mut self) -> bool {
        let now = Instant::now();
        if self.is_out_of_step || !self.is_connected() {
            return false;
        }
        // Whoever says something unasked is a server that has changed a setting, or one that takes its leave.
        while self.is_readable() {
            // SAFETY: the connection is libpq's, and no question is open.
            let goes_on = unsafe { (self.library.PQconsumeInput)(self.raw.as_ptr()) == 1 };
            // SAFETY: as above: it has what has come looked at.
            unsafe { (self.library.PQisBusy)(self.raw.as_ptr()) };
            if !goes_on || !self.is_connected() || now.elapsed() > self.answer_timeout {
                return false;
            }
        }
        true
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: it is ended once.
        unsafe { (self.library.PQfinish)(self.raw.as_ptr()) };
    }
}

/// Notices are warnings for people at terminals; libpq would write them to standard error.
///
/// # Safety
/// None is needed: it looks at nothing.
unsafe extern "C" fn ignore_notice(_: *mut c_void, _: *const PGresult) {}
