//! What the benchmark puts on the machine for a while.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Fallible;
use crate::process::run_with_input;

/// Where PAM looks for the services.
pub(crate) const PAM_DIRECTORY: &str = "/etc/pam.d";

/// A file in /etc/pam.d, removed when dropped.
pub(crate) struct PamService {
    file: PathBuf,
    name: String,
}

impl PamService {
    /// A service whose logins and accounts one module judges alone.
    pub(crate) fn create(purpose: &str, module: &str) -> Fallible<Self> {
        let name = format!("saslauthd-bench-{purpose}-{}", std::process::id());
        let file = Path::new(PAM_DIRECTORY).join(&name);
        fs::write(&file, format!("auth required {module}\naccount required {module}\n"))
            .map_err(|error| format!("{} could not be written: {error}.", file.display()))?;
        Ok(Self { file, name })
    }

    /// What clients send as service.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for PamService {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.file) {
            eprintln!("daemons: remove {} yourself: {error}", self.file.display());
        }
    }
}

/// A system account with a password, removed when dropped.
pub(crate) struct Account {
    name: String,
    password: String,
}

impl Account {
    /// Adds the account, without home directory or shell.
    pub(crate) fn create() -> Fallible<Self> {
        let name = format!("saslbench{}", std::process::id());
        let arguments = ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin", &name];
        run_with_input(Command::new("useradd").args(arguments), "")?;
        let account = Self { password: format!("right password of {name}"), name };
        run_with_input(&mut Command::new("chpasswd"), &format!("{}:{}\n", account.name, account.password))?;
        Ok(account)
    }

    /// Its login.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its password.
    pub(crate) fn password(&self) -> &str {
        &self.password
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if let Err(error) = run_with_input(Command::new("userdel").arg(&self.name), "") {
            eprintln!("daemons: remove the account {} yourself: {error}", self.name);
        }
    }
}
