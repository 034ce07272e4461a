//! PAM through the raw bindings of `pam::ffi`.
//!
//! The high-level functions of the `pam` crate are not used: `pam::start` passes a dangling pointer, `pam::get_item`
//! panics on an unset item, and its client can neither set PAM_RHOST nor leave a prompt unanswered.

mod conversation;

use conversation::{Conversation, converse, owe_delay, refuse_to_converse};
use pam::ffi::{self, pam_conv, pam_handle_t};
use std::ffi::{CStr, c_int, c_void};
use std::fmt;
use std::ptr::{NonNull, null, null_mut};
use std::time::Duration;

/// A return code of PAM other than PAM_SUCCESS; `Display` gives libpam's words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PamCode(pub c_int);

impl fmt::Display for PamCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: Linux-PAM does not use the handle, and returns static strings for every number.
        let text = unsafe { ffi::pam_strerror(null_mut(), self.0) };
        if text.is_null() {
            return write!(formatter, "PAM error {}", self.0);
        }
        // SAFETY: not null, so a static C string.
        formatter.write_str(&unsafe { CStr::from_ptr(text) }.to_string_lossy())
    }
}

/// One login under way.
pub struct Transaction {
    handle: NonNull<pam_handle_t>,
    /// From `Box::into_raw`. Always used through this pointer and shared references: libpam holds it as well, and
    /// the callbacks reach it in the middle of the calls below.
    conversation: NonNull<Conversation>,
    /// What the last call returned, for the modules' clean-up functions.
    status: c_int,
}

impl Transaction {
    /// Reads the service's file in /etc/pam.d and maps its modules.
    ///
    /// The password is what every prompt without echo will be answered with. PAM's delay after a failure is not
    /// slept but recorded, see [`delay_owed`](Self::delay_owed). Fails with PAM_BUF_ERR when the password holds a NUL.
    pub fn start(service: &CStr, login: &CStr, password: &[u8]) -> Result<Self, PamCode> {
        let conversation = Conversation::new(login, password).ok_or(PamCode(ffi::PAM_BUF_ERR))?;
        let conversation = NonNull::from(Box::leak(Box::new(conversation)));
        let callbacks = pam_conv { conv: Some(converse), appdata_ptr: conversation.as_ptr().cast() };
        // SAFETY: `appdata_ptr` is the conversation, which `converse` asks for; it is freed in `drop` after pam_end.
        match unsafe { start(service, Some(login), &callbacks) } {
            Ok(handle) => Self { handle, conversation, status: ffi::PAM_SUCCESS }.with_recorded_delay(),
            Err(code) => {
                // SAFETY: leaked above, and there is no handle that could use it.
                drop(unsafe { Box::from_raw(conversation.as_ptr()) });
                Err(code)
            }
        }
    }

    /// Tells the modules the address from which the login comes (PAM_RHOST).
    pub fn set_remote_host(&mut self, address: &CStr) -> Result<(), PamCode> {
        self.set_item(ffi::PAM_RHOST, address.as_ptr().cast())
    }

    /// `pam_authenticate`: is this the right password?
    pub fn authenticate(&mut self) -> Result<(), PamCode> {
        // SAFETY: the handle is open, and no reference to the conversation other than shared ones exists meanwhile.
        self.status = unsafe { ffi::pam_authenticate(self.handle.as_ptr(), ffi::PAM_SILENT) };
        success(self.status)
    }

    /// `pam_acct_mgmt`: may this account log in now?
    pub fn check_account(&mut self) -> Result<(), PamCode> {
        // SAFETY: as for `authenticate`.
        self.status = unsafe { ffi::pam_acct_mgmt(self.handle.as_ptr(), ffi::PAM_SILENT) };
        success(self.status)
    }

    /// PAM_USER as the modules left it; `None` when they unset it.
    pub fn login(&self) -> Option<Vec<u8>> {
        // SAFETY: the handle is open.
        let login = unsafe { string_item(self.handle, ffi::PAM_USER) }?;
        // SAFETY: a C string of libpam's that stays until the next call with this handle, and it is copied at once.
        Some(unsafe { CStr::from_ptr(login.as_ptr()) }.to_bytes().to_vec())
    }

    /// What the last of `authenticate` and `check_account` returned, if it failed.
    pub fn last_failure(&self) -> Option<PamCode> {
        success(self.status).err()
    }

    /// For how long PAM would have slept after the failure.
    pub fn delay_owed(&self) -> Duration {
        // SAFETY: allocated in `start`, freed in `drop`, and only shared references to it are ever made.
        unsafe { self.conversation.as_ref() }.delay_owed()
    }

    fn with_recorded_delay(mut self) -> Result<Self, PamCode> {
        // SAFETY: set in `start`; a Cell behind a shared reference.
        unsafe { self.conversation.as_ref() }.set_handle(self.handle);
        let function: unsafe extern "C" fn(c_int, libc::c_uint, *mut c_void) = owe_delay;
        self.set_item(ffi::PAM_FAIL_DELAY, function as *const c_void)?;
        Ok(self)
    }

    fn set_item(&mut self, item: c_int, value: *const c_void) -> Result<(), PamCode> {
        // SAFETY: the handle is open; `value` is what pam_set_item(3) asks for `item`: a C string that it copies, or
        // a function of the type in pam_fail_delay(3).
        success(unsafe { ffi::pam_set_item(self.handle.as_ptr(), item, value) })
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // SAFETY: the handle is open and not used again; libpam wipes its copy of the password.
        unsafe { ffi::pam_end(self.handle.as_ptr(), self.status) };
        // SAFETY: leaked in `start`; after pam_end nobody else has the pointer.
        drop(unsafe { Box::from_raw(self.conversation.as_ptr()) });
    }
}

/// A handle for no login, held open only so that a service's modules stay mapped.
///
/// libpam unmaps the modules with the last handle that uses them; mapping them anew for each login was 90 % of what
/// a login with pam_permit costs.
pub struct IdleHandle(NonNull<pam_handle_t>);

impl IdleHandle {
    /// Opens a handle for `service` with no user; nothing is ever asked of its modules.
    pub fn open(service: &CStr) -> Result<Self, PamCode> {
        let callbacks = pam_conv { conv: Some(refuse_to_converse), appdata_ptr: null_mut() };
        // SAFETY: `appdata_ptr` is null, and `refuse_to_converse` does not use it.
        unsafe { start(service, None, &callbacks) }.map(Self)
    }
}

impl Drop for IdleHandle {
    fn drop(&mut self) {
        // SAFETY: the handle is open and not used again.
        unsafe { ffi::pam_end(self.0.as_ptr(), ffi::PAM_SUCCESS) };
    }
}

/// pam_start; libpam copies all that it is given.
///
/// # Safety
/// `callbacks.appdata_ptr` must be what `callbacks.conv` asks for, until the handle is ended.
unsafe fn start(
    service: &CStr,
    login: Option<&CStr>,
    callbacks: &pam_conv,
) -> Result<NonNull<pam_handle_t>, PamCode> {
    let login = login.map_or(null(), CStr::as_ptr);
    let mut handle = null_mut();
    // SAFETY: the strings end in NUL (or `login` is null, which is allowed), and all arguments outlive the call. What
    // libpam keeps of them, the function and its appdata, stays valid by this function's contract.
    success(unsafe { ffi::pam_start(service.as_ptr(), login, callbacks, &mut handle) })?;
    NonNull::new(handle).ok_or(PamCode(ffi::PAM_SYSTEM_ERR))
}

/// A string item of a handle, `None` when it is unset.
///
/// # Safety
/// `handle` must be open, and `item` one whose value is a string.
unsafe fn string_item(handle: NonNull<pam_handle_t>, item: c_int) -> Option<NonNull<libc::c_char>> {
    let mut value = null();
    // SAFETY: `handle` is open by this function's contract, and `value` is writable.
    let status = unsafe { ffi::pam_get_item(handle.as_ptr(), item, &mut value) };
    success(status).ok()?;
    NonNull::new(value.cast::<libc::c_char>().cast_mut())
}

fn success(status: c_int) -> Result<(), PamCode> {
    if status == ffi::PAM_SUCCESS { Ok(()) } else { Err(PamCode(status)) }
}
