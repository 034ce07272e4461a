//! The messages of a directory, before a session makes anything of them.

use crate::memory::most_held;
use saslauthd::mechanism::ldap::ber::{self, BerError, LONGEST_MESSAGE, Reader};
use saslauthd::mechanism::ldap::response::{Body, Response};

/// Bytes held for each byte of a message: an empty value is two bytes of it and a vector here, and vectors double.
const HELD_FOR_EACH: usize = 64;

/// Bytes are divided into messages in the same way however many of them have come, whatever a message holds is in it,
/// and reading it takes no more memory than it brings.
pub fn check(bytes: &[u8]) {
    check_framing(bytes);
    let (response, held) = most_held(|| Response::parse(bytes));
    assert!(held <= 1024 + HELD_FOR_EACH * bytes.len(), "{held} bytes held");
    check_elements(bytes);
    match response {
        Ok(response) => check_body(&response.body, bytes),
        Err(error) => assert!(!error.to_string().contains(char::is_control)),
    }
}

fn check_framing(bytes: &[u8]) {
    let whole = ber::message_length(bytes);
    if let Ok(Some(length)) = whole {
        assert!(length >= 2 && length <= bytes.len().min(LONGEST_MESSAGE));
        assert_eq!(ber::message_length(&bytes[..length]), whole, "what follows makes no difference");
    }
    let known_at = match whole {
        Ok(Some(length)) => length,
        Ok(None) => bytes.len(),
        // A tag, and a length of at most nine bytes.
        Err(_) => bytes.len().min(10),
    };
    for end in (0..known_at).rev().take(300) {
        match ber::message_length(&bytes[..end]) {
            Ok(None) => {}
            Ok(Some(length)) => panic!("{length} bytes of {end}, but {whole:?}"),
            Err(error) => assert_eq!(whole, Err(error), "an error is one for good"),
        }
    }
    assert_eq!(ber::message_length(&bytes[..known_at]), whole);
}

/// The elements of a level are its bytes, none twice and none left out.
fn check_elements(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let mut length = 0;
    while !reader.is_empty() {
        match reader.element() {
            Ok(element) => {
                length += element.content.len() + 2;
                assert!(length <= bytes.len());
                assert!(
                    bytes.is_empty()
                        || bytes.as_ptr_range().contains(&element.content.as_ptr())
                        || element.content.is_empty()
                );
            }
            Err(BerError::Tag { .. } | BerError::Number) => panic!("nothing was expected"),
            Err(_) => return,
        }
    }
}

fn check_body(body: &Body, bytes: &[u8]) {
    let strings: Vec<&[u8]> = match body {
        Body::Bind { result, message } => {
            let message = message.as_ref().map(|message| message.as_bytes());
            result
                .referral
                .iter()
                .map(Vec::as_slice)
                .chain([result.matched.as_slice()])
                .chain(message)
                .collect()
        }
        Body::Entry(entry) => {
            let values = entry.attributes.iter().flat_map(|attribute| &attribute.values);
            let names = entry.attributes.iter().map(|attribute| attribute.name.as_slice());
            names.chain(values.map(|value| value.as_bytes())).chain([entry.name.as_slice()]).collect()
        }
        Body::Reference(uris) => uris.iter().map(Vec::as_slice).collect(),
        Body::Done(result) | Body::Compare(result) | Body::Extended { result, .. } => {
            assert!(result.to_string().len() < 8 * 1024);
            vec![&result.matched, &result.diagnostic]
        }
        Body::Intermediate => Vec::new(),
    };
    let length: usize = strings.iter().map(|string| string.len() + 2).sum();
    assert!(length <= bytes.len(), "more was read than there is");
}
