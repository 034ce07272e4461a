//! The frontend's sandbox: what it needs of files and ports while it serves, by the mechanisms that it has.
#![forbid(unsafe_code)]

use super::networks::Networks;
use crate::config::sandbox::{AUTHORITIES, Rules, SERVICES};
use crate::sys::sandbox;
use crate::sys::time::LocalTime;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// The most files that single links make readable.
const MOST_LINKED: usize = 1024;

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
    if networks.ports().next().is_some() {
        linked_authorities(&AUTHORITIES).iter().for_each(|file| rules.allow_reading(file));
    }
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

/// The files outside `directories` to which links in them lead: an administrator may have a private authority elsewhere.
fn linked_authorities(directories: &[&str]) -> BTreeSet<PathBuf> {
    let inside: Vec<_> =
        directories.iter().filter_map(|directory| fs::canonicalize(directory).ok()).collect();
    let entries = inside.iter().filter_map(|directory| fs::read_dir(directory).ok()).flatten().flatten();
    let links = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
    let targets = links.filter_map(|link| fs::canonicalize(link.path()).ok());
    let outside = targets.filter(|target| !inside.iter().any(|directory| target.starts_with(directory)));
    outside.filter(|target| target.is_file()).take(MOST_LINKED).collect()
}

fn read_services() -> String {
    fs::read(SERVICES).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_among_the_systems_authorities_may_lead_anywhere() {
        let directory = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(directory.path()).unwrap();
        let (inside, outside) = (root.join("certs"), root.join("private"));
        [&inside, &outside].iter().for_each(|directory| fs::create_dir(directory).unwrap());
        for file in [inside.join("own.pem"), outside.join("linked.pem"), outside.join("other.pem")] {
            fs::write(file, "").unwrap();
        }
        symlink(outside.join("linked.pem"), inside.join("linked")).unwrap();
        symlink("linked", inside.join("0123abcd.0")).unwrap();
        symlink("own.pem", inside.join("1123abcd.0")).unwrap();
        symlink("/nonexistent", inside.join("2123abcd.0")).unwrap();
        symlink(&outside, inside.join("3123abcd.0")).unwrap();
        let found = linked_authorities(&[inside.to_str().unwrap(), "/nonexistent"]);
        assert_eq!(found, [outside.join("linked.pem")].into());
    }
}
