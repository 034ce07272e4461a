//! What a directory says in SCRAM, DIGEST-MD5 and GSSAPI.

use crate::input::{Input, SEPARATOR};
use crate::memory::most_held;
use saslauthd::job::{ConversationId, Digest, Errand, GssapiStep, GssapiToken};
use saslauthd::mechanism::gssapi::layer;
use saslauthd::mechanism::ldap::{digest_md5, gssapi, scram};
use saslauthd::mechanism::pbkdf2::MOST_ROUNDS;
use saslauthd::secret::Secret;

const PASSWORD: &[u8] = b"q7#Zw!0x9";
const NONCE: &str = "fyko+d2lbbFgONRv9qkxdawL";

/// A message of at most 4 KiB, copied a few times.
const MOST_HELD: usize = 256 * 1024;

/// Whatever a server says: what is asked for is within its bounds; nothing that is sent shows the password; and nobody
/// proves that he knows it who does not.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes, SEPARATOR);
    let digest = [Digest::Sha1, Digest::Sha256, Digest::Sha512][usize::from(input.choose(3))];
    let (name, first, last) = (input.part(), input.part(), input.part());
    let ((), held) = most_held(|| {
        check_scram(digest, name, first, last);
        check_digest_md5(name, first, last);
        check_gssapi(first);
        check_layer(first, name);
    });
    assert!(held <= MOST_HELD + 32 * bytes.len(), "{held} bytes held");
}

fn check_scram(digest: Digest, name: &[u8], first: &[u8], last: &[u8]) {
    let mut client = scram::Client::new(digest, name, b"", NONCE.to_owned());
    check_sent(client.first_message().as_bytes());
    let Ok(challenge) = client.handle_first(first) else { return };
    assert!((scram::LEAST_ROUNDS..=MOST_ROUNDS).contains(&challenge.rounds));
    let length = match digest {
        Digest::Sha1 => 20,
        Digest::Sha256 => 32,
        Digest::Sha512 => 64,
    };
    // Any key: to derive the right one is the work of a worker.
    let key = Secret::copy_of(&vec![7; length]);
    let Ok(message) = client.final_message(&key) else { return };
    check_sent(message.as_bytes());
    let proved = client.verify(last);
    assert!(!matches!(proved, Ok(scram::Verification::Valid)), "a proof without the key");
}

fn check_digest_md5(name: &[u8], challenge: &[u8], last: &[u8]) {
    let password = Secret::copy_of(PASSWORD);
    let login =
        digest_md5::Login { name, acts_as: b"", realm: b"", password: &password, host: "ldap.example.org" };
    let Ok((client, message)) = digest_md5::Client::respond(challenge, &login, NONCE) else { return };
    check_sent(message.as_bytes());
    assert!(client.verify(last).is_err(), "a proof without the password");
}

/// Each byte is somebody's word. A login counts if and only if both sides have proved who they are and a layer was chosen.
fn check_gssapi(words: &[u8]) {
    let (mut client, errand) = gssapi::Client::begin("ldap.example.org", "mail", b"");
    let (mut asked, mut is_established, mut is_chosen) = (Some(errand), false, false);
    for word in words {
        match word % 4 {
            0 => {
                if let Ok(errand) = client.handle_challenge(b"token") {
                    assert!(asked.is_none() && !is_chosen, "a worker has one thing to do at a time");
                    asked = Some(errand);
                }
            }
            1 | 2 => {
                let made = GssapiToken {
                    conversation: ConversationId(7),
                    token: Secret::copy_of(b"token"),
                    is_established: word % 4 == 2,
                };
                let establishes = made.is_established;
                match (client.handle_token(made), asked.take()) {
                    (Ok(_), Some(Errand::Gssapi(GssapiStep::ChooseLayer { .. }))) => {
                        assert!(is_established, "a layer is chosen when both sides have proved who they are");
                        is_chosen = true;
                    }
                    (Ok(_), Some(_)) => is_established = establishes,
                    (Ok(_), None) => panic!("a token was taken that nobody had asked for"),
                    (Err(_), asked) => assert!(asked.is_none(), "a token was asked for and not taken"),
                }
            }
            _ => assert_eq!(client.handle_success().is_ok(), is_chosen),
        }
    }
}

/// What is chosen is no layer, and only where it is offered.
fn check_layer(offer: &[u8], acts_as: &[u8]) {
    let answer = layer::answer(offer, acts_as).map(|answer| answer.as_bytes().to_vec());
    let is_offered = matches!(*offer, [ways, _, _, _] if ways & 1 == 1);
    assert_eq!(answer.ok(), is_offered.then(|| [b"\x01\0\0\0", acts_as].concat()));
}

fn check_sent(message: &[u8]) {
    assert!(!message.windows(PASSWORD.len()).any(|window| window == PASSWORD), "the password is sent");
}
