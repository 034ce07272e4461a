//! ASN.1 BER as LDAP uses it (RFC 4511, section 5.1): definite lengths, tags of one byte.
//!
//! The reader walks one level at a time and never calls itself, so nothing that a server nests can use up the stack.
#![forbid(unsafe_code)]

use crate::secret::Secret;
use std::fmt;

/// INTEGER
pub const INTEGER: u8 = 0x02;
/// BOOLEAN
pub const BOOLEAN: u8 = 0x01;
/// OCTET STRING
pub const OCTET_STRING: u8 = 0x04;
/// ENUMERATED
pub const ENUMERATED: u8 = 0x0a;
/// SEQUENCE, SEQUENCE OF
pub const SEQUENCE: u8 = 0x30;
/// SET, SET OF
pub const SET: u8 = 0x31;

/// The longest message taken from a server, header included: far more than an entry with a few attributes needs.
pub const LONGEST_MESSAGE: usize = 1 << 20;

/// Set in the tag of an element that consists of elements.
const CONSTRUCTED: u8 = 0x20;
/// All of these bits set: the tag number follows in further bytes.
const TAG_NUMBER: u8 = 0x1f;
/// A length byte with this bit counts the bytes that hold the length.
const LONG_LENGTH: u8 = 0x80;

/// The tag `[number]` of class CONTEXT-SPECIFIC; `number` is below 31.
pub const fn context(number: u8) -> u8 {
    0x80 | number
}

/// The same for an element that consists of elements.
pub const fn context_constructed(number: u8) -> u8 {
    context(number) | CONSTRUCTED
}

/// The tag `[APPLICATION number]`; `number` is below 31.
pub const fn application(number: u8) -> u8 {
    0x40 | number
}

/// The same for an element that consists of elements.
pub const fn application_constructed(number: u8) -> u8 {
    application(number) | CONSTRUCTED
}

/// Appends elements to a buffer that is wiped, since any of them may be a password. Lengths come out minimal.
pub struct Writer<'a> {
    buffer: &'a mut Secret,
}

impl<'a> Writer<'a> {
    /// A writer that appends to `buffer`.
    pub fn new(buffer: &'a mut Secret) -> Self {
        Self { buffer }
    }

    /// An element whose content `write` writes.
    pub fn nested(&mut self, tag: u8, write: impl FnOnce(&mut Writer<'_>)) {
        self.buffer.extend_from_slice(&[tag, 0]);
        let start = self.buffer.len();
        write(&mut Writer { buffer: self.buffer });
        self.set_length(start);
    }

    /// An element with this content.
    pub fn octets(&mut self, tag: u8, content: &[u8]) {
        self.nested(tag, |writer| writer.raw(content));
    }

    /// Bytes of the element that is being written.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// A whole number: an INTEGER or ENUMERATED.
    pub fn number(&mut self, tag: u8, number: i32) {
        let bytes = number.to_be_bytes();
        self.octets(tag, minimal(&bytes));
    }

    /// A BOOLEAN or a context tag for one.
    pub fn flag(&mut self, tag: u8, flag: bool) {
        self.octets(tag, &[if flag { 0xff } else { 0x00 }]);
    }

    /// Fills in the length of the content that begins at `start`, behind the one byte reserved for it. Lengths that
    /// need more bytes move the content.
    fn set_length(&mut self, start: usize) {
        let end = self.buffer.len();
        let bytes = (end - start).to_be_bytes();
        let skipped = bytes.iter().take_while(|byte| **byte == 0).count().min(bytes.len() - 1);
        let length = bytes.get(skipped..).unwrap_or_default();
        let &[byte] = length else { return self.set_long_length(start, length) };
        if byte & LONG_LENGTH != 0 {
            return self.set_long_length(start, length);
        }
        self.overwrite(start - 1, &[byte]);
    }

    fn set_long_length(&mut self, start: usize, length: &[u8]) {
        let end = self.buffer.len();
        self.buffer.resize(end + length.len());
        self.buffer.as_mut_bytes().copy_within(start..end, start + length.len());
        // At most eight bytes: a usize.
        self.overwrite(start - 1, &[LONG_LENGTH | u8::try_from(length.len()).unwrap_or(u8::MAX)]);
        self.overwrite(start, length);
    }

    fn overwrite(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.buffer.as_mut_bytes().get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
}

/// The shortest form of a number in two's complement.
fn minimal(bytes: &[u8]) -> &[u8] {
    let mut bytes = bytes;
    while let [first, second, ..] = bytes {
        let sign = if second & 0x80 == 0 { 0x00 } else { 0xff };
        if *first != sign {
            break;
        }
        bytes = bytes.get(1..).unwrap_or_default();
    }
    bytes
}

/// The length of the message that `bytes` begin with, header included, once all of it is there.
pub fn message_length(bytes: &[u8]) -> Result<Option<usize>, BerError> {
    let Some(first) = bytes.first() else { return Ok(None) };
    if *first != SEQUENCE {
        return Err(BerError::Tag { expected: SEQUENCE, found: *first });
    }
    let Some(header) = Header::parse(bytes)? else { return Ok(None) };
    match header.total() {
        Some(total) if total <= LONGEST_MESSAGE => Ok((total <= bytes.len()).then_some(total)),
        _ => Err(BerError::TooLong),
    }
}

/// One element: its tag and what is in it.
#[derive(Clone, Copy)]
pub struct Element<'a> {
    /// Class, construction and number in one byte.
    pub tag: u8,
    /// The bytes between this element's header and the next element.
    pub content: &'a [u8],
}

impl<'a> Element<'a> {
    /// The elements inside.
    pub fn inside(self) -> Reader<'a> {
        Reader::new(self.content)
    }
}

/// Reads the elements of one level, in order.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader of the elements that `bytes` consist of.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether there are no more.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next element, whatever it is.
    pub fn element(&mut self) -> Result<Element<'a>, BerError> {
        let header = Header::parse(self.rest)?.ok_or(BerError::Truncated)?;
        let total = header.total().ok_or(BerError::TooLong)?;
        let (element, rest) = self.rest.split_at_checked(total).ok_or(BerError::Truncated)?;
        self.rest = rest;
        Ok(Element { tag: header.tag, content: element.get(header.size..).unwrap_or_default() })
    }

    /// The content of the next element, which must have this tag.
    pub fn required(&mut self, tag: u8) -> Result<&'a [u8], BerError> {
        let found = self.element()?;
        if found.tag != tag {
            return Err(BerError::Tag { expected: tag, found: found.tag });
        }
        Ok(found.content)
    }

    /// The elements inside the next element, which must have this tag.
    pub fn enter(&mut self, tag: u8) -> Result<Self, BerError> {
        self.required(tag).map(Reader::new)
    }

    /// The content of the next element if it has this tag; otherwise it is left for later.
    pub fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, BerError> {
        if self.rest.first() == Some(&tag) { self.required(tag).map(Some) } else { Ok(None) }
    }

    /// The next element as a whole number: an INTEGER or ENUMERATED.
    pub fn number(&mut self, tag: u8) -> Result<i32, BerError> {
        let content = self.required(tag)?;
        let (first, _) = content.split_first().ok_or(BerError::Number)?;
        let bytes = minimal(content);
        let mut number = [if first & 0x80 == 0 { 0x00 } else { 0xff }; 4];
        let start = number.len().checked_sub(bytes.len()).ok_or(BerError::Number)?;
        number.get_mut(start..).unwrap_or_default().copy_from_slice(bytes);
        Ok(i32::from_be_bytes(number))
    }
}

/// What stands before an element's content.
struct Header {
    tag: u8,
    /// Bytes of the header itself.
    size: usize,
    /// Bytes of the content.
    length: usize,
}

impl Header {
    /// `None` when there are too few bytes. A length may be written with more bytes than it needs: some servers
    /// always use four.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, BerError> {
        let Some((&tag, rest)) = bytes.split_first() else { return Ok(None) };
        if tag & TAG_NUMBER == TAG_NUMBER {
            return Err(BerError::LongTag);
        }
        let Some((&first, rest)) = rest.split_first() else { return Ok(None) };
        if first & LONG_LENGTH == 0 {
            return Ok(Some(Self { tag, size: 2, length: usize::from(first) }));
        }
        let count = usize::from(first & !LONG_LENGTH);
        if count == 0 {
            return Err(BerError::IndefiniteLength);
        }
        if count > size_of::<usize>() {
            return Err(BerError::TooLong);
        }
        let Some(digits) = rest.get(..count) else { return Ok(None) };
        let length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
        Ok(Some(Self { tag, size: 2 + count, length }))
    }

    fn total(&self) -> Option<usize> {
        self.size.checked_add(self.length)
    }
}

/// Why bytes are no BER that LDAP allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BerError {
    /// An element is longer than what holds it.
    Truncated,
    /// An element of indefinite length, which LDAP forbids.
    IndefiniteLength,
    /// A tag number of 31 or more, which LDAP has none of.
    LongTag,
    /// A length beyond [`LONGEST_MESSAGE`] or beyond all reason.
    TooLong,
    /// Another element was to be here.
    Tag {
        /// What was to be here.
        expected: u8,
        /// What is here.
        found: u8,
    },
    /// A number of no bytes, or one that 32 bits cannot hold.
    Number,
}

impl fmt::Display for BerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => formatter.write_str("an element is longer than the one around it"),
            Self::IndefiniteLength => formatter.write_str("an element has no definite length"),
            Self::LongTag => formatter.write_str("an element has a tag number above 30"),
            Self::TooLong => write!(formatter, "a message is longer than {LONGEST_MESSAGE} bytes"),
            Self::Tag { expected, found } => {
                write!(formatter, "an element has the tag {found:#04x} where {expected:#04x} is expected")
            }
            Self::Number => formatter.write_str("a number is empty or too large"),
        }
    }
}

impl std::error::Error for BerError {}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
#[path = "ber_tests.rs"]
mod tests;
