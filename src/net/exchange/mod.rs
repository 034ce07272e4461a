//! Mechanisms that ask a server, without I/O: bytes in, bytes out. `net` has the sockets, TLS, deadlines and pools.
//!
//! A login is an [`Exchange`]: it asks one [`Protocol::Question`] after another until it knows its verdict. A question
//! travels over any connection of its [`PoolSettings`]; a [`Session`] is what one connection has said and heard.
#![forbid(unsafe_code)]

pub mod pool_settings;

pub use pool_settings::{Address, PoolSettings, Server, Sharing, Timeouts, TlsMode, TlsSettings, TlsVersion};

use crate::job::{Errand, ErrandResult};
use crate::secret::Secret;
use std::fmt;
use std::rc::Rc;

/// Which group of interchangeable connections a question goes to; the protocol numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolId(pub usize);

/// A question that is on its way, numbered by the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QuestionId(pub u64);

/// A mechanism that asks servers.
pub trait Protocol: 'static {
    /// What is to be decided: credentials, unless it is no mechanism.
    type Request;
    /// What comes of it: a [`Verdict`](crate::outcome::Verdict), likewise.
    type Verdict;
    /// One thing to ask. Kept until it is answered, since it may have to be asked again on another connection.
    type Question;
    /// What the server said, as far as the exchange needs it.
    type Answer;
    /// One connection.
    type Session: Session<Question = Self::Question, Answer = Self::Answer>;
    /// One login.
    type Exchange: Exchange<Question = Self::Question, Answer = Self::Answer, Verdict = Self::Verdict>;

    /// The pools that are known at the start, so that a certificate that cannot be read is an error then.
    fn pools(&self) -> Vec<PoolId> {
        vec![PoolId(0)]
    }

    /// The pool of that number, as a question named it.
    fn pool(&self, pool: PoolId) -> Rc<PoolSettings>;

    /// Ports, as numbers or names from /etc/services, of servers that are in none of [`Self::pools`] and may yet be asked.
    fn further_ports(&self) -> Vec<String> {
        Vec::new()
    }

    /// A session for a new connection to the server at that place in the pool's list.
    fn session(&self, pool: PoolId, server: usize) -> Self::Session;

    /// The exchange that decides that request.
    fn exchange(&self, request: Self::Request) -> Self::Exchange;
}

/// One connection: what is to be written, and what the bytes read mean.
///
/// After every call the driver takes all events and writes the output. It tells when a question takes too long or
/// the connection breaks; a session counts no time.
pub trait Session {
    /// See [`Protocol::Question`].
    type Question;
    /// See [`Protocol::Answer`].
    type Answer;

    /// The connection is there, and TLS on it if the server wants that from the start.
    fn handle_connected(&mut self);

    /// TLS has begun, as [`SessionEvent::StartTls`] asked.
    fn handle_secured(&mut self);

    /// Bytes have come. Those that are no whole reply yet are kept, within a bound.
    fn handle_input(&mut self, bytes: &[u8]);

    /// The server has closed its end. Whatever that does not answer is unanswered, and the driver says so itself.
    fn handle_end(&mut self);

    /// The result of a [`SessionEvent::Errand`].
    fn handle_errand(&mut self, result: ErrandResult);

    /// Puts a question into the output. Only called after [`SessionEvent::Ready`], and no more than the pool's
    /// [`Sharing`] allows at a time.
    fn ask(&mut self, id: QuestionId, question: &Self::Question);

    /// Nobody waits for the answer to the question any more, and the connection is to carry others on. A protocol that
    /// has a word for that puts it into the output. Only where several questions share a connection.
    fn abandon(&mut self, _: QuestionId) {}

    /// A question to which a part of the answer has come, though not all of it: the server need not be asked it again.
    /// Each may be named more than once. A protocol that carries one question on a connection need not tell.
    fn next_begun(&mut self) -> Option<QuestionId> {
        None
    }

    /// Puts the protocol's farewell into the output, if it has one; the driver closes when that is written.
    fn say_goodbye(&mut self);

    /// Bytes to be written. The driver clears it when it has written all.
    fn output(&mut self) -> &mut Secret;

    /// What has happened, oldest first.
    fn next_event(&mut self) -> Option<SessionEvent<Self::Answer>>;
}

/// What a session has to say to the driver.
pub enum SessionEvent<Answer> {
    /// Questions can be asked.
    Ready,
    /// The output is written, then TLS begins on this connection.
    StartTls,
    /// A worker is to do something: while the session is not ready yet, for the one question of a connection that
    /// carries one at a time, or for whatever is said on a connection that the worker protects. A session has one at a time.
    Errand(Errand),
    /// A question is decided. With a [`Failure`] the connection is sound, but this server cannot answer.
    Answered(QuestionId, Result<Answer, Failure>),
    /// The server will take no further question here, though nothing is wrong.
    Finished,
    /// The connection is of no use; what was asked on it is unanswered.
    Failed(Failure),
}

/// One login's way to its verdict.
pub trait Exchange {
    /// See [`Protocol::Question`].
    type Question;
    /// See [`Protocol::Answer`].
    type Answer;
    /// See [`Protocol::Verdict`].
    type Verdict;

    /// The first step.
    fn begin(&mut self) -> Step<Self::Question, Self::Verdict>;

    /// The step after an answer. A [`Failure`] means that no server of the pool could answer in time.
    fn handle_answer(&mut self, answer: Result<Self::Answer, Failure>)
    -> Step<Self::Question, Self::Verdict>;

    /// The step after an errand.
    fn handle_errand(&mut self, result: ErrandResult) -> Step<Self::Question, Self::Verdict>;
}

/// What a login needs next.
pub enum Step<Question, Verdict = crate::outcome::Verdict> {
    /// Ask this.
    Ask(PoolId, Question),
    /// Have a worker do this.
    Errand(Errand),
    /// Nothing more.
    Done(Verdict),
}

/// Why a question has no answer. Never a rejection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind, by which the mechanism chooses the C daemon's text.
    pub kind: FailureKind,
    /// What went wrong, for the log: a phrase without a full stop, and nothing that a login contains.
    pub reason: String,
}

/// How far it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// No connection: the name is unknown, nobody listens, TLS cannot be agreed on, all connections are taken.
    Contact,
    /// The server says that it cannot serve now.
    Refused,
    /// The server can serve, but has nothing of what was asked about; another one may.
    NotHere,
    /// The connection broke or the time was over before the server had said its first word.
    Synchronize,
    /// The connection broke, the time was over or the reply made no sense after that.
    Unexpected,
    /// The mechanism's own fault.
    Internal,
}

impl Failure {
    /// A failure of that kind.
    pub fn new(kind: FailureKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reason)
    }
}

impl std::error::Error for Failure {}
