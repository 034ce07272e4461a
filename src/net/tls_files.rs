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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;

    /// How long its encoding is does not matter here.
    fn certificate(bytes: usize) -> String {
        let line = format!("{}\n", "A".repeat(63));
        format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", line.repeat(bytes / 64))
    }

    fn why_not(path: &Path) -> String {
        match read(path) {
            Contents::Unreadable(reason) => reason,
            Contents::File(_) | Contents::Directory(_) => panic!("{} can be read", path.display()),
        }
    }

    /// How many files with certificates.
    fn authorities(directory: &Path) -> Vec<usize> {
        match read(directory) {
            Contents::Directory(files) => files.iter().map(Secret::len).collect(),
            Contents::File(_) | Contents::Unreadable(_) => panic!("no directory"),
        }
    }

    #[test]
    fn a_file_is_read_whole_up_to_its_bound_and_none_that_is_larger() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.pem");
        fs::write(&path, "x".repeat(200_000)).unwrap();
        assert!(read(&path) == Contents::File(Secret::from_vec(vec![b'x'; 200_000])));
        File::create(&path).unwrap().set_len(LARGEST_FILE).unwrap();
        assert!(matches!(read(&path), Contents::File(bytes) if bytes.len() as u64 == LARGEST_FILE));
        File::create(&path).unwrap().set_len(LARGEST_FILE + 1).unwrap();
        assert_eq!(why_not(&path), "it is larger than 4194304 bytes");
    }

    #[test]
    fn what_is_no_file_is_told_and_waited_for_by_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.pem");
        assert_eq!(why_not(&path), "No such file or directory");
        assert_eq!(why_not(Path::new("/dev/zero")), "it is not a regular file");
        let _socket = UnixListener::bind(&path).unwrap();
        assert_eq!(why_not(&path), "No such device or address");
    }

    #[test]
    fn each_certificate_of_a_directory_is_read_once_whatever_leads_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("authority.crt");
        fs::write(
            &path,
            format!("its key follows\n{}-----BEGIN PRIVATE KEY-----\nsecret\n", certificate(64)),
        )
        .unwrap();
        for name in ["0123abcd.0", "0123abcd.1"] {
            symlink("authority.crt", directory.path().join(name)).unwrap();
        }
        fs::hard_link(&path, directory.path().join("same.crt")).unwrap();
        fs::write(directory.path().join("README"), "no certificate").unwrap();
        symlink("nowhere", directory.path().join("dangling")).unwrap();
        assert_eq!(authorities(directory.path()), [certificate(64).len()]);
    }

    #[test]
    fn a_directory_has_its_bounds() {
        let directory = tempfile::tempdir().unwrap();
        let name = |number: u32| directory.path().join(format!("{number}.crt"));
        let large = certificate(900 * 1024);
        fs::write(name(0), certificate(1100 * 1024)).unwrap();
        assert_eq!(authorities(directory.path()), [], "no certificate is that large");
        (1..=9).for_each(|number| fs::write(name(number), &large).unwrap());
        assert_eq!(authorities(directory.path()), [large.len(); 9]);
        fs::write(name(10), &large).unwrap();
        assert_eq!(why_not(directory.path()), "its certificates are more than 8388608 bytes");
    }

    #[test]
    fn what_was_handed_over_counts_and_not_what_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.pem");
        fs::write(&path, "on disk").unwrap();
        let handed = |path: &PathBuf| {
            TlsFiles::from([(path.clone(), Contents::Unreadable("Permission denied".to_owned()))])
        };
        let files = handed(&path);
        assert!(matches!(find(&files, &path).contents(), Contents::Unreadable(_)));
        let others = handed(&directory.path().join("other.pem"));
        assert!(*find(&others, &path).contents() == Contents::File(Secret::copy_of(b"on disk")));
    }
}
