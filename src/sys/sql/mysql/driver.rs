//! Calls of libmariadb that would wait: it gives them back whenever it has nothing to do, and the wait is here, with a
//! deadline.

use super::functions::*;
use super::guard::Guard;
use crate::sys::sql::remaining;
use crate::sys::{descriptor, socket};
use std::ffi::c_int;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

/// A connection, and until when what is called for it may take.
#[derive(Clone, Copy)]
pub(super) struct Driver {
    library: &'static Libmariadb,
    connection: NonNull<MYSQL>,
    deadline: Instant,
}

impl Driver {
    /// For what is called until `deadline`.
    ///
    /// # Safety
    /// `connection` is libmariadb's, and is closed after the last use of this.
    pub(super) const unsafe fn new(
        library: &'static Libmariadb,
        connection: NonNull<MYSQL>,
        deadline: Instant,
    ) -> Self {
        Self { library, connection, deadline }
    }

    /// Whether the time is over.
    pub(super) fn is_late(self) -> bool {
        remaining(self.deadline).is_zero()
    }

    /// Brings a call to its end. `wanted` is what its function `…_start` waits for, 0 for nothing any more, and `go_on` its
    /// `…_cont`, which is told what has happened and says the same.
    ///
    /// When the time is over the connection is ended, so that the call finds nothing to wait for and fails.
    pub(super) fn finish(self, mut wanted: c_int, mut go_on: impl FnMut(c_int) -> c_int) {
        while wanted != 0 {
            wanted = go_on(self.wait(wanted));
        }
    }

    /// Has the connection ended when the time is over, even while the library waits by itself: as it does for TLS to be agreed on.
    /// Without a thread or a descriptor to be had nobody does.
    pub(super) fn guard(self) -> Option<Guard> {
        self.socket().and_then(|socket| Guard::over(socket, self.deadline).ok())
    }

    /// What has happened of what is waited for.
    fn wait(self, wanted: c_int) -> c_int {
        let Some(socket) = self.socket() else { return MYSQL_WAIT_TIMEOUT };
        let end = self.end_of(wanted);
        while !remaining(end).is_zero() {
            match descriptor::wait_for(socket, wanted & MYSQL_WAIT_WRITE != 0, remaining(end)) {
                Ok(true) => return wanted & (MYSQL_WAIT_READ | MYSQL_WAIT_WRITE),
                Ok(false) => {}
                Err(_) => break,
            }
        }
        if self.is_late() {
            // With TLS the library takes no notice of the time.
            socket::end(socket);
        }
        MYSQL_WAIT_TIMEOUT
    }

    /// The deadline, or what the library wants to wait for one of several addresses.
    fn end_of(self, wanted: c_int) -> Instant {
        if wanted & MYSQL_WAIT_TIMEOUT == 0 {
            return self.deadline;
        }
        // SAFETY: the connection is libmariadb's, by the promise of `new`.
        let limit = unsafe { (self.library.mysql_get_timeout_value_ms)(self.connection.as_ptr()) };
        self.deadline.min(Instant::now() + Duration::from_millis(limit.into()))
    }

    /// The socket, from the moment when the library has made it.
    pub(super) fn socket<'a>(self) -> Option<BorrowedFd<'a>> {
        // SAFETY: as above.
        let socket = unsafe { (self.library.mysql_get_socket)(self.connection.as_ptr()) };
        // SAFETY: the library keeps it open until its next call, and nobody who asks keeps it beyond that.
        (socket >= 0).then(|| unsafe { BorrowedFd::borrow_raw(socket) })
    }
}
