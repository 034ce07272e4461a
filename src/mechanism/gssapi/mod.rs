//! Logins of the daemon itself at servers, by GSSAPI with Kerberos 5: the part that blocks, in a worker.
//!
//! A login takes several errands. `conversations` keeps what has begun, `credentials` has the keytab or the tickets, which `files` opens,
//! [`layer`] is how a login ends by RFC 4752. What goes over the connection to the server is said by `mechanism::ldap`.
#![forbid(unsafe_code)]

mod conversations;
mod credentials;
mod files;
pub mod layer;

pub use credentials::CredentialFile;
pub use files::{OpenedByName, fault, open, path_of, read};

use crate::job::{GssapiStep, GssapiToken};
use crate::secret::Secret;
use crate::settings::file::Problem;
use crate::sys::gssapi::{Context, load};
use conversations::Conversations;
use std::path::Path;
use std::time::Instant;

/// Whether the library is there, for `--check`. Without it no login is served by whoever logs in with it.
pub fn probe() -> Vec<Problem> {
    load().err().into_iter().map(|error| Problem::error(Path::new(""), error.to_string())).collect()
}

/// All logins that this worker has begun.
pub struct Logins {
    credentials: CredentialFile,
    begun: Conversations<Context>,
}

impl Logins {
    /// None yet. `process` is the number of this process.
    pub fn new(credentials: CredentialFile, process: u32) -> Self {
        Self { credentials, begun: Conversations::numbered_after(process) }
    }

    /// Does one step of one login. It may ask a KDC, and blocks for as long as that takes.
    ///
    /// # Errors
    /// Why it cannot be done, for the log; the login is forgotten then.
    pub fn step(&mut self, step: GssapiStep, now: Instant) -> Result<GssapiToken, String> {
        match step {
            GssapiStep::Begin { service, principal } => self.begin(&service, &principal, now),
            GssapiStep::Answer { conversation, token } => {
                let mut context = self.begun.take(conversation, now)?;
                let token = context.step(token.as_bytes()).map_err(|error| error.to_string())?;
                let is_established = context.is_established();
                self.begun.put_back(conversation, context, now);
                Ok(GssapiToken { conversation, token, is_established })
            }
            GssapiStep::ChooseLayer { conversation, offer, acts_as } => {
                let mut context = self.begun.take(conversation, now)?;
                let token = choose_layer(&mut context, &offer, &acts_as)?;
                Ok(GssapiToken { conversation, token, is_established: true })
            }
        }
    }

    fn begin(&mut self, service: &str, principal: &str, now: Instant) -> Result<GssapiToken, String> {
        let credential = self.credentials.acquire(principal, now)?;
        let failed = |error| format!("there is no ticket for {service}: {error}");
        let mut context = Context::new(credential, service).map_err(failed)?;
        let token = context.step(b"").map_err(failed)?;
        let is_established = context.is_established();
        let conversation = self.begun.insert(context, now);
        Ok(GssapiToken { conversation, token, is_established })
    }
}

fn choose_layer(context: &mut Context, offer: &Secret, acts_as: &[u8]) -> Result<Secret, String> {
    let offer = context.unwrap_message(offer.as_bytes()).map_err(|error| error.to_string())?;
    let answer = layer::answer(offer.as_bytes(), acts_as)?;
    context.wrap_message(answer.as_bytes()).map_err(|error| error.to_string())
}
