//! Several mechanisms behind one socket: who is asked in turn, and that none waits for another.

use crate::support::{Answer, Daemon, Launch, PamService, Program, Request, eventually, under_load};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than any login of a machine that is busy, and much shorter than the module sleeps.
const SOON: Duration = Duration::from_secs(5);

/// A file of logins, and a daemon that reads its mechanisms from another.
struct Site {
    directory: TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self { directory: TempDir::new().unwrap() };
        site.write("users", "anna:{PLAIN}right\n");
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// With these lines before the section of the file of logins.
    fn configure(&self, lines: &str) {
        let users = self.path("users");
        let section = format!("[mechanism users]\ntype: passwdfile\npasswdfile_path: {}\n", users.display());
        self.write("conf", &format!("{lines}\n{section}"));
    }

    fn launch(&self, flags: &[&str]) -> Daemon {
        let conf = self.path("conf");
        Launch::new(Program::Ours, &["--config", conf.to_str().unwrap(), "-V"]).with(flags).start()
    }
}

fn ask(daemon: &Daemon, service: &str, password: &str) -> Answer {
    daemon.ask(&Request::new("anna", password).service(service))
}

#[test]
fn the_next_mechanism_is_asked_and_the_log_names_all_or_the_one_that_accepted() {
    require!(Root);
    let service = PamService::of("pam_deny.so", "pam_permit.so");
    let site = Site::new();
    site.configure("mechanisms: pam users");
    let daemon = site.launch(&[]);
    assert_eq!(ask(&daemon, service.name(), "right"), "OK");
    daemon.log.wait_for("[mech=users]");
    assert_eq!(ask(&daemon, service.name(), "wrong"), "NO PAM auth error", "PAM claims to know it");
    daemon.log.wait_for("[mech=pam,users] [reason=PAM auth error]");
}

/// All workers of one mechanism hang, and 100 logins more wait for them.
#[test]
fn a_mechanism_that_hangs_takes_nothing_from_another() {
    require!(Root);
    let hanging = PamService::of("pam_exec.so quiet /bin/sleep 60", "pam_permit.so");
    let site = Site::new();
    site.configure(&format!("mechanisms: users\n[service {}]\nmechanisms: pam", hanging.name()));
    let daemon = site.launch(&["-n", "2"]);
    let request = Request::new("berta", "x").service(hanging.name());
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let mut connection = daemon.connect();
            connection.send(request.bytes());
            connection
        })
        .collect();
    eventually("the modules sleep", || {
        let of_pam = |worker: &crate::support::Process| !worker.children().is_empty();
        (daemon.children("worker").iter().filter(|worker| of_pam(worker)).count() == 2).then_some(())
    });
    let log_in = || {
        let start = Instant::now();
        let answer = ask(&daemon, "imap", "right");
        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
        Some(answer)
    };
    let ((), answers) = under_load(4, log_in, || (0..300).for_each(|_| drop(log_in())));
    assert!(answers.iter().all(|answer| *answer == "OK") && answers.len() >= 300, "{}", answers.len());
    drop(waiting);
}

/// Old and new processes serve by different settings for a while: each has the workers of its own.
#[test]
fn a_reload_may_add_and_take_away_mechanisms_and_costs_no_login() {
    require!(Root);
    let service = PamService::of("pam_deny.so", "pam_permit.so");
    let site = Site::new();
    site.configure("mechanisms: users");
    let daemon = site.launch(&["-n", "2"]);
    let log_in = || Some(ask(&daemon, service.name(), "right"));
    let ((), answers) = under_load(2, log_in, || {
        for mechanisms in ["pam users", "users", "users pam"] {
            let before = daemon.children("frontend");
            site.configure(&format!("mechanisms: {mechanisms}"));
            daemon.process.signal("HUP");
            eventually(mechanisms, || {
                let now = daemon.children("frontend");
                (now.len() == 1 && now != before).then_some(())
            });
        }
    });
    assert!(answers.iter().all(|answer| *answer == "OK"), "of {}", answers.len());
}
