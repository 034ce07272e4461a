//! `-a kerberos5`: logins that a real Kerberos server decides about, and servers that do not.

mod accounts;
mod certificates;
mod conf_files;
mod in_process;
mod logins;
mod realms;
mod servers;
mod settings;
mod silence;
mod verification;

use crate::support::kerberos::{Kerberos, Krb5File};
use crate::support::{Answer, Daemon, Launch, Program, Request};
use std::path::Path;

/// Whose ticket is asked for and read, to know that the server is the realm's.
const SERVICE: &str = "host/mail.example.org";

/// What C replies when the server says no, and also when there is none.
const REFUSED: &str = "NO krb5_get_init_creds_password failed";

/// What C replies when the server may be an impostor's.
const UNVERIFIED: &str = "NO krb5_verify_init_creds failed";

/// What C replies to names that it makes no principal of, and to a configuration of which it makes nothing.
const INTERNAL: &str = "NO saslauthd internal error";

/// A realm in which `anna` has the password `right`, with these others, and the service.
fn realm(others: &[(&str, &str)]) -> Kerberos {
    let server = Kerberos::start(&[&[("anna", "right")], others].concat());
    server.add_service(SERVICE);
    server
}

/// What saslauthd.conf says of that keytab.
fn with_keytab(keytab: &Path) -> String {
    format!("krb5_keytab: {}\nkrb5_servername: mail.example.org\n", keytab.display())
}

/// The same for a keytab with the service's key.
fn usual(server: &Kerberos) -> String {
    with_keytab(&server.keytab(SERVICE, "keytab"))
}

fn launch(program: Program, settings: &str) -> Launch {
    Launch::new(program, &["-a", "kerberos5", "-n", "2"]).with_file("-O", settings)
}

/// A daemon that asks that server by these settings.
fn start(program: Program, server: &Kerberos, settings: &str) -> Daemon {
    server.reached_by(launch(program, settings)).start()
}

/// The same with another krb5.conf than the server's.
fn start_with(program: Program, conf: &Krb5File, settings: &str) -> Daemon {
    conf.of_daemon(launch(program, settings)).start()
}

fn ask(daemon: &Daemon, login: &str, realm: &str, password: &str) -> Answer {
    daemon.ask(&Request::new(login, password).service("smtp").realm(realm))
}
