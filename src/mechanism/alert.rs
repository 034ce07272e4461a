//! The C daemon's texts for a server that could not be asked; auth_rimap.c and auth_httpform.c share them.
#![forbid(unsafe_code)]

use crate::net::exchange::{Failure, FailureKind};
use crate::outcome::Outcome;

/// What follows `OK ` when the server has accepted a login.
pub(super) const ACCEPTED: &str = "remote authentication successful";

/// The outcome of a login that no server could decide: C's text for the client, the real reason for the log.
pub(super) fn unavailable(failure: &Failure) -> Outcome {
    Outcome::unavailable(text(failure.kind), failure.reason.clone())
}

fn text(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Contact => "[ALERT] Couldn't contact remote authentication server",
        FailureKind::Refused | FailureKind::NotHere => {
            "[ALERT] The remote authentication server is currently unavailable"
        }
        FailureKind::Synchronize => "[ALERT] error synchronizing with remote authentication server",
        FailureKind::Unexpected => "[ALERT] Unexpected response from remote authentication server",
        FailureKind::Internal => "[ALERT] saslauthd internal error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_in_the_words_of_the_c_daemon_and_logged_as_it_is() {
        for (kind, reply) in [
            (FailureKind::Contact, "NO [ALERT] Couldn't contact remote authentication server"),
            (FailureKind::Refused, "NO [ALERT] The remote authentication server is currently unavailable"),
            (FailureKind::Synchronize, "NO [ALERT] error synchronizing with remote authentication server"),
            (FailureKind::Unexpected, "NO [ALERT] Unexpected response from remote authentication server"),
            (FailureKind::Internal, "NO [ALERT] saslauthd internal error"),
        ] {
            let outcome = unavailable(&Failure::new(kind, "why"));
            assert_eq!(outcome.reply(), reply);
            assert!(matches!(outcome, Outcome::Unavailable(refusal) if refusal.reason == "why"));
        }
    }
}
