//! Why a socket cannot be had.
#![forbid(unsafe_code)]

use crate::strerror::strerror;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Each names the socket.
#[derive(Debug)]
pub(in crate::supervisor) enum EndpointError {
    /// There are none, too many, or two at one path: the sentence.
    Invalid(String),
    /// Something that is not a socket is where the socket should be.
    NotASocket(PathBuf),
    /// Somebody answers at the socket without holding the lock.
    Taken(PathBuf),
    /// Another path leads to the same socket.
    Same(PathBuf, PathBuf),
    /// The directory that it should be in is missing.
    NoDirectory(PathBuf),
    /// It cannot be made.
    Failed(PathBuf, io::Error),
    /// What was made is not what is there any more: whoever owns the directory has put another file in its place.
    Exchanged(PathBuf),
    /// It cannot be given to its owner and group, or get its mode.
    Access(PathBuf, io::Error),
    /// There is no such user or group, or they cannot be read.
    Account {
        path: PathBuf,
        /// `user` or `group`
        kind: &'static str,
        name: String,
        error: Option<io::Error>,
    },
    /// A socket that was handed in belongs to no endpoint.
    Unmatched(String),
    /// It is none that connections can be taken from.
    NoListener(String),
    /// Two that were handed in belong to the same endpoint.
    HandedInTwice(PathBuf),
}

impl fmt::Display for EndpointError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(sentence) => formatter.write_str(sentence),
            Self::NotASocket(path) => {
                write!(formatter, "{} is not a socket and is left alone", path.display())
            }
            Self::Taken(path) => write!(formatter, "Another program answers at {}", path.display()),
            Self::Same(path, other) => {
                write!(formatter, "{} is the same socket as {}", path.display(), other.display())
            }
            Self::NoDirectory(path) => write_remedy(formatter, path),
            Self::Failed(path, error) => {
                write!(formatter, "could not listen on {}: {}", path.display(), strerror(error))
            }
            Self::Exchanged(path) => write!(
                formatter,
                "could not listen on {}: somebody else has put another file there while it was made",
                path.display()
            ),
            Self::Access(path, error) => write!(
                formatter,
                "The socket {} could not get its owner, group and mode: {}",
                path.display(),
                strerror(error)
            ),
            Self::Account { path, kind, name, error: None } => {
                write!(formatter, "There is no {kind} {name}, which the socket {} names", path.display())
            }
            Self::Account { path, kind, name, error: Some(error) } => write!(
                formatter,
                "The {kind} {name}, which the socket {} names, could not be looked up: {}",
                path.display(),
                strerror(error)
            ),
            Self::Unmatched(which) => write!(
                formatter,
                "The socket {which} was passed in (LISTEN_FDS), but none with this name or path is configured"
            ),
            Self::NoListener(which) => write!(
                formatter,
                "The socket {which} was passed in (LISTEN_FDS), but is not a listening Unix stream socket"
            ),
            Self::HandedInTwice(path) => {
                write!(formatter, "The socket {} was passed in (LISTEN_FDS) twice", path.display())
            }
        }
    }
}

impl std::error::Error for EndpointError {}

/// Postfix's own directories belong to postfix and appear with its first start; those in its chroot nobody makes.
fn write_remedy(formatter: &mut fmt::Formatter<'_>, path: &std::path::Path) -> fmt::Result {
    let directory = path.parent().unwrap_or(path).display();
    write!(
        formatter,
        "The directory {directory} of the socket {} does not exist; create it (for Postfix's private and public: \
         postfix check; else: install -d -m 0750 -o OWNER -g GROUP {directory}) or name a socket in another one",
        path.display()
    )
}
