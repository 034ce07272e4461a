//! What becomes of a request: whose turn it is, what is remembered, who is asked, when it is answered. Pure: it knows no
//! protocol and no mechanism.
#![forbid(unsafe_code)]

pub mod cache;
pub mod circuit_breaker;
pub mod dispatch;
pub mod fair_queue;
pub mod negative_cache;
pub mod origin;
pub mod penalty;
pub mod policy_server;
pub mod pool;
pub mod room;
pub mod route;
