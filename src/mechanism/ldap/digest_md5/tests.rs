//! The example of the standard, both sides, and challenges that make no sense.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use super::*;

/// The example of RFC 2831, section 4, with the service of its second server.
const NONCE: &str = "OA6MG9tEQGm2hh";
const CNONCE: &str = "OA6MHXh6VqTrRk";

fn challenge(more: &str) -> Vec<u8> {
    format!("realm=\"elwood.innosoft.com\",nonce=\"{NONCE}\",qop=\"auth\",algorithm=md5-sess{more}").into()
}

fn login(password: &Secret) -> Login<'_> {
    Login { name: b"chris", acts_as: b"", realm: b"", password, host: "elwood.innosoft.com" }
}

fn text(secret: &Secret) -> String {
    String::from_utf8(secret.as_bytes().to_vec()).unwrap()
}

/// The other side: whether a response is that of the password, and its own proof then.
pub(crate) fn answer(response: &[u8], password: &str) -> Option<Vec<u8>> {
    let directives = directives::parse(response).unwrap();
    let of = |wanted: &str| {
        let found = directives.iter().find(|(name, _)| name == wanted.as_bytes());
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let (name, acts_as, realm, uri) = (of("username"), of("authzid"), of("realm"), of("digest-uri"));
    let (password, cnonce) = (Secret::copy_of(password.as_bytes()), String::from_utf8(of("cnonce")).unwrap());
    let (uri, host) = (String::from_utf8(uri).unwrap(), "");
    let login = Login { name: &name, acts_as: &acts_as, realm: &realm, password: &password, host };
    let challenge = Challenge {
        realms: Vec::new(),
        nonce: of("nonce"),
        is_utf_8: response.starts_with(b"charset=utf-8"),
    };
    let hashes = Hashes { challenge: &challenge, login: &login, realm: &realm, cnonce: &cnonce, uri: &uri };
    let (expected, proof) = hashes.compute().unwrap();
    (of("response") == expected.as_bytes()).then(|| [b"rspauth=", proof.as_bytes()].concat())
}

/// With `imap` in the place of `ldap`, which only the URI has: the hashes are those of the RFC.
#[test]
fn the_example_of_the_standard_comes_out() {
    let password = Secret::copy_of(b"secret");
    let login = login(&password);
    let challenge = Challenge::parse(&challenge(",charset=utf-8")).unwrap();
    let realm = challenge.realm(b"");
    let uri = "imap/elwood.innosoft.com";
    let hashes = Hashes { challenge: &challenge, login: &login, realm, cnonce: CNONCE, uri };
    let (response, proof) = hashes.compute().unwrap();
    assert_eq!(text(&response), "d388dad90d4bbd760a152321f2143af7");
    assert_eq!(text(&proof), "ea40f60335c427b5527b84dbabcdfffd");
    assert_eq!(
        text(&message(&challenge, &login, realm, CNONCE, uri, &response)),
        "charset=utf-8,username=\"chris\",realm=\"elwood.innosoft.com\",nonce=\"OA6MG9tEQGm2hh\",\
         nc=00000001,qop=auth,cnonce=\"OA6MHXh6VqTrRk\",digest-uri=\"imap/elwood.innosoft.com\",\
         response=d388dad90d4bbd760a152321f2143af7"
    );
}

#[test]
fn both_sides_must_know_the_password() {
    let password = Secret::copy_of(b"secret");
    let (client, response) = Client::respond(&challenge(""), &login(&password), CNONCE).unwrap();
    assert!(answer(response.as_bytes(), "wrong").is_none());
    let proof = answer(response.as_bytes(), "secret").unwrap();
    assert_eq!(client.verify(&proof), Ok(()));
    for wrong in [&b""[..], b"rspauth=", b"rspauth=ea40f60335c427b5527b84dbabcdfffd", b"x", b"rspauth"] {
        assert!(client.verify(wrong).is_err());
    }
}

#[test]
fn names_and_passwords_are_hashed_in_latin_1_where_they_fit_into_it() {
    assert_eq!(in_latin_1("Jörg".as_bytes()).as_bytes(), b"J\xf6rg");
    assert_eq!(in_latin_1("Jörg€".as_bytes()).as_bytes(), "Jörg€".as_bytes());
    assert_eq!(in_latin_1(b"\xff").as_bytes(), b"\xff");
}

#[test]
fn the_realm_is_one_that_the_server_has() {
    let two = b"realm=\"a\",realm=\"b\",nonce=\"x\",algorithm=md5-sess";
    let challenge = Challenge::parse(two).unwrap();
    assert_eq!(
        (challenge.realm(b"b"), challenge.realm(b"c"), challenge.realm(b"")),
        (&b"b"[..], &b"a"[..], &b"a"[..])
    );
    let none = Challenge::parse(b"nonce=\"x\",algorithm=md5-sess").unwrap();
    assert_eq!(none.realm(b"c"), b"c");
}

#[test]
fn quotes_in_a_name_cannot_become_a_directive() {
    let password = Secret::copy_of(b"secret");
    let login = Login { name: b"a\",authzid=\"b", ..login(&password) };
    let (_, response) = Client::respond(&challenge(""), &login, CNONCE).unwrap();
    let directives = directives::parse(response.as_bytes()).unwrap();
    assert_eq!(directives.first().unwrap().1, b"a\",authzid=\"b");
    assert!(!directives.iter().any(|(name, _)| name == b"authzid"));
}

#[test]
fn a_challenge_that_is_malformed_or_wants_too_much_is_refused() {
    let password = Secret::copy_of(b"secret");
    let long = challenge(&format!(",x=\"{}\"", "y".repeat(3000)));
    for message in [
        &b""[..],
        b"nonce=\"x\"",
        b"algorithm=md5-sess",
        b"nonce=\"\",algorithm=md5-sess",
        b"nonce=\"x\",nonce=\"y\",algorithm=md5-sess",
        b"nonce=\"x\",algorithm=md5",
        b"nonce=\"x\",algorithm=md5-sess,qop=\"auth-int,auth-conf\"",
        b"nonce=\"x,algorithm=md5-sess",
        b"nonce=\"x\"algorithm=md5-sess",
        b"nonce",
        &long,
    ] {
        let refused = Client::respond(message, &login(&password), CNONCE);
        assert!(refused.is_err(), "{}", message.escape_ascii());
    }
}

#[test]
fn any_challenge_is_taken_without_a_panic() {
    let password = Secret::copy_of(b"secret");
    let whole = challenge(",charset=utf-8,qop=\"auth\\\"\",  realm = x ,");
    for end in 0..whole.len() {
        let _ = Client::respond(whole.get(..end).unwrap(), &login(&password), CNONCE);
        let mut changed = whole.clone();
        *changed.get_mut(end).unwrap() = b'"';
        let _ = Client::respond(&changed, &login(&password), CNONCE);
    }
}
