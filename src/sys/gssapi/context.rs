//! The client's side of a login.

use super::buffer::Buffer;
use super::credential::Credential;
use super::error::GssapiError;
use super::functions::{
    GSS_C_CONF_FLAG, GSS_C_INTEG_FLAG, GSS_C_MUTUAL_FLAG, GSS_C_QOP_DEFAULT, GSS_C_SEQUENCE_FLAG,
    GSS_S_COMPLETE, GSS_S_CONTINUE_NEEDED, Gssapi, KERBEROS_5, SASL_SSF, gss_OID_desc, gss_buffer_desc,
    gss_ctx_id_t,
};
use super::library::gssapi;
use super::owned::{BufferSet, Name};
use crate::secret::Secret;
use std::ffi::c_int;
use std::ptr::null_mut;

/// What a login needs: the server proves itself too, and messages cannot be changed, left out or sent twice.
const WANTED: u32 = GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG | GSS_C_SEQUENCE_FLAG;

/// How strong encryption is said to be where the library does not tell, which MIT's does since 1.16: as libsasl has it.
const LEAST_STRENGTH: u32 = 56;

/// One login at a service, from its first token on.
pub struct Context {
    gssapi: &'static Gssapi,
    context: gss_ctx_id_t,
    service: Name,
    credential: Credential,
    /// What was asked for, and when both sides have proved who they are what was got.
    flags: u32,
    is_established: bool,
}

/// What the other side has sent, opened.
pub struct Unwrapped {
    /// What it says.
    pub message: Secret,
    /// Whether it was encrypted, not just signed.
    pub is_encrypted: bool,
}

impl Context {
    /// Nothing said yet to `service`, which is `name@host`, or `name` for this machine's own. `encrypts`: encryption is wanted too.
    ///
    /// # Errors
    /// When the library is not there or the name is none.
    pub fn new(credential: Credential, service: &str, encrypts: bool) -> Result<Self, GssapiError> {
        let gssapi = gssapi()?;
        let service = Name::of_service(gssapi, service)?;
        let flags = if encrypts { WANTED | GSS_C_CONF_FLAG } else { WANTED };
        Ok(Self { gssapi, context: null_mut(), service, credential, flags, is_established: false })
    }

    /// Whether both sides have proved who they are.
    pub fn is_established(&self) -> bool {
        self.is_established
    }

    /// Takes the server's token, which is empty at first, and gives the next one for it: empty if there is none. It may ask a
    /// KDC, and blocks for as long as that takes.
    ///
    /// # Errors
    /// What the library or the KDC says; the context is of no use then.
    pub fn step(&mut self, token: &[u8]) -> Result<Secret, GssapiError> {
        let (mut minor, mut flags) = (0, 0);
        let mut mechanism = gss_OID_desc::of(KERBEROS_5);
        let mut input = gss_buffer_desc::of(token);
        let (mut output, mut bytes) = (Buffer::new(self.gssapi), gss_buffer_desc::empty());
        // SAFETY: credential, context and name are this library's and live as long as this; all other pointers are to values
        // that outlive the call, or null where the interface allows it.
        let major = unsafe {
            (self.gssapi.gss_init_sec_context)(
                &mut minor,
                self.credential.as_ptr(),
                &mut self.context,
                self.service.as_ptr(),
                &mut mechanism,
                self.flags,
                0,
                null_mut(),
                &mut input,
                null_mut(),
                &mut bytes,
                &mut flags,
                null_mut(),
            )
        };
        output.hold(bytes);
        match major {
            GSS_S_COMPLETE if flags & WANTED == WANTED => {
                self.flags &= flags;
                self.is_established = true;
            }
            GSS_S_COMPLETE => {
                let what = "the server does not prove who it is, or does not protect what is said";
                return Err(GssapiError::Failed(what.to_owned()));
            }
            GSS_S_CONTINUE_NEEDED => {}
            _ => return Err(GssapiError::of(self.gssapi, major, minor)),
        }
        Ok(Secret::copy_of(output.as_bytes()))
    }

    /// Opens what the server has signed or encrypted.
    ///
    /// # Errors
    /// When it is not the server's, or has come before, too late or too early.
    pub fn unwrap_message(&mut self, message: &[u8]) -> Result<Unwrapped, GssapiError> {
        let (mut minor, mut is_encrypted, mut quality) = (0, 0, 0);
        let mut input = gss_buffer_desc::of(message);
        let (mut output, mut bytes) = (Buffer::new(self.gssapi), gss_buffer_desc::empty());
        // SAFETY: the context is this library's, and a null one is an error; all other pointers are to values that outlive the
        // call.
        let major = unsafe {
            (self.gssapi.gss_unwrap)(
                &mut minor,
                self.context,
                &mut input,
                &mut bytes,
                &mut is_encrypted,
                &mut quality,
            )
        };
        output.hold(bytes);
        match major {
            GSS_S_COMPLETE => {
                let message = Secret::copy_of(output.as_bytes());
                Ok(Unwrapped { message, is_encrypted: is_encrypted != 0 })
            }
            _ => Err(GssapiError::of(self.gssapi, major, minor)),
        }
    }

    /// Signs what goes to the server, and encrypts it too if `encrypts`.
    ///
    /// # Errors
    /// When there is no context yet, or it does not encrypt.
    pub fn wrap_message(&mut self, message: &[u8], encrypts: bool) -> Result<Secret, GssapiError> {
        let (mut minor, mut is_encrypted) = (0, 0);
        let mut input = gss_buffer_desc::of(message);
        let (mut output, mut bytes) = (Buffer::new(self.gssapi), gss_buffer_desc::empty());
        // SAFETY: as in `unwrap_message`.
        let major = unsafe {
            (self.gssapi.gss_wrap)(
                &mut minor,
                self.context,
                c_int::from(encrypts),
                GSS_C_QOP_DEFAULT,
                &mut input,
                &mut is_encrypted,
                &mut bytes,
            )
        };
        output.hold(bytes);
        match major {
            GSS_S_COMPLETE if encrypts && is_encrypted == 0 => {
                Err(GssapiError::Failed("what goes to the server cannot be encrypted".to_owned()))
            }
            GSS_S_COMPLETE => Ok(Secret::copy_of(output.as_bytes())),
            _ => Err(GssapiError::of(self.gssapi, major, minor)),
        }
    }

    /// How many bytes a message may have that is no longer than `most` when it is wrapped. It may be none.
    ///
    /// # Errors
    /// When there is no context yet.
    pub fn most_plain(&self, most: u32, encrypts: bool) -> Result<u32, GssapiError> {
        let (mut minor, mut plain) = (0, 0);
        // SAFETY: as in `unwrap_message`.
        let major = unsafe {
            (self.gssapi.gss_wrap_size_limit)(
                &mut minor,
                self.context,
                c_int::from(encrypts),
                GSS_C_QOP_DEFAULT,
                most,
                &mut plain,
            )
        };
        match major {
            GSS_S_COMPLETE => Ok(plain),
            _ => Err(GssapiError::of(self.gssapi, major, minor)),
        }
    }

    /// How strong the encryption is, as libsasl counts it (its SSF): about the bits of the key. 0 where there is none.
    pub fn strength(&self) -> u32 {
        if !self.is_established || self.flags & GSS_C_CONF_FLAG == 0 {
            return 0;
        }
        let (mut minor, mut question) = (0, gss_OID_desc::of(SASL_SSF));
        let mut answers = BufferSet::new(self.gssapi);
        // SAFETY: the context is this library's and established; all other pointers are to values that outlive the call.
        let major = unsafe {
            (self.gssapi.gss_inquire_sec_context_by_oid)(
                &mut minor,
                self.context,
                &mut question,
                answers.as_mut_ptr(),
            )
        };
        let answer = if major == GSS_S_COMPLETE { answers.first() } else { &[] };
        answer.try_into().map_or(LEAST_STRENGTH, u32::from_be_bytes)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: it is this library's, or null, which is fine too; a token for the other side is not wanted.
        unsafe { (self.gssapi.gss_delete_sec_context)(&mut minor, &mut self.context, null_mut()) };
    }
}
