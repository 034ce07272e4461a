//! Questions that wait for a connection, in the turn of those they come from.
#![forbid(unsafe_code)]

use crate::net::exchange::QuestionId;
use crate::policy::fair_queue::FairQueue;
use crate::policy::origin::Origin;
use std::collections::BTreeMap;

/// How many servers of a pool are used: the bits of [`ServersTried`].
pub(super) const MOST_SERVERS: usize = 64;

/// The places of the servers that a question has tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct ServersTried(u64);

impl ServersTried {
    pub(super) fn contains(self, server: usize) -> bool {
        self.0 & (1 << server) != 0
    }

    pub(super) fn with(self, server: usize) -> Self {
        Self(self.0 | (1 << server))
    }
}

/// What all questions of a group have in common, and so go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct GroupKey {
    pub(super) tried: ServersTried,
    /// Whether it waits for what a probe finds when all servers are known to fail.
    pub(super) awaits_probe: bool,
}

/// The place of a question among those of its login: the order in which they came, whatever they have tried since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SequenceNumber(pub(super) u64);

/// Grouped by the servers tried, so that nobody has to look at each: there are few groups.
#[derive(Default)]
pub(super) struct Queue {
    groups: BTreeMap<GroupKey, FairQueue<QuestionId>>,
}

pub(super) struct Group {
    pub(super) key: GroupKey,
    /// Of the one whose turn it is: between groups the older goes first.
    pub(super) oldest: SequenceNumber,
    pub(super) question: QuestionId,
    pub(super) size: usize,
}

impl Queue {
    pub(super) fn insert(
        &mut self,
        key: GroupKey,
        origin: &Origin,
        sequence_number: SequenceNumber,
        question: QuestionId,
    ) {
        self.groups.entry(key).or_default().insert(origin, sequence_number.0, question);
    }

    pub(super) fn remove(&mut self, key: GroupKey, origin: &Origin, sequence_number: SequenceNumber) {
        let Some(group) = self.groups.get_mut(&key) else { return };
        group.pass(origin, sequence_number.0);
        if group.is_empty() {
            self.groups.remove(&key);
        }
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = Group> {
        self.groups.iter().filter_map(|(key, questions)| {
            let (_, oldest, question) = questions.next(usize::MAX)?;
            Some(Group {
                key: *key,
                oldest: SequenceNumber(oldest),
                question: *question,
                size: questions.len(),
            })
        })
    }

    pub(super) fn len(&self) -> usize {
        self.groups.values().map(FairQueue::len).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}
