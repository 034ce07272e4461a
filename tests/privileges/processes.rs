//! Users, groups and capabilities of every process.

use super::{HASH, NOBODY, OWN, Status, ask, expect_bare, system_with_own_account};
use crate::support::{Daemon, Launch, Process, Program, eventually};

/// CAP_SETPCAP in what the supervisor keeps, and CAP_SYS_MODULE, CAP_NET_ADMIN, CAP_SYS_ADMIN in what it does not.
const SETPCAP: u64 = 1 << 8;
const UNUSED: [u64; 3] = [1 << 16, 1 << 12, 1 << 21];

fn bounding(process: &Process) -> u64 {
    Status::of(process).capabilities("CapBnd")
}

#[test]
fn the_frontend_is_a_bare_account_and_a_worker_that_asks_root_s_databases_is_root() {
    require!(Root, Mounts);
    let system = system_with_own_account().account("anna", HASH, None);
    let daemon = Launch::new(Program::Ours, &["-a", "getpwent", "-n", "2"]).inside(&system).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    assert_eq!(expect_bare(&daemon, &["frontend"], OWN), 1);
    let workers = eventually("both workers are there", || {
        Some(daemon.children("worker")).filter(|workers| workers.len() == 2)
    });
    for worker in workers {
        let status = Status::of(&worker);
        assert_eq!((status.user(), status.field("Gid")), (0, vec!["0"; 4]));
        assert_eq!(status.capabilities("CapEff"), bounding(&daemon.process), "modules miss nothing");
    }
    daemon.log.wait_for("The process that talks to clients runs as saslauthd (54321)");
}

/// Also after reloads and deaths.
#[test]
fn workers_for_a_file_and_for_errands_are_as_bare_as_the_frontend() {
    require!(Root, Mounts);
    let system = system_with_own_account();
    let launch = Launch::new(Program::Ours, &["-a", "passwdfile,rimap", "-n", "2"]);
    let daemon = launch
        .with_file("--config", "passwdfile_path: /etc/passwd\nrimap_servers: imap://localhost:9\n")
        .inside(&system)
        .start();
    let all = |count: usize| {
        eventually("all are there", || {
            (expect_bare(&daemon, &["frontend", "worker"], OWN) == count).then_some(())
        });
    };
    all(4);
    let frontend = daemon.children("frontend")[0].id;
    daemon.children("worker")[0].signal("KILL");
    all(4);
    daemon.process.signal("HUP");
    eventually("another frontend serves alone", || {
        let now = daemon.children("frontend");
        (now.len() == 1 && now[0].id != frontend).then_some(())
    });
    all(4);
    daemon.children("frontend")[0].signal("KILL");
    daemon.log.wait_for("was killed by signal 9");
    all(4);
}

#[test]
fn the_supervisor_keeps_what_it_uses_of_root_s_rights() {
    require!(Root);
    let daemon = Daemon::start(Program::Ours, &["-a", "getpwent"]);
    assert_eq!(ask(&daemon, "st-nobody", "x"), "NO Invalid username");
    let status = Status::of(&daemon.process);
    assert_eq!(status.user(), 0);
    let here = bounding(&Process::find(std::process::id()).unwrap());
    let effective = status.capabilities("CapEff");
    assert_eq!(effective & SETPCAP, here & SETPCAP);
    for unused in UNUSED {
        assert_eq!((effective | status.capabilities("CapPrm")) & unused, 0, "{effective:x}");
    }
    assert_eq!(bounding(&daemon.process), here, "workers are to have it");
}

#[test]
fn as_root_on_request_all_are_root_with_all_its_rights() {
    require!(Root, Mounts);
    let system = system_with_own_account();
    let launch = Launch::new(Program::Ours, &["-a", "getpwent", "--user=root"]).inside(&system);
    let daemon = launch.start();
    assert_eq!(ask(&daemon, "st-nobody", "x"), "NO Invalid username");
    let here = Status::of(&Process::find(std::process::id()).unwrap());
    for process in daemon.process.children().iter().chain([&daemon.process]) {
        let status = Status::of(process);
        assert_eq!(status.user(), 0);
        assert_eq!(status.field("Groups"), here.field("Groups"));
        assert_eq!(status.capabilities("CapEff"), here.capabilities("CapEff"), "{:?}", process.arguments());
    }
    assert!(!daemon.log.all().iter().any(|line| line.contains("talks to clients")));
}

#[test]
fn whoever_is_not_root_runs_all_of_it() {
    require!(Root, Tool("setpriv"));
    let launch = Launch::new(Program::Ours, &["-a", "getpwent"]).with_open_directory();
    let daemon = launch.behind(&["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups"]).start();
    assert_eq!(ask(&daemon, "st-nobody", "x"), "NO Invalid username");
    for process in daemon.process.children().iter().chain([&daemon.process]) {
        assert_eq!(Status::of(process).user(), 1234);
    }
    assert!(!daemon.log.all().iter().any(|line| line.contains("talks to clients")));
}

/// What a launcher has made inheritable and ambient goes with the account.
#[test]
fn capabilities_that_a_launcher_leaves_reach_no_process_without_rights() {
    require!(Root, Tool("setpriv"));
    let launch = Launch::new(Program::Ours, &["-a", "getpwent", "--user=nobody"]);
    let left = "+dac_read_search,+setuid,+sys_admin";
    let (inheritable, ambient) = (format!("--inh-caps={left}"), format!("--ambient-caps={left}"));
    let daemon = launch.behind(&["setpriv", &inheritable, &ambient]).start();
    assert_eq!(ask(&daemon, "st-nobody", "x"), "NO Invalid username");
    assert_ne!(Status::of(&daemon.process).capabilities("CapInh"), 0, "the launcher has left some");
    assert_eq!(expect_bare(&daemon, &["frontend"], NOBODY), 1);
}
