//! One connection: a line comes in, a reply goes out.
#![forbid(unsafe_code)]

use super::command::Command;
use crate::config::endpoint::LONGEST_REQUEST;

/// The answer to a request.
pub enum Reply {
    /// It is done: the text is what is to be shown.
    Text(String),
    /// It is done, and what is to be shown is long: it is made bit by bit.
    Listing(Box<dyn LongReply>),
    /// It is not done: one sentence.
    Error(String),
}

/// A long reply, while it is made.
pub trait LongReply {
    /// Puts some more into words: little enough for others not to wait. The whole text when all is.
    fn go_on(&mut self) -> Option<String>;
}

/// A connection without I/O.
#[derive(Default)]
pub struct Session {
    state: State,
}

enum State {
    /// The line is not complete.
    Reading(Vec<u8>),
    /// Somebody else is to answer.
    Deciding,
    /// The reply is made bit by bit.
    Listing(Box<dyn LongReply>),
    /// The reply, and how much of it has been written.
    Writing { reply: Vec<u8>, written: usize },
}

impl Default for State {
    fn default() -> Self {
        Self::Reading(Vec::new())
    }
}

impl Session {
    /// Takes what was read. The first whole line is the request; what comes behind it is ignored. A line that is none is
    /// answered here.
    pub fn handle_input(&mut self, input: &[u8]) -> Option<Command> {
        let State::Reading(line) = &mut self.state else { return None };
        let room = LONGEST_REQUEST - line.len();
        let end = input.iter().take(room).position(|byte| *byte == b'\n');
        let Some(end) = end else {
            if input.len() >= room {
                self.refuse(&format!("a request has at most {LONGEST_REQUEST} bytes"));
            } else {
                line.extend_from_slice(input);
            }
            return None;
        };
        line.extend(input.iter().take(end));
        match Command::parse(line) {
            Ok(command) => {
                self.state = State::Deciding;
                Some(command)
            }
            Err(wrong) => {
                self.refuse(&wrong.to_string());
                None
            }
        }
    }

    /// Nothing more comes in. A line that has begun is not taken for a whole one: it may have been meant to go on.
    pub fn handle_end_of_input(&mut self) {
        if matches!(&self.state, State::Reading(line) if !line.is_empty()) {
            self.refuse("the request has no end of line");
        }
    }

    /// The time for the request, or for its answer, is over. Whether that is said.
    pub fn handle_timeout(&mut self) -> bool {
        match self.state {
            State::Reading(_) => self.refuse("the request has not come in time"),
            State::Deciding => self.refuse("the daemon's other processes have not answered in time"),
            State::Listing(_) | State::Writing { .. } => return false,
        }
        true
    }

    /// Answers the request.
    pub fn answer(&mut self, reply: Reply) {
        match reply {
            Reply::Text(text) => self.write(text),
            Reply::Error(sentence) => self.refuse(&sentence),
            Reply::Listing(listing) => self.state = State::Listing(listing),
        }
    }

    fn write(&mut self, mut text: String) {
        let head = format!("ok {}\n", text.len());
        text.insert_str(0, &head);
        self.state = State::Writing { reply: text.into_bytes(), written: 0 };
    }

    fn refuse(&mut self, sentence: &str) {
        let one_line = sentence.replace('\n', " ");
        self.state = State::Writing { reply: format!("error {one_line}\n").into_bytes(), written: 0 };
    }

    /// Whether [`Self::go_on`] has something to do.
    pub fn has_work(&self) -> bool {
        matches!(self.state, State::Listing(_))
    }

    /// Makes some more of a long reply: little enough for others not to wait.
    pub fn go_on(&mut self) {
        let State::Listing(listing) = &mut self.state else { return };
        if let Some(text) = listing.go_on() {
            self.write(text);
        }
    }

    /// Whether nothing has been said yet: another process may as well go on with it.
    pub fn is_silent(&self) -> bool {
        matches!(&self.state, State::Reading(line) if line.is_empty())
    }

    /// Whether the request is still to come.
    pub fn is_reading(&self) -> bool {
        matches!(self.state, State::Reading(_))
    }

    /// What is to be written.
    pub fn output(&self) -> &[u8] {
        match &self.state {
            State::Writing { reply, written } => reply.get(*written..).unwrap_or_default(),
            _ => &[],
        }
    }

    /// So much of the output has been written.
    pub fn handle_written(&mut self, length: usize) {
        if let State::Writing { written, .. } = &mut self.state {
            *written += length;
        }
    }

    /// Whether the whole reply is written.
    pub fn is_over(&self) -> bool {
        matches!(&self.state, State::Writing { reply, written } if *written >= reply.len())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::simulation::{Random, of_all_seeds};

    fn output(session: &Session) -> &str {
        std::str::from_utf8(session.output()).unwrap()
    }

    #[test]
    fn a_request_is_a_line_however_it_is_cut_and_its_reply_says_how_long_it_is() {
        let mut session = Session::default();
        assert!(session.is_silent());
        assert_eq!(session.handle_input(b"pi"), None);
        assert!(!session.is_silent() && session.is_reading() && session.output().is_empty());
        assert_eq!(session.handle_input(b"ng\nmore"), Some(Command::Ping));
        assert_eq!(session.handle_input(b"ping\n"), None, "one request, one reply");
        session.answer(Reply::Text("päng\n".into()));
        assert_eq!(output(&session), "ok 6\npäng\n");
        session.handle_written(5);
        assert_eq!(output(&session), "päng\n");
        assert!(!session.is_over());
        session.handle_written(6);
        assert!(session.is_over());
    }

    #[test]
    fn what_is_no_request_is_answered_by_one_sentence() {
        for (input, sentence) in [
            ("nonsense\n".to_owned(), "error this daemon does not know the command"),
            ("x".repeat(LONGEST_REQUEST), "error a request has at most 1024 bytes\n"),
            (format!("{}\n", "x".repeat(LONGEST_REQUEST)), "error a request has at most 1024 bytes\n"),
            (format!("{}\n", "x".repeat(LONGEST_REQUEST - 1)), "error this daemon"),
        ] {
            let mut session = Session::default();
            assert_eq!(session.handle_input(input.as_bytes()), None);
            assert!(output(&session).starts_with(sentence), "{}", output(&session));
            assert_eq!(output(&session).lines().count(), 1);
        }
        let mut session = Session::default();
        session.handle_input(b"cache flush anna");
        session.handle_end_of_input();
        assert_eq!(output(&session), "error the request has no end of line\n");
        let mut session = Session::default();
        assert!(session.handle_timeout());
        assert_eq!(output(&session), "error the request has not come in time\n");
        assert!(!session.handle_timeout(), "it is said once");
        let mut session = Session::default();
        session.handle_input(b"log-level debug\n");
        assert!(session.handle_timeout());
        assert!(output(&session).starts_with("error the daemon's other processes"));
        let mut session = Session::default();
        session.handle_input(b"ping\n");
        session.answer(Reply::Error("two\nlines".into()));
        assert_eq!(output(&session), "error two lines\n");
    }

    #[test]
    fn whoever_hangs_up_without_a_word_gets_none() {
        let mut session = Session::default();
        session.handle_end_of_input();
        assert!(session.output().is_empty() && session.is_silent());
    }

    /// Whatever comes in, memory is bounded and there is at most one request.
    #[test]
    fn no_input_makes_it_grow_or_fail() {
        of_all_seeds(|seed| {
            let mut random = Random(seed);
            let mut session = Session::default();
            let mut requests = 0;
            for _ in 0..40 {
                let bytes: Vec<_> =
                    (0..random.below(200)).filter_map(|_| random.pick(b"cache flushping\n\xff\0")).collect();
                requests += usize::from(session.handle_input(&bytes).is_some());
                if let State::Reading(line) = &session.state {
                    assert!(line.len() < LONGEST_REQUEST);
                }
            }
            assert!(requests <= 1);
        });
    }
}
