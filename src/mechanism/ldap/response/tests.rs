use super::*;
use crate::mechanism::ldap::ber::Writer;

/// A message with this number, operation and content.
fn message(number: i32, tag: u8, write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut buffer = Secret::default();
    Writer::new(&mut buffer).nested(ber::SEQUENCE, |writer| {
        writer.number(ber::INTEGER, number);
        writer.nested(tag, write);
    });
    buffer.as_bytes().to_vec()
}

fn write_result(writer: &mut Writer<'_>, code: i32) {
    writer.number(ber::ENUMERATED, code);
    writer.octets(ber::OCTET_STRING, b"dc=test");
    writer.octets(ber::OCTET_STRING, b"because");
}

fn entry() -> Vec<u8> {
    message(7, 0x64, |writer| {
        writer.octets(ber::OCTET_STRING, b"uid=x");
        writer.nested(ber::SEQUENCE, |writer| {
            for (name, values) in [("cn", ["a", "b"]), ("userPassword;x-a", ["{CRYPT}x", ""])] {
                writer.nested(ber::SEQUENCE, |writer| {
                    writer.octets(ber::OCTET_STRING, name.as_bytes());
                    writer.nested(ber::SET, |writer| {
                        values.iter().for_each(|value| writer.octets(ber::OCTET_STRING, value.as_bytes()));
                    });
                });
            }
        });
    })
}

fn parsed(bytes: &[u8]) -> Response {
    assert_eq!(ber::message_length(bytes), Ok(Some(bytes.len())));
    Response::parse(bytes).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_bind_is_answered_with_a_result_and_perhaps_a_message() {
    let bytes = message(3, 0x61, |writer| {
        write_result(writer, 14);
        writer.octets(ber::context(7), b"r=nonce");
    });
    let Response { number: 3, body: Body::Bind { result, message: Some(message) } } = parsed(&bytes) else {
        panic!("another body");
    };
    assert_eq!(result.code, ResultCode::SASL_BIND_IN_PROGRESS);
    assert_eq!((result.matched, result.diagnostic), (b"dc=test".to_vec(), b"because".to_vec()));
    assert!(message == Secret::copy_of(b"r=nonce"));

    let bytes = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x31\x04\x00\x04\x00";
    let Body::Bind { result, message: None } = parsed(bytes).body else { panic!("another body") };
    assert_eq!(result.code, ResultCode::INVALID_CREDENTIALS);
}

#[test]
fn an_entry_has_its_attributes_and_values() {
    let Response { number: 7, body: Body::Entry(entry) } = parsed(&entry()) else { panic!("another body") };
    assert_eq!(entry.name, b"uid=x");
    let values = |name: &[u8]| entry.values(name).map(|value| value.as_bytes().to_vec()).collect::<Vec<_>>();
    assert_eq!(values(b"CN"), [b"a".to_vec(), b"b".to_vec()]);
    assert_eq!(values(b"userpassword"), [b"{CRYPT}x".to_vec(), b"".to_vec()]);
    assert_eq!(values(b"sn"), [[]; 0]);
}

#[test]
fn an_entry_may_have_no_attributes() {
    let bytes = message(7, 0x64, |writer| {
        writer.octets(ber::OCTET_STRING, b"");
        writer.nested(ber::SEQUENCE, |_| ());
    });
    assert!(matches!(parsed(&bytes).body, Body::Entry(entry) if entry.attributes.is_empty()));
}

#[test]
fn referrals_come_out_of_results_and_references() {
    let uris = [b"ldap://a/dc=x".to_vec(), b"ldap://b/".to_vec()];
    let bytes = message(2, 0x65, |writer| {
        write_result(writer, 10);
        writer.nested(ber::context_constructed(3), |writer| {
            uris.iter().for_each(|uri| writer.octets(ber::OCTET_STRING, uri));
        });
    });
    let Body::Done(result) = parsed(&bytes).body else { panic!("another body") };
    assert_eq!(result.code, ResultCode::REFERRAL);
    assert_eq!(result.referral, uris);
    let bytes = message(2, 0x73, |writer| uris.iter().for_each(|uri| writer.octets(ber::OCTET_STRING, uri)));
    assert!(matches!(parsed(&bytes).body, Body::Reference(found) if found == uris));
}

#[test]
fn a_comparison_is_answered_with_a_result() {
    let bytes = message(2, 0x6f, |writer| write_result(writer, 6));
    assert!(matches!(parsed(&bytes).body, Body::Compare(result) if result.code == ResultCode::COMPARE_TRUE));
}

#[test]
fn controls_and_later_additions_are_passed_over() {
    let mut buffer = Secret::default();
    Writer::new(&mut buffer).nested(ber::SEQUENCE, |writer| {
        writer.number(ber::INTEGER, 5);
        writer.nested(0x65, |writer| {
            write_result(writer, 0);
            writer.octets(ber::context(21), b"later");
        });
        writer.nested(ber::context_constructed(0), |writer| writer.octets(ber::SEQUENCE, b"\x04\x011"));
    });
    assert!(
        matches!(parsed(buffer.as_bytes()).body, Body::Done(result) if result.code == ResultCode::SUCCESS)
    );
}

#[test]
fn another_kind_of_message_is_told_by_its_tag() {
    for tag in [0x60, 0x63, 0x42, 0x7a, 0x30, 0x04] {
        let bytes = message(1, tag, |writer| write_result(writer, 0));
        assert_eq!(Response::parse(&bytes).err(), Some(ResponseError::Operation(tag)));
    }
    let error = ResponseError::Operation(0x7a).to_string();
    assert_eq!(error, "the server sent a message of an unexpected kind 0x7a");
}

#[test]
fn a_message_cut_anywhere_is_malformed() {
    let whole = entry();
    for length in 0..whole.len() {
        assert!(matches!(Response::parse(&whole[..length]), Err(ResponseError::Ber(_))), "{length}");
    }
    // As if it were whole, with the length of what is left.
    for length in 3..whole.len() {
        let mut cut = whole[..length].to_vec();
        cut[1] = u8::try_from(length - 2).unwrap();
        assert!(Response::parse(&cut).is_err(), "{length}");
    }
}

#[test]
fn a_message_with_any_byte_changed_is_taken_or_refused_but_breaks_nothing() {
    let whole = entry();
    let mut refused = 0;
    for place in 0..whole.len() {
        for byte in 0..=u8::MAX {
            let mut changed = whole.clone();
            changed[place] = byte;
            let _ = ber::message_length(&changed);
            refused += usize::from(Response::parse(&changed).is_err());
        }
    }
    assert!(refused > 0);
}

#[test]
fn random_bytes_break_nothing() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u8::try_from(state >> 56).unwrap()
    };
    for _ in 0..100_000 {
        let length = next() % 64;
        let content: Vec<u8> = (0..length).map(|_| next()).collect();
        let _ = Response::parse(&content);
        let _ = ber::message_length(&content);
        let tag = [0x61, 0x64, 0x65, 0x6f, 0x73, 0x78][usize::from(next() % 6)];
        let _ = Response::parse(&message(1, tag, |writer| writer.raw(&content)));
    }
}

#[test]
fn a_message_full_of_empty_values_is_taken_apart() {
    let bytes = message(1, 0x64, |writer| {
        writer.octets(ber::OCTET_STRING, b"");
        writer.nested(ber::SEQUENCE, |writer| {
            writer.nested(ber::SEQUENCE, |writer| {
                writer.octets(ber::OCTET_STRING, b"a");
                writer.nested(ber::SET, |writer| writer.raw(&[4, 0].repeat(500_000)));
            });
        });
    });
    assert_eq!(ber::message_length(&bytes), Ok(Some(bytes.len())));
    let Body::Entry(entry) = parsed(&bytes).body else { panic!("another body") };
    assert_eq!(entry.values(b"a").count(), 500_000);
}
