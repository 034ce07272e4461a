//! The passwd file: indexed when it has changed, and read at one place for each login.
//!
//! It is kept open. That it was written to, removed or replaced shows in what fstat(2) says of it, at the next login. What
//! does not, as when a link or directory on the way to it leads elsewhere, is noticed within [`crate::mechanism::file::LOOK`].
#![forbid(unsafe_code)]

use super::index::{Builder, Index};
use super::line::{LONGEST_LINE, Line, LineFault, parse};
use super::reader::Lines;
use super::report::Report;
use crate::ipc::OpenError;
use crate::mechanism::file::{FileSource, Stamp, Watch, open_regular};
use crate::mechanism::schemes::Stored;
use crate::secret::Secret;
use crate::strerror::strerror;
use log::Level;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How often a file that changes while it is read is read again for one login.
const MOST_LOADS: usize = 3;

/// A passwd file and, once it has been read, where its logins are.
pub(super) struct PasswdFile {
    /// For errors only.
    path: PathBuf,
    /// Opens what is there.
    source: Box<dyn FileSource>,
    watch: Watch,
    loaded: Option<Loaded>,
}

struct Loaded {
    /// Kept open: a line is read from the same file that was indexed, even when another has taken its name.
    file: File,
    stamp: Stamp,
    index: Index,
    /// Whether OpenSSL is needed for one of its hashes.
    needs_openssl: bool,
}

/// What the file says about a login.
pub(super) enum Lookup {
    /// Its hash.
    Known(Secret),
    /// It is not there. The hash of another login goes with it, to spend the same time on.
    Unknown(Option<Secret>),
}

impl PasswdFile {
    pub(super) fn new(path: PathBuf, source: Box<dyn FileSource>) -> Self {
        Self { path, source, watch: Watch::default(), loaded: None }
    }

    /// Reads the file: what is to be told about its lines and its mode.
    pub(super) fn inspect(path: &Path) -> Result<Vec<String>, FileError> {
        let file = open_regular(path).map_err(|error| FileError::not_opened(path, error))?;
        Loaded::read(file, path).map(|(_, sentences)| sentences)
    }

    /// Whether OpenSSL is needed for one of the hashes that were there when it was read; `None` if it was not yet.
    pub(super) fn needs_openssl(&self) -> Option<bool> {
        self.loaded.as_ref().map(|loaded| loaded.needs_openssl)
    }

    /// Reads the file if that has not been done since it changed. What is wrong with its lines is logged at `level`.
    ///
    /// When it cannot be read, what was known of it is forgotten: nobody is let in by a file that has been removed.
    pub(super) fn refresh(&mut self, now: Instant, level: Level) -> Result<(), FileError> {
        for _ in 0..MOST_LOADS {
            let is_unchanged = self.loaded.as_ref().is_some_and(Loaded::is_unchanged);
            if !self.watch.is_due(is_unchanged, now) {
                return Ok(());
            }
            self.watch.note_opened(now);
            self.load(level)?;
        }
        // Still changing; what was read last is as good as any, and the next login reads it again.
        Ok(())
    }

    /// Has the file opened and, if it is not as it was indexed, reads it.
    fn load(&mut self, level: Level) -> Result<(), FileError> {
        let opened = self.source.open().map_err(|error| FileError::not_opened(&self.path, error));
        if let (Ok(file), Some(loaded)) = (&opened, &self.loaded) {
            if file.metadata().is_ok_and(|metadata| Stamp::of(&metadata) == loaded.stamp) {
                return Ok(());
            }
        }
        self.loaded = None;
        let (loaded, sentences) = Loaded::read(opened?, &self.path)?;
        for sentence in sentences {
            log::log!(target: "passwdfile", level, "{}: {sentence}", self.path.display());
        }
        self.loaded = Some(loaded);
        Ok(())
    }

    /// Looks `login` up, in the file as it is now.
    pub(super) fn lookup(&mut self, login: &[u8], now: Instant, level: Level) -> Result<Lookup, FileError> {
        for _ in 0..MOST_LOADS {
            self.refresh(now, level)?;
            let found = self.loaded.as_ref().map(|loaded| loaded.find(login));
            match found {
                Some(Ok(Some(lookup))) => return Ok(lookup),
                Some(Err(error)) => return Err(FileError::unreadable(&self.path, &error)),
                // The line at an indexed place is another one now.
                Some(Ok(None)) | None => self.loaded = None,
            }
        }
        Err(FileError::Unsteady(self.path.clone()))
    }
}

impl Loaded {
    /// Whether the file has the names and the contents that it had when it was indexed, as far as it tells.
    fn is_unchanged(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| Stamp::of(&metadata) == self.stamp)
    }

    /// Reads and indexes the file; with it comes what is to be told about its lines and mode.
    fn read(file: File, path: &Path) -> Result<(Self, Vec<String>), FileError> {
        let unreadable = |error| FileError::unreadable(path, &error);
        let metadata = file.metadata().map_err(unreadable)?;
        // Taken before the first byte is read, so that any change from here on is seen at the next login.
        let stamp = Stamp::of(&metadata);
        let mut report = Report::default();
        report.mode(metadata.mode());
        let mut builder = Builder::default();
        let mut needs_openssl = false;
        let mut lines = Lines::of(&file);
        while let Some(line) = lines.next().map_err(unreadable)? {
            let (Ok(offset), Ok(number)) = (u32::try_from(line.offset), u32::try_from(line.number)) else {
                return Err(FileError::TooLarge(path.to_owned()));
            };
            match line.text.map(parse) {
                Some(Line::Login { login, hash }) => {
                    needs_openssl |= Stored::parse_hash(hash).is_ok_and(|stored| stored.needs_openssl());
                    builder.add(login, offset, number);
                }
                Some(Line::Nothing) => {}
                Some(Line::Bad(fault)) => report.line(number, fault),
                None => report.line(number, LineFault::TooLong),
            }
        }
        let (index, doubled) = builder.finish(|one, other| has_same_login(&file, one, other));
        doubled.into_iter().for_each(|number| report.line(number, LineFault::Doubled));
        let sentences = report.sentences(index.len());
        Ok((Self { file, stamp, index, needs_openssl }, sentences))
    }

    /// `None` when the file is not the one that was indexed any more.
    fn find(&self, login: &[u8]) -> io::Result<Option<Lookup>> {
        for place in self.index.places(login) {
            let line = LineAt::read(&self.file, place)?;
            match line.parse() {
                Some((there, hash)) if there == login => {
                    return Ok(Some(Lookup::Known(Secret::copy_of(hash))));
                }
                Some((there, _)) if Index::are_alike(there, login) => {}
                _ => return Ok(None),
            }
        }
        let stand_in = match self.index.stand_in(login) {
            Some(place) => LineAt::read(&self.file, place)?.parse().map(|(_, hash)| Secret::copy_of(hash)),
            None => None,
        };
        Ok(Some(Lookup::Unknown(stand_in)))
    }
}

fn has_same_login(file: &File, one: u32, other: u32) -> bool {
    let (Ok(one), Ok(other)) = (LineAt::read(file, one.into()), LineAt::read(file, other.into())) else {
        return false;
    };
    matches!((one.parse(), other.parse()), (Some((one, _)), Some((other, _))) if one == other)
}

/// The bytes at a place where a line is expected.
struct LineAt {
    bytes: Secret,
    /// Whether the byte before the place is read too, which has to be a newline.
    after_newline: bool,
}

impl LineAt {
    fn read(file: &File, place: u64) -> io::Result<Self> {
        let mut bytes = Secret::default();
        bytes.resize(LONGEST_LINE + 2);
        let length = read_up_to(file, bytes.as_mut_bytes(), place.saturating_sub(1))?;
        bytes.resize(length);
        Ok(Self { bytes, after_newline: place > 0 })
    }

    /// The login and hash of the line; `None` when no whole line with both begins here.
    fn parse(&self) -> Option<(&[u8], &[u8])> {
        let bytes = self.bytes.as_bytes();
        let bytes = if self.after_newline { bytes.strip_prefix(b"\n")? } else { bytes };
        let line = bytes.split(|byte| *byte == b'\n').next()?;
        match parse(line) {
            Line::Login { login, hash } if line.len() <= LONGEST_LINE => Some((login, hash)),
            _ => None,
        }
    }
}

/// Fills `room` from `offset` on, or as much of it as there is up to the end of the file.
fn read_up_to(file: &File, room: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut length = 0usize;
    loop {
        let rest = room.get_mut(length..).unwrap_or_default();
        match file.read_at(rest, offset.saturating_add(length as u64)) {
            Ok(0) => return Ok(length),
            Ok(read) => length = length.saturating_add(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Why the file cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FileError {
    Unreadable(PathBuf, String),
    NotAFile(PathBuf),
    TooLarge(PathBuf),
    Unsteady(PathBuf),
}

impl FileError {
    fn not_opened(path: &Path, error: OpenError) -> Self {
        match error {
            OpenError::System(number) => Self::unreadable(path, &io::Error::from_raw_os_error(number)),
            OpenError::NotRegular => Self::NotAFile(path.to_owned()),
        }
    }

    fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self::Unreadable(path.to_owned(), strerror(error))
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => {
                write!(formatter, "The passwd file {} cannot be read: {error}", path.display())
            }
            Self::NotAFile(path) => {
                write!(formatter, "The passwd file {} is not a regular file", path.display())
            }
            Self::TooLarge(path) => {
                write!(formatter, "The passwd file {} is larger than 4 GiB", path.display())
            }
            Self::Unsteady(path) => {
                write!(formatter, "The passwd file {} keeps changing while it is read", path.display())
            }
        }
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
