//! A login by GSSAPI (RFC 4752), which takes several errands, and what protects the connection afterwards: what both sides know of each other
//! stays in the worker.
#![forbid(unsafe_code)]

use crate::secret::Secret;

/// A login that has begun, numbered by the worker that has it. No two workers give the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConversationId(pub u64);

/// What may protect a connection by SASL: the security properties of libsasl that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecurityProperties {
    /// How strong the protection must be at least: 0 for none, 1 for signing, more for encryption with a key of about as many bits. What
    /// TLS does counts: with `is_private` it is 0.
    pub min_ssf: u32,
    /// How strong it may be.
    pub max_ssf: u32,
    /// Nobody can listen, by TLS or on a unix socket.
    pub is_private: bool,
}

impl SecurityProperties {
    /// Whether protection of this strength will do.
    pub fn permit(&self, strength: Option<u32>) -> bool {
        strength.is_some_and(|strength| (self.min_ssf..=self.max_ssf).contains(&strength))
    }

    /// Whether encryption is of any use.
    pub fn want_encryption(&self) -> bool {
        !self.is_private && self.max_ssf > 1
    }
}

/// What protects what follows a login: RFC 4752, section 3.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Nothing, or TLS.
    None,
    /// What is said is signed.
    Integrity,
    /// It is encrypted, too.
    Confidentiality,
}

/// What a worker is to do for a login.
pub enum GssapiStep {
    /// Begin one, and say the first token.
    Begin {
        /// The service: `ldap@host`, or `ldap` for the one of this machine.
        service: String,
        /// Who logs in; empty for the first principal of the keytab or cache.
        principal: String,
        /// What may protect what follows.
        properties: SecurityProperties,
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
    /// Protect what goes to the server.
    Wrap {
        /// By which login.
        conversation: ConversationId,
        /// What goes there.
        message: Secret,
    },
    /// Open what the server has protected.
    Unwrap {
        /// By which login.
        conversation: ConversationId,
        /// What the server has sent: whole messages, each with its length before it.
        frames: Secret,
    },
}

impl GssapiStep {
    /// How many bytes of text it has.
    pub fn size(&self) -> usize {
        match self {
            Self::Begin { service, principal, .. } => service.len() + principal.len(),
            Self::Answer { token, .. } => token.len(),
            Self::ChooseLayer { offer, acts_as, .. } => offer.len() + acts_as.len(),
            Self::Wrap { message, .. } => message.len(),
            Self::Unwrap { frames, .. } => frames.len(),
        }
    }
}

/// What came of a step.
pub struct GssapiToken {
    /// Of which login.
    pub conversation: ConversationId,
    /// What goes to the server, or has come from it by [`GssapiStep::Unwrap`]; it may be empty.
    pub token: Secret,
    /// Whether both sides have proved who they are.
    pub is_established: bool,
    /// What protects what follows, when that was chosen.
    pub layer: Layer,
}
