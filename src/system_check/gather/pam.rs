//! Files and modules of PAM.
#![forbid(unsafe_code)]

use crate::mechanism::pam::service_files;
use crate::mechanism::pam::stacks::{ServiceFile, Stacks, modules};
use crate::system_check::judge::pam::USUALLY_INCLUDED;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

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
    let usual = USUALLY_INCLUDED.map(str::to_owned);
    let mut stacks = service_files::read(services.iter().cloned().chain(usual));
    stacks.missing_modules = missing(&stacks);
    Some(stacks)
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
