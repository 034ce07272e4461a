//! `-a passwdfile`: logins from a file of the administrator's own. C has nothing like it.

use crate::support::{
    Answer, Daemon, Finished, Launch, Process, Program, Request, System, eventually, under_load,
};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// Hashes of `right` and of `other`, cheap ones.
const RIGHT: &str = "$1$6IhhkS.2$UkOBxkF9pR21C6pHItme2.";
const DES: &str = "wJWgjQAa2q8Ik";

/// A hash of `right` that takes more processor time to check than is used for anything else, and about how much.
const COSTLY: &str = "$6$rounds=200000$abcdefgh$u3URZ1bj2P/ccCTImDVm8my9fpivjDWLa9KpHkD0uN7H6btbkjH0T.PsVgw2Kbl4mvbifRTEiPG8pPIcOUh73.";
const COST: Duration = Duration::from_millis(40);

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

/// As Dovecot, OpenLDAP and htpasswd write hashes of `right`: the lines of their own files can stay as they are.
#[test]
fn the_files_of_other_programs_are_read_as_they_are() {
    let hashes = [
        "{SHA512-CRYPT}$6$rounds=1000$d6YAX/fp9wlmqQv/$lz9XCwmskEwZ3paT/Q0LMbGnMqHtellIbLzDNmeA3bDx28d8PXAep9wFzEtZN6meEBYW/Tqorr/Ev1uf/oWP2/",
        "{BLF-CRYPT}$2b$05$qrMhZdbBXg5CV47NYWs6G.5Cbgq38m4GVVHZKwucrGDNoY8pGRgOa",
        "{PLAIN}right",
        "{SHA}0nofEXcSAJSXFLGvmfBIpBb11vQ=",
        "$apr1$OMFdEvL7$aTM3mdoCeoRdCzEWaWbT5/",
        "{NTLM}8846f7eaee8fb117ad06bdd830b7586c",
        "{SHA}0nofEXcSAJSXFLGvmfBIpBb11v",
        "right",
    ];
    let lines =
        (0..).zip(hashes).map(|(number, hash)| format!("user{number}:{hash}:1000:1000::/home:/bin/sh\n"));
    let file = File::new(&lines.collect::<String>());
    let daemon = file.launch().start();
    for (number, hash) in hashes.iter().enumerate().take(5) {
        let login = format!("user{number}");
        assert_eq!(ask(&daemon, &login, "right"), "OK", "{hash}");
        assert_eq!(ask(&daemon, &login, "wrong"), "NO Incorrect password", "{hash}");
        assert_eq!(ask(&daemon, &login, hash), "NO Incorrect password");
    }
    for number in 5..hashes.len() {
        assert_eq!(ask(&daemon, &format!("user{number}"), "right"), "NO Invalid username");
    }
    for (line, why) in [
        (6, "the stored password has a scheme that is not known"),
        (7, "the stored password is not what its scheme says"),
        (8, "the hash is not one that crypt(3) of this system can check"),
    ] {
        daemon.log.wait_for(&format!("line {line} is skipped: {why}"));
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

/// Each process reads the file for itself and finds the same. Without `-V`: with it each says what it read at its start.
#[test]
fn a_bad_line_of_a_changed_file_is_told_once() {
    require!(Mounts);
    let file = File::new(&format!("anna:{COSTLY}\n"));
    let system = System::new();
    let log = system.syslog();
    let daemon = file.launch().with(&["-n", "4"]).inside(&system).start_detached();
    keep_all_workers_busy(&daemon, 4);
    file.replace(&format!("anna:{COSTLY}\nthis is no account\n"));
    keep_all_workers_busy(&daemon, 4);
    let told = || log.all().iter().filter(|line| line.contains("line 2 is skipped")).count();
    log.wait_for("line 2 is skipped");
    assert_eq!(told(), 1, "{:#?}", log.all());
    daemon.process.signal("HUP");
    log.wait_for("a new frontend has taken over");
    keep_all_workers_busy(&daemon, 4);
    assert_eq!(told(), 2, "HUP reads the file once more: {:#?}", log.all());
}

/// Logs in side by side until each worker has checked a password.
fn keep_all_workers_busy(daemon: &Daemon, count: usize) {
    let workers = eventually("all workers are there", || {
        let workers = daemon.children("worker");
        (workers.len() == count).then_some(workers)
    });
    let before: Vec<_> = workers.iter().map(Process::processor_time).collect();
    let log_in = || Some(ask(daemon, "anna", "right"));
    let ((), answers) = under_load(count, log_in, || {
        eventually("each worker checks a password", || {
            let mut both = workers.iter().zip(&before);
            both.all(|(worker, before)| worker.processor_time() >= *before + COST).then_some(())
        });
    });
    assert!(answers.iter().all(Answer::is_ok), "{answers:?}");
}

/// The launching process is who can be told: the daemon has no terminal any more, and perhaps no syslog.
#[test]
fn what_is_wrong_with_the_file_is_told_to_whoever_starts_a_detached_daemon() {
    let file = File::new(&format!("anna:{RIGHT}\nthis is no account\n"));
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).unwrap();
    let launch = file.launch();
    let finished = launch.run();
    let _daemon = launch.detached();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let lines: Vec<_> = finished.errors.lines().collect();
    let path = file.path().display().to_string();
    assert!(lines.iter().all(|line| line.contains(&path)), "{finished:?}");
    for text in ["line 2", "0644"] {
        assert_eq!(lines.iter().filter(|line| line.contains(text)).count(), 1, "{text}: {finished:?}");
    }
}

#[test]
fn hup_without_the_file_changes_nothing() {
    let file = File::new(&format!("anna:{RIGHT}\n"));
    let daemon = file.launch().with(&["-c"]).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    daemon.log.wait_for("listening on socket");
    let before = daemon.children("frontend");
    fs::remove_file(file.path()).unwrap();
    daemon.process.signal("HUP");
    let line = daemon.log.wait_for("The new configuration is not used");
    assert!(line.contains(file.path().to_str().unwrap()), "{line}");
    assert_eq!(ask(&daemon, "anna", "right"), "OK", "it is remembered");
    assert_eq!(daemon.children("frontend"), before);
    file.replace(&format!("anna:{RIGHT}\n"));
    daemon.process.signal("HUP");
    daemon.log.wait_for("a new frontend has taken over");
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
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
