//! `-a sasldb`
#![forbid(unsafe_code)]

mod database;
mod users;
