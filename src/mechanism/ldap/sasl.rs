//! The SASL mechanisms of an LDAP bind (RFC 4513, section 5.2), as the client.
#![forbid(unsafe_code)]

use super::digest_md5;
use super::saslprep::prepared;
use super::scram::{Challenge, Client, LEAST_ROUNDS, Verification, fresh_nonce};
use crate::job::{Digest, Errand};
use crate::secret::Secret;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use std::cell::RefCell;
use std::rc::Rc;

/// A mechanism that we speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// Whoever TLS or the unix socket says we are: RFC 4422, appendix A.
    External,
    /// Name and password in the clear: RFC 4616.
    Plain,
    /// A proof instead of the password.
    Scram(Digest),
    /// An older one: RFC 2831.
    DigestMd5,
    /// An older one yet, in which the server proves nothing: RFC 2195.
    CramMd5,
}

const NAMES: [(&str, Mechanism); 7] = [
    ("EXTERNAL", Mechanism::External),
    ("PLAIN", Mechanism::Plain),
    ("SCRAM-SHA-1", Mechanism::Scram(Digest::Sha1)),
    ("SCRAM-SHA-256", Mechanism::Scram(Digest::Sha256)),
    ("SCRAM-SHA-512", Mechanism::Scram(Digest::Sha512)),
    ("DIGEST-MD5", Mechanism::DigestMd5),
    ("CRAM-MD5", Mechanism::CramMd5),
];

/// The names of all, for messages.
pub const WHAT_WORKS: &str =
    "takes EXTERNAL, PLAIN, SCRAM-SHA-1, SCRAM-SHA-256, SCRAM-SHA-512, DIGEST-MD5 or CRAM-MD5";

impl Mechanism {
    /// The mechanism of that name, in any case.
    pub fn find(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, mechanism)| *mechanism)
    }

    /// The name that goes to the server.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, mechanism)| *mechanism == self).map_or("", |(name, _)| *name)
    }
}

/// Who is to be logged in.
pub struct Identity {
    /// The account; not used by [`Mechanism::External`].
    pub name: Vec<u8>,
    /// The identity to act as; empty for the account's own.
    pub acts_as: Vec<u8>,
    /// The account's password.
    pub password: Rc<Secret>,
    /// What mechanisms want to know besides.
    pub options: Options,
    /// What the password was derived to last time.
    key: RefCell<Option<(Challenge, Secret)>>,
}

impl Identity {
    /// An account with its password, to act as `acts_as` unless that is empty.
    pub fn new(name: Vec<u8>, acts_as: Vec<u8>, password: Rc<Secret>) -> Self {
        Self { name, acts_as, password, options: Options::default(), key: RefCell::new(None) }
    }

    /// The same with these options.
    #[must_use]
    pub fn with_options(self, options: Options) -> Self {
        Self { options, ..self }
    }
}

/// What mechanisms want to know besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The realm of the login, for DIGEST-MD5; empty for the server's.
    pub realm: Vec<u8>,
    /// How many rounds SCRAM must have at least.
    pub least_rounds: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { realm: Vec::new(), least_rounds: LEAST_ROUNDS }
    }
}

/// Two identities are the same when a server could not tell them apart.
impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.acts_as == other.acts_as
            && self.password == other.password
            && self.options == other.options
    }
}

/// One login by SASL.
pub struct Dialogue {
    mechanism: Mechanism,
    identity: Rc<Identity>,
    /// The server's name.
    host: String,
    state: State,
}

enum State {
    /// The server has the first word: its challenge is to come.
    Silent,
    /// Our proof is on its way, and the server's to come.
    DigestMd5(digest_md5::Client),
    /// Our first message says everything.
    Said,
    Scram(Box<Client>, Digest, Turn),
}

/// Where a SCRAM dialogue is.
enum Turn {
    /// The server's first message is to come.
    First,
    /// The key is being derived.
    Key(Challenge),
    /// Our proof is on its way.
    Proof,
    /// The server has proved that it knows the password.
    Proved,
}

/// What comes next.
pub enum Next {
    /// This goes to the server.
    Say(Secret),
    /// A worker is to do this; then [`Dialogue::handle_key`].
    Derive(Errand),
    /// The server refuses the login.
    Refused,
}

impl Dialogue {
    /// Begins with the server of that name; the second is our first message, if we have the first word.
    ///
    /// # Errors
    /// When there are no random bytes; the sentence is for the log.
    pub fn begin(
        mechanism: Mechanism,
        identity: Rc<Identity>,
        host: &str,
    ) -> Result<(Self, Option<Secret>), String> {
        let (state, message) = match mechanism {
            Mechanism::External => (State::Said, Some(Secret::copy_of(&identity.acts_as))),
            Mechanism::Plain => (State::Said, Some(plain(&identity))),
            Mechanism::Scram(digest) => {
                let client = Client::new(digest, &identity.name, &identity.acts_as, fresh_nonce()?);
                let client = client.with_least_rounds(identity.options.least_rounds);
                let message = client.first_message();
                (State::Scram(Box::new(client), digest, Turn::First), Some(message))
            }
            Mechanism::DigestMd5 | Mechanism::CramMd5 => (State::Silent, None),
        };
        Ok((Self { mechanism, identity, host: host.to_owned(), state }, message))
    }

    /// How.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// Takes a message of a server that wants to go on.
    ///
    /// # Errors
    /// When it makes no sense; the sentence is for the log.
    pub fn handle_challenge(&mut self, message: &[u8]) -> Result<Next, String> {
        match &self.state {
            State::Silent => return self.answer_challenge(message).map(Next::Say),
            State::DigestMd5(client) => {
                client.verify(message)?;
                self.state = State::Said;
                return Ok(Next::Say(Secret::default()));
            }
            State::Said | State::Scram(..) => {}
        }
        let State::Scram(client, digest, turn) = &mut self.state else {
            return Err("the server goes on with SASL when everything is said".to_owned());
        };
        match turn {
            Turn::First => {
                let challenge = client.handle_first(message)?;
                if let Some((_, key)) =
                    self.identity.key.borrow().as_ref().filter(|(known, _)| *known == challenge)
                {
                    *turn = Turn::Proof;
                    return client.final_message(key).map(Next::Say);
                }
                let errand = Errand::DeriveKey {
                    digest: *digest,
                    password: prepared(self.identity.password.as_bytes()),
                    salt: challenge.salt.clone(),
                    rounds: challenge.rounds,
                };
                *turn = Turn::Key(challenge);
                Ok(Next::Derive(errand))
            }
            Turn::Proof => match client.verify(message)? {
                Verification::Refused => Ok(Next::Refused),
                Verification::Valid => {
                    *turn = Turn::Proved;
                    Ok(Next::Say(Secret::default()))
                }
            },
            Turn::Key(_) | Turn::Proved => Err("the server goes on with SCRAM out of turn".to_owned()),
        }
    }

    /// Answers a server that has the first word.
    fn answer_challenge(&mut self, challenge: &[u8]) -> Result<Secret, String> {
        let Identity { name, acts_as, password, options, .. } = &*self.identity;
        if self.mechanism == Mechanism::CramMd5 {
            let response = cram_md5(name, password, challenge)?;
            self.state = State::Said;
            return Ok(response);
        }
        let login = digest_md5::Login { name, acts_as, realm: &options.realm, password, host: &self.host };
        let (client, response) = digest_md5::Client::respond(challenge, &login, &fresh_nonce()?)?;
        self.state = State::DigestMd5(client);
        Ok(response)
    }

    /// Takes the key that [`Next::Derive`] asked for, and gives what goes to the server.
    ///
    /// # Errors
    /// When OpenSSL cannot do its part; the sentence is for the log.
    pub fn handle_key(&mut self, key: Secret) -> Result<Secret, String> {
        let State::Scram(client, _, turn) = &mut self.state else {
            return Err("a key came that nobody had asked for".to_owned());
        };
        match std::mem::replace(turn, Turn::Proof) {
            Turn::Key(challenge) => {
                let message = client.final_message(&key)?;
                *self.identity.key.borrow_mut() = Some((challenge, key));
                Ok(message)
            }
            other => {
                *turn = other;
                Err("a key came that nobody had asked for".to_owned())
            }
        }
    }

    /// The server says that the login is right; with SCRAM it must have proved that it knows, now or before.
    ///
    /// # Errors
    /// When it has not: whoever answers is not the server.
    pub fn handle_success(&mut self, message: Option<&[u8]>) -> Result<(), String> {
        match &mut self.state {
            State::Said | State::Scram(_, _, Turn::Proved) => Ok(()),
            State::DigestMd5(client) => client.verify(message.unwrap_or_default()),
            State::Silent => Err("the server accepts a login that has proved nothing".to_owned()),
            State::Scram(client, _, turn @ Turn::Proof) => {
                match client.verify(message.unwrap_or_default())? {
                    Verification::Valid => {
                        *turn = Turn::Proved;
                        Ok(())
                    }
                    Verification::Refused => Err("the server says yes and no at once".to_owned()),
                }
            }
            State::Scram(..) => Err("the server accepts a login that has proved nothing".to_owned()),
        }
    }
}

/// RFC 2195, section 2: the login, and the challenge under the password as a key.
fn cram_md5(name: &[u8], password: &Secret, challenge: &[u8]) -> Result<Secret, String> {
    let signed = PKey::hmac(password.as_bytes()).and_then(|key| {
        Signer::new(MessageDigest::md5(), &key)?.sign_oneshot_to_vec(challenge).map(Secret::from_vec)
    });
    let signed = signed.map_err(|error| format!("OpenSSL cannot compute CRAM-MD5: {error}"))?;
    let mut message = Secret::copy_of(name);
    message.extend_from_slice(b" ");
    message.extend_from_slice(digest_md5::hexadecimal(&signed).as_bytes());
    Ok(message)
}

/// RFC 4616, section 2.
fn plain(identity: &Identity) -> Secret {
    let parts = [identity.acts_as.as_slice(), b"\0", &identity.name, b"\0", identity.password.as_bytes()];
    let mut message = Secret::with_capacity(parts.iter().map(|part| part.len()).sum());
    parts.iter().for_each(|part| message.extend_from_slice(part));
    message
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::scram::tests::Server;
    use super::*;
    use crate::mechanism::pbkdf2::derive_key;

    fn identity() -> Rc<Identity> {
        let password = Rc::new(Secret::copy_of(b"pencil"));
        Rc::new(Identity::new(b"reader".to_vec(), Vec::new(), password))
    }

    fn begin(mechanism: Mechanism, identity: Rc<Identity>) -> (Dialogue, Secret) {
        let (dialogue, message) = Dialogue::begin(mechanism, identity, "ldap.example.org").unwrap();
        (dialogue, message.unwrap_or_default())
    }

    /// RFC 2195's example.
    #[test]
    fn cram_md5_signs_the_challenge() {
        let password = Rc::new(Secret::copy_of(b"tanstaaftanstaaf"));
        let identity = Rc::new(Identity::new(b"tim".to_vec(), Vec::new(), password));
        let (mut dialogue, message) = Dialogue::begin(Mechanism::CramMd5, identity, "x").unwrap();
        assert!(message.is_none() && dialogue.handle_success(None).is_err(), "nothing is proved yet");
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        let response = say(dialogue.handle_challenge(challenge).unwrap());
        assert_eq!(response.as_bytes(), b"tim b913a602c7eda7a495b4e6e7334d3890");
        assert!(dialogue.handle_success(None).is_ok() && dialogue.handle_challenge(challenge).is_err());
    }

    #[test]
    fn digest_md5_ends_well_only_if_the_server_proves_itself_with_the_result_or_before() {
        let challenge = b"realm=\"x\",nonce=\"y\",qop=\"auth\",algorithm=md5-sess,charset=utf-8";
        let begin = || {
            let (mut dialogue, message) = Dialogue::begin(Mechanism::DigestMd5, identity(), "host").unwrap();
            assert!(message.is_none() && dialogue.handle_success(None).is_err());
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

    fn say(next: Next) -> Secret {
        match next {
            Next::Say(message) => message,
            Next::Derive(_) | Next::Refused => panic!("there should be something to say"),
        }
    }

    fn derive(next: Next) -> Secret {
        match next {
            Next::Derive(Errand::DeriveKey { digest, password, salt, rounds }) => {
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
        for name in ["", "GSSAPI", "DIGEST-MD", "SCRAM-SHA-1-PLUS", "SCRAM-SHA1"] {
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
}
