//! How the daemon is started here, and what it or its frontend may not read.
#![forbid(unsafe_code)]

use super::client::lines;
use crate::world::finding::Finding;
use crate::world::shell_word::shell_word;
use std::path::PathBuf;

/// What was found of it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Host {
    /// `/etc/default/saslauthd`
    pub defaults: Option<String>,
    /// Whether the script in `/etc/init.d` starts the daemon (no unit of systemd's has its name), and only if that file
    /// has START=yes.
    pub needs_start_line: bool,
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
    /// Who cannot read it: the account of `--user`; `None` for the one that this runs as.
    pub account: Option<String>,
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
    unreadable.chain(judge_start(host)).chain(selinux).collect()
}

fn judge_file(file: &Unreadable) -> Finding {
    let Unreadable { path, purpose, account, reason } = file;
    let (shown, word) = (path.display(), shell_word(&path.to_string_lossy()));
    match account {
        Some(account) => Finding::error(
            format!(
                "{shown}, which {purpose} needs, cannot be read as {account}, the account of --user: {reason}"
            ),
            format!(
                "`chgrp \"$(id -gn {0})\" {word} && chmod g+r {word}`, and let {0} pass its directories",
                shell_word(account)
            ),
        ),
        None => Finding::error(
            format!("{shown}, which {purpose} needs, cannot be read: {reason}"),
            "start the daemon as root; --user then changes the account of what talks to clients only",
        ),
    }
}

fn judge_start(host: &Host) -> Option<Finding> {
    let defaults = host.defaults.as_deref().filter(|_| host.needs_start_line)?;
    let values = lines(defaults).filter_map(|line| line.strip_prefix("START="));
    match values.last().map(|value| value.trim_matches(['"', '\''])) {
        Some("yes") => None,
        Some(value) => Some(Finding::error(
            format!(
                "/etc/default/saslauthd says START={value}, so the init script does not start the daemon"
            ),
            "`sed -i 's/^[[:space:]]*START=.*/START=yes/' /etc/default/saslauthd`",
        )),
        None => Some(Finding::warning(
            "/etc/default/saslauthd does not say START=yes, so the init script does not start the daemon",
            "`echo START=yes >> /etc/default/saslauthd`",
        )),
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::world::finding::Severity;

    #[test]
    fn start_must_say_yes_where_the_script_wants_it() {
        for (text, expected) in [
            ("START=yes\n", None),
            ("START=no\n# comment\nSTART=\"yes\"\n", None),
            ("START=no\n", Some(Severity::Error)),
            ("  START='no'\n", Some(Severity::Error)),
            ("# START=yes\n", Some(Severity::Warning)),
        ] {
            let host = Host { defaults: Some(text.into()), needs_start_line: true, ..Host::default() };
            assert_eq!(judge(&host).first().map(|finding| finding.severity), expected, "{text}");
            assert_eq!(judge(&Host { needs_start_line: false, ..host }), [], "{text}");
        }
        assert_eq!(judge(&Host { needs_start_line: true, ..Host::default() }), []);
    }

    #[test]
    fn a_file_that_cannot_be_read_names_who_cannot() {
        let file = |account: Option<&str>| Unreadable {
            path: "/etc/shadow".into(),
            purpose: "-a shadow".into(),
            account: account.map(str::to_owned),
            reason: "Permission denied".into(),
        };
        let host = Host { unreadable: vec![file(None), file(Some("mail"))], ..Host::default() };
        let found = judge(&host);
        assert!(found[0].to_string().contains("start the daemon as root"), "{}", found[0]);
        assert!(found[1].to_string().contains("cannot be read as mail"), "{}", found[1]);
    }

    #[test]
    fn selinux_is_a_hint() {
        let found = judge(&Host { is_forbidden_by_selinux: true, ..Host::default() });
        assert_eq!(found[0].severity, Severity::Warning);
    }
}
