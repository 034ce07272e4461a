//! Keytabs and caches of tickets as files: what names them, how they are opened, and which of both one is.
#![forbid(unsafe_code)]

use crate::ipc::OpenError;
use crate::mechanism::file::{FileSource, open_regular, system};
use crate::secret::Secret;
use crate::strerror::strerror;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The largest that is read, in bytes. A ticket has some kilobytes, with many groups in Active Directory some more.
const LARGEST: u64 = 1 << 20;

/// What a file begins with: its version, by which the two kinds differ.
const KEYTABS: [&[u8]; 2] = [b"\x05\x01", b"\x05\x02"];
const CACHES: [&[u8]; 2] = [b"\x05\x03", b"\x05\x04"];

/// What a file is said to be that is none of them.
pub(super) const NEITHER: &str = "is neither a keytab nor a cache of Kerberos tickets";

/// In bytes, with the end of the line: that of a file (NAME_MAX).
const LONGEST_NAME: u64 = 256;

/// Permission bits of everybody.
const OF_EVERYBODY: u32 = 0o007;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A key, which gets tickets whenever it has to.
    Keytab,
    /// Tickets that somebody else renews.
    Cache,
}

impl Kind {
    /// By the first bytes.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let begins_with = |one: &&[u8]| bytes.starts_with(one);
        if KEYTABS.iter().any(begins_with) {
            return Some(Self::Keytab);
        }
        CACHES.iter().any(begins_with).then_some(Self::Cache)
    }
}

/// Where a keytab or a cache is that libraries know by this name: `FILE:/x` and `/x`, `DIR:/x` for a directory of caches and
/// `DIR::/x/tkt` for one of them; `None` for `KCM:`, `KEYRING:x` and others that are no files.
pub fn path_of(name: &OsStr) -> Option<&Path> {
    let name = name.as_bytes();
    let prefixes = [&b"FILE:"[..], b"DIR::", b"DIR:"];
    let path = prefixes.into_iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    path.starts_with(b"/").then(|| Path::new(OsStr::from_bytes(path)))
}

/// Opens it for whoever may read it. In a directory of caches that is the primary one, at that moment.
///
/// # Errors
/// Those of [`open_regular`].
pub fn open(path: &Path) -> Result<File, OpenError> {
    match path.is_dir() {
        true => open_regular(&path.join(primary(path)?)),
        false => open_regular(path),
    }
}

/// What MIT's library has in `primary`: the name of a file beside it, in a line. Until there is one it is `tkt`.
fn primary(directory: &Path) -> Result<OsString, OpenError> {
    let mut name = Vec::new();
    match open_regular(&directory.join("primary")) {
        Ok(file) => file.take(LONGEST_NAME).read_to_end(&mut name).map_err(|error| system(&error))?,
        Err(OpenError::System(libc::ENOENT)) => return Ok("tkt".into()),
        Err(error) => return Err(error),
    };
    let name = name.strip_suffix(b"\n").unwrap_or_default();
    match name.starts_with(b"tkt") && !name.contains(&b'/') {
        true => Ok(OsString::from_vec(name.to_vec())),
        false => Err(OpenError::System(libc::EINVAL)),
    }
}

/// A keytab or a cache, for a process that has the rights to open it.
pub struct OpenedByName(pub PathBuf);

impl FileSource for OpenedByName {
    fn open(&mut self) -> Result<File, OpenError> {
        open(&self.0)
    }
}

/// What is wrong with the keytab or cache at a path, for `--check`: a phrase that goes on with its name.
pub fn fault(path: &Path) -> Option<String> {
    let file = match open(path) {
        Ok(file) => file,
        Err(error) => return Some(format!("cannot be read: {}", in_words(error))),
    };
    match read(&file) {
        Err(error) => return Some(format!("cannot be read: {}", strerror(&error))),
        Ok(bytes) if Kind::of(bytes.as_bytes()).is_none() => return Some(NEITHER.to_owned()),
        Ok(_) => {}
    }
    let mode = file.metadata().ok()?.permissions().mode() & 0o7777;
    (mode & OF_EVERYBODY != 0)
        .then(|| format!("is open to everybody (mode {mode:04o}), make {} 0600", path.display()))
}

/// All of a file that is no larger than a keytab or a cache can be.
///
/// # Errors
/// Those of read(2), and EFBIG.
pub fn read(file: &File) -> io::Result<Secret> {
    let mut bytes = Secret::default();
    let mut part = Secret::default();
    part.resize(4096);
    let mut rest = file.take(LARGEST + 1);
    loop {
        let length = rest.read(part.as_mut_bytes())?;
        if length == 0 {
            break;
        }
        bytes.extend_from_slice(part.as_bytes().get(..length).unwrap_or_default());
    }
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= LARGEST => Ok(bytes),
        _ => Err(io::Error::from_raw_os_error(libc::EFBIG)),
    }
}

pub(super) fn in_words(error: OpenError) -> String {
    match error {
        OpenError::System(number) => strerror(&io::Error::from_raw_os_error(number)),
        OpenError::NotRegular => "it is not a regular file".to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn names_of_files_and_of_directories_of_caches_are_paths_and_others_are_not() {
        for (name, path) in [("/k", "/k"), ("FILE:/k", "/k"), ("DIR:/d", "/d"), ("DIR::/d/tkt1", "/d/tkt1")] {
            assert_eq!(path_of(OsStr::new(name)), Some(Path::new(path)), "{name}");
        }
        for name in ["KCM:", "KEYRING:persistent:0", "MEMORY:x", "API:x", "relative", "FILE:relative", ""] {
            assert_eq!(path_of(OsStr::new(name)), None, "{name}");
        }
    }

    /// What opening a directory gives, in which `primary` and one cache of each of these names are.
    fn opened(primary: Option<&str>, caches: &[&str]) -> Result<String, OpenError> {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        primary.into_iter().for_each(|primary| write("primary", primary));
        caches.iter().for_each(|name| write(name, name));
        open(directory.path()).map(|mut file| {
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            text
        })
    }

    #[test]
    fn of_a_directory_of_caches_the_primary_one_is_opened() {
        assert_eq!(opened(None, &["tkt", "tktA"]), Ok("tkt".to_owned()));
        assert_eq!(opened(Some("tktA\n"), &["tkt", "tktA"]), Ok("tktA".to_owned()));
        assert_eq!(opened(Some("tktB\n"), &["tkt"]), Err(OpenError::System(libc::ENOENT)));
        assert_eq!(opened(None, &[]), Err(OpenError::System(libc::ENOENT)));
    }

    #[test]
    fn a_primary_cache_is_none_outside_its_directory() {
        for primary in
            ["", "\n", "tkt", "tkt/../../etc/shadow\n", "../x\n", "/etc/shadow\n", &"t".repeat(999)]
        {
            assert_eq!(opened(Some(primary), &["tkt"]), Err(OpenError::System(libc::EINVAL)), "{primary}");
        }
    }

    #[test]
    fn what_is_no_keytab_or_everybodys_is_a_fault() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let with = |bytes: &[u8], mode: u32| {
            fs::write(file.path(), bytes).unwrap();
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            fault(file.path())
        };
        assert_eq!(with(b"\x05\x02", 0o600), None);
        assert_eq!(with(b"\x05\x04", 0o640), None);
        assert_eq!(with(b"root:x:0:0", 0o600).unwrap(), NEITHER);
        assert!(with(b"\x05\x02", 0o644).unwrap().starts_with("is open to everybody (mode 0644)"));
        assert!(with(&[5; 2 << 20], 0o600).unwrap().starts_with("cannot be read: "));
        assert_eq!(fault(Path::new("/dev/zero")).unwrap(), "cannot be read: it is not a regular file");
        assert!(fault(Path::new("/nonexistent")).unwrap().starts_with("cannot be read: No such file"));
    }
}
