//! What a form looks like on the wire, and which replies decide.
#![forbid(unsafe_code)]

use super::status::{Meaning, Statuses};
use crate::http::head::Reply;
use crate::http::reply::{Reader, Whole};
use crate::net::exchange::{Failure, FailureKind};
use crate::secret::Secret;
use std::rc::Rc;

/// Forms for one server, as [`Dialogue`](crate::http::session::Dialogue) wants them.
pub struct Forms {
    /// Every request up to the number that says how long its body is.
    head: Rc<str>,
    statuses: Rc<Statuses>,
}

impl Forms {
    /// With that head for each request.
    pub(super) fn new(head: Rc<str>, statuses: Rc<Statuses>) -> Self {
        Self { head, statuses }
    }
}

impl crate::http::session::Dialogue for Forms {
    type Question = Secret;
    type Answer = Reply;
    type Asked = ();

    fn write(&self, body: &Secret, output: &mut Secret) {
        output.extend_from_slice(self.head.as_bytes());
        output.extend_from_slice(format!("{}\r\n\r\n", body.len()).as_bytes());
        output.extend_from_slice(body.as_bytes());
    }

    fn reader(&self) -> Reader {
        Reader::of_head()
    }

    fn judge(&self, (): (), Whole { reply, .. }: Whole) -> Result<Reply, Failure> {
        match self.statuses.meaning(reply.status) {
            Meaning::Busy => Err(Failure::new(FailureKind::Refused, reply.to_string())),
            Meaning::Accepted | Meaning::Rejected | Meaning::Unknown => Ok(reply),
        }
    }
}
