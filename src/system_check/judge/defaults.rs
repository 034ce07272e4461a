//! `/etc/default/saslauthd` and its like: which daemons init starts here.
#![forbid(unsafe_code)]

use super::client::lines;
use std::path::{Path, PathBuf};

/// What the script of Debian takes where OPTIONS says nothing.
const USUAL_DIRECTORY: &str = "/var/run/saslauthd";

/// A file from which init starts a daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// The file.
    pub path: PathBuf,
    /// What is in it.
    pub text: String,
    /// Whether its run directory is that of the daemon that is looked at.
    pub is_this: bool,
    /// Whether init starts it whatever START says: a unit of systemd's does.
    pub has_unit: bool,
}

impl Defaults {
    /// What START is, which counts for the script.
    pub fn start(&self) -> Option<&str> {
        self.value("START")
    }

    /// Whether init starts a daemon from it.
    pub fn is_started(&self) -> bool {
        self.has_unit || self.start() == Some("yes")
    }

    /// `-m` in OPTIONS.
    pub fn run_directory(&self) -> &Path {
        let mut words = self.value("OPTIONS").unwrap_or_default().split_whitespace();
        let found = words.find_map(|word| match word.strip_prefix("-m") {
            Some("") => Some(None),
            Some(attached) => Some(Some(attached)),
            None => None,
        });
        let directory = found.and_then(|attached| attached.or_else(|| words.next()));
        Path::new(directory.unwrap_or(USUAL_DIRECTORY))
    }

    /// The last assignment counts; what a shell would expand is taken as it stands.
    fn value(&self, key: &str) -> Option<&str> {
        let values = lines(&self.text).filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        let value = values.last()?;
        let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''));
        match quote {
            Some(quote) => value.get(1..)?.split(quote).next(),
            None => Some(value.split_whitespace().next().unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Defaults {
        Defaults { path: "/etc/default/saslauthd".into(), text: text.into(), is_this: false, has_unit: false }
    }

    #[test]
    fn the_run_directory_is_that_of_the_last_options() {
        for (text, expected) in [
            (
                "OPTIONS=\"-c -m /var/spool/postfix/var/run/saslauthd\"\n",
                "/var/spool/postfix/var/run/saslauthd",
            ),
            ("OPTIONS='-m/srv/a -r' # as before\n", "/srv/a"),
            ("OPTIONS=\"-m /a\"\n#OPTIONS=\"-m /b\"\nOPTIONS=\"-m /c\"\n", "/c"),
            ("OPTIONS=\"-c\"\n", USUAL_DIRECTORY),
            ("OPTIONS=\"-c -m\"\n", USUAL_DIRECTORY),
            ("", USUAL_DIRECTORY),
        ] {
            assert_eq!(of(text).run_directory(), Path::new(expected), "{text}");
        }
    }

    #[test]
    fn start_counts_for_the_script_only() {
        assert!(of("START=yes # really\n").is_started());
        assert!(!of("START=no\n").is_started());
        assert!(Defaults { has_unit: true, ..of("") }.is_started());
    }
}
