//! The files in /etc/default from which init starts daemons.
#![forbid(unsafe_code)]

use super::files::read;
use crate::system_check::judge::defaults::Defaults;
use std::fs;
use std::path::Path;

const DIRECTORY: &str = "/etc/default";
const NAME: &str = "saslauthd";
const SCRIPT: &str = "/etc/init.d/saslauthd";
const UNITS: [&str; 4] =
    ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
const ENABLED: &str = "/etc/systemd/system/multi-user.target.wants/saslauthd.service";

/// The line of Debian's script that asks for START=yes.
const ASKS_FOR_START: &str = "\"$START\" != \"yes\"";

/// One for each file that init reads. `is_this` tells the run directory of the daemon that is looked at.
pub fn gather(is_this: impl Fn(&Path) -> bool) -> Vec<Defaults> {
    let has_unit = UNITS.iter().any(|directory| Path::new(directory).join("saslauthd.service").exists());
    let names = match has_unit {
        true if Path::new(ENABLED).is_symlink() => vec![NAME.to_owned()],
        true => Vec::new(),
        false if read(Path::new(SCRIPT)).unwrap_or_default().contains(ASKS_FOR_START) => names(),
        false => Vec::new(),
    };
    let defaults = names.into_iter().filter_map(|name| {
        let path = Path::new(DIRECTORY).join(name);
        let text = read(&path).ok()?;
        let found = Defaults { path, text, is_this: false, has_unit };
        Some(Defaults { is_this: is_this(found.run_directory()), ..found })
    });
    defaults.collect()
}

/// As the script finds them: a daemon for each.
fn names() -> Vec<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    let entries = fs::read_dir(DIRECTORY).into_iter().flatten().map_while(Result::ok);
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<_> =
        names.filter(|name| name.starts_with(NAME) && name.bytes().all(is_plain)).collect();
    names.sort();
    names
}
