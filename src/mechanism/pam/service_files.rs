//! Reads the files of PAM's services, where libpam does.
#![forbid(unsafe_code)]

use super::stacks::{FALLBACK, ServiceFile, Stacks, included};
use crate::strerror::strerror;
use std::collections::{BTreeSet, VecDeque};
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The administrator's first, then those of distributions that have some elsewhere.
const DIRECTORIES: [&str; 3] = ["/etc/pam.d", "/usr/etc/pam.d", "/usr/lib/pam.d"];

/// Larger than any that an administrator writes by hand.
const LARGEST: u64 = 1 << 20;

/// The files of these services, of `other` and of all that they include, as far as they are there.
pub fn read(services: impl Iterator<Item = String>) -> Stacks {
    let mut stacks = Stacks::default();
    let mut names: VecDeque<String> = services.chain([FALLBACK.to_owned()]).collect();
    let mut seen = BTreeSet::new();
    while let Some(name) = names.pop_front() {
        if !seen.insert(name.clone()) {
            continue;
        }
        if let Some(file) = service_file(&name) {
            if let ServiceFile::There(text) = &file {
                names.extend(included(text));
            }
            stacks.files.insert(name, file);
        }
    }
    stacks
}

fn service_file(name: &str) -> Option<ServiceFile> {
    for directory in DIRECTORIES {
        // An include may be an absolute path, which takes the place of the directory.
        match text(&Path::new(directory).join(name)) {
            Ok(text) => return Some(ServiceFile::There(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Some(ServiceFile::Unreadable(strerror(&error))),
        }
    }
    None
}

fn text(path: &Path) -> io::Result<String> {
    // A FIFO would wait for a writer.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
