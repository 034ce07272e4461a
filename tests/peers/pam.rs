//! A PAM service of its own for each test, which checks passwords for real.

use super::succeed;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// A file in /etc/pam.d whose stack asks a script for every check; gone when dropped.
pub struct PamService {
    name: String,
    directory: TempDir,
}

impl PamService {
    /// A service that knows these logins and passwords.
    ///
    /// A login that starts with `crash` gets no verdict: it kills the process that asked PAM.
    pub fn new(users: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("saslauthd-test-{}-{number}", std::process::id());
        let service = Self { name, directory: TempDir::new().unwrap() };
        let lines = users.iter().map(|(login, password)| format!("{login}:{password}\n"));
        fs::write(service.path("users"), lines.collect::<String>()).unwrap();
        fs::write(service.path("asked"), "").unwrap();
        service.write_script();
        service.write_stack();
        service
    }

    /// Its name, the third string of a request.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How often PAM was asked about `login`.
    pub fn asked(&self, login: &str) -> usize {
        fs::read_to_string(self.path("asked")).unwrap().lines().filter(|line| *line == login).count()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn stack(&self) -> PathBuf {
        Path::new("/etc/pam.d").join(&self.name)
    }

    /// The script gets the login in PAM_USER and the password, ended by a NUL, on its standard input.
    fn write_script(&self) {
        let script = format!(
            "#!/bin/sh\ncd '{}' || exit 1\necho \"$PAM_USER\" >>asked\n\
             case $PAM_USER in crash*) kill -s KILL \"$PPID\"; exit 1;; esac\n\
             exec grep -qxF \"$PAM_USER:$(tr -d '\\0')\" users\n",
            self.directory.path().display()
        );
        fs::write(self.path("check"), script).unwrap();
        fs::set_permissions(self.path("check"), fs::Permissions::from_mode(0o755)).unwrap();
        succeed(Command::new("sh").arg("-n").arg(self.path("check")));
    }

    /// The shape of Debian's common-auth: alone, pam_exec reports a refusal as a system error.
    fn write_stack(&self) {
        let script = self.path("check");
        let stack = format!(
            "auth [success=1 default=ignore] pam_exec.so expose_authtok quiet {}\n\
             auth requisite pam_deny.so\n\
             auth required pam_permit.so\n\
             account required pam_permit.so\n",
            script.display()
        );
        fs::write(self.stack(), stack).unwrap();
    }
}

impl Drop for PamService {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.stack());
    }
}
