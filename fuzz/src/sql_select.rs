//! `sql_select` of the configuration, and what a login makes of it.

use crate::input::{Input, SEPARATOR};
use crate::memory::most_held;
use saslauthd::mechanism::sql::select::{Names, Select};
use saslauthd::sys::sql::Engine;

const ENGINES: [Engine; 3] = [Engine::Postgresql, Engine::Mysql, Engine::Sqlite];

/// A statement is right or wrong at a place that is in it. One that is right has as many places for parameters as there are
/// parameters, all of them outside of literals and names, and no login has more or others.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes, SEPARATOR);
    let engine = ENGINES[usize::from(input.choose(3))];
    let Ok(text) = std::str::from_utf8(input.part()) else { return };
    let (parsed, held) = most_held(|| Select::parse(engine, text));
    assert!(held <= 1024 + 256 * text.len(), "{held} bytes held");
    let select = match parsed {
        Ok(select) => select,
        Err(error) => {
            assert!(error.offset <= text.len(), "{error}");
            assert!(!error.text.is_empty() && !error.text.contains(char::is_control), "{error}");
            return;
        }
    };
    check_places(engine, &select);
    let names = Names::of(input.part(), input.part(), b"host.example.org");
    let values = select.bind(&names);
    assert_eq!(values.len(), select.parameters.len());
    let longest = names.user.len().max(names.realm.len());
    assert!(values.iter().map(Vec::len).sum::<usize>() <= text.len() * (1 + longest));
}

fn check_places(engine: Engine, select: &Select) {
    let outside = outside(engine, select.text.as_bytes());
    let count = select.parameters.len();
    match engine {
        Engine::Postgresql => {
            let numbers: Vec<_> = outside
                .split('$')
                .skip(1)
                .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>())
                .filter(|digits| !digits.is_empty())
                .collect();
            let expected: Vec<_> = (1..=count).map(|number| number.to_string()).collect();
            // A name may have a $ and digits within it.
            let mut numbers = numbers.iter();
            assert!(expected.iter().all(|number| numbers.any(|found| found == number)), "{}", select.text);
        }
        Engine::Mysql | Engine::Sqlite => {
            assert_eq!(outside.matches('?').count(), count, "{}", select.text);
        }
    }
}

/// What is outside of literals and quoted names, read in another way than the daemon's.
fn outside(engine: Engine, text: &[u8]) -> String {
    let mut outside = String::new();
    let mut place = 0;
    while place < text.len() {
        let byte = text[place];
        let rest = &text[place..];
        let length = match (engine, byte) {
            (Engine::Postgresql, b'\'') if is_escaping(&outside) => quoted(rest, b'\'', true),
            (Engine::Mysql, b'\'' | b'"') => quoted(rest, byte, true),
            (Engine::Mysql | Engine::Sqlite, b'`') | (_, b'\'' | b'"') => quoted(rest, byte, false),
            (Engine::Sqlite, b'[') => rest.iter().position(|byte| *byte == b']').expect("an end") + 1,
            (Engine::Postgresql, b'$') => {
                let tag = rest[1..].iter().position(|byte| *byte == b'$').map(|end| &rest[..end + 2]);
                let is_tag = |tag: &&[u8]| {
                    tag[1..tag.len() - 1]
                        .iter()
                        .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80)
                };
                let within_name =
                    outside.ends_with(|letter: char| letter.is_alphanumeric() || "_$\u{80}".contains(letter));
                match tag
                    .filter(is_tag)
                    .filter(|tag| !within_name && !tag[1..].first().is_some_and(u8::is_ascii_digit))
                {
                    Some(tag) => {
                        let end = rest[tag.len()..].windows(tag.len()).position(|window| window == tag);
                        end.expect("an end") + 2 * tag.len()
                    }
                    None => keep(&mut outside, byte),
                }
            }
            _ => keep(&mut outside, byte),
        };
        if length > 1 {
            // What is behind a literal is no part of the word before it.
            outside.push(' ');
        }
        place += length;
    }
    outside
}

/// Bytes that are not ASCII are of names, whatever they are.
fn keep(outside: &mut String, byte: u8) -> usize {
    outside.push(if byte.is_ascii() { char::from(byte) } else { '\u{80}' });
    1
}

fn is_escaping(outside: &str) -> bool {
    let mut letters = outside.chars().rev();
    let is_e = letters.next().is_some_and(|letter| letter.eq_ignore_ascii_case(&'e'));
    is_e && letters.next().is_none_or(|letter| !letter.is_alphanumeric() && !"_$\u{80}".contains(letter))
}

/// The length of what begins with a quote.
fn quoted(text: &[u8], quote: u8, escapes: bool) -> usize {
    let mut place = 1;
    loop {
        match text[place] {
            b'\\' if escapes => place += 2,
            byte if byte == quote && text.get(place + 1) == Some(&quote) => place += 2,
            byte if byte == quote => return place + 1,
            _ => place += 1,
        }
    }
}
