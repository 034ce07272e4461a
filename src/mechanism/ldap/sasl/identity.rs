//! Who is to be logged in by SASL, and what the mechanisms want to know of it.
#![forbid(unsafe_code)]

use super::super::scram::{Challenge, LEAST_ROUNDS};
use crate::job::SecurityProperties;
use crate::secret::Secret;
use std::cell::RefCell;
use std::rc::Rc;

/// Who is to be logged in.
pub struct Identity {
    /// The account; not used by [`Mechanism::External`](super::Mechanism::External).
    pub name: Vec<u8>,
    /// The identity to act as; empty for the account's own.
    pub acts_as: Vec<u8>,
    /// The account's password.
    pub password: Rc<Secret>,
    /// What mechanisms want to know besides.
    pub options: Options,
    /// What the password was derived to last time.
    pub(super) key: RefCell<Option<(Challenge, Secret)>>,
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
    /// The principal, for GSSAPI; empty for the first that the keytab or cache has.
    pub principal: String,
    /// How strong the protection by SASL must be at least, where TLS is not, and at most: `minssf` and `maxssf` of libsasl, for GSSAPI.
    pub strength: (u32, u32),
}

impl Options {
    /// What may protect a connection.
    pub(super) fn security_properties(&self, is_private: bool) -> SecurityProperties {
        let (min_ssf, max_ssf) = self.strength;
        SecurityProperties { min_ssf: if is_private { 0 } else { min_ssf }, max_ssf, is_private }
    }
}

/// Any protection, or none: libldap's properties.
pub const ANY_STRENGTH: (u32, u32) = (0, u32::MAX);

impl Default for Options {
    fn default() -> Self {
        Self {
            realm: Vec::new(),
            least_rounds: LEAST_ROUNDS,
            principal: String::new(),
            strength: ANY_STRENGTH,
        }
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
