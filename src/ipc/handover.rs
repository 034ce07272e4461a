//! Between a frontend that leaves and the next one: a connection, which comes with the message.
#![forbid(unsafe_code)]

use super::codec::{Malformed, Reader, Writer};
use super::listener::{EndpointKey, read_key, write_key};
use crate::config::endpoint::LONGEST_PATH;
use crate::secret::Secret;

const CONNECTION: u8 = 1;

/// The most in bytes that a conversation may have to say of itself for another frontend to go on with it.
pub const LONGEST_STATE: usize = 256;

/// The largest of these messages in bytes.
pub const LARGEST_HANDOVER: usize = LONGEST_PATH + LONGEST_STATE + 32;

/// A connection that changes hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedOver {
    /// The endpoint that it came in by.
    pub endpoint: EndpointKey,
    /// How far the conversation is; nothing where nothing has been said. No more than [`LONGEST_STATE`].
    pub state: Vec<u8>,
}

impl HandedOver {
    /// The message to the next frontend.
    pub fn encode(&self) -> Secret {
        write_key(Writer::new(CONNECTION, LARGEST_HANDOVER), &self.endpoint).string(&self.state).finish()
    }

    /// Reads a message from the frontend before.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let (tag, mut reader) = Reader::new(message)?;
        if tag != CONNECTION {
            return Err(Malformed);
        }
        let handed_over = Self { endpoint: read_key(&mut reader)?, state: reader.string()?.to_vec() };
        reader.finish(handed_over)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::config::site::Protocol;

    #[test]
    fn a_connection_arrives_with_its_endpoint_and_state_and_no_part_of_it_does() {
        let name = format!("/{}", "x".repeat(LONGEST_PATH - 1));
        for (name, protocol, state) in
            [("mux", Protocol::Mux, vec![]), (&name, Protocol::Dovecot, vec![255; LONGEST_STATE])]
        {
            let message = HandedOver { endpoint: EndpointKey { name: name.into(), protocol }, state };
            let bytes = message.encode();
            assert!(bytes.len() <= LARGEST_HANDOVER, "{}", bytes.len());
            for length in 0..bytes.len() {
                assert_eq!(HandedOver::decode(&bytes.as_bytes()[..length]), Err(Malformed));
            }
            assert_eq!(HandedOver::decode(bytes.as_bytes()), Ok(message));
        }
    }
}
