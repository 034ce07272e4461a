//! What an IMAP server can do to rimap.

use crate::input::{Input, SEPARATOR, ways_to_cut};
use crate::memory::most_held;
use crate::play::{Happening, Play, is_accepted};
use saslauthd::config::NetworkSettings;
use saslauthd::mechanism::rimap::{Rimap, Settings};
use saslauthd::settings::raw_settings::RawSettings;

/// The longest line of a server is 64 KiB, and buffers double; the record of the play takes some too.
const MOST_HELD: usize = 384 * 1024;

/// Without TLS, with STARTTLS and with TLS from the start.
const SERVERS: &str = "imap://a imap://b?starttls imaps://c";

/// Whatever the server says: the same comes of it in whatever pieces; the login is sent as one command, in TLS if
/// that is wanted, and in no other way; and only an `OK` to the whole of that command lets anybody in.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes, SEPARATOR);
    let server = input.choose(3);
    let times = 1 << input.choose(16);
    let (login, password) = (input.part(), input.part());
    let turns = input.rest(times);
    let play = Play { protocol: &rimap(), server: server.into(), login, password, turns: &turns };
    let mut records = ways_to_cut(turns.iter().map(Vec::len).sum()).into_iter().map(|way| {
        let (record, held) = most_held(|| play.play(way));
        assert!(held <= MOST_HELD + 16 * bytes.len(), "{held} bytes held");
        record
    });
    let record = records.next().expect("there is a way to cut");
    records.for_each(|other| assert_eq!(other, record));
    let sent = Sent::of(&record, server == 1);
    sent.check(login, password);
    if is_accepted(&record) {
        assert!(sent.whole(login, password), "nobody is let in before all is sent");
        assert!(says_ok(&turns.concat()), "nobody is let in without an OK");
    }
}

/// The mechanism with [`SERVERS`].
pub fn rimap() -> Rimap {
    let sources = RawSettings { option: Some(SERVERS.into()), ..RawSettings::default() };
    Rimap::new(Settings::read(&sources, &mut Vec::new()), &NetworkSettings::DEFAULT)
}

fn says_ok(said: &[u8]) -> bool {
    said.split(|byte| *byte == b'\n').any(|line| {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        words.next() == Some(b"saslauthd")
            && words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"OK"))
    })
}

/// What was sent before the login, and the login.
struct Sent {
    preparation: Vec<u8>,
    login: Vec<u8>,
}

impl Sent {
    fn of(record: &[Happening], starttls: bool) -> Self {
        let ready = record.iter().position(|happening| *happening == Happening::Ready);
        let (before, after) = record.split_at(ready.unwrap_or(record.len()));
        if starttls && !after.is_empty() {
            assert!(before.contains(&Happening::Secured), "no login is sent in clear");
        }
        let sent = |happenings: &[Happening]| {
            let bytes = |happening: &Happening| match happening {
                Happening::Sent(bytes) => bytes.0.clone(),
                _ => Vec::new(),
            };
            happenings.iter().flat_map(bytes).collect()
        };
        Self { preparation: sent(before), login: sent(after) }
    }

    fn check(&self, login: &[u8], password: &[u8]) {
        let preparations: [&[u8]; 4] = [
            b"",
            b"saslauthd2 CAPABILITY\r\n",
            b"saslauthd1 STARTTLS\r\n",
            b"saslauthd1 STARTTLS\r\nsaslauthd2 CAPABILITY\r\n",
        ];
        assert!(preparations.contains(&self.preparation.as_slice()), "{}", self.preparation.escape_ascii());
        let known = commands(login, password).iter().any(|command| command.starts_with(&self.login));
        assert!(known || self.login.is_empty(), "{}", self.login.escape_ascii());
    }

    fn whole(&self, login: &[u8], password: &[u8]) -> bool {
        commands(login, password).contains(&self.login)
    }
}

/// Every way to send a login that is right.
fn commands(login: &[u8], password: &[u8]) -> Vec<Vec<u8>> {
    let mut commands = Vec::new();
    if login.contains(&0) || password.contains(&0) {
        return commands;
    }
    for login in strings(login) {
        for password in strings(password) {
            commands.push([b"saslauthd LOGIN ", login.as_slice(), b" ", &password, b"\r\n"].concat());
        }
    }
    let response = base64(&[b"\0", login, b"\0", password].concat());
    for between in [" ", "\r\n"] {
        commands.push(format!("saslauthd AUTHENTICATE PLAIN{between}{response}\r\n").into_bytes());
    }
    commands
}

/// A string as IMAP can carry it.
fn strings(string: &[u8]) -> Vec<Vec<u8>> {
    let literal = |plus| [format!("{{{}{plus}}}\r\n", string.len()).as_bytes(), string].concat();
    let mut ways = vec![literal(""), literal("+")];
    if string.iter().all(|byte| byte.is_ascii() && !b"\r\n\0".contains(byte)) {
        let mut quoted = vec![b'"'];
        for byte in string {
            if b"\"\\".contains(byte) {
                quoted.push(b'\\');
            }
            quoted.push(*byte);
        }
        quoted.push(b'"');
        ways.push(quoted);
    }
    ways
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let number = (0..3).fold(0, |number, index| number << 8 | u32::from(*group.get(index).unwrap_or(&0)));
        for index in 0..4 {
            let digit = (number >> (18 - 6 * index)) & 63;
            text.push(if index <= group.len() { char::from(ALPHABET[digit as usize]) } else { '=' });
        }
    }
    text
}
