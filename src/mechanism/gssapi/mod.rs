//! Logins of the daemon itself at servers, by GSSAPI with Kerberos 5: the part that blocks, in a worker.
//!
//! A login takes several errands. `conversations` keeps what has begun, `credentials` has the keytab or the tickets, which `files` opens,
//! [`layer`] is how a login ends by RFC 4752, and `protection` what it does for the connection from then on, in [`frames`]. What goes over the
//! connection to the server is said by `mechanism::ldap`.
#![forbid(unsafe_code)]

mod conversations;
mod credentials;
mod files;
pub mod frames;
pub mod layer;
mod protection;

pub use credentials::CredentialFile;
pub use files::{OpenedByName, fault, open, path_of, read};

use crate::job::{ConversationId, GssapiStep, GssapiToken, Layer, SecurityProperties};
use crate::secret::Secret;
use crate::settings::file::Problem;
use crate::sys::gssapi::{Context, load};
use conversations::{Conversations, OF_OPENING, OF_PROTECTED};
use protection::Protection;
use std::path::Path;
use std::time::Instant;

/// Whether the library is there, for `--check`. Without it no login is served by whoever logs in with it.
pub fn probe() -> Vec<Problem> {
    load().err().into_iter().map(|error| Problem::error(Path::new(""), error.to_string())).collect()
}

/// All logins that this worker has begun.
pub struct Logins {
    credentials: CredentialFile,
    begun: Conversations<(Context, SecurityProperties)>,
    protected: Conversations<Protection>,
}

impl Logins {
    /// None yet. `process` is the number of this process.
    pub fn new(credentials: CredentialFile, process: u32) -> Self {
        Self {
            credentials,
            begun: Conversations::numbered_after(process, OF_OPENING),
            protected: Conversations::numbered_after(process, OF_PROTECTED),
        }
    }

    /// Does one step of one login. It may ask a KDC, and blocks for as long as that takes.
    ///
    /// # Errors
    /// Why it cannot be done, for the log; the login is forgotten then.
    pub fn step(&mut self, step: GssapiStep, now: Instant) -> Result<GssapiToken, String> {
        match step {
            GssapiStep::Begin { service, principal, properties } => {
                self.begin(&service, &principal, properties, now)
            }
            GssapiStep::Answer { conversation, token } => {
                let (mut context, properties) = self.begun.take(conversation, now)?;
                let token = context.step(token.as_bytes()).map_err(|error| error.to_string())?;
                let is_established = context.is_established();
                self.begun.keep(conversation, (context, properties), now);
                Ok(GssapiToken { conversation, token, is_established, layer: Layer::None })
            }
            GssapiStep::ChooseLayer { conversation, offer, acts_as } => {
                let (context, properties) = self.begun.take(conversation, now)?;
                let (protection, layer, token) = Protection::agree(context, &offer, &acts_as, properties)?;
                if layer != Layer::None {
                    self.protected.insert_as(conversation, protection, now);
                }
                Ok(GssapiToken { conversation, token, is_established: true, layer })
            }
            GssapiStep::Wrap { conversation, message } => {
                self.protect(conversation, now, |protection| protection.wrap(&message))
            }
            GssapiStep::Unwrap { conversation, frames } => {
                self.protect(conversation, now, |protection| protection.unwrap(&frames))
            }
        }
    }

    fn begin(
        &mut self,
        service: &str,
        principal: &str,
        properties: SecurityProperties,
        now: Instant,
    ) -> Result<GssapiToken, String> {
        let credential = self.credentials.acquire(principal, now)?;
        let failed = |error| format!("there is no ticket for {service}: {error}");
        let mut context = Context::new(credential, service, properties.want_encryption()).map_err(failed)?;
        let token = context.step(b"").map_err(failed)?;
        let is_established = context.is_established();
        let conversation = self.begun.insert((context, properties), now);
        Ok(GssapiToken { conversation, token, is_established, layer: Layer::None })
    }

    fn protect(
        &mut self,
        conversation: ConversationId,
        now: Instant,
        work: impl FnOnce(&mut Protection) -> Result<Secret, String>,
    ) -> Result<GssapiToken, String> {
        let mut protection = self.protected.take(conversation, now)?;
        let token = work(&mut protection)?;
        let layer = protection.layer();
        self.protected.keep(conversation, protection, now);
        Ok(GssapiToken { conversation, token, is_established: true, layer })
    }
}
