//! A machine with a mail server, in a mount namespace: /etc and /run are copies, and whatever a remedy changes is only there.

use super::{command_of, complaints, line};
use crate::support::command::run;
use crate::support::{Finished, Program};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Mounts the copies of the directory `$1` and becomes the command.
const ENTER: &str =
    r#"mount --bind "$1/etc" /etc && mount --bind "$1/run" /run || exit 97; shift; exec "$@""#;

/// What Debian's Postfix has, as far as logins are concerned; `chroot` is a column.
fn master(chroot: &str) -> String {
    format!(
        "smtp      inet  n       -       {chroot}       -       -       smtpd\n\
         submission inet n - {chroot} - - smtpd\n  -o smtpd_sasl_auth_enable=yes\n\
         cleanup   unix  n       -       y       -       0       cleanup\n"
    )
}

/// The site.
pub struct Site {
    directory: TempDir,
    run_directory: PathBuf,
}

impl Site {
    /// As Debian's README has it: smtpd in its chroot, the run directory there, root:sasl 0710, postfix in that group.
    pub fn chrooted() -> Self {
        let directory = TempDir::new().unwrap();
        let run_directory = directory.path().join("spool/var/run/saslauthd");
        Self::with("y", directory, run_directory)
    }

    /// smtpd outside, and the usual run directory.
    pub fn plain() -> Self {
        Self::with("n", TempDir::new().unwrap(), "/run/saslauthd".into())
    }

    fn with(chroot: &str, directory: TempDir, run_directory: PathBuf) -> Self {
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        let site = Self { directory, run_directory };
        // Services of other tests come and go in it meanwhile, of which cp complains.
        let _ = Command::new("cp").args(["-a", "/etc"]).arg(site.path("etc")).stderr(Stdio::null()).status();
        assert!(site.path("etc/passwd").exists());
        for name in ["run", "spool"] {
            fs::create_dir_all(site.path(name)).unwrap();
        }
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {}\nsmtpd_sasl_auth_enable = yes\n\
             cyrus_sasl_config_path = /etc/postfix/sasl\n",
            site.path("spool").display()
        );
        site.write("postfix/main.cf", &main);
        site.write("postfix/master.cf", &master(chroot));
        site.write("postfix/sasl/smtpd.conf", "pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n");
        site.write("pam.d/smtp", "auth required pam_unix.so\naccount required pam_unix.so\n");
        site.write_defaults("saslauthd", "yes", &site.run_directory);
        for (file, name, entry) in [
            ("passwd", "postfix", "postfix:x:4242:4242::/:/usr/sbin/nologin"),
            ("group", "postfix", "postfix:x:4242:"),
            ("group", "sasl", "sasl:x:4243:"),
        ] {
            let text = fs::read_to_string(site.path("etc").join(file)).unwrap();
            if !text.lines().any(|line| line.starts_with(&format!("{name}:"))) {
                site.write(file, &format!("{text}{entry}\n"));
            }
        }
        let place = site.run_directory.display();
        site.sh(&format!("mkdir -p {place} && chgrp sasl {place} && chmod 0710 {place}"));
        site.sh("usermod -a -G sasl postfix");
        site
    }

    /// The daemon's run directory.
    pub fn run_directory(&self) -> &Path {
        &self.run_directory
    }

    /// Says that the daemon has another, also to init.
    pub fn move_to(&mut self, run_directory: impl Into<PathBuf>) {
        self.look_at(run_directory);
        self.write_defaults("saslauthd", "yes", &self.run_directory);
    }

    /// Says that another daemon is looked at than the one that init starts.
    pub fn look_at(&mut self, run_directory: impl Into<PathBuf>) {
        self.run_directory = run_directory.into();
    }

    /// Writes a file from which the init script starts a daemon.
    pub fn write_defaults(&self, name: &str, start: &str, run_directory: &Path) {
        let text = format!("START={start}\nOPTIONS=\"-c -m {}\"\n", run_directory.display());
        self.write(&format!("default/{name}"), &text);
    }

    /// A file or directory outside of /etc and /run.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file below /etc.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path("etc").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Removes one.
    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path("etc").join(name)).unwrap();
    }

    /// The words to put before a command so that it runs there.
    pub fn prefix(&self) -> Vec<String> {
        let directory = self.directory.path().display().to_string();
        ["unshare", "--mount", "sh", "-c", ENTER, "enter", &directory].map(str::to_owned).to_vec()
    }

    /// Runs a shell command there, which must succeed.
    pub fn sh(&self, script: &str) -> Finished {
        let finished = run(self.command(&["sh", "-c", script]));
        assert_eq!(finished.code, Some(0), "{script}: {finished:#?}");
        finished
    }

    /// What `--check=system` says there, with these flags and `-m`.
    pub fn check(&self, flags: &[&str]) -> Finished {
        let mut command = self.command(&[]);
        command
            .arg(Program::Ours.daemon())
            .args(flags)
            .arg("-m")
            .arg(&self.run_directory)
            .arg("--check=system");
        run(command)
    }

    /// Holds that nothing is found but what is well.
    pub fn is_well(&self, flags: &[&str]) {
        let report = self.check(flags);
        assert_eq!((complaints(&report), report.code), (Vec::new(), Some(0)), "{report:#?}");
    }

    /// Holds that a line with these words is found, of that severity, and that its remedy removes it and leaves nothing else.
    pub fn is_cured(&self, flags: &[&str], severity: &str, words: &str) {
        let report = self.check(flags);
        let line = line(&report, words);
        assert!(line.starts_with(&format!("{severity}: ")), "{line}");
        assert_eq!(report.code, Some(i32::from(severity == "error")), "{report:#?}");
        self.sh(command_of(line));
        self.is_well(flags);
    }

    fn command(&self, words: &[&str]) -> Command {
        let prefix = self.prefix();
        let mut command = Command::new(&prefix[0]);
        command.args(&prefix[1..]).args(words);
        command
    }
}
