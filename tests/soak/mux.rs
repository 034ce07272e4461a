//! Clients of `mux`: one connection for each login, by those who behave and those who do not.

use super::daemon::{MUX_TIMEOUT, READ_TIMEOUT};
use super::judge::{Asked, Reply};
use super::questions;
use super::random::Random;
use super::report::History;
use super::run::{MARGIN, Run, pause};
use super::site;
use super::truth::{Needs, Question};
use crate::support::{Answer, Connection, Request};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const IN_PIECES: &str = "mux, in pieces";
const BYTE_BY_BYTE: &str = "mux, byte by byte";

/// Those who take their time to ask, and may have to make room meanwhile.
const SLOW_KINDS: [&str; 2] = [IN_PIECES, BYTE_BY_BYTE];

/// One client after the other until the end, with all chance from the seed and `number`.
pub fn clients(run: &Run, number: u64) {
    let random = Random::of(run.seed, 100 + number);
    let mut client = Client { run, number, random, count: 0 };
    while run.goes_on() {
        client.come();
        pause(client.random.milliseconds(150));
    }
}

struct Client<'a> {
    run: &'a Run,
    number: u64,
    random: Random,
    count: u64,
}

impl<'a> Client<'a> {
    fn come(&mut self) {
        self.count += 1;
        let mut history =
            self.run.report.history(&format!("client {} of mux, connection {}", self.number, self.count));
        let connection = match Connection::try_new(&self.run.daemon.file("mux")) {
            Ok(connection) => connection,
            Err(error) => return self.fail(&format!("nobody listens at mux: {error}"), &history),
        };
        match self.random.below(100) {
            0..60 => self.ask("mux, at once", connection, &mut history, Client::at_once),
            60..68 => self.ask(IN_PIECES, connection, &mut history, Client::in_pieces),
            68..74 => self.ask(BYTE_BY_BYTE, connection, &mut history, Client::byte_by_byte),
            74..80 => self.ask("mux, and no more to say", connection, &mut history, Client::and_finish),
            80..84 => self.ask("mux, with bytes behind", connection, &mut history, Client::with_more),
            84..87 => self.ask("mux, reads late", connection, &mut history, Client::and_wait),
            87..90 => self.leave_early(connection),
            90..93 => self.leave_late(connection),
            93..97 => self.invalid(connection, &mut history),
            97..99 => self.garbage(connection, &mut history),
            _ => self.stay_silent(connection, &mut history),
        }
    }

    /// A whole request, and the judgement of its answer.
    fn ask(
        &mut self,
        kind: &'static str,
        mut connection: Connection,
        history: &mut History,
        send: impl FnOnce(&mut Self, &mut Connection, &Request) -> std::io::Result<()>,
    ) {
        let (question, request) = self.question(!SLOW_KINDS.contains(&kind));
        history.note(format!("asks for [{}] [{}] [{}]", question.login, question.password, question.realm));
        let sent = Instant::now();
        let is_sent = send(self, &mut connection, &request);
        let complete = Instant::now();
        history.note(format!("has sent it: {is_sent:?}"));
        let answer = connection.receive_within(MUX_TIMEOUT + MARGIN);
        let answered = Instant::now();
        history.note(format!("has got {answer:?}"));
        let reply = reply(answer);
        let (deadline, is_slow) = (MUX_TIMEOUT, SLOW_KINDS.contains(&kind));
        let asked = Asked { question, sent, complete, answered, deadline, is_slow, reply };
        self.run.report.judge(kind, &asked, &self.run.disturbances, history);
    }

    /// The address of a client is a fifth string, which has to come in one write with the others; where it may get
    /// lost nobody is asked about whom it decides.
    fn question(&mut self, may_have_address: bool) -> (Question<'a>, Request) {
        if may_have_address && self.random.one_in(4) {
            let question = questions::with_address(&self.run.site, &mut self.random);
            let address = format!("{};4711", site::client_address(&mut self.random));
            let request = self.request(&question).address(address);
            return (question, request);
        }
        let question = questions::any(&self.run.site, &mut self.random);
        let request = self.request(&question);
        (question, request)
    }

    fn request(&mut self, question: &Question<'a>) -> Request {
        let request = Request::new(&question.login, &question.password).service("smtp");
        let is_one_word = question.realm.is_empty() || self.random.one_in(2);
        if is_one_word {
            let at = if question.realm.is_empty() { "" } else { "@" };
            let login = format!("{}{at}{}", question.login, question.realm);
            Request::new(login, &question.password).service("smtp")
        } else {
            request.realm(&question.realm)
        }
    }

    fn at_once(&mut self, connection: &mut Connection, request: &Request) -> std::io::Result<()> {
        connection.try_send(&request.bytes()).map(drop)
    }

    fn in_pieces(&mut self, connection: &mut Connection, request: &Request) -> std::io::Result<()> {
        for chunk in request.chunks() {
            connection.try_send(&chunk)?;
            pause(self.random.milliseconds(30));
        }
        Ok(())
    }

    fn byte_by_byte(&mut self, connection: &mut Connection, request: &Request) -> std::io::Result<()> {
        let time = self.random.milliseconds(40);
        for byte in request.bytes() {
            connection.try_send(&[byte])?;
            pause(time);
        }
        Ok(())
    }

    fn and_finish(&mut self, connection: &mut Connection, request: &Request) -> std::io::Result<()> {
        connection.try_send(&request.bytes())?;
        connection.try_finish_sending()
    }

    fn with_more(&mut self, connection: &mut Connection, request: &Request) -> std::io::Result<()> {
        let length = 1 + usize::try_from(self.random.below(64)).unwrap();
        let more = vec![0xFF; length];
        connection.try_send(&[request.bytes(), more].concat()).map(drop)
    }

    fn and_wait(&mut self, connection: &mut Connection, request: &Request) -> std::io::Result<()> {
        connection.try_send(&request.bytes())?;
        pause(Duration::from_millis(500) + self.random.milliseconds(1500));
        Ok(())
    }

    /// Hangs up within its request.
    fn leave_early(&mut self, mut connection: Connection) {
        let bytes = self.question(false).1.bytes();
        let length = usize::try_from(self.random.below(bytes.len() as u64)).unwrap();
        let _ = connection.try_send(&bytes[..length]);
        pause(self.random.milliseconds(50));
        self.run.report.count_withdrawn("mux, hangs up");
    }

    /// Hangs up before its answer has come, or when it has.
    fn leave_late(&mut self, mut connection: Connection) {
        let _ = connection.try_send(&self.question(true).1.bytes());
        pause(self.random.milliseconds(50));
        self.run.report.count_withdrawn("mux, hangs up");
    }

    /// Refused as soon as it is read, and never with anything but a refusal.
    fn invalid(&mut self, mut connection: Connection, history: &mut History) {
        let large = vec![b'a'; 9000];
        let request = match self.random.below(5) {
            0 => Request::new(&large[..2000], "x"),
            1 => Request::new("file0", &large),
            2 => Request::new("", "x"),
            3 => Request::new("file0", ""),
            _ => Request::new("file0\0x", site::password("file", 0)),
        };
        let sent = Instant::now();
        let _ = connection.try_send(&request.bytes());
        let answer = connection.receive_within(MUX_TIMEOUT + MARGIN);
        history.note(format!("an invalid request gets {answer:?}"));
        match answer {
            Some(answer) if answer.is_no() => self.run.report.count_withdrawn("mux, invalid"),
            Some(answer) if answer.is_none() => {
                let what = "an invalid request is closed without a refusal";
                self.run.report.silent_connection_closed(what, Needs::default(), sent, history);
            }
            other => self.fail(&format!("an invalid request gets {other:?}"), history),
        }
    }

    /// Random bytes, and then nothing: closed or refused in time, never accepted.
    fn garbage(&mut self, mut connection: Connection, history: &mut History) {
        let length = 1 + self.random.below(300);
        let bytes: Vec<_> = (0..length).map(|_| self.random.next().to_le_bytes()[0]).collect();
        history.note(format!("sends {}", bytes.escape_ascii()));
        let _ = connection.try_send(&bytes);
        if self.random.one_in(2) {
            let _ = connection.try_finish_sending();
        }
        let answer = connection.receive_within(READ_TIMEOUT + MUX_TIMEOUT + MARGIN);
        match answer {
            Some(answer) if answer.is_no() || answer.is_none() => {
                self.run.report.count_withdrawn("mux, garbage");
            }
            other => self.fail(&format!("random bytes get {other:?}"), history),
        }
    }

    /// Says nothing, or not all, until it is thrown out; nothing is said to it.
    fn stay_silent(&mut self, mut connection: Connection, history: &mut History) {
        let bytes = self.question(false).1.bytes();
        let is_half_sent = self.random.one_in(2);
        if is_half_sent {
            let _ = connection.try_send(&bytes[..bytes.len() / 2]);
        }
        let answer = connection.receive_within(READ_TIMEOUT + MARGIN);
        match answer {
            Some(answer) if answer.is_none() => self.run.report.count_withdrawn("mux, silent"),
            other => self.fail(&format!("silence (half sent: {is_half_sent}) gets {other:?}"), history),
        }
    }

    fn fail(&self, what: &str, history: &History) {
        self.run.report.fail(what, Some(history), &self.run.disturbances);
    }
}

fn reply(answer: Option<Answer>) -> Reply {
    match answer {
        None => Reply::Missing,
        Some(answer) if answer.is_ok() => Reply::Accepted,
        Some(answer) if answer.is_no() => Reply::Refused,
        Some(answer) if answer.is_none() => Reply::Unavailable,
        Some(answer) => Reply::Broken(format!("{answer:?}")),
    }
}

/// A login by somebody who is not part of the load; of a service of its own, or it would be answered from the cache.
pub fn ask_once(run: &Run, question: &Question<'_>) -> Reply {
    ask_once_from(run, question, None)
}

/// The same of a client with an address.
pub fn ask_once_from(run: &Run, question: &Question<'_>, address: Option<&str>) -> Reply {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let login = format!("{}@{}", question.login, question.realm);
    let service = format!("probe{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let mut request = Request::new(login, &question.password).service(service);
    if let Some(address) = address {
        request = request.address(format!("{address};4711"));
    }
    let Ok(mut connection) = Connection::try_new(&run.daemon.file("mux")) else { return Reply::Missing };
    // When the daemon has closed already, the close is the answer.
    let _ = connection.try_send(&request.bytes());
    reply(connection.receive_within(MUX_TIMEOUT + MARGIN))
}
