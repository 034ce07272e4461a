//! TLS sessions that a later connection may resume: one call of the openssl crate is unsafe.

use openssl::error::ErrorStack;
use openssl::ssl::{SslContext, SslRef, SslSession};
use std::ptr;

/// What a connection has agreed on with its server, for a shorter handshake of the next.
pub struct ResumableSession {
    /// Keeps the context alive, so that none can come to its place in memory.
    context: SslContext,
    session: SslSession,
}

impl ResumableSession {
    /// That of a connection; `None` before its handshake. With TLS 1.3 it is of use only when the server's ticket has
    /// been read, which comes after the handshake.
    pub fn of(ssl: &SslRef) -> Option<Self> {
        let session = ssl.session()?.to_owned();
        Some(Self { context: ssl.ssl_context().to_owned(), session })
    }

    /// Whether the connection-to-be is of the same context, and so must prove the same by the same means.
    pub fn fits(&self, ssl: &SslRef) -> bool {
        ptr::eq(&raw const *self.context, ssl.ssl_context())
    }

    /// Has a connection offer the session to its server, which may take it or not. `false` if it does not fit.
    ///
    /// # Errors
    /// When OpenSSL refuses it; the connection can be set up without it.
    pub fn offer(&self, ssl: &mut SslRef) -> Result<bool, ErrorStack> {
        if !self.fits(ssl) {
            return Ok(false);
        }
        // SAFETY: the session must be of the context of `ssl`. Both are the one that `self.context` holds: the session
        // since it was taken from a connection of it, `ssl` since that was just looked at.
        unsafe { ssl.set_session(&self.session) }?;
        Ok(true)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use openssl::ssl::{Ssl, SslMethod};

    fn context() -> SslContext {
        SslContext::builder(SslMethod::tls_client()).unwrap().build()
    }

    #[test]
    fn before_the_handshake_there_is_nothing_to_resume() {
        assert!(ResumableSession::of(&Ssl::new(&context()).unwrap()).is_none());
    }
}
