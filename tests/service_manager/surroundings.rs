//! What a service manager has set is for the daemon alone, and a service manager that does not read holds up nobody.

use super::{Manager, launch};
use crate::support::{Connection, Launch, PamService, Program, Request, eventually};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

const VARIABLES: [&str; 8] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PIDFDID",
    "INVOCATION_ID",
];

#[test]
fn no_child_and_no_program_of_a_module_finds_what_the_service_manager_has_set() {
    require!(Root);
    let manager = Manager::new();
    let (seen, script) = (manager.file("seen"), manager.file("script"));
    fs::write(&script, format!("#!/bin/sh\nenv > {}\n", seen.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let service = PamService::of(&format!("pam_exec.so {}", script.display()), "pam_permit.so");
    let set = "export WATCHDOG_USEC=9000000 WATCHDOG_PID=$$ INVOCATION_ID=0123 LISTEN_PID=1 LISTEN_FDS=1 \
               LISTEN_FDNAMES=x LISTEN_PIDFDID=7 KEPT=yes";
    let daemon = manager.starts(Launch::new(Program::Ours, &["-a", "pam"])).after(set).start();
    assert_eq!(daemon.ask(&Request::new("user", "right").service(service.name())), "OK");
    let environ = |file: &std::path::Path| String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned();
    // By their names, which they have not before they have an environment of their own.
    let children = eventually("all children are there", || {
        let children = [daemon.children("frontend"), daemon.children("worker")].concat();
        (children.len() == 6).then_some(children)
    });
    let mut environments: Vec<_> = children.iter().map(|child| environ(&child.file("environ"))).collect();
    assert!(environments.iter().any(|environment| environment.contains("KEPT=yes")), "those of workers");
    environments.push(environ(&seen));
    for environment in environments {
        for variable in VARIABLES {
            assert!(!environment.contains(&format!("{variable}=")), "{environment}");
        }
    }
    assert!(environ(&daemon.process.file("environ")).contains("NOTIFY_SOCKET="), "it was set");
}

#[test]
fn a_socket_that_is_full_holds_up_nothing_and_gets_the_message_when_there_is_room() {
    for detached in [false, true] {
        let manager = Manager::new();
        let filler = UnixDatagram::unbound().unwrap();
        filler.set_nonblocking(true).unwrap();
        while filler.send_to(b"X=1", &manager.address).is_ok() {}
        let launch = launch(&manager);
        let start = Instant::now();
        let daemon = if detached { launch.start_detached() } else { launch.start() };
        // The one thing that waits, for a second: whoever launches it must still be there when its message arrives.
        assert!(!detached || start.elapsed() >= Duration::from_millis(900), "{:?}", start.elapsed());
        daemon.process.signal("HUP");
        assert!(daemon.ask(&Request::new("anna", "x")).is_none(), "it serves");
        let lines = manager.listen();
        lines.wait_for("READY=1");
        lines.wait_for("RELOADING=1");
    }
}

#[test]
fn a_socket_that_is_not_there_or_is_none_keeps_nobody_from_starting() {
    for address in ["/nonexistent/notify", "/etc/passwd", "relative", "vsock:2:1", "@nobody-is-here", ""] {
        let launch = Launch::new(Program::Ours, &["-a", "getpwent"]);
        let mut daemon = launch.after(&format!("export NOTIFY_SOCKET='{address}'")).start();
        assert!(Connection::try_new(&daemon.socket()).is_ok());
        daemon.process.signal("HUP");
        daemon.log.wait_for("The configuration was read again");
        assert_eq!(daemon.end_with("TERM"), Some(0), "{address}");
    }
}
