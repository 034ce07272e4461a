//! `-a rimap`: logins that an IMAP server checks.

mod logins;
mod replies;
mod servers;
mod tls;

use crate::support::{Answer, Daemon, Launch, Program, Request};

/// The C daemon's answers, which are ours too.
const ACCEPTED: &str = "OK remote authentication successful";
const REJECTED: &str = "NO remote server rejected your credentials";
const NO_CONTACT: &str = "NO [ALERT] Couldn't contact remote authentication server";
const NOT_NOW: &str = "NO [ALERT] The remote authentication server is currently unavailable";
const NO_GREETING: &str = "NO [ALERT] error synchronizing with remote authentication server";
const UNEXPECTED: &str = "NO [ALERT] Unexpected response from remote authentication server";
const INTERNAL: &str = "NO [ALERT] saslauthd internal error";

/// A daemon with this `-O`.
fn launch(program: Program, option: &str) -> Launch {
    Launch::new(program, &["-a", "rimap", "-O", option, "-n", "8"])
}

fn ask(daemon: &Daemon, login: &str, password: impl AsRef<[u8]>) -> Answer {
    daemon.ask(&Request::new(login, password).service("imap"))
}

/// The answers to all of these, which are asked side by side: Dovecot takes its time to refuse.
fn ask_all<T: AsRef<[u8]> + Sync>(daemon: &Daemon, logins: &[(&str, T)]) -> Vec<Answer> {
    std::thread::scope(|scope| {
        let askers: Vec<_> = logins
            .iter()
            .map(|(login, password)| scope.spawn(move || ask(daemon, login, password)))
            .collect();
        askers.into_iter().map(|asker| asker.join().unwrap()).collect()
    })
}
