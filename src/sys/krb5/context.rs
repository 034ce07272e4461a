//! krb5.conf as it is now, and the names of principals.

use super::error::Krb5Error;
use super::functions::{_krb5_context, KRB5_NT_SRV_HST, Krb5, krb5_principal_data};
use super::library::krb5;
use super::profile::Profile;
use std::ffi::{CStr, CString, c_int};
use std::ptr::{NonNull, null, null_mut};

/// What the library knows of Kerberos here: krb5.conf, or what `KRB5_CONFIG` names, as it is when this is made.
pub struct Context {
    pub(super) krb5: &'static Krb5,
    pointer: NonNull<_krb5_context>,
}

impl Context {
    /// Maps the library if it is not there yet, and reads krb5.conf. Tickets come by passwords and keys only: not by PKINIT.
    ///
    /// # Errors
    /// When the library is not installed, or krb5.conf cannot be read.
    pub fn new() -> Result<Self, Krb5Error> {
        let krb5 = krb5()?;
        let profile = Profile::read(krb5)?;
        let mut pointer = null_mut();
        // SAFETY: the profile is alive, and there is room for a pointer.
        let code = unsafe { (krb5.krb5_init_context_profile)(profile.as_ptr(), 0, &raw mut pointer) };
        match NonNull::new(pointer).filter(|_| code == 0) {
            Some(pointer) => Ok(Self { krb5, pointer }),
            None => Err(Krb5Error::take(krb5, null_mut(), "krb5_init_context_profile", code)),
        }
    }

    pub(super) fn as_ptr(&self) -> *mut _krb5_context {
        self.pointer.as_ptr()
    }

    /// For functions that give 0 when they succeed.
    pub(super) fn check(&self, step: &'static str, code: c_int) -> Result<(), Krb5Error> {
        if code == 0 { Ok(()) } else { Err(Krb5Error::take(self.krb5, self.as_ptr(), step, code)) }
    }

    /// For functions that make something as well.
    pub(super) fn made<T>(
        &self,
        step: &'static str,
        code: c_int,
        object: *mut T,
    ) -> Result<NonNull<T>, Krb5Error> {
        self.check(step, code)?;
        NonNull::new(object).ok_or_else(|| Krb5Error::take(self.krb5, self.as_ptr(), step, libc::EINVAL))
    }

    /// The realm of names that have none.
    ///
    /// # Errors
    /// When krb5.conf names none, and no name server either, where it says that these may be asked.
    pub fn default_realm(&self) -> Result<Vec<u8>, Krb5Error> {
        let mut realm = null_mut();
        // SAFETY: the context is alive, and there is room for a pointer.
        let code = unsafe { (self.krb5.krb5_get_default_realm)(self.as_ptr(), &raw mut realm) };
        let realm = self.made("krb5_get_default_realm", code, realm)?;
        // SAFETY: it is a C string, which is copied before it is freed.
        let copy = unsafe { CStr::from_ptr(realm.as_ptr()) }.to_bytes().to_vec();
        // SAFETY: it is that function's, and is not used again.
        unsafe { (self.krb5.krb5_free_default_realm)(self.as_ptr(), realm.as_ptr()) };
        Ok(copy)
    }

    /// The default realm as krb5.conf names it: nobody is asked, as [`Self::default_realm`] may ask name servers.
    pub fn written_default_realm(&self) -> Option<Vec<u8>> {
        let realm = self.profile().ok()?.value(c"libdefaults", c"default_realm")?;
        Some(realm).filter(|realm| !realm.is_empty())
    }

    /// The realms that krb5.conf has a part about, in `[realms]`.
    ///
    /// # Errors
    /// When the library has no memory.
    pub fn configured_realms(&self) -> Result<Vec<Vec<u8>>, Krb5Error> {
        Ok(self.profile()?.subsections(c"realms"))
    }

    fn profile(&self) -> Result<Profile, Krb5Error> {
        let mut profile = null_mut();
        // SAFETY: the context is alive, and there is room for a pointer.
        let code = unsafe { (self.krb5.krb5_get_profile)(self.as_ptr(), &raw mut profile) };
        self.check("krb5_get_profile", code)?;
        Profile::of(self.krb5, code, profile)
    }

    /// The principal of a name in the library's writing, `primary/instance@REALM`.
    ///
    /// # Errors
    /// When it is no name.
    pub fn principal(&self, name: &[u8]) -> Result<Principal<'_>, Krb5Error> {
        let step = "krb5_parse_name";
        let name = CString::new(name).map_err(|_| Krb5Error::malformed(step))?;
        let mut pointer = null_mut();
        // SAFETY: the context is alive, the name ends in NUL, and there is room for a pointer.
        let code = unsafe { (self.krb5.krb5_parse_name)(self.as_ptr(), name.as_ptr(), &raw mut pointer) };
        Ok(Principal { pointer: self.made(step, code, pointer)?, context: self })
    }

    /// The principal of a service on a host, without one on this. The name of the host is made canonical by name servers
    /// as krb5.conf says, and so is its realm found.
    ///
    /// # Errors
    /// When this host has no name, or the library no memory.
    pub fn service_principal(&self, service: &[u8], host: Option<&[u8]>) -> Result<Principal<'_>, Krb5Error> {
        let step = "krb5_sname_to_principal";
        let malformed = |_| Krb5Error::malformed(step);
        let service = CString::new(service).map_err(malformed)?;
        let host = host.map(CString::new).transpose().map_err(malformed)?;
        let host = host.as_ref().map_or(null(), |host| host.as_ptr());
        let mut pointer = null_mut();
        // SAFETY: the context is alive, the names end in NUL or are null, and there is room for a pointer.
        let code = unsafe {
            let service = service.as_ptr();
            (self.krb5.krb5_sname_to_principal)(
                self.as_ptr(),
                host,
                service,
                KRB5_NT_SRV_HST,
                &raw mut pointer,
            )
        };
        Ok(Principal { pointer: self.made(step, code, pointer)?, context: self })
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: it is owned here, and not used again: what is made of it borrows it.
        unsafe { (self.krb5.krb5_free_context)(self.as_ptr()) };
    }
}

/// A user or service of a realm.
pub struct Principal<'a> {
    pub(super) pointer: NonNull<krb5_principal_data>,
    context: &'a Context,
}

impl Principal<'_> {
    /// Its whole name with the realm, which is missing where only the server of the user's realm can tell it.
    pub fn name(&self) -> String {
        let (krb5, context) = (self.context.krb5, self.context.as_ptr());
        let mut name = null_mut();
        // SAFETY: both are alive, and there is room for a pointer.
        let code = unsafe { (krb5.krb5_unparse_name)(context, self.pointer.as_ptr(), &raw mut name) };
        let Some(name) = NonNull::new(name).filter(|_| code == 0) else { return String::new() };
        // SAFETY: it is a C string, which is copied before it is freed.
        let copy = unsafe { CStr::from_ptr(name.as_ptr()) }.to_string_lossy().into_owned();
        // SAFETY: it is that function's, and is not used again.
        unsafe { (krb5.krb5_free_unparsed_name)(context, name.as_ptr()) };
        copy
    }
}

impl Drop for Principal<'_> {
    fn drop(&mut self) {
        // SAFETY: it is owned here, and not used again; its context is alive.
        unsafe { (self.context.krb5.krb5_free_principal)(self.context.as_ptr(), self.pointer.as_ptr()) };
    }
}
