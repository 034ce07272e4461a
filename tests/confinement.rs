//! Where mandatory access control refuses what the C daemon has no need of: SELinux's policies allow saslauthd neither a
//! process group nor to execute itself. Here the kernel refuses the same call by a filter.

use crate::support::lines::Lines;
use crate::support::{Launch, Program, Request, System, eventually};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

#[test]
fn a_refused_process_group_is_told_once_and_the_daemon_serves() {
    require!(Root, Compiler);
    let refuse = Refuse::compile();
    let launch = Launch::new(Program::Ours, &["-a", "getpwent"]);
    let daemon = launch.behind(&refuse.prefix("setpgid")).start();
    assert_eq!(daemon.ask(&Request::new("nobody-1", "x")), "NO Invalid username");
    let told = "The daemon's processes have no groups of their own (setpgid: Permission denied)";
    daemon.log.wait_for(told);
    let frontend = daemon.children("frontend")[0].id;
    daemon.process.signal("HUP");
    eventually("another frontend serves alone", || {
        let frontends = daemon.children("frontend");
        (frontends.len() == 1 && frontends[0].id != frontend).then_some(())
    });
    assert_eq!(daemon.ask(&Request::new("nobody-2", "x")), "NO Invalid username");
    assert_eq!(times(&daemon.log, told), 2, "once by each frontend, and by no worker");
    let workers = daemon.children("worker");
    workers[0].signal("KILL");
    eventually("a killed worker is replaced", || {
        let now = daemon.children("worker");
        (now.len() == workers.len() && !now.iter().any(|worker| worker.id == workers[0].id)).then_some(())
    });
}

#[test]
fn a_daemon_that_selinux_does_not_let_execute_itself_says_so_and_ends() {
    require!(Root, Compiler, Mounts);
    let refuse = Refuse::compile();
    for (selinux, remark) in [
        ("echo 1 > /sys/fs/selinux/enforce", "; SELinux forbids it: see contrib/selinux"),
        ("echo 0 > /sys/fs/selinux/enforce", ""),
        ("rmdir /sys/fs/selinux", ""),
    ] {
        let system = System::new();
        let log = system.syslog();
        let launch = Launch::new(Program::Ours, &["-a", "getpwent"]).inside(&system);
        let launch =
            launch.after(&format!("mount -t tmpfs none /sys/fs && mkdir /sys/fs/selinux && {selinux}"));
        let finished = launch.behind(&refuse.prefix("execveat")).run();
        let told = format!("a frontend cannot be started: Permission denied{remark}\n");
        assert!(finished.errors.ends_with(&told), "{finished:?}");
        assert_eq!(finished.code, Some(1));
        assert!(log.wait_for("The frontend cannot be started").ends_with(&format!("denied{remark}")));
    }
}

fn times(log: &Lines, text: &str) -> usize {
    log.all().iter().filter(|line| line.contains(text)).count()
}

/// The program `refuse.c`.
struct Refuse(TempDir);

impl Refuse {
    fn compile() -> Self {
        let refuse = Self(TempDir::new().unwrap());
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/refuse.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-Wall", "-o"]).arg(refuse.path()).arg(source);
        assert!(compiler.status().unwrap().success(), "{compiler:?} failed");
        refuse
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("refuse")
    }

    /// The words before a command to which the call is refused.
    fn prefix(&self, call: &str) -> [String; 2] {
        [self.path().display().to_string(), call.to_owned()]
    }
}
