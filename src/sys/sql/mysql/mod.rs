//! MySQL and MariaDB through libmariadb, which knows all ways of both to log in. Not through libmysqlclient: its licence is
//! the GPL.
//!
//! Its own times are whole seconds and for each read anew, so that a server could keep it waiting for ever. Each call that
//! may wait is one that can be interrupted, and waits in [`driver`].

mod driver;
mod failure;
mod functions;
mod guard;
mod options;
mod row;
mod session;
mod statement;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use super::addresses::{addresses, at_each_address};
use super::{SqlError, Target, library_error, remaining};
use functions::Libmariadb;
use session::Session;
use std::ffi::CStr;
use std::time::Instant;

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
    let missing = |reason| library_error("libmariadb", "libmariadb3 (on RHEL: mariadb-connector-c)", &reason);
    // SAFETY: it is the table of libmariadb, whose library has that name.
    unsafe { Libmariadb::of(LIBMARIADB, |_| forget_environment()) }.map_err(missing)
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
    let library = library()?;
    let deadline = Instant::now() + target.connect_timeout;
    let host = match target.host.as_deref() {
        Some(host) if !options::is_local(target) => host,
        _ => return Session::start(library, target, "localhost", target.connect_timeout, deadline),
    };
    if !options::is_name_checked(target) {
        return at_each_address(target, deadline, |address, deadline| {
            let address = address.map_or_else(|| host.to_owned(), |address| address.to_string());
            Session::start(library, target, &address, remaining(deadline), deadline)
        });
    }
    // The library compares the certificate with what it looks up itself. It has no bound for that, but when a name has just
    // been found it is soon found again.
    let count = u32::try_from(addresses(target, deadline)?.len()).unwrap_or(1).max(1);
    Session::start(library, target, host, remaining(deadline) / count, deadline)
}
