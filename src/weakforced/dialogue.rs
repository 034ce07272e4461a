//! Requests on the wire, and what replies mean.
#![forbid(unsafe_code)]

use super::answer::{self, Reply};
use super::{basic, body::body};
use crate::http::reply::{Reader, Whole};
use crate::http::session::Dialogue;
use crate::http::target::Target;
use crate::net::exchange::{Failure, FailureKind};
use crate::policy::policy_server::Question;
use crate::secret::Secret;
use std::rc::Rc;

/// The longest answer that is read, in bytes. Servers may add attributes to it.
const LONGEST_ANSWER: usize = 64 * 1024;

/// What the requests to one server begin and go on with.
#[derive(Default)]
pub(super) struct Heads {
    allow: Secret,
    report: Secret,
    /// From the value of `Content-Length` to the end of the head.
    rest: Secret,
}

impl Heads {
    /// In Dovecot's order, without `Date`.
    pub(super) fn of(target: &Target, user: Option<&str>, password: &Secret) -> Self {
        let start = |command| {
            let (path, authority) = (with_command(&target.path, command), &target.authority);
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: saslauthd\r\nContent-Length: "
            );
            Secret::from_vec(head.into_bytes())
        };
        let mut rest = Secret::copy_of(b"\r\nConnection: Keep-Alive\r\nContent-Type: application/json\r\n");
        if let Some(user) = user {
            let value = basic(user, password);
            for part in [b"Authorization: Basic ", value.as_bytes(), b"\r\n"] {
                rest.extend_from_slice(part);
            }
        }
        rest.extend_from_slice(b"\r\n");
        Self { allow: start("allow"), report: start("report"), rest }
    }
}

/// As Dovecot does it for a URL that ends in `/`, `?` or `&`; for one with a query that ends otherwise Dovecot makes a second
/// one of it.
fn with_command(path: &str, command: &str) -> String {
    let joint = match path {
        _ if path.ends_with('&') => "",
        _ if path.contains('?') && !path.ends_with('?') => "&",
        _ => "?",
    };
    format!("{path}{joint}command={command}")
}

/// Questions to one server, as [`Dialogue`] wants them.
pub struct Questions {
    heads: Rc<Heads>,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// About a login.
    Allow,
    /// Nothing: the server is told.
    Report,
}

impl Questions {
    pub(super) fn new(heads: Rc<Heads>) -> Self {
        Self { heads }
    }
}

impl Dialogue for Questions {
    type Question = Question;
    type Answer = Reply;
    type Asked = Asked;

    fn write(&self, question: &Question, output: &mut Secret) -> Asked {
        let (start, asked) = match question {
            Question::Allow(_) => (&self.heads.allow, Asked::Allow),
            Question::Report(..) => (&self.heads.report, Asked::Report),
        };
        let body = body(question);
        output.extend_from_slice(start.as_bytes());
        output.extend_from_slice(body.len().to_string().as_bytes());
        output.extend_from_slice(self.heads.rest.as_bytes());
        output.extend_from_slice(body.as_bytes());
        asked
    }

    fn reader(&self) -> Reader {
        Reader::of_body(LONGEST_ANSWER)
    }

    fn judge(&self, asked: Asked, Whole { reply, content, .. }: Whole) -> Result<Reply, Failure> {
        if !(200..300).contains(&reply.status) {
            return Err(Failure::new(FailureKind::Refused, reply.to_string()));
        }
        if asked == Asked::Report {
            return Ok(Reply::default());
        }
        let unexpected = |reason: String| Failure::new(FailureKind::Unexpected, reason);
        let content = content.ok_or_else(|| unexpected("the answer is cut or too long".to_owned()))?;
        answer::read(&content).map_err(|fault| unexpected(fault.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_goes_to_the_end_of_the_path() {
        for (path, expected) in [
            ("/", "/?command=allow"),
            ("/?", "/??command=allow"),
            ("/x", "/x?command=allow"),
            ("/x?a=b&", "/x?a=b&command=allow"),
            ("/x?a=b", "/x?a=b&command=allow"),
        ] {
            assert_eq!(with_command(path, "allow"), expected);
        }
    }
}
