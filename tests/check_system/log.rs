//! The mistakes that the running daemon tells of by itself, once, and never where nothing is wrong.

use crate::support::{Daemon, Launch, Program, Request, System, eventually};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

const DENIES: &str = "auth required pam_deny.so\naccount required pam_deny.so\n";
const ASKS: &str = "auth required pam_permit.so\nauth required pam_deny.so\naccount required pam_permit.so\n";

/// How often something like it is in the log.
fn told(daemon: &Daemon, words: &str) -> usize {
    daemon.log.all().iter().filter(|line| line.contains(words)).count()
}

/// Asks `times` with this service, and waits until all the refusals are logged.
fn refused(daemon: &Daemon, service: &str, times: usize) {
    for _ in 0..times {
        assert!(!daemon.ask(&Request::new("user", "wrong").service(service)).is_ok());
    }
    let verdict = format!("[service={service}]");
    eventually("the refusals are logged", || (told(daemon, &verdict) >= times).then_some(()));
}

#[test]
fn a_service_without_a_file_where_other_denies_is_named_once() {
    require!(Root, Mounts);
    let system = System::new().other_service(DENIES);
    let daemon = Launch::new(Program::Ours, &["-a", "pam", "-n", "2"]).inside(&system).start();
    refused(&daemon, "no-such-service", 4);
    let words = "there is no file /etc/pam.d/no-such-service";
    daemon.log.wait_for(words);
    assert_eq!(told(&daemon, words), 1);
}

#[test]
fn a_refusal_of_somebody_who_was_asked_is_not_explained() {
    require!(Root, Mounts);
    let system = System::new().other_service(ASKS);
    let daemon = Launch::new(Program::Ours, &["-a", "pam", "-n", "1"]).inside(&system).start();
    refused(&daemon, "no-such-service", 2);
    assert_eq!(told(&daemon, "there is no file"), 0);
}

#[test]
fn a_run_directory_that_only_root_can_pass_is_told_of_at_the_start() {
    require!(Root);
    for (mode, expected) in [(0o700, 1), (0o710, 0), (0o755, 0)] {
        let launch = Launch::new(Program::Ours, &["-a", "pam"]);
        fs::create_dir(launch.run_directory()).unwrap();
        fs::set_permissions(launch.run_directory(), Permissions::from_mode(mode)).unwrap();
        let mut daemon = launch.start();
        daemon.log.wait_for("listening on socket");
        // Whatever is told at the start comes before the end is.
        assert_eq!(daemon.end_with("TERM"), Some(0));
        daemon.log.wait_for("master exited");
        assert_eq!(told(&daemon, "only root can connect to the sockets in"), expected, "{mode:o}");
    }
}
