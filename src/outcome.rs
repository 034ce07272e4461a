//! What a mechanism found out, and the one place that turns it into `OK` or `NO …`.
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::time::Duration;

/// The longest reply text in bytes: libsasl and Exim cut at 1023, and testsaslauthd 2.1.28 overruns its buffer at 1024.
pub const LONGEST_REPLY: usize = 1023;

/// The three ways a login attempt can end.
///
/// The wire has two words only, but caching, joining, logging and what an unavailable service sends all hang on the
/// difference between "the password is wrong" and "nobody could be asked".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A mechanism accepted exactly these credentials.
    Accept(Cow<'static, str>),
    /// A mechanism refused them.
    Reject(Refusal),
    /// No mechanism could tell. Never cached, and never turned into an acceptance.
    Unavailable(Refusal),
}

/// Why a login was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What follows `NO ` on the wire; with an empty text the reply is `NO` alone.
    pub text: Cow<'static, str>,
    /// What the log says after `reason=`.
    pub reason: Cow<'static, str>,
    /// Whether the C daemon has no text for it either, since its process is gone with the connection.
    pub breaks_off: bool,
    /// Whether the mechanism does not know the login, so that its password says nothing to it: the next one may.
    pub is_unknown_login: bool,
}

impl Refusal {
    /// A refusal whose reply and log line say the same.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        Self { reason: text.clone(), text, breaks_off: false, is_unknown_login: false }
    }

    /// A refusal whose reply is the C daemon's `text` while the log gives the real `reason`.
    pub fn with_reason(text: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), reason: reason.into(), breaks_off: false, is_unknown_login: false }
    }

    /// The same refusal, by a mechanism that does not know the login.
    #[must_use]
    pub fn of_unknown_login(self) -> Self {
        Self { is_unknown_login: true, ..self }
    }

    /// For a reason of the daemon's own: a dead worker, a deadline, too many connections.
    pub fn internal(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::with_reason("internal mechanism failure", reason)
    }

    /// As [`Self::internal`], where the C daemon would close the connection too: a worker died, the daemon is stopping.
    pub fn broken_off(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { breaks_off: true, ..Self::internal(reason) }
    }
}

impl Outcome {
    /// Accepted, with the bare reply `OK`.
    pub const ACCEPT: Self = Self::Accept(Cow::Borrowed(""));

    /// Refused with the C daemon's text, which is the logged reason too.
    pub fn reject(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Reject(Refusal::new(text))
    }

    /// Refused since the mechanism does not know the login: what C would reply, and the reason for the log.
    pub fn unknown_login(text: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Reject(Refusal::with_reason(text, reason).of_unknown_login())
    }

    /// Could not be asked: what C would reply, and the real reason for the log.
    pub fn unavailable(text: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Unavailable(Refusal::with_reason(text, reason))
    }

    /// Could not be asked; see [`Refusal::internal`].
    pub fn internal_failure(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Unavailable(Refusal::internal(reason))
    }

    /// Could not be asked; see [`Refusal::broken_off`].
    pub fn broken_off(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Unavailable(Refusal::broken_off(reason))
    }

    /// Whether a client of the C daemon would see its connection close without a reply.
    pub fn breaks_off(&self) -> bool {
        matches!(self, Self::Unavailable(Refusal { breaks_off: true, .. }))
    }

    /// The reply text, at most [`LONGEST_REPLY`] bytes and without NUL (C ends its strings there).
    pub fn reply(&self) -> String {
        let (word, text) = match self {
            Self::Accept(text) => ("OK", text),
            Self::Reject(refusal) | Self::Unavailable(refusal) => ("NO", &refusal.text),
        };
        let mut reply = word.to_owned();
        if !text.is_empty() {
            reply.push(' ');
            reply.extend(text.chars().filter(|character| *character != '\0'));
        }
        reply.truncate(cut_at_character(&reply, LONGEST_REPLY));
        reply
    }
}

/// What a mechanism answers: the outcome, and how long it wants a failure to be held back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How the attempt ended.
    pub outcome: Outcome,
    /// How long the reply to a failure is to be delayed by a mechanism that decides that itself, as PAM's modules do, zero
    /// included; `None` of those that do not, for which `--failure-delay` is.
    pub delay: Option<Duration>,
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, delay: None }
    }
}

/// The longest length up to `limit` at which `text` can be cut without splitting a character.
fn cut_at_character(text: &str, limit: usize) -> usize {
    (0..=limit.min(text.len())).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_the_words_of_the_c_daemon() {
        assert_eq!(Outcome::ACCEPT.reply(), "OK");
        assert_eq!(
            Outcome::Accept("remote authentication successful".into()).reply(),
            "OK remote authentication successful"
        );
        assert_eq!(Outcome::reject("PAM auth error").reply(), "NO PAM auth error");
        assert_eq!(Outcome::reject("").reply(), "NO");
        assert_eq!(Outcome::internal_failure("worker died").reply(), "NO internal mechanism failure");
    }

    #[test]
    fn a_reply_is_cut_at_1023_bytes_and_never_inside_a_character() {
        assert_eq!(Outcome::reject("x".repeat(5000)).reply().len(), LONGEST_REPLY);
        let umlauts = Outcome::reject("ä".repeat(5000)).reply();
        assert!(umlauts.len() <= LONGEST_REPLY && umlauts.ends_with('ä'));
    }
}
