//! One connection with TLS, from before its handshake to its end.

use super::context::{Context, terminated};
use super::digest::length_of;
use super::error::{OpenSslError, check, made, text};
use super::functions::*;
use super::socket::{Below, Method};
use std::ffi::c_int;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::ptr::NonNull;

/// A connection that is to have TLS.
pub struct Connection {
    context: Context,
    pointer: NonNull<SSL>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: it is owned here, and not used again.
        unsafe { (self.context.tls.SSL_free)(self.pointer.as_ptr()) };
    }
}

impl Connection {
    /// With these settings.
    ///
    /// # Errors
    /// When OpenSSL fails.
    pub fn new(context: &Context) -> Result<Self, OpenSslError> {
        // SAFETY: the context is alive; the result is owned here, and has a reference of its own to the context.
        let pointer = unsafe { (context.tls.SSL_new)(context.pointer.as_ptr()) };
        Ok(Self { pointer: made(context.crypto, pointer)?, context: context.clone() })
    }

    /// Tells the server by which name it is asked.
    ///
    /// # Errors
    /// When OpenSSL finds the name too long or fails.
    pub fn name_server(&mut self, name: &str) -> Result<(), OpenSslError> {
        let name = terminated(name.as_bytes())?;
        // SAFETY: the connection is alive; this setting takes a C string, which is copied.
        let set = unsafe {
            let name = name.as_ptr().cast_mut().cast();
            let what = SSL_CTRL_SET_TLSEXT_HOSTNAME;
            (self.context.tls.SSL_ctrl)(self.pointer.as_ptr(), what, TLSEXT_NAMETYPE_HOST_NAME, name)
        };
        if set == 1 { Ok(()) } else { Err(OpenSslError::take(self.context.crypto)) }
    }

    /// The certificate must be for this name, of which no part is a pattern for another.
    ///
    /// # Errors
    /// When OpenSSL fails.
    pub fn expect_name(&mut self, name: &str) -> Result<(), OpenSslError> {
        let parameters = self.parameters();
        // SAFETY: the parameters belong to the connection, which is alive; pointer and length are those of a slice.
        let set = unsafe {
            (self.context.crypto.X509_VERIFY_PARAM_set1_host)(parameters, name.as_ptr().cast(), name.len())
        };
        check(self.context.crypto, set)
    }

    /// The certificate must be for this address.
    ///
    /// # Errors
    /// When OpenSSL fails.
    pub fn expect_address(&mut self, address: IpAddr) -> Result<(), OpenSslError> {
        let parameters = self.parameters();
        let (v4, v6);
        let bytes: &[u8] = match address {
            IpAddr::V4(address) => {
                v4 = address.octets();
                &v4
            }
            IpAddr::V6(address) => {
                v6 = address.octets();
                &v6
            }
        };
        // SAFETY: as above.
        let set = unsafe {
            (self.context.crypto.X509_VERIFY_PARAM_set1_ip)(parameters, bytes.as_ptr(), bytes.len())
        };
        check(self.context.crypto, set)
    }

    fn parameters(&mut self) -> *mut X509_VERIFY_PARAM {
        // SAFETY: the connection is alive, and has parameters of its own as long as it is.
        let parameters = unsafe { (self.context.tls.SSL_get0_param)(self.pointer.as_ptr()) };
        let flags = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
        // SAFETY: they are alive.
        unsafe { (self.context.crypto.X509_VERIFY_PARAM_set_hostflags)(parameters, flags) };
        parameters
    }

    /// Has it offer the session to its server, which may take it or not. `false` if it does not fit.
    ///
    /// # Errors
    /// When OpenSSL refuses it; the connection can be set up without it.
    pub fn resume(&mut self, session: &ResumableSession) -> Result<bool, OpenSslError> {
        if !session.fits(self) {
            return Ok(false);
        }
        // SAFETY: both are alive, and of the same context. The connection takes a reference of its own.
        let set =
            unsafe { (self.context.tls.SSL_set_session)(self.pointer.as_ptr(), session.pointer.as_ptr()) };
        check(self.context.crypto, set).map(|()| true)
    }
}

/// What a connection has agreed on with its server, for a shorter handshake of the next.
pub struct ResumableSession {
    /// Keeps the context alive, so that none can come to its place in memory.
    context: Context,
    pointer: NonNull<SSL_SESSION>,
}

impl ResumableSession {
    /// Whether the connection-to-be is of the same context, and so must prove the same by the same means.
    pub fn fits(&self, connection: &Connection) -> bool {
        self.context == connection.context
    }
}

impl Drop for ResumableSession {
    fn drop(&mut self) {
        // SAFETY: this reference is owned here, and not used again.
        unsafe { (self.context.tls.SSL_SESSION_free)(self.pointer.as_ptr()) };
    }
}

/// What an operation came to when it did not succeed.
#[derive(Debug)]
pub enum StreamError {
    /// The socket would have to be waited for.
    Blocked,
    /// The server has closed the connection, with or without saying so.
    Ended,
    /// The socket is broken.
    Socket(io::Error),
    /// It is not as TLS wants it.
    Protocol(OpenSslError),
}

/// A connection with TLS over a socket.
pub struct Stream<S: Read + Write> {
    // Dropped first: the BIO goes with it.
    connection: Connection,
    below: Owned<S>,
    _method: Method,
}

/// What a BIO points to. It is never moved, and a reference to it is made only while OpenSSL is not at work.
struct Owned<S>(NonNull<Below<S>>);

impl<S> Drop for Owned<S> {
    fn drop(&mut self) {
        // SAFETY: it came out of a box, and goes back here only; the BIO that pointed to it is gone.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl<S: Read + Write> Stream<S> {
    /// Puts TLS between the socket and what is said from now on.
    ///
    /// # Errors
    /// When OpenSSL fails.
    pub fn new(connection: Connection, socket: S) -> Result<Self, OpenSslError> {
        let method = Method::of::<S>()?;
        let below = Box::new(Below::new(connection.context.crypto, socket));
        let below = Owned(NonNull::from(Box::leak(below)));
        // SAFETY: `below` is of the type of the method. It lives in the same struct as the connection, which is dropped
        // before it, and references to it are made in functions that call nothing of OpenSSL meanwhile.
        let bio = unsafe { method.bio(below.0) }?;
        // SAFETY: both are alive; the connection takes over the BIO, which it reads and writes with.
        unsafe { (connection.context.tls.SSL_set_bio)(connection.pointer.as_ptr(), bio, bio) };
        Ok(Self { connection, below, _method: method })
    }

    /// The socket below.
    pub fn socket_mut(&mut self) -> &mut S {
        // SAFETY: it is alive, and `self` is borrowed as long as the reference is, so OpenSSL is not at work.
        unsafe { &mut (*self.below.0.as_ptr()).socket }
    }

    /// Goes on with the handshake of a client.
    ///
    /// # Errors
    /// [`StreamError::Blocked`] until it is done.
    pub fn connect(&mut self) -> Result<(), StreamError> {
        self.operate(|tls, ssl| {
            // SAFETY: the connection is alive and has its BIO.
            unsafe { (tls.SSL_connect)(ssl) }
        })
        .map(drop)
    }

    /// Reads what fits into `buffer`, which is not empty.
    ///
    /// # Errors
    /// Why nothing was read.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StreamError> {
        let room = length_of(buffer).unwrap_or(c_int::MAX);
        self.operate(|tls, ssl| {
            // SAFETY: the connection is alive; pointer and length are those of a slice that may be written.
            unsafe { (tls.SSL_read)(ssl, buffer.as_mut_ptr().cast(), room) }
        })
    }

    /// Writes what the connection takes of `bytes`, which are not empty.
    ///
    /// # Errors
    /// Why nothing was written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize, StreamError> {
        let length = length_of(bytes).unwrap_or(c_int::MAX);
        self.operate(|tls, ssl| {
            // SAFETY: the connection is alive; pointer and length are those of a slice.
            unsafe { (tls.SSL_write)(ssl, bytes.as_ptr().cast(), length) }
        })
    }

    /// Tells the server that nothing more comes. One try.
    pub fn shut_down(&mut self) {
        // Whether it was heard makes no difference to a connection that is closed next.
        let _ = self.operate(|tls, ssl| {
            // SAFETY: the connection is alive and has its BIO.
            unsafe { (tls.SSL_shutdown)(ssl) }
        });
    }

    /// What another connection may resume of this one; `None` before its handshake. With TLS 1.3 it is of use only when
    /// the server's ticket has been read, which comes after the handshake.
    pub fn session(&self) -> Option<ResumableSession> {
        let Connection { context, pointer } = &self.connection;
        // SAFETY: the connection is alive; the result is a reference that is owned here.
        let session = unsafe { (context.tls.SSL_get1_session)(pointer.as_ptr()) };
        NonNull::new(session).map(|pointer| ResumableSession { context: context.clone(), pointer })
    }

    /// What is wrong with the server's certificate, in OpenSSL's words; `None` if nothing was found.
    pub fn certificate_problem(&self) -> Option<String> {
        let Connection { context, pointer } = &self.connection;
        // SAFETY: the connection is alive.
        let result = unsafe { (context.tls.SSL_get_verify_result)(pointer.as_ptr()) };
        if result == X509_V_OK {
            return None;
        }
        // SAFETY: any number may be asked about.
        text(unsafe { (context.crypto.X509_verify_cert_error_string)(result) })
    }

    /// One operation, and what it came to: OpenSSL tells that by a queue of errors, which must be empty before.
    fn operate(
        &mut self,
        operation: impl FnOnce(&'static Tls, *mut SSL) -> c_int,
    ) -> Result<usize, StreamError> {
        let Context { tls, crypto, .. } = self.connection.context;
        let ssl = self.connection.pointer.as_ptr();
        // SAFETY: it takes nothing.
        unsafe { (crypto.ERR_clear_error)() };
        let result = operation(tls, ssl);
        match usize::try_from(result) {
            Ok(length) if length > 0 => Ok(length),
            _ => Err(self.error(result)),
        }
    }

    fn error(&mut self, result: c_int) -> StreamError {
        let Context { tls, crypto, .. } = self.connection.context;
        // SAFETY: the connection is alive, and nothing was called since the operation with this result.
        let code = unsafe { (tls.SSL_get_error)(self.connection.pointer.as_ptr(), result) };
        // SAFETY: it is alive, and OpenSSL is not at work.
        let error = unsafe { (*self.below.0.as_ptr()).error.take() };
        match (code, error) {
            (SSL_ERROR_WANT_READ | SSL_ERROR_WANT_WRITE, _) => StreamError::Blocked,
            (SSL_ERROR_SSL, _) => StreamError::Protocol(OpenSslError::take(crypto)),
            (SSL_ERROR_SYSCALL, error) => match (OpenSslError::take(crypto), error) {
                (stack, Some(error)) if stack.is_silent() => StreamError::Socket(error),
                (stack, None) if stack.is_silent() => StreamError::Ended,
                (stack, _) => StreamError::Protocol(stack),
            },
            _ => StreamError::Ended,
        }
    }
}
