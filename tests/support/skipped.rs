//! Tests that cannot run here are named and counted; and what tells whether they can.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Counts a test as skipped, or as failed where `CI` is set: adds a line to the file that SASLAUTHD_TEST_SKIPPED
/// names, which `make test` prints at its end.
pub fn skip(name: &str, missing: &str) {
    assert!(std::env::var_os("CI").is_none(), "{name} could not run: {missing}");
    let line = format!("{name}: {missing}\n");
    eprint!("skipped {line}");
    if let Some(path) = std::env::var_os("SASLAUTHD_TEST_SKIPPED") {
        let file = OpenOptions::new().append(true).create(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).unwrap();
    }
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// Whether they may mount. Tried once by mounting something, since containers take this right from root.
pub fn has_mounts() -> bool {
    static HAS_MOUNTS: OnceLock<bool> = OnceLock::new();
    *HAS_MOUNTS.get_or_init(|| {
        Path::new("/usr/bin/unshare").exists()
            && succeeds("unshare", &["--mount", "sh", "-c", "mount -t tmpfs none /mnt"])
    })
}

/// Whether that program can be run and succeeds.
pub fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
