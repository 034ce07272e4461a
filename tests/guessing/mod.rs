//! What those meet who guess, and what helps in an outage and under too many logins: with the real daemon, of whose answers
//! the C daemon has none.

mod delays;
mod memory;
mod overload;

use crate::support::{Answer, Daemon, Launch, Program, Request};
use std::time::{Duration, Instant};

/// The settings of a directory that finds everybody.
fn searching(uri: &str) -> String {
    format!("ldap_servers: {uri}\nldap_search_base: {}\n", crate::support::slapd::PEOPLE)
}

fn ldap(settings: &str, flags: &[&str]) -> Daemon {
    Launch::new(Program::Ours, &["-a", "ldap"]).with_file("-O", settings).with(flags).start()
}

fn ask(daemon: &Daemon, login: &str, password: &str) -> Answer {
    daemon.ask(&Request::new(login, password).service("smtp"))
}

/// An answer, and how long it took.
fn timed<T>(ask: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    (ask(), start.elapsed())
}
