//! Where a referral leads, and whether to go there: LDAP URLs of RFC 4516.
//!
//! A server that refers to another one does not thereby get passwords sent there: the other one must be configured.
#![forbid(unsafe_code)]

use super::message::Scope;
use super::settings::{Referrals, Settings};
use super::uri;
use crate::net::exchange::{Address, Server, TlsMode};

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
        return Err(format!("{} requires an extension that is not known", shown()));
    }
    let leads_elsewhere = parsed.has_host || parsed.server.host().is_none();
    let server = if leads_elsewhere { Some(allowed(parsed.server, settings)?) } else { None };
    Ok(Target { server, name: Some(parsed.name).filter(|name| !name.is_empty()), scope: parsed.scope })
}

/// The server, if passwords may go there. A URI in which TLS is missing does not mean that they may go in the clear:
/// TLS is begun unless the configuration has this very server without, or no TLS at all for the host or, if it does
/// not have the host, for any.
fn allowed(mut server: Server, settings: &Settings) -> Result<Server, String> {
    let Address::Host { host, service } = &server.address else {
        return Err(format!("{server} is not a network server"));
    };
    let known: Vec<_> = settings.servers.iter().filter(|known| is_at(known, host, service)).collect();
    let listed = settings.referrals.hosts.iter().any(|listed| names(listed, host, service));
    if known.is_empty() && !listed {
        return Err(format!("{host} is neither in ldap_servers nor in ldap_referral_hosts"));
    }
    let with_tls = match known.iter().find(|known| known.address == server.address) {
        Some(same) => same.tls != TlsMode::Off,
        None if known.is_empty() => settings.referrals.with_tls,
        None => known.iter().any(|server| server.tls != TlsMode::Off),
    };
    if server.tls == TlsMode::Off && with_tls {
        server.tls = TlsMode::StartTls;
    }
    Ok(in_one_spelling(server))
}

/// Servers can write a host in many ways, each of which would have connections of its own.
fn in_one_spelling(server: Server) -> Server {
    let Address::Host { host, service } = server.address else { return server };
    let host = host.to_ascii_lowercase();
    let (scheme, usual) = if server.tls == TlsMode::Implicit { ("ldaps", "636") } else { ("ldap", "389") };
    let shown = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let port = if service == usual { String::new() } else { format!(":{service}") };
    Server { name: format!("{scheme}://{shown}{port}"), address: Address::Host { host, service }, ..server }
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

/// The ports to which [`target`] may lead, beside those of the configured servers.
pub fn ports(referrals: &Referrals) -> Vec<String> {
    if !referrals.follow {
        return Vec::new();
    }
    let listed = referrals.hosts.iter().filter_map(|host| Some(host.rsplit_once(':')?.1));
    ["389", "636"].into_iter().chain(listed).filter(|port| is_number(port)).map(str::to_owned).collect()
}

/// An address of IPv6 may end in something else.
fn is_number(port: &str) -> bool {
    port.parse::<u16>().is_ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::mechanism::ldap::settings::Realms;
    use crate::secret::Secret;
    use crate::settings::file::Text;
    use crate::settings::raw_settings::RawSettings;

    #[test]
    fn the_ports_of_all_targets_are_known_ahead() {
        let referrals = |follow, hosts: &[&str]| Referrals {
            follow,
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            with_tls: true,
        };
        assert!(ports(&referrals(false, &["other:3890"])).is_empty());
        assert_eq!(ports(&referrals(true, &["listed", "other:3890", "::beef"])), ["389", "636", "3890"]);
        let settings = settings("ldap_servers: ldaps://one:7000/");
        let known = [vec!["7000".to_owned()], ports(&settings.referrals)].concat();
        for uri in
            ["ldap://one/", "ldaps://one/", "ldaps://one:7000/", "ldap://listed/", "ldap://other:3890/"]
        {
            let Some(Server { address: Address::Host { service, .. }, .. }) =
                target(uri.as_bytes(), &settings).unwrap().server
            else {
                panic!("{uri}")
            };
            assert!(known.contains(&service), "{uri}");
        }
    }

    fn settings(servers: &str) -> Settings {
        let file = format!("{servers}\nldap_referrals: yes\nldap_referral_hosts: listed Other:3890\n");
        let file = Text { path: "saslauthd.conf".into(), bytes: Secret::copy_of(file.as_bytes()) };
        let sources = RawSettings { file: Some(file), ..RawSettings::default() };
        Realms::read(&sources, &mut Vec::new()).unwrap().into_general()
    }

    fn followed(uri: &str, servers: &str) -> Option<(String, TlsMode)> {
        let server = target(uri.as_bytes(), &settings(servers)).ok()?.server?;
        Some((server.name.clone(), server.tls))
    }

    #[test]
    fn only_hosts_that_are_configured_are_followed_to() {
        let servers = "ldap_servers: ldap://known:3891/ ldap://10.0.0.1/ ldapi:///";
        for uri in [
            "ldap://known:3891/",
            "ldap://KNOWN/dc=x",
            "ldaps://known/",
            "ldap://10.0.0.1",
            "ldap://listed/",
            "ldaps://Listed:636/",
            "ldap://other:3890/",
        ] {
            assert!(followed(uri, servers).is_some(), "{uri}");
        }
        for uri in [
            "ldap://stranger/",
            "ldap://known:3892/",
            "ldap://listed:3890/",
            "ldap://other/",
            "ldap://list/",
            "ldap://listedx/",
            "ldap://known.evil/",
            "ldapi:///",
            "ldapi://%2Ftmp%2Fevil/",
            "ldap://known@stranger/",
            "http://known/",
            "known",
            "",
            "ldap://known/dc=x??deep",
            "ldap://known/????!x=y",
        ] {
            assert!(followed(uri, servers).is_none(), "{uri}");
        }
    }

    #[test]
    fn a_referral_leads_into_the_clear_only_where_the_configuration_does() {
        use TlsMode::{Implicit, Off, StartTls};
        for (servers, known, listed) in [
            ("ldap_servers: ldap://known/", Off, Off),
            ("ldap_servers: ldap://known/ ldaps://known/", Off, StartTls),
            ("ldap_servers: ldaps://known/", StartTls, StartTls),
            ("ldap_servers: ldaps://known/ ldapi:///", StartTls, StartTls),
            ("ldap_servers: ldap://known/\nldap_start_tls: yes", StartTls, StartTls),
        ] {
            assert_eq!(followed("ldap://known/", servers).unwrap().1, known, "{servers}");
            assert_eq!(followed("ldap://listed/", servers).unwrap().1, listed, "{servers}");
            assert_eq!(followed("ldaps://known/", servers).unwrap().1, Implicit, "{servers}");
        }
    }

    #[test]
    fn a_referral_without_a_host_leads_to_the_servers_there_are() {
        let target = target(b"ldap:///ou=x??base", &settings("ldap_servers: ldap://known/")).unwrap();
        assert_eq!(target, Target { server: None, name: Some(b"ou=x".to_vec()), scope: Some(Scope::Base) });
    }

    #[test]
    fn without_ldap_referrals_nothing_is_followed() {
        let mut settings = settings("ldap_servers: ldap://known/");
        settings.referrals.follow = false;
        let refused = target(b"ldap://known/", &settings);
        assert_eq!(refused, Err("ldap_referrals is no".to_owned()));
    }
}
