//! What a directory says in SCRAM and DIGEST-MD5.

use crate::input::{Input, SEPARATOR};
use crate::memory::most_held;
use saslauthd::job::Digest;
use saslauthd::mechanism::ldap::{digest_md5, scram};
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

fn check_sent(message: &[u8]) {
    assert!(!message.windows(PASSWORD.len()).any(|window| window == PASSWORD), "the password is sent");
}
