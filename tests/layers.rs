//! Reads the source and holds what docs/ARCHITECTURE.md promises of it: modules name only what is below them, there is no
//! circle among them, what is pure names no effect, and `unsafe` is in `src/sys` only.

mod checks;
mod source;
mod tree;

use checks::{Exception, circles, effects, upward_names};
use std::fs;
use std::path::Path;
use tree::Tree;

/// The layers, lowest first: a module may name those of lower rows. The longest entry that a module begins with counts.
const LAYERS: &[&[&str]] = &[
    &["generated", "rate_limit", "secret", "strerror"],
    &["base64", "credentials", "hash", "metrics", "outcome", "settings"],
    &["config", "job"],
    &["ipc", "net::exchange", "wire"],
    &["http", "policy"],
    &["endpoint", "mechanism", "net::upstream"],
    &["weakforced"],
    &["sys"],
    &["client", "log", "net", "prompt"],
    &["registry"],
    &["cli"],
    &["frontend", "saslauthdctl", "supervisor", "testsaslauthd", "worker"],
    &["system_check"],
    &["check"],
];

const IN_A_WORKER: &str = "it blocks, and so runs inside a worker only";

const EXCEPTIONS: &[Exception] = &[
    Exception { from: "hash", to: "sys::openssl", reason: "hashes only compute" },
    Exception { from: "mechanism::pam", to: "sys::pam", reason: IN_A_WORKER },
    Exception { from: "mechanism::pam", to: "log", reason: IN_A_WORKER },
    Exception { from: "mechanism::shadow", to: "sys::shadow", reason: IN_A_WORKER },
    Exception { from: "mechanism::sasldb", to: "sys::file_lock", reason: IN_A_WORKER },
    Exception { from: "mechanism::sasldb", to: "sys::host_name", reason: IN_A_WORKER },
    Exception { from: "mechanism::sasldb", to: "sys::random", reason: IN_A_WORKER },
    Exception { from: "mechanism::sql", to: "sys::sql", reason: IN_A_WORKER },
    Exception { from: "mechanism::sql", to: "sys::host_name", reason: IN_A_WORKER },
    Exception { from: "mechanism::password", to: "sys::crypt", reason: "crypt(3) only computes" },
    Exception { from: "mechanism::schemes", to: "sys::crypt", reason: "crypt(3) only computes" },
];

/// What has no I/O, no clock and no environment. Of the mechanisms those that ask servers.
const PURE: &[&str] = &[
    "base64",
    "cli",
    "config",
    "credentials",
    "endpoint",
    "http",
    "frontend::outages",
    "frontend::places",
    "ipc",
    "job",
    "mechanism::alert",
    "mechanism::httpform",
    "mechanism::ldap",
    "mechanism::pbkdf2",
    "mechanism::rimap",
    "mechanism::sql::hosts",
    "mechanism::sql::server",
    "mechanism::tls_keys",
    "metrics",
    "net::exchange",
    "net::upstream",
    "outcome",
    "policy",
    "rate_limit",
    "secret",
    "settings",
    "supervisor::counters",
    "supervisor::log_levels",
    "supervisor::notify::report",
    "supervisor::opener::pace",
    "supervisor::succession",
    "weakforced",
    "wire",
    "system_check::finding",
    "system_check::judge",
    "system_check::shell_word",
];

/// Parts of paths that are effects, or read what only effects should: files, sockets, processes, clocks, environment.
const EFFECTS: &[&str] = &[
    "Instant::now",
    "SystemTime::now",
    "TcpListener",
    "TcpStream",
    "ToSocketAddrs",
    "UdpSocket",
    "UnixDatagram",
    "UnixListener",
    "UnixStream",
    "crate::log",
    "crate::sys",
    "libc",
    "mio",
    "pwd_grp",
    "signal_hook",
    "std::env",
    "std::fs",
    "std::process",
    "std::thread",
];

fn source() -> Tree {
    Tree::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

#[test]
fn no_module_names_what_is_above_or_beside_it() {
    let found = upward_names(&source(), LAYERS, EXCEPTIONS);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_modules_of_no_folder_name_one_another_in_a_circle() {
    let found = circles(&source());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn what_is_pure_names_no_effect() {
    let found = effects(&source(), PURE, EFFECTS);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn unsafe_code_is_in_src_sys_only() {
    let tree = source();
    let found: Vec<_> = tree.unsafe_files().filter(|file| !file.starts_with("sys/")).collect();
    assert!(found.is_empty(), "{found:?}");
    assert!(tree.unsafe_files().next().is_some(), "the search finds what is there");
}

/// A block that comes or goes is seen in a review by its line in the list.
#[test]
fn the_unsafe_blocks_are_those_that_are_listed_each_with_its_reason() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tree = source();
    let blocks = tree.unsafe_blocks();
    let mut list = String::new();
    for (file, count) in &blocks {
        let text = fs::read_to_string(folder.join("src").join(file)).unwrap();
        let reasons = text.lines().filter(|line| line.trim_start().starts_with("// SAFETY: ")).count();
        assert!(reasons >= *count, "{file} has {count} unsafe blocks and {reasons} lines with // SAFETY:");
        list.push_str(&format!("{count:3} {file}\n"));
    }
    list.push_str(&format!("{:3} in all\n", blocks.values().sum::<usize>()));
    let listed = fs::read_to_string(folder.join("tests/layers/unsafe_blocks.txt")).unwrap();
    assert!(list == listed, "tests/layers/unsafe_blocks.txt should be:\n{list}");
}

/// Every part of the tables is used, so that none of them holds for something that has another name by now.
#[test]
fn the_source_is_read_whole() {
    let tree = source();
    for module in ["net::upstream::opening", "mechanism::ldap::settings::read", "sys::pam::conversation"] {
        assert!(tree.has(module), "{module}");
    }
    assert!(!tree.has("net::upstream::tests") && !tree.has("net::testing"), "tests are left out");
    for module in PURE {
        assert!(tree.has(module), "{module}");
    }
}
