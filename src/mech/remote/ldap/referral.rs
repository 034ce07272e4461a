//! Where a referral leads, and whether to go there: LDAP URLs of RFC 4516.
//!
//! A server that refers to another one does not thereby get passwords sent there: the other one must be configured.
#![forbid(unsafe_code)]

use super::message::Scope;
use super::settings::Settings;
use super::uri;
use crate::mech::remote::{Address, Server, TlsMode};

/// Where a referral leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Whom to ask; `None` for the configured servers.
    pub server: Option<Server>,
    /// The DN to use instead of the one in the question.
    pub name: Option<Vec<u8>>,
    /// The scope to use instead of the one in the question.
    pub scope: Option<Scope>,
}

/// Takes a referral apart. Its filter does not count: only the administrator says what a user is.
///
/// # Errors
/// Why it is not followed, for the log.
pub fn target(uri: &[u8], settings: &Settings) -> Result<Target, String> {
    if !settings.referrals.follow {
        return Err("ldap_referrals is no".to_owned());
    }
    let shown = || String::from_utf8_lossy(uri).into_owned();
    let parsed = uri::parse(uri).map_err(|error| format!("{}: {error}", shown()))?;
    if parsed.has_critical_extension {
        return Err(format!("{} demands what is not known", shown()));
    }
    let leads_elsewhere = parsed.has_host || parsed.server.host().is_none();
    let server = if leads_elsewhere { Some(allowed(parsed.server, settings)?) } else { None };
    Ok(Target { server, name: Some(parsed.name).filter(|name| !name.is_empty()), scope: parsed.scope })
}

/// The server, if passwords may go there. A URI in which TLS is missing does not mean that they may go in the clear:
/// TLS is begun where the configuration has it for that host, or for any server if it does not have the host.
fn allowed(mut server: Server, settings: &Settings) -> Result<Server, String> {
    let Address::Host { host, service } = &server.address else {
        return Err(format!("{server} is no server on a network"));
    };
    let known: Vec<_> = settings.servers.iter().filter(|known| is_at(known, host, service)).collect();
    let listed = settings.referrals.hosts.iter().any(|listed| names(listed, host, service));
    if known.is_empty() && !listed {
        return Err(format!("{host} is neither in ldap_servers nor in ldap_referral_hosts"));
    }
    let with_tls = match known.as_slice() {
        [] => settings.referrals.with_tls,
        known => known.iter().any(|server| server.tls != TlsMode::Off),
    };
    if server.tls == TlsMode::Off && with_tls {
        server.tls = TlsMode::StartTls;
    }
    Ok(server)
}

/// A host that is configured may be referred to at its own port and at the usual ones.
fn is_at(known: &Server, host: &str, service: &str) -> bool {
    match &known.address {
        Address::Host { host: its_host, service: its_service } => {
            its_host.eq_ignore_ascii_case(host) && (service == its_service || is_usual(service))
        }
        Address::Path(_) => false,
    }
}

/// `host` or `host:port`.
fn names(listed: &str, host: &str, service: &str) -> bool {
    match listed.strip_prefix(&host.to_ascii_lowercase()) {
        Some("") => is_usual(service),
        Some(rest) => rest.strip_prefix(':') == Some(service),
        None => false,
    }
}

fn is_usual(service: &str) -> bool {
    matches!(service, "389" | "636" | "ldap" | "ldaps")
}
