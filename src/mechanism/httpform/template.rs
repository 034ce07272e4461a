//! `httpform_data`: the body of a request, with tokens for what a login consists of.
//!
//! As in auth_httpform.c `%u`, `%p` and `%r` are the login, the password and the realm, `%%` is a percent sign, and
//! a percent sign before anything else stays, so that `%40` can be written for `@`. `%s`, the service, and `%c`, the
//! client's address, are ours; `%c3` with a hexadecimal digit is a percent-encoded byte as before.
#![forbid(unsafe_code)]

use super::escape::{Escape, NotText};
use crate::credentials::Credentials;
use crate::secret::Secret;

/// A body to be filled in. Secret, since administrators write keys for their servers into it.
pub(super) struct Template {
    pieces: Vec<Piece>,
    escape: Escape,
}

enum Piece {
    Fixed(Secret),
    Token(Token),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Login,
    Password,
    Realm,
    Service,
    Client,
}

/// What is wrong with a template, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    /// The byte, from 0.
    pub(super) offset: usize,
    /// Goes on after the key's name.
    pub(super) text: &'static str,
    /// Whether it can be used all the same.
    pub(super) harmless: bool,
}

impl Template {
    /// Takes the text apart. What is wrong with it is added to `faults`.
    pub(super) fn parse(text: &[u8], escape: Escape, faults: &mut Vec<Fault>) -> Self {
        let mut parser = Parser::default();
        let mut rest = text;
        while !rest.is_empty() {
            let offset = text.len() - rest.len();
            let found = Found::at_start_of(rest);
            let misplaced = escape == Escape::Json && parser.is_misplaced(&found);
            faults.extend(found.fault(offset));
            faults.extend(misplaced.then_some(Fault { offset, text: MISPLACED, harmless: false }));
            rest = parser.take(found, rest);
        }
        Self { pieces: parser.finish(), escape }
    }

    /// The body for a login. Nothing that the login holds can be taken for a part of the template.
    ///
    /// # Errors
    /// When JSON is wanted and the login is not UTF-8.
    pub(super) fn fill(&self, credentials: &Credentials) -> Result<Secret, NotText> {
        let client = credentials.client.map(|address| address.to_string()).unwrap_or_default();
        let mut body = Secret::default();
        for piece in &self.pieces {
            let value = match piece {
                Piece::Fixed(fixed) => {
                    body.extend_from_slice(fixed.as_bytes());
                    continue;
                }
                Piece::Token(Token::Login) => credentials.login.as_slice(),
                Piece::Token(Token::Password) => credentials.password.as_bytes(),
                Piece::Token(Token::Realm) => credentials.realm.as_slice(),
                Piece::Token(Token::Service) => credentials.service.as_slice(),
                Piece::Token(Token::Client) => client.as_bytes(),
            };
            self.escape.append(value, &mut body)?;
        }
        Ok(body)
    }
}

/// What a template goes on with.
enum Found {
    /// So many bytes that stand for themselves.
    Fixed(usize),
    /// `%%`
    Percent,
    /// `%` and a letter.
    Token(Token),
    /// `%` and something else, which C leaves as it is.
    Unknown,
    /// `%` at the end; C reads on behind it.
    Cut,
}

impl Found {
    fn at_start_of(text: &[u8]) -> Self {
        match text {
            [b'%'] => Self::Cut,
            [b'%', b'%', ..] => Self::Percent,
            [b'%', b'u', ..] => Self::Token(Token::Login),
            [b'%', b'p', ..] => Self::Token(Token::Password),
            [b'%', b'r', ..] => Self::Token(Token::Realm),
            [b'%', b's', ..] => Self::Token(Token::Service),
            [b'%', first, second, ..] if first.is_ascii_hexdigit() && second.is_ascii_hexdigit() => {
                Self::Fixed(3)
            }
            [b'%', b'c', ..] => Self::Token(Token::Client),
            [b'%', ..] => Self::Unknown,
            _ => Self::Fixed(text.iter().position(|byte| *byte == b'%').unwrap_or(text.len())),
        }
    }

    fn fault(&self, offset: usize) -> Option<Fault> {
        let (text, harmless) = match self {
            Self::Cut => ("ends in a single %; a percent sign is written %%", false),
            Self::Unknown => {
                ("has only the tokens %u, %p, %r, %s, %c and %%; this one is sent as it is", true)
            }
            _ => return None,
        };
        Some(Fault { offset, text, harmless })
    }
}

/// A value is escaped for the inside of a string, so anywhere else it could become more than a value.
const MISPLACED: &str = "is JSON: its tokens must be between quotes and not behind a backslash";

#[derive(Default)]
struct Parser {
    pieces: Vec<Piece>,
    fixed: Secret,
    quotes: Quotes,
}

impl Parser {
    fn is_misplaced(&self, found: &Found) -> bool {
        matches!(found, Found::Token(_)) && !self.quotes.ready_for_text()
    }

    /// Returns what comes after it.
    fn take<'a>(&mut self, found: Found, text: &'a [u8]) -> &'a [u8] {
        let (fixed, length) = match found {
            Found::Fixed(length) => (text.get(..length).unwrap_or_default(), length),
            Found::Percent => (b"%".as_slice(), 2),
            Found::Unknown | Found::Cut => (b"%".as_slice(), 1),
            Found::Token(token) => {
                self.pieces.push(Piece::Fixed(std::mem::take(&mut self.fixed)));
                self.pieces.push(Piece::Token(token));
                (b"".as_slice(), 2)
            }
        };
        fixed.iter().for_each(|byte| self.quotes.pass(*byte));
        self.fixed.extend_from_slice(fixed);
        text.get(length..).unwrap_or_default()
    }

    fn finish(mut self) -> Vec<Piece> {
        self.pieces.push(Piece::Fixed(self.fixed));
        self.pieces
    }
}

/// Where in JSON a place is.
#[derive(Default)]
struct Quotes {
    inside: bool,
    escaped: bool,
}

impl Quotes {
    fn pass(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = self.inside,
            b'"' => self.inside = !self.inside,
            _ => {}
        }
    }

    fn ready_for_text(&self) -> bool {
        self.inside && !self.escaped
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn credentials(login: &[u8], password: &[u8]) -> Credentials {
        Credentials {
            realm: b"example.org".to_vec(),
            client: Some("2001:db8::7".parse().unwrap()),
            ..Credentials::of_login(login, password)
        }
    }

    fn parse(text: &str, escape: Escape) -> (Template, Vec<Fault>) {
        let mut faults = Vec::new();
        (Template::parse(text.as_bytes(), escape, &mut faults), faults)
    }

    fn filled(text: &str, escape: Escape, credentials: &Credentials) -> Result<String, NotText> {
        let body = parse(text, escape).0.fill(credentials)?;
        Ok(String::from_utf8(body.as_bytes().to_vec()).unwrap())
    }

    fn form(text: &str) -> String {
        filled(text, Escape::Percent, &credentials(b"anna", b"s3cret")).unwrap()
    }

    #[test]
    fn tokens_are_replaced_and_everything_else_stays() {
        for (template, body) in [
            ("user=%u&password=%p&realm=%r", "user=anna&password=s3cret&realm=example%2Eorg"),
            ("%u%u%p", "annaannas3cret"),
            ("service=%s&ip=%c&x", "service=smtp&ip=2001%3Adb8%3A%3A7&x"),
            ("%%u=%u%%", "%u=anna%"),
            ("%%%u", "%anna"),
            ("user=%u%40example.org&x=%c3%A4%C3", "user=anna%40example.org&x=%c3%A4%C3"),
            ("%x=%u&%=1&% %U", "%x=anna&%=1&% %U"),
            ("%4%u", "%4anna"),
            ("nothing to replace", "nothing to replace"),
        ] {
            assert_eq!(form(template), body, "{template}");
        }
    }

    #[test]
    fn a_client_without_an_address_is_an_empty_value() {
        let credentials = Credentials { client: None, ..credentials(b"anna", b"x") };
        assert_eq!(filled("ip=%c&u=%u", Escape::Percent, &credentials).unwrap(), "ip=&u=anna");
    }

    #[test]
    fn a_strange_token_is_told_and_sent_as_it_is_while_a_cut_one_is_an_error() {
        let faults = |text| {
            parse(text, Escape::Percent)
                .1
                .iter()
                .map(|fault| (fault.offset, fault.harmless))
                .collect::<Vec<_>>()
        };
        assert_eq!(faults("u=%u&p=%p&r=%r&s=%s&c=%c&%%&%40"), []);
        assert_eq!(faults("u=%u&p=%P"), [(7, true)]);
        assert_eq!(faults("u=%u&p=%"), [(7, false)]);
    }

    #[test]
    fn nothing_leaves_its_field_of_a_form() {
        for value in [
            b"a&password=x".as_slice(),
            b"a=b",
            b"%p%u%26",
            b"a\r\nContent-Length: 0\r\n\r\nPOST / HTTP/1.1",
            b"a\0b",
            b"\xff\xfe\xe4",
            b"+ ;#?/",
            "ä€".as_bytes(),
        ] {
            let body = filled("u=%u&p=%p", Escape::Percent, &credentials(value, value)).unwrap();
            let fields: Vec<_> = body.split('&').collect();
            assert_eq!(fields.len(), 2, "{body}");
            for (field, name) in fields.iter().zip(["u=", "p="]) {
                let sent = field.strip_prefix(name).unwrap();
                assert!(sent.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'%'), "{body}");
                assert_eq!(percent_encoding::percent_decode_str(sent).collect::<Vec<_>>(), value);
            }
        }
    }

    #[test]
    fn a_value_is_never_looked_at_for_tokens() {
        assert_eq!(
            filled(r#"{"u":"%u","p":"%p"}"#, Escape::Json, &credentials(b"%p", b"%u")).unwrap(),
            r#"{"u":"%p","p":"%u"}"#
        );
    }

    #[test]
    fn long_values_are_sent_whole() {
        let long = vec![b'\xff'; 65536];
        let body = filled("%p", Escape::Percent, &credentials(b"a", &long)).unwrap();
        assert_eq!(body.len(), 3 * 65536);
    }

    #[test]
    fn nothing_leaves_its_string_of_json() {
        let template = r#"{"user": "%u", "password": "%p"}"#;
        for (value, sent) in [
            (r#"a","admin":"1"#, r#"a\",\"admin\":\"1"#),
            (r"a\", r"a\\"),
            ("a\r\n\u{0}\u{1f}b", r"a\u000d\u000a\u0000\u001fb"),
            ("jürgen/&€", "jürgen/&€"),
        ] {
            let body = filled(template, Escape::Json, &credentials(value.as_bytes(), b"x")).unwrap();
            assert_eq!(body, format!(r#"{{"user": "{sent}", "password": "x"}}"#));
        }
    }

    #[test]
    fn what_is_not_utf_8_cannot_be_sent_as_json() {
        assert_eq!(filled(r#"["%u"]"#, Escape::Json, &credentials(b"\xe4", b"x")), Err(NotText));
        assert_eq!(filled(r#"["%p"]"#, Escape::Json, &credentials(b"a", b"\xe4")), Err(NotText));
    }

    #[test]
    fn a_token_of_json_must_be_inside_of_a_string() {
        let offsets = |text| parse(text, Escape::Json).1.iter().map(|fault| fault.offset).collect::<Vec<_>>();
        assert_eq!(offsets(r#"{"a":"%u","b":"x\"%p","c":"\\%s"}"#), []);
        assert_eq!(offsets(r#"{"a":%u,"b":"\%p"}"#), [5, 14]);
        assert_eq!(offsets(r#"{"a":"%%","b":%u}"#), [14]);
        assert_eq!(parse("a=%u", Escape::Percent).1, []);
    }
}
