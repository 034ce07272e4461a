//! fail2ban's own reading of our filter. The packages are only unpacked: nobody is to be banned.

use crate::support::command::{self, run_with_input};
use crate::support::log_readers::file_of;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Where tests/support/unpack.sh leaves the package.
const PACKAGE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/fail2ban");

/// Where it leaves what makes journals and what reads them.
const JOURNAL: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/journal");

/// What the tests run of it.
pub const PROGRAM: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/fail2ban/usr/bin/fail2ban-regex");

/// What fail2ban reads the journal with.
pub const JOURNAL_READER: &str =
    concat!(env!("CARGO_TARGET_TMPDIR"), "/journal/usr/lib/python3/dist-packages/systemd");

/// A line in the journal, with what journald knows of the process by itself.
pub struct Entry<'a> {
    /// The unit in whose control group it runs.
    pub unit: &'a str,
    /// The name of the process.
    pub process: &'a str,
    /// What the process says that it is called.
    pub identifier: &'a str,
    /// The line.
    pub text: &'a str,
}

/// What our filter finds in lines as syslog got them, in one of its modes: the addresses.
pub fn addresses_found(lines: &[String], mode: &str) -> Vec<String> {
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("log");
    fs::write(&log, file_of(lines)).unwrap();
    addresses_in(&directory, log.to_str().unwrap(), mode)
}

/// The same in a journal.
pub fn addresses_in_journal(entries: &[Entry<'_>]) -> Vec<String> {
    let directory = TempDir::new().unwrap();
    let journal = directory.path().join("journal");
    fs::create_dir(&journal).unwrap();
    let mut maker = Command::new(journal_maker());
    maker.arg(format!("--output={}", journal.join("test.journal").display())).arg("-");
    maker.env(
        "LD_LIBRARY_PATH",
        Path::new(JOURNAL).join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH)),
    );
    let exported: String = entries.iter().map(Entry::exported).collect();
    let made = run_with_input(maker, exported.as_bytes());
    assert_eq!(made.code, Some(0), "{made:?}");
    addresses_in(&directory, &format!("systemd-journal[journalpath={}]", journal.display()), "normal")
}

impl Entry<'_> {
    /// In the form that `journalctl --output=export` has.
    fn exported(&self) -> String {
        let Self { unit, process, identifier, text } = self;
        format!(
            "__REALTIME_TIMESTAMP=1796015804960670\n_BOOT_ID=20c0ba07d8c74742ace12d7fcc148aad\n\
             _SYSTEMD_UNIT={unit}\n_COMM={process}\nSYSLOG_IDENTIFIER={identifier}\nMESSAGE={text}\n\n"
        )
    }
}

/// Its folder differs among the releases of Debian.
fn journal_maker() -> PathBuf {
    let places = ["lib/systemd", "usr/lib/systemd"];
    let programs = places.map(|place| Path::new(JOURNAL).join(place).join("systemd-journal-remote"));
    programs.into_iter().find(|program| program.exists()).expect("the package has it")
}

fn addresses_in(directory: &TempDir, log: &str, mode: &str) -> Vec<String> {
    let settings = directory.path().join("fail2ban");
    let mut copy = Command::new("cp");
    copy.arg("-a").arg(Path::new(PACKAGE).join("etc/fail2ban")).arg(&settings);
    assert!(copy.status().unwrap().success());
    let filter = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/fail2ban/filter.conf");
    fs::copy(filter, settings.join("filter.d/saslauthd.conf")).unwrap();
    let mut command = Command::new("/usr/bin/python3");
    command.arg(PROGRAM).arg("-c").arg(&settings).args(["-o", "<ip>"]).arg(log);
    command.arg(format!("saslauthd[mode={mode}]"));
    let modules = [PACKAGE, JOURNAL].map(|package| format!("{package}/usr/lib/python3/dist-packages"));
    command.env("PYTHONPATH", modules.join(":"));
    let finished = command::run(command);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    finished.output.lines().map(str::to_owned).collect()
}
