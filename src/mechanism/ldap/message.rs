//! The messages of LDAP (RFC 4511): requests to bytes.
#![forbid(unsafe_code)]

use super::ber::{self, Writer};
use super::filter::Filter;
use super::tokens::Tokens;
use crate::secret::Secret;

/// The extended operation StartTLS, RFC 4511, section 4.14.
pub const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";

/// The extended operation "Who am I?", RFC 4532.
pub const WHO_AM_I: &[u8] = b"1.3.6.1.4.1.4203.1.11.3";

/// The attribute list that asks for no attribute, RFC 4511, section 4.5.1.8.
pub const NO_ATTRIBUTES: &[u8] = b"1.1";

/// Something to ask a server.
pub enum Request<'a> {
    /// Who we are.
    Bind {
        /// 2 or 3.
        version: u8,
        /// A DN, or whatever the server takes for one.
        name: &'a [u8],
        /// With what.
        credentials: BindCredentials<'a>,
    },
    /// The farewell; there is no answer.
    Unbind,
    /// That the request of this number need not be answered; there is no answer to this one either. RFC 4511, section
    /// 4.11.
    Abandon(i32),
    /// Entries, see [`Search`].
    Search(Search<'a>),
    /// Whether an entry has a value.
    Compare {
        /// The entry.
        name: &'a [u8],
        /// The attribute.
        attribute: &'a [u8],
        /// The value.
        value: &'a [u8],
    },
    /// That TLS begins.
    StartTls,
    /// Whom the server takes us for.
    WhoAmI,
}

/// How a bind proves who we are.
pub enum BindCredentials<'a> {
    /// With a password. An empty one proves nothing, though servers answer success: RFC 4513, section 5.1.2.
    Simple(&'a [u8]),
    /// By a SASL mechanism.
    Sasl {
        /// The name that IANA knows.
        mechanism: &'a [u8],
        /// The mechanism's message; `None` differs from an empty one.
        message: Option<&'a [u8]>,
    },
}

/// What to search for and where.
pub struct Search<'a> {
    /// The entry to begin at.
    pub base: &'a [u8],
    /// How far to go from there.
    pub scope: Scope,
    /// What to do with aliases.
    pub dereference: Dereference,
    /// Entries wanted at the most; 0 for any number.
    pub size_limit: i32,
    /// Seconds that the server may take; 0 for any time.
    pub time_limit: i32,
    /// Whether values are not wanted, only which attributes there are.
    pub types_only: bool,
    /// Which entries.
    pub filter: &'a Filter,
    /// What the filter's tokens stand for.
    pub tokens: &'a Tokens<'a>,
    /// Attributes wanted: none for all of them, [`NO_ATTRIBUTES`] for none of them.
    pub attributes: &'a [&'a [u8]],
}

/// How far a search goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The base alone.
    Base = 0,
    /// What is directly below it.
    One = 1,
    /// The base and all below it.
    Sub = 2,
}

/// What a search does with aliases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dereference {
    /// Nothing.
    Never = 0,
    /// Follows them below the base.
    Search = 1,
    /// Follows one that is the base.
    Find = 2,
    /// Both.
    Always = 3,
}

impl Request<'_> {
    /// Appends the message with this number, which must be above 0: 0 is the server's own.
    pub fn write(&self, number: i32, buffer: &mut Secret) {
        write_message(number, buffer, |writer| self.write_operation(writer));
    }

    /// The request without a number, for whoever asks it again on another connection.
    pub fn to_operation(&self) -> Operation {
        let mut bytes = Secret::default();
        self.write_operation(&mut Writer::new(&mut bytes));
        Operation(bytes)
    }

    fn write_operation(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Bind { version, name, credentials } => {
                writer.nested(ber::application_constructed(0), |writer| {
                    writer.number(ber::INTEGER, i32::from(*version));
                    writer.octets(ber::OCTET_STRING, name);
                    credentials.write(writer);
                });
            }
            Self::Unbind => writer.octets(ber::application(2), b""),
            Self::Abandon(number) => writer.number(ber::application(16), *number),
            Self::Search(search) => search.write(writer),
            Self::Compare { name, attribute, value } => {
                writer.nested(ber::application_constructed(14), |writer| {
                    writer.octets(ber::OCTET_STRING, name);
                    writer.nested(ber::SEQUENCE, |writer| {
                        writer.octets(ber::OCTET_STRING, attribute);
                        writer.octets(ber::OCTET_STRING, value);
                    });
                });
            }
            Self::StartTls => write_extended(START_TLS, writer),
            Self::WhoAmI => write_extended(WHO_AM_I, writer),
        }
    }
}

/// A request that has no number yet.
pub struct Operation(Secret);

impl Operation {
    /// Appends the message with this number, as [`Request::write`] does.
    pub fn write(&self, number: i32, buffer: &mut Secret) {
        write_message(number, buffer, |writer| writer.raw(self.0.as_bytes()));
    }
}

fn write_message(number: i32, buffer: &mut Secret, write: impl FnOnce(&mut Writer<'_>)) {
    Writer::new(buffer).nested(ber::SEQUENCE, |writer| {
        writer.number(ber::INTEGER, number);
        write(writer);
    });
}

fn write_extended(name: &[u8], writer: &mut Writer<'_>) {
    writer.nested(ber::application_constructed(23), |writer| writer.octets(ber::context(0), name));
}

impl BindCredentials<'_> {
    fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Simple(password) => writer.octets(ber::context(0), password),
            Self::Sasl { mechanism, message } => {
                writer.nested(ber::context_constructed(3), |writer| {
                    writer.octets(ber::OCTET_STRING, mechanism);
                    if let Some(message) = message {
                        writer.octets(ber::OCTET_STRING, message);
                    }
                });
            }
        }
    }
}

impl Search<'_> {
    fn write(&self, writer: &mut Writer<'_>) {
        writer.nested(ber::application_constructed(3), |writer| {
            writer.octets(ber::OCTET_STRING, self.base);
            writer.number(ber::ENUMERATED, self.scope as i32);
            writer.number(ber::ENUMERATED, self.dereference as i32);
            writer.number(ber::INTEGER, self.size_limit);
            writer.number(ber::INTEGER, self.time_limit);
            writer.flag(ber::BOOLEAN, self.types_only);
            self.filter.write(self.tokens, writer);
            writer.nested(ber::SEQUENCE, |writer| {
                self.attributes.iter().for_each(|attribute| writer.octets(ber::OCTET_STRING, attribute));
            });
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn written(number: i32, request: &Request<'_>) -> Vec<u8> {
        let mut buffer = Secret::default();
        request.write(number, &mut buffer);
        buffer.as_bytes().to_vec()
    }

    #[test]
    fn a_simple_bind_is_as_the_standard_wants_it() {
        let bind = Request::Bind { version: 3, name: b"cn=a", credentials: BindCredentials::Simple(b"pw") };
        assert_eq!(written(1, &bind), b"\x30\x12\x02\x01\x01\x60\x0d\x02\x01\x03\x04\x04cn=a\x80\x02pw");
    }

    #[test]
    fn a_sasl_bind_tells_no_message_from_an_empty_one() {
        let bind = |message| {
            let credentials = BindCredentials::Sasl { mechanism: b"EXTERNAL", message };
            written(200, &Request::Bind { version: 3, name: b"", credentials })
        };
        assert_eq!(
            bind(None),
            b"\x30\x17\x02\x02\x00\xc8\x60\x11\x02\x01\x03\x04\x00\xa3\x0a\x04\x08EXTERNAL"
        );
        assert_eq!(
            bind(Some(b"")),
            b"\x30\x19\x02\x02\x00\xc8\x60\x13\x02\x01\x03\x04\x00\xa3\x0c\x04\x08EXTERNAL\x04\x00"
        );
    }

    #[test]
    fn a_search_is_as_the_standard_wants_it() {
        let filter = Filter::parse("uid=%u").unwrap();
        let tokens = Tokens { login: b"me", ..Tokens::default() };
        let search = Request::Search(Search {
            base: b"dc=x",
            scope: Scope::Sub,
            dereference: Dereference::Always,
            size_limit: 1,
            time_limit: 5,
            types_only: true,
            filter: &filter,
            tokens: &tokens,
            attributes: &[NO_ATTRIBUTES, b"cn"],
        });
        assert_eq!(
            written(2, &search),
            b"\x30\x30\x02\x01\x02\x63\x2b\x04\x04dc=x\x0a\x01\x02\x0a\x01\x03\x02\x01\x01\x02\x01\x05\x01\x01\xff\
              \xa3\x09\x04\x03uid\x04\x02me\x30\x09\x04\x031.1\x04\x02cn"
        );
    }

    #[test]
    fn the_other_requests_are_as_the_standard_wants_them() {
        let compare = Request::Compare { name: b"cn=g", attribute: b"member", value: b"cn=u" };
        assert_eq!(
            written(3, &compare),
            b"\x30\x1b\x02\x01\x03\x6e\x16\x04\x04cn=g\x30\x0e\x04\x06member\x04\x04cn=u"
        );
        assert_eq!(written(4, &Request::Unbind), b"\x30\x05\x02\x01\x04\x42\x00");
        assert_eq!(written(4, &Request::Abandon(3)), b"\x30\x06\x02\x01\x04\x50\x01\x03");
        assert_eq!(
            written(6, &Request::StartTls),
            b"\x30\x1d\x02\x01\x06\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
        );
    }

    #[test]
    fn an_operation_becomes_the_same_message() {
        let compare = Request::Compare { name: b"cn=g", attribute: b"member", value: b"cn=u" };
        let mut buffer = Secret::default();
        compare.to_operation().write(300, &mut buffer);
        assert_eq!(buffer.as_bytes(), written(300, &compare));
        assert_eq!(
            written(6, &Request::WhoAmI),
            b"\x30\x1e\x02\x01\x06\x77\x19\x80\x171.3.6.1.4.1.4203.1.11.3"
        );
    }

    #[test]
    fn requests_follow_each_other_in_one_buffer() {
        let mut buffer = Secret::default();
        Request::Unbind.write(1, &mut buffer);
        Request::Unbind.write(2, &mut buffer);
        assert_eq!(buffer.as_bytes(), b"\x30\x05\x02\x01\x01\x42\x00\x30\x05\x02\x01\x02\x42\x00");
    }

    #[test]
    fn long_values_are_not_cut() {
        let password = vec![b'p'; 65_535];
        let bind = Request::Bind { version: 3, name: b"", credentials: BindCredentials::Simple(&password) };
        let bytes = written(i32::MAX, &bind);
        assert_eq!(ber::message_length(&bytes), Ok(Some(bytes.len())));
        assert!(bytes.ends_with(&password));
    }
}
