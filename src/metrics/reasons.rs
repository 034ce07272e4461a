//! The words that say why: values of labels, so there is a bounded number of them and they stay the same.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

/// Why a connection was closed without a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientRefusal {
    /// Its user is in neither allow-users nor allow-groups.
    NotAllowed,
    /// There are too many, or it had to make room for another one.
    TooMany,
    /// It did not send a whole request in time.
    TooSlow,
    /// It does not speak the protocol.
    Protocol,
    /// It does not read its answers.
    Unread,
}

impl ClientRefusal {
    /// All words, in the order of the reasons.
    pub const WORDS: [&'static str; 5] = ["not_allowed", "too_many", "too_slow", "protocol", "unread"];
}

/// Why a request was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidReason {
    /// A field is too long.
    TooLong,
    /// There is no login.
    EmptyLogin,
    /// There is no password.
    EmptyPassword,
    /// A field has a NUL in it.
    NulByte,
    /// What should be base64 is none.
    Base64,
    /// The response is none of the SASL mechanism.
    Response,
    /// The login has control bytes in it.
    ControlBytes,
    /// The client wants to act as somebody else.
    OtherIdentity,
    /// The client did not go on with its exchange.
    Unfinished,
    /// The connection has too many requests open.
    TooManyOpen,
}

impl InvalidReason {
    /// As [`ClientRefusal::WORDS`].
    pub const WORDS: [&'static str; 10] = [
        "too_long",
        "empty_login",
        "empty_password",
        "nul_byte",
        "base64",
        "response",
        "control_bytes",
        "other_identity",
        "unfinished",
        "too_many_open",
    ];
}

/// Why a worker ended without having been told to, or had to be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerDeath {
    /// By itself: a fatal signal of its own making, or a status other than 0.
    Crash,
    /// It took longer than `--request-timeout`, or was not ready in time, and was killed.
    Timeout,
    /// Somebody else has killed it: the kernel for want of memory, or an administrator.
    Killed,
    /// It said what made no sense, and was killed.
    Protocol,
}

impl WorkerDeath {
    /// As [`ClientRefusal::WORDS`].
    pub const WORDS: [&'static str; 4] = ["crash", "timeout", "killed", "protocol"];
}

/// How often each of `N` reasons was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally<const N: usize>([u64; N]);

/// Of connections.
pub type ClientRefusals = Tally<{ ClientRefusal::WORDS.len() }>;
/// Of requests.
pub type InvalidRequests = Tally<{ InvalidReason::WORDS.len() }>;
/// Of workers.
pub type WorkerDeaths = Tally<{ WorkerDeath::WORDS.len() }>;

impl<const N: usize> Default for Tally<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Tally<N> {
    fn count(&mut self, place: usize) {
        self.0.get_mut(place).into_iter().for_each(|count| *count = count.saturating_add(1));
    }

    /// Adds others.
    pub fn add(&mut self, more: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(more.0) {
            *mine = mine.saturating_add(theirs);
        }
    }

    fn add_to(&self, counts: &mut BTreeMap<String, u64>, words: [&'static str; N]) {
        for (word, count) in words.iter().zip(self.0).filter(|(_, count)| *count > 0) {
            match counts.get_mut(*word) {
                Some(sum) => *sum = sum.saturating_add(count),
                None => drop(counts.insert((*word).to_owned(), count)),
            }
        }
    }
}

impl ClientRefusals {
    /// Counts one.
    pub fn note(&mut self, reason: ClientRefusal) {
        self.count(reason as usize);
    }

    /// Adds them under their words.
    pub fn add_to_counts(&self, counts: &mut BTreeMap<String, u64>) {
        self.add_to(counts, ClientRefusal::WORDS);
    }
}

impl InvalidRequests {
    /// Counts one.
    pub fn note(&mut self, reason: InvalidReason) {
        self.count(reason as usize);
    }

    /// Adds them under their words.
    pub fn add_to_counts(&self, counts: &mut BTreeMap<String, u64>) {
        self.add_to(counts, InvalidReason::WORDS);
    }
}

impl WorkerDeaths {
    /// Counts one.
    pub fn note(&mut self, reason: WorkerDeath) {
        self.count(reason as usize);
    }

    /// Adds them under their words.
    pub fn add_to_counts(&self, counts: &mut BTreeMap<String, u64>) {
        self.add_to(counts, WorkerDeath::WORDS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_word() {
        let mut counts = BTreeMap::new();
        let mut refusals = ClientRefusals::default();
        refusals.note(ClientRefusal::Unread);
        refusals.note(ClientRefusal::NotAllowed);
        refusals.note(ClientRefusal::NotAllowed);
        refusals.add_to_counts(&mut counts);
        refusals.add_to_counts(&mut counts);
        assert_eq!(counts, BTreeMap::from([("not_allowed".to_owned(), 4), ("unread".to_owned(), 2)]));
        assert_eq!(InvalidReason::WORDS.get(InvalidReason::TooManyOpen as usize), Some(&"too_many_open"));
        assert_eq!(WorkerDeath::WORDS.get(WorkerDeath::Protocol as usize), Some(&"protocol"));
    }
}
