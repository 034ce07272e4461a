//! What is said and heard on a connection that is protected by SASL.
#![forbid(unsafe_code)]

use super::super::protected::Done;
use super::{LdapSession, Phase, unexpected};
use crate::job::ErrandResult;
use crate::net::exchange::{Failure, SessionEvent};

impl LdapSession {
    /// Takes what has come as the server has protected it.
    pub(super) fn take_protected(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if let (Some(protected), true) = (&mut self.protected, self.phase != Phase::Over) {
            protected.receive(bytes).map_err(unprotected)?;
            self.note_begun_binds();
        }
        self.go_on_protected()
    }

    /// Has a worker do what comes next for a connection that is protected, unless it is doing something.
    pub(super) fn go_on_protected(&mut self) -> Result<(), Failure> {
        if let (Some(protected), true) = (&mut self.protected, self.phase != Phase::Over) {
            let errand = protected.next_errand().map_err(unprotected)?;
            self.events.extend(errand.map(SessionEvent::Errand));
        }
        Ok(())
    }

    /// Takes what a worker has done for the connection.
    pub(super) fn take_work_for_connection(&mut self, result: ErrandResult) -> Result<(), Failure> {
        let Some(protected) = &mut self.protected else { return Ok(()) };
        match protected.handle_errand(result).map_err(unprotected)? {
            Done::ToServer(frames) => self.output.extend_from_slice(frames.as_bytes()),
            Done::FromServer(bytes) => self.take_clear(bytes.as_bytes())?,
        }
        self.go_on_protected()
    }
}

fn unprotected(reason: String) -> Failure {
    unexpected(format!("the connection, which GSSAPI protects, cannot be used: {reason}"))
}
