//! The grammar of RFC 4515, with what libldap takes beyond it.
#![forbid(unsafe_code)]

use super::{Comparison, DEEPEST, Extensible, Node};
use crate::mechanism::ldap::tokens::{self, SyntaxError, Template};

type Parsed<T> = Result<T, SyntaxError>;

/// Parses a whole text; `tokens` tells whether a `%` begins one.
pub(super) fn parse(text: &[u8], tokens: bool) -> Parsed<(Node, Vec<usize>)> {
    let mut parser = Parser { text, at: 0, tokens, dropped: Vec::new() };
    let node = parser.whole()?;
    Ok((node, parser.dropped))
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    tokens: bool,
    /// Where tokens stood that nobody knows.
    dropped: Vec<usize>,
}

impl Parser<'_> {
    fn whole(&mut self) -> Parsed<Node> {
        self.skip_blanks();
        if self.peek() != Some(b'(') {
            return self.comparison(None);
        }
        let node = self.filter(1)?;
        self.skip_blanks();
        match self.peek() {
            None => Ok(node),
            Some(_) => self.fail("nothing may follow the filter"),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn required(&mut self, byte: u8) -> Parsed<()> {
        if self.take(byte) { Ok(()) } else { self.fail(&format!("expected '{}'", char::from(byte))) }
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n')) {
            self.at += 1;
        }
    }

    fn fail<T>(&self, text: &str) -> Parsed<T> {
        Err(SyntaxError::new(self.at, text))
    }

    /// A filter in parentheses.
    fn filter(&mut self, depth: usize) -> Parsed<Node> {
        if depth > DEEPEST {
            return self.fail(&format!("filters can be nested at most {DEEPEST} deep"));
        }
        self.required(b'(')?;
        // Not RFC 4515's, but libldap's.
        self.skip_blanks();
        let node = match self.peek() {
            Some(b'&') => Node::And(self.list(depth)?),
            Some(b'|') => Node::Or(self.list(depth)?),
            Some(b'!') => self.negation(depth)?,
            _ => self.comparison(Some(b')'))?,
        };
        self.required(b')')?;
        Ok(node)
    }

    /// Any number of filters behind the `&` or `|`; none at all is RFC 4526's true or false.
    fn list(&mut self, depth: usize) -> Parsed<Vec<Node>> {
        self.at += 1;
        let mut nodes = Vec::new();
        loop {
            self.skip_blanks();
            if self.peek() != Some(b'(') {
                return Ok(nodes);
            }
            nodes.push(self.filter(depth + 1)?);
        }
    }

    fn negation(&mut self, depth: usize) -> Parsed<Node> {
        self.at += 1;
        self.skip_blanks();
        let node = self.filter(depth + 1)?;
        self.skip_blanks();
        Ok(Node::Not(Box::new(node)))
    }

    /// An attribute, an operator and a value, up to `end` or the end of the text.
    fn comparison(&mut self, end: Option<u8>) -> Parsed<Node> {
        let start = self.at;
        let attribute = self.attribute()?;
        if self.peek() == Some(b':') {
            return self.extensible(attribute, end);
        }
        if attribute.is_empty() {
            self.at = start;
            return self.fail("expected the name of an attribute");
        }
        let comparison = self.operator()?;
        if comparison != Comparison::Equal {
            return Ok(Node::Compare(comparison, attribute, self.whole_value(end)?));
        }
        let mut parts = self.value(end)?;
        match (parts.pop(), parts.is_empty()) {
            (Some(value), true) => Ok(Node::Compare(comparison, attribute, value)),
            (last, _) => {
                parts.extend(last);
                Ok(with_stars(attribute, parts))
            }
        }
    }

    fn operator(&mut self) -> Parsed<Comparison> {
        let comparison = match self.peek() {
            Some(b'=') => Comparison::Equal,
            Some(b'>') => Comparison::GreaterOrEqual,
            Some(b'<') => Comparison::LessOrEqual,
            Some(b'~') => Comparison::Approximate,
            _ => return self.fail("expected '=', '>=', '<=', '~=' or ':=' after the name of an attribute"),
        };
        if comparison != Comparison::Equal {
            self.at += 1;
        }
        self.required(b'=')?;
        Ok(comparison)
    }

    /// `:dn`, `:rule` and `:=`, of which the last must be there, and the value.
    fn extensible(&mut self, attribute: Vec<u8>, end: Option<u8>) -> Parsed<Node> {
        let mut with_dn = false;
        let mut rule = None;
        self.required(b':')?;
        while self.peek() != Some(b'=') {
            let start = self.at;
            let name = self.name()?;
            if rule.is_none() && !with_dn && name.eq_ignore_ascii_case(b"dn") {
                with_dn = true;
            } else if rule.is_none() && is_rule(&name) {
                rule = Some(name);
            } else {
                self.at = start;
                return self.fail("expected the name of a matching rule");
            }
            self.required(b':')?;
        }
        if attribute.is_empty() && rule.is_none() {
            return self.fail("expected an attribute or a matching rule before ':='");
        }
        self.required(b'=')?;
        let value = self.whole_value(end)?;
        Ok(Node::Extensible(Extensible { attribute, rule, with_dn, value }))
    }

    /// The name of an attribute with its options; may be empty.
    fn attribute(&mut self) -> Parsed<Vec<u8>> {
        let start = self.at;
        let name = self.name()?;
        if name.is_empty() || is_attribute(&name) {
            return Ok(name);
        }
        self.at = start;
        self.fail("expected the name of an attribute")
    }

    fn name(&mut self) -> Parsed<Vec<u8>> {
        let start = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b'%' if self.tokens => return self.fail("a token can only be in a value, after the '='"),
                _ if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b';') => self.at += 1,
                _ => break,
            }
        }
        Ok(self.text.get(start..self.at).unwrap_or_default().to_vec())
    }

    /// A value, divided by the `*` in it.
    fn value(&mut self, end: Option<u8>) -> Parsed<Vec<Template>> {
        let mut parts = Vec::new();
        let mut part = Template::default();
        while let Some(byte) = self.peek().filter(|byte| Some(*byte) != end) {
            let offset = self.at;
            self.at += 1;
            match byte {
                b'*' => parts.push(std::mem::take(&mut part)),
                b'\\' => part.push_byte(self.escaped(offset)?),
                b'%' if self.tokens => {
                    let rest = self.text.get(self.at..).unwrap_or_default();
                    let rest = if rest.first().copied() == end { &[] } else { rest };
                    part.push_percent(rest, offset)?;
                    self.at += tokens::letter_length(rest);
                    self.dropped.extend(part.take_dropped());
                }
                b'(' | b')' => {
                    let text = format!("'{}' in a value must be written as \\{byte:02x}", char::from(byte));
                    return Err(SyntaxError::new(offset, text));
                }
                _ => part.push_byte(byte),
            }
        }
        parts.push(part);
        Ok(parts)
    }

    /// A value that has no `*` in it.
    fn whole_value(&mut self, end: Option<u8>) -> Parsed<Template> {
        let start = self.at;
        let mut parts = self.value(end)?;
        match (parts.pop(), parts.is_empty()) {
            (Some(value), true) => Ok(value),
            _ => Err(SyntaxError::new(
                start,
                "only = takes a value with a * in it; write the character as \\2a",
            )),
        }
    }

    /// What follows a backslash: two hexadecimal digits, or as in RFC 1960 the character itself.
    fn escaped(&mut self, offset: usize) -> Parsed<u8> {
        let first = self.peek();
        if let Some(byte @ (b'(' | b')' | b'*' | b'\\')) = first {
            self.at += 1;
            return Ok(byte);
        }
        let digit = |byte: Option<u8>| byte.and_then(hexadecimal);
        let (high, low) = (digit(first), digit(self.text.get(self.at + 1).copied()));
        let (Some(high), Some(low)) = (high, low) else {
            return Err(SyntaxError::new(offset, "a \\ must be followed by two hexadecimal digits"));
        };
        self.at += 2;
        Ok(high << 4 | low)
    }
}

/// An equality with at least one `*` in its value. Nothing between two stars is the same as one star.
fn with_stars(attribute: Vec<u8>, parts: Vec<Template>) -> Node {
    if parts.iter().all(Template::is_empty) {
        return Node::Present(attribute);
    }
    Node::Substrings(attribute, parts)
}

fn hexadecimal(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// A name or OID, and options behind semicolons.
fn is_attribute(name: &[u8]) -> bool {
    let mut parts = name.split(|byte| *byte == b';');
    let is_option = |option: &[u8]| !option.is_empty() && !option.contains(&b'.');
    parts.next().is_some_and(is_rule) && parts.all(is_option)
}

/// A name (a letter, then letters, digits and hyphens) or an OID.
fn is_rule(name: impl AsRef<[u8]>) -> bool {
    let name = name.as_ref();
    match name.first() {
        Some(byte) if byte.is_ascii_alphabetic() => !name.contains(&b'.') && !name.contains(&b';'),
        Some(_) => name.split(|byte| *byte == b'.').all(is_number),
        None => false,
    }
}

fn is_number(digits: &[u8]) -> bool {
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}
