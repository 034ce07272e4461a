//! One connection to an IMAP server: greeting, STARTTLS, one login.
#![forbid(unsafe_code)]

use super::capabilities::Capabilities;
use super::command::{Command, Question, TAG};
use super::reader::{Reader, TooLong};
use super::reply::{Condition, Reply, Status};
use super::verdict;
use crate::job::ErrandResult;
use crate::net::exchange::{Failure, FailureKind, QuestionId, Session, SessionEvent, TlsMode};
use crate::secret::Secret;
use std::collections::VecDeque;

const STARTTLS_TAG: &str = "saslauthd1";
const CAPABILITY_TAG: &str = "saslauthd2";

/// How much of a server's text is shown in a reason, in bytes.
const LONGEST_SHOWN: usize = 200;

const NO_IMAP: &str = "the server does not greet as an IMAP server does";

/// What an IMAP server said about a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// `OK`
    Accepted,
    /// `NO`
    Rejected,
}

/// One connection.
pub struct ImapSession {
    tls: TlsMode,
    state: State,
    reader: Reader,
    /// `None` as long as the server has not told them.
    capabilities: Option<Capabilities>,
    output: Secret,
    events: VecDeque<SessionEvent<Answer>>,
}

enum State {
    /// Nothing has come yet.
    Greeting,
    /// STARTTLS is sent.
    AskingForTls,
    /// The server has agreed to TLS: until it has begun nothing may come.
    Securing,
    /// CAPABILITY is sent.
    AskingForCapabilities,
    /// A question can be asked.
    Ready,
    /// It is asked; the parts of the command that wait for a `+`.
    Checking(QuestionId, Command),
    /// It is answered.
    Answered,
    /// Nothing more can be expected.
    Broken,
}

impl ImapSession {
    /// A session for a connection that is being made.
    pub fn new(tls: TlsMode) -> Self {
        Self {
            tls,
            state: State::Greeting,
            reader: Reader::default(),
            capabilities: None,
            output: Secret::default(),
            events: VecDeque::new(),
        }
    }

    fn handle_reply(&mut self, reply: &Reply<'_>) {
        match reply {
            Reply::Blank => {}
            Reply::Untagged(status) if matches!(self.state, State::Greeting) => self.handle_greeting(status),
            _ if matches!(self.state, State::Greeting) => self.fail(FailureKind::Unexpected, NO_IMAP),
            Reply::Untagged(status) if status.condition == Condition::Bye => self.handle_farewell(status),
            Reply::Untagged(_) | Reply::Data => {}
            Reply::Capability(list) => self.capabilities = Some(Capabilities::parse(list)),
            Reply::Continue => self.send_next_part(),
            Reply::Tagged { tag, status } => self.end_command(tag, status),
            Reply::Garbage => self.fail(FailureKind::Unexpected, "the server sends what is not IMAP"),
        }
    }

    fn handle_greeting(&mut self, greeting: &Status<'_>) {
        self.learn(greeting);
        match greeting.condition {
            Condition::Ok if self.tls == TlsMode::StartTls => self.ask_for_tls(),
            Condition::Ok if self.capabilities.is_none() => self.ask_for_capabilities(),
            Condition::Ok => self.become_ready(),
            Condition::Bye | Condition::No => {
                let reason = self.told("the server greets with BYE or NO", greeting);
                self.fail(FailureKind::Refused, reason);
            }
            Condition::Preauth => {
                self.fail(FailureKind::Unexpected, "the server greets with PREAUTH, and so checks no login");
            }
            Condition::Bad => self.fail(FailureKind::Unexpected, NO_IMAP),
        }
    }

    fn handle_farewell(&mut self, farewell: &Status<'_>) {
        let reason = self.told("the server says BYE", farewell);
        self.fail(FailureKind::Refused, reason);
    }

    fn ask_for_tls(&mut self) {
        if self.capabilities.is_some_and(|capabilities| !capabilities.starttls) {
            return self.fail(FailureKind::Contact, "the server does not offer STARTTLS");
        }
        self.send_command(STARTTLS_TAG, "STARTTLS");
        self.state = State::AskingForTls;
    }

    /// A password must not be sent to a server that takes none here, which it may tell with these only.
    fn ask_for_capabilities(&mut self) {
        self.send_command(CAPABILITY_TAG, "CAPABILITY");
        self.state = State::AskingForCapabilities;
    }

    fn become_ready(&mut self) {
        let capabilities = self.capabilities.unwrap_or_default();
        if capabilities.login_disabled && !capabilities.plain {
            let reason = if capabilities.starttls {
                "the server takes no password without TLS: use imap://host?starttls or imaps://host"
            } else {
                "the server has LOGIN disabled and does not offer AUTHENTICATE PLAIN"
            };
            return self.fail(FailureKind::Refused, reason);
        }
        self.state = State::Ready;
        self.events.push_back(SessionEvent::Ready);
    }

    fn end_command(&mut self, tag: &[u8], status: &Status<'_>) {
        match std::mem::replace(&mut self.state, State::Broken) {
            State::AskingForTls if tag == STARTTLS_TAG.as_bytes() => self.end_starttls(status),
            State::AskingForCapabilities if tag == CAPABILITY_TAG.as_bytes() => {
                self.learn(status);
                // A server that does not tell them is treated as one that was not asked.
                self.become_ready();
            }
            State::Checking(id, command) if tag == TAG.as_bytes() => {
                self.end_check(id, command.is_sent(), status);
            }
            _ => self.fail(FailureKind::Unexpected, "the server answers what it was not asked"),
        }
    }

    fn end_starttls(&mut self, status: &Status<'_>) {
        if status.condition == Condition::Ok {
            self.state = State::Securing;
            self.events.push_back(SessionEvent::StartTls);
        } else {
            let reason = self.told("the server refuses STARTTLS", status);
            self.fail(FailureKind::Contact, reason);
        }
    }

    fn end_check(&mut self, id: QuestionId, sent: bool, status: &Status<'_>) {
        self.learn(status);
        let no_verdict = verdict::no_verdict_in(status, self.capabilities);
        let unexpected = |reason: &str| Err(Failure::new(FailureKind::Unexpected, reason));
        let answer = match (status.condition, no_verdict) {
            (Condition::Ok, _) if sent => Ok(Answer::Accepted),
            (Condition::No, Some(why)) => Err(Failure::new(
                FailureKind::Refused,
                format!("the server answers a login with NO and {why}"),
            )),
            (Condition::No, None) if sent => Ok(Answer::Rejected),
            (Condition::No | Condition::Bad, _) if !sent => {
                unexpected("the server refuses the login before it has all of it")
            }
            (Condition::Bad, _) => unexpected("the server answers the login with BAD"),
            _ => {
                return self
                    .fail(FailureKind::Unexpected, "the server answers a login as no IMAP server may");
            }
        };
        self.state = State::Answered;
        self.events.push_back(SessionEvent::Answered(id, answer));
    }

    fn send_next_part(&mut self) {
        let part = match &mut self.state {
            State::Checking(_, command) => command.next_part(),
            _ => None,
        };
        match part {
            Some(part) => self.output.extend_from_slice(part.as_bytes()),
            None => self.fail(FailureKind::Unexpected, "the server asks for more when there is no more"),
        }
    }

    fn send_command(&mut self, tag: &str, command: &str) {
        self.output.extend_from_slice(format!("{tag} {command}\r\n").as_bytes());
    }

    fn learn(&mut self, status: &Status<'_>) {
        if let Some(list) = status.capabilities() {
            self.capabilities = Some(Capabilities::parse(list));
        }
    }

    /// `what`, and what the server says about it; but no text once it has the login, which it may repeat.
    fn told(&self, what: &str, status: &Status<'_>) -> String {
        if matches!(self.state, State::Checking(..)) {
            let code = verdict::known_code(status);
            return code.map_or_else(|| what.to_owned(), |code| format!("{what} [{code}]"));
        }
        let shown = status.text.iter().take(LONGEST_SHOWN);
        let shown = shown.map(|byte| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '?' });
        format!("{what}: \"{}\"", shown.collect::<String>())
    }

    /// Also takes back what the driver has not been told yet: nothing may be begun on this connection any more.
    fn fail(&mut self, kind: FailureKind, reason: impl Into<String>) {
        self.state = State::Broken;
        self.events.retain(|event| !matches!(event, SessionEvent::Ready | SessionEvent::StartTls));
        self.events.push_back(SessionEvent::Failed(Failure::new(kind, reason)));
    }

    /// C's words for a banner that is too long are those for one that does not come.
    fn fail_with_too_long(&mut self) {
        let kind = match self.state {
            State::Greeting => FailureKind::Synchronize,
            _ => FailureKind::Unexpected,
        };
        self.fail(kind, "the server's reply does not end");
    }
}

impl Session for ImapSession {
    type Question = Question;
    type Answer = Answer;

    fn handle_connected(&mut self) {}

    fn handle_secured(&mut self) {
        // RFC 9051, section 6.2.1: what was told in clear does not count.
        self.capabilities = None;
        self.ask_for_capabilities();
    }

    fn handle_input(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match self.state {
                State::Answered | State::Broken => return,
                State::Securing => {
                    return self
                        .fail(FailureKind::Contact, "the server goes on in clear after it agreed to TLS");
                }
                _ => {}
            }
            match self.reader.next_reply(&mut bytes) {
                Ok(Some(line)) => self.handle_reply(&Reply::parse(&line)),
                Ok(None) => {}
                Err(TooLong) => self.fail_with_too_long(),
            }
        }
    }

    fn handle_end(&mut self) {
        self.state = State::Broken;
    }

    fn handle_errand(&mut self, _result: ErrandResult) {}

    fn ask(&mut self, id: QuestionId, question: &Question) {
        match self.state {
            State::Ready => {
                let command = Command::check(question, self.capabilities.unwrap_or_default());
                self.state = State::Checking(id, command);
                self.send_next_part();
            }
            // The driver knows or will learn that nothing can be asked here.
            State::Broken => {}
            _ => self
                .fail(FailureKind::Internal, "a login was to be checked on a connection that was not ready"),
        }
    }

    fn say_goodbye(&mut self) {
        // Anywhere else the word could become part of a command that is not whole yet.
        if matches!(self.state, State::Ready | State::Answered) {
            self.send_command(TAG, "LOGOUT");
            self.state = State::Broken;
        }
    }

    fn output(&mut self) -> &mut Secret {
        &mut self.output
    }

    fn next_event(&mut self) -> Option<SessionEvent<Answer>> {
        self.events.pop_front()
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
