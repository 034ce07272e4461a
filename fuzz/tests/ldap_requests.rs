//! What we send to a directory, as rasn-ldap reads it.

use crate::seeds::{bytes, for_each, text};
use rasn_ldap::{
    AttributeValueAssertion, AuthenticationChoice, BindRequest, CompareRequest, ExtendedRequest, Filter,
    LdapMessage, MatchingRuleAssertion, ProtocolOp, SaslCredentials, SearchRequest,
    SearchRequestDerefAliases, SearchRequestScope, SubstringChoice, SubstringFilter, UnbindRequest,
};
use saslauthd::mechanism::ldap::ber;
use saslauthd::mechanism::ldap::filter;
use saslauthd::mechanism::ldap::message::{Dereference, Proof, Request, START_TLS, Scope, Search, WHO_AM_I};
use saslauthd::mechanism::ldap::tokens::Tokens;
use saslauthd::secret::Secret;
use saslauthd_fuzz::random::Random;

const ATTRIBUTES: [&str; 5] = ["uid", "memberOf", "2.5.4.3", "cn;lang-de", "userPassword;x-1;x-2"];

/// The message that rasn-ldap reads in what we write.
#[track_caller]
fn read(number: i32, request: &Request<'_>) -> LdapMessage {
    let mut buffer = Secret::default();
    request.write(number, &mut buffer);
    assert_eq!(ber::message_length(buffer.as_bytes()), Ok(Some(buffer.len())));
    let message =
        rasn::ber::decode::<LdapMessage>(buffer.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let mut again = Secret::default();
    request.to_operation().write(number, &mut again);
    assert!(again == buffer, "the same in one go and in two");
    message
}

#[track_caller]
fn assert_read(number: i32, request: &Request<'_>, expected: ProtocolOp) {
    let message = LdapMessage::new(u32::try_from(number).unwrap(), expected);
    assert_eq!(read(number, request), message);
}

fn number(random: &mut Random) -> i32 {
    let bits = random.below(31);
    i32::try_from(random.below(1 << bits)).unwrap() + i32::from(bits < 30)
}

#[test]
fn binds_are_read_as_they_were_meant() {
    for_each(2000, |random| {
        let name = text(random, 200);
        let (secret, mechanism) = (bytes(random), text(random, 20));
        let message = random.one_in(2).then(|| bytes(random));
        let (proof, expected) = if random.one_in(2) {
            (Proof::Simple(&secret), AuthenticationChoice::Simple(secret.clone().into()))
        } else {
            let credentials =
                SaslCredentials::new(mechanism.as_str().into(), message.clone().map(Into::into));
            let sasl = Proof::Sasl { mechanism: mechanism.as_bytes(), message: message.as_deref() };
            (sasl, AuthenticationChoice::Sasl(credentials))
        };
        let expected = BindRequest::new(3, name.as_str().into(), expected);
        let bind = Request::Bind { version: 3, name: name.as_bytes(), proof };
        assert_read(number(random), &bind, ProtocolOp::BindRequest(expected));
    });
}

#[test]
fn the_other_requests_are_read_as_they_were_meant() {
    for_each(2000, |random| {
        let (name, attribute, value) = (text(random, 200), *random.pick(&ATTRIBUTES), bytes(random));
        let ava = AttributeValueAssertion::new(attribute.into(), value.clone().into());
        let compare =
            Request::Compare { name: name.as_bytes(), attribute: attribute.as_bytes(), value: &value };
        let expected = CompareRequest { entry: name.as_str().into(), ava };
        assert_read(number(random), &compare, ProtocolOp::CompareRequest(expected));
        assert_read(number(random), &Request::Unbind, ProtocolOp::UnbindRequest(UnbindRequest));
        for (request, name) in [(Request::StartTls, START_TLS), (Request::WhoAmI, WHO_AM_I)] {
            let expected = ExtendedRequest { request_name: name.to_vec().into(), request_value: None };
            assert_read(number(random), &request, ProtocolOp::ExtendedReq(expected));
        }
    });
}

#[test]
fn searches_are_read_as_they_were_meant_with_filters_of_all_kinds() {
    for_each(3000, |random| {
        let values = [bytes(random), bytes(random), bytes(random), bytes(random)];
        let tokens = Tokens { login: &values[0], service: &values[1], realm: &values[2], dn: &values[3] };
        let mut template = String::new();
        let expected = filter(random, 4, &tokens, &mut template);
        let filter = filter::Filter::parse(&template).unwrap_or_else(|error| panic!("{template}: {error}"));
        let base = text(random, 100);
        let wanted: Vec<&str> = (0..random.below(4)).map(|_| *random.pick(&ATTRIBUTES)).collect();
        let attributes: Vec<&[u8]> = wanted.iter().map(|name| name.as_bytes()).collect();
        let (scope, their_scope) = *random.pick(&[
            (Scope::Base, SearchRequestScope::BaseObject),
            (Scope::One, SearchRequestScope::SingleLevel),
            (Scope::Sub, SearchRequestScope::WholeSubtree),
        ]);
        let (dereference, their_dereference) = *random.pick(&[
            (Dereference::Never, SearchRequestDerefAliases::NeverDerefAliases),
            (Dereference::Search, SearchRequestDerefAliases::DerefInSearching),
            (Dereference::Find, SearchRequestDerefAliases::DerefFindingBaseObj),
            (Dereference::Always, SearchRequestDerefAliases::DerefAlways),
        ]);
        let (size_limit, time_limit, types_only) = (number(random), number(random), random.one_in(2));
        let search = Request::Search(Search {
            base: base.as_bytes(),
            scope,
            dereference,
            size_limit,
            time_limit,
            types_only,
            filter: &filter,
            tokens: &tokens,
            attributes: &attributes,
        });
        let expected = SearchRequest::new(
            base.as_str().into(),
            their_scope,
            their_dereference,
            u32::try_from(size_limit).unwrap(),
            u32::try_from(time_limit).unwrap(),
            types_only,
            expected,
            wanted.into_iter().map(Into::into).collect(),
        );
        assert_read(number(random), &search, ProtocolOp::SearchRequest(expected));
    });
}

/// A filter, which is also written to `template`.
fn filter(random: &mut Random, depth: usize, tokens: &Tokens<'_>, template: &mut String) -> Filter {
    template.push('(');
    let kind = if depth == 0 { 3 + random.below(7) } else { random.below(10) };
    let filter = match kind {
        0 | 1 => {
            template.push(['&', '|'][kind]);
            let filters: Vec<_> =
                (0..random.below(4)).map(|_| filter(random, depth - 1, tokens, template)).collect();
            let filters = filters.into();
            if kind == 0 { Filter::And(filters) } else { Filter::Or(filters) }
        }
        2 => {
            template.push('!');
            Filter::Not(Box::new(filter(random, depth - 1, tokens, template)))
        }
        3 => {
            let name = attribute(random, template);
            template.push_str("=*");
            Filter::Present(name.into())
        }
        4 => Filter::Substrings(substrings(random, tokens, template)),
        5 => Filter::ExtensibleMatch(extensible(random, tokens, template)),
        6 => Filter::GreaterOrEqual(assertion(random, ">=", tokens, template)),
        7 => Filter::LessOrEqual(assertion(random, "<=", tokens, template)),
        8 => Filter::ApproxMatch(assertion(random, "~=", tokens, template)),
        _ => Filter::EqualityMatch(assertion(random, "=", tokens, template)),
    };
    template.push(')');
    filter
}

fn attribute(random: &mut Random, template: &mut String) -> &'static str {
    let name = *random.pick(&ATTRIBUTES);
    template.push_str(name);
    name
}

fn assertion(
    random: &mut Random,
    operator: &str,
    tokens: &Tokens<'_>,
    template: &mut String,
) -> AttributeValueAssertion {
    let name = attribute(random, template);
    template.push_str(operator);
    AttributeValueAssertion::new(name.into(), value(random, tokens, template).into())
}

fn substrings(random: &mut Random, tokens: &Tokens<'_>, template: &mut String) -> SubstringFilter {
    let name = attribute(random, template);
    template.push('=');
    let mut parts = Vec::new();
    let stars = 1 + random.below(3);
    for place in 0..=stars {
        if place > 0 {
            template.push('*');
        }
        // The first has to be there, lest nothing is.
        let part = if place == 0 { constant(random, template) } else { value(random, tokens, template) };
        if part.is_empty() {
            continue;
        }
        parts.push(match place {
            0 => SubstringChoice::Initial(part.into()),
            _ if place == stars => SubstringChoice::Final(part.into()),
            _ => SubstringChoice::Any(part.into()),
        });
    }
    SubstringFilter::new(name.into(), parts)
}

fn extensible(random: &mut Random, tokens: &Tokens<'_>, template: &mut String) -> MatchingRuleAssertion {
    let mut rule = random.one_in(2).then(|| *random.pick(&["caseExactMatch", "2.4.6.8.10"]));
    let name = random.one_in(2).then(|| attribute(random, template));
    if name.is_none() {
        rule = rule.or(Some("1.2.3"));
    }
    let with_dn = random.one_in(2);
    template.push_str(if with_dn { ":dn" } else { "" });
    if let Some(rule) = rule {
        template.push_str(&format!(":{rule}"));
    }
    template.push_str(":=");
    let value = value(random, tokens, template);
    MatchingRuleAssertion::new(rule.map(Into::into), name.map(Into::into), value.into(), with_dn)
}

/// A value: a token, or something that is written with escapes where it must be and where it may.
fn value(random: &mut Random, tokens: &Tokens<'_>, template: &mut String) -> Vec<u8> {
    if !random.one_in(2) {
        let (token, value) = *random.pick(&[
            ("%u", tokens.login),
            ("%s", tokens.service),
            ("%r", tokens.realm),
            ("%D", tokens.dn),
        ]);
        template.push_str(token);
        return value.to_vec();
    }
    random
        .bytes(10, b"ab=,#+()*\\%0 \xff")
        .iter()
        .flat_map(|byte| write_byte(random, *byte, template))
        .collect()
}

fn constant(random: &mut Random, template: &mut String) -> Vec<u8> {
    write_byte(random, b'x', template).collect()
}

fn write_byte(random: &mut Random, byte: u8, template: &mut String) -> std::iter::Once<u8> {
    let plain = matches!(byte, b' '..=b'~') && !b"()*\\%".contains(&byte);
    match byte {
        _ if plain && !random.one_in(4) => template.push(char::from(byte)),
        b'%' if random.one_in(2) => template.push_str("%%"),
        b'(' | b')' | b'*' | b'\\' if random.one_in(2) => template.extend(['\\', char::from(byte)]),
        _ if random.one_in(2) => template.push_str(&format!("\\{byte:02X}")),
        _ => template.push_str(&format!("\\{byte:02x}")),
    }
    std::iter::once(byte)
}
