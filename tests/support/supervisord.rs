//! supervisord, as containers run it: in the foreground, with a section for each program.

use crate::support::background::Background;
use crate::support::process::ProcessGroup;
use crate::support::{Process, Program};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Where tests/support/unpack.sh leaves the package.
const PACKAGE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/supervisor");

/// The program.
pub const PROGRAM: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/supervisor/usr/bin/supervisord");

/// Puts the daemon where the section expects it, and an empty /run around it.
const ENTER: &str = r#"
mount --bind "$1" /usr/sbin/saslauthd && mount -t tmpfs none /run && mkdir "$2/empty" || exit 99
shift 2; exec "$@"
"#;

/// A running one, with its directory.
pub struct Supervisord {
    directory: TempDir,
    /// The process.
    pub background: Background,
}

impl Supervisord {
    /// Runs `section` with this daemon in the place of /usr/sbin/saslauthd; `SASLAUTHD_MECH_OPTIONS` is the option of the
    /// mechanism. `LOG` in the section is where its output goes.
    pub fn start(program: Program, section: &str, option: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("supervisord.conf");
        let own = directory.path().display();
        let general = format!(
            "[supervisord]\nnodaemon=true\nuser=root\nlogfile={own}/supervisord.log\npidfile={own}/pid\nchildlogdir={own}\n"
        );
        let section = section.replace("LOG", &directory.path().join("log").display().to_string());
        fs::write(&file, general + &section).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", ENTER, "enter"]).arg(program.daemon()).arg(directory.path());
        command.arg("/usr/bin/python3").arg(PROGRAM).arg("-c").arg(&file);
        command.env("PYTHONPATH", Path::new(PACKAGE).join("usr/lib/python3/dist-packages"));
        command.env("SASLAUTHD_MECH_OPTIONS", option);
        Self { background: Background::start("supervisord", &mut command), directory }
    }

    /// What it has started: each has a group of its own.
    pub fn started(&self) -> Vec<Process> {
        Process::find(self.background.id()).map_or_else(Vec::new, |process| process.children())
    }

    /// What its program has written.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// A path as its program sees it, from outside.
    pub fn path(&self, path: &str) -> PathBuf {
        format!("/proc/{}/root{path}", self.background.id()).into()
    }
}

/// It starts nothing anew while all of that is killed.
impl Drop for Supervisord {
    fn drop(&mut self) {
        self.background.signal("STOP");
        self.started().iter().filter_map(Process::group).for_each(ProcessGroup::kill);
    }
}
