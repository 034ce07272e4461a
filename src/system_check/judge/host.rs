//! How the daemon is started here, and what it may not read.
#![forbid(unsafe_code)]

use super::defaults::Defaults;
use crate::system_check::finding::Finding;
use crate::system_check::shell_word::shell_word;
use std::path::{Path, PathBuf};

/// What was found of it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Host {
    /// Whether SELinux forbids, and none of its modules is for this daemon.
    pub is_forbidden_by_selinux: bool,
    /// Files that are needed and cannot be read.
    pub unreadable: Vec<Unreadable>,
}

/// A file that the daemon needs and cannot read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The file.
    pub path: PathBuf,
    /// What it is for: `-a shadow`.
    pub purpose: String,
    /// Why.
    pub reason: String,
}

/// What is to be said of it.
pub fn judge(host: &Host) -> Vec<Finding> {
    let unreadable = host.unreadable.iter().map(judge_file);
    let selinux = host.is_forbidden_by_selinux.then(|| {
        Finding::warning(
            "SELinux is enforcing, and the module saslauthd-rs, without which most policies do not let this daemon \
             start, is not loaded",
            "`semodule -i saslauthd-rs.cil`, with the file of contrib/selinux",
        )
    });
    unreadable.chain(selinux).collect()
}

fn judge_file(file: &Unreadable) -> Finding {
    let Unreadable { path, purpose, reason } = file;
    Finding::error(
        format!("{}, which {purpose} needs, cannot be read: {reason}", path.display()),
        "start the daemon as root; --user then changes the account of what talks to clients only",
    )
}

/// Whether init starts the daemon that is looked at. `runs`: somebody listens at its socket, so somebody starts it.
pub fn judge_start(defaults: &[Defaults], run_directory: &Path, runs: bool) -> Option<Finding> {
    if runs || defaults.iter().any(|file| file.is_this && file.is_started()) {
        return None;
    }
    match defaults.iter().find(|file| file.is_started()) {
        Some(other) => Some(starts_another(other, run_directory)),
        None => defaults.iter().find(|file| file.is_this).or_else(|| defaults.first()).map(is_not_started),
    }
}

fn starts_another(file: &Defaults, run_directory: &Path) -> Finding {
    let (path, other) = (file.path.display(), file.run_directory().to_string_lossy().into_owned());
    Finding::warning(
        format!(
            "init starts the daemon with `-m {other}`, by OPTIONS in {path}, and this looked at one with `-m {}`",
            run_directory.display()
        ),
        format!("look at that one, with `-m {}`, or change OPTIONS there", shell_word(&other)),
    )
}

fn is_not_started(file: &Defaults) -> Finding {
    let (path, word) = (file.path.display(), shell_word(&file.path.to_string_lossy()));
    match file.start() {
        Some(value) => Finding::error(
            format!("{path} says START={value}, so the init script does not start the daemon"),
            format!("`sed -i 's/^[[:space:]]*START=.*/START=yes/' {word}`"),
        ),
        None => Finding::warning(
            format!("{path} does not say START=yes, so the init script does not start the daemon"),
            format!("`echo START=yes >> {word}`"),
        ),
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::system_check::finding::Severity;

    fn defaults(name: &str, text: &str, is_this: bool) -> Defaults {
        let path = format!("/etc/default/{name}").into();
        Defaults { path, text: text.into(), is_this, has_unit: false }
    }

    fn started(defaults: &[Defaults]) -> Option<Finding> {
        judge_start(defaults, Path::new("/var/run/saslauthd"), false)
    }

    #[test]
    fn start_must_say_yes_where_the_script_wants_it() {
        for (text, expected) in [
            ("START=yes\n", None),
            ("START=no\n# comment\nSTART=\"yes\"\n", None),
            ("START=no\n", Some(Severity::Error)),
            ("  START='no'\n", Some(Severity::Error)),
            ("# START=yes\n", Some(Severity::Warning)),
        ] {
            let file = defaults("saslauthd", text, true);
            assert_eq!(
                started(std::slice::from_ref(&file)).map(|finding| finding.severity),
                expected,
                "{text}"
            );
            assert_eq!(started(&[Defaults { has_unit: true, ..file.clone() }]), None, "{text}");
            assert_eq!(judge_start(&[file], Path::new("/"), true), None, "somebody has started it: {text}");
        }
        assert_eq!(started(&[]), None);
    }

    #[test]
    fn each_daemon_of_the_script_has_its_own_file() {
        let postfix = "START=yes\nOPTIONS=\"-c -m /var/spool/postfix/var/run/saslauthd\"\n";
        let files = |is_usual| {
            [defaults("saslauthd", "START=no\n", is_usual), defaults("saslauthd-postfix", postfix, !is_usual)]
        };
        assert_eq!(started(&files(false)), None);
        let found = started(&files(true)).map(|finding| finding.to_string()).unwrap_or_default();
        assert!(found.starts_with("warning: init starts the daemon with `-m /var/spool/postfix/"), "{found}");
        assert!(found.contains("OPTIONS in /etc/default/saslauthd-postfix, and this"), "{found}");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named_with_what_it_is_for() {
        let file = Unreadable {
            path: "/etc/shadow".into(),
            purpose: "-a shadow".into(),
            reason: "Permission denied".into(),
        };
        let found = judge(&Host { unreadable: vec![file], ..Host::default() });
        let expected = "/etc/shadow, which -a shadow needs, cannot be read: Permission denied";
        assert!(found[0].to_string().contains(expected), "{}", found[0]);
        assert!(found[0].to_string().contains("start the daemon as root"), "{}", found[0]);
    }

    #[test]
    fn selinux_is_a_hint() {
        let found = judge(&Host { is_forbidden_by_selinux: true, ..Host::default() });
        assert_eq!(found[0].severity, Severity::Warning);
    }
}
