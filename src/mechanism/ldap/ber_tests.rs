//! Elements as the standard encodes them, and what only looks like one.

use super::*;

fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut buffer = Secret::default();
    write(&mut Writer::new(&mut buffer));
    buffer.as_bytes().to_vec()
}

#[test]
fn lengths_are_written_as_short_as_can_be() {
    for (length, header) in [
        (0, vec![0x04, 0x00]),
        (127, vec![0x04, 0x7f]),
        (128, vec![0x04, 0x81, 0x80]),
        (255, vec![0x04, 0x81, 0xff]),
        (256, vec![0x04, 0x82, 0x01, 0x00]),
        (65_536, vec![0x04, 0x83, 0x01, 0x00, 0x00]),
    ] {
        let content: Vec<u8> = (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect();
        let bytes = written(|writer| writer.octets(OCTET_STRING, &content));
        assert_eq!(bytes, [header, content.clone()].concat(), "{length}");
        assert_eq!(Reader::new(&bytes).required(OCTET_STRING), Ok(content.as_slice()));
    }
}

#[test]
fn numbers_come_back_as_they_were_written() {
    for number in [0, 1, -1, 127, 128, -128, -129, 255, 256, 65_535, i32::MAX, i32::MIN] {
        let bytes = written(|writer| writer.number(INTEGER, number));
        assert_eq!(Reader::new(&bytes).number(INTEGER), Ok(number));
    }
    assert_eq!(written(|writer| writer.number(INTEGER, 128)), [0x02, 0x02, 0x00, 0x80]);
    assert_eq!(written(|writer| writer.number(ENUMERATED, 2)), [0x0a, 0x01, 0x02]);
}

#[test]
fn numbers_with_more_bytes_than_they_need_are_understood() {
    assert_eq!(Reader::new(&[0x02, 0x06, 0, 0, 0, 0, 1, 0]).number(INTEGER), Ok(256));
    assert_eq!(Reader::new(&[0x02, 0x05, 0xff, 0xff, 0xff, 0xff, 0xff]).number(INTEGER), Ok(-1));
    assert_eq!(Reader::new(&[0x02, 0x05, 0, 0xff, 0xff, 0xff, 0xff]).number(INTEGER), Err(BerError::Number));
    assert_eq!(Reader::new(&[0x02, 0x00]).number(INTEGER), Err(BerError::Number));
}

#[test]
fn nested_elements_have_the_lengths_of_what_is_in_them() {
    let bytes = written(|writer| {
        writer.nested(SEQUENCE, |writer| {
            writer.nested(SET, |writer| writer.octets(OCTET_STRING, &[7; 130]));
            writer.flag(BOOLEAN, true);
        });
    });
    let mut reader = Reader::new(&bytes).enter(SEQUENCE).unwrap();
    let mut set = reader.enter(SET).unwrap();
    assert_eq!(set.required(OCTET_STRING), Ok([7; 130].as_slice()));
    assert!(set.is_empty());
    assert_eq!(reader.required(BOOLEAN), Ok([0xff].as_slice()));
    assert!(reader.is_empty());
}

#[test]
fn a_message_is_whole_only_with_its_last_byte() {
    let message = written(|writer| writer.octets(SEQUENCE, &[5; 300]));
    for length in 0..message.len() {
        assert_eq!(message_length(&message[..length]), Ok(None), "{length}");
    }
    assert_eq!(message_length(&message), Ok(Some(message.len())));
    let more = [message.as_slice(), &[0xff; 9]].concat();
    assert_eq!(message_length(&more), Ok(Some(message.len())));
}

#[test]
fn a_length_may_be_written_with_more_bytes_than_it_needs() {
    assert_eq!(message_length(&[0x30, 0x84, 0, 0, 0, 1, 9]), Ok(Some(7)));
    assert_eq!(Reader::new(&[0x04, 0x88, 0, 0, 0, 0, 0, 0, 0, 1, 9]).required(OCTET_STRING), Ok(&[9][..]));
}

#[test]
fn a_message_that_is_too_long_is_refused_by_its_header() {
    assert_eq!(message_length(&[0x30, 0x83, 0x0f, 0xff, 0xfb]), Ok(None));
    assert_eq!(message_length(&[0x30, 0x83, 0x0f, 0xff, 0xfc]), Err(BerError::TooLong));
    assert_eq!(message_length(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), Err(BerError::TooLong));
    assert_eq!(
        message_length(&[0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        Err(BerError::TooLong)
    );
    assert_eq!(message_length(&[0x30, 0x89]), Err(BerError::TooLong));
    assert_eq!(message_length(&[0x30, 0xff]), Err(BerError::TooLong));
}

#[test]
fn what_ldap_forbids_is_refused() {
    assert_eq!(message_length(&[0x30, 0x80]), Err(BerError::IndefiniteLength));
    assert_eq!(message_length(b"HTTP"), Err(BerError::Tag { expected: SEQUENCE, found: b'H' }));
    assert_eq!(Reader::new(&[0x1f, 0x22, 0x00]).element().err(), Some(BerError::LongTag));
    assert_eq!(Reader::new(&[0x04, 0x80, 0, 0]).element().err(), Some(BerError::IndefiniteLength));
}

#[test]
fn an_element_never_reaches_beyond_its_bytes() {
    let whole = [0x04, 0x82, 0x00, 0x03, 1, 2, 3];
    for length in 0..whole.len() {
        assert_eq!(Reader::new(&whole[..length]).element().err(), Some(BerError::Truncated), "{length}");
    }
    let giant = [0x04, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    assert_eq!(Reader::new(&giant).element().err(), Some(BerError::TooLong));
}

#[test]
fn a_message_nested_deeply_is_walked_without_using_the_stack() {
    let mut nested = Vec::new();
    for _ in 0..100_000 {
        let length = u32::try_from(nested.len()).unwrap();
        nested.extend(length.to_le_bytes());
        nested.extend([0x84, 0x30]);
    }
    nested.reverse();
    let mut reader = Reader::new(&nested);
    let mut depth = 0;
    while !reader.is_empty() {
        reader = reader.enter(SEQUENCE).unwrap();
        depth += 1;
    }
    assert_eq!(depth, 100_000);
}

#[test]
fn an_optional_element_is_left_when_another_is_there() {
    let mut reader = Reader::new(&[0x04, 0x01, 7]);
    assert_eq!(reader.optional(context(7)), Ok(None));
    assert_eq!(reader.optional(OCTET_STRING), Ok(Some(&[7][..])));
    assert_eq!(reader.optional(OCTET_STRING), Ok(None));
}
