//! One connection to MySQL, and the statement that is prepared there.

use super::driver::Driver;
use super::failure;
use super::functions::*;
use super::options::{self, Value};
use super::statement::{Statement, error_of};
use crate::sys::sql::{Answer, Connection, ErrorKind, Question, SqlError, Target, place, text_for_c};
use crate::sys::{descriptor, socket};
use std::ffi::{c_char, c_uint, c_void};
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
    /// Connects to this host and logs in until `deadline`. Of several addresses of a name each has `share`.
    pub(super) fn start(
        library: &'static Libmariadb,
        target: &Target,
        host: &str,
        share: Duration,
        deadline: Instant,
    ) -> Result<Self, SqlError> {
        let place = place(target);
        let handle = Handle::new(library)?;
        for (option, value) in options::of(target, share)? {
            let is_taken = handle.set(option, &value);
            if option == MYSQL_OPT_NONBLOCK && !is_taken {
                // Without that stack no call can be begun.
                return Err(failure::no_memory());
            }
        }
        let driver = handle.driver(deadline);
        handle.connect(target, host, driver).map_err(|error| {
            if is_silence(&error, driver) {
                return SqlError::silent(&place);
            }
            SqlError::new(error.kind, format!("{place}: {}", error.text))
        })?;
        if options::is_encrypted(target) {
            if !handle.has_tls() {
                return Err(SqlError::new(ErrorKind::Refused, format!("{place} does not speak TLS")));
            }
            // The library leaves it to OpenSSL to read until a record is there.
            let made = driver.socket().map(socket::set_nonblocking).transpose();
            made.map_err(|error| SqlError::new(ErrorKind::Lost, format!("{place}: {error}")))?;
        }
        Ok(Self { statement: None, handle, place, answer_timeout: target.answer_timeout, is_broken: false })
    }

    /// Has the statement ready.
    fn prepare(&mut self, text: &str, driver: Driver) -> Result<&mut Statement, SqlError> {
        if self.statement.as_ref().is_none_or(|(prepared, _)| prepared != text) {
            self.statement = None;
            // SAFETY: the connection is libmariadb's, and its statement is dropped before it.
            let statement =
                unsafe { Statement::prepare(self.handle.library, self.handle.raw, text, driver) }?;
            self.statement = Some((text.to_owned(), statement));
        }
        let gone = || SqlError::new(ErrorKind::Lost, "the statement is gone".to_owned());
        self.statement.as_mut().map(|(_, statement)| statement).ok_or_else(gone)
    }

    /// Never to be asked again. What the server still has to say nobody waits for, not the library either, which reads the
    /// rest of an answer before it closes a statement.
    fn give_up(&mut self) {
        self.is_broken = true;
        self.handle.end();
    }
}

impl Connection for Session {
    fn ask(&mut self, question: &Question<'_>) -> Result<Answer, SqlError> {
        let driver = self.handle.driver(Instant::now() + self.answer_timeout);
        let answer = self
            .prepare(question.text, driver)
            .and_then(|statement| statement.ask(question.parameters, driver));
        if self.statement.as_ref().is_some_and(|(_, statement)| statement.is_unfinished()) {
            self.give_up();
        }
        answer.map_err(|error| {
            if is_silence(&error, driver) {
                self.give_up();
                return SqlError::silent(&self.place);
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
        Ok(Self { library, raw: raw.ok_or_else(failure::no_memory)? })
    }

    /// Whether it is taken: a library that does not know an option does without.
    fn set(&self, option: mysql_option, value: &Value) -> bool {
        let pointer: *const c_void = match value {
            Value::Text(text) => text.as_bytes().as_ptr().cast(),
            Value::Number(number) => std::ptr::from_ref::<c_uint>(number).cast(),
            Value::Flag(flag) => std::ptr::from_ref::<my_bool>(flag).cast(),
            Value::Size(size) => std::ptr::from_ref::<usize>(size).cast(),
        };
        // SAFETY: the value is of the type that the option has, and outlives the call; the library copies it.
        unsafe { (self.library.mysql_options)(self.raw.as_ptr(), option, pointer) == 0 }
    }

    fn driver(&self, deadline: Instant) -> Driver {
        // SAFETY: the connection is libmariadb's. It is closed when this is dropped, and no driver outlives the call that it is
        // made for.
        unsafe { Driver::new(self.library, self.raw, deadline) }
    }

    fn connect(&self, target: &Target, host: &str, driver: Driver) -> Result<(), SqlError> {
        let text = |text: Option<&str>| text.map(|text| text_for_c(text.as_bytes())).transpose();
        let local = target.host.as_deref().filter(|host| host.starts_with('/'));
        let (user, password) = (text(Some(&target.user))?, text_for_c(target.password.as_bytes())?);
        let database = text(Some(target.database.as_str()).filter(|name| !name.is_empty()))?;
        let (host, socket) = (text(Some(host))?, text(local)?);
        let port = target.port.map_or(0, c_uint::from);
        let pointer = |text: &Option<crate::secret::Secret>| -> *const c_char {
            text.as_ref().map_or_else(null, |text| text.as_bytes().as_ptr().cast())
        };
        let (password, raw) = (password.as_bytes().as_ptr().cast(), self.raw.as_ptr());
        let mut connected = null_mut();
        // SAFETY: all texts are C strings, or null, which outlive the call to its end; the library copies them.
        let wanted = unsafe {
            (self.library.mysql_real_connect_start)(
                &raw mut connected,
                raw,
                pointer(&host),
                pointer(&user),
                password,
                pointer(&database),
                port,
                pointer(&socket),
                0,
            )
        };
        driver.finish(wanted, |occurred| {
            let _guard = options::is_encrypted(target).then(|| driver.guard());
            // SAFETY: this goes on with the call, of which `connected` is the result.
            unsafe { (self.library.mysql_real_connect_cont)(&raw mut connected, raw, occurred) }
        });
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
        let socket = self.driver(Instant::now()).socket();
        socket.is_none_or(|socket| descriptor::is_readable_within(socket, Duration::ZERO))
    }

    fn end(&self) {
        if let Some(socket) = self.driver(Instant::now()).socket() {
            socket::end(socket);
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: it is closed once, after its statement.
        unsafe { (self.library.mysql_close)(self.raw.as_ptr()) };
    }
}

/// Whether it has failed because the time is over: the library has no number of its own for that, and with TLS that of all
/// else.
fn is_silence(error: &SqlError, driver: Driver) -> bool {
    matches!(error.kind, ErrorKind::Lost | ErrorKind::Refused) && driver.is_late()
}
