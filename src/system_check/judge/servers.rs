//! Servers that were connected to without a login.
#![forbid(unsafe_code)]

use crate::net::exchange::FailureKind;
use crate::system_check::finding::Finding;
use crate::system_check::shell_word::shell_word;

/// How far it came at a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The name of the mechanism that asks it.
    pub instance: String,
    /// The server as the settings name it.
    pub server: String,
    /// Host and port for programs that connect; `None` for one behind a path.
    pub host_and_port: Option<String>,
    /// Whether TLS is spoken there.
    pub has_tls: bool,
    /// Nothing, if it came to where a login could be asked about. Else what kind of failure, and why.
    pub reached: Result<(), (FailureKind, String)>,
    /// What to do about a failure, where that is other than for every server.
    pub remedy: Option<&'static str>,
}

/// One line for each server; a server that serves two purposes has failed if one of them has.
pub fn judge(contacts: &[Contact]) -> Vec<Finding> {
    let mut told: Vec<&Contact> = Vec::new();
    for contact in contacts {
        let is_same =
            |other: &&&Contact| other.instance == contact.instance && other.server == contact.server;
        match told.iter().position(|other| is_same(&other)) {
            None => told.push(contact),
            Some(place) if contact.reached.is_err() => {
                if let Some(other) = told.get_mut(place).filter(|other| other.reached.is_ok()) {
                    *other = contact;
                }
            }
            Some(_) => {}
        }
    }
    told.into_iter().map(judge_contact).collect()
}

fn judge_contact(contact: &Contact) -> Finding {
    let Contact { instance, server, reached, .. } = contact;
    match reached {
        Ok(()) => Finding::ok(format!("{instance}: the server {server} answers")),
        Err((kind, reason)) => Finding::error(
            format!("{instance}: the server {server} cannot be asked: {reason}"),
            contact.remedy.map_or_else(|| remedy(contact, *kind, reason), str::to_owned),
        ),
    }
}

fn remedy(contact: &Contact, kind: FailureKind, reason: &str) -> String {
    let place = contact.host_and_port.as_deref().map(shell_word);
    match (kind, place) {
        (FailureKind::Contact, Some(place)) if contact.has_tls && reason.contains("TLS") => format!(
            "see what certificate it has, for which name and by which authority (`openssl s_client -connect {place} \
             </dev/null` shows it), and set the mechanism's name of the server and its _tls_ keys to match"
        ),
        (FailureKind::Refused, _) => {
            "see what the server says, and set the account that the mechanism binds with, or its TLS"
                .to_owned()
        }
        (FailureKind::Contact | FailureKind::Synchronize, Some(place)) => format!(
            "see that the server runs, that its name and port are right and that no firewall is between \
             (`curl -v telnet://{place} </dev/null` tries it by hand)"
        ),
        (FailureKind::Contact | FailureKind::Synchronize, None) => {
            "see that the server runs and that its path is right".to_owned()
        }
        _ => "see that the port is that of the protocol, and look into the server's log".to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::system_check::finding::Severity;

    fn contact(server: &str, reached: Result<(), (FailureKind, &str)>) -> Contact {
        Contact {
            instance: "ldap".into(),
            server: server.into(),
            host_and_port: Some("a:389".into()),
            has_tls: true,
            reached: reached.map_err(|(kind, reason)| (kind, reason.to_owned())),
            remedy: None,
        }
    }

    #[test]
    fn each_server_has_one_line_and_a_failure_counts() {
        let failed = Err((FailureKind::Refused, "a:389: invalid credentials"));
        let found =
            judge(&[contact("a", Ok(())), contact("b", failed), contact("a", failed), contact("b", Ok(()))]);
        assert_eq!(found.len(), 2);
        for finding in &found {
            assert_eq!(finding.severity, Severity::Error);
            assert!(finding.text.contains("invalid credentials"), "{finding}");
        }
        assert_eq!(judge(&[contact("a", Ok(()))])[0].to_string(), "ok: ldap: the server a answers");
    }

    #[test]
    fn the_remedy_fits_the_failure() {
        for (kind, reason, words) in [
            (
                FailureKind::Contact,
                "no TLS with a:389: unable to get local issuer certificate",
                "certificate",
            ),
            (FailureKind::Contact, "no connection to a:389: Connection refused", "the server runs"),
            (FailureKind::Refused, "a:389: invalid credentials", "binds with"),
            (FailureKind::Unexpected, "a:389: nonsense", "that of the protocol"),
        ] {
            let found = judge(&[contact("a", Err((kind, reason)))]);
            assert!(found[0].remedy.as_ref().is_some_and(|remedy| remedy.contains(words)), "{}", found[0]);
        }
    }
}
