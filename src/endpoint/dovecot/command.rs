//! What a client says: one line, one command.
#![forbid(unsafe_code)]

use super::Mechanism;
use super::escape::unescape;
use super::reason::ProtocolError;
use crate::credentials::{MailConnection, client_address};
use std::net::IpAddr;
use std::num::NonZeroU32;

/// The client's name for a request. 0 is none.
pub(super) type Id = NonZeroU32;

/// The only major version there is.
const MAJOR_VERSION: u32 = 1;

/// A line of a client.
pub(super) enum Command<'a> {
    /// `VERSION 1 MINOR`: the first line.
    Version {
        /// Of the client. From 2 on an empty `resp=` is a response.
        minor: u32,
    },
    /// `CPID PID`: the client's process, the second line. Nothing depends on the number.
    ClientProcess,
    /// `AUTH ID MECHANISM PARAMETERS…`: begins a request.
    Auth(Auth<'a>),
    /// `CONT ID BASE64`: goes on with it.
    Continue {
        /// Which one.
        id: Id,
        /// Not yet decoded.
        response: &'a [u8],
    },
    /// `CANCEL ID`: nobody wants an answer any more.
    Cancel(Id),
}

/// `AUTH`
pub(super) struct Auth<'a> {
    /// No other open request has it.
    pub(super) id: Id,
    /// What was said about it.
    pub(super) parameters: Parameters,
    /// The value of `resp=`, not yet decoded.
    pub(super) initial: Option<&'a [u8]>,
}

/// What a client says of a login attempt beside login and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// The SASL mechanism.
    pub mechanism: Mechanism,
    /// `service=`, or what the settings have in its place.
    pub service: Vec<u8>,
    /// `rip=`: who wants to log in, if that is an address.
    pub client: Option<IpAddr>,
    /// `lip=`: the address that was connected to, if that is one.
    pub local: Option<IpAddr>,
    /// `secured`: the connection to the mail server was encrypted, or came from the machine itself.
    pub secured: bool,
    /// What else is told of that connection.
    pub connection: MailConnection,
}

impl<'a> Command<'a> {
    /// Takes a line apart.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, ProtocolError> {
        let mut parts = line.splitn(2, |byte| *byte == b'\t');
        let word = parts.next().unwrap_or_default();
        let fields = parts.next();
        match word {
            b"VERSION" => parse_version(fields),
            b"CPID" => parse_id(fields).map(|_| Self::ClientProcess),
            b"AUTH" => Auth::parse(fields.unwrap_or_default()).map(Self::Auth),
            b"CONT" => parse_continue(fields.unwrap_or_default()),
            b"CANCEL" => parse_id(fields).map(Self::Cancel),
            _ => Err(ProtocolError::UnknownCommand),
        }
    }
}

fn parse_version<'a>(fields: Option<&[u8]>) -> Result<Command<'a>, ProtocolError> {
    let mut fields = fields.unwrap_or_default().split(|byte| *byte == b'\t').map(parse_number);
    let (Some(Some(major)), Some(Some(minor)), None) = (fields.next(), fields.next(), fields.next()) else {
        return Err(ProtocolError::Malformed);
    };
    if major == MAJOR_VERSION { Ok(Command::Version { minor }) } else { Err(ProtocolError::UnknownVersion) }
}

fn parse_continue(fields: &[u8]) -> Result<Command<'_>, ProtocolError> {
    let mut parts = fields.splitn(2, |byte| *byte == b'\t');
    let id = parse_id(parts.next())?;
    let response = parts.next().ok_or(ProtocolError::Malformed)?;
    Ok(Command::Continue { id, response })
}

fn parse_id(field: Option<&[u8]>) -> Result<Id, ProtocolError> {
    field.and_then(parse_number).and_then(Id::new).ok_or(ProtocolError::Malformed)
}

/// Digits and nothing else, not even a plus.
fn parse_number(field: &[u8]) -> Option<u32> {
    let text =
        std::str::from_utf8(field).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    text.parse().ok()
}

impl<'a> Auth<'a> {
    fn parse(fields: &'a [u8]) -> Result<Self, ProtocolError> {
        let mut fields = fields.split(|byte| *byte == b'\t');
        let id = parse_id(fields.next())?;
        let name = fields.next().ok_or(ProtocolError::Malformed)?;
        let mechanism = Mechanism::named(name).ok_or(ProtocolError::UnknownMechanism)?;
        let mut found = Found::default();
        for field in fields {
            found.take(field)?;
        }
        let Found { service, client, local, secured, connection, initial } = found;
        let service = service.map(unescape).ok_or(ProtocolError::NoService)?;
        let parameters = Parameters { mechanism, service, client, local, secured, connection };
        Ok(Self { id, parameters, initial })
    }
}

/// The parameters of an `AUTH` that have been read so far.
#[derive(Default)]
struct Found<'a> {
    service: Option<&'a [u8]>,
    client: Option<IpAddr>,
    local: Option<IpAddr>,
    secured: bool,
    connection: MailConnection,
    initial: Option<&'a [u8]>,
}

impl<'a> Found<'a> {
    /// Takes a parameter: `NAME` or `NAME=VALUE`. Unknown ones are passed over, and the last of two counts.
    fn take(&mut self, field: &'a [u8]) -> Result<(), ProtocolError> {
        if self.initial.is_some() {
            return Err(ProtocolError::AfterResponse);
        }
        let mut parts = field.splitn(2, |byte| *byte == b'=');
        let name = parts.next().unwrap_or_default();
        let value = parts.next().unwrap_or_default();
        match name {
            b"service" => self.service = Some(value),
            b"rip" => self.client = client_address(&unescape(value)),
            b"lip" => self.local = client_address(&unescape(value)),
            // With a value, if it is told how.
            b"secured" => {
                self.secured = true;
                self.connection.has_tls = value == b"tls";
            }
            b"session" => self.connection.session = unescape(value),
            b"client_id" => self.connection.device = unescape(value),
            b"resp" => self.initial = Some(value),
            _ => {}
        }
        Ok(())
    }
}
