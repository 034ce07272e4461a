//! Search filters: the strings of RFC 4515, parsed once, and their BER with a login's values in it.
//!
//! Values go into the BER as they are, so that no login can change what a filter means. What a filter cannot hold
//! after that is left to the server, which takes it for a filter that matches nothing.
#![forbid(unsafe_code)]

use super::ber::{self, Writer};
use super::dn;
use super::tokens::{SyntaxError, Template, Token, Tokens};

mod parser;

/// How deep filters may be nested: far deeper than any that was written by hand.
pub const DEEPEST: usize = 64;

/// A filter with tokens in its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    root: Node,
    /// Where tokens stood that nobody knows.
    dropped: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Compare(Comparison, Vec<u8>, Template),
    /// What stands before the first `*`, between each two and behind the last: at least two templates.
    Substrings(Vec<u8>, Vec<Template>),
    Present(Vec<u8>),
    Extensible(Extensible),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    GreaterOrEqual,
    LessOrEqual,
    Approximate,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Extensible {
    /// May be empty when there is a rule.
    attribute: Vec<u8>,
    rule: Option<Vec<u8>>,
    with_dn: bool,
    value: Template,
}

impl Filter {
    /// Parses a filter with tokens in its values. Like libldap it takes blanks around the filters of a list, a single
    /// comparison without parentheses, and RFC 1960's `\(`, `\)`, `\*` and `\\`.
    pub fn parse(template: &str) -> Result<Self, SyntaxError> {
        let (root, dropped) = parser::parse(template.as_bytes(), true)?;
        Ok(Self { root, dropped })
    }

    /// Parses a filter in which a `%` is a `%`, such as that of a referral.
    pub fn parse_literal(text: &[u8]) -> Result<Self, SyntaxError> {
        let (root, dropped) = parser::parse(text, false)?;
        Ok(Self { root, dropped })
    }

    /// A filter for entries that have the attribute; every entry has `objectClass`.
    pub fn present(attribute: &str) -> Self {
        Self { root: Node::Present(attribute.as_bytes().to_vec()), dropped: Vec::new() }
    }

    /// Where tokens stood that nobody knows, in bytes: they stand for nothing, as in C.
    pub fn dropped(&self) -> &[usize] {
        &self.dropped
    }

    /// Whether the token is anywhere in it.
    pub fn uses(&self, token: Token) -> bool {
        self.root.uses(token)
    }

    /// Writes the filter for one login. Values in DNs, as in `(memberOf=cn=%s,ou=groups)`, are escaped as [`dn`] does.
    pub fn write(&self, tokens: &Tokens<'_>, writer: &mut Writer<'_>) {
        self.root.write(tokens, writer);
    }
}

impl Node {
    fn uses(&self, token: Token) -> bool {
        match self {
            Self::And(nodes) | Self::Or(nodes) => nodes.iter().any(|node| node.uses(token)),
            Self::Not(node) => node.uses(token),
            Self::Compare(_, _, value) => value.uses(token),
            Self::Substrings(_, parts) => parts.iter().any(|part| part.uses(token)),
            Self::Present(_) => false,
            Self::Extensible(extensible) => extensible.value.uses(token),
        }
    }

    /// The tags are those of RFC 4511, section 4.5.1.7. [`DEEPEST`] bounds the recursion.
    fn write(&self, tokens: &Tokens<'_>, writer: &mut Writer<'_>) {
        match self {
            Self::And(nodes) => write_all(0, nodes, tokens, writer),
            Self::Or(nodes) => write_all(1, nodes, tokens, writer),
            Self::Not(node) => {
                writer.nested(ber::context_constructed(2), |writer| node.write(tokens, writer))
            }
            Self::Compare(comparison, attribute, value) => {
                write_assertion(comparison.tag(), attribute, &expand(value, tokens), writer);
            }
            Self::Substrings(attribute, parts) => write_substrings(attribute, parts, tokens, writer),
            Self::Present(attribute) => writer.octets(ber::context(7), attribute),
            Self::Extensible(extensible) => extensible.write(tokens, writer),
        }
    }
}

impl Comparison {
    fn tag(self) -> u8 {
        ber::context_constructed(match self {
            Self::Equal => 3,
            Self::GreaterOrEqual => 5,
            Self::LessOrEqual => 6,
            Self::Approximate => 8,
        })
    }
}

impl Extensible {
    fn write(&self, tokens: &Tokens<'_>, writer: &mut Writer<'_>) {
        writer.nested(ber::context_constructed(9), |writer| {
            if let Some(rule) = &self.rule {
                writer.octets(ber::context(1), rule);
            }
            if !self.attribute.is_empty() {
                writer.octets(ber::context(2), &self.attribute);
            }
            writer.octets(ber::context(3), &expand(&self.value, tokens));
            if self.with_dn {
                writer.flag(ber::context(4), true);
            }
        });
    }
}

fn write_all(number: u8, nodes: &[Node], tokens: &Tokens<'_>, writer: &mut Writer<'_>) {
    writer.nested(ber::context_constructed(number), |writer| {
        nodes.iter().for_each(|node| node.write(tokens, writer));
    });
}

fn write_assertion(tag: u8, attribute: &[u8], value: &[u8], writer: &mut Writer<'_>) {
    writer.nested(tag, |writer| {
        writer.octets(ber::OCTET_STRING, attribute);
        writer.octets(ber::OCTET_STRING, value);
    });
}

/// Parts for which the login has nothing are left out. When that leaves none at all the filter must not become one
/// for every entry with the attribute, as it does in C: then it asks for the empty value.
fn write_substrings(attribute: &[u8], parts: &[Template], tokens: &Tokens<'_>, writer: &mut Writer<'_>) {
    let parts: Vec<_> = parts.iter().map(|part| expand(part, tokens)).collect();
    if parts.iter().all(Vec::is_empty) {
        return write_assertion(Comparison::Equal.tag(), attribute, b"", writer);
    }
    let last = parts.len() - 1;
    writer.nested(ber::context_constructed(4), |writer| {
        writer.octets(ber::OCTET_STRING, attribute);
        writer.nested(ber::SEQUENCE, |writer| {
            for (index, part) in parts.iter().enumerate().filter(|(_, part)| !part.is_empty()) {
                let place = match index {
                    0 => 0,
                    _ if index == last => 2,
                    _ => 1,
                };
                writer.octets(ber::context(place), part);
            }
        });
    });
}

fn expand(value: &Template, tokens: &Tokens<'_>) -> Vec<u8> {
    if dn::begins_as_dn(value) { dn::expand(value, tokens) } else { value.expand(tokens) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
