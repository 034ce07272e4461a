//! Starting, files, signals and stopping, as init scripts and supervisors see them.

use crate::support::pam::compiled;
use crate::support::{
    Answer, Connection, Daemon, Launch, Probed, Process, Program, Request, eventually, within,
};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

for_both!(
    the_run_directory_is_made_and_holds_socket_and_pid_file,
    modes_do_not_hang_on_the_umask,
    the_pid_file_names_the_process_that_stays,
    in_the_foreground_there_is_no_pid_file,
    a_detached_daemon_has_let_go_of_its_terminal,
    a_second_instance_ends_with_2_and_leaves_the_first_alone,
    a_second_instance_in_the_foreground_is_refused,
    term_and_int_remove_all_files_of_a_detached_daemon,
    hup_alrm_and_pipe_end_nothing,
    a_stale_socket_is_replaced,
    a_stale_pid_file_is_replaced,
    a_file_called_mux_is_no_stale_socket,
    a_directory_called_mux_stops_the_start,
    a_run_directory_that_cannot_be_made_stops_the_start,
    a_run_directory_that_is_a_file_stops_the_start,
    a_run_directory_that_cannot_be_written_stops_the_start,
    a_full_disk_stops_the_start,
    a_login_under_way_is_finished_before_the_end,
    its_processes_are_called_saslauthd,
);

fn the_run_directory_is_made_and_holds_socket_and_pid_file(program: Program) {
    let daemon = detached(program);
    let directory = daemon.run_directory();
    assert_eq!(mode(&directory), 0o755);
    let why = "no accept lock, a socket to look at the daemon, and nothing is secret about a pid";
    let files: &[(&str, u32)] = program.better(
        why,
        &[("mux", 0o777), ("mux.accept", 0o600), ("saslauthd.pid", 0o600)],
        &[("control", 0o600), ("mux", 0o777), ("saslauthd.pid", 0o644)],
    );
    eventually("the files are as they stay", || (names(&directory).len() == files.len()).then_some(()));
    for (name, expected) in files {
        assert_eq!(mode(&directory.join(name)), *expected, "{name}");
    }
    assert!(fs::metadata(daemon.socket()).unwrap().file_type().is_socket());
}

fn modes_do_not_hang_on_the_umask(program: Program) {
    require!(Root);
    for umask in ["umask 0", "umask 077", "umask 0277"] {
        let daemon = Launch::new(program, GETPWENT).after(umask).start_detached();
        let pid_file = daemon.run_directory().join("saslauthd.pid");
        assert_eq!(mode(&daemon.socket()), 0o777, "{umask}");
        let expected = program.better("init scripts of other users read it", 0o600, 0o644);
        assert_eq!(mode(&pid_file), expected, "{umask}");
    }
}

fn the_pid_file_names_the_process_that_stays(program: Program) {
    let daemon = detached(program);
    let text = fs::read_to_string(daemon.run_directory().join("saslauthd.pid")).unwrap();
    assert_eq!(text, format!("{}\n", daemon.process.id));
    // start-stop-daemon --exec compares the file, --name the name.
    assert_eq!(
        fs::canonicalize(daemon.process.file("exe")).unwrap(),
        fs::canonicalize(program.daemon()).unwrap()
    );
    assert_eq!(fs::read_to_string(daemon.process.file("comm")).unwrap(), "saslauthd\n");
    assert_eq!(fs::read_link(daemon.process.file("cwd")).unwrap(), daemon.run_directory());
}

fn in_the_foreground_there_is_no_pid_file(program: Program) {
    let daemon = Daemon::start(program, GETPWENT);
    let names = names(&daemon.run_directory());
    assert!(names.contains(&"mux".to_owned()) && !names.contains(&"saslauthd.pid".to_owned()), "{names:?}");
}

/// [`Launch::run`] fails the test when the launching process's output stays open.
fn a_detached_daemon_has_let_go_of_its_terminal(program: Program) {
    let daemon = detached(program);
    for descriptor in ["fd/0", "fd/1", "fd/2"] {
        assert_eq!(fs::read_link(daemon.process.file(descriptor)).unwrap(), Path::new("/dev/null"));
    }
    let tests = Process::find(std::process::id()).unwrap();
    assert_ne!(daemon.process.session(), tests.session());
}

fn a_second_instance_ends_with_2_and_leaves_the_first_alone(program: Program) {
    let first = detached(program);
    let finished = Launch::new(program, GETPWENT).in_directory_of(&first).run();
    assert_eq!(finished.code, Some(2), "{finished:?}");
    let last = finished.errors.lines().last().unwrap();
    assert!(last.ends_with("Another instance of saslauthd is currently running"), "{finished:?}");
    assert!(first.process.is_running());
    assert_eq!(first.ask(&Request::new("st-nobody", "x")), "NO Invalid username");
    let text = fs::read_to_string(first.run_directory().join("saslauthd.pid")).unwrap();
    assert_eq!(text, format!("{}\n", first.process.id));
}

fn a_second_instance_in_the_foreground_is_refused(program: Program) {
    let first = Daemon::start(program, GETPWENT);
    let finished = Launch::new(program, &["-a", "getpwent", "-d"]).in_directory_of(&first).run();
    assert!(matches!(finished.code, Some(1 | 2)), "{finished:?}");
    assert_eq!(first.ask(&Request::new("st-nobody", "x")), "NO Invalid username");
}

fn term_and_int_remove_all_files_of_a_detached_daemon(program: Program) {
    for signal in ["TERM", "INT"] {
        let daemon = Launch::new(program, &["-a", "getpwent", "-c"]).start_detached();
        let children = daemon.process.children();
        daemon.process.signal(signal);
        eventually("the daemon ends", || (!daemon.process.is_running()).then_some(()));
        eventually("its children end", || children.iter().all(|child| !child.is_running()).then_some(()));
        assert_eq!(names(&daemon.run_directory()), [""; 0], "SIG{signal}");
    }
}

fn hup_alrm_and_pipe_end_nothing(program: Program) {
    let daemon = detached(program);
    for signal in ["HUP", "ALRM", "PIPE", "HUP"] {
        daemon.process.signal(signal);
        for _ in 0..10 {
            assert_eq!(daemon.ask(&Request::new("st-nobody", "x")), "NO Invalid username", "SIG{signal}");
        }
        assert!(daemon.process.is_running(), "SIG{signal}");
    }
}

fn a_stale_socket_is_replaced(program: Program) {
    let launch = Launch::new(program, GETPWENT);
    fs::create_dir(launch.run_directory()).unwrap();
    drop(UnixListener::bind(launch.run_directory().join("mux")).unwrap());
    let daemon = launch.start_detached();
    assert_eq!(daemon.ask(&Request::new("st-nobody", "x")), "NO Invalid username");
}

fn a_stale_pid_file_is_replaced(program: Program) {
    let launch = Launch::new(program, GETPWENT);
    fs::create_dir(launch.run_directory()).unwrap();
    fs::write(launch.run_directory().join("saslauthd.pid"), "1234567890\nmore than the new one has\n")
        .unwrap();
    fs::write(launch.run_directory().join("saslauthd.pid.lock"), "").unwrap();
    let daemon = launch.start_detached();
    let text = fs::read_to_string(daemon.run_directory().join("saslauthd.pid")).unwrap();
    assert_eq!(text, format!("{}\n", daemon.process.id));
}

fn a_file_called_mux_is_no_stale_socket(program: Program) {
    let launch = Launch::new(program, GETPWENT);
    fs::create_dir(launch.run_directory()).unwrap();
    let mux = launch.run_directory().join("mux");
    fs::write(&mux, "precious").unwrap();
    if program.better("a file that is no socket is somebody's data", true, false) {
        launch.start_detached();
    } else {
        let finished = launch.run();
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.errors.contains(mux.to_str().unwrap()), "{finished:?}");
        assert_eq!(fs::read_to_string(mux).unwrap(), "precious");
    }
}

fn a_directory_called_mux_stops_the_start(program: Program) {
    let launch = Launch::new(program, GETPWENT);
    fs::create_dir_all(launch.run_directory().join("mux")).unwrap();
    let finished = launch.run();
    // C has detached before it finds out.
    let code = program.better("a daemon that did not start must not look started", Some(0), Some(1));
    assert_eq!(finished.code, code, "{finished:?}");
    if program == Program::Ours {
        assert!(
            finished.errors.contains(launch.run_directory().join("mux").to_str().unwrap()),
            "{finished:?}"
        );
    }
    eventually("no daemon is left", || launch.processes().is_empty().then_some(()));
}

fn a_run_directory_that_cannot_be_made_stops_the_start(program: Program) {
    let launch = Launch::new(program, GETPWENT).in_run_directory("missing/parent");
    refuses_to_start(&launch);
    assert!(!launch.run_directory().parent().unwrap().exists(), "parents are not made");
}

fn a_run_directory_that_is_a_file_stops_the_start(program: Program) {
    let launch = Launch::new(program, GETPWENT);
    fs::write(launch.run_directory(), "").unwrap();
    refuses_to_start(&launch);
}

fn a_run_directory_that_cannot_be_written_stops_the_start(program: Program) {
    require!(Root, Tool("setpriv"));
    for mode in [0o755, 0o700] {
        let launch = Launch::new(program, GETPWENT).with_open_directory().behind(SOMEBODY);
        fs::create_dir(launch.run_directory()).unwrap();
        fs::set_permissions(launch.run_directory(), fs::Permissions::from_mode(mode)).unwrap();
        refuses_to_start(&launch);
    }
}

fn a_full_disk_stops_the_start(program: Program) {
    require!(Root, Mounts);
    let launch = Launch::new(program, GETPWENT);
    fs::create_dir(launch.run_directory()).unwrap();
    let fill = format!(
        "mount -t tmpfs -o size=64k none {0} && cat /dev/zero >{0}/fill 2>/dev/null",
        launch.run_directory().display()
    );
    let launch = launch.behind(&["unshare", "--mount"]).after(&fill);
    let finished = launch.run();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let named = program.better("the message names the file", "syslog", "saslauthd.pid");
    assert!(finished.errors.contains(named), "{finished:?}");
    eventually("no daemon is left", || launch.processes().is_empty().then_some(()));
}

fn a_login_under_way_is_finished_before_the_end(program: Program) {
    require!(Root, Compiler);
    let site = Probed::launch_detached(Launch::new(program, &[]));
    let mut under_way = site.begin("gate", "right");
    site.probe.wait_for_calls(1);
    site.daemon.process.signal("TERM");
    eventually("the socket is gone", || Connection::try_new(&site.daemon.socket()).is_err().then_some(()));
    site.probe.open_gate();
    let finished = Answer::Text("OK".to_owned());
    let answer =
        program.better("a login that is nearly checked need not be tried again", Answer::Nothing, finished);
    assert_eq!(under_way.receive(), answer);
    eventually("the daemon ends", || (!site.daemon.process.is_running()).then_some(()));
}

fn its_processes_are_called_saslauthd(program: Program) {
    let daemon = detached(program);
    let children = daemon.process.children();
    for process in children.iter().chain([&daemon.process]) {
        // A worker names itself, which it may not have come to yet.
        let name = || fs::read_to_string(process.file("comm")).unwrap();
        eventually("it is called saslauthd", || (name() == "saslauthd\n").then_some(()));
    }
    if program == Program::Ours {
        assert_eq!(daemon.children("frontend").len(), 1);
        let others = children.iter().filter(|child| !child.arguments()[0].starts_with("saslauthd: ")).count();
        assert_eq!(others, 0, "{children:?}");
    }
}

/// C opens its start-up pipe as 0 and 1 then, closes them, and fails or hangs.
#[test]
fn it_starts_with_its_standard_streams_closed() {
    let daemon = Launch::new(Program::Ours, GETPWENT).after("exec <&- >&- 2>&-").start_detached();
    assert_eq!(daemon.ask(&Request::new("st-nobody", "x")), "NO Invalid username");
}

/// C may hang: its handlers of TERM and CHLD both log there, and one interrupts the other.
#[test]
fn term_and_int_end_it_with_0_in_the_foreground() {
    for signal in ["TERM", "INT"] {
        let mut daemon = Daemon::start(Program::Ours, GETPWENT);
        assert_eq!(daemon.end_with(signal), Some(0), "SIG{signal}");
        assert_eq!(names(&daemon.run_directory()), [""; 0], "SIG{signal}");
    }
}

/// C detaches before it binds, so there is nothing to compare with.
#[test]
fn once_the_launching_process_has_ended_the_socket_accepts() {
    for _ in 0..5 {
        let launch = Launch::new(Program::Ours, GETPWENT);
        assert_eq!(launch.run().code, Some(0));
        let mut connection = Connection::try_new(&launch.run_directory().join("mux")).expect("no socket yet");
        let daemon = launch.detached();
        connection.send(Request::new("st-nobody", "x").bytes());
        assert_eq!(connection.receive(), "NO Invalid username");
        drop(daemon);
    }
}

/// The launching process speaks for the daemon: 0 is for one that was ready.
#[test]
fn a_daemon_stopped_while_it_starts_was_never_ready() {
    for stage in [".", "saslauthd.pid", "mux"].repeat(3) {
        let launch = Launch::new(Program::Ours, GETPWENT);
        let [file, pid_file] = [stage, "saslauthd.pid"].map(|name| launch.run_directory().join(name));
        let files = [file, pid_file].map(|file| file.display().to_string());
        let launch = launch.behind(&["sh", "-c", STOP_WHILE_IT_STARTS, "stop"]).behind(&files);
        let finished = launch.run();
        let had_children = !finished.output.trim().is_empty();
        assert!(had_children || finished.code == Some(1), "at {stage:?}: {finished:?}");
        assert!(matches!(finished.code, Some(0 | 1)), "at {stage:?}: {finished:?}");
        eventually("no process is left", || launch.processes().is_empty().then_some(()));
        assert_eq!(names(&launch.run_directory()), [""; 0], "at {stage:?}: {finished:?}");
    }
}

/// Launches what follows, waits for the daemon, whose pid file is `$2`, and for the file `$1`, stops the daemon and ends as the launching process
/// does. Says which children the daemon had then: without any it cannot have been ready.
const STOP_WHILE_IT_STARTS: &str = r#"
file=$1 pid_file=$2; shift 2
"$@" & launcher=$!
while [ -z "$daemon" ] && [ -e "/proc/$launcher/exe" ]; do
    read -r daemon <"/proc/$launcher/task/$launcher/children"
done 2>/dev/null
[ "$daemon" ] || read -r daemon <"$pid_file" || exit 97
until [ -e "$file" ]; do :; done
kill -s STOP "$daemon" || exit 98
until grep -q '^State:.*T' "/proc/$daemon/status"; do :; done
read -r children <"/proc/$daemon/task/$daemon/children"
kill -s TERM "$daemon"
kill -s CONT "$daemon"
echo "$children"
wait "$launcher"
"#;

/// C's workers go on serving without their master, and fight with those of the next daemon.
#[test]
fn no_child_outlives_the_supervisor_however_it_dies() {
    require!(Root, Compiler);
    for signal in ["KILL", "QUIT", "USR1", "USR2", "SEGV", "ABRT"] {
        let site = Probed::start(Program::Ours, &["-n", "2"]);
        let _hanging = site.begin("hang", "right");
        site.probe.wait_for_calls(1);
        let children = site.daemon.process.children();
        assert!(children.len() >= 2, "{children:?}");
        site.daemon.process.signal(signal);
        // Some of these it may ignore, and then everything goes on.
        if within(Duration::from_millis(500), || (!site.daemon.process.is_running()).then_some(())).is_some()
        {
            eventually("its children end", || children.iter().all(|child| !child.is_running()).then_some(()));
        } else {
            assert_ne!(signal, "KILL");
            assert_eq!(site.ask("user", "right"), "OK", "SIG{signal}");
        }
    }
}

/// As on a directory at a server that is down, which modules enter as the user. The kernel forgets then whom a process is to die with.
#[test]
fn a_worker_that_hangs_with_other_rights_does_not_outlive_the_supervisor() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "1"]);
    let _hanging = site.begin("euid-hangs", "right");
    site.probe.wait_for_calls(1);
    let worker = site.daemon.children("worker").remove(0);
    eventually("it has other rights", || {
        let status = fs::read_to_string(worker.file("status")).unwrap();
        status.contains("Uid:\t0\t54321\t").then_some(())
    });
    site.daemon.process.signal("KILL");
    eventually("it ends", || (!worker.is_running()).then_some(()));
}

/// Seen: of the supervisor's capabilities root's others come back when a worker is executed, and until its main function the kernel knew
/// nothing of whom it was to die with.
#[test]
fn a_worker_that_hangs_before_its_main_function_does_not_outlive_the_supervisor() {
    require!(Root, Compiler);
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("hang");
    fs::write(&file, "").unwrap();
    let variables = [
        format!("LD_PRELOAD={}", compiled("hang_at_start").display()),
        format!("HANG_AT_START={}", file.display()),
    ];
    let daemon = Launch::new(Program::Ours, GETPWENT).behind(&["env"]).behind(&variables).start();
    eventually("a worker hangs", || (!file.exists()).then_some(()));
    let workers = daemon.children("worker");
    assert!(!workers.is_empty());
    daemon.process.signal("KILL");
    eventually("all end", || workers.iter().all(|worker| !worker.is_running()).then_some(()));
}

/// C's orphans go on accepting beside the new daemon.
#[test]
fn a_killed_daemon_can_be_started_again() {
    let killed = detached(Program::Ours);
    killed.process.signal("KILL");
    eventually("the daemon is killed", || (!killed.process.is_running()).then_some(()));
    let again = Launch::new(Program::Ours, GETPWENT).in_directory_of(&killed).start_detached();
    assert_eq!(again.ask(&Request::new("st-nobody", "x")), "NO Invalid username");
}

#[test]
fn logins_that_hang_do_not_stop_the_end_for_ever() {
    require!(Root, Compiler);
    let mut site = Probed::start(Program::Ours, &["-n", "2"]);
    let request = |realm: &str| site.probe.request("hang", "right").realm(realm).bytes();
    let mut logins = ["one", "two", "three"].map(|realm| {
        let mut login = site.daemon.connect();
        login.send(request(realm));
        login
    });
    site.probe.wait_for_calls(2);
    let children = site.daemon.process.children();
    let start = Instant::now();
    assert_eq!(site.daemon.end_with("TERM"), Some(0));
    let took = start.elapsed();
    assert!(took < Duration::from_secs(6), "the end took {took:?}");
    assert!(logins.iter_mut().all(|login| login.receive() == Answer::Nothing));
    for realm in ["one", "two", "three"] {
        let line = site.daemon.log.wait_for(&format!("[realm={realm}]"));
        assert!(line.contains("auth unavailable: [user=hang]"), "{line}");
        assert!(line.ends_with("[reason=the daemon is stopping]"), "{line}");
    }
    eventually("its children end", || children.iter().all(|child| !child.is_running()).then_some(()));
}

#[test]
fn logins_go_on_while_hup_replaces_the_frontend() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &[]);
    let mut under_way = site.begin("gate", "right");
    site.probe.wait_for_calls(1);
    for successions in 1..=3 {
        site.daemon.process.signal("HUP");
        eventually("another frontend serves", || {
            assert_eq!(site.ask("user", "right"), "OK");
            let lines = site.daemon.log.all();
            let taken_over = lines.iter().filter(|line| line.contains("a new frontend has taken over"));
            // A second signal before that would be the same reload.
            (taken_over.count() == successions).then_some(())
        });
    }
    site.probe.open_gate();
    assert_eq!(under_way.receive(), "OK", "the old frontend finishes what it holds");
    eventually("the old frontends leave", || (site.daemon.children("frontend").len() == 1).then_some(()));
}

/// A daemon in the foreground must not take the socket away from the one that an init script has started.
#[test]
fn a_foreground_daemon_leaves_a_detached_one_alone() {
    let first = detached(Program::Ours);
    let finished = Launch::new(Program::Ours, &["-a", "getpwent", "-d"]).in_directory_of(&first).run();
    assert!(matches!(finished.code, Some(1 | 2)), "{finished:?}");
    assert!(finished.errors.contains("Another instance of saslauthd is currently running"), "{finished:?}");
    assert_eq!(first.ask(&Request::new("st-nobody", "x")), "NO Invalid username");
}

#[test]
fn an_orderly_end_leaves_no_complaint_in_the_log() {
    for _ in 0..5 {
        let mut daemon = Daemon::start(Program::Ours, &["-a", "getpwent"]);
        assert_eq!(daemon.ask(&Request::new("st-nobody", "x")), "NO Invalid username");
        assert_eq!(daemon.end_with("TERM"), Some(0));
        let complaints = ["replaced", "killed", "exited with", "cannot"];
        let lines = daemon.log.all();
        assert!(!lines.iter().any(|line| complaints.iter().any(|word| line.contains(word))), "{lines:#?}");
    }
}

#[test]
fn what_the_launcher_left_open_reaches_no_child() {
    require!(Root);
    let daemon =
        Launch::new(Program::Ours, GETPWENT).after("exec 7</etc/hostname 9</etc/hostname").start_detached();
    let children = daemon.process.children();
    assert!(!children.is_empty());
    for process in &children {
        let open = fs::read_dir(process.file("fd")).unwrap().map_while(Result::ok);
        let leaked = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        assert_eq!(leaked.filter(|target| target == Path::new("/etc/hostname")).count(), 0, "{process:?}");
    }
}

const GETPWENT: &[&str] = &["-a", "getpwent"];

/// An account without any right.
const SOMEBODY: &[&str] = &["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"];

fn detached(program: Program) -> Daemon {
    Launch::new(program, GETPWENT).start_detached()
}

fn refuses_to_start(launch: &Launch) {
    let finished = launch.run();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.errors.contains(launch.run_directory().to_str().unwrap()), "{finished:?}");
    assert_eq!(finished.output, "");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).mode() & 0o7777
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().map_while(Result::ok);
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
