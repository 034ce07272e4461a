//! What the tests share: the two programs, a daemon in a private directory, raw clients, a private system.

#[macro_use]
pub mod requirement;
#[macro_use]
pub mod program;
pub mod address;
pub mod auth_client;
#[macro_use]
pub mod auth_server;
pub mod background;
pub mod certificates;
pub mod client;
pub mod command;
pub mod confinement;
pub mod cyrus;
pub mod daemon;
pub mod dovecot;
pub mod fail2ban;
pub mod fake;
pub mod fake_http;
pub mod fake_ldap;
pub mod kerberos;
pub mod lines;
pub mod load;
pub mod log_readers;
pub mod mux_client;
pub mod nginx;
pub mod pam;
pub mod process;
pub mod proxy;
pub mod server;
pub mod slapd;
pub mod supervisord;
pub mod system;

pub use auth_client::AuthClient;
pub use auth_server::{AuthLaunch, AuthServer, RunningAuthServer};
pub use certificates::{Authority, Certificate, Details};
pub use client::{Answer, Connection, Request};
pub use command::Finished;
pub use cyrus::Cyrus;
pub use daemon::{Daemon, Launch};
pub use dovecot::{Dovecot, RunningDovecot};
pub use fake::FakeImap;
pub use fake_http::FakeHttp;
pub use fake_ldap::{Asked, FakeLdap, RunningFakeLdap};
pub use load::under_load;
pub use mux_client::MuxClient;
pub use nginx::{Nginx, RunningNginx};
pub use pam::{PamService, Probe, Probed};
pub use process::Process;
pub use program::Program;
pub use proxy::{Fault, Moment, Proxy};
pub use requirement::Requirement;
pub use slapd::{Entries, RunningSlapd, Slapd};
pub use system::System;

use std::time::{Duration, Instant};

/// How long a test waits for something that must happen. Long, so that a loaded machine fails no test.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` gives a value, and fails the test when it never does; `what` names it.
pub fn eventually<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, condition).unwrap_or_else(|| panic!("waited {PATIENCE:?} in vain: {what}"))
}

/// Waits until `condition` gives a value, at most for `time`.
pub fn within<T>(time: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + time;
    loop {
        if let Some(value) = condition() {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        pause();
    }
}

/// The time between two looks at a condition that nothing announces.
#[allow(
    clippy::disallowed_methods,
    reason = "the one place that polls, always with a condition and a deadline"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(4));
}
