//! Has OpenSSL read and write through something of Rust: a BIO of our own kind.

use super::error::{OpenSslError, made};
use super::functions::*;
use super::library::crypto;
use std::ffi::{c_char, c_int, c_long, c_void};
use std::io::{self, Read, Write};
use std::ptr::NonNull;

/// A kind of BIO whose functions know the type of what is below. It must outlive all its BIOs.
pub(super) struct Method {
    crypto: &'static Crypto,
    pointer: NonNull<BIO_METHOD>,
}

/// What is below a BIO.
pub(super) struct Below<S> {
    crypto: &'static Crypto,
    pub(super) socket: S,
    /// Of the last read or write, unless OpenSSL is to be told only that it should come again.
    pub(super) error: Option<io::Error>,
}

impl<S> Below<S> {
    pub(super) fn new(crypto: &'static Crypto, socket: S) -> Self {
        Self { crypto, socket, error: None }
    }
}

impl Method {
    /// For BIOs with a [`Below<S>`] behind them.
    pub(super) fn of<S: Read + Write>() -> Result<Self, OpenSslError> {
        let crypto = crypto()?;
        // SAFETY: the name is a C string that lives for ever; the result is owned here.
        let pointer = made(crypto, unsafe { (crypto.BIO_meth_new)(BIO_TYPE_NONE, c"socket".as_ptr()) })?;
        let method = Self { crypto, pointer };
        // SAFETY: the method is alive. These only store the functions, and so never fail.
        unsafe {
            (crypto.BIO_meth_set_read)(pointer.as_ptr(), Some(read::<S>));
            (crypto.BIO_meth_set_write)(pointer.as_ptr(), Some(write::<S>));
            (crypto.BIO_meth_set_ctrl)(pointer.as_ptr(), Some(control));
        }
        Ok(method)
    }

    /// A BIO for one connection, which whoever gets it must free.
    ///
    /// # Safety
    /// `below` must be of the type that the method is for, and alive and used by nobody else whenever a function of
    /// OpenSSL runs that may use the BIO.
    pub(super) unsafe fn bio<S>(&self, below: NonNull<Below<S>>) -> Result<*mut BIO, OpenSslError> {
        // SAFETY: the method is alive.
        let bio = made(self.crypto, unsafe { (self.crypto.BIO_new)(self.pointer.as_ptr()) })?.as_ptr();
        // SAFETY: the BIO is alive; what the pointer leads to is the caller's promise.
        unsafe {
            (self.crypto.BIO_set_data)(bio, below.as_ptr().cast());
            (self.crypto.BIO_set_init)(bio, 1);
        }
        Ok(bio)
    }
}

impl Drop for Method {
    fn drop(&mut self) {
        // SAFETY: it is owned here, and not used again: its BIOs are gone.
        unsafe { (self.crypto.BIO_meth_free)(self.pointer.as_ptr()) };
    }
}

/// What is below the BIO; `None` if OpenSSL calls before it has been told.
///
/// # Safety
/// The BIO must be one of [`Method::bio`] for the same type, and nobody else may have what is below while this is in use.
unsafe fn below<'a, S>(bio: *mut BIO) -> Option<&'a mut Below<S>> {
    let crypto = crypto().ok()?;
    // SAFETY: OpenSSL calls with the BIO that it works on, which is alive; the rest is the promise made to `Method::bio`.
    unsafe { (crypto.BIO_get_data)(bio).cast::<Below<S>>().as_mut() }
}

/// What OpenSSL calls to read.
///
/// # Safety
/// As [`below`], and `buffer` must have room for `length` bytes.
unsafe extern "C" fn read<S: Read>(bio: *mut BIO, buffer: *mut c_char, length: c_int) -> c_int {
    // SAFETY: this is called on BIOs of the method for S only, by functions of OpenSSL.
    let Some(below) = (unsafe { below::<S>(bio) }) else { return -1 };
    let Some(length) = usize::try_from(length).ok().filter(|length| *length > 0 && !buffer.is_null()) else {
        return 0;
    };
    // SAFETY: OpenSSL has so many bytes of room there, for this call only. It need not have written them before: they
    // are made zeros first, since a slice must be of written bytes.
    let room = unsafe {
        buffer.write_bytes(0, length);
        std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length)
    };
    let done = below.socket.read(room);
    below.tell(bio, BIO_FLAGS_READ, done)
}

/// What OpenSSL calls to write.
///
/// # Safety
/// As [`below`], and `bytes` must lead to `length` bytes.
unsafe extern "C" fn write<S: Write>(bio: *mut BIO, bytes: *const c_char, length: c_int) -> c_int {
    // SAFETY: this is called on BIOs of the method for S only, by functions of OpenSSL.
    let Some(below) = (unsafe { below::<S>(bio) }) else { return -1 };
    let Some(length) = usize::try_from(length).ok().filter(|length| *length > 0 && !bytes.is_null()) else {
        return 0;
    };
    // SAFETY: OpenSSL has so many bytes there, for this call.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length) };
    let done = below.socket.write(bytes);
    below.tell(bio, BIO_FLAGS_WRITE, done)
}

/// Nothing is kept here that would have to be flushed; all other questions are answered with no.
extern "C" fn control(_: *mut BIO, what: c_int, _: c_long, _: *mut c_void) -> c_long {
    c_long::from(what == BIO_CTRL_FLUSH)
}

impl<S> Below<S> {
    /// What OpenSSL is to think of it.
    fn tell(&mut self, bio: *mut BIO, direction: c_int, done: io::Result<usize>) -> c_int {
        // SAFETY: OpenSSL has called with this BIO, so it is alive.
        unsafe { (self.crypto.BIO_clear_flags)(bio, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY) };
        match done {
            Ok(length) => c_int::try_from(length).unwrap_or(c_int::MAX),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // SAFETY: as above.
                unsafe { (self.crypto.BIO_set_flags)(bio, direction | BIO_FLAGS_SHOULD_RETRY) };
                -1
            }
            Err(error) => {
                self.error = Some(error);
                -1
            }
        }
    }
}
