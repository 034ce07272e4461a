//! The commands that carry a login, in which nothing from the login can become a command of its own.
#![forbid(unsafe_code)]

use super::capabilities::{Capabilities, Literals};
use crate::base64;
use crate::secret::Secret;
use std::collections::VecDeque;

/// The tag of the one command that decides a login, as in C; the others have their own, so that no reply can be
/// taken for another's.
pub(super) const TAG: &str = "saslauthd";

/// The longest quoted string, in bytes. RFC 7162 (section 4) has clients keep lines within 8192 bytes; what is
/// longer travels as a literal, which does not count.
const LONGEST_QUOTED: usize = 2048;

/// The longest login and password together that travel in one command, in bytes. Dovecot hangs up on a client that
/// has sent more than 1024 without having logged in, literals included; it takes 8192 as an answer to its `+`.
const LONGEST_IN_COMMAND: usize = 640;

/// A login and its password, without NUL: no IMAP command can carry one.
pub struct Question {
    login: Vec<u8>,
    password: Secret,
}

impl Question {
    /// `None` if there is a NUL.
    pub fn new(login: Vec<u8>, password: Secret) -> Option<Self> {
        let nul = login.contains(&0) || password.as_bytes().contains(&0);
        (!nul).then_some(Self { login, password })
    }
}

/// A command in parts: before each but the first the server must say `+`.
pub(super) struct Command {
    parts: VecDeque<Secret>,
}

impl Command {
    /// `LOGIN`; or `AUTHENTICATE PLAIN` where the server offers it and either allows that only or might not take a
    /// command that long.
    pub(super) fn check(question: &Question, capabilities: Capabilities) -> Self {
        let is_long = question.login.len() + question.password.len() > LONGEST_IN_COMMAND;
        if capabilities.plain && (capabilities.login_disabled || is_long) {
            Self::authenticate(question, capabilities.initial_response && !is_long)
        } else {
            Self::login(question, capabilities.literals)
        }
    }

    fn login(question: &Question, literals: Literals) -> Self {
        let mut command = Self::starting_with(&format!("{TAG} LOGIN "));
        command.push_string(&question.login, literals);
        command.push(b" ");
        command.push_string(question.password.as_bytes(), literals);
        command.push(b"\r\n");
        command
    }

    /// RFC 9051, section 6.2.2; RFC 4959 for the initial response.
    fn authenticate(question: &Question, initial_response: bool) -> Self {
        let response = plain_response(question);
        let mut command = Self::starting_with(&format!("{TAG} AUTHENTICATE PLAIN"));
        if initial_response {
            command.push(b" ");
        } else {
            command.push(b"\r\n");
            command.wait();
        }
        command.push(response.as_bytes());
        command.push(b"\r\n");
        command
    }

    fn starting_with(text: &str) -> Self {
        Self { parts: VecDeque::from([Secret::copy_of(text.as_bytes())]) }
    }

    fn push_string(&mut self, string: &[u8], literals: Literals) {
        if can_be_quoted(string) {
            self.push_quoted(string);
        } else if literals.cover(string.len()) {
            self.push(format!("{{{}+}}\r\n", string.len()).as_bytes());
            self.push(string);
        } else {
            self.push(format!("{{{}}}\r\n", string.len()).as_bytes());
            self.wait();
            self.push(string);
        }
    }

    fn push_quoted(&mut self, string: &[u8]) {
        self.push(b"\"");
        for piece in string.split_inclusive(|byte| matches!(byte, b'"' | b'\\')) {
            match piece.split_last() {
                Some((special @ (b'"' | b'\\'), text)) => {
                    self.push(text);
                    self.push(&[b'\\', *special]);
                }
                _ => self.push(piece),
            }
        }
        self.push(b"\"");
    }

    /// What follows is sent when the server has said `+`.
    fn wait(&mut self) {
        self.parts.push_back(Secret::default());
    }

    fn push(&mut self, bytes: &[u8]) {
        if let Some(part) = self.parts.back_mut() {
            part.extend_from_slice(bytes);
        }
    }

    /// The part to be sent next.
    pub(super) fn next_part(&mut self) -> Option<Secret> {
        self.parts.pop_front()
    }

    /// All parts are sent.
    pub(super) fn is_sent(&self) -> bool {
        self.parts.is_empty()
    }
}

/// RFC 9051, section 9: text of seven bits without CR, LF and NUL. Other control characters are allowed.
fn can_be_quoted(string: &[u8]) -> bool {
    string.len() <= LONGEST_QUOTED
        && string.iter().all(|byte| byte.is_ascii() && !matches!(byte, b'\r' | b'\n' | b'\0'))
}

/// RFC 4616: no authorization identity, the login, the password; in base64.
fn plain_response(question: &Question) -> Secret {
    let mut message = Secret::with_capacity(question.login.len() + question.password.len() + 2);
    for piece in [b"\0".as_slice(), &question.login, b"\0", question.password.as_bytes()] {
        message.extend_from_slice(piece);
    }
    Secret::from_vec(base64::encode(message.as_bytes()).into_bytes())
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
