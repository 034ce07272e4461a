//! Odd places to start in: without /proc, with next to no descriptors. It runs there, or says what is missing.

use crate::support::{FakeImap, Launch, Probed, Program, Request, eventually};
use std::fs;

for_both!(it_runs_without_proc,);

const GETPWENT: &[&str] = &["-a", "getpwent"];

/// As in a chroot: /proc is an empty directory.
const WITHOUT_PROC: [&str; 6] =
    ["unshare", "--mount", "sh", "-c", r#"mount -t tmpfs none /proc && exec "$@""#, "without"];

fn it_runs_without_proc(program: Program) {
    require!(Mounts);
    let daemon = Launch::new(program, GETPWENT).behind(&WITHOUT_PROC).start_detached();
    assert_eq!(daemon.ask(&Request::new("st-nobody", "x")), "NO Invalid username");
}

/// It is found by the path that it was executed by, from where that was.
#[test]
fn it_runs_without_proc_by_a_relative_path() {
    require!(Mounts);
    let program = Program::Ours.daemon();
    let name = program.file_name().unwrap().to_str().unwrap();
    let change = format!(r#"cd '{}' && shift && exec ./{name} "$@""#, program.parent().unwrap().display());
    let launch =
        Launch::new(Program::Ours, GETPWENT).behind(&WITHOUT_PROC).behind(&["sh", "-c", &change, "there"]);
    let daemon = launch.start_detached();
    assert_eq!(daemon.ask(&Request::new("st-nobody", "x")), "NO Invalid username");
}

/// As few as C runs with, as many as it takes here, and more: either it serves, several at a time, or it says what is
/// missing. That reaches whoever starts it, every time.
#[test]
fn with_few_descriptors_it_serves_or_says_how_many_it_needs() {
    require!(Root, Compiler, Tool("prlimit"));
    for flags in [&["-n", "2"][..], &[], &["-n", "20"]] {
        let told = [10, 16, 20].map(|limit| {
            let refused = limited(limit, flags).with(&["-a", "pam"]).run();
            assert_eq!(refused.code, Some(1), "{limit}: {refused:?}");
            let start =
                format!("The limit of {limit} open descriptors (ulimit -n) is too low: one client beside ");
            let needed =
                refused.errors.contains(&start).then(|| refused.errors.trim().rsplit(' ').next().unwrap());
            needed.and_then(|number| number.parse::<u64>().ok()).unwrap_or_else(|| panic!("{refused:?}"))
        });
        let needed = told[0];
        assert_eq!(told, [needed; 3]);
        assert!(
            limited(needed - 1, flags)
                .with(&["-a", "pam"])
                .run()
                .errors
                .ends_with(&format!(" needs {needed}\n"))
        );
        for limit in [needed, needed + 1, needed + 7, 64, 100] {
            let site = Probed::launch_detached(limited(limit, flags));
            assert_eq!([site.ask("user", "right"), site.ask("user", "wrong")], ["OK", "NO PAM auth error"]);
            let mut logins: Vec<_> = (0..2).map(|_| site.begin("user", "right")).collect();
            logins.retain_mut(|login| login.receive() == "OK");
            // Beyond the room for clients the newest are told at once that there is none.
            assert!(!logins.is_empty() && (logins.len() == 2 || limit < needed + 7), "{limit} {flags:?}");
        }
    }
}

/// Seen: with fewer than the first look at itself takes it said that /proc is not mounted.
#[test]
fn with_hardly_any_descriptors_it_says_that_there_are_too_many_open_files() {
    require!(Tool("prlimit"));
    for limit in [4, 5] {
        let refused = limited(limit, GETPWENT).run();
        assert_eq!(refused.code, Some(1), "{limit}: {refused:?}");
        assert!(
            refused.errors.contains("Too many open files") && !refused.errors.contains("not mounted"),
            "{limit}: {refused:?}"
        );
    }
}

/// What a frontend cannot do without is told by the process that starts the daemon, not only by the log.
#[test]
fn a_reason_of_a_frontend_reaches_whoever_starts_the_daemon_every_time() {
    require!(Root);
    for _ in 0..20 {
        let launch = Launch::new(Program::Ours, &["-a", "rimap", "-O", "imaps://localhost"])
            .with_file("--config", "rimap_tls_ciphers: nonsense\n");
        let finished = launch.run();
        assert_eq!(finished.code, Some(1));
        assert!(finished.errors.contains("failed to initialize mechanism rimap: "), "{finished:?}");
        assert_eq!(finished.errors.lines().count(), 1, "{finished:?}");
    }
}

fn limited(limit: u64, flags: &[&str]) -> Launch {
    let limit = format!("--nofile={limit}:{limit}");
    Launch::new(Program::Ours, flags).behind(&["prlimit", &limit])
}

/// Connections to servers have their share of what there is.
#[test]
fn with_few_descriptors_servers_are_asked_too() {
    require!(Tool("prlimit"));
    let server = FakeImap::new("* OK\r\n", "TAG OK\r\n").start();
    for limit in ["30", "32", "64"] {
        let nofile = format!("--nofile={limit}:{limit}");
        let launch = Launch::new(Program::Ours, &["-a", "rimap", "-O", &server.option()]);
        let daemon = launch.behind(&["prlimit", &nofile]).start_detached();
        for _ in 0..3 {
            let mut logins = [(); 3].map(|()| daemon.connect());
            for login in &mut logins {
                login.send(Request::new("anna", "right").bytes());
            }
            assert!(logins.iter_mut().all(|login| login.receive().is_ok()), "{limit}");
        }
    }
}

/// An update puts another file in the place of the binary; the daemon goes on with the one that it was started from.
#[test]
fn its_processes_stay_the_binary_that_was_started() {
    require!(Mounts);
    for place in [&WITHOUT_PROC[..], &[]] {
        let directory = tempfile::tempdir().unwrap();
        let copy = directory.path().join("copy");
        let from_copy = r#"cp "$2" "$1" && copy=$1 && shift 2 && exec "$copy" "$@""#;
        let launch = Launch::new(Program::Ours, &["-a", "getpwent", "-n", "1"]).behind(place);
        let daemon =
            launch.behind(&["sh", "-c", from_copy, "copied", copy.to_str().unwrap()]).start_detached();
        fs::write(directory.path().join("next"), "not this one").unwrap();
        fs::rename(directory.path().join("next"), &copy).unwrap();
        let before = daemon.children("worker");
        before.iter().for_each(|worker| worker.signal("KILL"));
        eventually("another worker is started", || {
            let now = daemon.children("worker");
            now.iter().any(|worker| !before.contains(worker)).then_some(())
        });
        assert_eq!(daemon.ask(&Request::new("st-nobody", "x")), "NO Invalid username");
    }
}
