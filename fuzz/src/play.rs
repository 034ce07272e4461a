//! Plays a login against a server that says whatever the fuzzer wants, and holds both to their contract.

use crate::input::Pieces;
use saslauthd::credentials::Credentials;
use saslauthd::job::{Errand, ErrandResult};
use saslauthd::net::exchange::{
    Exchange, Failure, FailureKind, PoolId, Protocol, QuestionId, Session, SessionEvent, Step,
};
use saslauthd::outcome::{Outcome, Verdict};
use saslauthd::secret::Secret;
use std::fmt;

/// The most that a session has to write at a time, beside what the login takes.
const MOST_OUTPUT: usize = 64 * 1024;

/// More questions than any login needs.
const MOST_QUESTIONS: u64 = 100;

/// What happened, in order. The same server must bring about the same, however its bytes are cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A connection was opened.
    Connected,
    /// These bytes were written.
    Sent(Bytes),
    /// TLS began.
    Secured,
    /// The session said so.
    Ready,
    /// A question was decided; with a reason if it was not answered.
    Answered(Result<(), String>),
    /// The session said so.
    Finished,
    /// The session said why.
    Failed(String),
    /// The login was decided.
    Decided(Outcome),
}

/// Bytes that can be read in a failure.
#[derive(Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.escape_ascii())
    }
}

/// A login and the server that it is checked with.
pub struct Play<'a, P: Protocol> {
    /// The mechanism.
    pub protocol: &'a P,
    /// The server's place in every pool.
    pub server: usize,
    /// The login.
    pub login: &'a [u8],
    /// The password.
    pub password: &'a [u8],
    /// What the server says: each turn when the client has spoken again, or at the start.
    pub turns: &'a [Vec<u8>],
}

/// Whether the login was let in.
pub fn is_accepted(record: &[Happening]) -> bool {
    record.iter().any(|happening| matches!(happening, Happening::Decided(Outcome::Accept(_))))
}

impl<P: Protocol<Request = Credentials, Verdict = Verdict>> Play<'_, P> {
    /// Plays it.
    pub fn play(&self, mut way: Pieces) -> Vec<Happening> {
        let credentials = Credentials {
            login: self.login.to_vec(),
            sent_login: None,
            password: Secret::copy_of(self.password),
            service: b"imap".to_vec(),
            realm: b"example.org".to_vec(),
            client: None,
            connection: None,
        };
        let mut player = Player::new(self, self.protocol.exchange(credentials));
        player.begin();
        for turn in self.turns {
            let pieces = way.cut(turn);
            player.hear(&pieces);
        }
        player.end();
        player.record
    }
}

struct Player<'a, P: Protocol> {
    play: &'a Play<'a, P>,
    exchange: P::Exchange,
    connection: Option<Connection<P>>,
    /// What is to be asked or is being asked.
    question: Option<(PoolId, P::Question)>,
    record: Vec<Happening>,
    questions: u64,
    connections: usize,
}

struct Connection<P: Protocol> {
    pool: PoolId,
    session: P::Session,
    state: State,
    asked: Option<QuestionId>,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum State {
    Opening,
    Securing,
    Ready,
    Finished,
    Failed,
}

impl<'a, P: Protocol<Request = Credentials, Verdict = Verdict>> Player<'a, P> {
    fn new(play: &'a Play<'a, P>, exchange: P::Exchange) -> Self {
        Self {
            play,
            exchange,
            connection: None,
            question: None,
            record: Vec::new(),
            questions: 0,
            connections: 0,
        }
    }

    fn begin(&mut self) {
        let step = self.exchange.begin();
        self.take_step(step);
    }

    /// The server's turn: whatever it leads to is done when all its bytes have come.
    fn hear(&mut self, pieces: &[&[u8]]) {
        let Some(connection) = &mut self.connection else { return };
        let mut events = Vec::new();
        for piece in pieces {
            connection.session.handle_input(piece);
            connection.take_events(&mut events, piece.len() + 4);
            connection.check_output(self.play.login.len() + self.play.password.len());
        }
        self.react(events);
    }

    /// The server closes the connection, and no other can be had.
    fn end(&mut self) {
        if let Some(connection) = &mut self.connection {
            let mut events = Vec::new();
            if connection.state != State::Failed {
                connection.session.handle_end();
                connection.take_events(&mut events, 4);
            }
            self.react(events);
        }
        while self.question.is_some() {
            self.connection = None;
            self.give_up(Failure::new(FailureKind::Unexpected, "the server closes the connection"));
        }
        let decided =
            self.record.iter().filter(|happening| matches!(happening, Happening::Decided(_))).count();
        assert_eq!(decided, 1, "every login is decided, and once");
    }

    fn take_step(&mut self, mut step: Step<P::Question>) {
        loop {
            step = match step {
                Step::Ask(pool, question) => {
                    self.questions += 1;
                    assert!(self.questions < MOST_QUESTIONS, "a login asks without end");
                    self.question = Some((pool, question));
                    return self.ask_or_connect(pool);
                }
                Step::Errand(errand) => self.exchange.handle_errand(run(&errand)),
                Step::Done(Verdict { outcome, .. }) => {
                    check_reply(&outcome);
                    return self.note(Happening::Decided(outcome));
                }
            }
        }
    }

    fn ask_or_connect(&mut self, pool: PoolId) {
        let fit = |connection: &Connection<P>| connection.pool == pool && connection.state == State::Ready;
        if self.connection.as_ref().is_some_and(fit) {
            return self.ask();
        }
        self.say_goodbye();
        let mut session = self.play.protocol.session(pool, self.play.server);
        session.handle_connected();
        let mut connection = Connection { pool, session, state: State::Opening, asked: None };
        let mut events = Vec::new();
        connection.take_events(&mut events, 4);
        self.connection = Some(connection);
        self.connections += 1;
        self.note(Happening::Connected);
        self.react(events);
    }

    fn ask(&mut self) {
        let (Some(connection), Some((_, question))) = (&mut self.connection, &self.question) else { return };
        let id = QuestionId(self.questions);
        connection.asked = Some(id);
        connection.session.ask(id, question);
        let mut events = Vec::new();
        connection.take_events(&mut events, 4);
        self.note_output();
        self.react(events);
    }

    fn react(&mut self, mut events: Vec<SessionEvent<P::Answer>>) {
        if events.iter().any(|event| matches!(event, SessionEvent::Failed(_))) {
            // Whether the driver was told of them depends on how the bytes were cut.
            events.retain(|event| !matches!(event, SessionEvent::Ready | SessionEvent::StartTls));
        }
        self.note_output();
        let connections = self.connections;
        for event in events {
            // What the last connection has to say does not matter when the login has gone on to another.
            if self.connections == connections {
                self.handle_event(event);
            }
        }
    }

    fn handle_event(&mut self, event: SessionEvent<P::Answer>) {
        match event {
            SessionEvent::Ready => {
                self.note(Happening::Ready);
                self.ask();
            }
            SessionEvent::StartTls => self.secure(),
            SessionEvent::Errand(errand) => self.run_errand(&errand),
            SessionEvent::Answered(id, answer) => {
                let asked = self.connection.as_mut().and_then(|connection| connection.asked.take());
                assert_eq!(asked, Some(id), "only what was asked is answered, and once");
                self.note(Happening::Answered(answer.as_ref().map(|_| ()).map_err(ToString::to_string)));
                self.question = None;
                let step = self.exchange.handle_answer(answer);
                self.take_step(step);
            }
            SessionEvent::Finished => self.note(Happening::Finished),
            SessionEvent::Failed(failure) => {
                check_text(&failure.reason);
                self.note(Happening::Failed(failure.to_string()));
                self.give_up(failure);
            }
        }
    }

    fn secure(&mut self) {
        self.note(Happening::Secured);
        let Some(connection) = &mut self.connection else { return };
        let mut events = Vec::new();
        connection.state = State::Opening;
        connection.session.handle_secured();
        connection.take_events(&mut events, 4);
        self.react(events);
    }

    fn run_errand(&mut self, errand: &Errand) {
        let Some(connection) = &mut self.connection else { return };
        let mut events = Vec::new();
        connection.session.handle_errand(run(errand));
        connection.take_events(&mut events, 4);
        self.react(events);
    }

    /// The question cannot be answered.
    fn give_up(&mut self, failure: Failure) {
        if self.question.take().is_some() {
            let step = self.exchange.handle_answer(Err(failure));
            self.take_step(step);
        }
    }

    fn say_goodbye(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        if connection.state != State::Failed {
            connection.session.say_goodbye();
        }
        self.note_output();
    }

    fn note(&mut self, happening: Happening) {
        self.record.push(happening);
    }

    fn note_output(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        let output = connection.session.output();
        if !output.is_empty() {
            let sent = Bytes(output.as_bytes().to_vec());
            output.clear();
            self.note(Happening::Sent(sent));
        }
    }
}

impl<P: Protocol> Connection<P> {
    /// Takes all events, which must come in an order that the driver can make sense of.
    fn take_events(&mut self, events: &mut Vec<SessionEvent<P::Answer>>, most: usize) {
        let before = events.len();
        while let Some(event) = self.session.next_event() {
            self.check_event(&event);
            events.push(event);
            assert!(events.len() - before <= most, "more events than bytes");
        }
    }

    fn check_event(&mut self, event: &SessionEvent<P::Answer>) {
        assert_ne!(self.state, State::Failed, "after a failure nothing more is told");
        match event {
            SessionEvent::Ready => {
                assert_eq!(self.state, State::Opening, "a connection gets ready once");
                self.state = State::Ready;
            }
            SessionEvent::StartTls => {
                assert_eq!(self.state, State::Opening, "TLS begins before questions are asked");
                self.state = State::Securing;
            }
            SessionEvent::Errand(_) => assert_ne!(self.state, State::Finished),
            SessionEvent::Answered(..) => assert!(self.asked.is_some()),
            SessionEvent::Finished => {
                assert_eq!(self.state, State::Ready);
                self.state = State::Finished;
            }
            SessionEvent::Failed(_) => self.state = State::Failed,
        }
    }

    fn check_output(&mut self, login: usize) {
        let length = self.session.output().len();
        assert!(length <= MOST_OUTPUT + 4 * login, "{length} bytes to be written");
    }
}

/// What a worker would answer; the hash is the same for everybody.
fn run(errand: &Errand) -> ErrandResult {
    match errand {
        Errand::Resolve { .. } => ErrandResult::Failed("there is no such host".to_owned()),
        Errand::CheckPassword { password, stored } => ErrandResult::PasswordChecked(password == stored),
        Errand::DeriveKey { .. } => ErrandResult::Key(Secret::copy_of(&[7; 20])),
        Errand::Gssapi(_) => ErrandResult::Failed("there is no Kerberos here".to_owned()),
    }
}

fn check_reply(outcome: &Outcome) {
    let reply = outcome.reply();
    assert!(!reply.contains(['\0', '\r', '\n']), "{reply:?}");
    if let Outcome::Reject(refusal) | Outcome::Unavailable(refusal) = outcome {
        check_text(&refusal.reason);
    }
}

/// A reason for the log, which escapes what a server may have put into it.
fn check_text(text: &str) {
    assert!(!text.is_empty());
    assert!(text.len() < 8 * 1024, "{} bytes", text.len());
}
