//! What clients of the Dovecot socket can send.

use crate::input::{Input, Pieces, SEPARATOR, ways_to_cut};
use crate::memory::most_held;
use saslauthd::config::{Limits, OnUnavailable};
use saslauthd::endpoint::dovecot::{Identity, Mechanism, Request, Session, SessionEvent, SessionSettings};
use saslauthd::outcome::Outcome;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::time::{Duration, Instant};

const LIMITS: [Limits; 2] = [Limits::DEFAULT, Limits { password: 8, field: 4 }];
const HELLO: [&[u8]; 3] = [b"", b"VERSION\t1\t1\nCPID\t7\n", b"VERSION\t1\t2\nCPID\t7\n"];
const CONTINUATION_TIME: Duration = Duration::from_secs(60);
const MOST_OPEN: usize = 4;

/// A frontend reads that much at a time.
const READ_SIZE: usize = 16 * 1024;

/// What a connection may take: a line and its doubled buffer, the answers to one read, and for each of them an event.
const MOST_HELD: usize = 768 * 1024;

/// The passwords that are right, and with which nobody can be asked. All others are wrong.
const RIGHT: &[u8] = b"secret";
const UNAVAILABLE: &[u8] = b"down";

/// Whatever the client sends: the same comes of it in whatever pieces; only what it has sent is asked about; every line
/// that it hears is an answer to something it has said; and it hears OK only for a login whose password is right.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes, SEPARATOR);
    let hello = HELLO[usize::from(input.choose(3))];
    let limits = LIMITS[usize::from(input.choose(2))];
    let on_unavailable = [OnUnavailable::Close, OnUnavailable::No][usize::from(input.choose(2))];
    // Enough for the longest line.
    let times = 1 << input.choose(12);
    let mut turns = input.rest(times);
    turns.insert(0, hello.to_vec());
    let said = Said::by(&turns.concat());
    let settings = Rc::new(SessionSettings {
        mechanisms: Mechanism::ALL.to_vec(),
        limits,
        max_open: MOST_OPEN,
        continuation_time: CONTINUATION_TIME,
        service: None,
        on_unavailable,
    });
    let mut records = ways_to_cut(turns.iter().map(Vec::len).sum()).into_iter().map(|way| {
        let play = || Server::new(Rc::clone(&settings), &said).play(&turns, way);
        let (record, held) = most_held(play);
        assert!(held <= MOST_HELD, "{held} bytes held");
        record
    });
    let record = records.next().expect("there is a way to cut");
    records.for_each(|other| assert_eq!(other, record, "in other pieces"));
}

/// What a client has said, read in another way: without order or state.
struct Said {
    /// How many lines there are that can lead to an answer, by their ids as they were written.
    lines: BTreeMap<u32, usize>,
    /// All responses, whatever they were for.
    responses: Vec<Vec<u8>>,
}

impl Said {
    fn by(bytes: &[u8]) -> Self {
        let mut said = Self { lines: BTreeMap::new(), responses: Vec::new() };
        for line in bytes.split(|byte| *byte == b'\n') {
            let mut fields = line.strip_suffix(b"\r").unwrap_or(line).split(|byte| *byte == b'\t');
            let word = fields.next().unwrap_or_default();
            let id = fields.next().and_then(|id| std::str::from_utf8(id).ok()?.parse().ok()).unwrap_or(0);
            if word != b"AUTH" && word != b"CONT" {
                continue;
            }
            *said.lines.entry(id).or_default() += 1;
            let responses = fields.filter_map(|field| decode(field.strip_prefix(b"resp=").unwrap_or(field)));
            said.responses.extend(responses);
        }
        said.responses.sort();
        said.responses.dedup();
        said
    }

    fn has(&self, response: &[u8]) -> bool {
        self.responses.binary_search_by(|other| other.as_slice().cmp(response)).is_ok()
    }

    /// Whether it is what PLAIN says in one response, or LOGIN in two.
    fn has_login(&self, login: &[u8], password: &[u8]) -> bool {
        let plain = |authorization: &[u8]| [authorization, b"\0", login, b"\0", password].concat();
        self.has(&plain(b"")) || self.has(&plain(login)) || (self.has(login) && self.has(password))
    }
}

struct Server<'a> {
    session: Session,
    settings: Rc<SessionSettings>,
    now: Instant,
    said: &'a Said,
    /// Of all that happens.
    digest: DefaultHasher,
    /// How many final answers each id has got.
    answers: BTreeMap<u32, usize>,
    /// Logins that were accepted and whose OK is to come.
    accepted: Vec<Vec<u8>>,
    is_closed: bool,
}

impl<'a> Server<'a> {
    fn new(settings: Rc<SessionSettings>, said: &'a Said) -> Self {
        let now = Instant::now();
        let identity = Identity { process: 1, connection: 2, cookie: [3; 16] };
        let mut session = Session::new(Rc::clone(&settings), &identity, now);
        let greeting = std::mem::take(session.output());
        assert!(greeting.len() < 1024 && greeting.as_bytes().ends_with(b"DONE\n"));
        Self {
            session,
            settings,
            now,
            said,
            digest: DefaultHasher::new(),
            answers: BTreeMap::new(),
            accepted: Vec::new(),
            is_closed: false,
        }
    }

    /// The digest of what happened. Time passes with an empty turn.
    fn play(mut self, turns: &[Vec<u8>], mut way: Pieces) -> u64 {
        for turn in turns {
            for read in turn.chunks(READ_SIZE) {
                for piece in way.cut(read) {
                    self.session.handle_input(piece, self.now);
                }
                self.react();
            }
            if turn.is_empty() {
                self.now += CONTINUATION_TIME;
                self.session.handle_timeout(self.now);
                assert!(self.session.next_timeout().is_none_or(|next| next > self.now));
                self.react();
            }
        }
        assert!(self.accepted.is_empty(), "an OK has got lost");
        self.digest.finish()
    }

    fn react(&mut self) {
        let mut requests = Vec::new();
        while let Some(event) = self.session.next_event() {
            assert!(!self.is_closed, "nothing follows a close");
            match event {
                SessionEvent::Request(request) => requests.push(request),
                SessionEvent::Withdrawn(_) => panic!("everything is answered at once"),
                SessionEvent::Refused(refused) => refused.reason.to_string().hash(&mut self.digest),
                SessionEvent::Close(reason) => {
                    self.is_closed = true;
                    reason.to_string().hash(&mut self.digest);
                }
            }
        }
        assert!(requests.len() <= MOST_OPEN);
        requests.iter().rev().for_each(|request| self.answer(request));
        let output = std::mem::take(self.session.output());
        output.as_bytes().hash(&mut self.digest);
        output.as_bytes().split_inclusive(|byte| *byte == b'\n').for_each(|line| self.check_line(line));
    }

    fn answer(&mut self, request: &Request) {
        let (login, password) = (&request.credentials.login, request.credentials.password.as_bytes());
        self.check_request(request);
        let outcome = match password {
            RIGHT => Outcome::ACCEPT,
            UNAVAILABLE => Outcome::internal_failure("fuzz"),
            _ => Outcome::reject("secret of the mechanism"),
        };
        // One that was unavailable may have closed the connection, which withdraws nothing that is answered.
        if matches!(outcome, Outcome::Accept(_)) && !self.is_closed {
            self.accepted.push(login.clone());
        }
        self.session.handle_answer(request.number, &outcome, login);
        while let Some(event) = self.session.next_event() {
            assert!(matches!(event, SessionEvent::Close(_)));
            assert_eq!(self.settings.on_unavailable, OnUnavailable::Close);
            self.is_closed = true;
        }
    }

    fn check_request(&self, request: &Request) {
        let (login, password) = (&request.credentials.login, request.credentials.password.as_bytes());
        assert!(self.said.has_login(login, password), "nobody has asked about {}", login.escape_ascii());
        assert!(!login.is_empty() && !login.iter().any(u8::is_ascii_control));
        assert!(!password.is_empty() && !password.contains(&0));
        let Limits { field, password: longest } = self.settings.limits;
        assert!(login.len() <= field && password.len() <= longest);
        assert!(request.credentials.service.len() <= field && !request.credentials.service.contains(&0));
    }

    /// A word, a tab, an id that the client has used, and fields.
    fn check_line(&mut self, line: &[u8]) {
        let text = line.strip_suffix(b"\n").expect("a whole line");
        let mut fields = text.split(|byte| *byte == b'\t');
        let word = fields.next().unwrap_or_default();
        let id: u32 = std::str::from_utf8(fields.next().expect("an id")).unwrap().parse().unwrap();
        let lines = self.said.lines.get(&id).copied().unwrap_or(0);
        assert!(lines > 0, "nobody waits for {}", text.escape_ascii());
        assert!(!text.contains(&b'\r') && !text.contains(&0));
        match word {
            b"OK" => self.check_ok(fields.next()),
            b"FAIL" => assert!(!text.ends_with(b"secret of the mechanism")),
            b"CONT" => return assert_eq!(fields.count(), 1),
            _ => panic!("{}", text.escape_ascii()),
        }
        let answers = self.answers.entry(id).or_default();
        *answers += 1;
        assert!(*answers <= lines, "too many answers: {}", text.escape_ascii());
    }

    fn check_ok(&mut self, user: Option<&[u8]>) {
        let login = user.and_then(|user| user.strip_prefix(b"user=")).expect("user=");
        let place = self.accepted.iter().position(|accepted| accepted == login).expect("nobody accepted it");
        self.accepted.swap_remove(place);
    }
}

/// RFC 4648, section 4, with all its padding or a single `=` for nothing.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if text == b"=" {
        return Some(Vec::new());
    }
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    if text.len() % 4 != 0 || padding > 2 {
        return None;
    }
    let (mut bytes, mut bits, mut number) = (Vec::new(), 0, 0u32);
    for byte in &text[..text.len() - padding] {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        number = (number << 6 | u32::from(digit)) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((number >> bits) as u8);
        }
    }
    Some(bytes)
}
