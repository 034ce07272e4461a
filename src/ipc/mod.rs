//! The messages between the processes. One SEQPACKET message is one of these, so there is no framing to get wrong.
//!
//! Strict both ways: an unknown tag, a missing byte or one too many makes the whole message invalid, and the
//! receiver gives up on the sender rather than guess.
#![forbid(unsafe_code)]

mod batch;
mod codec;
mod errand;
mod file;
mod frontend;
mod frontend_setup;
mod handover;
mod listener;
mod penalties;
mod tls_files;
mod totals;
mod worker;

pub use batch::{room_for_logins, size_of_job};
pub use codec::Malformed;
pub use errand::has_room_for;
pub use file::{FILE_ANSWER, FILE_WANTED, OpenError, decode_opened, encode_opened};
pub use frontend::{FromFrontend, ToFrontend};
pub use frontend_setup::FrontendSetup;
pub use handover::{HandedOver, LARGEST_HANDOVER, LONGEST_STATE, Legacy};
pub use listener::{Allowed, EndpointKey, Listener};
pub use penalties::{
    ADDRESSES_AT_ONCE, HandedAddress, HandedLogin, HandedPenalties, LARGEST_PENALTIES, LOGINS_AT_ONCE,
};
pub use tls_files::{decode_tls_files, encode_tls_files};
pub use totals::MOST_NAMES;
pub use worker::{
    FromWorker, ToWorker, WorkerSetup, encode_answers, encode_job, encode_jobs, encode_log_level,
};

use crate::config::Limits;
use crate::config::login_format::LoginFormat;
use crate::settings::raw_settings::{LARGEST_FILE, LARGEST_LDAP_CONF};

/// The largest message in bytes that is neither a request nor a frontend's setup: a verdict, a log line.
pub const LARGEST_MESSAGE: usize = 16 * 1024;

/// The largest setup of a frontend in bytes, with the files that its mechanism is set up from. A message socket
/// takes it as it is by default on Linux (212,992 bytes).
pub const LARGEST_SETUP: usize = LARGEST_FILE + LARGEST_LDAP_CONF + LARGEST_MESSAGE;

/// The longest stored password in bytes that a worker has room for beside the longest password.
pub const LONGEST_STORED: usize = 8192;

/// Room in bytes for what a job has beside its fields: tag, number, the length of each field, a client address.
const REST_OF_JOB: usize = 128;

/// The size in bytes of the largest job within `limits`. What the decoder of requests lets pass fits, and so does an
/// errand that [`has_room_for`] lets pass. Nothing else in the daemon computes it.
///
/// A login can be as long as two names and the `@` between them, since `-r` or `--login-format` may append the realm to it. With the largest
/// limits that a command line can give these are some 131,000 bytes, and a message socket takes 212,992 by default on
/// Linux.
pub const fn largest_request(limits: Limits) -> usize {
    let names = LoginFormat::longest_login(limits) + 2 * limits.field;
    limits.password + if names > LONGEST_STORED { names } else { LONGEST_STORED } + REST_OF_JOB
}

/// The first byte before a log line of the worker itself; workers may say the same side by side.
pub const OWN_LOG_LINE: u8 = b'=';

/// The first byte of a log line that libc's syslog(3) wrote on a worker's socket; no message starts with it.
pub const LOG_LINE: u8 = b'<';
