//! The effects half of `net`: sockets, TLS and time for the exchanges of one mechanism.
#![forbid(unsafe_code)]

use super::{Network, Wiring};
use crate::config::NetworkSettings;
use crate::mech::MechanismError;
use crate::mech::remote::Protocol;

/// Makes a mechanism ready to be asked by the event loop.
///
/// # Errors
/// When a certificate, key or list of ciphers that a lane names cannot be used.
#[allow(unused_variables, clippy::todo)]
pub fn drive<P: Protocol>(
    protocol: P,
    settings: &NetworkSettings,
    wiring: Wiring,
) -> Result<Box<dyn Network>, MechanismError> {
    todo!()
}
