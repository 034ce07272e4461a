//! OpenSSL of the system, mapped when it is first needed and by the processes that need it: a library that is linked costs
//! every process its relocations, half a megabyte of memory of its own.
//!
//! What is called, and with which types, is in `functions` and nowhere else. `tests` compiles that table against the
//! headers. The rest gives it safe signatures: [`digest`], [`pem`], [`context`] and [`stream`].

pub mod context;
pub mod digest;
mod error;
mod functions;
mod library;
pub mod pem;
mod socket;
pub mod stream;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use error::OpenSslError;
pub use library::{load, load_hashes};
