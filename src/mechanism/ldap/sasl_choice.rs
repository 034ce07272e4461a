//! Which SASL mechanism a connection uses: the one that is configured, or the strongest that the server offers.
#![forbid(unsafe_code)]

use super::filter::Filter;
use super::message::{Dereference, Request, Scope, Search};
use super::response::Entry;
use super::sasl::Mechanism;
use super::tokens::Tokens;
use crate::job::Digest;
use std::rc::Rc;

/// The attribute of the root DSE that says what a server offers: RFC 4512, section 5.1.
const ATTRIBUTE: &str = "supportedSASLMechanisms";

const ONLY_PLAIN: &str =
    "PLAIN is the only SASL mechanism that could be used with the server, and is not chosen without TLS";

/// More names than a server has.
const MOST_NAMES: usize = 32;

/// RFC 4422, section 3.1: the longest name, in bytes.
const LONGEST_NAME: usize = 20;

/// The strongest first. EXTERNAL and GSSAPI are none of them: they look at no password, so nobody else may choose them.
const STRENGTH: [Mechanism; 6] = [
    Mechanism::Scram(Digest::Sha512),
    Mechanism::Scram(Digest::Sha256),
    Mechanism::Scram(Digest::Sha1),
    Mechanism::DigestMd5,
    Mechanism::CramMd5,
    Mechanism::Plain,
];

/// The mechanisms to choose from: at least one, the strongest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice(Rc<[Mechanism]>);

impl From<Mechanism> for Choice {
    fn from(mechanism: Mechanism) -> Self {
        Self(Rc::new([mechanism]))
    }
}

impl Choice {
    /// All that prove a password.
    pub fn all() -> Self {
        Self(Rc::new(STRENGTH))
    }

    /// Those of a list that prove a password; `None` if there is none.
    pub fn of(listed: &[Mechanism]) -> Option<Self> {
        let listed: Vec<_> = STRENGTH.into_iter().filter(|mechanism| listed.contains(mechanism)).collect();
        (!listed.is_empty()).then(|| Self(listed.into()))
    }

    /// The same without PLAIN; `None` if nothing is left.
    pub fn without_plain(&self) -> Option<Self> {
        let others: Vec<_> = self.0.iter().copied().filter(|known| *known != Mechanism::Plain).collect();
        (!others.is_empty()).then(|| Self(others.into()))
    }

    /// The only one, for which no server need be asked.
    pub fn only(&self) -> Option<Mechanism> {
        match *self.0 {
            [mechanism] => Some(mechanism),
            _ => None,
        }
    }

    /// Whether they prove a password; the others come alone.
    pub fn proves_password(&self) -> bool {
        self.0.iter().all(|mechanism| mechanism.proves_password())
    }

    /// Whether it is one of them.
    pub fn has(&self, mechanism: Mechanism) -> bool {
        self.0.contains(&mechanism)
    }

    /// For the log.
    pub fn name(&self) -> &'static str {
        self.only().map_or("SASL", Mechanism::name)
    }

    /// The strongest that the server offers. Of a server that says nothing the strongest of all is asked for: nobody in
    /// between can bring it down by silence. `is_private`: nobody can listen, by TLS or on a unix socket.
    ///
    /// # Errors
    /// When there is none; a sentence for the log.
    pub fn choose(&self, offered: &[Vec<u8>], is_private: bool) -> Result<Mechanism, String> {
        let has = |mechanism: Mechanism| {
            offered.is_empty()
                || offered.iter().any(|name| name.eq_ignore_ascii_case(mechanism.name().as_bytes()))
        };
        let mut common = self.0.iter().copied().filter(|mechanism| has(*mechanism));
        match common.next() {
            Some(Mechanism::Plain) if !is_private => Err(ONLY_PLAIN.to_owned()),
            Some(mechanism) => Ok(mechanism),
            None => {
                let wanted: Vec<_> = self.0.iter().map(|mechanism| mechanism.name()).collect();
                let offered: Vec<_> = offered.iter().map(|name| name.escape_ascii().to_string()).collect();
                Err(format!(
                    "the server offers {} by SASL and none of {}",
                    offered.join(", "),
                    wanted.join(", ")
                ))
            }
        }
    }
}

/// Asks for the names of the server's mechanisms.
pub fn ask(send: impl FnOnce(&Request<'_>) -> i32) -> i32 {
    send(&Request::Search(Search {
        base: b"",
        scope: Scope::Base,
        dereference: Dereference::Never,
        size_limit: 1,
        time_limit: 0,
        types_only: false,
        filter: &Filter::present("objectClass"),
        tokens: &Tokens::default(),
        attributes: &[ATTRIBUTE.as_bytes()],
    }))
}

/// The names in the answer.
pub fn offered(entry: &Entry) -> Vec<Vec<u8>> {
    let names = entry.values(ATTRIBUTE.as_bytes()).take(MOST_NAMES);
    names.map(|name| name.as_bytes().iter().copied().take(LONGEST_NAME + 1).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(choice: &Choice, offered: &str, is_private: bool) -> Result<&'static str, String> {
        let offered: Vec<_> = offered.split_whitespace().map(|name| name.as_bytes().to_vec()).collect();
        choice.choose(&offered, is_private).map(Mechanism::name)
    }

    #[test]
    fn the_strongest_that_both_have_is_chosen_whatever_the_order() {
        let all = Choice::all();
        for (offered, expected) in [
            ("GSSAPI PLAIN CRAM-MD5 DIGEST-MD5 scram-sha-1", "SCRAM-SHA-1"),
            ("SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-512", "SCRAM-SHA-512"),
            ("EXTERNAL PLAIN DIGEST-MD5", "DIGEST-MD5"),
            ("CRAM-MD5 PLAIN", "CRAM-MD5"),
            ("", "SCRAM-SHA-512"),
        ] {
            assert_eq!(choose(&all, offered, false), Ok(expected), "{offered}");
        }
        let listed = [Mechanism::DigestMd5, Mechanism::External, Mechanism::Scram(Digest::Sha256)];
        let listed = Choice::of(&listed).unwrap_or_else(Choice::all);
        assert!(!listed.has(Mechanism::External) && listed.only().is_none());
        assert_eq!(choose(&listed, "SCRAM-SHA-512 DIGEST-MD5 SCRAM-SHA-256", false), Ok("SCRAM-SHA-256"));
        assert_eq!(choose(&listed, "PLAIN DIGEST-MD5", true), Ok("DIGEST-MD5"));
    }

    #[test]
    fn what_is_not_configured_is_not_chosen_though_the_server_has_nothing_else() {
        let listed = Choice::of(&[Mechanism::Scram(Digest::Sha256), Mechanism::Scram(Digest::Sha1)]);
        let refused = listed.map(|listed| choose(&listed, "PLAIN CRAM-MD5", true));
        let expected = "the server offers PLAIN, CRAM-MD5 by SASL and none of SCRAM-SHA-256, SCRAM-SHA-1";
        assert_eq!(refused, Some(Err(expected.to_owned())));
        assert_eq!(Choice::of(&[Mechanism::External]), None);
    }

    #[test]
    fn plain_is_chosen_with_tls_only() {
        assert_eq!(choose(&Choice::all(), "PLAIN EXTERNAL", true), Ok("PLAIN"));
        let refused = choose(&Choice::all(), "PLAIN EXTERNAL", false);
        assert!(refused.is_err_and(|reason| reason.contains("PLAIN") && reason.contains("without TLS")));
    }
}
