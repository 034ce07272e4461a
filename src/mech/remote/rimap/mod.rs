//! `-a rimap`: whoever an IMAP server lets in is let in.
//!
//! Pure: [`settings`] say which servers, a [`session`] speaks to one of them, an [`exchange`] makes the verdict.
#![forbid(unsafe_code)]

mod capabilities;
mod command;
pub mod exchange;
mod reader;
mod reply;
pub mod session;
pub mod settings;

pub use command::Question;
pub use exchange::Check;
pub use session::{Answer, ImapSession};
pub use settings::Settings;

use super::{Lane, LaneId, Protocol, Sharing, Timeouts, TlsMode};
use crate::config::NetworkSettings;
use crate::credentials::Credentials;
use std::rc::Rc;

/// The one lane: all servers are as good as each other.
const LANE: LaneId = LaneId(0);

/// The mechanism at work.
pub struct Rimap {
    lane: Rc<Lane>,
}

impl Rimap {
    /// Asks the servers of `settings` in the way of `network`.
    pub fn new(settings: Settings, network: &NetworkSettings) -> Self {
        let lane = Lane {
            servers: settings.servers,
            order: network.order,
            // IMAP knows no way back to before the login.
            sharing: Sharing::OneQuestion,
            most_connections: network.most_connections,
            idle_time: network.idle_time,
            timeouts: Timeouts::from(network),
            tls: Rc::new(settings.tls),
        };
        Self { lane: Rc::new(lane) }
    }
}

impl Protocol for Rimap {
    type Question = Question;
    type Answer = Answer;
    type Session = ImapSession;
    type Exchange = Check;

    fn lane(&self, _lane: LaneId) -> Rc<Lane> {
        Rc::clone(&self.lane)
    }

    fn session(&self, _lane: LaneId, server: usize) -> ImapSession {
        // A place that is not in the list cannot be; if it were, no password could go there in clear.
        let tls = self.lane.servers.get(server).map_or(TlsMode::StartTls, |server| server.tls);
        ImapSession::new(tls)
    }

    fn exchange(&self, credentials: Credentials) -> Check {
        Check::new(credentials)
    }
}
