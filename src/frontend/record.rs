//! The log lines about requests. logwatch, fail2ban and many a private script read them: the texts are the C
//! daemon's, and nothing that a client sent can end a field or a line.
#![forbid(unsafe_code)]

use super::endpoint::Origin;
use crate::config::WorkerFlag;
use crate::credentials::Credentials;
use crate::log::{Escaped, clean};
use crate::outcome::Outcome;
use crate::policy::dispatch::{DecidedBy, Event, Names};
use std::fmt;

/// The longest part of a field that is shown, in bytes: four of them, escaped, must leave room for the rest of the
/// line, or a client could push the reason out of it.
const LONGEST_FIELD: usize = 1024;

/// Writes the line of an event about a login checked by `mechanism`.
pub(super) fn write(event: &Event, mechanism: &str) {
    match event {
        Event::Decided(names, outcome, by) => write_decision(names, outcome, *by, mechanism),
        Event::Waiting(waiting) => {
            let flag = match waiting.flag {
                WorkerFlag::Processes => "-n",
                WorkerFlag::MaxProcesses => "--max-processes",
            };
            log::warn!(
                target: "frontend",
                "{} logins wait for a free process, the first for {} s; a larger {flag} would help",
                waiting.logins,
                waiting.longest.as_secs()
            );
        }
        Event::WorkerOutOfTurn(_) => {
            log::error!(target: "frontend", "A worker answered what it was not asked and is replaced")
        }
        Event::NeverReady(_) => {
            log::error!(target: "frontend", "A worker has not become ready in time and is replaced")
        }
        Event::TimedOut(names, limit) => log::warn!(
            target: "frontend",
            "The login of [user={}] took longer than --request-timeout={}; its worker is replaced",
            shown(&names.login),
            limit.as_secs()
        ),
    }
}

/// Writes from where a login came. The lines about its verdict, which programs read, say nothing of that; nor has this
/// one the field that they look for.
pub(super) fn write_origin(origin: &Origin<'_>, credentials: &Credentials) {
    log::debug!(target: "frontend", "auth request: {origin} for {}", shown(&credentials.login));
}

fn write_decision(names: &Names, outcome: &Outcome, by: DecidedBy, mechanism: &str) {
    match (outcome, by) {
        (Outcome::Accept(_), DecidedBy::Cache) => {
            log::debug!(target: "do_auth", "auth success (cached): {}", Line { names, mechanism: None, reason: None });
        }
        (Outcome::Accept(_), DecidedBy::Mechanism) => {
            let line = Line { names, mechanism: Some(mechanism), reason: None };
            log::debug!(target: "do_auth", "auth success: {line}");
        }
        (Outcome::Reject(refusal), _) => {
            let reason = if refusal.reason.is_empty() { "Unknown" } else { &refusal.reason };
            let line = Line { names, mechanism: Some(mechanism), reason: Some(reason) };
            log::info!(target: "do_auth", "auth failure: {line}");
        }
        (Outcome::Unavailable(refusal), _) => {
            // Not "auth failure": programs that ban on that must not ban for an outage.
            let line = Line { names, mechanism: Some(mechanism), reason: Some(&refusal.reason) };
            log::warn!(target: "do_auth", "auth unavailable: {line}");
        }
    }
}

fn shown(field: &[u8]) -> Escaped<'_> {
    clean(field.get(..LONGEST_FIELD).unwrap_or(field))
}

/// The fields in brackets, in the C daemon's order; the client address comes last, where logwatch's pattern for
/// the reason takes it along.
struct Line<'a> {
    names: &'a Names,
    mechanism: Option<&'a str>,
    reason: Option<&'a str>,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Names { login, service, realm, client } = self.names;
        write!(formatter, "[user={}] [service={}] [realm={}]", shown(login), shown(service), shown(realm))?;
        if let Some(mechanism) = self.mechanism {
            write!(formatter, " [mech={mechanism}]")?;
        }
        if let Some(reason) = self.reason {
            write!(formatter, " [reason={}]", shown(reason.as_bytes()))?;
        }
        match client {
            Some(address) => write!(formatter, " [remote={address}]"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(login: &[u8], client: Option<&str>) -> Names {
        Names {
            login: login.to_vec(),
            service: b"smtp".to_vec(),
            realm: b"example.org".to_vec(),
            client: client.and_then(|address| address.parse().ok()),
        }
    }

    #[test]
    fn a_failure_reads_as_logwatch_expects_it() {
        let line = Line {
            names: &names(b"anna", Some("192.0.2.7")),
            mechanism: Some("pam"),
            reason: Some("PAM auth error"),
        };
        assert_eq!(
            line.to_string(),
            "[user=anna] [service=smtp] [realm=example.org] [mech=pam] [reason=PAM auth error] [remote=192.0.2.7]"
        );
    }

    #[test]
    fn a_login_cannot_forge_a_field_or_a_line() {
        let names = names(b"x] [reason=z\nauth success: [user=root", None);
        let line = Line { names: &names, mechanism: Some("pam"), reason: Some("PAM auth error") }.to_string();
        assert_eq!(line.matches(['[', ']']).count(), 10);
        assert!(!line.contains('\n'));
    }
}
