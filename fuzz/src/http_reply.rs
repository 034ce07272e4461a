//! What a web server, or whatever answers in its place, can do to httpform.

use crate::input::{Input, SEPARATOR, ways_to_cut};
use crate::memory::most_held;
use crate::play::{Happening, Play, is_accepted};
use saslauthd::config::NetworkSettings;
use saslauthd::mechanism::httpform::{self, Httpform};
use saslauthd::secret::Secret;
use saslauthd::settings::file::Text;
use saslauthd::settings::raw_settings::RawSettings;

/// The longest head of a reply is 64 KiB, and buffers double; the record of the play takes some too.
const MOST_HELD: usize = 384 * 1024;

/// Connections that are kept, connections that are not, and JSON.
const FILES: [&str; 3] = [
    "httpform_url: http://a/login\nhttpform_data: user=%u&pass=%p&end=1\n",
    "httpform_url: http://a/login\nhttpform_data: user=%u&pass=%p&end=1\nhttpform_keep_alive: no\n",
    "httpform_url: http://a/login\nhttpform_data: {\"user\":\"%u\",\"pass\":\"%p\",\"end\":1}\n\
     httpform_content_type: application/json\n",
];

/// Whatever the server says: the same comes of it in whatever pieces; the login fills its two fields and nothing else;
/// and only a status that accepts lets anybody in.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes, SEPARATOR);
    let file = input.choose(3);
    let times = 1 << input.choose(16);
    let (login, password) = (input.part(), input.part());
    let turns = input.rest(times);
    let httpform = httpform(FILES[usize::from(file)]);
    let play = Play { protocol: &httpform, server: 0, login, password, turns: &turns };
    let mut records = ways_to_cut(turns.iter().map(Vec::len).sum()).into_iter().map(|way| {
        let (record, held) = most_held(|| play.play(way));
        assert!(held <= MOST_HELD + 16 * bytes.len(), "{held} bytes held");
        record
    });
    let record = records.next().expect("there is a way to cut");
    records.for_each(|other| assert_eq!(other, record));
    for happening in &record {
        if let Happening::Sent(request) = happening {
            check_request(&request.0, file == 2, login, password);
        }
    }
    if is_accepted(&record) {
        assert!(says_accepted(&turns.concat()), "nobody is let in without a status that says so");
    }
}

fn httpform(file: &str) -> Httpform {
    let text = Text { path: "/etc/saslauthd.conf".into(), bytes: Secret::copy_of(file.as_bytes()) };
    let sources = RawSettings { file: Some(text), ..RawSettings::default() };
    httpform::protocol(&sources, &NetworkSettings::DEFAULT).expect("the file is sound")
}

/// One request, with a head that the login has no part in but by its length.
fn check_request(request: &[u8], json: bool, login: &[u8], password: &[u8]) {
    let end = request.windows(4).position(|window| window == b"\r\n\r\n").expect("a head has an end");
    let (head, body) = (&request[..end], &request[end + 4..]);
    let head = String::from_utf8(head.to_vec()).expect("a head is ASCII");
    let (fixed, length) = head.rsplit_once("\r\nContent-Length: ").expect("a body has a length");
    assert_eq!(length, body.len().to_string());
    assert!(fixed.starts_with("POST /login HTTP/1.1\r\nHost: a\r\n"), "{fixed}");
    assert_eq!(fixed.lines().count(), 6, "{fixed}");
    let (start, between, close) = match json {
        true => (r#"{"user":""#, r#"","pass":""#, r#"","end":1}"#),
        false => ("user=", "&pass=", "&end=1"),
    };
    let unescape = if json { unescape_json } else { unescape_form };
    let mut rest = body;
    for (before, value) in [(start, login), (between, password)] {
        rest = rest.strip_prefix(before.as_bytes()).expect("a value has its field");
        let (found, after) = unescape(rest);
        assert_eq!(found, value, "{}", body.escape_ascii());
        rest = after;
    }
    assert_eq!(rest, close.as_bytes(), "{}", body.escape_ascii());
}

/// A value of a form up to its end, and what follows.
fn unescape_form(mut text: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut value = Vec::new();
    loop {
        match text {
            [b'&', ..] | [] => return (value, text),
            [b'%', high, low, rest @ ..] => {
                value.push(hexadecimal(&[*high, *low]));
                text = rest;
            }
            [byte, rest @ ..] => {
                assert!(byte.is_ascii_alphanumeric(), "{byte:#04x} in a form");
                value.push(*byte);
                text = rest;
            }
        }
    }
}

/// The inside of a string up to its quotation mark, and what follows from there on.
fn unescape_json(mut text: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut value = Vec::new();
    loop {
        match text {
            [b'"', ..] | [] => return (value, text),
            [b'\\', b'u', b'0', b'0', high, low, rest @ ..] => {
                value.push(hexadecimal(&[*high, *low]));
                text = rest;
            }
            [b'\\', byte @ (b'"' | b'\\'), rest @ ..] => {
                value.push(*byte);
                text = rest;
            }
            [byte, rest @ ..] => {
                assert!(!byte.is_ascii_control() || *byte == 0x7f, "{byte:#04x} in a string");
                assert_ne!(*byte, b'\\', "an unknown escape");
                value.push(*byte);
                text = rest;
            }
        }
    }
}

fn hexadecimal(digits: &[u8]) -> u8 {
    let digits = std::str::from_utf8(digits).expect("digits are ASCII");
    u8::from_str_radix(digits, 16).expect("an escape has two digits")
}

/// Whether 200 or 204 is anywhere where a status may be.
fn says_accepted(said: &[u8]) -> bool {
    said.split(|byte| *byte == b'\n').any(|line| {
        let start = line.windows(7).position(|window| window == b"HTTP/1.");
        let words = start.map(|start| &line[start..]).unwrap_or_default();
        let mut words = words.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
        matches!(words.nth(1), Some(b"200" | b"204"))
    })
}
