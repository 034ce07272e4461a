//! One connection to MySQL, and the statement that is prepared there.

use super::functions::*;
use super::options::{self, Value};
use super::statement::{Statement, error_of};
use crate::sys::descriptor;
use crate::sys::sql::{Answer, Connection, ErrorKind, Question, SqlError, Target, place, text_for_c};
use std::ffi::{c_char, c_uint, c_void};
use std::os::fd::BorrowedFd;
use std::ptr::{NonNull, null, null_mut};
use std::time::{Duration, Instant};

/// A connection that has logged in.
pub(in super::super) struct Session {
    /// Goes before the connection does; the same question is prepared once.
    statement: Option<(String, Statement)>,
    handle: Handle,
    place: String,
    answer_timeout: Duration,
    is_broken: bool,
}

/// libmariadb's object, which is a connection when it has been connected.
struct Handle {
    library: &'static Libmariadb,
    raw: NonNull<MYSQL>,
}

impl Session {
    /// Connects and logs in.
    pub(super) fn start(library: &'static Libmariadb, target: &Target) -> Result<Self, SqlError> {
        let place = place(target);
        let handle = Handle::new(library)?;
        for (option, value) in options::of(target)? {
            handle.set(option, &value);
        }
        let begun = Instant::now();
        handle.connect(target).map_err(|error| {
            let limit = target.connect_timeout.min(target.answer_timeout);
            let kind =
                if is_silence(&error, begun.elapsed(), limit) { ErrorKind::TooSlow } else { error.kind };
            SqlError::new(kind, format!("{place}: {}", error.text))
        })?;
        if options::is_encrypted(target) && !handle.has_tls() {
            return Err(SqlError::new(ErrorKind::Refused, format!("{place} does not speak TLS")));
        }
        Ok(Self { statement: None, handle, place, answer_timeout: target.answer_timeout, is_broken: false })
    }

    /// Has the statement ready.
    fn prepare(&mut self, text: &str) -> Result<&mut Statement, SqlError> {
        if self.statement.as_ref().is_none_or(|(prepared, _)| prepared != text) {
            self.statement = None;
            // SAFETY: the connection is libmariadb's, and its statement is dropped before it.
            let statement = unsafe { Statement::prepare(self.handle.library, self.handle.raw, text) }?;
            self.statement = Some((text.to_owned(), statement));
        }
        let gone = || SqlError::new(ErrorKind::Lost, "the statement is gone".to_owned());
        self.statement.as_mut().map(|(_, statement)| statement).ok_or_else(gone)
    }
}

impl Connection for Session {
    fn ask(&mut self, question: &Question<'_>) -> Result<Answer, SqlError> {
        let begun = Instant::now();
        let answer = self.prepare(question.text).and_then(|statement| statement.ask(question.parameters));
        answer.map_err(|mut error| {
            if is_silence(&error, begun.elapsed(), self.answer_timeout) {
                error = SqlError::new(ErrorKind::TooSlow, "no answer came in time".to_owned());
                self.is_broken = true;
            }
            self.is_broken |= error.kind == ErrorKind::Lost;
            if error.kind == ErrorKind::BadValue {
                return SqlError::bad_value(&self.place, &error.text);
            }
            SqlError::new(error.kind, format!("{}: {}", self.place, error.text))
        })
    }

    fn is_alive(&mut self) -> bool {
        // A server says nothing unasked but that it takes its leave.
        !self.is_broken && !self.handle.is_readable()
    }
}

impl Handle {
    fn new(library: &'static Libmariadb) -> Result<Self, SqlError> {
        // SAFETY: null has it make one.
        let raw = NonNull::new(unsafe { (library.mysql_init)(null_mut()) });
        let none = || SqlError::new(ErrorKind::Overloaded, "libmariadb has no memory".to_owned());
        Ok(Self { library, raw: raw.ok_or_else(none)? })
    }

    /// A library that does not know an option does without.
    fn set(&self, option: mysql_option, value: &Value) {
        let pointer: *const c_void = match value {
            Value::Text(text) => text.as_bytes().as_ptr().cast(),
            Value::Number(number) => std::ptr::from_ref::<c_uint>(number).cast(),
            Value::Flag(flag) => std::ptr::from_ref::<my_bool>(flag).cast(),
        };
        // SAFETY: the value is of the type that the option has, and outlives the call; the library copies it.
        unsafe { (self.library.mysql_options)(self.raw.as_ptr(), option, pointer) };
    }

    fn connect(&self, target: &Target) -> Result<(), SqlError> {
        let text = |text: Option<&str>| text.map(|text| text_for_c(text.as_bytes())).transpose();
        let local = target.host.as_deref().filter(|host| host.starts_with('/'));
        let host = text(if options::is_local(target) { Some("localhost") } else { target.host.as_deref() })?;
        let (user, password) = (text(Some(&target.user))?, text_for_c(target.password.as_bytes())?);
        let database = text(Some(target.database.as_str()).filter(|name| !name.is_empty()))?;
        let (socket, port) = (text(local)?, target.port.map_or(0, c_uint::from));
        let pointer = |text: &Option<crate::secret::Secret>| -> *const c_char {
            text.as_ref().map_or_else(null, |text| text.as_bytes().as_ptr().cast())
        };
        let password = password.as_bytes().as_ptr().cast();
        // SAFETY: all texts are C strings, or null, which outlive the call; the library copies them.
        let connected = unsafe {
            (self.library.mysql_real_connect)(
                self.raw.as_ptr(),
                pointer(&host),
                pointer(&user),
                password,
                pointer(&database),
                port,
                pointer(&socket),
                0,
            )
        };
        if !connected.is_null() {
            return Ok(());
        }
        // SAFETY: it is libmariadb's.
        Err(unsafe { error_of(self.library, self.raw) })
    }

    fn has_tls(&self) -> bool {
        // SAFETY: the connection is libmariadb's.
        !unsafe { (self.library.mysql_get_ssl_cipher)(self.raw.as_ptr()) }.is_null()
    }

    fn is_readable(&self) -> bool {
        // SAFETY: the connection is libmariadb's.
        let socket = unsafe { (self.library.mysql_get_socket)(self.raw.as_ptr()) };
        // SAFETY: the socket is open as long as the connection, and is not closed during the call.
        socket < 0
            || descriptor::is_readable_within(unsafe { BorrowedFd::borrow_raw(socket) }, Duration::ZERO)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: it is closed once, after its statement.
        unsafe { (self.library.mysql_close)(self.raw.as_ptr()) };
    }
}

/// Whether this is how the library calls it that nobody has said anything for so long: it has no number of its own for that,
/// and with TLS that of all else.
fn is_silence(error: &SqlError, time: Duration, limit: Duration) -> bool {
    matches!(error.kind, ErrorKind::Lost | ErrorKind::Refused) && time >= limit
}
