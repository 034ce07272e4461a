//! Questions that wait for a connection, oldest first.
#![forbid(unsafe_code)]

use crate::mech::remote::QuestionId;
use std::collections::BTreeMap;

/// How many servers of a pool are used: the bits of [`Tried`].
pub(super) const MOST_SERVERS: usize = 64;

/// The places of the servers that a question has tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Tried(u64);

impl Tried {
    pub(super) fn contains(self, server: usize) -> bool {
        self.0 & (1 << server) != 0
    }

    pub(super) fn with(self, server: usize) -> Self {
        Self(self.0 | (1 << server))
    }
}

/// What all questions of a group have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Wish {
    pub(super) tried: Tried,
    /// Whether it waits for what a probe finds when all servers are known to fail.
    pub(super) hopeful: bool,
}

/// The place in the queue of a question: the order in which they came, whatever they have tried since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SequenceNumber(pub(super) u64);

/// Grouped by what they wish for, so that nobody has to look at each: there are few groups.
#[derive(Default)]
pub(super) struct Queue {
    groups: BTreeMap<Wish, BTreeMap<SequenceNumber, QuestionId>>,
}

pub(super) struct Group {
    pub(super) wish: Wish,
    pub(super) oldest: SequenceNumber,
    pub(super) question: QuestionId,
    pub(super) size: usize,
}

impl Queue {
    pub(super) fn insert(&mut self, wish: Wish, sequence_number: SequenceNumber, question: QuestionId) {
        self.groups.entry(wish).or_default().insert(sequence_number, question);
    }

    pub(super) fn remove(&mut self, wish: Wish, sequence_number: SequenceNumber) {
        let Some(group) = self.groups.get_mut(&wish) else { return };
        group.remove(&sequence_number);
        if group.is_empty() {
            self.groups.remove(&wish);
        }
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = Group> {
        self.groups.iter().filter_map(|(wish, questions)| {
            let (oldest, question) = questions.first_key_value()?;
            Some(Group { wish: *wish, oldest: *oldest, question: *question, size: questions.len() })
        })
    }

    pub(super) fn len(&self) -> usize {
        self.groups.values().map(BTreeMap::len).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}
