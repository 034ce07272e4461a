//! SCRAM (RFC 5802, RFC 7677): proving that both sides know the password without sending it.
//!
//! Names are prepared here by SASLprep, passwords by whoever has their keys derived.
#![forbid(unsafe_code)]

use super::saslprep::prepared;
use crate::base64;
use crate::hash::{OpenSslError, fill_with_chance, hash};
use crate::job::Digest;
use crate::mechanism::pbkdf2::{MOST_ROUNDS, hash_of, hmac};
use crate::secret::Secret;
use subtle::ConstantTimeEq;

/// Fewer rounds than a server has any reason for: RFC 5802 (section 5.1) and RFC 7677 ask for as many. Whoever answers in
/// its place could ask for one, and guess the password from our proof at leisure.
pub const LEAST_ROUNDS: u32 = 4096;

/// The longest message of a server that is looked at: a nonce, a salt and a number have no use for more.
const LONGEST_MESSAGE: usize = 4096;

/// One side of the conversation: ours.
///
/// [`Self::first_message`], [`Self::handle_first`], [`Self::final_message`] and [`Self::verify`] are called in this order.
pub struct Client {
    digest: Digest,
    least_rounds: u32,
    /// What the messages say about channel binding (none) and the identity to act as.
    header: Vec<u8>,
    nonce: String,
    /// `AuthMessage` of RFC 5802, section 3, as far as it is known.
    transcript: Vec<u8>,
    /// The nonce of both sides.
    joint_nonce: Vec<u8>,
    /// What the server will have to say at the end.
    signature: Option<Secret>,
}

/// What the password is to be derived with, by [`derive_key`](crate::mechanism::pbkdf2::derive_key).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The salt.
    pub salt: Vec<u8>,
    /// How many rounds; within 1 and [`MOST_ROUNDS`].
    pub rounds: u32,
}

/// What the server's last message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// The server knows the password too.
    Valid,
    /// The server refuses the login.
    Refused,
}

/// A nonce that has never been used before.
///
/// # Errors
/// When OpenSSL has no random bytes; the sentence is for the log.
pub fn fresh_nonce() -> Result<String, String> {
    let mut bytes = [0; 18];
    fill_with_chance(&mut bytes).map_err(|error| format!("OpenSSL has no random bytes: {error}"))?;
    Ok(base64::encode(&bytes))
}

impl Client {
    /// For the account `name`, to act as `acts_as` unless that is empty.
    pub fn new(digest: Digest, name: &[u8], acts_as: &[u8], nonce: String) -> Self {
        let mut header = b"n,".to_vec();
        if !acts_as.is_empty() {
            header.extend_from_slice(b"a=");
            header.extend(escaped(acts_as));
        }
        header.push(b',');
        let transcript = [b"n=", escaped(name).as_slice(), b",r=", nonce.as_bytes()].concat();
        let least_rounds = LEAST_ROUNDS;
        Self { digest, least_rounds, header, nonce, transcript, joint_nonce: Vec::new(), signature: None }
    }

    /// The same with another bound for the rounds that a server may ask for.
    #[must_use]
    pub fn with_least_rounds(self, least_rounds: u32) -> Self {
        Self { least_rounds, ..self }
    }

    /// The client's first message.
    pub fn first_message(&self) -> Secret {
        Secret::from_vec([self.header.as_slice(), &self.transcript].concat())
    }

    /// Takes the server's first message.
    ///
    /// # Errors
    /// When it is none, or asks for too much; the sentence is for the log.
    pub fn handle_first(&mut self, message: &[u8]) -> Result<Challenge, String> {
        let malformed = "the server's first SCRAM message is malformed";
        if message.len() > LONGEST_MESSAGE {
            return Err("the server's first SCRAM message is too long".to_owned());
        }
        let mut parts = message.split(|byte| *byte == b',');
        let mut part = |name: &[u8]| parts.next().and_then(|part| part.strip_prefix(name)).ok_or(malformed);
        let (nonce, salt, rounds) = (part(b"r=")?, part(b"s=")?, part(b"i=")?);
        if !nonce.starts_with(self.nonce.as_bytes()) || nonce.len() == self.nonce.len() {
            return Err("the server's SCRAM nonce does not go on from ours".to_owned());
        }
        let salt = base64::decode(salt).filter(|salt| !salt.is_empty()).ok_or(malformed)?;
        let rounds =
            std::str::from_utf8(rounds).ok().and_then(|rounds| rounds.parse().ok()).ok_or(malformed)?;
        if !(1..=MOST_ROUNDS).contains(&rounds) {
            return Err(format!(
                "the server asks for {rounds} rounds of SCRAM; at most {MOST_ROUNDS} are done"
            ));
        }
        if rounds < self.least_rounds {
            return Err(format!(
                "the server asks for {rounds} rounds of SCRAM, fewer than the {} that are safe: see \
                 ldap_scram_min_rounds",
                self.least_rounds
            ));
        }
        self.joint_nonce = nonce.to_vec();
        self.transcript.push(b',');
        self.transcript.extend_from_slice(message);
        Ok(Challenge { salt: salt.as_bytes().to_vec(), rounds })
    }

    /// The client's second message. `salted`: the key derived from the password.
    ///
    /// # Errors
    /// When OpenSSL cannot do its part; the sentence is for the log.
    pub fn final_message(&mut self, salted: &Secret) -> Result<Secret, String> {
        let binding = base64::encode(&self.header);
        let mut message = [b"c=", binding.as_bytes(), b",r=", &self.joint_nonce].concat();
        self.transcript.push(b',');
        self.transcript.extend_from_slice(&message);
        let proof = self.sign(salted).map_err(|error| format!("OpenSSL cannot compute a proof: {error}"))?;
        message.extend_from_slice(b",p=");
        message.extend_from_slice(base64::encode(proof.as_bytes()).as_bytes());
        Ok(Secret::from_vec(message))
    }

    /// Computes both sides' signatures and our proof, as RFC 5802, section 3 has it.
    fn sign(&mut self, salted: &Secret) -> Result<Secret, OpenSslError> {
        let mut proof = hmac(self.digest, salted, b"Client Key")?;
        let stored = hash(hash_of(self.digest), &[proof.as_bytes()])?;
        let ours = hmac(self.digest, &stored, &self.transcript)?;
        proof.as_mut_bytes().iter_mut().zip(ours.as_bytes()).for_each(|(proof, ours)| *proof ^= ours);
        let server = hmac(self.digest, salted, b"Server Key")?;
        self.signature = Some(hmac(self.digest, &server, &self.transcript)?);
        Ok(proof)
    }

    /// Looks whether the server's last message proves that it knows the password.
    ///
    /// # Errors
    /// When it does not: then this is another server than it should be, whatever it says about the login.
    pub fn verify(&self, message: &[u8]) -> Result<Verification, String> {
        let first = message.split(|byte| *byte == b',').next().unwrap_or_default();
        if let Some(error) = first.strip_prefix(b"e=") {
            return match REFUSALS.contains(&error) {
                true => Ok(Verification::Refused),
                false => Err("the server ends SCRAM with an error that is not about the login".to_owned()),
            };
        }
        let signature = first.strip_prefix(b"v=").and_then(base64::decode);
        match (signature, &self.signature) {
            (Some(theirs), Some(expected)) if bool::from(theirs.as_bytes().ct_eq(expected.as_bytes())) => {
                Ok(Verification::Valid)
            }
            _ => Err("the server does not prove by SCRAM that it knows the password".to_owned()),
        }
    }
}

/// The errors of RFC 5802, section 7, by which a server refuses a login; the others are about the protocol or the server.
const REFUSALS: [&[u8]; 3] = [b"invalid-proof", b"unknown-user", b"invalid-username-encoding"];

/// `saslname` of RFC 5802, section 7.
fn escaped(name: &[u8]) -> Vec<u8> {
    let name = prepared(name);
    let escape = |byte: &u8| match byte {
        b'=' => b"=3D".to_vec(),
        b',' => b"=2C".to_vec(),
        byte => vec![*byte],
    };
    name.as_bytes().iter().flat_map(escape).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
pub(super) mod tests {
    use super::*;
    use crate::mechanism::pbkdf2::derive_key;

    /// The other side, for tests of what speaks SCRAM.
    pub(crate) struct Server {
        digest: Digest,
        password: Vec<u8>,
        pub(crate) salt: Vec<u8>,
        transcript: Vec<u8>,
    }

    impl Server {
        pub(crate) fn new(digest: Digest, password: &[u8]) -> Self {
            Self { digest, password: password.to_vec(), salt: b"some salt".to_vec(), transcript: Vec::new() }
        }

        /// The server's first message, in answer to the client's.
        pub(crate) fn first(&mut self, message: &[u8]) -> Vec<u8> {
            let bare = message.splitn(3, |byte| *byte == b',').nth(2).unwrap();
            let nonce = bare.split(|byte| *byte == b',').find(|part| part.starts_with(b"r=")).unwrap();
            let salt = openssl::base64::encode_block(&self.salt);
            let answer = [nonce, b"more,s=", salt.as_bytes(), b",i=4096"].concat();
            self.transcript = [bare, b",", &answer].concat();
            answer
        }

        /// The server's last message if the client's proof is right.
        pub(crate) fn last(&mut self, message: &[u8]) -> Option<Vec<u8>> {
            let (rest, proof) =
                message.split_at(message.windows(3).rposition(|part| part == b",p=").unwrap());
            let transcript = [&self.transcript, b",".as_slice(), rest].concat();
            let salted = derive_key(self.digest, &self.password, &self.salt, 4096).unwrap();
            let key = hmac(self.digest, &salted, b"Client Key").unwrap();
            let stored = hash(hash_of(self.digest), &[key.as_bytes()]).unwrap();
            let signature = hmac(self.digest, &stored, &transcript).unwrap();
            let proof = base64::decode(&proof[3..]).unwrap();
            let shown = proof.as_bytes().iter().zip(signature.as_bytes()).map(|(one, other)| one ^ other);
            if !shown.eq(key.as_bytes().iter().copied()) {
                return None;
            }
            let server = hmac(self.digest, &salted, b"Server Key").unwrap();
            let signature = hmac(self.digest, &server, &transcript).unwrap();
            Some(format!("v={}", openssl::base64::encode_block(signature.as_bytes())).into_bytes())
        }
    }

    struct Vector {
        digest: Digest,
        nonce: &'static str,
        server_first: &'static str,
        client_final: &'static str,
        server_final: &'static str,
    }

    /// The examples of RFC 5802, section 5 and RFC 7677, section 3: user `user`, password `pencil`.
    const VECTORS: [Vector; 2] = [
        Vector {
            digest: Digest::Sha1,
            nonce: "fyko+d2lbbFgONRv9qkxdawL",
            server_first: "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            client_final: "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            server_final: "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        },
        Vector {
            digest: Digest::Sha256,
            nonce: "rOprNGfwEbeRWgbNEkqO",
            server_first: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            client_final: "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            server_final: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        },
    ];

    fn answered(vector: &Vector, password: &str) -> (Client, String) {
        let mut client = Client::new(vector.digest, b"user", b"", vector.nonce.to_owned());
        assert_eq!(client.first_message().as_bytes(), format!("n,,n=user,r={}", vector.nonce).as_bytes());
        let Challenge { salt, rounds } = client.handle_first(vector.server_first.as_bytes()).unwrap();
        let key = derive_key(vector.digest, password.as_bytes(), &salt, rounds).unwrap();
        let message = client.final_message(&key).unwrap();
        (client, String::from_utf8(message.as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn the_conversations_of_the_rfcs_come_out_word_by_word() {
        for vector in &VECTORS {
            let (client, message) = answered(vector, "pencil");
            assert_eq!(message, vector.client_final);
            assert_eq!(client.verify(vector.server_final.as_bytes()), Ok(Verification::Valid));
        }
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_found_out() {
        for vector in &VECTORS {
            let (client, message) = answered(vector, "pencils");
            assert_ne!(message, vector.client_final);
            for final_message in
                [vector.server_final, "", "v=", "v=AAAA", "x=1", "v=rmF9pqV8S7suAoZWja4dJRkFsKQ"]
            {
                assert!(client.verify(final_message.as_bytes()).is_err(), "{final_message}");
            }
            assert_eq!(client.verify(b"e=invalid-proof"), Ok(Verification::Refused));
        }
    }

    #[test]
    fn nothing_proves_anything_before_our_own_proof() {
        let mut client = Client::new(Digest::Sha1, b"user", b"", VECTORS[0].nonce.to_owned());
        assert!(client.verify(VECTORS[0].server_final.as_bytes()).is_err());
        client.handle_first(VECTORS[0].server_first.as_bytes()).unwrap();
        assert!(client.verify(b"v=").is_err());
    }

    #[test]
    fn a_first_message_that_is_malformed_or_greedy_is_refused() {
        let long = format!("r=abcdefg,s={},i=4096", "A".repeat(5000));
        for message in [
            "",
            "r=abcdefg",
            "r=abcdefg,s=QSXC",
            "r=abc,s=QSXC,i=4096",
            "r=abx,s=QSXC,i=4096",
            "r=abcdefg,s=,i=4096",
            "r=abcdefg,s=!,i=4096",
            "r=abcdefg,s=QSXC,i=0",
            "r=abcdefg,s=QSXC,i=1",
            "r=abcdefg,s=QSXC,i=4095",
            "r=abcdefg,s=QSXC,i=-1",
            "r=abcdefg,s=QSXC,i=x",
            "r=abcdefg,s=QSXC,i=10000001",
            "r=abcdefg,s=QSXC,i=99999999999999999999",
            "m=x,r=abcdefg,s=QSXC,i=4096",
            "s=QSXC,r=abcdefg,i=4096",
            &long,
        ] {
            let mut client = Client::new(Digest::Sha1, b"user", b"", "abc".to_owned());
            assert!(client.handle_first(message.as_bytes()).is_err(), "{message}");
        }
        let mut client = Client::new(Digest::Sha1, b"user", b"", "abc".to_owned());
        assert!(client.handle_first(b"r=abcdefg,s=QSXC,i=10000000,x=extension").is_ok());
    }

    #[test]
    fn commas_and_equal_signs_of_names_cannot_become_attributes() {
        let client = Client::new(Digest::Sha1, b"a,r=x=", b"b,n=y", "abc".to_owned());
        assert_eq!(client.first_message().as_bytes(), b"n,a=b=2Cn=3Dy,n=a=2Cr=3Dx=3D,r=abc");
    }

    #[test]
    fn nonces_differ_and_hold_no_comma() {
        let (one, other) = (fresh_nonce().unwrap(), fresh_nonce().unwrap());
        assert_ne!(one, other);
        assert!(one.len() >= 24 && !one.contains(','));
    }
}
