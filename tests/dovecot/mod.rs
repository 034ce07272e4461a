//! Dovecot's auth protocol, which Postfix and Exim speak without libsasl: the same conversations with Dovecot's own
//! `auth` service, which makes them right, and with ours.

mod bans;
mod closes;
mod connections;
mod doveadm;
mod exchanges;
mod greeting;
mod ids;
mod lines;
mod logins;
mod outages;

use crate::support::{AuthClient, AuthLaunch, AuthServer, RunningAuthServer};
use openssl::base64::encode_block;

/// A server with two users: `anna` with `secret`, and `bert@example.org` with `hush hush`.
fn start(program: AuthServer) -> RunningAuthServer {
    AuthLaunch::new(program, &[("anna", "secret"), ("bert@example.org", "hush hush")]).start()
}

/// What PLAIN sends: authzid, login and password.
fn response(authzid: &str, login: &str, password: &str) -> String {
    encode_block(format!("{authzid}\0{login}\0{password}").as_bytes())
}

/// A request with an initial response.
fn plain(id: u32, login: &str, password: &str) -> String {
    format!("AUTH\t{id}\tPLAIN\tservice=smtp\tresp={}\n", response("", login, password))
}

/// Asks for a login that is right and expects the yes: what came before it has been answered, or never will be.
#[track_caller]
fn expect_served(client: &mut AuthClient) {
    client.send(plain(99, "anna", "secret"));
    assert_eq!(client.line(), r"OK\t99\tuser=anna");
}
