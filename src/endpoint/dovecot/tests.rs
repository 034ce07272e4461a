//! The session as clients see it. What is said to be as Dovecot does it was seen of Dovecot 2.3.19.1.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod connections;
mod exchanges;
mod flood;
mod requests;
mod unavailable;

use super::session::Stage;
use super::*;
use crate::outcome::Outcome;
use crate::secret::Secret;
use std::rc::Rc;
use std::time::Instant;

const IDENTITY: Identity = Identity { process: 4711, connection: 25, cookie: [0xa5; 16] };
const CONTINUATION_TIME: Duration = Duration::from_secs(60);

fn settings() -> SessionSettings {
    SessionSettings {
        mechanisms: Mechanism::ALL.to_vec(),
        limits: Limits::DEFAULT,
        max_open: 16,
        continuation_time: CONTINUATION_TIME,
        service: None,
        on_unavailable: OnUnavailable::Close,
    }
}

/// A client and the session that serves it.
struct Client {
    session: Session,
    now: Instant,
}

impl Client {
    /// One that has not said a word, and has not read the greeting.
    fn new(settings: SessionSettings) -> Self {
        let now = Instant::now();
        Self { session: Session::new(Rc::new(settings), &IDENTITY, now), now }
    }

    /// One that has shaken hands as Postfix does.
    fn greeted() -> Self {
        Self::greeted_with(settings(), 0)
    }

    fn greeted_with(settings: SessionSettings, minor: u32) -> Self {
        let mut client = Self::new(settings);
        client.send(format!("VERSION\t1\t{minor}\nCPID\t9040\n"));
        assert_eq!(client.session.hand_over().stage, Stage::Serving { minor });
        client
    }

    /// Sends bytes and reads all that there is.
    fn send(&mut self, bytes: impl AsRef<[u8]>) -> String {
        self.session.handle_input(bytes.as_ref(), self.now);
        self.read()
    }

    fn read(&mut self) -> String {
        let output = std::mem::take(self.session.output());
        String::from_utf8(output.as_bytes().to_vec()).unwrap()
    }

    /// `AUTH` with PLAIN and this response.
    fn plain(&mut self, id: u32, response: &[u8]) -> String {
        self.send(plain(id, response))
    }

    /// Has the login asked about that is expected, and returns its number.
    #[track_caller]
    fn request(&mut self) -> Request {
        match self.session.next_event() {
            Some(SessionEvent::Request(request)) => request,
            _ => panic!("no request"),
        }
    }

    fn answer(&mut self, request: &Request, outcome: &Outcome) -> String {
        self.session.handle_answer(request.number, outcome, &request.credentials.login);
        self.read()
    }

    #[track_caller]
    fn refused(&mut self) -> RefusalReason {
        match self.session.next_event() {
            Some(SessionEvent::Refused(refused)) => refused.reason,
            _ => panic!("not refused"),
        }
    }

    #[track_caller]
    fn closed(&mut self) -> CloseReason {
        match self.session.next_event() {
            Some(SessionEvent::Close(reason)) => {
                assert!(self.session.next_event().is_none(), "nothing follows");
                assert!(!self.session.wants_input() && self.session.next_timeout().is_none());
                assert_eq!(self.send("AUTH\t99\tPLAIN\tservice=x\n"), "", "nothing is heard any more");
                reason
            }
            _ => panic!("not closed"),
        }
    }

    #[track_caller]
    fn assert_nothing_happens(&mut self) {
        assert!(self.session.next_event().is_none());
        assert_eq!(self.read(), "");
    }

    fn pass(&mut self, time: Duration) -> String {
        self.now += time;
        self.session.handle_timeout(self.now);
        self.read()
    }
}

fn base64(bytes: &[u8]) -> String {
    openssl::base64::encode_block(bytes)
}

fn plain(id: u32, response: &[u8]) -> String {
    format!("AUTH\t{id}\tPLAIN\tservice=smtp\tresp={}\n", base64(response))
}

fn login(id: u32) -> String {
    format!("AUTH\t{id}\tLOGIN\tservice=smtp\n")
}

fn unavailable() -> Outcome {
    Outcome::internal_failure("test")
}
