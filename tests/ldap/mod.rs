//! `-a ldap`: logins that a directory checks.

mod custom;
mod files;
mod filters;
mod groups;
pub mod gssapi;
mod logins;
mod methods;
mod realms;
mod sasl;
mod scripted;
mod servers;
mod settings;
mod tls;
mod verdicts;

use crate::support::slapd::{PEOPLE, SERVICE, SERVICE_PASSWORD};
use crate::support::{Answer, Daemon, Launch, Program, Request};

/// A daemon with this saslauthd.conf.
fn launch(program: Program, settings: &str) -> Launch {
    Launch::new(program, &["-a", "ldap", "-n", "2"]).with_file("-O", settings)
}

/// The settings for a search below [`PEOPLE`] as the service account.
fn searching(uri: &str) -> String {
    searching_below(uri, PEOPLE)
}

/// The same below another entry.
fn searching_below(uri: &str, base: &str) -> String {
    format!(
        "ldap_servers: {uri}\n\
         ldap_bind_dn: {SERVICE}\n\
         ldap_bind_pw: {SERVICE_PASSWORD}\n\
         ldap_search_base: {base}\n"
    )
}

fn ask(daemon: &Daemon, login: &str, password: impl AsRef<[u8]>) -> Answer {
    daemon.ask(&Request::new(login, password).service("smtp"))
}

/// What C says when nobody could be asked, and what ours does.
fn unavailable(program: Program) -> Answer {
    program.unavailable("NO")
}
