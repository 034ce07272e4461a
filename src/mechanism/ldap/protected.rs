//! A connection that SASL protects: RFC 4422, section 3.7. What is said on it goes by way of the worker that has logged in.
#![forbid(unsafe_code)]

use super::ber::LONGEST_MESSAGE;
use crate::job::{ConversationId, Errand, ErrandResult, GssapiStep};
use crate::mechanism::gssapi::frames::{HEADER, MOST_MESSAGE, MOST_WRAPPED, first_frame, first_frames};
use crate::secret::Secret;

/// What a server may have sent that no worker has opened yet. One that sends faster than its messages are opened is not waited for.
const MOST_WAITING: usize = LONGEST_MESSAGE + HEADER + MOST_WRAPPED;

/// Both directions. A worker has one thing to do for it at a time, so that nothing overtakes anything.
pub struct Protected {
    conversation: ConversationId,
    /// What is to be said.
    outgoing: Secret,
    /// What has come, as it came.
    incoming: Secret,
    /// What a worker is doing.
    under_way: Option<Direction>,
    /// What it did last: neither direction waits for the other for ever.
    last: Direction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToServer,
    FromServer,
}

/// What a worker has done.
pub enum Done {
    /// This goes to the server.
    ToServer(Secret),
    /// This has come from it.
    FromServer(Secret),
}

impl Protected {
    /// Protected by that login, from now on.
    pub fn new(conversation: ConversationId) -> Self {
        Self {
            conversation,
            outgoing: Secret::default(),
            incoming: Secret::default(),
            under_way: None,
            last: Direction::FromServer,
        }
    }

    /// Where to put what is to be said.
    pub fn outgoing(&mut self) -> &mut Secret {
        &mut self.outgoing
    }

    /// Takes what has come.
    ///
    /// # Errors
    /// When it is nothing that was agreed on, or too much; the sentence is for the log.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), String> {
        if self.incoming.len() + bytes.len() > MOST_WAITING {
            return Err(format!(
                "more than {MOST_WAITING} bytes have come that are protected and not opened yet"
            ));
        }
        self.incoming.extend_from_slice(bytes);
        first_frame(self.incoming.as_bytes()).map(drop)
    }

    /// What a worker is to do now; nothing while it is doing something, or there is nothing.
    ///
    /// # Errors
    /// As of [`Self::receive`].
    pub fn next_errand(&mut self) -> Result<Option<Errand>, String> {
        if self.under_way.is_some() {
            return Ok(None);
        }
        let whole = first_frames(self.incoming.as_bytes())?;
        let next = match (whole > 0, !self.outgoing.is_empty()) {
            (false, false) => return Ok(None),
            (true, true) if self.last == Direction::FromServer => Direction::ToServer,
            (true, _) => Direction::FromServer,
            (false, true) => Direction::ToServer,
        };
        (self.under_way, self.last) = (Some(next), next);
        let conversation = self.conversation;
        Ok(Some(Errand::Gssapi(match next {
            Direction::ToServer => {
                GssapiStep::Wrap { conversation, message: take(&mut self.outgoing, MOST_MESSAGE) }
            }
            Direction::FromServer => {
                GssapiStep::Unwrap { conversation, frames: take(&mut self.incoming, whole) }
            }
        })))
    }

    /// Takes what a worker has done.
    ///
    /// # Errors
    /// When it could not, or was not asked; the sentence is for the log.
    pub fn handle_errand(&mut self, result: ErrandResult) -> Result<Done, String> {
        match (result, self.under_way.take()) {
            (ErrandResult::Gssapi(made), Some(_)) if made.conversation != self.conversation => {
                Err("a worker mixed up its connections".to_owned())
            }
            (ErrandResult::Gssapi(made), Some(Direction::ToServer)) => Ok(Done::ToServer(made.token)),
            (ErrandResult::Gssapi(made), Some(Direction::FromServer)) => Ok(Done::FromServer(made.token)),
            (ErrandResult::Failed(reason), Some(_)) => Err(reason),
            _ => Err("a worker did what nobody had asked for".to_owned()),
        }
    }
}

/// The first bytes, `most` of them or all; the rest stays.
fn take(bytes: &mut Secret, most: usize) -> Secret {
    let all = std::mem::take(bytes);
    let Some((first, rest)) = all.as_bytes().split_at_checked(most).filter(|(_, rest)| !rest.is_empty())
    else {
        return all;
    };
    *bytes = Secret::copy_of(rest);
    Secret::copy_of(first)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::job::{GssapiToken, Layer};
    use crate::mechanism::gssapi::frames::append;

    const NUMBER: ConversationId = ConversationId(7);

    fn made(token: &[u8]) -> ErrandResult {
        let token = Secret::copy_of(token);
        let layer = Layer::Confidentiality;
        ErrandResult::Gssapi(GssapiToken { conversation: NUMBER, token, is_established: true, layer })
    }

    fn frame(message: &[u8]) -> Vec<u8> {
        let mut frames = Secret::default();
        append(&mut frames, message, u32::MAX).unwrap();
        frames.as_bytes().to_vec()
    }

    /// What a worker gets to do, and for which direction.
    fn errand(protected: &mut Protected) -> Option<(&'static str, Vec<u8>)> {
        let Errand::Gssapi(step) = protected.next_errand().unwrap()? else { panic!("another errand") };
        Some(match step {
            GssapiStep::Wrap { conversation: NUMBER, message } => ("wrap", message.as_bytes().to_vec()),
            GssapiStep::Unwrap { conversation: NUMBER, frames } => ("unwrap", frames.as_bytes().to_vec()),
            _ => panic!("another step"),
        })
    }

    #[test]
    fn what_is_said_goes_by_way_of_a_worker_one_part_at_a_time() {
        let mut protected = Protected::new(NUMBER);
        assert_eq!(errand(&mut protected), None);
        protected.outgoing().extend_from_slice(b"first");
        assert_eq!(errand(&mut protected), Some(("wrap", b"first".to_vec())));
        protected.outgoing().extend_from_slice(b"second");
        protected.outgoing().extend_from_slice(b"third");
        assert_eq!(errand(&mut protected), None, "the worker has something to do");
        assert!(
            matches!(protected.handle_errand(made(b"x")), Ok(Done::ToServer(token)) if token.as_bytes() == b"x")
        );
        assert_eq!(errand(&mut protected), Some(("wrap", b"secondthird".to_vec())));
    }

    #[test]
    fn what_comes_is_opened_as_soon_as_it_is_whole_however_it_was_cut() {
        let bytes = [frame(b"first"), frame(b"second"), frame(b"third")].concat();
        for cut in 0..bytes.len() {
            let (first, rest) = bytes.split_at(cut);
            let mut protected = Protected::new(NUMBER);
            let mut opened = Vec::new();
            for part in [first, rest] {
                protected.receive(part).unwrap();
                while let Some((kind, frames)) = errand(&mut protected) {
                    assert_eq!(kind, "unwrap");
                    opened.extend(frames);
                    assert!(matches!(protected.handle_errand(made(b"y")), Ok(Done::FromServer(_))));
                }
            }
            assert_eq!(opened, bytes);
        }
    }

    #[test]
    fn neither_direction_waits_for_the_other_for_ever() {
        let mut protected = Protected::new(NUMBER);
        let mut done = Vec::new();
        for _ in 0..6 {
            protected.outgoing().extend_from_slice(&[1; MOST_MESSAGE]);
            protected.receive(&frame(&[2; MOST_WRAPPED])).unwrap();
            done.push(errand(&mut protected).unwrap().0);
            protected.handle_errand(made(b"z")).unwrap();
        }
        assert_eq!(done, ["wrap", "unwrap", "wrap", "unwrap", "wrap", "unwrap"]);
    }

    #[test]
    fn no_worker_gets_more_at_a_time_than_a_job_has_room_for() {
        let mut protected = Protected::new(NUMBER);
        protected.outgoing().extend_from_slice(&[1; 3 * MOST_MESSAGE - 1]);
        let mut lengths = Vec::new();
        while let Some((_, message)) = errand(&mut protected) {
            lengths.push(message.len());
            protected.handle_errand(made(b"")).unwrap();
        }
        assert_eq!(lengths, [MOST_MESSAGE, MOST_MESSAGE, MOST_MESSAGE - 1]);
    }

    #[test]
    fn a_server_that_sends_what_was_not_agreed_on_or_too_much_is_not_listened_to() {
        for garbage in [&b"\0\0\0\0"[..], b"\x30\x0c\x02\x01", b"\xff\xff\xff\xff", b"\0\0\x20\x01"] {
            assert!(Protected::new(NUMBER).receive(garbage).is_err(), "{garbage:?}");
        }
        let mut protected = Protected::new(NUMBER);
        protected.receive(&frame(b"one that is being opened")).unwrap();
        errand(&mut protected).unwrap();
        let long = frame(&[2; MOST_WRAPPED]);
        let taken = (0..1000).take_while(|_| protected.receive(&long).is_ok()).count();
        assert!((100..200).contains(&taken), "{taken}");
        let mut protected = Protected::new(NUMBER);
        protected.receive(&frame(b"x")).unwrap();
        errand(&mut protected).unwrap();
        protected.handle_errand(made(b"")).unwrap();
        protected.receive(&[frame(b"y"), b"\0\0\0\0".to_vec()].concat()).unwrap();
        assert!(protected.next_errand().is_err(), "behind what is whole");
    }

    #[test]
    fn what_a_worker_does_that_was_not_asked_or_for_another_is_an_error() {
        let mut protected = Protected::new(NUMBER);
        assert!(protected.handle_errand(made(b"x")).is_err());
        for wrong in [
            ErrandResult::Failed("it has died".to_owned()),
            ErrandResult::PasswordChecked(true),
            ErrandResult::Gssapi(GssapiToken {
                conversation: ConversationId(8),
                token: Secret::default(),
                is_established: true,
                layer: Layer::Integrity,
            }),
        ] {
            let mut protected = Protected::new(NUMBER);
            protected.outgoing().extend_from_slice(b"x");
            errand(&mut protected).unwrap();
            assert!(protected.handle_errand(wrong).is_err());
        }
    }
}
