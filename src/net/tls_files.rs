//! Reads the files that settings name for TLS.
#![forbid(unsafe_code)]

use crate::secret::Secret;
use crate::settings::tls_files::{Contents, TlsFiles, only_certificates};
use crate::strerror::strerror;
use std::collections::HashSet;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// The largest file in bytes: a bundle of the whole Web has a quarter of a megabyte.
const LARGEST_FILE: u64 = 4 << 20;

/// The largest file of a directory of authorities that is looked at, in bytes.
const LARGEST_AUTHORITY: u64 = 1 << 20;

/// The most that is read of a directory, in bytes.
const LARGEST_DIRECTORY: usize = 8 << 20;

/// What is at the path: as somebody has handed it over who may read more than this process, else as it is on disk.
pub(super) fn find<'a>(files: &'a TlsFiles, path: &Path) -> Found<'a> {
    files.get(path).map_or_else(|| Found::Read(read(path)), Found::Known)
}

/// What is at a path, just read or known already.
pub(super) enum Found<'a> {
    Read(Contents),
    Known(&'a Contents),
}

impl Found<'_> {
    pub(super) fn contents(&self) -> &Contents {
        match self {
            Self::Read(contents) => contents,
            Self::Known(contents) => contents,
        }
    }
}

/// Reads the file or directory, each file of that which has certificates once.
pub fn read(path: &Path) -> Contents {
    let contents = open(path).and_then(|(file, metadata)| match metadata.is_dir() {
        true => read_directory(path).map(Contents::Directory),
        false if metadata.is_file() && metadata.len() <= LARGEST_FILE => {
            read_file(&file, LARGEST_FILE).map(Contents::File)
        }
        false if metadata.is_file() => {
            Err(io::Error::other(format!("it is larger than {LARGEST_FILE} bytes")))
        }
        false => Err(io::Error::other("it is not a regular file")),
    });
    contents.unwrap_or_else(|error| Contents::Unreadable(strerror(&error)))
}

/// A FIFO would wait for a writer; regular files ignore the flag.
fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let metadata = file.metadata()?;
    Ok((file, metadata))
}

/// The bytes go nowhere but into the secret. What has grown meanwhile is cut.
fn read_file(file: &File, most: u64) -> io::Result<Secret> {
    let expected = file.metadata()?.len().min(most);
    let mut bytes = Secret::with_capacity(usize::try_from(expected).unwrap_or(0).saturating_add(1));
    let mut buffer = Secret::default();
    buffer.resize(64 * 1024);
    let mut file = file.take(most);
    loop {
        match file.read(buffer.as_mut_bytes()) {
            Ok(0) => return Ok(bytes),
            Ok(length) => bytes.extend_from_slice(buffer.as_bytes().get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Files that cannot be read or hold no certificate are passed over.
fn read_directory(path: &Path) -> io::Result<Vec<Secret>> {
    let mut files = Vec::new();
    let mut seen = HashSet::new();
    let mut size = 0;
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        // Names by hashes are links to files that are there under their own name.
        let mut is_new = |file: &Metadata| seen.insert((file.dev(), file.ino()));
        let is_small = |file: &Metadata| file.is_file() && file.len() <= LARGEST_AUTHORITY;
        if !fs::metadata(&path).is_ok_and(|file| is_small(&file) && is_new(&file)) {
            continue;
        }
        let text = open(&path).and_then(|(file, _)| read_file(&file, LARGEST_AUTHORITY));
        let certificates = text.map(|text| only_certificates(text.as_bytes())).unwrap_or_default();
        size += certificates.len();
        if size > LARGEST_DIRECTORY {
            return Err(io::Error::other(format!(
                "its certificates are more than {LARGEST_DIRECTORY} bytes"
            )));
        }
        if !certificates.is_empty() {
            files.push(Secret::from_vec(certificates));
        }
    }
    Ok(files)
}
