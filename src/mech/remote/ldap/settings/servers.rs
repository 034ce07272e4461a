//! `ldap_servers` and `ldap_start_tls`.
#![forbid(unsafe_code)]

use super::super::ldap_conf::LdapConf;
use super::super::uri;
use super::read::Defaults;
use crate::config::file::{File, Problem};
use crate::config::keys::Keys;
use crate::config::sources::Sources;
use crate::mech::remote::{Server, TlsMode};

/// Where the C daemon looks without `ldap_servers`.
const LOCALHOST: &str = "ldap://localhost/";

/// The servers without `ldap_servers`. The C daemon does not look at `URI` of ldap.conf (2.1.28 was watched), so whoever
/// has one and no `ldap_servers` is told.
pub(super) fn defaults(
    conf: &LdapConf,
    sources: &Sources,
    problems: &mut Vec<Problem>,
    file: &File,
) -> Vec<Server> {
    let localhost = || uri::parse_servers(LOCALHOST).unwrap_or_default();
    let Some((uris, line)) = &conf.uri else { return localhost() };
    if file.general.entries.iter().any(|entry| entry.key == "ldap_servers") {
        return localhost();
    }
    let path = sources.ldap_conf.as_ref().map(|text| text.path.clone()).unwrap_or_default();
    let warning = |text: String| Problem { line: Some(*line), ..Problem::warning(&path, text) };
    match uri::parse_servers(uris) {
        Ok(servers) => {
            let told = "URI is used, since ldap_servers is missing; the C daemon asks ldap://localhost/ then";
            problems.push(warning(told.to_owned()));
            servers
        }
        Err(error) => {
            problems.push(warning(format!("URI cannot be used, and is passed over: {}", error.text)));
            localhost()
        }
    }
}

/// The servers of a realm, in the order of the file.
pub(super) fn read(keys: &mut Keys<'_>, defaults: &Defaults) -> Vec<Server> {
    let mut servers = read_list(keys).unwrap_or_else(|| defaults.servers.clone());
    if keys.flag(&["ldap_start_tls"]) != Some(true) {
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
