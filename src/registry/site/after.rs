//! `on_reject`, `on_unknown`, `on_unavailable`: what follows a mechanism that does not accept.
#![forbid(unsafe_code)]

use crate::config::site::Continuation;
use crate::settings::keys::Keys;

/// What follows a step, as far as somebody has said so.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct After {
    pub(super) reject: Option<Continuation>,
    pub(super) unknown: Option<Continuation>,
    pub(super) unavailable: Option<Continuation>,
}

impl After {
    /// Reads the keys of one section.
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        const WORDS: [(&str, Continuation); 2] = [("next", Continuation::Next), ("stop", Continuation::Stop)];
        Self {
            reject: keys.choice(&["on_reject"], &WORDS),
            unknown: keys.choice(&["on_unknown"], &WORDS),
            unavailable: keys.choice(&["on_unavailable"], &WORDS),
        }
    }

    /// What this leaves open is as in `other`.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            reject: self.reject.or(other.reject),
            unknown: self.unknown.or(other.unknown),
            unavailable: self.unavailable.or(other.unavailable),
        }
    }
}
