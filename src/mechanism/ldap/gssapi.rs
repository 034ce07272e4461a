//! GSSAPI as a SASL mechanism: RFC 4752, the client's side. A worker makes what is said; here is what it means.
#![forbid(unsafe_code)]

use crate::job::{ConversationId, Errand, GssapiStep, GssapiToken, Layer, SecurityProperties};
use crate::secret::Secret;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How many tokens of a server are answered. Kerberos needs one; the RFC bounds nothing.
const MOST_TOKENS: usize = 4;

/// One login.
pub struct Client {
    acts_as: Vec<u8>,
    turn: Turn,
    tokens: usize,
}

/// Who is to say something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// A worker, which was asked for the next token.
    Worker,
    /// The server, which has our token.
    Server(ConversationId),
    /// The server, which is to offer layers: both sides have proved who they are.
    Offer(ConversationId),
    /// A worker, which was asked to choose a layer.
    Choice,
    /// Nobody: our choice says everything.
    Said(ConversationId, Layer),
}

impl Client {
    /// Begins with the server of that name, as `principal`, or the first of the keytab or cache if it is empty; what a worker
    /// is to do comes with it. What follows may be protected as `properties` say.
    pub fn begin(
        host: &str,
        principal: &str,
        acts_as: &[u8],
        properties: SecurityProperties,
    ) -> (Self, Errand) {
        let (service, principal) = (service_at(host), principal.to_owned());
        let step = GssapiStep::Begin { service, principal, properties };
        (Self { acts_as: acts_as.to_vec(), turn: Turn::Worker, tokens: 0 }, Errand::Gssapi(step))
    }

    /// Takes what the server has said, and gives what a worker is to do.
    ///
    /// # Errors
    /// When it was not the server's turn; the sentence is for the log.
    pub fn handle_challenge(&mut self, message: &[u8]) -> Result<Errand, String> {
        let message = Secret::copy_of(message);
        let (turn, step) = match self.turn {
            Turn::Server(_) if self.tokens >= MOST_TOKENS => {
                return Err(format!("the server goes on with GSSAPI after {MOST_TOKENS} tokens"));
            }
            Turn::Server(conversation) => {
                self.tokens += 1;
                (Turn::Worker, GssapiStep::Answer { conversation, token: message })
            }
            Turn::Offer(conversation) => {
                let acts_as = self.acts_as.clone();
                (Turn::Choice, GssapiStep::ChooseLayer { conversation, offer: message, acts_as })
            }
            Turn::Worker | Turn::Choice | Turn::Said(..) => {
                return Err("the server goes on with GSSAPI out of turn".to_owned());
            }
        };
        self.turn = turn;
        Ok(Errand::Gssapi(step))
    }

    /// Takes what a worker has made, and gives what goes to the server.
    ///
    /// # Errors
    /// When nobody had asked for it.
    pub fn handle_token(&mut self, made: GssapiToken) -> Result<Secret, String> {
        self.turn = match self.turn {
            Turn::Worker if made.is_established => Turn::Offer(made.conversation),
            Turn::Worker => Turn::Server(made.conversation),
            Turn::Choice => Turn::Said(made.conversation, made.layer),
            Turn::Server(_) | Turn::Offer(_) | Turn::Said(..) => {
                return Err("a Kerberos token came that nobody had asked for".to_owned());
            }
        };
        Ok(made.token)
    }

    /// The server says that the login is right: it must have proved who it is, which its offer does.
    ///
    /// # Errors
    /// When it has not: whoever answers is not the server.
    pub fn handle_success(&self) -> Result<(), String> {
        match self.turn {
            Turn::Said(..) => Ok(()),
            _ => Err("the server accepts a login that has proved nothing".to_owned()),
        }
    }

    /// By which login what follows is protected; `None` where it is not.
    pub fn protected_by(&self) -> Option<ConversationId> {
        match self.turn {
            Turn::Said(conversation, Layer::Integrity | Layer::Confidentiality) => Some(conversation),
            _ => None,
        }
    }
}

/// As for libldap, what is reached at the usual loopback addresses has this machine's name.
fn service_at(host: &str) -> String {
    let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
    let is_loopback = host.parse::<IpAddr>().is_ok_and(|address| loopback.contains(&address));
    match is_loopback || host.eq_ignore_ascii_case("localhost") {
        true => "ldap".to_owned(),
        false => format!("ldap@{host}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NUMBER: ConversationId = ConversationId(7);

    const PROPERTIES: SecurityProperties =
        SecurityProperties { min_ssf: 1, max_ssf: u32::MAX, is_private: false };

    fn made(token: &[u8], is_established: bool) -> GssapiToken {
        let token = Secret::copy_of(token);
        GssapiToken { conversation: NUMBER, token, is_established, layer: Layer::None }
    }

    /// One that has said its first token.
    fn waiting() -> Client {
        let (mut client, _) = Client::begin("ldap.example.org", "", b"dn:cn=mail", PROPERTIES);
        assert_eq!(client.handle_token(made(b"first", false)).unwrap().as_bytes(), b"first");
        client
    }

    #[test]
    fn a_login_has_a_token_an_answer_and_a_choice_and_only_then_it_counts() {
        let (mut client, errand) = Client::begin("ldap.example.org", "mail", b"dn:cn=mail", PROPERTIES);
        let Errand::Gssapi(GssapiStep::Begin { service, principal, properties }) = errand else { panic!() };
        assert_eq!((service.as_str(), principal.as_str()), ("ldap@ldap.example.org", "mail"));
        assert_eq!(properties, PROPERTIES);
        assert_eq!(client.handle_token(made(b"first", false)).unwrap().as_bytes(), b"first");
        assert!(client.handle_success().is_err());
        let errand = client.handle_challenge(b"proof");
        let Ok(Errand::Gssapi(GssapiStep::Answer { conversation: NUMBER, token })) = errand else { panic!() };
        assert_eq!(token.as_bytes(), b"proof");
        assert!(client.handle_token(made(b"", true)).unwrap().is_empty());
        assert!(client.handle_success().is_err());
        let errand = client.handle_challenge(b"offer");
        let Ok(Errand::Gssapi(GssapiStep::ChooseLayer { conversation: NUMBER, offer, acts_as })) = errand
        else {
            panic!()
        };
        assert_eq!((offer.as_bytes(), acts_as.as_slice()), (&b"offer"[..], &b"dn:cn=mail"[..]));
        assert!(client.handle_success().is_err(), "the offer has not been looked at");
        assert_eq!(client.handle_token(made(b"choice", true)).unwrap().as_bytes(), b"choice");
        assert_eq!(client.handle_success(), Ok(()));
        assert_eq!(client.protected_by(), None);
    }

    #[test]
    fn what_follows_is_protected_when_a_layer_was_chosen_and_not_before() {
        for layer in [Layer::Integrity, Layer::Confidentiality] {
            let mut client = waiting();
            client.handle_challenge(b"proof").unwrap();
            client.handle_token(made(b"", true)).unwrap();
            client.handle_challenge(b"offer").unwrap();
            assert_eq!(client.protected_by(), None);
            client.handle_token(GssapiToken { layer, ..made(b"choice", true) }).unwrap();
            assert_eq!(client.protected_by(), Some(NUMBER));
        }
    }

    #[test]
    fn whoever_speaks_out_of_turn_is_not_listened_to() {
        let (mut client, _) = Client::begin("ldap.example.org", "", b"", PROPERTIES);
        assert!(client.handle_challenge(b"before our first token").is_err());
        let mut client = waiting();
        assert!(client.handle_token(made(b"nobody asked", true)).is_err());
        client.handle_challenge(b"proof").unwrap();
        assert!(client.handle_challenge(b"again").is_err());
        assert!(client.handle_success().is_err());
    }

    #[test]
    fn a_server_does_not_keep_workers_busy_for_ever() {
        let mut client = waiting();
        for _ in 0..MOST_TOKENS {
            client.handle_challenge(b"more").unwrap();
            client.handle_token(made(b"more", false)).unwrap();
        }
        assert!(client.handle_challenge(b"more").is_err());
    }

    #[test]
    fn what_is_on_this_machine_has_the_name_of_the_machine() {
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "::1"] {
            assert_eq!(service_at(host), "ldap", "{host}");
        }
        for host in ["ldap.example.org", "127.1.2.3", "192.0.2.7", "2001:db8::7", "localhost.example.org"] {
            assert_eq!(service_at(host), format!("ldap@{host}"));
        }
    }
}
