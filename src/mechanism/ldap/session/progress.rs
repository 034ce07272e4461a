//! Answers that have begun, and those that nobody wants any more.
#![forbid(unsafe_code)]

use super::super::ber;
use super::super::message::Request;
use super::LdapSession;
use crate::net::exchange::QuestionId;

/// How many abandoned requests are remembered: their answers may be on their way already.
const MOST_ABANDONED: usize = 1000;

impl LdapSession {
    /// `part` of a message has come: whose answer it is, if it can be told.
    pub(super) fn note_begun(&mut self, part: &[u8]) {
        if part.is_empty() {
            return;
        }
        match number(part) {
            Some(number) => {
                let id = self.asked.get(&number).map(|asked| asked.id);
                id.into_iter().for_each(|id| self.note_begun_of(id));
            }
            None => self.begun.extend(self.asked.values().map(|asked| asked.id)),
        }
    }

    /// Something has come that is not opened yet. To a bind it is the answer: asked once more it might count twice for a lock-out. Of
    /// several searches it is not known which one is answered, and each can be asked again.
    pub(super) fn note_begun_binds(&mut self) {
        self.begun.extend(self.asked.values().filter(|asked| asked.is_bind()).map(|asked| asked.id));
    }

    /// A part of the answer to that question has come.
    pub(super) fn note_begun_of(&mut self, id: QuestionId) {
        if self.begun.back() != Some(&id) {
            self.begun.push_back(id);
        }
    }

    /// Has the server drop a request. There is no answer to that, and perhaps one to the request all the same.
    pub(super) fn call_off(&mut self, id: QuestionId) {
        let number = self.asked.iter().find(|(_, asked)| asked.id == id).map(|(number, _)| *number);
        let Some(number) = number else { return };
        self.asked.remove(&number);
        if self.abandoned.len() >= MOST_ABANDONED {
            self.abandoned.pop_front();
        }
        self.abandoned.push_back(number);
        self.send(&Request::Abandon(number));
    }
}

/// The number of a message of which a part is there.
fn number(part: &[u8]) -> Option<i32> {
    let (header, rest) = part.split_first_chunk::<2>()?;
    let more = if header[1] < 0x80 { 0 } else { usize::from(header[1] & 0x7f) };
    let element = rest.get(more..)?;
    let length = usize::from(*element.get(1)?);
    ber::Reader::new(element.get(..2 + length)?).number(ber::INTEGER).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_known_as_soon_as_it_is_there() {
        let short = [0x30, 0x0c, 0x02, 0x02, 0x01, 0x00, 0x61];
        let long = [0x30, 0x82, 0x01, 0x00, 0x02, 0x01, 0x07];
        for (message, whole, expected) in [(&short, 6, 256), (&long, 7, 7)] {
            for length in 0..whole {
                assert_eq!(number(message.get(..length).unwrap()), None);
            }
            assert_eq!(number(message.get(..whole).unwrap()), Some(expected));
        }
    }

    #[test]
    fn what_has_no_number_gives_none() {
        for part in [&[0x30, 0x03, 0x04, 0x01, 0x07][..], &[0xff; 300], &[0x30, 0x80, 0x02, 0x7f, 0x01]] {
            assert_eq!(number(part), None);
        }
    }
}
