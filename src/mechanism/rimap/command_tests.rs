//! The bytes of a command, read back by a parser as strict as a server may be.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;

fn command(login: &[u8], password: &[u8], capabilities: Capabilities) -> Vec<Vec<u8>> {
    let question = Question::new(login.to_vec(), Secret::copy_of(password)).unwrap();
    let mut command = Command::check(&question, capabilities);
    let mut parts = Vec::new();
    while let Some(part) = command.next_part() {
        parts.push(part.as_bytes().to_vec());
    }
    assert!(command.is_sent());
    parts
}

fn text(parts: &[Vec<u8>]) -> Vec<String> {
    parts
        .iter()
        .map(|part| part.escape_ascii().to_string().replace("\\\"", "\"").replace("\\\\", "\\"))
        .collect()
}

fn with_literals(literals: Literals) -> Capabilities {
    Capabilities { literals, ..Capabilities::default() }
}

fn plain_only(initial_response: bool) -> Capabilities {
    Capabilities { login_disabled: true, plain: true, initial_response, ..Capabilities::default() }
}

#[test]
fn an_ordinary_login_is_sent_as_the_c_daemon_sends_it() {
    for (login, password, expected) in [
        ("anna", "secret", r#"saslauthd LOGIN "anna" "secret"\r\n"#),
        ("anna", "p\"q\\r", r#"saslauthd LOGIN "anna" "p\"q\\r"\r\n"#),
        ("\\", "\"", r#"saslauthd LOGIN "\\" "\""\r\n"#),
        ("anna@example.org", " {5} ", r#"saslauthd LOGIN "anna@example.org" " {5} "\r\n"#),
        ("", "\t\u{7f}\u{1}", r#"saslauthd LOGIN "" "\t\x7f\x01"\r\n"#),
    ] {
        let parts = command(login.as_bytes(), password.as_bytes(), Capabilities::default());
        assert_eq!(text(&parts), [expected]);
    }
}

#[test]
fn what_cannot_be_quoted_waits_for_the_server_or_not_as_the_server_allows() {
    let umlaut = "\u{fc}".as_bytes();
    let crlf = b"x\r\nsaslauthd OK\r\n";
    assert_eq!(
        text(&command(umlaut, crlf, Capabilities::default())),
        [r"saslauthd LOGIN {2}\r\n", r"\xc3\xbc {17}\r\n", r"x\r\nsaslauthd OK\r\n\r\n"]
    );
    assert_eq!(
        text(&command(umlaut, b"x", with_literals(Literals::All))),
        [r#"saslauthd LOGIN {2+}\r\n\xc3\xbc "x"\r\n"#]
    );
    let long = vec![b'x'; 5000];
    assert_eq!(command(umlaut, &long, with_literals(Literals::All)).len(), 1);
    assert_eq!(command(umlaut, &long, with_literals(Literals::Short)).len(), 2);
    assert_eq!(command(umlaut, &long, with_literals(Literals::Synchronizing)).len(), 3);
}

#[test]
fn authenticate_plain_is_used_only_where_login_is_disabled() {
    let both = Capabilities { plain: true, initial_response: true, ..Capabilities::default() };
    assert_eq!(text(&command(b"a", b"b", both)), [r#"saslauthd LOGIN "a" "b"\r\n"#]);
    assert_eq!(text(&command(b"a", b"b", plain_only(true))), [r"saslauthd AUTHENTICATE PLAIN AGEAYg==\r\n"]);
    assert_eq!(
        text(&command(b"a", b"b", plain_only(false))),
        [r"saslauthd AUTHENTICATE PLAIN\r\n", r"AGEAYg==\r\n"]
    );
}

#[test]
fn no_line_grows_beyond_what_servers_take() {
    let long = vec![b'"'; 2048];
    let quoted = command(&long, &long[..1], Capabilities::default());
    assert!(quoted.iter().all(|part| part.len() <= 8192));
    let parts = command(b"a", &[b'x'; 8192], plain_only(true));
    assert_eq!(text(&parts[..1]), [r"saslauthd AUTHENTICATE PLAIN\r\n"], "too long for an initial response");
}

#[test]
fn a_token_that_dovecot_would_not_take_in_a_command_is_sent_when_it_asks() {
    let offered = Capabilities { plain: true, initial_response: true, ..Capabilities::default() };
    let question = Question::new(b"anna".to_vec(), Secret::copy_of(&[b'x'; 1500])).unwrap();
    let mut command = Command::check(&question, offered);
    assert_eq!(command.next_part().unwrap().as_bytes(), b"saslauthd AUTHENTICATE PLAIN\r\n");
    let without = Command::check(&question, Capabilities::default()).next_part().unwrap();
    assert!(without.as_bytes().starts_with(b"saslauthd LOGIN "));
}

#[test]
fn a_nul_makes_no_question() {
    assert!(Question::new(b"a\0".to_vec(), Secret::copy_of(b"x")).is_none());
    assert!(Question::new(b"a".to_vec(), Secret::copy_of(b"\0x")).is_none());
}

#[test]
fn whatever_is_in_a_login_it_stays_one_command_with_that_login() {
    let mut random = Random(0x5eed);
    let attempts: [&[u8]; 12] = [
        b"",
        b"\r\n",
        b"x\" \"y",
        b"x\"\r\nsaslauthd LOGIN \"root\" \"x",
        b"{5}",
        b"{5+}\r\nhello",
        b"\\",
        b"\\\"",
        b"\n",
        b"\r",
        b"\xff\xfe",
        b"a)(b%*]",
    ];
    let fixed =
        attempts.iter().flat_map(|login| attempts.iter().map(|password| (login.to_vec(), password.to_vec())));
    let fixed: Vec<_> = fixed.collect();
    let long = [0, 1, 2047, 2048, 2049, 4096, 4097, 65_535, 65_536].map(|length| vec![b'\\'; length]);
    let long = long.into_iter().map(|string| (string.clone(), string));
    let random = (0..2000).map(|_| (random.string(), random.string()));
    for (login, password) in fixed.into_iter().chain(long).chain(random.collect::<Vec<_>>()) {
        for bits in 0..32 {
            let capabilities = Capabilities {
                starttls: false,
                login_disabled: bits & 1 != 0,
                plain: bits & 2 != 0,
                initial_response: bits & 4 != 0,
                literals: [Literals::Synchronizing, Literals::Short, Literals::All, Literals::All][bits >> 3],
            };
            let parts = command(&login, &password, capabilities);
            assert_eq!(StrictServer::read(&parts, capabilities), (login.clone(), password.clone()));
        }
    }
}

/// SplitMix64, here for bytes that IMAP minds.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn string(&mut self) -> Vec<u8> {
        const PIECES: [&[u8]; 14] = [
            b"a",
            b"\r\n",
            b"\n",
            b"\r",
            b"\"",
            b"\\",
            b"{5}",
            b"{5+}",
            b" ",
            b"+",
            b"\x80",
            b"saslauthd ",
            b"=",
            b"\x01",
        ];
        let length = self.next() % 12;
        let mut piece = || {
            let number = self.next();
            match PIECES.get((number % 16) as usize) {
                Some(piece) => piece.to_vec(),
                None => vec![((number >> 8) % 255) as u8 + 1],
            }
        };
        (0..length).flat_map(|_| piece()).collect()
    }
}

/// Reads one command as the grammar of RFC 9051 has it and panics at everything else.
struct StrictServer<'a> {
    /// What is left of the part that has come.
    rest: &'a [u8],
    /// What the client will only send after a `+`.
    later: &'a [Vec<u8>],
    literals: Literals,
}

impl<'a> StrictServer<'a> {
    fn read(parts: &'a [Vec<u8>], capabilities: Capabilities) -> (Vec<u8>, Vec<u8>) {
        let (first, later) = parts.split_first().unwrap();
        let mut server = Self { rest: first, later, literals: capabilities.literals };
        server.expect(b"saslauthd ");
        let found = if server.rest.starts_with(b"LOGIN ") {
            assert!(!(capabilities.login_disabled && capabilities.plain));
            server.login()
        } else {
            assert!(capabilities.plain);
            server.authenticate(capabilities.initial_response)
        };
        assert!(server.rest.is_empty() && server.later.is_empty(), "something follows the command");
        found
    }

    fn login(&mut self) -> (Vec<u8>, Vec<u8>) {
        self.expect(b"LOGIN ");
        let login = self.string();
        self.expect(b" ");
        let password = self.string();
        self.expect(b"\r\n");
        (login, password)
    }

    fn authenticate(&mut self, initial_response: bool) -> (Vec<u8>, Vec<u8>) {
        self.expect(b"AUTHENTICATE PLAIN");
        if self.rest == b"\r\n" {
            self.expect(b"\r\n");
            self.say_plus();
        } else {
            assert!(initial_response);
            self.expect(b" ");
        }
        let line = std::str::from_utf8(self.rest.strip_suffix(b"\r\n").unwrap()).unwrap();
        self.rest = b"";
        assert!(line.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)));
        let message = openssl::base64::decode_block(line).unwrap();
        let mut fields = message.split(|byte| *byte == 0);
        assert_eq!(fields.next(), Some(b"".as_slice()), "no authorization identity");
        let found = (fields.next().unwrap().to_vec(), fields.next().unwrap().to_vec());
        assert_eq!(fields.next(), None);
        found
    }

    fn string(&mut self) -> Vec<u8> {
        if self.rest.starts_with(b"{") { self.literal() } else { self.quoted() }
    }

    fn quoted(&mut self) -> Vec<u8> {
        self.expect(b"\"");
        let mut string = Vec::new();
        loop {
            match self.take(1)[0] {
                b'"' => return string,
                b'\\' => {
                    let special = self.take(1)[0];
                    assert!(special == b'"' || special == b'\\');
                    string.push(special);
                }
                byte => {
                    assert!(
                        byte.is_ascii() && ![b'\r', b'\n', 0].contains(&byte),
                        "{byte} in a quoted string"
                    );
                    string.push(byte);
                }
            }
        }
    }

    fn literal(&mut self) -> Vec<u8> {
        self.expect(b"{");
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let length: usize = std::str::from_utf8(self.take(digits)).unwrap().parse().unwrap();
        if self.rest.starts_with(b"+") {
            self.expect(b"+}\r\n");
            assert!(self.literals.cover(length));
        } else {
            self.expect(b"}\r\n");
            self.say_plus();
        }
        let string = self.take(length).to_vec();
        assert!(!string.contains(&0));
        string
    }

    fn say_plus(&mut self) {
        assert!(self.rest.is_empty(), "the client does not wait");
        let (next, later) = self.later.split_first().unwrap();
        (self.rest, self.later) = (next, later);
    }

    fn expect(&mut self, bytes: &[u8]) {
        assert_eq!(self.take(bytes.len()).escape_ascii().to_string(), bytes.escape_ascii().to_string());
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap();
        self.rest = rest;
        taken
    }
}
