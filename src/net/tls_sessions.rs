//! TLS sessions that wait to be resumed: most of what a login over `imaps://` costs is the handshake.
#![forbid(unsafe_code)]

use crate::net::exchange::Server;
use crate::sys::openssl::stream::{Connection, ResumableSession};
use std::collections::HashMap;

/// How many are kept for each server: as many as connections that end while none begins.
const MOST_FOR_A_SERVER: usize = 64;

/// By server. One is used for one connection, as RFC 8446 (appendix C.4) advises; what that has agreed on when it ends
/// takes its place. A server that wants another name, or other proof, than the one that a session was agreed on with
/// never gets it: the first is part of [`Server`], the second of the context that a session belongs to.
#[derive(Default)]
pub(super) struct Sessions {
    waiting: HashMap<Server, Vec<ResumableSession>>,
}

impl Sessions {
    /// For the next connection to the server.
    pub(super) fn keep(&mut self, server: Server, session: ResumableSession) {
        let waiting = self.waiting.entry(server).or_default();
        if waiting.len() >= MOST_FOR_A_SERVER {
            waiting.remove(0);
        }
        waiting.push(session);
    }

    /// Has a connection to the server offer the newest session that fits it.
    pub(super) fn resume(&mut self, server: &Server, connection: &mut Connection) {
        let Some(waiting) = self.waiting.get_mut(server) else { return };
        if let Some(place) = waiting.iter().rposition(|session| session.fits(connection)) {
            // Without it the handshake is the long one.
            let _ = connection.resume(&waiting.remove(place));
        }
    }
}
