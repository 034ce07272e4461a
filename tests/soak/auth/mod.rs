//! Clients of the socket with Dovecot's protocol: connections that last, with many logins under way at a time.

mod asking;
mod connection;

use super::daemon::AUTH_TIMEOUT;
use super::judge::{Asked, Reply};
use super::random::Random;
use super::report::History;
use super::run::{MARGIN, Run, pause};
use super::truth::{Needs, Question};
use connection::{AuthConnection, Event};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long a request may be on its way while the daemon closes a connection that it takes to be at rest.
const CROSSING: Duration = Duration::from_millis(50);

/// One connection after the other until the end, with all chance from the seed and `number`.
pub fn clients(run: &Run, number: u64) {
    let mut random = Random::of(run.seed, 1000 + number);
    let mut count = 0;
    while run.goes_on() {
        count += 1;
        let history = run.report.history(&format!("client {number} of the auth socket, connection {count}"));
        match AuthConnection::connect(&run.site.path("auth")) {
            Ok(connection) => Client::new(run, connection, history, Random::of(random.next(), 0)).live(),
            Err(error) => {
                let what = format!("nobody listens at the auth socket: {error}");
                run.report.fail(&what, Some(&history), &run.disturbances);
            }
        }
        pause(random.milliseconds(300));
    }
}

/// A connection and what is under way on it.
struct Client<'a> {
    run: &'a Run,
    random: Random,
    connection: AuthConnection,
    history: History,
    last_id: u32,
    open: HashMap<u32, Open<'a>>,
    /// What was taken back and may have been answered at that moment; such an id is not used again.
    withdrawn: HashMap<u32, Needs>,
}

/// A login that has not been answered.
struct Open<'a> {
    kind: &'static str,
    question: Question<'a>,
    sent: Instant,
    complete: Instant,
    /// Whether the server may wait for its client meanwhile, and let somebody else have the place.
    is_slow: bool,
    /// What is to be said when the server asks to go on, the last first.
    steps: Vec<String>,
}

impl<'a> Client<'a> {
    fn new(run: &'a Run, connection: AuthConnection, history: History, random: Random) -> Self {
        let (open, withdrawn) = (HashMap::new(), HashMap::new());
        Self { run, random, connection, history, last_id: 0, open, withdrawn }
    }

    /// From the greeting to whatever end it takes.
    fn live(&mut self) {
        let from = Instant::now();
        if self.random.one_in(20) {
            return self.run.report.count_withdrawn("auth, hangs up");
        }
        if let Err(what) = self.connection.introduce(MARGIN) {
            return self.closed(&what, from);
        }
        for _ in 0..1 + self.random.below(20) {
            self.begin_some();
            if self.random.one_in(40) {
                return self.run.report.count_withdrawn("auth, hangs up");
            }
            if !(self.settle() && self.rest() && self.run.goes_on()) {
                return;
            }
        }
        if self.random.one_in(3) {
            self.be_rude();
        }
    }

    /// Hears until all is answered. False when the connection has come to its end.
    fn settle(&mut self) -> bool {
        let from = Instant::now();
        while !self.open.is_empty() {
            match self.connection.next(Duration::from_secs(1)) {
                Event::Line(fields) => {
                    if !self.hear(&fields) {
                        return false;
                    }
                }
                Event::Closed => {
                    self.closed("closed", from);
                    return false;
                }
                Event::Nothing => self.miss(),
            }
        }
        true
    }

    fn hear(&mut self, fields: &[String]) -> bool {
        self.history.note(format!("hears {}", fields.join(" ")));
        let [word, id, rest @ ..] = fields else { return self.nonsense(fields) };
        let Some(id) = id.parse::<u32>().ok() else { return self.nonsense(fields) };
        if self.withdrawn.contains_key(&id) {
            return true;
        }
        let Some(open) = self.open.get_mut(&id) else { return self.nonsense(fields) };
        let reply = match word.as_str() {
            "CONT" => {
                let Some(step) = open.steps.pop() else { return self.nonsense(fields) };
                open.complete = Instant::now();
                self.connection.send(format!("CONT\t{id}\t{step}\n").as_bytes());
                return true;
            }
            "OK" if rest.contains(&format!("user={}", open.question.checked)) => Reply::Accepted,
            "FAIL" if rest.iter().any(|field| field == "temp") => Reply::Unavailable,
            "FAIL" => Reply::Refused,
            _ => Reply::Broken(fields.join(" ")),
        };
        self.answer(id, reply);
        true
    }

    fn answer(&mut self, id: u32, reply: Reply) {
        let Some(Open { kind, question, sent, complete, is_slow, .. }) = self.open.remove(&id) else {
            return;
        };
        let (answered, deadline) = (Instant::now(), AUTH_TIMEOUT);
        let asked = Asked { question, sent, complete, answered, deadline, is_slow, reply };
        self.run.report.judge(kind, &asked, &self.run.disturbances, &self.history);
    }

    /// Gives up what should have been answered long ago.
    fn miss(&mut self) {
        let is_lost = |open: &Open<'_>| open.complete.elapsed() > AUTH_TIMEOUT + MARGIN;
        let lost: Vec<_> = self.open.iter().filter(|(_, open)| is_lost(open)).map(|(id, _)| *id).collect();
        lost.into_iter().for_each(|id| self.answer(id, Reply::Missing));
    }

    /// A close says of one login that it could not be checked, and takes the others along: which one it was is not said.
    fn closed(&mut self, what: &str, from: Instant) {
        self.history.note(what);
        let mut open: Vec<_> = std::mem::take(&mut self.open).into_values().collect();
        open.sort_by_key(|open| open.complete);
        let needs = open.iter().map(|open| open.question.needs).chain(self.withdrawn.values().copied());
        let needs = needs.fold(Needs::default(), Needs::or);
        let is_slow = open.iter().any(|open| open.is_slow);
        // What was on its way when a connection at rest made room for another.
        if open.iter().all(|open| open.sent.elapsed() < CROSSING) {
            open.iter().for_each(|_| self.run.report.count_withdrawn("auth, closed with another"));
            open.clear();
        }
        let mut open = open.into_iter();
        let Some(first) = open.next() else {
            return self.run.report.silent_connection_closed(what, needs, from, &self.history);
        };
        open.for_each(|_| self.run.report.count_withdrawn("auth, closed with another"));
        let Open { kind, mut question, sent, complete, .. } = first;
        question.needs = needs;
        let (answered, deadline, reply) = (Instant::now(), AUTH_TIMEOUT, Reply::Unavailable);
        let asked = Asked { question, sent, complete, answered, deadline, is_slow, reply };
        self.run.report.judge(kind, &asked, &self.run.disturbances, &self.history);
    }

    /// Has nothing to say for a while; the connection stays, whatever is reloaded. False when it does not.
    fn rest(&mut self) -> bool {
        let from = Instant::now();
        // A frontend that only answers what it still has hands the connection over when all is answered. If the next one was
        // killed meanwhile there is nobody to take it.
        let handed_over_since = from.checked_sub(AUTH_TIMEOUT + MARGIN).unwrap_or(from);
        let is_long = self.random.one_in(25);
        let time = self.random.milliseconds(if is_long { 30_000 } else { 400 });
        while from.elapsed() < time && self.run.goes_on() {
            match self.connection.next(time.min(Duration::from_millis(500))) {
                Event::Nothing => {}
                Event::Line(fields) => {
                    if !self.hear(&fields) {
                        return false;
                    }
                }
                Event::Closed => {
                    self.closed("closed at rest", handed_over_since);
                    return false;
                }
            }
        }
        true
    }

    /// Says what nobody may say: it is closed, and nobody is accepted.
    fn be_rude(&mut self) {
        let line: Vec<u8> = match self.random.below(4) {
            0 => b"NONSENSE\t1\n".to_vec(),
            1 => vec![b'A'; 20_000],
            2 => b"AUTH\t999999\tUNKNOWN\tservice=smtp\n".to_vec(),
            _ => b"VERSION\t1\t2\n".to_vec(),
        };
        self.history.note(format!("is rude: {}", line[..line.len().min(40)].escape_ascii()));
        self.connection.send(&line);
        loop {
            match self.connection.next(MARGIN) {
                Event::Closed => return self.run.report.count_withdrawn("auth, rude"),
                Event::Line(fields) if fields.first().is_some_and(|word| word != "OK") => {}
                other => {
                    let what = format!("rudeness gets {other:?}");
                    return self.run.report.fail(&what, Some(&self.history), &self.run.disturbances);
                }
            }
        }
    }

    fn nonsense(&mut self, fields: &[String]) -> bool {
        let what = format!("an answer to what was not asked, or was answered already: {}", fields.join(" "));
        self.run.report.fail(&what, Some(&self.history), &self.run.disturbances);
        false
    }
}
