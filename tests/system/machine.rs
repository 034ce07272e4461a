//! A machine for one program and one daemon: namespaces of its own, with packages that need not be installed here.

use crate::support::skipped;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Set on a machine, to the daemon that is tried there.
const DAEMON: &str = "SASLAUTHD_SYSTEM_DAEMON";

/// How long everything on one machine may take.
const LIMIT: &str = "240";

/// Which daemon runs on a machine as /usr/sbin/saslauthd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Daemon {
    /// Built from this source tree.
    Ours,
    /// The C program of the distribution.
    C,
}

impl Daemon {
    /// The one on this machine; nothing outside of them.
    pub fn here() -> Option<Self> {
        match std::env::var(DAEMON).ok()?.as_str() {
            "ours" => Some(Self::Ours),
            _ => Some(Self::C),
        }
    }

    /// What is expected of this one.
    pub fn choose<T>(self, c: T, ours: T) -> T {
        match self {
            Self::Ours => ours,
            Self::C => c,
        }
    }

    fn program(self) -> &'static str {
        self.choose("/usr/sbin/saslauthd", env!("CARGO_BIN_EXE_saslauthd"))
    }
}

/// Where `make test-system` leaves the layer of this name.
pub fn layer(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("system").join(name)
}

/// What is missing for a machine with this layer and these files; nothing when all is there.
pub fn missing(layer_name: &str, files: &[&str]) -> Option<String> {
    if !skipped::is_root() || !skipped::has_mounts() {
        return Some("needs root with the right to mount (CAP_SYS_ADMIN)".to_owned());
    }
    if !Path::new(Daemon::C.program()).exists() {
        return Some("needs the C daemon (Debian package sasl2-bin)".to_owned());
    }
    let missing = files.iter().find(|file| {
        let inside = layer(layer_name).join(file.trim_start_matches('/'));
        !Path::new(file).exists() && !inside.exists()
    })?;
    Some(format!("needs {missing} (make test-system installs it in a layer of its own)"))
}

/// Runs the test called `name` on a machine and gives what it printed; fails when it does.
pub fn run(layer_name: &str, daemon: Daemon, name: &str) -> String {
    let layer = Some(layer(layer_name)).filter(|_| !layer_name.is_empty()).unwrap_or_default();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let output = Command::new("timeout")
        .args(["--signal=KILL", LIMIT])
        .args(["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--kill-child"])
        .args(["sh", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/system/enter.sh")])
        .args([layer.as_path(), target, Path::new(daemon.program())])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(DAEMON, daemon.choose("c", "ours"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} with {daemon:?}: {}\n{text}\n{errors}", output.status);
    text
}
