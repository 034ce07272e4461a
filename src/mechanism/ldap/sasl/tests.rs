//! Dialogues of each mechanism with a server that knows the password, or does not.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use super::super::scram::tests::Server;
use super::*;
use crate::mechanism::pbkdf2::derive_key;

fn identity() -> Rc<Identity> {
    let password = Rc::new(Secret::copy_of(b"pencil"));
    Rc::new(Identity::new(b"reader".to_vec(), Vec::new(), password))
}

fn begin(mechanism: Mechanism, identity: Rc<Identity>) -> (Dialogue, Secret) {
    let (dialogue, next) = Dialogue::begin(mechanism, identity, "ldap.example.org", false).unwrap();
    (dialogue, said(next).unwrap_or_default())
}

/// RFC 2195's example.
#[test]
fn cram_md5_signs_the_challenge() {
    let password = Rc::new(Secret::copy_of(b"tanstaaftanstaaf"));
    let identity = Rc::new(Identity::new(b"tim".to_vec(), Vec::new(), password));
    let (mut dialogue, next) = Dialogue::begin(Mechanism::CramMd5, identity, "x", false).unwrap();
    assert!(said(next).is_none() && dialogue.handle_success(None).is_err(), "nothing is proved yet");
    let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
    let response = say(dialogue.handle_challenge(challenge).unwrap());
    assert_eq!(response.as_bytes(), b"tim b913a602c7eda7a495b4e6e7334d3890");
    assert!(dialogue.handle_success(None).is_ok() && dialogue.handle_challenge(challenge).is_err());
}

#[test]
fn digest_md5_ends_well_only_if_the_server_proves_itself_with_the_result_or_before() {
    let challenge = b"realm=\"x\",nonce=\"y\",qop=\"auth\",algorithm=md5-sess,charset=utf-8";
    let begin = || {
        let (mut dialogue, next) = Dialogue::begin(Mechanism::DigestMd5, identity(), "host", false).unwrap();
        assert!(said(next).is_none() && dialogue.handle_success(None).is_err());
        let response = say(dialogue.handle_challenge(challenge).unwrap());
        let proof = digest_md5::tests::answer(response.as_bytes(), "pencil").unwrap();
        (dialogue, proof)
    };
    let (mut dialogue, proof) = begin();
    assert!(dialogue.handle_success(Some(&proof)).is_ok());
    let (mut dialogue, proof) = begin();
    assert!(say(dialogue.handle_challenge(&proof).unwrap()).is_empty());
    assert!(dialogue.handle_success(None).is_ok());
    for wrong in [None, Some(&b"rspauth=00000000000000000000000000000000"[..])] {
        assert!(begin().0.handle_success(wrong).is_err());
    }
    assert!(begin().0.handle_challenge(b"rspauth=0").is_err());
}

fn said(next: Next) -> Option<Secret> {
    match next {
        Next::Say(message) => message,
        Next::Work(_) | Next::Refused => panic!("no worker is needed"),
    }
}

fn say(next: Next) -> Secret {
    said(next).unwrap()
}

fn derive(next: Next) -> Secret {
    match next {
        Next::Work(Errand::DeriveKey { digest, password, salt, rounds }) => {
            derive_key(digest, password.as_bytes(), &salt, rounds).unwrap()
        }
        _ => panic!("there should be a key to derive"),
    }
}

#[test]
fn mechanisms_are_found_by_their_names_in_any_case() {
    for (name, mechanism) in NAMES {
        assert_eq!(Mechanism::find(&name.to_lowercase()), Some(mechanism));
        assert_eq!(mechanism.name(), name);
    }
    for name in ["", "GSS-SPNEGO", "DIGEST-MD", "SCRAM-SHA-1-PLUS", "SCRAM-SHA1"] {
        assert_eq!(Mechanism::find(name), None, "{name}");
    }
}

#[test]
fn plain_and_external_say_everything_at_once() {
    let other = Identity::new(b"reader".to_vec(), b"u:boss".to_vec(), Rc::new(Secret::copy_of(b"pw")));
    let other = Rc::new(other);
    for (mechanism, identity, expected) in [
        (Mechanism::Plain, identity(), &b"\0reader\0pencil"[..]),
        (Mechanism::Plain, Rc::clone(&other), b"u:boss\0reader\0pw"),
        (Mechanism::External, identity(), b""),
        (Mechanism::External, other, b"u:boss"),
    ] {
        let (mut dialogue, message) = begin(mechanism, identity);
        assert_eq!(message.as_bytes(), expected);
        assert!(dialogue.handle_challenge(b"").is_err());
        assert!(dialogue.handle_success(None).is_ok());
    }
}

#[test]
fn scram_ends_well_whether_the_server_proves_itself_with_the_result_or_before() {
    for digest in [Digest::Sha1, Digest::Sha256, Digest::Sha512] {
        for early in [false, true] {
            let (mut dialogue, first) = begin(Mechanism::Scram(digest), identity());
            let mut server = Server::new(digest, b"pencil");
            let key = derive(dialogue.handle_challenge(&server.first(first.as_bytes())).unwrap());
            let proof = dialogue.handle_key(key).unwrap();
            let last = server.last(proof.as_bytes()).unwrap();
            if early {
                assert!(say(dialogue.handle_challenge(&last).unwrap()).is_empty());
                assert!(dialogue.handle_success(None).is_ok());
            } else {
                assert!(dialogue.handle_success(Some(&last)).is_ok());
            }
        }
    }
}

#[test]
fn a_key_is_derived_once_for_the_same_salt_and_rounds() {
    let identity = identity();
    let begin = || begin(Mechanism::Scram(Digest::Sha256), Rc::clone(&identity));
    let mut server = Server::new(Digest::Sha256, b"pencil");
    let (mut dialogue, first) = begin();
    let key = derive(dialogue.handle_challenge(&server.first(first.as_bytes())).unwrap());
    dialogue.handle_key(key).unwrap();
    let (mut dialogue, first) = begin();
    let proof = say(dialogue.handle_challenge(&server.first(first.as_bytes())).unwrap());
    assert!(dialogue.handle_success(server.last(proof.as_bytes()).as_deref()).is_ok());
    server.salt = b"another salt".to_vec();
    let (mut dialogue, first) = begin();
    derive(dialogue.handle_challenge(&server.first(first.as_bytes())).unwrap());
}

#[test]
fn success_without_the_servers_proof_is_no_success() {
    let begin = || begin(Mechanism::Scram(Digest::Sha256), identity());
    let (mut dialogue, first) = begin();
    assert!(dialogue.handle_success(None).is_err());
    let mut server = Server::new(Digest::Sha256, b"pencil");
    let key = derive(dialogue.handle_challenge(&server.first(first.as_bytes())).unwrap());
    assert!(dialogue.handle_success(None).is_err());
    dialogue.handle_key(key).unwrap();
    for message in [None, Some(&b""[..]), Some(b"v=AAAA"), Some(b"e=invalid-proof")] {
        assert!(dialogue.handle_success(message).is_err());
    }
}

#[test]
fn a_refusal_inside_scram_is_a_refusal_and_not_a_failure() {
    let (mut dialogue, first) = begin(Mechanism::Scram(Digest::Sha1), identity());
    let mut server = Server::new(Digest::Sha1, b"another password");
    let key = derive(dialogue.handle_challenge(&server.first(first.as_bytes())).unwrap());
    assert!(dialogue.handle_challenge(b"r=x").is_err(), "nothing is to come before our proof");
    let proof = dialogue.handle_key(key).unwrap();
    assert!(server.last(proof.as_bytes()).is_none());
    assert!(matches!(dialogue.handle_challenge(b"e=invalid-proof"), Ok(Next::Refused)));
    assert!(dialogue.handle_key(Secret::default()).is_err());
}
