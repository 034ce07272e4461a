//! The test: starts the daemon with the attacker in it, and holds what he told against the table.

use crate::attempts::{ATTEMPTS, FATAL, MARK};
use crate::plan::{Plan, VARIABLE};
use crate::support::lines::Lines;
use crate::support::skipped::skip;
use crate::table::{Outcome, PROCESSES, TABLE};
use std::net::{Ipv4Addr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::panic::catch_unwind;
use std::process::{Child, Command, ExitCode, Stdio};
use std::{env, fs};
use tempfile::TempDir;

/// The line of a kernel that has everything.
const EVERYTHING: &str = "sandbox in force: system calls, files, TCP ports, signals, abstract sockets";

/// The tests, in the way in which libtest has them; its flags are passed over.
const TESTS: &[(&str, fn())] = &[
    ("the_table_has_each_attempt", the_table_has_each_attempt),
    ("whoever_takes_over_a_process_can_do_what_the_table_says", as_the_table_says_for_nobody),
    ("a_daemon_that_stays_root_is_held_by_its_sandbox_alone", as_the_table_says_for_root),
    ("what_only_an_attack_calls_ends_the_process", what_only_an_attack_calls_ends_the_process),
    ("without_a_sandbox_the_attempts_succeed", without_a_sandbox_the_attempts_succeed),
];

/// Runs those that one of the words is a part of, or all.
pub fn run_tests(words: &[String]) -> ExitCode {
    let filters: Vec<_> = words.iter().filter(|word| !word.starts_with('-')).collect();
    if words.iter().any(|word| word == "--list") {
        TESTS.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let is_wanted = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(*filter));
    let wanted: Vec<_> = TESTS.iter().filter(|(name, _)| is_wanted(name)).collect();
    println!("\nrunning {} tests", wanted.len());
    let mut failed = 0;
    for (name, test) in &wanted {
        let passed = catch_unwind(test).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += usize::from(!passed);
    }
    let (result, passed, others) =
        (if failed == 0 { "ok" } else { "FAILED" }, wanted.len() - failed, TESTS.len() - wanted.len());
    println!(
        "\ntest result: {result}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {others} filtered out\n"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn the_table_has_each_attempt() {
    let named: Vec<_> = TABLE.iter().map(|(what, ..)| *what).collect();
    assert_eq!(named, ATTEMPTS.iter().map(|(what, _)| *what).collect::<Vec<_>>());
}

fn as_the_table_says_for_nobody() {
    as_the_table_says("nobody", &[]);
}

/// The modules for names may need any file below /etc; which of them, only the account can say.
fn as_the_table_says_for_root() {
    as_the_table_says("root", &["read /etc/shadow"]);
}

/// `free_for_root`: what a worker for errands may do if it is root.
fn as_the_table_says(account: &str, free_for_root: &[&str]) {
    let Some(trial) = Trial::start("whoever_takes_over", &["--user", account], "", "") else { return };
    for (what, in_frontend, in_errands, in_passwdfile) in TABLE {
        let in_errands = if free_for_root.contains(what) { &Outcome::Succeeds } else { in_errands };
        for (process, expected) in PROCESSES.iter().zip([in_frontend, in_errands, in_passwdfile]) {
            trial.expect(process, what, *expected);
        }
    }
}

fn what_only_an_attack_calls_ends_the_process() {
    for victim in PROCESSES {
        for (fatal, _) in FATAL {
            let name = "what_only_an_attack_calls_ends_the_process";
            let Some(trial) = Trial::start(name, &["--user", "nobody"], victim, fatal) else { return };
            trial.log.wait_for("was killed by signal 31");
            let survived = trial.log.all().into_iter().find(|line| line.contains("survived"));
            assert_eq!(survived, None, "{victim} {fatal}");
        }
    }
}

/// So the attempts are real ones, and it is the sandbox that prevents them.
fn without_a_sandbox_the_attempts_succeed() {
    let Some(trial) = Trial::start("without_a_sandbox", &["--user", "nobody", "--sandbox=no"], "", "") else {
        return;
    };
    for what in [
        "read a keytab that everybody may read",
        "list a directory",
        "write to a file that everybody may write",
        "make a file",
        "connect to a port that no mechanism names",
        "listen at a TCP port",
        "listen at a path",
        "connect to an abstract socket",
        "make a socket of datagrams",
        "map memory to execute it",
        "make a file in memory",
    ] {
        trial.expect("frontend", what, Outcome::Succeeds);
    }
}

/// A daemon with the attacker in it.
struct Trial {
    daemon: Child,
    log: Lines,
    directory: TempDir,
    _port: TcpListener,
    _abstract: UnixListener,
}

impl Trial {
    /// `None` where this cannot be tried.
    fn start(test: &str, flags: &[&str], victim: &str, fatal: &str) -> Option<Self> {
        let directory = TempDir::new().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let abstract_name = directory.path().display().to_string();
        let address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
        let plan = Plan {
            directory: directory.path().to_owned(),
            victim: victim.to_owned(),
            fatal: fatal.to_owned(),
            port: port.local_addr().unwrap().port(),
            abstract_name,
            parent: 0,
        };
        plan.write();
        fs::write(plan.secret(), "secret").unwrap();
        fs::set_permissions(plan.secret(), fs::Permissions::from_mode(0o666)).unwrap();
        let mut command = Command::new(env::current_exe().unwrap());
        // The server is never asked; its port is the only one that is named.
        let (file, logins) = (directory.path().join("conf"), directory.path().join("logins"));
        fs::write(
            &file,
            format!("rimap_servers: imap://127.0.0.1:9\npasswdfile_path: {}\n", logins.display()),
        )
        .unwrap();
        fs::write(&logins, "").unwrap();
        [&file, &logins]
            .into_iter()
            .for_each(|path| fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap());
        command.args(["-a", "rimap,passwdfile", "-d", "-n", "1", "--config"]).arg(&file).args(flags);
        command.arg("-m").arg(directory.path().join("run")).env(VARIABLE, directory.path());
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut daemon = command.spawn().unwrap();
        let log = Lines::of(daemon.stderr.take().unwrap());
        let trial = Self {
            daemon,
            log,
            directory,
            _port: port,
            _abstract: UnixListener::bind_addr(&address).unwrap(),
        };
        trial.can_be_held(test).then_some(trial)
    }

    fn can_be_held(&self, test: &str) -> bool {
        // Both are told what they may do before they try.
        let told = self.log.wait_for(" in force");
        let is_whole = told.contains(EVERYTHING) || told.contains("--sandbox=no");
        if !is_whole {
            skip(test, &format!("needs a kernel with Landlock of ABI 6 and filters: {told}"));
        }
        is_whole
    }

    /// Holds what the attacker in that process told of an attempt against what is expected.
    fn expect(&self, process: &str, what: &str, expected: Outcome) {
        let line = self.log.wait_for(&format!("{MARK}: {process}: {what}: "));
        let came_of_it = line.rsplit(": ").next().unwrap();
        let is_as_expected = match expected {
            Outcome::Succeeds => came_of_it == "done",
            Outcome::Fails(error) => came_of_it == format!("error {error}"),
        };
        assert!(is_as_expected, "{process}: {what}: {came_of_it}, not {expected:?}");
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        // Its children end with it.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        if std::thread::panicking() {
            eprintln!("{:#?} in {}", self.log.all(), self.directory.path().display());
        }
    }
}
