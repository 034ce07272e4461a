//! The functions that libpam calls back: questions of the modules, and the delay after a failure.
//!
//! Nothing here may panic; should it all the same, an `extern "C"` function ends the process instead of unwinding
//! into C, and the worker is replaced.

use super::string_item;
use crate::sys::terminated::Terminated;
use pam::ffi::{self, pam_handle_t, pam_message, pam_response};
use std::cell::Cell;
use std::ffi::{CStr, CString, c_int, c_uint, c_void};
use std::ptr::NonNull;
use std::time::Duration;

/// What libpam asks with when PAM_USER_PROMPT is unset.
const DEFAULT_PROMPT: &CStr = c"login:";

/// What the callbacks know. They get it as a shared reference, hence the cells.
pub(super) struct Conversation {
    login: CString,
    password: Terminated,
    handle: Cell<Option<NonNull<pam_handle_t>>>,
    microseconds_owed: Cell<c_uint>,
}

impl Conversation {
    /// `None` when the password holds a NUL.
    pub(super) fn new(login: &CStr, password: &[u8]) -> Option<Self> {
        Some(Self {
            login: login.to_owned(),
            password: Terminated::copy_of(password)?,
            handle: Cell::new(None),
            microseconds_owed: Cell::new(0),
        })
    }

    /// The handle of which PAM_USER_PROMPT is read.
    pub(super) fn set_handle(&self, handle: NonNull<pam_handle_t>) {
        self.handle.set(Some(handle));
    }

    /// What [`owe_delay`] recorded.
    pub(super) fn delay_owed(&self) -> Duration {
        Duration::from_micros(self.microseconds_owed.get().into())
    }

    /// The answer to one message; the error is a style that has none.
    ///
    /// As in the C daemon: whatever is asked without echo is taken for the password, what is asked with echo is the
    /// login only if it is asked for with PAM_USER_PROMPT (which a module may change at any time), and remarks are
    /// ignored.
    fn answer(&self, style: c_int, text: &CStr) -> Result<Option<&CStr>, ()> {
        match style {
            ffi::PAM_PROMPT_ECHO_OFF => Ok(Some(self.password.as_c_str())),
            ffi::PAM_PROMPT_ECHO_ON => Ok(self.is_login_prompt(text).then_some(self.login.as_c_str())),
            ffi::PAM_ERROR_MSG | ffi::PAM_TEXT_INFO => Ok(None),
            _ => Err(()),
        }
    }

    fn is_login_prompt(&self, text: &CStr) -> bool {
        // SAFETY: a handle that is set stays open for as long as libpam can call back.
        let prompt =
            self.handle.get().and_then(|handle| unsafe { string_item(handle, ffi::PAM_USER_PROMPT) });
        // SAFETY: a C string of libpam's that stays until the next call with this handle.
        text == prompt.map_or(DEFAULT_PROMPT, |prompt| unsafe { CStr::from_ptr(prompt.as_ptr()) })
    }
}

/// The conversation function of a login, as in pam_conv(3).
///
/// # Safety
/// Only for libpam, with `appdata` from a live [`Conversation`].
pub(super) unsafe extern "C" fn converse(
    count: c_int,
    messages: *mut *const pam_message,
    responses: *mut *mut pam_response,
    appdata: *mut c_void,
) -> c_int {
    // SAFETY: `appdata` is the conversation's pointer, to which only shared references are ever made.
    let conversation = unsafe { appdata.cast::<Conversation>().as_ref() };
    let Some(conversation) = conversation else { return ffi::PAM_CONV_ERR };
    if messages.is_null() || responses.is_null() {
        return ffi::PAM_CONV_ERR;
    }
    let Some(mut answers) = Answers::for_messages(count) else { return ffi::PAM_CONV_ERR };
    for index in 0..answers.count {
        // SAFETY: libpam passes an array of `count` pointers to messages, and `index` is below `count`.
        let answered = unsafe { answer_one(conversation, *messages.add(index), &mut answers, index) };
        if answered.is_err() {
            return ffi::PAM_CONV_ERR;
        }
    }
    // SAFETY: not null, and libpam's to be written to; it frees the answers.
    unsafe { *responses = answers.give_away() };
    ffi::PAM_SUCCESS
}

/// The conversation function of a handle that is only held open: no module has a reason to ask.
///
/// # Safety
/// None of the arguments is used.
pub(super) unsafe extern "C" fn refuse_to_converse(
    _count: c_int,
    _messages: *mut *const pam_message,
    _responses: *mut *mut pam_response,
    _appdata: *mut c_void,
) -> c_int {
    ffi::PAM_CONV_ERR
}

/// Called by libpam at the end of pam_authenticate instead of sleeping, see pam_fail_delay(3).
///
/// # Safety
/// Only for libpam, with `appdata` from a live [`Conversation`].
pub(super) unsafe extern "C" fn owe_delay(status: c_int, microseconds: c_uint, appdata: *mut c_void) {
    // SAFETY: as in `converse`.
    let conversation = unsafe { appdata.cast::<Conversation>().as_ref() };
    if let Some(conversation) = conversation {
        // It is called after a success too, with a delay that libpam would not sleep.
        conversation.microseconds_owed.set(if status == ffi::PAM_SUCCESS { 0 } else { microseconds });
    }
}

/// Answers the message at `message` into `answers`.
///
/// # Safety
/// `message` must be null or point to a message whose text is null or a C string.
unsafe fn answer_one(
    conversation: &Conversation,
    message: *const pam_message,
    answers: &mut Answers,
    index: usize,
) -> Result<(), ()> {
    // SAFETY: null or a message, by this function's contract.
    let message = unsafe { message.as_ref() }.ok_or(())?;
    // SAFETY: not null, so a C string by this function's contract.
    let text = if message.msg.is_null() { c"" } else { unsafe { CStr::from_ptr(message.msg) } };
    match conversation.answer(message.msg_style, text)? {
        Some(answer) => answers.set(index, answer),
        None => Ok(()),
    }
}

/// The array of answers. It is allocated with calloc because libpam and the modules free it; until it is given away
/// it is wiped and freed here.
struct Answers {
    array: NonNull<pam_response>,
    count: usize,
}

impl Answers {
    /// Room for the answers to `count` messages, all of them NULL; `None` outside of 1..=PAM_MAX_NUM_MSG.
    fn for_messages(count: c_int) -> Option<Self> {
        if !(1..=ffi::PAM_MAX_NUM_MSG).contains(&count) {
            return None;
        }
        let count = usize::try_from(count).ok()?;
        // SAFETY: calloc has no preconditions; null is checked for.
        let array = unsafe { libc::calloc(count, size_of::<pam_response>()) };
        // All zeros is a valid response: no text, return code 0.
        Some(Self { array: NonNull::new(array.cast())?, count })
    }

    /// Answers with a copy of `answer`; the error is an index that is out of range, or no memory.
    fn set(&mut self, index: usize, answer: &CStr) -> Result<(), ()> {
        let response = self.responses().get_mut(index).ok_or(())?;
        // SAFETY: `answer` ends in NUL; null is checked for below.
        let copy = unsafe { libc::strdup(answer.as_ptr()) };
        if copy.is_null() {
            return Err(());
        }
        response.resp = copy;
        Ok(())
    }

    fn give_away(self) -> *mut pam_response {
        std::mem::ManuallyDrop::new(self).array.as_ptr()
    }

    fn responses(&mut self) -> &mut [pam_response] {
        // SAFETY: calloc made room for `count` responses, which are initialised and nobody else's yet.
        unsafe { std::slice::from_raw_parts_mut(self.array.as_ptr(), self.count) }
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        for response in self.responses().iter().filter(|response| !response.resp.is_null()) {
            // SAFETY: from strdup in `set`, so `strlen` bytes are writable and nobody else's, and freed once.
            unsafe {
                libc::explicit_bzero(response.resp.cast(), libc::strlen(response.resp));
                libc::free(response.resp.cast());
            }
        }
        // SAFETY: from calloc, freed once.
        unsafe { libc::free(self.array.as_ptr().cast()) };
    }
}

#[cfg(test)]
#[path = "conversation_tests.rs"]
mod tests;
