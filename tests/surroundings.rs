//! Where the daemon is started: what a launcher, a terminal, a time zone or a container has in store for it.

use crate::support::lines::Lines;
use crate::support::{Answer, Connection, Launch, PamService, Process, Program, Request, System, eventually};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A shell gives its background jobs INT and QUIT ignored, nohup HUP, a careless supervisor anything.
#[test]
fn what_the_launcher_ignores_or_blocks_reaches_no_program_of_a_module() {
    require!(Root);
    let seen = Seen::by_a_program(&["env", "--ignore-signal", "--block-signal"]);
    for line in ["SigBlk:", "SigPnd:", "SigIgn:"] {
        assert_eq!(seen.value(line), "0000000000000000", "{line} {}", seen.0);
    }
}

#[test]
fn the_low_priority_of_a_launcher_is_not_the_daemons() {
    require!(Root, Tool("nice"), Tool("ionice"), Tool("chrt"), Tool("choom"));
    let launcher: Vec<_> =
        "choom -n 500 -- ionice -c 3 chrt --batch 0 nice -n 12".split_whitespace().collect();
    let seen = Seen::by_a_program(&launcher);
    assert_eq!(seen.value("nice:"), "0");
    assert_eq!(seen.value("oom_score_adj:"), "0");
    assert_eq!(seen.value("policy:"), "0");
    assert_eq!(seen.value("io_class:"), "none: prio 0");
}

/// `Nice=` and `OOMScoreAdjust=` of a unit.
#[test]
fn the_priority_that_init_sets_is_kept() {
    require!(Root, Mounts, Tool("renice"), Tool("choom"));
    let service = r#"renice -n 3 -p $$ >&2; exec choom -n 200 -- "$@""#;
    let init = r#"sh -c "$0" service "$@" & trap 'kill $!' TERM; wait; wait"#;
    let launcher = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", init, service];
    let seen = Seen::by_a_program(&launcher);
    assert_eq!((seen.value("nice:"), seen.value("oom_score_adj:")), ("3", "200"));
}

/// What a program finds that a module runs.
struct Seen(String);

impl Seen {
    const LOOK: &str = "{ cat /proc/self/status; cut -d' ' -f 19 /proc/self/stat | sed 's/^/nice: /'
        cut -d' ' -f 41 /proc/self/stat | sed 's/^/policy: /'; sed 's/^/oom_score_adj: /' /proc/self/oom_score_adj
        ionice -p $$ | sed 's/^/io_class: /'; }";

    fn by_a_program(launcher: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        let seen = directory.path().join("seen");
        let script = script_in(&directory, &format!("{} > {}", Self::LOOK, seen.display()));
        let service = PamService::of(&format!("pam_exec.so {}", script.display()), "pam_permit.so");
        let daemon = Launch::new(Program::Ours, &["-a", "pam"]).behind(launcher).start();
        assert_eq!(daemon.ask(&Request::new("user", "right").service(service.name())), "OK");
        Self(fs::read_to_string(seen).unwrap())
    }

    fn value(&self, name: &str) -> &str {
        let line = self.0.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name:?} in {}", self.0)).trim()
    }
}

/// A script of the shell that a module can run.
fn script_in(directory: &TempDir, commands: &str) -> PathBuf {
    let script = directory.path().join("script");
    fs::write(&script, format!("#!/bin/sh\n{commands}\n")).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    script
}

/// `stty tostop`: whoever writes from the background is stopped. Children are in groups of their own.
#[test]
fn on_a_terminal_that_stops_background_jobs_the_daemon_serves_and_logs() {
    require!(Tool("script"));
    let launch = Launch::new(Program::Ours, &["-a", "getpwent", "-n", "1", "-d"]);
    let socket = launch.run_directory().join("mux");
    let command = format!(
        "stty tostop; exec {} -a getpwent -n 1 -d -m {}",
        Program::Ours.daemon().display(),
        launch.run_directory().display()
    );
    let mut script = Command::new("script");
    script.args(["--quiet", "--flush", "--return", "--command", &command, "/dev/null"]);
    script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut terminal = Killed(script.spawn().unwrap());
    let log = Lines::of(terminal.0.stdout.take().unwrap());
    for number in 0..3 {
        let request = Request::new(format!("nobody-{number}"), "x");
        let answer = eventually("it answers", || ask_at(&socket, &request));
        assert_eq!(answer, "NO Invalid username");
        log.wait_for(&format!("[user=nobody-{number}]"));
    }
}

/// A terminal that ends takes what runs in it along.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        for child in Process::find(self.0.id()).map(|process| process.children()).unwrap_or_default() {
            child.signal("KILL");
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ask_at(socket: &Path, request: &Request) -> Option<Answer> {
    let mut connection = Connection::try_new(socket).ok()?;
    connection.try_send(&request.bytes()).ok()?;
    connection.receive_within(Duration::from_secs(5))
}

/// Fail2ban compares these times with its own clock.
#[test]
fn the_log_lines_of_all_processes_carry_the_time_of_one_zone() {
    require!(Root, Mounts);
    for (zone, difference) in [("UTC0", 0), ("FAR-11:00", 11)] {
        let system = System::new();
        let log = system.syslog();
        let launch = Launch::new(Program::Ours, &["-a", "getpwent"]).inside(&system);
        let daemon = launch.after(&format!("TZ={zone}; export TZ")).start();
        daemon.ask(&Request::new("nobody-here", "x"));
        // Of the supervisor and of the frontend.
        for text in ["listening on socket", "[user=nobody-here]"] {
            let line = log.wait_for(text);
            let hour: u64 =
                line.split_whitespace().find_map(|word| word.split_once(':')?.0.parse().ok()).unwrap();
            let now =
                std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 3600;
            let hours_apart = (hour + 48 - (now + difference) % 24) % 24;
            assert!(hours_apart == 0 || hours_apart == 23, "{zone}: {line}");
        }
    }
}

/// The kernel spares the first process of a container every signal that it has no handler for.
#[test]
fn as_the_first_process_of_a_container_it_reloads_at_hup_and_ends_at_term() {
    require!(Root, Mounts);
    let container = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let daemon = Launch::new(Program::Ours, &["-a", "getpwent"]).behind(&container).start();
    let [first] = &daemon.process.children()[..] else { panic!("unshare has one child") };
    first.signal("HUP");
    daemon.log.wait_for("The configuration was read again");
    assert_eq!(daemon.ask(&Request::new("nobody-here", "x")), "NO Invalid username");
    first.signal("TERM");
    eventually("the container ends", || (!daemon.process.is_running()).then_some(()));
    assert!(!daemon.socket().exists());
}

/// Nobody else collects what has lost its parent there.
#[test]
fn as_the_first_process_of_a_container_it_leaves_no_zombie() {
    require!(Root, Mounts);
    let directory = TempDir::new().unwrap();
    let script = script_in(&directory, "sleep 100 & setsid sleep 100");
    let service = PamService::of(&format!("pam_exec.so {}", script.display()), "pam_permit.so");
    let container = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let launch = Launch::new(Program::Ours, &["-a", "pam", "-n", "5", "--request-timeout=1"]);
    let daemon = launch.behind(&container).start();
    let request = Request::new("user", "right").service(service.name());
    for _ in 0..3 {
        let mut logins: Vec<_> = (0..5).map(|_| daemon.connect()).collect();
        for login in &mut logins {
            login.send(request.bytes());
        }
        assert!(logins.iter_mut().all(|login| login.receive() == Answer::Nothing));
    }
    let [first] = &daemon.process.children()[..] else { panic!("unshare has one child") };
    eventually("all that has ended is collected", || {
        let workers =
            first.children().iter().filter(|child| child.arguments()[0].ends_with("worker")).count();
        (workers == 5 && first.zombies() == 0).then_some(())
    });
    assert!(first.children().iter().all(|child| child.arguments()[0] != "sleep"), "no program is left");
}
