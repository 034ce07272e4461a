//! The frontend's sandbox: what it needs of files and ports while it serves, by the mechanisms that it has.
#![forbid(unsafe_code)]

use super::networks::Networks;
use crate::config::sandbox::{Rules, SERVICES};
use crate::sys::sandbox;
use crate::sys::time::LocalTime;
use std::fs;

/// Gives up all that this process needs no more, for good, and says what is in force; `enabled` is `--sandbox`.
pub(super) fn enter(enabled: bool, networks: &Networks) {
    if !enabled {
        log::info!(target: "frontend", "no sandbox is in force (--sandbox=no)");
        return;
    }
    // libc reads the time zone now.
    let _ = LocalTime::now();
    let rules = rules(networks);
    let in_force = sandbox::enter(&rules);
    log::info!(target: "frontend", "sandbox in force: {in_force}");
}

fn rules(networks: &Networks) -> Rules {
    let mut rules = Rules::frontend(networks.authorities());
    let mut services = None;
    for port in networks.ports() {
        // Only names are looked up in it.
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        let text = if is_number { "" } else { services.get_or_insert_with(read_services) };
        if !rules.allow_port(&port, text) {
            log::warn!(
                target: "frontend",
                "The port {port} is not in {SERVICES}, so connections to servers are not restricted to ports"
            );
        }
    }
    rules
}

fn read_services() -> String {
    fs::read(SERVICES).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
