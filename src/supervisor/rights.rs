//! What the supervisor gives up: it reads no client's byte, and needs few of root's rights.
#![forbid(unsafe_code)]

use crate::strerror::strerror;
use crate::sys::capabilities::{self, Capability};

/// What it uses.
const NEEDED: [Capability; 9] = [
    // Sockets with an owner and a mode of their own, wherever they are to be.
    Capability::CHOWN,
    Capability::FOWNER,
    Capability::DAC_OVERRIDE,
    // The configuration, and the files of mechanisms.
    Capability::DAC_READ_SEARCH,
    // Children of another account, with nothing left, and their end.
    Capability::SETUID,
    Capability::SETGID,
    Capability::SETPCAP,
    Capability::KILL,
    // What PAM modules leave behind, where /proc is mounted with hidepid=.
    Capability::SYS_PTRACE,
];

/// Keeps what is needed. Workers with root's rights have all of them again when they are executed, so PAM modules miss
/// nothing; where the system does not give them back (NoNewPrivileges=, SecureBits=noroot) nothing is given up.
pub(super) fn keep_what_is_needed() {
    if !capabilities::are_given_back_to_root() {
        return;
    }
    if let Err(error) = capabilities::keep_only(&NEEDED) {
        log::debug!(target: "supervisor", "No capabilities are given up: {}", strerror(&error));
    }
}
