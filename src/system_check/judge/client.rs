//! Programs of this machine that ask saslauthd.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

/// A program that is set up to ask saslauthd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// What a person calls it: `Postfix's smtpd`.
    pub name: String,
    /// The account that it connects as.
    pub account: String,
    /// Its root directory, if it has changed that.
    pub root: Option<PathBuf>,
    /// Where it looks for the socket, below its root directory.
    pub socket: PathBuf,
    /// The file that can name another path to it; `None` where the path is compiled in.
    pub options: Option<PathBuf>,
    /// Whether it is nobody's business here unless that socket is one of this daemon's.
    pub only_here: bool,
    /// The PAM services of its logins.
    pub services: Vec<String>,
    /// What makes it notice that its account has got into a group.
    pub restart: &'static str,
}

impl Client {
    /// The path of the socket from outside of its root directory.
    pub fn path(&self) -> PathBuf {
        match &self.root {
            Some(root) => root.join(self.socket.strip_prefix("/").unwrap_or(&self.socket)),
            None => self.socket.clone(),
        }
    }

    /// The directory of [`Self::path`].
    pub fn directory(&self) -> PathBuf {
        self.path().parent().map_or_else(|| PathBuf::from("/"), Path::to_owned)
    }
}

/// Where Exim's client looks, and libsasl's unless its options say otherwise. Red Hat's has `/run` for `/var/run`.
pub const USUAL_SOCKET: &str = "/var/run/saslauthd/mux";

/// The uncommented lines of a file without the blanks around them.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Whether one of Exim's files has a condition `saslauthd{…}`.
pub fn asks_from_exim(text: &str) -> bool {
    lines(text).any(|line| {
        let words = line.split(|character: char| character.is_whitespace() || character == '{');
        let mut words = words.filter(|word| !word.is_empty());
        words.any(|word| word == "saslauthd") && line.contains('{')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_condition_that_is_no_comment_counts() {
        assert!(asks_from_exim("  server_condition = ${if saslauthd{{$auth2}{$auth3}}{1}{0}}\n"));
        assert!(asks_from_exim("server_condition = ${if saslauthd {{$2}{$3}{smtp}} {yes}{no}}"));
        assert!(!asks_from_exim("# server_condition = ${if saslauthd{{$auth2}{$auth3}}{1}{0}}\n"));
        assert!(!asks_from_exim("driver = dovecot\nserver_socket = /run/saslauthd/auth\n"));
    }

    #[test]
    fn the_socket_of_a_chroot_is_below_it() {
        let client = Client {
            name: "x".into(),
            account: "postfix".into(),
            root: Some("/var/spool/postfix".into()),
            socket: USUAL_SOCKET.into(),
            options: None,
            only_here: false,
            services: Vec::new(),
            restart: "",
        };
        assert_eq!(client.path(), Path::new("/var/spool/postfix/var/run/saslauthd/mux"));
        assert_eq!(client.directory(), Path::new("/var/spool/postfix/var/run/saslauthd"));
    }
}
