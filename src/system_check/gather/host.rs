//! How the daemon is started here, and what it may read.
#![forbid(unsafe_code)]

use super::files::read;
use super::reach::may;
use crate::registry::load::Loaded;
use crate::sys::impersonation::Wish;
use crate::system_check::judge::host::{Host, Unreadable};
use std::fs;
use std::path::Path;

/// The module for this daemon, as contrib/selinux names it, and where semodule(8) keeps those that are loaded.
const SELINUX_MODULE: &str = "saslauthd-rs";
const SELINUX_STORES: [&str; 2] = ["/var/lib/selinux", "/etc/selinux"];

/// What there is of it.
pub fn gather(loaded: &Loaded) -> Host {
    Host {
        is_forbidden_by_selinux: is_enforcing() && !has_selinux_module(),
        unreadable: shadow(loaded).into_iter().collect(),
    }
}

/// Workers that read it keep the account that the daemon is started with.
fn shadow(loaded: &Loaded) -> Option<Unreadable> {
    let path = Path::new("/etc/shadow");
    let is_asked = loaded.site.instances.iter().any(|instance| instance.mechanism == "shadow");
    let reason = may(None, path, Wish::Read).err().filter(|_| is_asked)?;
    Some(Unreadable { path: path.to_owned(), purpose: "-a shadow".to_owned(), reason })
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
