//! The client of the simulation: what it says, what it waits for, and what it makes of what it hears.

use crate::simulation::Random;
use std::collections::{BTreeSet, VecDeque};

/// Ids that are in use at a time, and used again: few, so that they are met again.
const IDS: u64 = 24;

/// A client, which keeps account by what has been sent, not by what it is going to say.
#[derive(Default)]
pub(super) struct Client {
    /// To be sent.
    pending: VecDeque<u8>,
    /// Of what was sent, a line that is not complete.
    part: Vec<u8>,
    has_said_hello: bool,
    handshake_lines: usize,
    /// Used in what is still to be sent or not answered yet.
    open: BTreeSet<u32>,
    /// Sent in whole, and neither answered nor cancelled.
    owed: BTreeSet<u32>,
    /// The last line was a `CONT` for this id, which nothing is owed: that is answered too.
    unknown: Option<u32>,
    /// Whether something was sent that a connection is closed for.
    pub(super) has_misbehaved: bool,
}

/// A line of the server.
pub(super) struct Line {
    pub(super) word: Word,
    pub(super) id: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Ok,
    Fail { temporary: bool },
    Cont,
}

impl Client {
    /// Every id has a login and password of its own, so that it shows when they are mixed up.
    fn login(id: u32) -> String {
        format!("user{id}")
    }

    fn password(id: u32) -> String {
        format!("password{id}")
    }

    /// Whose a login or a password is; the client mixes up the two of one id.
    pub(super) fn id_of(value: &[u8]) -> u32 {
        let value = std::str::from_utf8(value).unwrap();
        value.trim_start_matches(char::is_alphabetic).parse().unwrap()
    }

    pub(super) fn say_something(&mut self, random: &mut Random) {
        if !self.has_said_hello {
            self.has_said_hello = true;
            return self.say("VERSION\t1\t1\nCPID\t7\n");
        }
        let id = 1 + random.below(IDS) as u32;
        match random.below(40) {
            0..=13 => self.say_auth(id, random),
            14..=25 => self.say_response(id, random),
            26..=28 => self.say(&format!("CANCEL\t{id}\n")),
            29 => (1..=IDS as u32).for_each(|id| self.say_auth(id, random)),
            30 if random.one_in(15) => self.misbehave(id, random),
            _ => {}
        }
    }

    fn say_auth(&mut self, id: u32, random: &mut Random) {
        if !self.open.insert(id) {
            return;
        }
        let rest = match random.below(6) {
            0..=2 => format!("PLAIN\tservice=smtp\trip=192.0.2.7\tresp={}", plain(id)),
            3 => "PLAIN\tservice=smtp\trip=192.0.2.7".to_owned(),
            4 => "LOGIN\tservice=smtp\trip=192.0.2.7\tresp=".to_owned(),
            _ => "PLAIN\tservice=smtp\tresp=!".to_owned(),
        };
        self.say(&format!("AUTH\t{id}\t{rest}\n"));
    }

    /// Right or wrong, for what it is meant for or not.
    fn say_response(&mut self, id: u32, random: &mut Random) {
        let response = match random.below(6) {
            0 | 1 => plain(id),
            2 | 3 => base64(Self::login(id).as_bytes()),
            4 => base64(Self::password(id).as_bytes()),
            _ => "!".to_owned(),
        };
        self.say(&format!("CONT\t{id}\t{response}\n"));
    }

    fn misbehave(&mut self, id: u32, random: &mut Random) {
        let line = match random.below(4) {
            0 => "NOOP\n".to_owned(),
            1 => format!("AUTH\t{id}\tPLAIN\n"),
            2 => "VERSION\t1\t1\n".to_owned(),
            _ => "x".repeat(20_000),
        };
        self.say(&line);
    }

    fn say(&mut self, text: &str) {
        self.pending.extend(text.bytes());
    }

    pub(super) fn has_more_to_say(&self) -> bool {
        !self.pending.is_empty()
    }

    pub(super) fn take(&mut self, length: usize) -> Vec<u8> {
        self.pending.drain(..length.min(self.pending.len())).collect()
    }

    /// Notes what has arrived.
    pub(super) fn sent(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' {
                let line = String::from_utf8(std::mem::take(&mut self.part)).unwrap();
                self.note(&line);
            } else {
                self.part.push(*byte);
            }
        }
        self.has_misbehaved |= self.part.len() >= 16_384;
    }

    fn note(&mut self, line: &str) {
        let fields: Vec<_> = line.split('\t').collect();
        let id = fields.get(1).and_then(|id| id.parse().ok()).unwrap_or(0);
        self.unknown = None;
        match fields[0] {
            "VERSION" | "CPID" if self.handshake_lines < 2 => self.handshake_lines += 1,
            "AUTH" if fields.len() > 3 => self.has_misbehaved |= !self.owed.insert(id),
            "CONT" => self.unknown = Some(id).filter(|id| !self.owed.contains(id)),
            "CANCEL" => {
                if self.owed.remove(&id) {
                    self.open.remove(&id);
                }
            }
            _ => self.has_misbehaved = true,
        }
    }

    pub(super) fn is_owed(&self, id: u32) -> bool {
        self.owed.contains(&id)
    }

    pub(super) fn is_within_a_line_or_handshake(&self) -> bool {
        !self.part.is_empty() || self.handshake_lines < 2
    }

    /// Takes what the server says, and finds every line as clients need it.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Vec<Line> {
        assert!(bytes.is_empty() || bytes.ends_with(b"\n"), "half a line");
        let text = std::str::from_utf8(bytes).unwrap();
        let answers = text.lines().filter(|line| !is_of_the_greeting(line));
        answers.map(|line| self.hear_line(line)).collect()
    }

    fn hear_line(&mut self, text: &str) -> Line {
        let fields: Vec<_> = text.split('\t').collect();
        let id: u32 = fields[1].parse().unwrap();
        let word = match fields[0] {
            "OK" => Word::Ok,
            "FAIL" => {
                Word::Fail { temporary: fields.contains(&"temp") && fields.contains(&"code=temp_fail") }
            }
            "CONT" => Word::Cont,
            _ => panic!("{text}"),
        };
        let users: Vec<_> = fields.iter().filter_map(|field| field.strip_prefix("user=")).collect();
        assert!(users.iter().all(|user| Self::id_of(user.as_bytes()) == id), "of another: {text}");
        assert!(word != Word::Ok || users.len() == 1, "{text}");
        assert!(word != Word::Cont || fields.len() == 3, "{text}");
        assert!(!text.contains("secret"), "{text}");
        self.account_for(word, id, text);
        Line { word, id }
    }

    fn account_for(&mut self, word: Word, id: u32, text: &str) {
        if word == Word::Cont {
            return assert!(self.owed.contains(&id), "{text}");
        }
        let is_owed = self.owed.remove(&id);
        assert!(is_owed || self.unknown.take() == Some(id), "nobody waits for {text}");
        self.open.remove(&id);
    }

    pub(super) fn check_that_nobody_waits(&self) {
        assert!(self.owed.is_empty(), "never answered: {:?}", self.owed);
    }
}

fn is_of_the_greeting(line: &str) -> bool {
    ["VERSION\t", "MECH\t", "SPID\t", "CUID\t", "COOKIE\t", "DONE"].iter().any(|word| line.starts_with(word))
}

fn plain(id: u32) -> String {
    let (login, password) = (Client::login(id), Client::password(id));
    base64(format!("\0{login}\0{password}").as_bytes())
}

fn base64(bytes: &[u8]) -> String {
    crate::base64::encode(bytes)
}
