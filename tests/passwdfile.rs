//! `-a passwdfile`: logins from a file of the administrator's own. C has nothing like it.

use crate::support::{Answer, Daemon, Finished, Launch, Program, Request, eventually};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;

/// Hashes of `right` and of `other`, cheap ones.
const RIGHT: &str = "$1$6IhhkS.2$UkOBxkF9pR21C6pHItme2.";
const DES: &str = "wJWgjQAa2q8Ik";

/// A file of logins, removed at the end of the test.
struct File {
    directory: TempDir,
}

impl File {
    fn new(text: &str) -> Self {
        let file = Self { directory: TempDir::new().unwrap() };
        file.replace(text);
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
        file
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("users")
    }

    /// Puts another file in its place, as editors and configuration management do.
    fn replace(&self, text: &str) {
        let fresh = self.directory.path().join("fresh");
        fs::write(&fresh, text).unwrap();
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(fresh, self.path()).unwrap();
    }

    fn launch(&self) -> Launch {
        Launch::new(Program::Ours, &["-a", "passwdfile", "-O", self.path().to_str().unwrap()])
    }
}

#[test]
fn logins_of_the_file_are_accepted_with_their_password() {
    let file = File::new(&format!(
        "# accounts\n\nanna:{RIGHT}\nberta:{DES}:1000:1000::/home/berta:/bin/sh\njürgen@example.org:{RIGHT}:\n"
    ));
    let daemon = file.launch().start();
    for login in ["anna", "berta", "jürgen@example.org"] {
        assert_eq!(ask(&daemon, login, "right"), "OK", "{login}");
        assert!(ask(&daemon, login, "wrong").is_no(), "{login}");
    }
    for login in ["carla", "Anna", "# accounts", "#", "jürgen", "ann"] {
        assert!(ask(&daemon, login, "right").is_no(), "{login}");
    }
}

#[test]
fn a_locked_or_empty_hash_accepts_no_password() {
    let file = File::new(&format!("a:\nb:*\nc:!{RIGHT}\nd:x\ne:right\nf:$6$\ngood:{RIGHT}\n"));
    let daemon = file.launch().start();
    for login in ["a", "b", "c", "d", "e", "f"] {
        for password in ["right", "*", "x"] {
            assert!(ask(&daemon, login, password).is_no(), "{login} with {password}");
        }
    }
    assert_eq!(ask(&daemon, "good", "right"), "OK");
}

#[test]
fn a_changed_file_is_read_again() {
    let file = File::new(&format!("anna:{RIGHT}\n"));
    let daemon = file.launch().with(&["-n", "2"]).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    file.replace(&format!("berta:{RIGHT}\n"));
    eventually("the new login is known", || ask(&daemon, "berta", "right").is_ok().then_some(()));
    eventually("the old login is gone", || ask(&daemon, "anna", "right").is_no().then_some(()));
}

#[test]
fn a_bad_line_is_named_with_its_number_and_skipped() {
    let file = File::new(&format!("anna:{RIGHT}\nthis is no account\nberta:{RIGHT}\n"));
    let daemon = file.launch().start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    assert_eq!(ask(&daemon, "berta", "right"), "OK");
    let line = daemon.log.wait_for("line 2");
    assert!(line.contains(file.path().to_str().unwrap()), "{line}");
    assert!(
        !line.contains("this is no account"),
        "a line that was not understood may hold a password: {line}"
    );
}

#[test]
fn a_file_that_everybody_can_read_is_warned_about() {
    let file = File::new(&format!("anna:{RIGHT}\n"));
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).unwrap();
    let daemon = file.launch().start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    daemon.log.wait_for(file.path().to_str().unwrap());
}

#[test]
fn a_file_that_vanishes_is_unavailable_and_not_a_wrong_password() {
    let file = File::new(&format!("anna:{RIGHT}\n"));
    let daemon = file.launch().start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    fs::remove_file(file.path()).unwrap();
    eventually("the loss is noticed", || (ask(&daemon, "anna", "right") == Answer::Nothing).then_some(()));
    file.replace(&format!("anna:{RIGHT}\n"));
    eventually("the file is back", || ask(&daemon, "anna", "right").is_ok().then_some(()));
}

#[test]
fn a_file_that_is_missing_stops_the_start() {
    let finished = Launch::new(Program::Ours, &["-a", "passwdfile", "-O", "/nonexistent/users"]).run();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.errors.contains("/nonexistent/users"), "{finished:?}");
}

#[test]
fn without_a_file_there_is_nothing_to_start() {
    let Finished { code, errors, .. } = Launch::new(Program::Ours, &["-a", "passwdfile"]).run();
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("-O"), "{errors}");
}

fn ask(daemon: &Daemon, login: &str, password: &str) -> Answer {
    daemon.ask(&Request::new(login, password).service("smtp"))
}
