//! `ldap_servers` and `ldap_start_tls`.
#![forbid(unsafe_code)]

use super::super::uri;
use crate::net::exchange::{Server, TlsMode};
use crate::settings::keys::Keys;

/// Where the C daemon looks without `ldap_servers`, whatever `URI` in ldap.conf says (2.1.28 was watched).
const LOCALHOST: &str = "ldap://localhost/";

/// The servers of a realm, in the order of the file.
pub(super) fn read(keys: &mut Keys<'_>) -> Vec<Server> {
    let localhost = || uri::parse_servers(LOCALHOST).unwrap_or_default();
    let mut servers = read_list(keys).unwrap_or_else(localhost);
    if keys.safeguard(&["ldap_start_tls"]) != Some(true) {
        return servers;
    }
    if let (Some(entry), true) = (keys.entry(&["ldap_start_tls"]), has_implicit_tls(&servers)) {
        keys.complain(entry, "cannot go with ldaps:// in ldap_servers, which begins TLS by itself");
    }
    // A unix socket reaches nobody else, and has no name that a certificate could confirm.
    let clear = servers.iter_mut().filter(|server| server.tls == TlsMode::Off && server.host().is_some());
    clear.for_each(|server| server.tls = TlsMode::StartTls);
    servers
}

fn read_list(keys: &mut Keys<'_>) -> Option<Vec<Server>> {
    let (list, entry) = (keys.text(&["ldap_servers"])?, keys.entry(&["ldap_servers"])?);
    let servers = uri::parse_servers(list);
    if let Err(error) = &servers {
        keys.complain_at(entry, Some(error.offset), &format!("is wrong here: {}", error.text));
    }
    servers.ok()
}

fn has_implicit_tls(servers: &[Server]) -> bool {
    servers.iter().any(|server| server.tls == TlsMode::Implicit)
}
