//! HTTP/1.1 as a client of it sees it, without I/O: where a server is, and what its replies say. Who asks what is up to the
//! mechanisms and to the client of the policy server.
#![forbid(unsafe_code)]

pub mod body;
pub mod head;
pub mod reply;
pub mod session;
pub mod target;
