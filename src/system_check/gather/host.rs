//! How the daemon is started here, and what it may read.
#![forbid(unsafe_code)]

use super::accounts::account;
use super::files::read;
use super::reach::may;
use super::within::{PATIENCE, within};
use crate::config::Config;
use crate::registry::load::Loaded;
use crate::registry::named_files;
use crate::sys::impersonation::Wish;
use crate::system_check::judge::host::{Host, Unreadable};
use crate::weakforced;
use std::fs;
use std::path::Path;

/// The module for this daemon, as contrib/selinux names it, and where semodule(8) keeps those that are loaded.
const SELINUX_MODULE: &str = "saslauthd-rs";
const SELINUX_STORES: [&str; 2] = ["/var/lib/selinux", "/etc/selinux"];

/// What there is of it.
pub fn gather(config: &Config, loaded: &Loaded) -> Host {
    Host {
        is_forbidden_by_selinux: is_enforcing() && !has_selinux_module(),
        unreadable: shadow(loaded).into_iter().chain(named(config, loaded)).collect(),
    }
}

/// Workers that read it keep the account that the daemon is started with.
fn shadow(loaded: &Loaded) -> Option<Unreadable> {
    let path = Path::new("/etc/shadow");
    let is_asked = loaded.site.instances.iter().any(|instance| instance.mechanism == "shadow");
    let reason = may(None, path, Wish::Read).err().filter(|_| is_asked)?;
    Some(Unreadable { path: path.to_owned(), purpose: "-a shadow".to_owned(), account: None, reason })
}

/// Certificates and keys, which the frontend reads as the account of `--user`.
fn named(config: &Config, loaded: &Loaded) -> Vec<Unreadable> {
    let (Some(user), Some(text)) = (config.user.clone(), &loaded.sources.file) else { return Vec::new() };
    let mechanisms = loaded.site.remote_instances().map(|(_, instance)| instance.mechanism);
    let mechanisms: Vec<_> =
        mechanisms.chain(loaded.site.has_policy_server.then_some(weakforced::PREFIX)).collect();
    let name = user.clone();
    let Some(account) = within(PATIENCE, move || account(&name)).flatten() else { return Vec::new() };
    // It has its own group only.
    let account = crate::sys::spawn::Account { groups: vec![account.gid], ..account };
    let paths = named_files::paths(text, &mechanisms).into_iter();
    let unreadable = paths.filter_map(|path| {
        let reason = may(Some(&account), &path, Wish::Read).err()?;
        Some(Unreadable { path, purpose: "TLS".to_owned(), account: Some(user.clone()), reason })
    });
    unreadable.collect()
}

fn is_enforcing() -> bool {
    read(Path::new("/sys/fs/selinux/enforce")).is_ok_and(|text| text.trim() == "1")
}

/// `STORE/POLICY/active/modules/PRIORITY/NAME`. A store that cannot be read may have it.
fn has_selinux_module() -> bool {
    SELINUX_STORES.iter().flat_map(|store| below(Path::new(store))).any(|policy| {
        let priorities = policy.join("active/modules");
        below(&priorities).any(|priority| priority.join(SELINUX_MODULE).exists())
    })
}

fn below(directory: &Path) -> impl Iterator<Item = std::path::PathBuf> + use<> {
    fs::read_dir(directory).into_iter().flatten().map_while(Result::ok).map(|entry| entry.path())
}
