//! Programs that read logs and report: logwatch and logcheck. The packages are only unpacked; they want to run every day.

use crate::support::command;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Where tests/support/unpack.sh leaves logwatch.
const LOGWATCH_PACKAGE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/logwatch");

/// What the tests run of it.
pub const LOGWATCH: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/logwatch/usr/sbin/logwatch");

/// What the tests run of logcheck: one file of rules, as the program itself reads it.
pub const LOGCHECK: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/logcheck/usr/bin/logcheck-test");

/// What logwatch says of us in its longest report, line by line.
pub fn logwatch(lines: &[String]) -> Vec<String> {
    let directory = TempDir::new().unwrap();
    let place = |name: &str| directory.path().join(name);
    let mut program = fs::read_to_string(LOGWATCH).unwrap();
    for path in ["/usr/share/logwatch", "/etc/logwatch"] {
        program = program.replace(&format!("\"{path}"), &format!("\"{LOGWATCH_PACKAGE}{path}"));
    }
    program = program.replace("/var/cache/logwatch", &directory.path().display().to_string());
    fs::write(place("program"), program).unwrap();
    fs::write(place("auth.log"), file_of(lines)).unwrap();
    let mut command = Command::new("perl");
    command.arg(place("program")).args(["--service", "saslauthd", "--range", "all", "--detail", "high"]);
    command.args(["--output", "stdout", "--logdir"]).arg(directory.path());
    let finished = command::run(command);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    finished.output.lines().map(|line| line.trim().to_owned()).collect()
}

/// The lines that logcheck would report with our rules, without time and host.
pub fn logcheck(lines: &[String]) -> Vec<String> {
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("auth.log");
    fs::write(&log, file_of(lines)).unwrap();
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/logcheck/ignore.d.server/saslauthd-rs");
    let mut command = Command::new("sh");
    command.arg(LOGCHECK).args(["--quiet", "--invert-match", "--log-file"]).arg(&log);
    command.arg("--rule-file").arg(rules);
    let finished = command::run(command);
    assert_eq!(finished.errors, "");
    let text =
        |line: &str| line.split_once("]: ").map_or_else(|| line.to_owned(), |(_, text)| text.to_owned());
    finished.output.lines().map(text).collect()
}

/// The file that a syslog daemon makes of these lines.
pub fn file_of(lines: &[String]) -> String {
    lines.iter().map(|line| in_a_file(line)).collect()
}

/// As a syslog daemon writes it: without the priority, with the host behind the time.
fn in_a_file(line: &str) -> String {
    let line = line.split_once('>').unwrap().1;
    let (time, rest) = line.split_at("Nov  1 03:36:49 ".len());
    format!("{time}host {rest}\n")
}
