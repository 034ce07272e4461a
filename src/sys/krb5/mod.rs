//! MIT Kerberos of the system, mapped by the processes that ask Kerberos servers and by no other.
//!
//! What is called, and with which types, is in `functions` and nowhere else. `tests` compiles that table against the
//! headers. The rest gives it safe signatures. All of it blocks, for as long as name servers and Kerberos servers let it:
//! for workers only.

mod context;
mod error;
mod functions;
mod keytab;
mod library;
mod profile;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod ticket;

pub use context::{Context, Principal};
pub use error::Krb5Error;
pub use keytab::Keytab;
pub use library::can_be_loaded;
pub use ticket::Ticket;
