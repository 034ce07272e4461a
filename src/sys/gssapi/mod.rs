//! GSSAPI with Kerberos 5, by MIT's libgssapi_krb5: the client's side of a login at a service.
//!
//! Mapped when it is first needed, by workers only, as OpenSSL is. `functions` has what is called; above
//! it each of the library's objects has an owner that gives it back.

mod buffer;
mod context;
mod credential;
mod error;
mod functions;
mod library;
mod owned;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use context::{Context, Unwrapped};
pub use credential::Credential;
pub use error::GssapiError;
pub use library::load;
