//! Answers that are held back, by when they are due. Each takes a place: when that is wanted, it is told early.
#![forbid(unsafe_code)]

use super::RequestId;
use std::collections::BTreeSet;
use std::time::Instant;

/// How many answers of one connection with many requests may be held back: half of what it may have open at a time. A mail server
/// with all its users on one connection must not be kept from asking for them.
const MOST_EACH: usize = 32;

/// What is held back.
#[derive(Debug, Default)]
pub(super) struct HeldBack {
    requests: BTreeSet<RequestId>,
    /// At connections that carry no other request, which are closed when it is answered.
    sole: BTreeSet<(Instant, RequestId)>,
}

impl HeldBack {
    /// Whether one more answer may be held back at the connection of that request.
    pub(super) fn has_room(&self, request: RequestId) -> bool {
        let of_number = |number| RequestId { number, ..request };
        self.requests.range(of_number(0)..=of_number(u64::MAX)).take(MOST_EACH).count() < MOST_EACH
    }

    /// It is held back until then.
    pub(super) fn add(&mut self, request: RequestId, due: Instant) {
        self.requests.insert(request);
        if is_sole(request) {
            self.sole.insert((due, request));
        }
    }

    /// It is answered, or not waited for any longer.
    pub(super) fn remove(&mut self, request: RequestId, due: Instant) {
        self.requests.remove(&request);
        self.sole.remove(&(due, request));
    }

    /// The one that is due first among those whose connections end with it.
    pub(super) fn first_sole(&self) -> Option<RequestId> {
        self.sole.first().map(|(_, request)| *request)
    }
}

fn is_sole(request: RequestId) -> bool {
    request == RequestId::sole(request.client)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::dispatch::ClientId;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_answer_that_is_due_first_is_told_first_and_only_where_its_connection_ends() {
        let (mut held, now) = (HeldBack::default(), Instant::now());
        let sole = |client| RequestId::sole(ClientId(client));
        held.add(RequestId { client: ClientId(1), number: 1 }, now);
        assert_eq!(held.first_sole(), None);
        held.add(sole(2), now + 3 * SECOND);
        held.add(sole(3), now + 2 * SECOND);
        assert_eq!(held.first_sole(), Some(sole(3)));
        held.remove(sole(3), now + 2 * SECOND);
        assert_eq!(held.first_sole(), Some(sole(2)));
        held.remove(sole(2), now + 3 * SECOND);
        assert_eq!((held.first_sole(), held.requests.len()), (None, 1));
    }

    #[test]
    fn one_connection_has_half_of_its_requests_held_back_at_the_most() {
        let (mut held, now) = (HeldBack::default(), Instant::now());
        let request = |client, number| RequestId { client: ClientId(client), number };
        for number in 1..=32 {
            assert!(held.has_room(request(7, number)));
            held.add(request(7, number), now);
        }
        assert!(!held.has_room(request(7, 99)));
        assert!(held.has_room(request(6, 1)) && held.has_room(request(8, 1)));
        held.remove(request(7, 32), now);
        assert!(held.has_room(request(7, 99)));
    }
}
