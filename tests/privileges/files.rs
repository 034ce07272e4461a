//! The file of passwdfile, which only root may read.

use super::{HASH, OWN, ask, expect_bare, system_with_own_account};
use crate::support::{Daemon, Launch, Program, eventually, under_load};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A file of mode 0600 in a directory of mode 0700, and a daemon whose workers may open neither.
struct Site {
    directory: TempDir,
    daemon: Daemon,
}

impl Site {
    fn start() -> Self {
        let directory = TempDir::new().unwrap();
        fs::set_permissions(directory.path(), Permissions::from_mode(0o700)).unwrap();
        write(&directory.path().join("users"), "anna");
        let option = directory.path().join("users").display().to_string();
        let launch = Launch::new(Program::Ours, &["-a", "passwdfile", "-n", "3", "-O", &option]);
        let daemon = launch.inside(&system_with_own_account()).start();
        Self { directory, daemon }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("users")
    }

    fn replace(&self, login: &str) {
        let new = self.directory.path().join("new");
        write(&new, login);
        fs::rename(new, self.path()).unwrap();
    }
}

fn write(path: &Path, login: &str) {
    fs::write(path, format!("{login}:{HASH}\n")).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_file_for_root_alone_serves_logins_of_workers_without_rights() {
    require!(Root, Mounts);
    let site = Site::start();
    assert_eq!(ask(&site.daemon, "anna", "right"), "OK");
    eventually("all are there", || {
        (expect_bare(&site.daemon, &["frontend", "worker"], OWN) == 4).then_some(())
    });
    assert_eq!(ask(&site.daemon, "anna", "wrong"), "NO Incorrect password");
    site.replace("berta");
    assert_eq!(ask(&site.daemon, "anna", "right"), "NO Invalid username");
    assert_eq!(ask(&site.daemon, "berta", "right"), "OK");
    write(&site.path(), "carla");
    assert_eq!(ask(&site.daemon, "berta", "right"), "NO Invalid username");
    assert_eq!(ask(&site.daemon, "carla", "right"), "OK");
}

#[test]
fn a_directory_that_is_exchanged_is_noticed() {
    require!(Root, Mounts);
    let directory = TempDir::new().unwrap();
    for login in ["anna", "berta"] {
        fs::create_dir(directory.path().join(login)).unwrap();
        write(&directory.path().join(login).join("users"), login);
    }
    let now = directory.path().join("now");
    symlink("anna", &now).unwrap();
    let option = now.join("users").display().to_string();
    let launch = Launch::new(Program::Ours, &["-a", "passwdfile", "-O", &option]);
    let daemon = launch.inside(&system_with_own_account()).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    symlink("berta", directory.path().join("next")).unwrap();
    fs::rename(directory.path().join("next"), &now).unwrap();
    eventually("what the link leads to now counts", || ask(&daemon, "berta", "right").is_ok().then_some(()));
    eventually("for all workers", || (ask(&daemon, "anna", "right") == "NO Invalid username").then_some(()));
}

/// Every login finds the file changed, and asks the supervisor, which reloads all the while.
#[test]
fn reloads_while_workers_ask_for_their_file_cost_no_login() {
    require!(Root, Mounts);
    let site = Site::start();
    let log_in = || Some(ask(&site.daemon, "anna", "right"));
    let ((), answers) = under_load(4, log_in, || {
        for _ in 0..5 {
            let before = site.daemon.children("frontend");
            site.daemon.process.signal("HUP");
            eventually("another frontend serves alone", || {
                site.replace("anna");
                let now = site.daemon.children("frontend");
                (now.len() == 1 && now != before).then_some(())
            });
        }
    });
    assert!(answers.len() > 20 && answers.iter().all(|answer| *answer == "OK"), "{answers:?}");
}

/// With each worker goes the thread that opens files for it.
#[test]
fn workers_that_come_and_go_leave_no_thread_or_descriptor_in_the_supervisor() {
    require!(Root, Mounts);
    let site = Site::start();
    let count = |what: &str| fs::read_dir(site.daemon.process.file(what)).unwrap().count();
    let before = eventually("all workers are there", || {
        (site.daemon.children("worker").len() == 3 && count("task") == 4).then(|| count("fd"))
    });
    for _ in 0..10 {
        let worker = site.daemon.children("worker").remove(0);
        worker.signal("KILL");
        eventually("another takes its place", || {
            let now = site.daemon.children("worker");
            (now.len() == 3 && !now.contains(&worker)).then_some(())
        });
    }
    eventually("nothing is left of the old ones", || {
        (count("task") == 4 && count("fd") <= before).then_some(())
    });
    assert_eq!(ask(&site.daemon, "anna", "right"), "OK");
}
