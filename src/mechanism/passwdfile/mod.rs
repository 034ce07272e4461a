//! `-a passwdfile -O FILE`, or `passwdfile_path: FILE` in saslauthd.conf: logins and hashes in a file of their own, as pam_pwdfile, htpasswd and Dovecot have them.
//!
//! ```text
//! # comment
//! login:hash
//! login:hash:ignored
//! ```
//!
//! The file is looked at for every login and indexed again when it has changed. Whoever writes it should write a new
//! file and rename it: a login during a rewrite in place sees half a file. The worker need not be able to open it: it
//! keeps it open, and the supervisor opens what is at the path when that may be another file.
#![forbid(unsafe_code)]

mod file;
mod index;
mod line;
mod reader;
mod report;

use super::password;
use crate::config::site::Privileges;
use crate::credentials::Credentials;
use crate::hash::load_hashes;
use crate::mechanism::schemes::{NotCompared, Stored};
use crate::mechanism::{FileUse, Local, LocalMechanism, Means, MechanismError};
use crate::outcome::{Outcome, Refusal, Verdict};
use crate::secret::Secret;
use crate::settings::file::{Problem, Text};
use crate::settings::keys::Keys;
use crate::settings::raw_settings::RawSettings;
use file::{Lookup, PasswdFile};
use log::Level;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The key of saslauthd.conf that names the file, where `-O` does not.
pub const PATH_KEY: &str = "passwdfile_path";

/// The keys of saslauthd.conf.
pub const KEYS: &[&[&str]] = &[&[PATH_KEY]];

/// `-a passwdfile`
pub const LOCAL: Local = Local {
    conf: FileUse::Unused,
    check,
    probe: None,
    reach: None,
    start,
    privileges: Privileges::Unprivileged,
    file: |option| path(option).ok(),
    peer: None,
    only_looks_up: false,
};

/// Why a hash cannot be computed that has come into the file since the worker was started.
const TOO_OLD: &str =
    "the first hash in the passwd file that needs OpenSSL has come after the start of this worker";

struct Passwdfile {
    file: PasswdFile,
    /// Whether OpenSSL was mapped, or tried to be, before this process gave up its access to files.
    has_tried_openssl: bool,
    impaired: bool,
}

/// Reads the whole file, so that whoever starts or reloads the daemon is told about every bad line.
fn check(sources: &RawSettings) -> Vec<Problem> {
    // The sentence names the file.
    let error = |error: MechanismError| vec![Problem::error(Path::new(""), error.0)];
    let problems = match &sources.file {
        Some(text) => check_key(text, sources),
        None => Vec::new(),
    };
    if !problems.is_empty() {
        return problems;
    }
    path(sources.option.as_deref()).and_then(inspect).unwrap_or_else(error)
}

/// What is wrong with the key; if there is nothing, it is the option.
fn check_key(text: &Text, sources: &RawSettings) -> Vec<Problem> {
    let mut problems = Vec::new();
    let file = text.parse(&mut Vec::new());
    let sections = file.for_mechanism(sources.instance.as_deref());
    let mut keys = Keys::new(text.path(), sections, &mut problems);
    match (keys.entry(&[PATH_KEY]), &sources.option) {
        (Some(entry), _) if !entry.value.as_bytes().starts_with(b"/") => {
            keys.complain(entry, "takes an absolute path");
        }
        (None, None) => keys.miss("passwdfile_path is missing: the file of logins and hashes"),
        _ => {}
    }
    problems
}

fn inspect(path: PathBuf) -> Result<Vec<Problem>, MechanismError> {
    let told = PasswdFile::inspect(&path).map_err(|error| MechanismError(error.to_string()))?;
    Ok(told.into_iter().map(|sentence| Problem::warning(&path, sentence)).collect())
}

/// Reads the file once in advance. That it cannot be read *now* must not keep the worker from starting: each login
/// is then answered as unavailable, until the file is back.
///
/// A sandbox comes next, in which no library can be mapped any more: OpenSSL has to be there before it if it is needed.
fn start(means: Means<'_>) -> Result<Box<dyn LocalMechanism>, MechanismError> {
    let path = path(means.option)?;
    let Some(source) = means.file else {
        let path = path.display();
        return Err(MechanismError(format!("The passwd file {path} has nobody to open it")));
    };
    let mut file = PasswdFile::new(path, source);
    // `check` has reported the bad lines already, and there may be many workers.
    if let Err(error) = file.refresh(Instant::now(), Level::Debug) {
        log::debug!(target: "passwdfile", "{error}");
    }
    let has_tried_openssl = file.needs_openssl().unwrap_or(true);
    if has_tried_openssl {
        // Who needs none of it is served without; the others are told when they log in.
        let _ = load_hashes();
    }
    Ok(Box::new(Passwdfile { file, has_tried_openssl, impaired: false }))
}

/// The daemon changes its directory, so a relative path would mean something else after the start.
fn path(option: Option<&OsStr>) -> Result<PathBuf, MechanismError> {
    let Some(path) = option.filter(|option| !option.is_empty()).map(PathBuf::from) else {
        return Err(MechanismError("The mechanism passwdfile needs its file: -O /path/to/file".into()));
    };
    if !path.is_absolute() {
        let path = path.display();
        return Err(MechanismError(format!(
            "The passwd file must be given with its absolute path, not as {path}"
        )));
    }
    Ok(path)
}

impl LocalMechanism for Passwdfile {
    fn verify(&mut self, credentials: &Credentials) -> Verdict {
        let outcome = match self.file.lookup(&credentials.login, Instant::now(), Level::Warn) {
            Err(error) => Outcome::internal_failure(error.to_string()),
            Ok(Lookup::Known(hash)) => match check_hash(&credentials.login, &credentials.password, &hash) {
                Ok(true) => Outcome::ACCEPT,
                Ok(false) => Outcome::reject("Incorrect password"),
                // It is no password's, as a line that the index skips.
                Err(NotCompared::Malformed(why)) => {
                    Outcome::Reject(Refusal::with_reason("Incorrect password", why))
                }
                Err(NotCompared::Failed(_)) if !self.has_tried_openssl => {
                    self.impaired = true;
                    Outcome::internal_failure(TOO_OLD)
                }
                Err(NotCompared::Failed(why)) => Outcome::internal_failure(why),
            },
            Ok(Lookup::Unknown(stand_in)) => {
                spend_time(&credentials.password, stand_in.as_ref());
                password::invalid_username()
            }
        };
        outcome.into()
    }

    fn is_impaired(&self) -> bool {
        self.impaired
    }
}

fn check_hash(login: &[u8], password: &Secret, hash: &Secret) -> Result<bool, NotCompared> {
    Stored::parse_hash(hash.as_bytes())?.check_of(login, password.as_bytes())
}

/// An unknown login takes as long as one that has the stand-in's hash: the file's own kinds of hash, as they occur.
fn spend_time(password: &Secret, stand_in: Option<&Secret>) {
    match stand_in {
        Some(hash) => _ = std::hint::black_box(check_hash(b"", password, hash)),
        None => password::check_dummy_hash(password),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::mechanism::file::testing::OpenedHere;
    use std::os::unix::fs::PermissionsExt;

    /// `s3cret` by md5crypt, which is quick.
    const HASH: &str = "$1$7Fkxnd9L$LkYoZxaWAUNAg01uDzRlk0";

    fn mechanism(path: &Path) -> Box<dyn LocalMechanism> {
        let file = Some(Box::new(OpenedHere::at(path)) as _);
        start(Means { option: Some(path.as_os_str()), file, ..Means::default() }).unwrap()
    }

    fn ask(mechanism: &mut dyn LocalMechanism, login: &[u8], password: &str) -> Outcome {
        let credentials = Credentials::of_login(login, password);
        let verdict = mechanism.verify(&credentials);
        assert_eq!(verdict.delay, None, "the daemon's own delay is for it");
        verdict.outcome
    }

    fn check_option(option: Option<&str>) -> Vec<Problem> {
        check(&RawSettings { option: option.map(Into::into), ..RawSettings::default() })
    }

    fn refusal(option: Option<&str>) -> String {
        let problems = check_option(option);
        assert!(problems.len() == 1 && problems[0].is_error(), "{problems:?}");
        let error = problems[0].to_string();
        if option.is_none_or(|option| !option.starts_with('/')) {
            let means = Means { option: option.map(OsStr::new), ..Means::default() };
            assert_eq!(start(means).err(), Some(MechanismError(error.clone())));
        }
        error
    }

    #[test]
    fn a_login_is_accepted_with_its_own_password_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        std::fs::write(&path, format!("anna:{HASH}\notto@example.org:{HASH}:1000:x\neva:!{HASH}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(check_option(path.to_str()), []);
        let mut mechanism = mechanism(&path);
        for (login, password, expected) in [
            ("anna", "s3cret", Outcome::ACCEPT),
            ("otto@example.org", "s3cret", Outcome::ACCEPT),
            ("anna", "s3cre", Outcome::reject("Incorrect password")),
            ("anna", HASH, Outcome::reject("Incorrect password")),
            ("eva", "s3cret", Outcome::reject("Incorrect password")),
            ("otto", "s3cret", password::invalid_username()),
            ("Anna", "s3cret", password::invalid_username()),
        ] {
            assert_eq!(ask(mechanism.as_mut(), login.as_bytes(), password), expected, "{login} {password}");
        }
    }

    #[test]
    fn whatever_is_odd_about_the_file_is_told_and_keeps_nobody_from_starting() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        std::fs::write(&path, format!("anna:{HASH}\noops\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let told: Vec<_> = check_option(path.to_str()).iter().map(Problem::to_string).collect();
        let path = path.display();
        let expected = [
            format!("{path}: it is open to everybody (mode 0644), make it 0600 or 0640"),
            format!("{path}: line 2 is skipped: the line has no colon after the login"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_malformed_hash_refuses_every_password_and_is_no_outage() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        let tail = "$PVBsvRNVcdp/Sbn0i0h5OA$8piv5C4UlN6uZc69x9d5Og6sZO+q840413TVNW/eGgU";
        let (skipped, kept) = ("Invalid username", "Incorrect password");
        let cases = [
            (format!("$argon2id$v=19$m=64,t=1,p=q{tail}"), skipped),
            (format!("$argon2id$v=19$o=64,t=1,p=1{tail}"), skipped),
            (format!("$argon2id$v=18$m=64,t=1,p=1{tail}"), skipped),
            (format!("{{ARGON2ID}}$arcon2id$v=19$m=64,t=1,p=1{tail}"), skipped),
            // Only the library finds out that this salt is too short.
            ("$argon2id$v=19$m=64,t=1,p=1$YWJjZA$8piv5C4UlN6uZc69x9d5Og".to_owned(), kept),
        ];
        let lines = cases.iter().enumerate().map(|(number, (hash, _))| format!("u{number}:{hash}\n"));
        std::fs::write(&path, lines.collect::<String>()).unwrap();
        let mut mechanism = mechanism(&path);
        for (number, (hash, expected)) in cases.iter().enumerate() {
            let outcome = ask(mechanism.as_mut(), format!("u{number}").as_bytes(), "s3cret");
            let Outcome::Reject(refusal) = outcome else { panic!("{hash}: {outcome:?}") };
            assert_eq!(refusal.text, *expected, "{hash}");
            // A line that is skipped is none, and the file then does not have the login.
            assert_eq!(refusal.is_unknown_login, *expected == skipped, "{hash}");
        }
    }

    #[test]
    fn a_file_that_disappears_is_unavailable_until_it_is_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        let unavailable = Outcome::internal_failure(format!(
            "The passwd file {} cannot be read: No such file or directory",
            path.display()
        ));
        let mut mechanism = mechanism(&path);
        for _ in 0..2 {
            assert_eq!(ask(mechanism.as_mut(), b"anna", "s3cret"), unavailable);
            std::fs::write(&path, format!("anna:{HASH}\n")).unwrap();
            assert_eq!(ask(mechanism.as_mut(), b"anna", "s3cret"), Outcome::ACCEPT);
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn an_option_that_cannot_be_used_is_one_sentence_that_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("users");
        let needed = "The mechanism passwdfile needs its file: -O /path/to/file";
        assert_eq!(refusal(None), needed);
        assert_eq!(refusal(Some("")), needed);
        assert_eq!(
            refusal(Some("users")),
            "The passwd file must be given with its absolute path, not as users"
        );
        let missing = missing.to_str().unwrap();
        let error = format!("The passwd file {missing} cannot be read: No such file or directory");
        assert_eq!(refusal(Some(missing)), error);
        let directory = directory.path().to_str().unwrap();
        assert_eq!(refusal(Some(directory)), format!("The passwd file {directory} is not a regular file"));
    }
}
