//! Reads `sql_select` as its database would, as far as it takes to tell literals, names, comments and words apart. What is
//! not clear is an error with its place, so that no statement means something else than its writer thinks.
#![forbid(unsafe_code)]

use crate::settings::tokens::SyntaxError;
use crate::sys::sql::Engine;

/// What libsasl's plugin asks for in place of `%p`, and the name of the column in its examples.
pub const PROPERTY: &str = "userPassword";

pub(super) const NO_TOKEN: &str = "a % must be followed by u, r, p, v or another %";
pub(super) const NOT_ALONE: &str = "a token without quotes must stand alone, like = %u";

/// A part of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As the administrator wrote it.
    Literal(Vec<u8>),
    /// `%u`
    User,
    /// `%r`
    Realm,
}

/// Where the reading is.
pub(super) struct Lexer<'a> {
    pub(super) engine: Engine,
    text: &'a str,
    /// Bytes that have been read.
    pub(super) at: usize,
    pub(super) out: Vec<u8>,
    parameters: Vec<Vec<Piece>>,
    pub(super) last: Last,
}

/// What was read last, blanks and comments apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// A quoted literal, and whether it has become a parameter.
    Literal {
        is_parameter: bool,
    },
    /// A token without quotes.
    Token,
    Other,
}

/// How a literal is written.
#[derive(Clone, Copy)]
pub(super) struct Literal {
    pub(super) quote: u8,
    /// Whether a backslash may take the meaning of the quote behind it.
    pub(super) escapes: bool,
    /// Whether letters stand before it, as in `E'...'`: it is then no plain text.
    pub(super) has_prefix: bool,
}

/// The statement with its parameters in place, and what they are made of.
type Read = (String, Vec<Vec<Piece>>);

impl<'a> Lexer<'a> {
    pub(super) fn new(engine: Engine, text: &'a str) -> Self {
        Self { engine, text, at: 0, out: Vec::new(), parameters: Vec::new(), last: Last::Other }
    }

    pub(super) fn run(mut self) -> Result<Read, SyntaxError> {
        while let Some(byte) = self.peek(0) {
            self.step(byte)?;
        }
        // Only whole characters are moved, between bytes of ASCII.
        let text = String::from_utf8(self.out).map_err(|_| SyntaxError::new(0, "is not UTF-8"))?;
        Ok((text.trim_end().to_owned(), self.parameters))
    }

    fn step(&mut self, byte: u8) -> Result<(), SyntaxError> {
        let next = self.peek(1);
        match byte {
            b'\'' => self.literal(self.plain_literal(b'\'')),
            b'"' if self.engine == Engine::Mysql => self.literal(self.plain_literal(b'"')),
            b'"' => self.name(b'"'),
            b'`' if self.engine != Engine::Postgresql => self.name(b'`'),
            b'[' if self.engine == Engine::Sqlite => self.name(b']'),
            b'-' if next == Some(b'-') && self.begins_comment() => Err(self.comment_to_end()),
            b'#' if self.engine == Engine::Mysql => Err(self.comment_to_end()),
            b'/' if next == Some(b'*') => self.comment(),
            b'%' => self.token(),
            b';' => self.end_of_statement(),
            b'$' if self.engine == Engine::Postgresql && !self.is_within_word() => self.dollar(),
            b'?' if self.engine != Engine::Postgresql => Err(self.error("has a parameter of its own here")),
            b':' | b'@' | b'$' if self.engine == Engine::Sqlite => {
                Err(self.error("has a parameter of its own here"))
            }
            _ if is_of_word(byte) => self.word(),
            _ => {
                if !byte.is_ascii_whitespace() {
                    self.last = Last::Other;
                }
                self.copy(1);
                Ok(())
            }
        }
    }

    pub(super) fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Whether what comes next is glued to a word, such as the one that `%p` has become.
    fn is_within_word(&self) -> bool {
        self.last == Last::Other && self.out.last().is_some_and(|byte| is_of_word(*byte))
    }

    /// Takes some bytes over as they are.
    fn copy(&mut self, count: usize) {
        let rest = self.rest();
        let taken = rest.get(..count).unwrap_or(rest);
        self.out.extend_from_slice(taken);
        self.at += taken.len();
    }

    pub(super) fn error(&self, text: &str) -> SyntaxError {
        SyntaxError::new(self.at, text)
    }

    fn plain_literal(&self, quote: u8) -> Literal {
        Literal { quote, escapes: self.engine == Engine::Mysql, has_prefix: false }
    }

    /// A keyword, the name of a table, a number; or what a literal such as `E'...'` begins with.
    fn word(&mut self) -> Result<(), SyntaxError> {
        let length = self.rest().iter().take_while(|byte| is_of_word(**byte)).count();
        let word = self.rest().get(..length).unwrap_or_default();
        self.keep_apart()?;
        self.copy(length);
        self.last = Last::Other;
        let quote =
            self.peek(0).filter(|byte| *byte == b'\'' || *byte == b'"' && self.engine == Engine::Mysql);
        let Some(quote) = quote else { return Ok(()) };
        let escapes = self.engine == Engine::Mysql
            || self.engine == Engine::Postgresql && word.eq_ignore_ascii_case(b"e");
        self.literal(Literal { quote, escapes, has_prefix: true })
    }

    /// A token without quotes.
    fn token(&mut self) -> Result<(), SyntaxError> {
        let piece = match self.peek(1) {
            Some(b'%') => return self.constant(b"%"),
            Some(b'p') => return self.constant(PROPERTY.as_bytes()),
            Some(b'u') => Piece::User,
            Some(b'r') => Piece::Realm,
            Some(b'v') => return Err(self.error("has a %v without quotes, which stands for nothing")),
            _ => return Err(self.error(NO_TOKEN)),
        };
        let is_glued = |byte: &u8| is_of_word(*byte) || matches!(byte, b'\'' | b'"' | b'`' | b']');
        if self.out.last().is_some_and(is_glued) || matches!(self.last, Last::Token | Last::Literal { .. }) {
            return Err(self.error(NOT_ALONE));
        }
        self.at += 2;
        self.parameter(vec![piece]);
        self.last = Last::Token;
        Ok(())
    }

    /// What stands for the same in every login.
    fn constant(&mut self, text: &[u8]) -> Result<(), SyntaxError> {
        if text != b"%" {
            if self.last == Last::Token {
                return Err(self.error(NOT_ALONE));
            }
            self.keep_apart()?;
        }
        self.at += 2;
        self.out.extend_from_slice(text);
        self.last = Last::Other;
        Ok(())
    }

    /// What follows a parameter must not become a part of its number: `'%u'8` is no `$18`, and `'%u'AND` is right.
    fn keep_apart(&mut self) -> Result<(), SyntaxError> {
        let is_glued = self.out.last().is_some_and(|byte| !byte.is_ascii_whitespace());
        match self.last {
            Last::Token if is_glued => return Err(self.error(NOT_ALONE)),
            Last::Literal { is_parameter: true } if is_glued => self.out.push(b' '),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn parameter(&mut self, pieces: Vec<Piece>) {
        self.parameters.push(pieces);
        match self.engine {
            Engine::Postgresql => {
                self.out.extend_from_slice(format!("${}", self.parameters.len()).as_bytes());
            }
            Engine::Mysql | Engine::Sqlite => self.out.push(b'?'),
        }
    }

    /// MySQL wants a blank behind the two.
    fn begins_comment(&self) -> bool {
        self.engine != Engine::Mysql || self.peek(2).is_none_or(|byte| byte.is_ascii_whitespace())
    }

    /// The file has one line for the statement, so nothing could follow.
    fn comment_to_end(&self) -> SyntaxError {
        self.error("has a comment that takes all that follows, write /* ... */")
    }

    /// A comment is left out; one that is an order to MySQL (`/*! ... */`) is none.
    fn comment(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        let error = |text: &str| SyntaxError::new(start, text);
        if self.engine == Engine::Mysql
            && matches!((self.peek(2), self.peek(3)), (Some(b'!'), _) | (Some(b'M'), Some(b'!')))
        {
            return Err(error("has a comment that the server may execute"));
        }
        let mut depth = 0_usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b'/'), Some(b'*')) if depth == 0 || self.engine == Engine::Postgresql => {
                    depth += 1;
                    self.at += 2;
                }
                (Some(b'*'), Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                }
                (Some(b'%'), _) => return Err(self.error("has a % in a comment")),
                (Some(_), _) => self.at += 1,
                (None, _) => return Err(error("has a comment without an end")),
            }
            if depth == 0 {
                self.out.push(b' ');
                return Ok(());
            }
        }
    }

    /// PostgreSQL's literals like `$tag$...$tag$`, and its own parameters.
    fn dollar(&mut self) -> Result<(), SyntaxError> {
        let rest = self.rest();
        let tag = rest.iter().skip(1).take_while(|byte| is_of_word(**byte) && **byte != b'$').count();
        // `$1` is a parameter, whatever comes behind it.
        let is_tag = |tag: &&[u8]| tag.ends_with(b"$") && !tag.get(1).is_some_and(u8::is_ascii_digit);
        let tag = rest.get(..tag + 2).filter(is_tag);
        let tag = tag.ok_or_else(|| self.error("has a parameter of its own here"))?;
        let behind = rest.get(tag.len()..).unwrap_or_default();
        let end = behind.windows(tag.len()).position(|window| window == tag);
        let end = end.ok_or_else(|| self.error("has a literal without an end"))?;
        if behind.get(..end).unwrap_or_default().contains(&b'%') {
            return Err(self.error("has a % in a literal with $, write '...'"));
        }
        self.keep_apart()?;
        self.copy(tag.len() * 2 + end);
        self.last = Last::Literal { is_parameter: false };
        Ok(())
    }

    /// A semicolon at the very end is left out, as MySQL wants it.
    fn end_of_statement(&mut self) -> Result<(), SyntaxError> {
        let rest = self.rest();
        if !rest.iter().all(|byte| *byte == b';' || byte.is_ascii_whitespace()) {
            return Err(self.error("has more than one statement"));
        }
        self.at += rest.len();
        Ok(())
    }
}

/// Letters of keywords, names and numbers; what is not ASCII is of names.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii()
}
