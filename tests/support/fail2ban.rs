//! fail2ban's own reading of our filter. The package is only unpacked: nobody is to be banned.

use crate::support::command;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Where tests/support/unpack.sh leaves the package.
const PACKAGE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/fail2ban");

/// What the tests run of it.
pub const PROGRAM: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/fail2ban/usr/bin/fail2ban-regex");

/// What our filter finds in lines as syslog got them, in one of its modes: the addresses.
pub fn addresses_found(lines: &[String], mode: &str) -> Vec<String> {
    let directory = TempDir::new().unwrap();
    let (settings, log) = (directory.path().join("fail2ban"), directory.path().join("log"));
    let mut copy = Command::new("cp");
    copy.arg("-a").arg(Path::new(PACKAGE).join("etc/fail2ban")).arg(&settings);
    assert!(copy.status().unwrap().success());
    let filter = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/fail2ban/filter.conf");
    fs::copy(filter, settings.join("filter.d/saslauthd.conf")).unwrap();
    fs::write(&log, lines.iter().map(|line| in_a_file(line)).collect::<String>()).unwrap();
    let mut command = Command::new("/usr/bin/python3");
    command.arg(PROGRAM).arg("-c").arg(&settings).args(["-o", "<ip>"]).arg(&log);
    command.arg(format!("saslauthd[mode={mode}]"));
    command.env("PYTHONPATH", Path::new(PACKAGE).join("usr/lib/python3/dist-packages"));
    let finished = command::run(command);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    finished.output.lines().map(str::to_owned).collect()
}

/// As a syslog daemon writes it: without the priority, with the host behind the time.
fn in_a_file(line: &str) -> String {
    let line = line.split_once('>').unwrap().1;
    let (time, rest) = line.split_at("Nov  1 03:36:49 ".len());
    format!("{time}host {rest}\n")
}
