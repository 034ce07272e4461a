//! From what was seen of the system to findings. Pure: the facts come from `gather`.
#![forbid(unsafe_code)]

pub mod client;
pub mod defaults;
pub mod host;
pub mod pam;
pub mod postfix;
pub mod sasl_options;
pub mod servers;
pub mod sockets;
pub mod visits;
