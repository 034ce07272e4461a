//! The messages of LDAP (RFC 4511): bytes to responses.
#![forbid(unsafe_code)]

use super::active_directory;
use super::ber::{self, BerError, Reader};
use super::result_code::ResultCode;
use crate::secret::Secret;
use std::fmt;

/// The unsolicited notification by which a server announces that it closes, RFC 4511, section 4.4.1.
pub const NOTICE_OF_DISCONNECTION: &[u8] = b"1.3.6.1.4.1.1466.20036";

/// A message of the server.
pub struct Response {
    /// The number of the request that it answers; 0 when it answers none.
    pub number: i32,
    /// What it says.
    pub body: Body,
}

/// What a server says.
pub enum Body {
    /// To a bind.
    Bind {
        /// Whether it worked.
        result: LdapResult,
        /// The SASL mechanism's message.
        message: Option<Secret>,
    },
    /// To a search: an entry.
    Entry(Entry),
    /// To a search: where it can be gone on with, as URIs.
    Reference(Vec<Vec<u8>>),
    /// To a search: there is no more.
    Done(LdapResult),
    /// To a comparison.
    Compare(LdapResult),
    /// To an extended operation, or to nothing at all.
    Extended {
        /// Whether it worked.
        result: LdapResult,
        /// The OID of what this is, such as [`NOTICE_OF_DISCONNECTION`].
        name: Option<Vec<u8>>,
        /// What the operation gives back.
        value: Option<Vec<u8>>,
    },
    /// More is to come: RFC 4511, section 4.13.
    Intermediate,
}

/// An entry of the directory.
pub struct Entry {
    /// Its DN.
    pub name: Vec<u8>,
    /// What was asked for and may be seen.
    pub attributes: Vec<Attribute>,
}

/// An attribute and its values, one of which may be a password.
pub struct Attribute {
    /// The name, perhaps with options, in the server's spelling.
    pub name: Vec<u8>,
    /// In no particular order.
    pub values: Vec<Secret>,
}

/// How a request ended: LDAPResult.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapResult {
    /// What became of it.
    pub code: ResultCode,
    /// The deepest entry that was found on the way to the one asked for.
    pub matched: Vec<u8>,
    /// What the server has to say to people; may hold anything.
    pub diagnostic: Vec<u8>,
    /// Where to ask instead, as URIs.
    pub referral: Vec<Vec<u8>>,
}

impl Response {
    /// Takes a whole message apart, as [`ber::message_length`] measured it. Controls and what later versions of the
    /// protocol may append are passed over.
    pub fn parse(message: &[u8]) -> Result<Self, ResponseError> {
        let mut message = Reader::new(message).enter(ber::SEQUENCE)?;
        let number = message.number(ber::INTEGER)?;
        let operation = message.element()?;
        let body = Body::parse(operation.tag, &mut operation.inside())?;
        Ok(Self { number, body })
    }
}

impl Entry {
    /// The values of an attribute, whose name is compared without regard to case and without its options.
    pub fn values(&self, name: &[u8]) -> impl Iterator<Item = &Secret> {
        let wanted = move |attribute: &&Attribute| {
            let spelled = attribute.name.split(|byte| *byte == b';').next().unwrap_or_default();
            spelled.eq_ignore_ascii_case(name)
        };
        self.attributes.iter().filter(wanted).flat_map(|attribute| &attribute.values)
    }
}

impl Body {
    fn parse(tag: u8, reader: &mut Reader<'_>) -> Result<Self, ResponseError> {
        const BIND: u8 = ber::application_constructed(1);
        const ENTRY: u8 = ber::application_constructed(4);
        const DONE: u8 = ber::application_constructed(5);
        const COMPARE: u8 = ber::application_constructed(15);
        const REFERENCE: u8 = ber::application_constructed(19);
        const EXTENDED: u8 = ber::application_constructed(24);
        const INTERMEDIATE: u8 = ber::application_constructed(25);
        Ok(match tag {
            BIND => Self::Bind {
                result: LdapResult::parse(reader)?,
                message: find(*reader, 7)?.map(Secret::copy_of),
            },
            ENTRY => Self::Entry(Entry::parse(reader)?),
            REFERENCE => Self::Reference(strings(*reader)?),
            DONE => Self::Done(LdapResult::parse(reader)?),
            COMPARE => Self::Compare(LdapResult::parse(reader)?),
            EXTENDED => Self::Extended {
                result: LdapResult::parse(reader)?,
                name: find(*reader, 10)?.map(<[u8]>::to_vec),
                value: find(*reader, 11)?.map(<[u8]>::to_vec),
            },
            INTERMEDIATE => Self::Intermediate,
            _ => return Err(ResponseError::Operation(tag)),
        })
    }
}

impl LdapResult {
    fn parse(reader: &mut Reader<'_>) -> Result<Self, BerError> {
        let code = ResultCode(reader.number(ber::ENUMERATED)?);
        let matched = reader.required(ber::OCTET_STRING)?.to_vec();
        let diagnostic = reader.required(ber::OCTET_STRING)?.to_vec();
        let referral = match reader.optional(ber::context_constructed(3))? {
            Some(content) => strings(Reader::new(content))?,
            None => Vec::new(),
        };
        Ok(Self { code, matched, diagnostic, referral })
    }

    /// Whether what the server has to say repeats the password that it was asked about.
    pub fn repeats(&self, password: &Secret) -> bool {
        let password = password.as_bytes();
        !password.is_empty() && self.diagnostic.windows(password.len()).any(|part| part == password)
    }

    /// Takes out what the server has to say if it repeats the password that it was asked about: it is for the log.
    pub fn hide(&mut self, password: &Secret) {
        if self.repeats(password) {
            self.diagnostic.clear();
        }
    }
}

/// The longest part of what a server says that is shown.
const LONGEST_DIAGNOSTIC: usize = 200;

/// Shown as `invalidCredentials (49): what the server says`, and what Active Directory means by that.
impl fmt::Display for LdapResult {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code.fmt(formatter)?;
        let shown = self.diagnostic.get(..LONGEST_DIAGNOSTIC).unwrap_or(&self.diagnostic);
        let shown = String::from_utf8_lossy(shown);
        let shown = shown.trim_matches(|character: char| character.is_control() || character == ' ');
        if !shown.is_empty() {
            write!(formatter, ": {shown}")?;
        }
        match active_directory::reason(&self.diagnostic) {
            Some(reason) => write!(formatter, " ({reason})"),
            None => Ok(()),
        }
    }
}

impl Entry {
    fn parse(reader: &mut Reader<'_>) -> Result<Self, BerError> {
        let name = reader.required(ber::OCTET_STRING)?.to_vec();
        let mut list = reader.enter(ber::SEQUENCE)?;
        let mut attributes = Vec::new();
        while !list.is_empty() {
            attributes.push(Attribute::parse(&mut list.enter(ber::SEQUENCE)?)?);
        }
        Ok(Self { name, attributes })
    }
}

impl Attribute {
    fn parse(reader: &mut Reader<'_>) -> Result<Self, BerError> {
        let name = reader.required(ber::OCTET_STRING)?.to_vec();
        let mut set = reader.enter(ber::SET)?;
        let mut values = Vec::new();
        while !set.is_empty() {
            values.push(Secret::copy_of(set.required(ber::OCTET_STRING)?));
        }
        Ok(Self { name, values })
    }
}

fn strings(mut reader: Reader<'_>) -> Result<Vec<Vec<u8>>, BerError> {
    let mut strings = Vec::new();
    while !reader.is_empty() {
        strings.push(reader.required(ber::OCTET_STRING)?.to_vec());
    }
    Ok(strings)
}

/// The element with that context tag, among others that do not matter.
fn find(mut reader: Reader<'_>, number: u8) -> Result<Option<&[u8]>, BerError> {
    while !reader.is_empty() {
        let element = reader.element()?;
        if element.tag == ber::context(number) {
            return Ok(Some(element.content));
        }
    }
    Ok(None)
}

/// Why a message is none that we understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseError {
    /// It is not put together as it should be.
    Ber(BerError),
    /// It is of no kind that answers anything we ask.
    Operation(u8),
}

impl From<BerError> for ResponseError {
    fn from(error: BerError) -> Self {
        Self::Ber(error)
    }
}

impl fmt::Display for ResponseError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ber(error) => write!(formatter, "the server sent a malformed message: {error}"),
            Self::Operation(tag) => {
                write!(formatter, "the server sent a message of an unexpected kind {tag:#04x}")
            }
        }
    }
}

impl std::error::Error for ResponseError {}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
