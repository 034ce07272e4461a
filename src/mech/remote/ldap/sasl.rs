//! The SASL mechanisms of an LDAP bind (RFC 4513, section 5.2), as the client.
#![forbid(unsafe_code)]

use super::scram::{Challenge, Client, Proof, fresh_nonce};
use crate::errand::{Digest, Errand};
use crate::secret::Secret;
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
}

const NAMES: [(&str, Mechanism); 5] = [
    ("EXTERNAL", Mechanism::External),
    ("PLAIN", Mechanism::Plain),
    ("SCRAM-SHA-1", Mechanism::Scram(Digest::Sha1)),
    ("SCRAM-SHA-256", Mechanism::Scram(Digest::Sha256)),
    ("SCRAM-SHA-512", Mechanism::Scram(Digest::Sha512)),
];

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
    /// What the password was derived to last time.
    key: RefCell<Option<(Challenge, Secret)>>,
}

impl Identity {
    /// An account with its password, to act as `acts_as` unless that is empty.
    pub fn new(name: Vec<u8>, acts_as: Vec<u8>, password: Rc<Secret>) -> Self {
        Self { name, acts_as, password, key: RefCell::new(None) }
    }
}

/// Two identities are the same when a server could not tell them apart.
impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.acts_as == other.acts_as && self.password == other.password
    }
}

/// One login by SASL.
pub struct Dialogue {
    mechanism: Mechanism,
    identity: Rc<Identity>,
    state: State,
}

enum State {
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
    /// Begins; the second is our first message.
    ///
    /// # Errors
    /// When there are no random bytes; the sentence is for the log.
    pub fn begin(mechanism: Mechanism, identity: Rc<Identity>) -> Result<(Self, Secret), String> {
        let (state, message) = match mechanism {
            Mechanism::External => (State::Said, Secret::copy_of(&identity.acts_as)),
            Mechanism::Plain => (State::Said, plain(&identity)),
            Mechanism::Scram(digest) => {
                let client = Client::new(digest, &identity.name, &identity.acts_as, fresh_nonce()?);
                let message = client.first_message();
                (State::Scram(Box::new(client), digest, Turn::First), message)
            }
        };
        Ok((Self { mechanism, identity, state }, message))
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
                    password: Secret::copy_of(self.identity.password.as_bytes()),
                    salt: challenge.salt.clone(),
                    rounds: challenge.rounds,
                };
                *turn = Turn::Key(challenge);
                Ok(Next::Derive(errand))
            }
            Turn::Proof => match client.verify(message)? {
                Proof::Refused => Ok(Next::Refused),
                Proof::Valid => {
                    *turn = Turn::Proved;
                    Ok(Next::Say(Secret::default()))
                }
            },
            Turn::Key(_) | Turn::Proved => Err("the server goes on with SCRAM out of turn".to_owned()),
        }
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
            State::Scram(client, _, turn @ Turn::Proof) => {
                match client.verify(message.unwrap_or_default())? {
                    Proof::Valid => {
                        *turn = Turn::Proved;
                        Ok(())
                    }
                    Proof::Refused => Err("the server says yes and no at once".to_owned()),
                }
            }
            State::Scram(..) => Err("the server accepts a login that has proved nothing".to_owned()),
        }
    }
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
    use crate::mech::pbkdf2::derive_key;

    fn identity() -> Rc<Identity> {
        let password = Rc::new(Secret::copy_of(b"pencil"));
        Rc::new(Identity::new(b"reader".to_vec(), Vec::new(), password))
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
        for name in ["", "GSSAPI", "DIGEST-MD5", "SCRAM-SHA-1-PLUS", "SCRAM-SHA1"] {
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
            let (mut dialogue, message) = Dialogue::begin(mechanism, identity).unwrap();
            assert_eq!(message.as_bytes(), expected);
            assert!(dialogue.handle_challenge(b"").is_err());
            assert!(dialogue.handle_success(None).is_ok());
        }
    }

    #[test]
    fn scram_ends_well_whether_the_server_proves_itself_with_the_result_or_before() {
        for digest in [Digest::Sha1, Digest::Sha256, Digest::Sha512] {
            for early in [false, true] {
                let (mut dialogue, first) = Dialogue::begin(Mechanism::Scram(digest), identity()).unwrap();
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
        let begin = || Dialogue::begin(Mechanism::Scram(Digest::Sha256), Rc::clone(&identity)).unwrap();
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
        let begin = || Dialogue::begin(Mechanism::Scram(Digest::Sha256), identity()).unwrap();
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
        let (mut dialogue, first) = Dialogue::begin(Mechanism::Scram(Digest::Sha1), identity()).unwrap();
        let mut server = Server::new(Digest::Sha1, b"another password");
        let key = derive(dialogue.handle_challenge(&server.first(first.as_bytes())).unwrap());
        assert!(dialogue.handle_challenge(b"r=x").is_err(), "nothing is to come before our proof");
        let proof = dialogue.handle_key(key).unwrap();
        assert!(server.last(proof.as_bytes()).is_none());
        assert!(matches!(dialogue.handle_challenge(b"e=invalid-proof"), Ok(Next::Refused)));
        assert!(dialogue.handle_key(Secret::default()).is_err());
    }
}
