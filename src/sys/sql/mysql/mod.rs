//! MySQL and MariaDB through libmariadb, which knows all ways of both to log in. Not through libmysqlclient: its licence is
//! the GPL.
//!
//! libmariadb waits by itself, in whole seconds and for each read anew: one of `connect_timeout` for TCP and each address of
//! a host, one of `answer_timeout` for what a server says when it logs in and answers.

mod failure;
mod functions;
mod options;
mod session;
mod statement;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use super::{SqlError, Target, library_error};
use crate::sys::library::Library;
use functions::Libmariadb;
use session::Session;
use std::ffi::CStr;
use std::sync::OnceLock;

/// The name has been the same since Connector/C 3.0.
const LIBMARIADB: &CStr = c"libmariadb.so.3";

/// Maps libmariadb.
///
/// # Errors
/// When it is not installed.
pub(super) fn load() -> Result<(), SqlError> {
    library().map(drop)
}

fn library() -> Result<&'static Libmariadb, SqlError> {
    static LIBRARY: OnceLock<Libmariadb> = OnceLock::new();
    if let Some(library) = LIBRARY.get() {
        return Ok(library);
    }
    let missing = |reason| library_error("libmariadb", "libmariadb3 (on RHEL: mariadb-connector-c)", &reason);
    forget_environment();
    let library = Library::open(LIBMARIADB).map_err(missing)?;
    // SAFETY: the addresses are those of libmariadb, by the name of the library.
    let library = unsafe { Libmariadb::find(|name| library.address_of(name)) }.map_err(missing)?;
    Ok(LIBRARY.get_or_init(|| library))
}

/// libmariadb takes from its environment which plugins to load, and from where, and a server to go to.
fn forget_environment() {
    let names = std::env::vars_os().map(|(name, _)| name);
    let of_library =
        |name: &[u8]| [&b"MYSQL"[..], b"MARIADB", b"LIBMYSQL"].iter().any(|start| name.starts_with(start));
    for name in names.filter(|name| of_library(name.as_encoded_bytes())) {
        // SAFETY: a worker that sets its mechanism up has one thread.
        unsafe { std::env::remove_var(name) };
    }
}

/// A connection that has logged in.
///
/// # Errors
/// Those of [`connect`](super::connect).
pub(super) fn connect(target: &Target) -> Result<Session, SqlError> {
    Session::start(library()?, target)
}
