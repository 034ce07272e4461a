#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use std::ptr::null_mut;

fn conversation() -> Conversation {
    Conversation::new(c"anna", "s3cret Pä\u{df}".as_bytes()).unwrap()
}

/// Calls `converse` as libpam does and takes the answers over as a module does.
fn ask(
    conversation: &Conversation,
    questions: &[(c_int, Option<&CStr>)],
) -> Result<Vec<Option<Vec<u8>>>, c_int> {
    let messages: Vec<pam_message> = questions
        .iter()
        .map(|(style, text)| pam_message {
            msg_style: *style,
            msg: text.map_or(std::ptr::null(), CStr::as_ptr),
        })
        .collect();
    let mut pointers: Vec<*const pam_message> = messages.iter().map(std::ptr::from_ref).collect();
    let mut responses = null_mut();
    let appdata = std::ptr::from_ref(conversation).cast_mut().cast();
    let count = c_int::try_from(questions.len()).unwrap();
    // SAFETY: the arguments are what pam_conv(3) describes.
    let status = unsafe { converse(count, pointers.as_mut_ptr(), &mut responses, appdata) };
    if status != ffi::PAM_SUCCESS {
        assert!(responses.is_null(), "answers were left behind by a failure");
        return Err(status);
    }
    let answers = Answers { array: NonNull::new(responses).unwrap(), count: questions.len() };
    let mut answers = answers;
    Ok(answers
        .responses()
        .iter()
        .map(|response| {
            assert_eq!(response.resp_retcode, 0);
            // SAFETY: null or a C string.
            (!response.resp.is_null()).then(|| unsafe { CStr::from_ptr(response.resp) }.to_bytes().to_vec())
        })
        .collect())
}

#[test]
fn whatever_is_asked_without_echo_is_answered_with_the_password() {
    let conversation = conversation();
    for prompt in [c"Password: ", c"login:", c"One-time code: "] {
        let answers = ask(&conversation, &[(ffi::PAM_PROMPT_ECHO_OFF, Some(prompt))]).unwrap();
        assert_eq!(answers, [Some("s3cret Pä\u{df}".into())]);
    }
}

#[test]
fn a_question_with_echo_gets_the_login_only_when_it_is_the_login_prompt() {
    let conversation = conversation();
    for (prompt, answer) in [
        (Some(c"login:"), Some(b"anna".to_vec())),
        (Some(c"login: "), None),
        (Some(c"Token: "), None),
        (Some(c""), None),
        (None, None),
    ] {
        assert_eq!(ask(&conversation, &[(ffi::PAM_PROMPT_ECHO_ON, prompt)]).unwrap(), [answer], "{prompt:?}");
    }
}

#[test]
fn remarks_are_ignored_and_every_message_has_its_own_answer() {
    let answers = ask(
        &conversation(),
        &[
            (ffi::PAM_TEXT_INFO, Some(c"Welcome")),
            (ffi::PAM_PROMPT_ECHO_ON, Some(c"login:")),
            (ffi::PAM_ERROR_MSG, None),
            (ffi::PAM_PROMPT_ECHO_OFF, Some(c"Password: ")),
        ],
    );
    assert_eq!(answers.unwrap(), [None, Some(b"anna".to_vec()), None, Some("s3cret Pä\u{df}".into())]);
}

#[test]
fn a_style_that_cannot_be_answered_fails_the_conversation_without_leaving_answers() {
    for style in [ffi::PAM_RADIO_TYPE, ffi::PAM_BINARY_PROMPT, 0, -1, c_int::MAX] {
        let questions = [(ffi::PAM_PROMPT_ECHO_OFF, Some(c"Password: ")), (style, Some(c"?"))];
        assert_eq!(ask(&conversation(), &questions), Err(ffi::PAM_CONV_ERR), "{style}");
    }
}

#[test]
fn no_messages_and_too_many_fail_the_conversation() {
    let question = (ffi::PAM_PROMPT_ECHO_OFF, Some(c"Password: "));
    assert_eq!(ask(&conversation(), &[]), Err(ffi::PAM_CONV_ERR));
    assert_eq!(ask(&conversation(), &[question; 32]).unwrap().len(), 32);
    assert_eq!(ask(&conversation(), &[question; 33]), Err(ffi::PAM_CONV_ERR));
    assert!(Answers::for_messages(-1).is_none());
    assert!(Answers::for_messages(c_int::MAX).is_none());
}

#[test]
fn null_pointers_fail_the_conversation() {
    let conversation = conversation();
    let appdata: *mut c_void = std::ptr::from_ref(&conversation).cast_mut().cast();
    let mut no_message: *const pam_message = std::ptr::null();
    let mut responses = null_mut();
    // SAFETY: null is what `converse` promises to refuse.
    unsafe {
        assert_eq!(converse(1, &mut no_message, &mut responses, appdata), ffi::PAM_CONV_ERR);
        assert_eq!(converse(1, null_mut(), &mut responses, appdata), ffi::PAM_CONV_ERR);
        assert_eq!(converse(1, &mut no_message, null_mut(), appdata), ffi::PAM_CONV_ERR);
        assert_eq!(converse(1, &mut no_message, &mut responses, null_mut()), ffi::PAM_CONV_ERR);
        owe_delay(ffi::PAM_AUTH_ERR, 7, null_mut());
    }
    assert!(responses.is_null());
}

#[test]
fn a_delay_is_owed_after_a_failure_only() {
    let conversation = conversation();
    let appdata: *mut c_void = std::ptr::from_ref(&conversation).cast_mut().cast();
    // SAFETY: `appdata` is a live conversation.
    unsafe { owe_delay(ffi::PAM_AUTH_ERR, 2_000_000, appdata) };
    assert_eq!(conversation.delay_owed(), Duration::from_secs(2));
    // SAFETY: as above.
    unsafe { owe_delay(ffi::PAM_SUCCESS, 2_000_000, appdata) };
    assert_eq!(conversation.delay_owed(), Duration::ZERO);
}
