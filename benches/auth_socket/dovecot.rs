//! Dovecot with its `auth` service alone and everything of its own, as quick as it can be.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Fallible;
use crate::network::peers::DOVECOT;

/// What passwords are checked against, by either server.
pub(crate) enum Source<'a> {
    /// The content of a file of logins and passwords.
    File(&'a str),
    /// The PAM service of this name.
    Pam(&'a str),
    /// A database, as either server names it in its settings.
    Sql {
        /// saslauthd.conf.
        ours: &'a str,
        /// The file of Dovecot's sql passdb.
        dovecot: &'a str,
    },
}

/// The command that starts it in the foreground, with its socket `auth` in the directory.
pub(crate) fn command(directory: &Path, source: &Source<'_>, users: &Path) -> Fallible<Command> {
    // Its processes are not root.
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
    fs::set_permissions(users, fs::Permissions::from_mode(0o644))?;
    let file = directory.join("dovecot.conf");
    fs::write(&file, configuration(directory, source, users)?)?;
    let mut command = Command::new(DOVECOT);
    command.args(["-F", "-c"]).arg(file).stderr(Stdio::null());
    Ok(command)
}

/// Without the penalty, which asks another process about each request.
fn configuration(directory: &Path, source: &Source<'_>, users: &Path) -> Fallible<String> {
    let (root, users) = (directory.display(), users.display());
    let version = Command::new(DOVECOT).arg("--version").output()?.stdout;
    // 2.4, that of Debian 13, has other names for settings.
    let (cleartext, passwords) = match (version.starts_with(b"2.3"), source) {
        (true, Source::File(_)) => (
            "disable_plaintext_auth = no",
            format!("passdb {{\n driver = passwd-file\n args = username_format=%u {users}\n}}"),
        ),
        (true, Source::Pam(service)) => (
            "disable_plaintext_auth = no",
            format!("passdb {{\n driver = pam\n args = cache_key=%u {service}\n}}"),
        ),
        (false, Source::File(_)) => (
            "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\nauth_allow_cleartext = yes",
            format!("passdb passwd-file {{\n passwd_file_path = {users}\n}}"),
        ),
        (true, Source::Sql { .. }) => {
            ("disable_plaintext_auth = no", format!("passdb {{\n driver = sql\n args = {users}\n}}"))
        }
        (false, Source::Pam(_) | Source::Sql { .. }) => {
            let what = "What Dovecot 2.4 calls this is not known here: leave it out with --server.";
            return Err(what.into());
        }
    };
    // Of a table it would cache each row, and what is measured is asking.
    let cache = if matches!(source, Source::Sql { .. }) { "0" } else { "10M" };
    Ok(format!(
        "{cleartext}\n{passwords}\nbase_dir = {root}/run\nstate_dir = {root}/state\nlog_path = /dev/null\n\
         protocols =\nssl = no\nauth_mechanisms = plain\nauth_failure_delay = 0\nauth_cache_size = {cache}\n\
         service auth {{\n client_limit = 8000\n unix_listener {root}/auth {{\n  mode = 0666\n }}\n}}\n\
         service anvil {{\n client_limit = 8000\n unix_listener anvil-auth-penalty {{\n  mode = 0\n }}\n}}\n"
    ))
}
