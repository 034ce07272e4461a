//! SASL exchanges as small machines: a response in, the next step out.
//!
//! A mechanism is a file with its machine, and its lines in [`Mechanism`]. One that has to send a last challenge with a
//! refusal, as OAUTHBEARER and XOAUTH2 do, would be asked for it when the answer has come.
#![forbid(unsafe_code)]

mod login;
mod plain;

use super::reason::RefusalReason;
use crate::base64;
use crate::config::Limits;
use crate::secret::Secret;
use crate::wire::{Field, InvalidRequest};

/// The SASL mechanisms there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616: all in one response.
    Plain,
    /// Login and password in one response each.
    Login,
}

impl Mechanism {
    /// All of them, in the order in which they are offered best.
    pub const ALL: [Self; 2] = [Self::Plain, Self::Login];

    /// The name by which it is registered.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }

    /// What it is worth, in words that Postfix's `smtpd_sasl_security_options` goes by.
    pub fn flags(self) -> &'static str {
        match self {
            Self::Plain | Self::Login => "plaintext",
        }
    }

    /// The one of that name, in capitals or small letters.
    pub fn named(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// A new exchange.
    pub(super) fn exchange(self) -> Box<dyn Exchange> {
        match self {
            Self::Plain => Box::new(plain::Plain),
            Self::Login => Box::new(login::Login::default()),
        }
    }
}

/// One conversation of a mechanism with a client.
pub(super) trait Exchange {
    /// Begins, with the initial response if there is one.
    fn begin(&mut self, initial: Option<&[u8]>, limits: Limits) -> Step;

    /// Goes on with the response to a challenge.
    fn proceed(&mut self, response: &[u8], limits: Limits) -> Step;
}

/// What comes of a response.
pub(super) enum Step {
    /// The client is to respond to this.
    Challenge(&'static [u8]),
    /// These are to be checked.
    Check(Vec<u8>, Secret),
    /// The login is refused.
    Refuse(Refusal),
}

/// A refusal, and the login if it is known and can be repeated.
pub(super) struct Refusal {
    pub(super) reason: RefusalReason,
    pub(super) login: Option<Vec<u8>>,
}

impl Refusal {
    pub(super) fn of_nobody(reason: RefusalReason) -> Self {
        Self { reason, login: None }
    }

    fn of(login: &[u8], reason: RefusalReason) -> Self {
        Self { reason, login: Some(login.to_vec()) }
    }

    fn invalid(invalid: InvalidRequest) -> Self {
        Self::of_nobody(RefusalReason::Invalid(invalid))
    }
}

/// A response as it stands in a line. `=` is an empty one, as Prosody sends it; padding must not be missing.
pub(super) fn decode_response(text: &[u8]) -> Option<Secret> {
    match text {
        b"=" => Some(Secret::default()),
        _ if text.len() % 4 == 0 => base64::decode(text),
        _ => None,
    }
}

fn check_login(login: &[u8], limits: Limits) -> Result<(), Refusal> {
    if login.is_empty() {
        return Err(Refusal::of(login, RefusalReason::Invalid(InvalidRequest::EmptyLogin)));
    }
    if login.len() > limits.field {
        return Err(Refusal::invalid(InvalidRequest::TooLong(Field::Login, limits.field)));
    }
    if login.contains(&0) {
        return Err(Refusal::invalid(InvalidRequest::HoldsNul(Field::Login)));
    }
    if login.iter().any(u8::is_ascii_control) {
        return Err(Refusal::of(login, RefusalReason::ControlBytes));
    }
    Ok(())
}

fn check_password(login: &[u8], password: &[u8], limits: Limits) -> Result<(), Refusal> {
    let invalid = if password.is_empty() {
        InvalidRequest::EmptyPassword
    } else if password.len() > limits.password {
        InvalidRequest::TooLong(Field::Password, limits.password)
    } else if password.contains(&0) {
        InvalidRequest::HoldsNul(Field::Password)
    } else {
        return Ok(());
    };
    Err(Refusal::of(login, RefusalReason::Invalid(invalid)))
}
