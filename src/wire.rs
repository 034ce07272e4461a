//! The mux protocol: four counted strings and perhaps a fifth, answered by one counted string.
#![forbid(unsafe_code)]

use crate::config::Limits;
use crate::credentials::{Credentials, client_address};
use crate::metrics::reasons::InvalidReason;
use crate::secret::Secret;
use std::fmt;

/// Bytes of the big-endian length before every string.
const LENGTH_BYTES: usize = 2;

/// The strings of a request, in the order in which they are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The account.
    Login,
    /// Its password.
    Password,
    /// The service it is for.
    Service,
    /// The realm.
    Realm,
}

impl Field {
    const ALL: [Self; 4] = [Self::Login, Self::Password, Self::Service, Self::Realm];

    fn limit(self, limits: Limits) -> usize {
        match self {
            Self::Password => limits.password,
            Self::Login | Self::Service | Self::Realm => limits.field,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Login => "login",
            Self::Password => "password",
            Self::Service => "service",
            Self::Realm => "realm",
        })
    }
}

/// What the bytes received so far amount to.
pub enum Decoded {
    /// More bytes are needed.
    Incomplete,
    /// A whole request.
    Request(Credentials),
    /// A request that no mechanism is asked about.
    Invalid(InvalidRequest),
}

/// Why a request is refused before any mechanism sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidRequest {
    /// A string is longer than its limit in bytes; known as soon as its length has arrived.
    TooLong(Field, usize),
    /// The login is empty.
    EmptyLogin,
    /// The password is empty.
    EmptyPassword,
    /// A string holds a NUL before its end, where the C daemon would silently cut it and log in as somebody else.
    HoldsNul(Field),
}

impl InvalidRequest {
    /// What it counts as.
    pub fn counts_as(self) -> InvalidReason {
        match self {
            Self::TooLong(..) => InvalidReason::TooLong,
            Self::EmptyLogin => InvalidReason::EmptyLogin,
            Self::EmptyPassword => InvalidReason::EmptyPassword,
            Self::HoldsNul(_) => InvalidReason::NulByte,
        }
    }

    /// The reply: the C daemon's words where it has some. After a string that is too long they are three bytes
    /// with a blank at the end.
    pub fn reply(self) -> String {
        match self {
            Self::TooLong(..) => "NO ".to_owned(),
            Self::EmptyLogin | Self::EmptyPassword | Self::HoldsNul(_) => format!("NO {self}"),
        }
    }
}

impl fmt::Display for InvalidRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(field, limit) => write!(formatter, "{field} exceeded MAX_REQ_LEN: {limit}"),
            Self::EmptyLogin => formatter.write_str("NULL login received"),
            Self::EmptyPassword => formatter.write_str("NULL password received"),
            Self::HoldsNul(field) => write!(formatter, "NUL byte in {field} received"),
        }
    }
}

/// Puts a request together from pieces of any size.
pub struct Decoder {
    limits: Limits,
    received: Secret,
}

impl Decoder {
    /// A decoder for one connection.
    pub fn new(limits: Limits) -> Self {
        Self { limits, received: Secret::default() }
    }

    /// Whether not a single byte has arrived: monitors connect and close without asking anything.
    pub fn is_untouched(&self) -> bool {
        self.received.is_empty()
    }

    /// Takes the next bytes. After anything but [`Decoded::Incomplete`] the decoder is done and holds nothing.
    ///
    /// The client address is taken only if it is there when the realm is complete: most clients never send one,
    /// and nobody waits for it (a 2.2 daemon that does hangs every older client).
    pub fn decode(&mut self, bytes: &[u8]) -> Decoded {
        let decoded = if self.received.is_empty() {
            decode_request(bytes, self.limits)
        } else {
            self.received.extend_from_slice(bytes);
            decode_request(self.received.as_bytes(), self.limits)
        };
        match decoded {
            Decoded::Incomplete if self.received.is_empty() => self.received.extend_from_slice(bytes),
            Decoded::Incomplete => {}
            Decoded::Request(_) | Decoded::Invalid(_) => self.received.clear(),
        }
        decoded
    }
}

fn decode_request(bytes: &[u8], limits: Limits) -> Decoded {
    let mut rest = bytes;
    let mut fields: [&[u8]; 4] = [&[]; 4];
    for (field, value) in Field::ALL.into_iter().zip(&mut fields) {
        match take_string(&mut rest, field.limit(limits)) {
            Taken::Whole(string) => *value = without_terminator(string),
            Taken::Partial => return Decoded::Incomplete,
            Taken::TooLong => return Decoded::Invalid(InvalidRequest::TooLong(field, field.limit(limits))),
        }
    }
    if let Some(invalid) = find_fault(&fields) {
        return Decoded::Invalid(invalid);
    }
    let client = match take_string(&mut rest, limits.field) {
        Taken::Whole(address) => client_address(without_terminator(address)),
        Taken::Partial | Taken::TooLong => None,
    };
    let [login, password, service, realm] = fields;
    Decoded::Request(Credentials {
        login: login.to_vec(),
        sent_login: None,
        password: Secret::copy_of(password),
        service: service.to_vec(),
        realm: realm.to_vec(),
        client,
        connection: None,
    })
}

/// A string without the one NUL that some clients count into it, such as MariaDB's plugin: C's strings end there too,
/// and nothing is lost by it.
fn without_terminator(string: &[u8]) -> &[u8] {
    string.strip_suffix(b"\0").unwrap_or(string)
}

fn find_fault(fields: &[&[u8]; 4]) -> Option<InvalidRequest> {
    let [login, password, ..] = fields;
    if login.is_empty() {
        return Some(InvalidRequest::EmptyLogin);
    }
    if password.is_empty() {
        return Some(InvalidRequest::EmptyPassword);
    }
    let holds_nul = Field::ALL.into_iter().zip(fields).find(|(_, value)| value.contains(&0));
    holds_nul.map(|(field, _)| InvalidRequest::HoldsNul(field))
}

enum Taken<'a> {
    Whole(&'a [u8]),
    Partial,
    TooLong,
}

fn take_string<'a>(rest: &mut &'a [u8], limit: usize) -> Taken<'a> {
    let Some((length, after)) = rest.split_first_chunk::<LENGTH_BYTES>() else { return Taken::Partial };
    let length = usize::from(u16::from_be_bytes(*length));
    if length > limit {
        return Taken::TooLong;
    }
    let Some((string, after)) = after.split_at_checked(length) else { return Taken::Partial };
    *rest = after;
    Taken::Whole(string)
}

/// A reply as it goes over the wire, length and text together: some clients take their first read as the whole.
pub fn encode_reply(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    let mut reply = Vec::with_capacity(LENGTH_BYTES + usize::from(length));
    reply.extend_from_slice(&length.to_be_bytes());
    reply.extend(text.bytes().take(usize::from(length)));
    reply
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn request(fields: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for field in fields {
            bytes.extend_from_slice(&u16::try_from(field.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(field);
        }
        bytes
    }

    fn decode_in_pieces(bytes: &[u8], piece: usize) -> Decoded {
        let mut decoder = Decoder::new(Limits::DEFAULT);
        for piece in bytes.chunks(piece) {
            match decoder.decode(piece) {
                Decoded::Incomplete => {}
                done => return done,
            }
        }
        Decoded::Incomplete
    }

    fn invalid(bytes: &[u8]) -> Option<InvalidRequest> {
        match decode_in_pieces(bytes, bytes.len().max(1)) {
            Decoded::Invalid(invalid) => Some(invalid),
            _ => None,
        }
    }

    #[test]
    fn a_request_is_the_same_in_pieces_of_any_size() {
        let bytes = request(&[b"anna", b"s\xffcret", b"smtp", b"example.org"]);
        for piece in 1..=bytes.len() {
            let Decoded::Request(credentials) = decode_in_pieces(&bytes, piece) else {
                panic!("pieces of {piece}")
            };
            assert_eq!(credentials.login, b"anna");
            assert_eq!(credentials.password.as_bytes(), b"s\xffcret");
            assert_eq!(credentials.service, b"smtp");
            assert_eq!(credentials.realm, b"example.org");
            assert_eq!(credentials.client, None);
        }
    }

    #[test]
    fn nothing_of_a_request_is_kept_once_it_is_decoded() {
        for bytes in [request(&[b"anna", b"secret", b"smtp", b""]), request(&[b"anna", b"", b"smtp", b""])] {
            let mut decoder = Decoder::new(Limits::DEFAULT);
            let (first, rest) = bytes.split_at(9);
            assert!(matches!(decoder.decode(first), Decoded::Incomplete));
            assert!(!decoder.is_untouched());
            assert!(!matches!(decoder.decode(rest), Decoded::Incomplete));
            assert!(decoder.is_untouched());
        }
    }

    #[test]
    fn every_beginning_of_a_request_is_incomplete_and_not_invalid() {
        let bytes = request(&[b"anna", b"secret", b"", b""]);
        for length in 0..bytes.len() {
            assert!(
                matches!(decode_in_pieces(&bytes[..length], usize::MAX), Decoded::Incomplete),
                "{length}"
            );
        }
    }

    #[test]
    fn the_client_address_is_taken_when_it_came_with_the_rest() {
        let bytes = request(&[b"anna", b"secret", b"smtp", b"", b"192.0.2.7;25"]);
        let Decoded::Request(credentials) = decode_in_pieces(&bytes, usize::MAX) else { panic!() };
        assert_eq!(credentials.client.unwrap().to_string(), "192.0.2.7");
    }

    #[test]
    fn a_request_is_complete_after_four_strings_whatever_follows() {
        let four = request(&[b"anna", b"secret", b"smtp", b""]);
        let followers: [&[u8]; 5] =
            [b"", b"\x00", b"\x00\x07192", b"\xff\xff", b"\x00\x03junk and more junk"];
        for follower in followers {
            let bytes = [four.as_slice(), follower].concat();
            let Decoded::Request(credentials) = decode_in_pieces(&bytes, usize::MAX) else { panic!() };
            assert_eq!(credentials.client, None);
        }
    }

    #[test]
    fn a_string_over_its_limit_is_refused_as_soon_as_its_length_is_there() {
        assert_eq!(invalid(b"\x04\x01"), Some(InvalidRequest::TooLong(Field::Login, 1024)));
        assert_eq!(invalid(b"\x00\x01a\x20\x01"), Some(InvalidRequest::TooLong(Field::Password, 8192)));
        assert_eq!(InvalidRequest::TooLong(Field::Login, 1024).reply(), "NO ");
        assert_eq!(
            InvalidRequest::TooLong(Field::Login, 1024).to_string(),
            "login exceeded MAX_REQ_LEN: 1024"
        );
    }

    #[test]
    fn strings_at_their_limit_are_taken() {
        let bytes = request(&[&[b'a'; 1024], &[b'p'; 8192], &[b's'; 1024], &[b'r'; 1024]]);
        assert!(matches!(decode_in_pieces(&bytes, 1000), Decoded::Request(_)));
    }

    #[test]
    fn an_empty_login_is_named_before_an_empty_password() {
        assert_eq!(invalid(&request(&[b"", b"", b"", b""])), Some(InvalidRequest::EmptyLogin));
        assert_eq!(invalid(&request(&[b"anna", b"", b"", b""])), Some(InvalidRequest::EmptyPassword));
        assert_eq!(InvalidRequest::EmptyLogin.reply(), "NO NULL login received");
        assert_eq!(InvalidRequest::EmptyPassword.reply(), "NO NULL password received");
    }

    #[test]
    fn a_nul_before_the_end_of_any_string_is_refused_and_never_cuts_it() {
        for string in [&b"x\0y"[..], b"\0y", b"x\0\0", b"\0\0", b"\0y\0"] {
            for (at, field) in Field::ALL.into_iter().enumerate() {
                let mut fields: [&[u8]; 4] = [b"anna", b"p", b"", b""];
                fields[at] = string;
                assert_eq!(invalid(&request(&fields)), Some(InvalidRequest::HoldsNul(field)), "{string:?}");
            }
        }
    }

    #[test]
    fn one_nul_at_the_end_of_a_string_only_ends_it() {
        let bytes = request(&[b"anna\0", b"secret\0", b"smtp\0", b"example.org\0", b"192.0.2.7;25\0"]);
        let Decoded::Request(credentials) = decode_in_pieces(&bytes, usize::MAX) else { panic!() };
        assert_eq!(credentials.login, b"anna");
        assert_eq!(credentials.password.as_bytes(), b"secret");
        assert_eq!(credentials.service, b"smtp");
        assert_eq!(credentials.realm, b"example.org");
        assert_eq!(credentials.client.unwrap().to_string(), "192.0.2.7");
        let bytes = request(&[b"anna", b"secret", b"\0", b"\0", b"192.0.2.7\0"]);
        let Decoded::Request(credentials) = decode_in_pieces(&bytes, usize::MAX) else { panic!() };
        assert!(credentials.service.is_empty() && credentials.realm.is_empty());
        assert_eq!(credentials.client.unwrap().to_string(), "192.0.2.7");
        assert_eq!(invalid(&request(&[b"\0", b"secret", b"", b""])), Some(InvalidRequest::EmptyLogin));
        assert_eq!(invalid(&request(&[b"anna", b"\0", b"", b""])), Some(InvalidRequest::EmptyPassword));
    }

    #[test]
    fn a_reply_is_its_length_and_its_text() {
        assert_eq!(encode_reply("OK"), b"\x00\x02OK");
        assert_eq!(encode_reply("NO "), b"\x00\x03NO ");
    }
}
