//! Reads the files that the settings come from, and has the mechanisms look at them.
#![forbid(unsafe_code)]

use super::{Mechanism, find, keys, site};
use crate::config::endpoint;
use crate::config::site::Site;
use crate::config::{Config, ConfigFile};
use crate::secret::Secret;
use crate::settings::file::{Problem, Text};
use crate::settings::raw_settings::{LARGEST_FILE, LARGEST_LDAP_CONF, RawSettings};
use crate::settings::scope::Scope;
use crate::strerror::strerror;
use crate::weakforced;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Where libldap looks for it, on Debian and on RPM systems; the first that is there counts.
const LDAP_CONF: [&str; 2] = ["/etc/ldap/ldap.conf", "/etc/openldap/ldap.conf"];

/// The mechanism that takes what its own file leaves open from libldap's.
const WITH_LDAP_CONF: &str = "ldap";

/// Permission bits of everybody.
const READABLE: u32 = 0o004;
const WRITEABLE: u32 = 0o002;

/// What flags and files say.
pub struct Loaded {
    /// The files, for whoever is set up from them.
    pub sources: RawSettings,
    /// What they mean.
    pub site: Site,
    /// What is wrong with them, in the order of the lines. With an error among them the daemon cannot run.
    pub problems: Vec<Problem>,
}

/// Reads the files, and has every mechanism look at its settings. Connects to nothing and resolves no name.
pub fn load(config: &Config) -> Loaded {
    let mut problems = Vec::new();
    let file = config.file.as_ref().and_then(|file| read_own(file, needs_file(config), &mut problems));
    let option = config.mechanism_option.clone();
    let mut sources = RawSettings { option, file, ..RawSettings::default() };
    // What cannot be read is not missing as well.
    if problems.iter().any(Problem::is_error) {
        return Loaded { sources, site: Site::default(), problems };
    }
    let (site, wrong) = site::resolve(&config.frontend, &config.endpoints, &sources);
    problems.extend(wrong);
    problems.extend(endpoint::check(&site.endpoints).err().map(|text| Problem::error(Path::new(""), text)));
    if config.file.is_some() && site.instances.iter().any(|instance| instance.mechanism == WITH_LDAP_CONF) {
        sources.ldap_conf = read_ldap_conf(&LDAP_CONF, &mut problems);
    }
    problems.extend(check_file(config, &sources));
    for instance in &site.instances {
        let Some(mechanism) = find(instance.mechanism) else { continue };
        problems.extend(mechanism.check(&site::sources_of(&sources, instance), &config.frontend.network));
    }
    problems.extend(weakforced::check(&sources));
    let mut problems = site::once_each(problems);
    problems.sort_by(|one, other| {
        (&one.source, one.line, one.column).cmp(&(&other.source, other.line, other.column))
    });
    Loaded { sources, site, problems }
}

/// The one mechanism, if the command line asks for nothing else: a built-in one.
fn only_mechanism(config: &Config) -> Option<&'static Mechanism> {
    match config.frontend.mechanisms.as_slice() {
        [only] => find(only),
        _ => None,
    }
}

/// Whether a file that is there and cannot be read stops the daemon.
fn needs_file(config: &Config) -> bool {
    only_mechanism(config).is_none_or(|mechanism| mechanism.needs_file(config.mechanism_option.as_deref()))
}

/// What is wrong with the lines by themselves. Where C would not read the file, its mechanism says how bad that is; but
/// not in a file with sections: with a header that is passed over logins would be shown to others than it names.
fn check_file(config: &Config, sources: &RawSettings) -> Vec<Problem> {
    let Some(text) = &sources.file else { return Vec::new() };
    let mut problems = Vec::new();
    let file = text.parse(&mut problems);
    let has_sections = file.sections.iter().any(|section| section.scope != Scope::Nothing);
    if !has_sections && only_mechanism(config).is_some_and(Mechanism::can_do_without_file) {
        problems.clear();
    }
    problems.extend(keys::check(text, &file));
    problems
}

/// `saslauthd.conf`. One that nobody has named and the mechanism does not need stops nothing.
fn read_own(file: &ConfigFile, is_needed: bool, problems: &mut Vec<Problem>) -> Option<Text> {
    match read(&file.path, LARGEST_FILE) {
        Ok((bytes, mode)) => {
            let text = Text { path: file.path.clone(), bytes };
            problems.extend(openness(&text, mode));
            Some(text)
        }
        Err(Unread::Failed(error)) if error.kind() == io::ErrorKind::NotFound && !file.required => None,
        Err(unread) => {
            let text = unread.text(LARGEST_FILE);
            let is_needed = file.required || is_needed;
            let problem = if is_needed { Problem::error } else { Problem::warning };
            problems.push(problem(&file.path, text));
            None
        }
    }
}

/// What is odd about the file's mode.
fn openness(text: &Text, mode: u32) -> Option<Problem> {
    let advice = format!("(mode {:04o}), make it 0600 or 0640", mode & 0o7777);
    if mode & WRITEABLE != 0 {
        return Some(Problem::warning(&text.path, format!("everybody can write to it {advice}")));
    }
    let told = mode & READABLE != 0 && keys::holds_password(&text.parse(&mut Vec::new()));
    told.then(|| Problem::warning(&text.path, format!("everybody can read the password in it {advice}")))
}

/// libldap takes no notice of a file of its own that it cannot read.
fn read_ldap_conf(paths: &[&str], problems: &mut Vec<Problem>) -> Option<Text> {
    for path in paths.iter().map(Path::new) {
        match read(path, LARGEST_LDAP_CONF) {
            Ok((bytes, _)) => return Some(Text { path: path.to_owned(), bytes }),
            Err(Unread::Failed(error)) if error.kind() == io::ErrorKind::NotFound => {}
            Err(unread @ (Unread::Failed(_) | Unread::NotAFile)) => {
                problems.push(Problem::warning(path, unread.text(LARGEST_LDAP_CONF)));
            }
            Err(unread) => problems.push(Problem::error(path, unread.text(LARGEST_LDAP_CONF))),
        }
    }
    None
}

enum Unread {
    Failed(io::Error),
    NotAFile,
    TooLarge,
}

impl Unread {
    fn text(&self, largest: usize) -> String {
        match self {
            Self::Failed(error) => format!("cannot be read: {}", strerror(error)),
            Self::NotAFile => "is not a regular file".to_owned(),
            Self::TooLarge => format!("is larger than {largest} bytes"),
        }
    }
}

/// A whole file and its mode.
fn read(path: &Path, largest: usize) -> Result<(Secret, u32), Unread> {
    // A FIFO would wait for a writer; regular files ignore the flag.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let file = file.map_err(Unread::Failed)?;
    let metadata = file.metadata().map_err(Unread::Failed)?;
    if !metadata.is_file() {
        return Err(Unread::NotAFile);
    }
    let bytes = read_up_to(&file, largest + 1).map_err(Unread::Failed)?;
    if bytes.len() > largest {
        return Err(Unread::TooLarge);
    }
    Ok((bytes, metadata.mode()))
}

/// The bytes go nowhere but into the secret.
fn read_up_to(mut file: &File, most: usize) -> io::Result<Secret> {
    let mut bytes = Secret::default();
    bytes.resize(most);
    let mut length = 0;
    loop {
        let room = bytes.as_mut_bytes().get_mut(length..).unwrap_or_default();
        match file.read(room) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.resize(length);
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::cli::saslauthd::{Parsed, parse};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;
    use tempfile::TempDir;

    struct Place {
        _directory: TempDir,
        path: PathBuf,
    }

    fn place() -> Place {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("saslauthd.conf");
        Place { _directory: directory, path }
    }

    fn written(text: &[u8], mode: u32) -> Place {
        let place = place();
        fs::write(&place.path, text).unwrap();
        fs::set_permissions(&place.path, fs::Permissions::from_mode(mode)).unwrap();
        place
    }

    /// What is read of the file, and the problems without its path.
    fn loaded(place: &Place, required: bool) -> (Option<Text>, Vec<String>) {
        let mut problems = Vec::new();
        let text = read_own(&ConfigFile { path: place.path.clone(), required }, true, &mut problems);
        let prefix = format!("{}: ", place.path.display());
        (text, problems.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect())
    }

    #[test]
    fn a_file_is_read_to_its_last_byte() {
        for size in [0, 1, LARGEST_FILE] {
            let bytes: Vec<u8> = b"#\n".iter().copied().cycle().take(size).collect();
            let (text, problems) = loaded(&written(&bytes, 0o644), true);
            assert!(text.unwrap().bytes.as_bytes() == bytes, "{size}");
            assert_eq!(problems, [""; 0]);
        }
    }

    #[test]
    fn a_file_that_is_too_large_is_refused_and_never_cut() {
        let (text, problems) = loaded(&written(&vec![b'#'; LARGEST_FILE + 1], 0o600), true);
        assert!(text.is_none());
        assert_eq!(problems, ["is larger than 131072 bytes"]);
    }

    #[test]
    fn only_a_file_that_somebody_named_must_be_there() {
        let (text, problems) = loaded(&place(), true);
        assert!(text.is_none());
        assert_eq!(problems, ["cannot be read: No such file or directory"]);
        let (text, problems) = loaded(&place(), false);
        assert!(text.is_none());
        assert_eq!(problems, [""; 0]);
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let place = place();
        fs::create_dir(&place.path).unwrap();
        for required in [true, false] {
            assert_eq!(loaded(&place, required).1, ["is not a regular file"]);
        }
    }

    #[test]
    fn one_that_nobody_needs_or_named_stops_nothing() {
        let place = place();
        fs::create_dir(&place.path).unwrap();
        for (required, is_needed, is_error) in
            [(false, false, false), (false, true, true), (true, false, true)]
        {
            let mut problems = Vec::new();
            let file = ConfigFile { path: place.path.clone(), required };
            assert!(read_own(&file, is_needed, &mut problems).is_none());
            assert!(problems.len() == 1 && problems.iter().all(|problem| problem.is_error() == is_error));
        }
    }

    #[test]
    fn a_line_that_is_none_stops_rimap_alone_in_a_file_with_sections_only() {
        let line = ["saslauthd", "-a", "rimap", "-O", "imap.example.org"].map(std::ffi::OsString::from);
        let Ok(Parsed::Run(config)) = parse(line) else { panic!("it is no daemon's") };
        for (text, is_error) in [
            ("oops\n[ini]\n", false),
            ("[realm x]\nmechanisms: shadow\noops\n", true),
            ("[mechanism shadow]\n[realm x\nmechanisms: shadow\n", true),
            ("[realm x]\nmechanisms: shadow\n[realm X]\nmechanisms: pam\n", true),
        ] {
            let file = Text { path: "/c".into(), bytes: Secret::copy_of(text.as_bytes()) };
            let sources = RawSettings { file: Some(file), ..RawSettings::default() };
            assert_eq!(check_file(&config, &sources).iter().any(Problem::is_error), is_error, "{text}");
        }
    }

    #[test]
    fn a_password_that_everybody_can_read_is_warned_about() {
        let readable = "everybody can read the password in it (mode 0644), make it 0600 or 0640";
        let writeable = "everybody can write to it (mode 0662), make it 0600 or 0640";
        for (text, mode, expected) in [
            ("LDAP_Password: x", 0o644, Some(readable)),
            ("[realm x]\nldap_bind_pw: x", 0o644, Some(readable)),
            ("[mechanism x]\nldap_bind_pw: x", 0o644, Some(readable)),
            ("ldap_bind_pw: x", 0o640, None),
            ("ldap_bind_dn: x", 0o644, None),
            ("# ldap_bind_pw: x", 0o644, None),
            ("ldap_bind_dn: x", 0o662, Some(writeable)),
        ] {
            let (_, problems) = loaded(&written(text.as_bytes(), mode), true);
            assert_eq!(problems, expected.as_slice(), "{text} {mode:o}");
        }
    }

    #[test]
    fn ldap_conf_is_the_first_that_is_there() {
        let (first, second) = (written(b"BASE a", 0o644), written(b"BASE b", 0o644));
        let (first_path, second_path) = (first.path.to_str().unwrap(), second.path.to_str().unwrap());
        let mut problems = Vec::new();
        let both = read_ldap_conf(&[first_path, second_path], &mut problems).unwrap();
        assert_eq!(both.bytes.as_bytes(), b"BASE a");
        let other = read_ldap_conf(&["/nonexistent/ldap.conf", second_path], &mut problems).unwrap();
        assert_eq!(other.bytes.as_bytes(), b"BASE b");
        assert!(read_ldap_conf(&["/nonexistent/ldap.conf"], &mut problems).is_none());
        assert!(problems.is_empty());
    }
}
