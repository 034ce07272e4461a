//! What a directory says in SCRAM, DIGEST-MD5 and GSSAPI.

use crate::input::{Input, SEPARATOR};
use crate::memory::most_held;
use saslauthd::job::{
    ConversationId, Digest, Errand, ErrandResult, GssapiStep, GssapiToken, Layer, SecurityProperties,
};
use saslauthd::mechanism::gssapi::frames::{HEADER, MOST_MESSAGE, MOST_WRAPPED, first_frame};
use saslauthd::mechanism::gssapi::layer;
use saslauthd::mechanism::ldap::protected::{Done, Protected};
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
        check_layer(first, name, last);
        check_protected(last, name);
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
    let (mut client, errand) = gssapi::Client::begin("ldap.example.org", "mail", b"", ANY);
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
                    layer: Layer::Integrity,
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
            _ => {
                assert_eq!(client.handle_success().is_ok(), is_chosen);
                assert_eq!(client.protected_by().is_some(), is_chosen);
            }
        }
    }
}

const ANY: SecurityProperties = SecurityProperties { min_ssf: 0, max_ssf: u32::MAX, is_private: false };

/// What is chosen is offered, and within the properties.
fn check_layer(offer: &[u8], acts_as: &[u8], bounds: &[u8]) {
    let bound = |place: usize, otherwise| bounds.get(place).map_or(otherwise, |byte| u32::from(*byte));
    let properties = SecurityProperties {
        min_ssf: bound(0, 0),
        max_ssf: bound(1, u32::MAX),
        is_private: bounds.get(2).is_some_and(|byte| byte % 2 == 1),
    };
    let strength = bound(3, 256);
    let Ok((agreement, answer)) = layer::answer(offer, acts_as, properties, strength) else { return };
    let (bit, given) = match agreement.layer {
        Layer::None => (1, 0),
        Layer::Integrity => (2, 1),
        Layer::Confidentiality => (4, strength),
    };
    assert!(offer[0] & bit == bit && offer.len() == 4 && properties.permit(Some(given)));
    assert!(answer.as_bytes()[0] == bit && answer.as_bytes().ends_with(acts_as));
}

/// Whatever comes over a protected connection, in whatever parts: a worker gets whole messages that fit into a job, one job at a time, and all
/// bytes in their order; and what is said is said once.
fn check_protected(bytes: &[u8], said: &[u8]) {
    let mut protected = Protected::new(ConversationId(7));
    let (mut opened, mut wrapped, mut sound) = (Vec::new(), Vec::new(), true);
    protected.outgoing().extend_from_slice(said);
    for part in bytes.chunks(1 + said.len() % 7) {
        sound = sound && protected.receive(part).is_ok();
        while let (true, Ok(Some(Errand::Gssapi(step)))) = (sound, protected.next_errand()) {
            assert!(matches!(protected.next_errand(), Ok(None)), "one job at a time");
            match &step {
                GssapiStep::Wrap { message, .. } => {
                    assert!((1..=MOST_MESSAGE).contains(&message.len()));
                    wrapped.extend_from_slice(message.as_bytes());
                }
                GssapiStep::Unwrap { frames, .. } => {
                    assert!((1..=HEADER + MOST_WRAPPED).contains(&frames.len()));
                    assert!(matches!(first_frame(frames.as_bytes()), Ok(Some(_))));
                    opened.extend_from_slice(frames.as_bytes());
                }
                _ => panic!("nobody logs in any more"),
            }
            let token = Secret::copy_of(b"done");
            let layer = Layer::Confidentiality;
            let made = GssapiToken { conversation: ConversationId(7), token, is_established: true, layer };
            let done = protected.handle_errand(ErrandResult::Gssapi(made));
            assert_eq!(matches!(step, GssapiStep::Wrap { .. }), matches!(done, Ok(Done::ToServer(_))));
        }
    }
    assert!(bytes.starts_with(&opened) && said.starts_with(&wrapped));
}

fn check_sent(message: &[u8]) {
    assert!(!message.windows(PASSWORD.len()).any(|window| window == PASSWORD), "the password is sent");
}
