//! The policy server (`policy_url`): asked before a login is checked, told what came of it.

use crate::support::{Answer, Daemon, Launch, Program, Request};
use std::net::SocketAddr;

mod answers;
mod beside_dovecot;
mod examples;
mod faults;
mod observation;

/// A reply with that body.
pub fn json(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nContent-Type: application/json\r\n\r\n{body}",
        body.len()
    )
}

const GO_ON: &str = r#"{"status":0,"msg":""}"#;
const REFUSE: &str = r#"{"status":-1,"msg":"too many"}"#;

/// What a client is told that the policy server does not like.
const REFUSED: &str = "NO authentication failed";

/// A daemon that knows one login and has these lines in its file.
fn launch(lines: &str) -> Launch {
    Launch::new(Program::Ours, &["-a", "passwdfile"])
        .with_file("-O", "anna:{PLAIN}secret\n")
        .with_file("--config", lines)
}

/// The keys for one server.
fn keys(server: SocketAddr) -> String {
    format!("policy_url: http://{server}/\npolicy_nonce: localnonce\n")
}

fn ask(daemon: &Daemon, password: &str) -> Answer {
    daemon.ask(&Request::new("anna", password).service("smtp").address("10.1.1.1;25"))
}

/// Goes on without the server.
fn expect_checked(daemon: &Daemon) {
    assert_eq!(ask(daemon, "secret"), "OK");
    assert!(ask(daemon, "wrong").is_no());
}
