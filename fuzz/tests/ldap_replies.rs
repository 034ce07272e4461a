//! What rasn-ldap makes a directory say, as we read it.

use crate::seeds::{bytes, for_each, text};
use rasn_ldap::{
    BindResponse, CompareResponse, Control, ExtendedResponse, LdapMessage, LdapResult, PartialAttribute,
    ProtocolOp, ResultCode, SearchResultDone, SearchResultEntry, SearchResultReference,
};
use saslauthd::mechanism::ldap::ber;
use saslauthd::mechanism::ldap::response::{self, Body, Response};
use saslauthd_fuzz::random::Random;

const CODES: [ResultCode; 12] = [
    ResultCode::Success,
    ResultCode::OperationsError,
    ResultCode::CompareFalse,
    ResultCode::CompareTrue,
    ResultCode::Referral,
    ResultCode::SaslBindInProgress,
    ResultCode::NoSuchObject,
    ResultCode::InvalidDnSyntax,
    ResultCode::InvalidCredentials,
    ResultCode::Busy,
    ResultCode::Unavailable,
    ResultCode::Other,
];

/// What we read in what rasn-ldap writes, with or without controls behind it.
fn read(random: &mut Random, operation: ProtocolOp) -> Body {
    let number = u32::try_from(random.below(1 << 31)).unwrap();
    let mut message = LdapMessage::new(number, operation);
    if random.one_in(3) {
        let value = random.one_in(2).then(|| bytes(random).into());
        message.controls = Some(vec![Control::new(b"1.2.3".to_vec().into(), random.one_in(2), value)]);
    }
    let mut written = rasn::ber::encode(&message).unwrap();
    let length = written.len();
    assert_eq!(ber::message_length(&written[..length - 1]), Ok(None));
    written.extend(random.bytes(5, b"0\x02"));
    assert_eq!(ber::message_length(&written), Ok(Some(length)));
    let response = Response::parse(&written[..length]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(u32::try_from(response.number), Ok(number));
    response.body
}

fn strings(random: &mut Random) -> Vec<String> {
    (0..=random.below(4)).map(|_| text(random, 100)).collect()
}

fn uris(strings: &[String]) -> Vec<rasn_ldap::LdapString> {
    strings.iter().map(|string| string.as_str().into()).collect()
}

fn result(random: &mut Random) -> LdapResult {
    let (matched, diagnostic) = (text(random, 100), text(random, 300));
    let mut result =
        LdapResult::new(*random.pick(&CODES), matched.as_str().into(), diagnostic.as_str().into());
    result.referral = random.one_in(3).then(|| uris(&strings(random)));
    result
}

#[track_caller]
fn assert_same(ours: &response::LdapResult, theirs: &LdapResult) {
    assert_eq!(ours.code.0, theirs.result_code as i32);
    assert_eq!(ours.matched, theirs.matched_dn.as_bytes());
    assert_eq!(ours.diagnostic, theirs.diagnostic_message.as_bytes());
    let referral = theirs.referral.iter().flatten().map(|uri| uri.as_bytes().to_vec());
    assert_eq!(ours.referral, referral.collect::<Vec<_>>());
}

#[test]
fn results_of_binds_are_understood() {
    for_each(2000, |random| {
        let expected = result(random);
        let message = random.one_in(2).then(|| bytes(random));
        let LdapResult { result_code, matched_dn, diagnostic_message, referral, .. } = expected.clone();
        let theirs = message.clone().map(Into::into);
        let bind = BindResponse::new(result_code, matched_dn, diagnostic_message, referral, theirs);
        let Body::Bind { result, message: found } = read(random, ProtocolOp::BindResponse(bind)) else {
            panic!("another body");
        };
        assert_same(&result, &expected);
        assert_eq!(found.as_ref().map(|found| found.as_bytes()), message.as_deref());
    });
}

#[test]
fn ends_of_searches_and_comparisons_are_understood_with_their_referrals() {
    for_each(2000, |random| {
        let expected = result(random);
        let done = ProtocolOp::SearchResDone(SearchResultDone(expected.clone()));
        let Body::Done(result) = read(random, done) else { panic!("another body") };
        assert_same(&result, &expected);
        let compared = ProtocolOp::CompareResponse(CompareResponse(expected.clone()));
        let Body::Compare(result) = read(random, compared) else { panic!("another body") };
        assert_same(&result, &expected);
    });
}

#[test]
fn results_of_extended_operations_are_understood() {
    for_each(2000, |random| {
        let expected = result(random);
        let (name, value) =
            (random.one_in(2).then(|| bytes(random)), random.one_in(2).then(|| bytes(random)));
        let LdapResult { result_code, matched_dn, diagnostic_message, referral, .. } = expected.clone();
        let extended = ExtendedResponse {
            result_code,
            matched_dn,
            diagnostic_message,
            referral,
            response_name: name.clone().map(Into::into),
            response_value: value.clone().map(Into::into),
        };
        let body = read(random, ProtocolOp::ExtendedResp(extended));
        let Body::Extended { result, name: found_name, value: found_value } = body else {
            panic!("another body")
        };
        assert_same(&result, &expected);
        assert_eq!((found_name, found_value), (name, value));
    });
}

#[test]
fn references_are_understood() {
    for_each(2000, |random| {
        let strings = strings(random);
        let reference = ProtocolOp::SearchResRef(SearchResultReference(uris(&strings)));
        let Body::Reference(found) = read(random, reference) else { panic!("another body") };
        let expected: Vec<_> = strings.into_iter().map(String::into_bytes).collect();
        assert_eq!(found, expected);
    });
}

#[test]
fn entries_are_understood_with_their_attributes_and_values() {
    for_each(2000, |random| {
        let name = text(random, 100);
        let attributes: Vec<(String, Vec<Vec<u8>>)> = (0..random.below(5))
            .map(|_| (text(random, 20), (0..random.below(4)).map(|_| bytes(random)).collect()))
            .collect();
        let theirs = attributes.iter().map(|(name, values)| {
            let values: Vec<rasn::types::OctetString> = values.iter().cloned().map(Into::into).collect();
            PartialAttribute::new(name.as_str().into(), values.into())
        });
        let entry = SearchResultEntry::new(name.as_str().into(), theirs.collect());
        let Body::Entry(found) = read(random, ProtocolOp::SearchResEntry(entry)) else {
            panic!("another body")
        };
        assert_eq!(found.name, name.as_bytes());
        assert_eq!(found.attributes.len(), attributes.len());
        for (found, (name, mut values)) in found.attributes.iter().zip(attributes) {
            assert_eq!(found.name, name.as_bytes());
            // A set: DER wants an order, so rasn may give it one.
            let mut found: Vec<_> = found.values.iter().map(|value| value.as_bytes().to_vec()).collect();
            found.sort();
            values.sort();
            assert_eq!(found, values);
        }
    });
}
