//! Between a frontend that leaves and the next one: a connection, or all that a frontend before is still to hand over,
//! which comes with the message.
#![forbid(unsafe_code)]

use super::codec::{Malformed, Reader, Writer};
use super::listener::{EndpointKey, read_key, write_key};
use crate::config::endpoint::LONGEST_PATH;
use crate::secret::Secret;

const CONNECTION: u8 = 1;
const PREDECESSOR: u8 = 2;

/// The most in bytes that a conversation may have to say of itself for another frontend to go on with it.
pub const LONGEST_STATE: usize = 256;

/// The largest of these messages in bytes.
pub const LARGEST_HANDOVER: usize = LONGEST_PATH + LONGEST_STATE + 32;

/// What the next frontend gets, each with a descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Legacy {
    /// A client's connection.
    Connection(HandedOver),
    /// The socket at which a frontend that left earlier hands over what it still holds.
    Predecessor,
}

/// A connection that changes hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedOver {
    /// The endpoint that it came in by.
    pub endpoint: EndpointKey,
    /// How far the conversation is; nothing where nothing has been said. No more than [`LONGEST_STATE`].
    pub state: Vec<u8>,
}

impl Legacy {
    /// The message to the next frontend.
    pub fn encode(&self) -> Secret {
        match self {
            Self::Connection(HandedOver { endpoint, state }) => {
                write_key(Writer::new(CONNECTION, LARGEST_HANDOVER), endpoint).string(state).finish()
            }
            Self::Predecessor => Writer::new(PREDECESSOR, LARGEST_HANDOVER).finish(),
        }
    }

    /// Reads a message from the frontend before.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let (tag, mut reader) = Reader::new(message)?;
        let legacy = match tag {
            CONNECTION => {
                let endpoint = read_key(&mut reader)?;
                Self::Connection(HandedOver { endpoint, state: reader.string()?.to_vec() })
            }
            PREDECESSOR => Self::Predecessor,
            _ => return Err(Malformed),
        };
        reader.finish(legacy)
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
            let endpoint = EndpointKey { name: name.into(), protocol };
            let message = Legacy::Connection(HandedOver { endpoint, state });
            let bytes = message.encode();
            assert!(bytes.len() <= LARGEST_HANDOVER, "{}", bytes.len());
            for length in 0..bytes.len() {
                assert_eq!(Legacy::decode(&bytes.as_bytes()[..length]), Err(Malformed));
            }
            assert_eq!(Legacy::decode(bytes.as_bytes()), Ok(message));
        }
    }

    #[test]
    fn the_socket_of_an_earlier_frontend_is_no_connection() {
        let bytes = Legacy::Predecessor.encode();
        assert_eq!(Legacy::decode(bytes.as_bytes()), Ok(Legacy::Predecessor));
        assert_eq!(Legacy::decode(&[bytes.as_bytes(), b"x"].concat()), Err(Malformed));
        assert_eq!(Legacy::decode(&[77]), Err(Malformed));
    }
}
