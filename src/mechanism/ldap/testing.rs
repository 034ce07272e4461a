//! The server's side, for tests: messages as a directory sends them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::ber::{self, Writer};
use super::response::LdapResult;
use super::result_code::ResultCode;
use crate::secret::Secret;

/// A message with this number and operation.
pub(super) fn message(number: i32, tag: u8, write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut buffer = Secret::default();
    Writer::new(&mut buffer).nested(ber::SEQUENCE, |writer| {
        writer.number(ber::INTEGER, number);
        writer.nested(tag, write);
    });
    buffer.as_bytes().to_vec()
}

fn write_result(writer: &mut Writer<'_>, code: ResultCode) {
    write_diagnosis(writer, code, "");
}

fn write_diagnosis(writer: &mut Writer<'_>, code: ResultCode, diagnostic: &str) {
    writer.number(ber::ENUMERATED, code.0);
    writer.octets(ber::OCTET_STRING, b"");
    writer.octets(ber::OCTET_STRING, diagnostic.as_bytes());
}

/// A message that is a result only.
fn result_message(number: i32, tag: u8, code: ResultCode) -> Vec<u8> {
    message(number, tag, |writer| write_result(writer, code))
}

pub(super) fn bound(number: i32, code: ResultCode) -> Vec<u8> {
    result_message(number, ber::application_constructed(1), code)
}

/// A bind's result with something for people to read.
pub(super) fn refused(number: i32, code: ResultCode, diagnostic: &str) -> Vec<u8> {
    message(number, ber::application_constructed(1), |writer| write_diagnosis(writer, code, diagnostic))
}

/// What answers nothing.
pub(super) fn notice(name: &[u8], code: ResultCode) -> Vec<u8> {
    message(0, ber::application_constructed(24), |writer| {
        write_result(writer, code);
        writer.octets(ber::context(10), name);
    })
}

/// A bind's result with a message of SASL.
pub(super) fn challenge(number: i32, code: ResultCode, sasl: &[u8]) -> Vec<u8> {
    message(number, ber::application_constructed(1), |writer| {
        write_result(writer, code);
        writer.octets(ber::context(7), sasl);
    })
}

pub(super) fn done(number: i32, code: ResultCode) -> Vec<u8> {
    result_message(number, ber::application_constructed(5), code)
}

pub(super) fn compared(number: i32, code: ResultCode) -> Vec<u8> {
    result_message(number, ber::application_constructed(15), code)
}

pub(super) fn extended(number: i32, code: ResultCode) -> Vec<u8> {
    result_message(number, ber::application_constructed(24), code)
}

/// The answer to "Who am I?".
pub(super) fn known(number: i32, identity: &[u8]) -> Vec<u8> {
    message(number, ber::application_constructed(24), |writer| {
        write_result(writer, ResultCode::SUCCESS);
        writer.octets(ber::context(11), identity);
    })
}

pub(super) fn entry(number: i32, name: &str, attribute: &str, values: &[&str]) -> Vec<u8> {
    message(number, ber::application_constructed(4), |writer| {
        writer.octets(ber::OCTET_STRING, name.as_bytes());
        writer.nested(ber::SEQUENCE, |writer| {
            writer.nested(ber::SEQUENCE, |writer| {
                writer.octets(ber::OCTET_STRING, attribute.as_bytes());
                writer.nested(ber::SET, |writer| {
                    values.iter().for_each(|value| writer.octets(ber::OCTET_STRING, value.as_bytes()));
                });
            });
        });
    })
}

pub(super) fn reference(number: i32, uri: &str) -> Vec<u8> {
    references(number, &[uri])
}

/// One place with several ways to it.
pub(super) fn references(number: i32, uris: &[&str]) -> Vec<u8> {
    message(number, ber::application_constructed(19), |writer| {
        uris.iter().for_each(|uri| writer.octets(ber::OCTET_STRING, uri.as_bytes()));
    })
}

/// A result as an exchange sees it.
pub(super) fn result(code: ResultCode) -> LdapResult {
    LdapResult { code, matched: Vec::new(), diagnostic: Vec::new(), referral: Vec::new() }
}

/// A request as a server sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) number: i32,
    pub(super) text: String,
    /// SASL's message.
    pub(super) sasl: Vec<u8>,
}

/// The requests in what a client sent, each as a line of text; the content is checked by the tests of the codec.
pub(super) fn seen(mut bytes: &[u8]) -> Vec<Seen> {
    let mut requests = Vec::new();
    while let Some(length) = ber::message_length(bytes).unwrap() {
        let (message, rest) = bytes.split_at(length);
        bytes = rest;
        let mut message = ber::Reader::new(message).enter(ber::SEQUENCE).unwrap();
        let number = message.number(ber::INTEGER).unwrap();
        let operation = message.element().unwrap();
        let mut sasl = Vec::new();
        let text = show(operation, &mut sasl);
        requests.push(Seen { number, text, sasl });
    }
    assert!(bytes.is_empty(), "half a request: {bytes:?}");
    requests
}

fn show(operation: ber::Element<'_>, sasl: &mut Vec<u8>) -> String {
    let mut inside = operation.inside();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    const BIND: u8 = ber::application_constructed(0);
    const SEARCH: u8 = ber::application_constructed(3);
    const COMPARE: u8 = ber::application_constructed(14);
    const EXTENDED: u8 = ber::application_constructed(23);
    const UNBIND: u8 = ber::application(2);
    match operation.tag {
        BIND => {
            assert_eq!(inside.number(ber::INTEGER), Ok(3));
            let name = text(inside.required(ber::OCTET_STRING).unwrap());
            let proof = inside.element().unwrap();
            if proof.tag == ber::context(0) {
                return format!("bind {name} {}", text(proof.content));
            }
            let mut proof = proof.inside();
            let mechanism = text(proof.required(ber::OCTET_STRING).unwrap());
            sasl.extend_from_slice(proof.required(ber::OCTET_STRING).unwrap_or_default());
            assert_eq!(name, "");
            format!("sasl {mechanism}")
        }
        SEARCH => {
            let base = text(inside.required(ber::OCTET_STRING).unwrap());
            let mut numbers = |tag| inside.number(tag).unwrap();
            let (scope, aliases) = (numbers(ber::ENUMERATED), numbers(ber::ENUMERATED));
            let (size, time) = (numbers(ber::INTEGER), numbers(ber::INTEGER));
            inside.required(ber::BOOLEAN).unwrap();
            let mut filter = inside.element().unwrap().inside();
            let mut parts = Vec::new();
            while let Ok(part) = filter.element() {
                parts.push(text(part.content));
            }
            let mut attributes = inside.enter(ber::SEQUENCE).unwrap();
            let attribute = text(attributes.required(ber::OCTET_STRING).unwrap());
            format!("search {base} {scope} {aliases} {size} {time} {} {attribute}", parts.join("="))
        }
        COMPARE => {
            let name = text(inside.required(ber::OCTET_STRING).unwrap());
            let mut assertion = inside.enter(ber::SEQUENCE).unwrap();
            let attribute = text(assertion.required(ber::OCTET_STRING).unwrap());
            format!("compare {name} {attribute} {}", text(assertion.required(ber::OCTET_STRING).unwrap()))
        }
        EXTENDED => format!("extended {}", text(inside.required(ber::context(0)).unwrap())),
        UNBIND => "unbind".to_owned(),
        tag => panic!("{tag:#04x}"),
    }
}
