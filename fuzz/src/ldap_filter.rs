//! `ldap_filter` of the configuration, and what a login makes of it.

use crate::input::{Input, SEPARATOR};
use crate::memory::most_held;
use saslauthd::mechanism::ldap::ber::{Element, Reader, Writer};
use saslauthd::mechanism::ldap::filter::Filter;
use saslauthd::mechanism::ldap::tokens::{SyntaxError, Tokens};
use saslauthd::secret::Secret;

/// A filter is right or wrong at a place that is in it. No login changes what a filter asks, only for which values;
/// and a filter that is read from its BER, written as RFC 4515 has it and parsed again, is the same filter.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes, SEPARATOR);
    let literal = input.choose(2) == 1;
    let text = input.part();
    let (parsed, held) = most_held(|| parse(text, literal));
    assert!(held <= 1024 + 256 * text.len(), "{held} bytes held");
    let filter = match parsed {
        Ok(filter) => filter,
        Err(error) => return check_error(&error, text),
    };
    let tokens = Tokens { login: input.part(), service: input.part(), realm: input.part(), dn: input.part() };
    let written = write(&filter, &tokens);
    let longest = tokens.login.len().max(tokens.service.len()).max(tokens.realm.len()).max(tokens.dn.len());
    assert!(written.len() <= (text.len() + 2) * (12 + 3 * longest), "{} bytes", written.len());
    check_round_trip(&written);
    let nobody = Tokens { login: b"nobody", service: b"smtp", realm: b"example.org", dn: b"cn=nobody" };
    if [tokens.login, tokens.service, tokens.realm, tokens.dn].iter().all(|value| !value.is_empty()) {
        // A login with a @ has a part behind it, and one without has none: so each is compared with its like.
        let nobody =
            if tokens.login.contains(&b'@') { Tokens { login: b"no@bo.dy", ..nobody } } else { nobody };
        let empty = [tokens.login].iter().any(|login| login.starts_with(b"@") || login.ends_with(b"@"));
        if !empty && !uses_domains(text) {
            assert_eq!(shape(&written), shape(&write(&filter, &nobody)));
        }
    }
}

fn parse(text: &[u8], literal: bool) -> Result<Filter, SyntaxError> {
    match std::str::from_utf8(text) {
        Ok(text) if !literal => Filter::parse(text),
        _ => Filter::parse_literal(text),
    }
}

fn check_error(error: &SyntaxError, text: &[u8]) {
    assert!(error.offset <= text.len(), "{error}");
    let shown = error.to_string();
    assert!(!shown.contains(char::is_control) && !shown.is_empty(), "{shown:?}");
}

/// Parts of a domain may be missing, which leaves out a part of a value.
fn uses_domains(text: &[u8]) -> bool {
    text.windows(2).any(|pair| pair[0] == b'%' && (pair[1].is_ascii_digit() || b"dU".contains(&pair[1])))
}

fn write(filter: &Filter, tokens: &Tokens<'_>) -> Vec<u8> {
    let mut buffer = Secret::default();
    filter.write(tokens, &mut Writer::new(&mut buffer));
    buffer.as_bytes().to_vec()
}

fn check_round_trip(written: &[u8]) {
    let text = shown(only(written), &escaped);
    let again = Filter::parse_literal(text.as_bytes());
    let again = again.unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(write(&again, &Tokens::default()), written, "{text}");
}

/// The filter without its values.
fn shape(written: &[u8]) -> String {
    shown(only(written), &|value| if value.is_empty() { "0" } else { "1" }.to_owned())
}

fn only(bytes: &[u8]) -> Element<'_> {
    let mut reader = Reader::new(bytes);
    let element = reader.element().expect("a filter is an element");
    assert!(reader.is_empty(), "a filter is one element");
    element
}

/// A filter as RFC 4515 writes it; `value` shows values.
fn shown(filter: Element<'_>, value: &dyn Fn(&[u8]) -> String) -> String {
    let mut inside = filter.inside();
    let mut text = String::from("(");
    match filter.tag {
        0xa0..=0xa2 => {
            text.push(char::from(b"&|!"[usize::from(filter.tag - 0xa0)]));
            let mut count = 0;
            while !inside.is_empty() {
                text += &shown(inside.element().expect("a filter"), value);
                count += 1;
            }
            assert!(filter.tag != 0xa2 || count == 1, "one filter is negated");
        }
        0xa3 | 0xa5 | 0xa6 | 0xa8 => {
            text += &name(inside.required(0x04).expect("an attribute"));
            text += match filter.tag {
                0xa3 => "=",
                0xa5 => ">=",
                0xa6 => "<=",
                _ => "~=",
            };
            text += &value(inside.required(0x04).expect("a value"));
            assert!(inside.is_empty());
        }
        0xa4 => {
            text = text + &name(inside.required(0x04).expect("an attribute")) + "=";
            text += &shown_parts(&mut inside.enter(0x30).expect("parts"), value);
            assert!(inside.is_empty());
        }
        0x87 => text = text + &name(filter.content) + "=*",
        0xa9 => text += &shown_extensible(&mut inside, value),
        tag => panic!("no filter has the tag {tag:#04x}"),
    }
    text + ")"
}

fn shown_parts(parts: &mut Reader<'_>, value: &dyn Fn(&[u8]) -> String) -> String {
    let mut text = String::new();
    let mut last = None;
    while !parts.is_empty() {
        let part = parts.element().expect("a part");
        assert!(!part.content.is_empty(), "RFC 4511 has no empty parts");
        assert!(
            last.is_none_or(|last| last < part.tag || (last == 0x81 && part.tag == 0x81)),
            "parts have an order"
        );
        match part.tag {
            0x80 => text += &value(part.content),
            0x81 | 0x82 => text = text + "*" + &value(part.content),
            tag => panic!("no part has the tag {tag:#04x}"),
        }
        last = Some(part.tag);
    }
    assert!(last.is_some(), "RFC 4511 has no substrings without parts");
    if last == Some(0x82) { text } else { text + "*" }
}

fn shown_extensible(inside: &mut Reader<'_>, value: &dyn Fn(&[u8]) -> String) -> String {
    let rule = inside.optional(0x81).expect("a rule");
    let attribute = inside.optional(0x82).expect("an attribute");
    assert!(rule.is_some() || attribute.is_some());
    let content = value(inside.required(0x83).expect("a value"));
    let with_dn = inside.optional(0x84).expect("a flag").is_some();
    assert!(inside.is_empty());
    let mut text = attribute.map(name).unwrap_or_default();
    text += if with_dn { ":dn" } else { "" };
    text += &rule.map(|rule| format!(":{}", name(rule))).unwrap_or_default();
    text + ":=" + &content
}

fn name(bytes: &[u8]) -> String {
    assert!(
        !bytes.is_empty() && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-.;".contains(byte))
    );
    String::from_utf8(bytes.to_vec()).expect("it is ASCII")
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}
