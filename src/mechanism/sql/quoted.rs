//! Literals and quoted names of `sql_select`: from one quote to the other.
#![forbid(unsafe_code)]

use super::lexer::{Last, Lexer, Literal, NO_TOKEN, NOT_ALONE, PROPERTY, Piece};
use crate::settings::tokens::SyntaxError;
use crate::sys::sql::Engine;

const TWO_LITERALS: &str = "two literals without anything between them are not clear, write one";

impl Lexer<'_> {
    /// A literal becomes a parameter if there are names of the login in it; otherwise it is taken over.
    pub(super) fn literal(&mut self, literal: Literal) -> Result<(), SyntaxError> {
        let start = self.at;
        let error = |text: &str| SyntaxError::new(start, text);
        if self.last == Last::Token {
            return Err(error(NOT_ALONE));
        }
        self.at += 1;
        let mut pieces = Pieces::default();
        self.literal_content(literal, start, &mut pieces)?;
        let is_parameter = pieces.has_names();
        if matches!(self.last, Last::Literal { is_parameter: other } if is_parameter || other) {
            return Err(error(TWO_LITERALS));
        }
        self.last = Last::Literal { is_parameter };
        if !is_parameter {
            self.out.push(literal.quote);
            self.out.extend_from_slice(&pieces.raw);
            self.out.push(literal.quote);
        } else if literal.has_prefix {
            return Err(error("a token cannot be in a literal with letters before it, such as E'...'"));
        } else if literal.escapes && pieces.raw.contains(&b'\\') {
            return Err(error("a token cannot be in a literal with a backslash"));
        } else {
            self.parameter(pieces.list);
        }
        Ok(())
    }

    /// Up to the quote that ends it.
    fn literal_content(
        &mut self,
        literal: Literal,
        start: usize,
        pieces: &mut Pieces,
    ) -> Result<(), SyntaxError> {
        loop {
            let byte = self.peek(0).ok_or_else(|| SyntaxError::new(start, "has a literal without an end"))?;
            match byte {
                b'\\'
                    if literal.escapes
                        && self.engine == Engine::Mysql
                        && self.peek(1) == Some(literal.quote) =>
                {
                    // Whether it ends here is a setting of the server (NO_BACKSLASH_ESCAPES).
                    return Err(self.error("a backslash before a quote is not clear, write the quote twice"));
                }
                b'\\' if literal.escapes => {
                    let length = if self.engine == Engine::Postgresql { 2 } else { 1 };
                    let rest = self.rest();
                    let taken = rest.get(..length).unwrap_or(rest);
                    pieces.raw.extend_from_slice(taken);
                    self.at += taken.len();
                }
                b'%' => self.token_in(pieces)?,
                _ if byte == literal.quote && self.peek(1) == Some(literal.quote) => {
                    pieces.raw.extend_from_slice(&[byte, byte]);
                    pieces.push(byte);
                    self.at += 2;
                }
                _ if byte == literal.quote => {
                    self.at += 1;
                    return Ok(());
                }
                _ => {
                    pieces.raw.push(byte);
                    pieces.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    /// A token between quotes.
    fn token_in(&mut self, pieces: &mut Pieces) -> Result<(), SyntaxError> {
        match self.peek(1) {
            Some(b'u') => pieces.list.push(Piece::User),
            Some(b'r') => pieces.list.push(Piece::Realm),
            Some(b'v') => {}
            Some(b'p') => pieces.text(PROPERTY.as_bytes()),
            Some(b'%') => pieces.text(b"%"),
            _ => return Err(self.error(NO_TOKEN)),
        }
        self.at += 2;
        Ok(())
    }

    /// A name in quotes: of a column, as `%p` is, but of nothing that a client chooses.
    pub(super) fn name(&mut self, end: u8) -> Result<(), SyntaxError> {
        let start = self.at;
        let mut name = Pieces::default();
        let first = self.peek(0).unwrap_or(end);
        self.at += 1;
        loop {
            let byte = self.peek(0).ok_or_else(|| SyntaxError::new(start, "has a name without an end"))?;
            match byte {
                b'%' => self.token_in(&mut name)?,
                _ if byte == end && self.peek(1) == Some(end) && end != b']' => {
                    name.raw.extend_from_slice(&[byte, byte]);
                    self.at += 2;
                }
                _ if byte == end => break,
                _ => {
                    name.raw.push(byte);
                    self.at += 1;
                }
            }
        }
        if name.has_names() {
            return Err(SyntaxError::new(
                start,
                "has the login in the name of a column or table; a text has the quotes '...'",
            ));
        }
        self.at += 1;
        self.out.push(first);
        self.out.extend_from_slice(&name.raw);
        self.out.push(end);
        self.last = Last::Other;
        Ok(())
    }
}

/// What is between two quotes.
#[derive(Default)]
struct Pieces {
    list: Vec<Piece>,
    /// As it is written, with `%p` and `%%` put in their place.
    raw: Vec<u8>,
}

impl Pieces {
    fn push(&mut self, byte: u8) {
        match self.list.last_mut() {
            Some(Piece::Literal(bytes)) => bytes.push(byte),
            _ => self.list.push(Piece::Literal(vec![byte])),
        }
    }

    fn text(&mut self, text: &[u8]) {
        self.raw.extend_from_slice(text);
        text.iter().for_each(|byte| self.push(*byte));
    }

    fn has_names(&self) -> bool {
        self.list.iter().any(|piece| matches!(piece, Piece::User | Piece::Realm))
    }
}
