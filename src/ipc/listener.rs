//! The sockets of a frontend, and which of them live on when another takes over.
#![forbid(unsafe_code)]

use super::codec::{Malformed, Reader, Writer};
use crate::config::endpoint::{MOST_ALLOWED, MOST_LISTENERS};
use crate::config::site::Protocol;
use std::time::Duration;

/// A listening socket for the frontend to take connections from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its name, and what is spoken there.
    pub key: EndpointKey,
    /// In place of the service that clients name.
    pub service: Option<String>,
    /// How long a request may take, if that is said.
    pub timeout: Option<Duration>,
    /// Who may connect.
    pub allowed: Allowed,
}

/// By what a connection finds its endpoint again when it changes hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointKey {
    /// `mux`, or the path.
    pub name: String,
    /// What is spoken there.
    pub protocol: Protocol,
}

/// Who may connect: everybody if both lists are empty.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// By the user of the process.
    pub users: Vec<u32>,
    /// By its groups.
    pub groups: Vec<u32>,
}

pub(super) fn encode_listener(tag: u8, listener: &Listener) -> Writer {
    let numbers = |writer: Writer, numbers: &Vec<u32>| {
        numbers.iter().fold(writer.size(numbers.len()), |writer, number| writer.number(u64::from(*number)))
    };
    let writer = write_key(Writer::new(tag, 1024), &listener.key)
        .option(listener.service.as_ref(), |writer, service| writer.string(service.as_bytes()))
        .option(listener.timeout, Writer::duration);
    numbers(numbers(writer, &listener.allowed.users), &listener.allowed.groups)
}

pub(super) fn decode_listener(reader: &mut Reader<'_>) -> Result<Listener, Malformed> {
    Ok(Listener {
        key: read_key(reader)?,
        service: reader.option(Reader::text)?,
        timeout: reader.option(Reader::duration)?,
        allowed: Allowed { users: read_numbers(reader)?, groups: read_numbers(reader)? },
    })
}

fn read_numbers(reader: &mut Reader<'_>) -> Result<Vec<u32>, Malformed> {
    (0..count(reader, MOST_ALLOWED)?)
        .map(|_| u32::try_from(reader.number()?).map_err(|_| Malformed))
        .collect()
}

pub(super) fn write_keys(writer: Writer, keys: &[EndpointKey]) -> Writer {
    keys.iter().fold(writer.size(keys.len()), write_key)
}

pub(super) fn read_keys(reader: &mut Reader<'_>) -> Result<Vec<EndpointKey>, Malformed> {
    (0..count(reader, MOST_LISTENERS)?).map(|_| read_key(reader)).collect()
}

pub(super) fn write_key(writer: Writer, key: &EndpointKey) -> Writer {
    writer.string(key.name.as_bytes()).number(number_of(key.protocol))
}

pub(super) fn read_key(reader: &mut Reader<'_>) -> Result<EndpointKey, Malformed> {
    Ok(EndpointKey { name: reader.text()?, protocol: protocol_of(reader.number()?)? })
}

fn number_of(protocol: Protocol) -> u64 {
    match protocol {
        Protocol::Mux => 0,
        Protocol::Dovecot => 1,
        Protocol::Control => 2,
    }
}

fn protocol_of(number: u64) -> Result<Protocol, Malformed> {
    [Protocol::Mux, Protocol::Dovecot, Protocol::Control]
        .into_iter()
        .find(|protocol| number_of(*protocol) == number)
        .ok_or(Malformed)
}

fn count(reader: &mut Reader<'_>, most: usize) -> Result<usize, Malformed> {
    let count = reader.size()?;
    if count <= most { Ok(count) } else { Err(Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_too_long_is_refused() {
        let read = |length: usize| {
            let writer = (0..length).fold(Writer::new(1, 64).size(length), |writer, _| writer.number(7));
            let message = writer.finish();
            let (_, mut reader) = Reader::new(message.as_bytes())?;
            read_numbers(&mut reader)
        };
        assert_eq!(read(MOST_ALLOWED).map(|numbers| numbers.len()), Ok(MOST_ALLOWED));
        assert_eq!(read(MOST_ALLOWED + 1), Err(Malformed));
    }
}
