//! What the tests with real peers cannot do without.

use crate::support::requirement::{is_root, skip};
use std::path::Path;

/// Something that may be missing on a machine.
#[derive(Clone, Copy)]
pub enum Need {
    /// The rights of root.
    Root,
    /// A file, and how to get it.
    File(&'static str, &'static str),
    /// A PAM module, and how to get it.
    Module(&'static str, &'static str),
}

/// What every test of the peers needs.
pub const OF_ALL: [Need; 2] = [Need::Root, Need::Module("pam_pwdfile.so", "of the package libpam-pwdfile")];

impl Need {
    /// What is missing, as a reason for a person.
    fn missing(self) -> Option<String> {
        match self {
            Self::Root if !is_root() => Some("it needs to be run as root".to_owned()),
            Self::File(path, source) if !Path::new(path).exists() => {
                Some(format!("{path} is missing ({source})"))
            }
            Self::Module(name, source) if !has_module(name) => {
                Some(format!("the PAM module {name} is missing ({source})"))
            }
            Self::Root | Self::File(..) | Self::Module(..) => None,
        }
    }
}

/// Whether the test called `name` can run; if not, that is recorded, or a failure where CI is set.
pub fn are_met(name: &str, needs: impl Iterator<Item = Need>) -> bool {
    let missing = needs.filter_map(Need::missing).collect::<Vec<_>>();
    if missing.is_empty() {
        return true;
    }
    let name = name.split_once("::").map_or(name, |(_crate, path)| path);
    skip(name, &missing.join(", "));
    false
}

/// Whether one of the system's library directories holds the module: Debian names them after the machine.
fn has_module(name: &str) -> bool {
    let mut directories = std::fs::read_dir("/usr/lib").into_iter().flatten().map_while(Result::ok);
    directories.any(|directory| directory.path().join("security").join(name).exists())
}
