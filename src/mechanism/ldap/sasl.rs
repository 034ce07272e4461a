//! The SASL mechanisms of an LDAP bind (RFC 4513, section 5.2), as the client.
#![forbid(unsafe_code)]

mod identity;
#[cfg(test)]
mod tests;

pub use identity::{ANY_STRENGTH, Identity, Options};

use super::digest_md5;
use super::gssapi;
use super::saslprep::prepared;
use super::scram::{Challenge, Client, Verification, fresh_nonce};
use crate::hash::{Hash, hmac};
use crate::job::{ConversationId, Digest, Errand, ErrandResult};
use crate::secret::Secret;
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
    /// Kerberos, by a keytab or tickets of the daemon: RFC 4752.
    Gssapi,
}

const NAMES: [(&str, Mechanism); 8] = [
    ("EXTERNAL", Mechanism::External),
    ("PLAIN", Mechanism::Plain),
    ("SCRAM-SHA-1", Mechanism::Scram(Digest::Sha1)),
    ("SCRAM-SHA-256", Mechanism::Scram(Digest::Sha256)),
    ("SCRAM-SHA-512", Mechanism::Scram(Digest::Sha512)),
    ("DIGEST-MD5", Mechanism::DigestMd5),
    ("CRAM-MD5", Mechanism::CramMd5),
    ("GSSAPI", Mechanism::Gssapi),
];

/// The names of all, for messages.
pub const WHAT_WORKS: &str =
    "takes EXTERNAL, GSSAPI, PLAIN, SCRAM-SHA-1, SCRAM-SHA-256, SCRAM-SHA-512, DIGEST-MD5 or CRAM-MD5";

impl Mechanism {
    /// The mechanism of that name, in any case.
    pub fn find(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, mechanism)| *mechanism)
    }

    /// The name that goes to the server.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, mechanism)| *mechanism == self).map_or("", |(name, _)| *name)
    }

    /// Whether it looks at a password. One that does not says who the daemon is, whatever a user has typed.
    pub fn proves_password(self) -> bool {
        !matches!(self, Self::External | Self::Gssapi)
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
    Gssapi(gssapi::Client),
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
    /// This goes to the server; nothing, if that has the first word.
    Say(Option<Secret>),
    /// A worker is to do this; then [`Dialogue::handle_errand`].
    Work(Errand),
    /// The server refuses the login.
    Refused,
}

impl Dialogue {
    /// Begins with the server of that name; the second is what comes first. `is_private`: nobody can listen, by TLS or on a unix socket.
    ///
    /// # Errors
    /// When there are no random bytes; the sentence is for the log.
    pub fn begin(
        mechanism: Mechanism,
        identity: Rc<Identity>,
        host: &str,
        is_private: bool,
    ) -> Result<(Self, Next), String> {
        let (state, next) = match mechanism {
            Mechanism::External => (State::Said, Next::Say(Some(Secret::copy_of(&identity.acts_as)))),
            Mechanism::Plain => (State::Said, Next::Say(Some(plain(&identity)))),
            Mechanism::Scram(digest) => {
                let client = Client::new(digest, &identity.name, &identity.acts_as, fresh_nonce()?);
                let client = client.with_least_rounds(identity.options.least_rounds);
                let message = client.first_message();
                (State::Scram(Box::new(client), digest, Turn::First), Next::Say(Some(message)))
            }
            Mechanism::DigestMd5 | Mechanism::CramMd5 => (State::Silent, Next::Say(None)),
            Mechanism::Gssapi => {
                let options = &identity.options;
                let properties = options.security_properties(is_private);
                let (client, errand) =
                    gssapi::Client::begin(host, &options.principal, &identity.acts_as, properties);
                (State::Gssapi(client), Next::Work(errand))
            }
        };
        Ok((Self { mechanism, identity, host: host.to_owned(), state }, next))
    }

    /// How.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// By which login what follows is protected; `None` where it is not.
    pub fn protected_by(&self) -> Option<ConversationId> {
        match &self.state {
            State::Gssapi(client) => client.protected_by(),
            _ => None,
        }
    }

    /// Takes a message of a server that wants to go on.
    ///
    /// # Errors
    /// When it makes no sense; the sentence is for the log.
    pub fn handle_challenge(&mut self, message: &[u8]) -> Result<Next, String> {
        match &mut self.state {
            State::Silent => return self.answer_challenge(message).map(say),
            State::DigestMd5(client) => {
                client.verify(message)?;
                self.state = State::Said;
                return Ok(say(Secret::default()));
            }
            State::Gssapi(client) => return client.handle_challenge(message).map(Next::Work),
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
                    return client.final_message(key).map(say);
                }
                let errand = Errand::DeriveKey {
                    digest: *digest,
                    password: prepared(self.identity.password.as_bytes()),
                    salt: challenge.salt.clone(),
                    rounds: challenge.rounds,
                };
                *turn = Turn::Key(challenge);
                Ok(Next::Work(errand))
            }
            Turn::Proof => match client.verify(message)? {
                Verification::Refused => Ok(Next::Refused),
                Verification::Valid => {
                    *turn = Turn::Proved;
                    Ok(say(Secret::default()))
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

    /// Takes what [`Next::Work`] asked for, and gives what goes to the server.
    ///
    /// # Errors
    /// When the worker, or OpenSSL, cannot do its part; the sentence is for the log.
    pub fn handle_errand(&mut self, result: ErrandResult) -> Result<Secret, String> {
        match (result, &mut self.state) {
            (ErrandResult::Key(key), _) => self.handle_key(key),
            (ErrandResult::Gssapi(made), State::Gssapi(client)) => client.handle_token(made),
            (ErrandResult::Failed(reason), _) => Err(reason),
            (ErrandResult::Gssapi(_) | ErrandResult::Addresses(_) | ErrandResult::PasswordChecked(_), _) => {
                Err("a worker mixed up its errands".to_owned())
            }
        }
    }

    fn handle_key(&mut self, key: Secret) -> Result<Secret, String> {
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
            State::Gssapi(client) => client.handle_success(),
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

fn say(message: Secret) -> Next {
    Next::Say(Some(message))
}

/// RFC 2195, section 2: the login, and the challenge under the password as a key.
fn cram_md5(name: &[u8], password: &Secret, challenge: &[u8]) -> Result<Secret, String> {
    let signed = hmac(Hash::Md5, password.as_bytes(), challenge);
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
