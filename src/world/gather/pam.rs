//! Files and modules of PAM.
#![forbid(unsafe_code)]

use super::files::read;
use crate::strerror::strerror;
use crate::world::judge::pam::{FALLBACK, ServiceFile, Stacks, USUALLY_INCLUDED, included, modules};
use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where libpam looks for services: the administrator's first, then those of distributions that have some elsewhere.
const SERVICES: [&str; 3] = ["/etc/pam.d", "/usr/etc/pam.d", "/usr/lib/pam.d"];

/// Where modules are, beside a folder `security` in each folder of these.
const MODULES: [&str; 4] = ["/lib/security", "/lib64/security", "/usr/lib/security", "/usr/lib64/security"];
const LIBRARIES: [&str; 2] = ["/lib", "/usr/lib"];

/// A module that every Linux-PAM has: where it is not, the others are not looked for either.
const CERTAIN: &str = "pam_deny.so";

/// What there is of these services; nothing where PAM is set up by a single /etc/pam.conf.
pub fn gather(services: &BTreeSet<String>) -> Option<Stacks> {
    if !Path::new("/etc/pam.d").is_dir() {
        return None;
    }
    let mut stacks = Stacks::default();
    let usual = std::iter::once(FALLBACK).chain(USUALLY_INCLUDED).map(str::to_owned);
    let mut names: VecDeque<String> = services.iter().cloned().chain(usual).collect();
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
    stacks.missing_modules = missing(&stacks);
    Some(stacks)
}

fn service_file(name: &str) -> Option<ServiceFile> {
    for directory in SERVICES {
        // An include may be an absolute path, which takes the place of the directory.
        match read(&Path::new(directory).join(name)) {
            Ok(text) => return Some(ServiceFile::There(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Some(ServiceFile::Unreadable(strerror(&error))),
        }
    }
    None
}

fn missing(stacks: &Stacks) -> BTreeSet<String> {
    let directories = module_directories();
    let is_there = |module: &str| directories.iter().any(|directory| directory.join(module).exists());
    if !is_there(CERTAIN) {
        return BTreeSet::new();
    }
    let texts = stacks.files.values().filter_map(|file| match file {
        ServiceFile::There(text) => Some(text),
        ServiceFile::Unreadable(_) => None,
    });
    // `$ISA` stands for a folder that libpam was built with.
    texts.flat_map(|text| modules(text)).filter(|module| !module.contains('$') && !is_there(module)).collect()
}

fn module_directories() -> Vec<PathBuf> {
    let below = |library: &str| fs::read_dir(library).into_iter().flatten().map_while(Result::ok);
    let of_machines = LIBRARIES.into_iter().flat_map(below).map(|entry| entry.path().join("security"));
    MODULES.into_iter().map(PathBuf::from).chain(of_machines).collect()
}
