//! What a Kerberos server gives for a password, and whether it is the right server that has given it.

use super::context::{Context, Principal};
use super::error::Krb5Error;
use super::functions::{krb5_creds, krb5_verify_init_creds_opt};
use super::keytab::Keytab;
use crate::secret::{Secret, wipe_stack};
use crate::sys::terminated::Terminated;
use std::ptr::{null, null_mut};

/// The ticket that a principal gets for its password. It is in memory only, and in no cache of the library.
pub struct Ticket<'a> {
    credentials: Box<krb5_creds>,
    context: &'a Context,
}

impl Context {
    /// Asks a server of the principal's realm for a ticket that the password opens. Nobody is prompted: a password that has
    /// to be changed first is refused.
    ///
    /// # Errors
    /// When no server can be asked, or it has refused. What it says is not proved to be of the right server.
    pub fn ticket(&self, client: &Principal<'_>, password: &Secret) -> Result<Ticket<'_>, Krb5Error> {
        let step = "krb5_get_init_creds_password";
        let password = Terminated::copy_of(password.as_bytes()).ok_or_else(|| Krb5Error::malformed(step))?;
        let mut ticket = Ticket { credentials: Box::new(krb5_creds::zeroed()), context: self };
        // SAFETY: context and principal are alive, the password ends in NUL, and there is room for what is filled in. The
        // other pointers may be null: no prompter, so nothing for it, a ticket for the server itself, and no options.
        let code = unsafe {
            let (client, password) = (client.pointer.as_ptr(), password.as_c_str().as_ptr());
            let room = &raw mut *ticket.credentials;
            let (context, ask) = (self.as_ptr(), self.krb5.krb5_get_init_creds_password);
            ask(context, room, client, password, None, null_mut(), 0, null(), null_mut())
        };
        wipe_stack();
        self.check(step, code).map(|()| ticket)
    }
}

impl Context {
    /// Asks a server of the principal's realm for a ticket that the principal's key in the keytab opens.
    ///
    /// # Errors
    /// When there is no such key, no server can be asked, or it has refused.
    pub fn ticket_by_key(
        &self,
        client: &Principal<'_>,
        keytab: &Keytab<'_>,
    ) -> Result<Ticket<'_>, Krb5Error> {
        let mut ticket = Ticket { credentials: Box::new(krb5_creds::zeroed()), context: self };
        // SAFETY: context, principal and keytab are alive, and there is room for what is filled in. The other pointers may be
        // null: a ticket for the server itself, and no options.
        let code = unsafe {
            let (client, keytab) = (client.pointer.as_ptr(), keytab.pointer.as_ptr());
            let room = &raw mut *ticket.credentials;
            let ask = self.krb5.krb5_get_init_creds_keytab;
            ask(self.as_ptr(), room, client, keytab, 0, null(), null_mut())
        };
        self.check("krb5_get_init_creds_keytab", code).map(|()| ticket)
    }
}

impl Ticket<'_> {
    /// Asks for a ticket for this host's service and opens it with the key that the host shares with its own server: so the
    /// server that gave the first one was that, and no other that wants a password accepted.
    ///
    /// # Errors
    /// When the keytab cannot be read, has no such key, or the server is another one or cannot be asked.
    pub fn verify(&mut self, server: &Principal<'_>, keytab: &Keytab<'_>) -> Result<(), Krb5Error> {
        let krb5 = self.context.krb5;
        let mut options = krb5_verify_init_creds_opt::zeroed();
        // SAFETY: there is room for the options. Without a key it must fail, which is not the library's default.
        unsafe {
            (krb5.krb5_verify_init_creds_opt_init)(&raw mut options);
            (krb5.krb5_verify_init_creds_opt_set_ap_req_nofail)(&raw mut options, 1);
        }
        // SAFETY: all are alive; without a cache the tickets are nowhere else.
        let code = unsafe {
            let ticket = &raw mut *self.credentials;
            let (server, keytab) = (server.pointer.as_ptr(), keytab.pointer.as_ptr());
            let verify = krb5.krb5_verify_init_creds;
            verify(self.context.as_ptr(), ticket, server, keytab, null_mut(), &raw mut options)
        };
        self.context.check("krb5_verify_init_creds", code)
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        // SAFETY: it is all zeros or has been filled, and is not used again. The library wipes the key in it.
        unsafe {
            let credentials = &raw mut *self.credentials;
            (self.context.krb5.krb5_free_cred_contents)(self.context.as_ptr(), credentials);
        }
    }
}
