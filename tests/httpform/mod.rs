//! `-a httpform`: logins that a web server decides. Debian builds the C daemon without it.

use crate::support::nginx::{LOGIN, PASSWORD};
use crate::support::{Answer, Daemon, Launch, Program, Request};
use std::net::SocketAddr;

mod faults;
mod logins;
mod replies;
mod tls;

const ACCEPTED: &str = "OK remote authentication successful";
/// What nginx says.
const REJECTED: &str = "NO Forbidden";

const DATA: &str = "httpform_data: u=%u&p=%p\n";

/// A daemon with these lines in its file beside [`DATA`].
fn launch(lines: &str) -> Launch {
    launch_with(&format!("{DATA}{lines}\n"))
}

/// A daemon with this file.
fn launch_with(file: &str) -> Launch {
    Launch::new(Program::Ours, &["-a", "httpform"]).with_file("-O", file)
}

/// The key that names one server.
fn url(address: SocketAddr) -> String {
    format!("httpform_url: http://{address}/login")
}

fn ask(daemon: &Daemon, login: &str, password: &str) -> Answer {
    daemon.ask(&Request::new(login, password).service("smtp"))
}

/// Both verdicts are as they should be.
fn expect_service(daemon: &Daemon) {
    assert_eq!(ask(daemon, LOGIN, PASSWORD), ACCEPTED);
    assert_eq!(ask(daemon, LOGIN, "wrong"), REJECTED);
}
