//! Where mandatory access control refuses what the C daemon has no need of: SELinux's policies allow saslauthd neither a
//! process group nor to execute itself. Here the kernel refuses the same call by a filter.

use crate::support::confinement::{Policy, Refuse, compile_profile};
use crate::support::lines::Lines;
use crate::support::{Launch, Program, Request, System, eventually};
use std::fs;
use std::path::Path;
use std::process::Output;

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

#[test]
fn the_profile_for_apparmor_compiles_and_forbids_nothing_as_it_is_shipped() {
    require!(Apparmor);
    let profile = shipped("contrib/apparmor/usr.sbin.saslauthd");
    assert!(profile.contains("flags=(complain, mediate_deleted)"));
    let enforcing = profile.replace("complain, ", "");
    for (profile, compiles) in
        [(&profile, true), (&enforcing, true), (&profile.replace("signal (send", "signal (sent"), false)]
    {
        assert_eq!(is_success(&compile_profile(profile)), compiles);
    }
}

/// By rules that must not be allowed: the compiler finds that they are.
#[test]
fn the_module_for_selinux_gives_debians_policy_what_it_lacks() {
    require!(Selinux);
    let (policy, module) = (Policy::new(), shipped("contrib/selinux/saslauthd-rs.cil"));
    assert!(is_success(&policy.compile_with(&module)));
    let with_all = module.replace("; (allow", "(allow");
    assert!(is_success(&policy.compile_with(&with_all)), "what is commented out is right, too");
    let always = [
        "saslauthd_t saslauthd_exec_t (file (execute_no_trans))",
        "saslauthd_t self (process (setpgid))",
        "saslauthd_t self (capability (kill))",
        "saslauthd_t tmpfs_t (file (open))",
        "saslauthd_t tmpfs_t (file (lock))",
    ]
    .map(forbidden);
    let of_mechanisms = [
        "saslauthd_t postgresql_port_t (tcp_socket (name_connect))",
        "saslauthd_t postgresql_t (unix_stream_socket (connectto))",
    ]
    .map(forbidden);
    let all = [always.concat(), of_mechanisms.concat()].concat();
    assert!(is_success(&policy.compile_with(&all)), "the policy lacks them");
    for rule in &always {
        assert!(!is_success(&policy.compile_with(&format!("{module}{rule}"))), "the module has {rule}");
    }
    for rule in &of_mechanisms {
        assert!(
            !is_success(&policy.compile_with(&format!("{with_all}{rule}"))),
            "and, commented out, {rule}"
        );
    }
}

fn forbidden(rule: &str) -> String {
    format!("(neverallow {rule})\n")
}

fn shipped(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

fn is_success(output: &Output) -> bool {
    eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    output.status.success()
}

fn times(log: &Lines, text: &str) -> usize {
    log.all().iter().filter(|line| line.contains(text)).count()
}
