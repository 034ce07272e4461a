//! A PAM service of its own for each test, which checks passwords for real, with modules that Debian packages.

use super::succeed;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// A file in /etc/pam.d whose stack notes every check and compares hashes; gone when dropped.
pub struct PamService {
    name: String,
    directory: TempDir,
}

impl PamService {
    /// A service that knows these logins and passwords.
    ///
    /// A login that starts with `crash` gets no verdict: it kills the process that asked PAM. Of `offline` its module
    /// cannot tell.
    pub fn new(users: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("saslauthd-test-{}-peer{number}", std::process::id());
        let service = Self { name, directory: TempDir::new().unwrap() };
        let lines = users.iter().map(|(login, password)| format!("{login}:{}\n", hash(password)));
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

    /// It only notes the login. A verdict of pam_exec would be wrong now and then: when the C daemon's handler of
    /// SIGCHLD collects the script first, the module finds no child and refuses a right password.
    fn write_script(&self) {
        let script = format!(
            "#!/bin/sh\necho \"$PAM_USER\" >>'{}'\n\
             case $PAM_USER in crash*) kill -s KILL \"$PPID\";; esac\n",
            self.path("asked").display()
        );
        fs::write(self.path("note"), script).unwrap();
        fs::set_permissions(self.path("note"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// pam_pwdfile is asked for no delay after a wrong password, which the tests would have to wait for.
    fn write_stack(&self) {
        let stack = format!(
            "auth optional pam_exec.so quiet {}\n\
             auth [success=1 default=ignore] pam_succeed_if.so quiet user != offline\n\
             auth requisite pam_debug.so auth=authinfo_unavail\n\
             auth required pam_pwdfile.so nodelay pwdfile={}\n\
             account required pam_permit.so\n",
            self.path("note").display(),
            self.path("users").display()
        );
        fs::write(self.stack(), stack).unwrap();
    }
}

/// What crypt(3) makes of `password`, with SHA-512.
fn hash(password: &str) -> String {
    let hash =
        succeed(Command::new("perl").args(["-e", "print crypt($ARGV[0], '$6$saltofpeers$')", password]));
    assert!(hash.starts_with("$6$"), "{hash}");
    hash
}

impl Drop for PamService {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.stack());
    }
}
