#![allow(clippy::unwrap_used)]

use super::*;
use crate::mechanism::file::testing::OpenedHere;
use crate::skipped;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf, Sasldb) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sasldb2");
    let database = Sasldb::new(path.clone(), Box::new(OpenedHere::at(&path))).unwrap();
    (directory, path, database)
}

/// A database of these users, all in the realm `r`.
fn load(path: &Path, users: &[(&str, &str)]) {
    let lines = users.iter().map(|(login, password)| format!(" {login}\\00r\\00userPassword\n {password}\n"));
    let text =
        format!("VERSION=3\nformat=print\ntype=hash\nHEADER=END\n{}DATA=END\n", lines.collect::<String>());
    let mut child = Command::new("db5.3_load").arg(path).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// Whether a test that loads databases can run; if not, it is noted.
fn can_load(test: &str) -> bool {
    let is_there = Command::new("db5.3_load").arg("-V").output().is_ok();
    if !is_there {
        skipped::note(test, "needs db5.3_load");
    }
    is_there
}

fn ask(database: &mut Sasldb, login: &str, password: &str) -> Result<Found, String> {
    let password = Secret::copy_of(password.as_bytes());
    database.check(login.as_bytes(), b"r", &password, Instant::now()).map_err(|error| error.to_string())
}

#[test]
fn what_is_written_over_replaced_or_removed_counts_at_the_next_login() {
    if !can_load("what_is_written_over_replaced_or_removed_counts_at_the_next_login") {
        return;
    }
    let (directory, path, mut database) = place();
    load(&path, &[("anna", "one")]);
    assert_eq!(ask(&mut database, "anna", "one"), Ok(Found::Right));
    for number in 0..50 {
        // In place, many times within a tick of the clock.
        let password = format!("pw{number}");
        load(&path, &[("anna", &password)]);
        assert_eq!(ask(&mut database, "anna", &password), Ok(Found::Right), "{number}");
    }
    let other = directory.path().join("other");
    load(&other, &[("otto", "two")]);
    fs::rename(&other, &path).unwrap();
    assert_eq!(ask(&mut database, "otto", "two"), Ok(Found::Right));
    assert_eq!(ask(&mut database, "anna", "pw49"), Ok(Found::Unknown));
    fs::remove_file(&path).unwrap();
    let missing = format!("The sasldb {} cannot be read: No such file or directory", path.display());
    assert_eq!(ask(&mut database, "otto", "two"), Err(missing));
}

#[test]
fn a_file_that_is_none_or_too_large_is_an_error_that_names_it() {
    if !can_load("a_file_that_is_none_or_too_large_is_an_error_that_names_it") {
        return;
    }
    let (_directory, path, mut database) = place();
    for (bytes, told) in [
        (&b""[..], "cannot be read: it is empty"),
        (b"x", "cannot be read: it should be a Berkeley DB hash, gdbm or lmdb file and is something else"),
    ] {
        fs::write(&path, bytes).unwrap();
        assert_eq!(ask(&mut database, "anna", "one"), Err(format!("The sasldb {} {told}", path.display())));
    }
    fs::remove_file(&path).unwrap();
    load(&path, &[("anna", "one")]);
    File::options().write(true).open(&path).unwrap().set_len(LARGEST + 1).unwrap();
    let told = format!("The sasldb {} is larger than 256 MiB", path.display());
    assert_eq!(ask(&mut database, "anna", "one"), Err(told));
}

/// A user who is on none of the pages for a moment, as when a writer moves him: each time the file is opened it is
/// written anew.
struct BeingWritten {
    path: PathBuf,
    states: Vec<Vec<u8>>,
}

impl FileSource for BeingWritten {
    fn open(&mut self) -> Result<File, OpenError> {
        if let Some(state) = self.states.pop() {
            fs::write(&self.path, state).unwrap();
        }
        open_regular(&self.path)
    }
}

#[test]
fn who_is_missing_in_the_middle_of_a_change_is_not_refused() {
    if !can_load("who_is_missing_in_the_middle_of_a_change_is_not_refused") {
        return;
    }
    let (_directory, path, _) = place();
    let state = |users: &[(&str, &str)]| {
        load(&path, users);
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        bytes
    };
    let states = vec![state(&[("anna", "one")]), state(&[("otto", "two")])];
    // This process may be stopped for so long that what it reads looks settled.
    let is_accepted = |_| {
        let source = BeingWritten { path: path.clone(), states: states.clone() };
        let mut database = Sasldb::new(path.clone(), Box::new(source)).unwrap();
        ask(&mut database, "anna", "one") == Ok(Found::Right)
    };
    assert!((0..10).any(is_accepted));
}
