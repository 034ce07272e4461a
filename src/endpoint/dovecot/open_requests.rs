//! The requests of a connection that are not answered yet.
#![forbid(unsafe_code)]

use super::RequestNumber;
use super::command::{Id, Parameters};
use super::exchange::Exchange;
use std::collections::BTreeMap;
use std::time::Instant;

/// By the client's ids. There are few: they are searched from end to end.
#[derive(Default)]
pub(super) struct OpenRequests(BTreeMap<Id, OpenRequest>);

pub(super) enum OpenRequest {
    /// The client is to go on.
    AwaitingResponse(Awaiting),
    /// An answer is to come.
    Checking(RequestNumber),
}

/// An exchange whose client is to go on.
pub(super) struct Awaiting {
    pub(super) exchange: Box<dyn Exchange>,
    pub(super) parameters: Parameters,
    /// When it is given up.
    pub(super) until: Instant,
}

impl OpenRequests {
    pub(super) fn insert(&mut self, id: Id, request: OpenRequest) {
        let replaced = self.0.insert(id, request);
        debug_assert!(replaced.is_none(), "an id is used for one open request");
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<OpenRequest> {
        self.0.remove(&id)
    }

    pub(super) fn contains(&self, id: Id) -> bool {
        self.0.contains_key(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Those that are being checked.
    pub(super) fn checking(&self) -> impl Iterator<Item = RequestNumber> {
        self.0.values().filter_map(|request| match request {
            OpenRequest::Checking(number) => Some(*number),
            OpenRequest::AwaitingResponse(_) => None,
        })
    }

    /// Takes out one that is being checked.
    pub(super) fn take_checking(&mut self, number: RequestNumber) -> Option<Id> {
        let is_it =
            |request: &OpenRequest| matches!(request, OpenRequest::Checking(other) if *other == number);
        let id = *self.0.iter().find(|(_, request)| is_it(request))?.0;
        self.0.remove(&id);
        Some(id)
    }

    /// When the first client that is to go on is given up.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.awaiting().map(|(_, until)| until).min()
    }

    /// Takes out the one whose client has been silent for longest.
    pub(super) fn take_longest_awaiting(&mut self) -> Option<(Id, Awaiting)> {
        let (id, _) = self.awaiting().min_by_key(|(_, until)| *until)?;
        match self.0.remove(&id) {
            Some(OpenRequest::AwaitingResponse(awaiting)) => Some((id, awaiting)),
            _ => None,
        }
    }

    fn awaiting(&self) -> impl Iterator<Item = (Id, Instant)> {
        self.0.iter().filter_map(|(id, request)| match request {
            OpenRequest::AwaitingResponse(awaiting) => Some((*id, awaiting.until)),
            OpenRequest::Checking(_) => None,
        })
    }
}
