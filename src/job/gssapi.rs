//! A login by GSSAPI (RFC 4752), which takes several errands: what both sides know of each other stays in the worker.
#![forbid(unsafe_code)]

use crate::secret::Secret;

/// A login that has begun, numbered by the worker that has it. No two workers give the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConversationId(pub u64);

/// What a worker is to do for a login.
pub enum GssapiStep {
    /// Begin one, and say the first token.
    Begin {
        /// The service: `ldap@host`, or `ldap` for the one of this machine.
        service: String,
        /// Who logs in; empty for the first principal of the keytab or cache.
        principal: String,
    },
    /// Answer a token of the server.
    Answer {
        /// Of which login.
        conversation: ConversationId,
        /// What the server has sent.
        token: Secret,
    },
    /// Answer the server's offer of ways to protect what is said from then on, which ends the login.
    ChooseLayer {
        /// Of which login.
        conversation: ConversationId,
        /// What the server has sent.
        offer: Secret,
        /// The identity to act as; empty for the principal's own.
        acts_as: Vec<u8>,
    },
}

impl GssapiStep {
    /// How many bytes of text it has.
    pub fn size(&self) -> usize {
        match self {
            Self::Begin { service, principal } => service.len() + principal.len(),
            Self::Answer { token, .. } => token.len(),
            Self::ChooseLayer { offer, acts_as, .. } => offer.len() + acts_as.len(),
        }
    }
}

/// What came of a step.
pub struct GssapiToken {
    /// Of which login.
    pub conversation: ConversationId,
    /// What goes to the server; it may be empty.
    pub token: Secret,
    /// Whether both sides have proved who they are.
    pub is_established: bool,
}
