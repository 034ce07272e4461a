//! The keytab or the cache of tickets, which is mostly root's: it comes as an open file, and the library wants a name.
//!
//! The supervisor hands over a copy in memory, which any account can open. Made here it would have to be writable here, and what
//! can be written can be mapped as code.
#![forbid(unsafe_code)]

use super::files::{Kind, NEITHER, in_words, read};
use crate::mechanism::file::{FileSource, Watch};
use crate::secret::Secret;
use crate::strerror::strerror;
use crate::sys::gssapi::Credential;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::time::Instant;

/// A file with a key or with tickets.
pub struct CredentialFile {
    /// For messages.
    path: PathBuf,
    source: Box<dyn FileSource>,
    watch: Watch,
    held: Option<Held>,
    /// How many different ones there have been.
    generation: u64,
}

/// What it was when it was read last.
struct Held {
    bytes: Secret,
    kind: Kind,
    /// The library opens it by its number.
    file: File,
}

impl CredentialFile {
    /// The file at `path`, which comes from `source`.
    pub fn new(path: PathBuf, source: Box<dyn FileSource>) -> Self {
        Self { path, source, watch: Watch::default(), held: None, generation: 0 }
    }

    /// What a login has to show, of `principal` or, if that is empty, of the first that the file has.
    ///
    /// # Errors
    /// Why there is none, for the log.
    pub(super) fn acquire(&mut self, principal: &str, now: Instant) -> Result<Credential, String> {
        self.look(now)?;
        let path = self.path.display();
        let Some(held) = &self.held else { return Err(format!("{path} has not been read")) };
        let name = format!("FILE:/proc/self/fd/{}", held.file.as_raw_fd());
        match held.kind {
            Kind::Keytab => {
                // Tickets that another key has got, or that are of another principal, are none of its.
                let cache = format!("MEMORY:{} {principal}", self.generation);
                Credential::acquire(principal, &cache, Some(&name))
            }
            Kind::Cache => Credential::acquire(principal, &name, None),
        }
        .map_err(|error| match principal {
            "" => format!("nobody can log in with {path}: {error}"),
            _ => format!("{principal} cannot log in with {path}: {error}"),
        })
    }

    /// Reads the file again, unless that was a moment ago.
    fn look(&mut self, now: Instant) -> Result<(), String> {
        let path = self.path.display();
        if self.held.is_some() && !self.watch.is_due(true, now) {
            return Ok(());
        }
        self.watch.note_opened(now);
        let file =
            self.source.open().map_err(|error| format!("{path} cannot be opened: {}", in_words(error)))?;
        let bytes = read(&file).map_err(|error| format!("{path} cannot be read: {}", strerror(&error)))?;
        if self.held.as_ref().is_some_and(|held| held.bytes == bytes) {
            return Ok(());
        }
        let kind = Kind::of(bytes.as_bytes()).ok_or_else(|| format!("{path} {NEITHER}"))?;
        self.generation += 1;
        self.held = Some(Held { bytes, kind, file });
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::super::file::testing::OpenedHere;
    use super::*;
    use crate::mechanism::file::LOOK;
    use std::fs;

    fn file_with(bytes: &[u8]) -> (tempfile::NamedTempFile, CredentialFile) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        let source = Box::new(OpenedHere::at(file.path()));
        let credentials = CredentialFile::new(file.path().to_owned(), source);
        (file, credentials)
    }

    fn kind(credentials: &CredentialFile) -> Option<Kind> {
        credentials.held.as_ref().map(|held| held.kind)
    }

    #[test]
    fn a_keytab_and_a_cache_are_told_apart_by_their_first_bytes() {
        for (bytes, expected) in [
            (&b"\x05\x02\0\0\0\x01x"[..], Some(Kind::Keytab)),
            (b"\x05\x01\0\0\0\x01x", Some(Kind::Keytab)),
            (b"\x05\x04\0\x0c", Some(Kind::Cache)),
            (b"\x05\x03\0\x0c", Some(Kind::Cache)),
            (b"", None),
            (b"\x05", None),
            (b"\x05\x05", None),
            (b"# a text", None),
        ] {
            let (_file, mut credentials) = file_with(bytes);
            let looked = credentials.look(Instant::now());
            assert_eq!((looked.is_ok(), kind(&credentials)), (expected.is_some(), expected), "{bytes:?}");
        }
    }

    #[test]
    fn a_file_that_has_changed_counts_after_a_second_and_one_that_has_not_stays_what_it_is() {
        let (file, mut credentials) = file_with(b"\x05\x02first");
        let now = Instant::now();
        credentials.look(now).unwrap();
        fs::write(file.path(), b"\x05\x04second").unwrap();
        credentials.look(now).unwrap();
        assert_eq!((kind(&credentials), credentials.generation), (Some(Kind::Keytab), 1));
        for later in [LOOK, LOOK * 3] {
            credentials.look(now + later).unwrap();
            assert_eq!((kind(&credentials), credentials.generation), (Some(Kind::Cache), 2));
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named_and_so_is_one_that_is_too_large() {
        let (file, mut credentials) = file_with(&[5; 2 << 20]);
        let error = credentials.look(Instant::now()).unwrap_err();
        assert!(error.contains(&file.path().display().to_string()) && error.contains("too large"), "{error}");
        let path = file.path().to_owned();
        drop(file);
        let error = credentials.look(Instant::now()).unwrap_err();
        assert!(error.contains(&path.display().to_string()) && error.contains("No such file"), "{error}");
    }
}
