//! What each command shows, and the exit code.

use super::{Connection, ask, metric, probed, ready, run, shown};
use crate::support::address::own_address;
use crate::support::lines::Lines;
use crate::support::{Daemon, FakeLdap, Launch, Probed, Program, Request, command, eventually};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use tempfile::TempDir;

const CACHED: &[&str] = &["-c", "-n", "2"];

#[test]
fn the_status_counts_what_was_answered_and_says_what_works() {
    require!(Root, Compiler);
    let site = probed(CACHED);
    for (login, password) in [("anna", "right"), ("anna", "right"), ("anna", "wrong"), ("berta", "right")] {
        site.ask(login, password);
    }
    let status = shown(&site.daemon, &["status"]);
    let row = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("{name} is missing in {status}"));
        line.split_whitespace().skip(1).take(3).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(row("pam"), ["2", "1", "0"], "{status}");
    assert_eq!(row("all"), ["3", "1", "0"]);
    assert_eq!(row("(cache)"), ["1"]);
    assert!(status.contains("4 logins in the last"), "{status}");
    assert!(status.contains("2 logins of "), "{status}");
    assert!(status.contains("1 hit of 4 look-ups (25 %)"), "{status}");
    assert!(status.lines().all(|line| line.chars().count() <= 80), "{status}");
}

#[test]
fn json_is_json_and_metrics_are_what_prometheus_reads() {
    require!(Root, Compiler, Tool("python3"), Promtool);
    let site = probed(CACHED);
    site.ask("anna", "right");
    for words in [&["status", "--json"] as &[&str], &["cache", "list", "--json"]] {
        let mut python = Command::new("python3");
        python.args(["-c", "import json, sys; print(sorted(json.load(sys.stdin)))"]);
        let read = command::run_with_input(python, shown(&site.daemon, words).as_bytes());
        assert_eq!(read.code, Some(0), "{read:?}");
    }
    let mut promtool = Command::new(super::contrib::PROMTOOL);
    promtool.args(["check", "metrics"]);
    let checked = command::run_with_input(promtool, shown(&site.daemon, &["metrics"]).as_bytes());
    assert_eq!((checked.code, checked.errors.as_str()), (Some(0), ""), "{checked:?}");
    assert_eq!(metric(&site.daemon, "saslauthd_logins_total{mech=\"pam\",outcome=\"accept\"}"), 1.0);
    assert_eq!(metric(&site.daemon, "saslauthd_login_duration_seconds_count"), 1.0);
}

#[test]
fn who_is_remembered_can_be_seen_and_forgotten() {
    require!(Root, Compiler);
    let site = probed(CACHED);
    for login in ["anna", "berta", "carla"] {
        assert_eq!(site.ask(login, "right"), "OK");
    }
    let list = shown(&site.daemon, &["cache", "list"]);
    assert!(
        list.lines().nth(1).is_some_and(|line| line.starts_with("carla ")),
        "the last used first: {list}"
    );
    assert!(list.ends_with("3 logins\n") && !list.contains("right"), "{list}");
    assert_eq!(shown(&site.daemon, &["cache", "flush", "berta"]), "1 entry flushed\n");
    assert_eq!(shown(&site.daemon, &["cache", "flush", "berta"]), "0 entries flushed\n");
    site.probe.change_password("changed");
    assert_eq!(site.ask("berta", "right"), "NO PAM auth error");
    assert_eq!(site.ask("anna", "right"), "OK");
    site.daemon.log.wait_for("1 cache entry flushed by hand: [socket=control] [uid=0]");
    assert_eq!(shown(&site.daemon, &["cache", "flush"]), "2 entries flushed\n");
    assert_eq!(site.ask("anna", "right"), "NO PAM auth error");
    assert_eq!(metric(&site.daemon, "saslauthd_cache_flushed_total"), 3.0);
}

/// A backslash is one of them, which logins of a Windows domain have.
#[test]
fn a_login_is_forgotten_by_its_name_as_the_list_shows_it_and_in_any_case() {
    require!(Root, Compiler);
    let site = probed(CACHED);
    for login in ["CORP\\anna", "be\trta", "Carla", "carla"] {
        assert_eq!(site.ask(login, "right"), "OK");
    }
    let list = shown(&site.daemon, &["cache", "list"]);
    for listed in ["CORP\\x5Canna", "be\\x09rta"] {
        assert!(list.contains(listed), "{list}");
        assert_eq!(shown(&site.daemon, &["cache", "flush", listed]), "1 entry flushed\n", "{listed}");
    }
    assert_eq!(site.ask("CORP\\anna", "right"), "OK");
    assert_eq!(shown(&site.daemon, &["cache", "flush", "corp\\ANNA"]), "1 entry flushed\n");
    assert_eq!(shown(&site.daemon, &["cache", "flush", "carla"]), "2 entries flushed\n");
}

#[test]
fn without_a_cache_its_commands_are_refused() {
    require!(Root, Compiler);
    let site = probed(&[]);
    for words in [&["cache", "list"] as &[&str], &["cache", "list", "--json"], &["cache", "flush", "anna"]] {
        let refused = ask(&site.daemon, words);
        assert_eq!((refused.code, refused.output.as_str()), (Some(1), ""), "{words:?}");
        assert!(refused.errors.contains("without -c"), "{refused:?}");
    }
    assert!(!shown(&site.daemon, &["status"]).contains("CACHE"));
}

#[test]
fn each_way_to_get_no_answer_has_its_exit_code_and_remedy() {
    require!(Root, Compiler, Tool("setpriv"));
    let launch = Launch::new(Program::Ours, &[]).with_open_directory();
    let site = Probed::launch(launch);
    site.daemon.log.wait_for("listening on socket");
    let directory = site.daemon.run_directory().display().to_string();
    for (words, code, remedy) in [
        (&["-m", "/nonexistent", "ping"] as &[&str], 69, "is it running, with another -m"),
        (&["-m", &directory, "pong"], 64, "unrecognized"),
        (&["-m", &directory, "cache", "flush", ""], 64, "empty login"),
        (&["-m", &directory, "log-level", "loud"], 1, "error, warning, info, debug"),
        (&["--control=/dev/null", "ping"], 69, "ended"),
    ] {
        let finished = run(words);
        assert_eq!(finished.code, Some(code), "{words:?}: {finished:?}");
        assert!(finished.errors.contains(remedy) && finished.output.is_empty(), "{words:?}: {finished:?}");
    }
    let reach = in_reach();
    let mut other = Command::new("setpriv");
    other
        .args(["--reuid=54321", "--regid=54321", "--clear-groups"])
        .arg(reach.path().join("saslauthdctl"))
        .args(["-m", &directory, "ping"]);
    let finished = command::run(other);
    assert_eq!(finished.code, Some(77), "{finished:?}");
    assert!(finished.errors.contains("try as root"), "{finished:?}");
    let mut full = Command::new("sh");
    full.args(["-c", "exec \"$0\" -m \"$1\" metrics >/dev/full"]).arg(super::program()).arg(&directory);
    let finished = command::run(full);
    assert_eq!(finished.code, Some(74), "a collector must not take half a file: {finished:?}");
}

/// A directory with the program, which any user may execute there: the build's own may be closed.
fn in_reach() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("saslauthdctl");
    fs::copy(super::program(), &copy).unwrap();
    for path in [directory.path(), &copy] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    directory
}

/// The mode is not all that keeps others out.
#[test]
fn another_user_is_refused_even_by_a_socket_that_is_open_to_all() {
    require!(Root, Compiler, Tool("setpriv"));
    let site = Probed::launch(Launch::new(Program::Ours, &[]).with_open_directory());
    site.daemon.log.wait_for("listening on socket");
    let directory = site.daemon.run_directory();
    fs::set_permissions(directory.join("control"), fs::Permissions::from_mode(0o666)).unwrap();
    let reach = in_reach();
    let mut other = Command::new("setpriv");
    other.args(["--reuid=54321", "--regid=54321", "--clear-groups"]).arg(reach.path().join("saslauthdctl"));
    other.args(["ping", "-m"]).arg(&directory);
    let finished = command::run(other);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.errors.contains("only root and the user who started the daemon"), "{finished:?}");
    site.daemon.log.wait_for("neither root nor the one who started the daemon: [socket=control] [uid=54321]");
    assert_eq!(shown(&site.daemon, &["ping"]), "pong\n");
}

#[test]
fn beside_a_c_daemon_the_program_says_whose_socket_is_there() {
    require!(Root, CDaemon);
    let daemon = Daemon::start(Program::C, &["-a", "getpwent"]);
    let finished = ask(&daemon, &["ping"]);
    assert_eq!(finished.code, Some(69), "{finished:?}");
    assert!(finished.errors.contains("that daemon is another program"), "{finished:?}");
}

#[test]
fn a_watch_goes_on_over_a_restart_until_nobody_reads_it() {
    require!(Root, Compiler);
    let mut site = probed(&[]);
    let mut command = Command::new(super::program());
    command.arg("-m").arg(site.daemon.run_directory()).args(["status", "--watch=1"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = Lines::of(child.stdout.take().unwrap());
    let errors = Lines::of(child.stderr.take().unwrap());
    let heads = || lines.all().iter().filter(|line| line.starts_with("saslauthd ")).count();
    eventually("it is shown twice", || (heads() >= 2).then_some(()));
    assert!(lines.all().iter().all(|line| !line.contains('\x1b')), "no terminal");
    assert_eq!(site.daemon.end_with("TERM"), Some(0));
    errors.wait_for("no daemon answers at");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A server that is down does not make the daemon sick: another one would not answer better.
#[test]
fn during_an_outage_the_status_names_the_server_and_its_fault_and_a_ping_succeeds() {
    let server = FakeLdap::new().start();
    let closed = TcpListener::bind((own_address(), 0)).unwrap().local_addr().unwrap();
    let file = format!("ldap_servers: ldap://{closed}/ {}\nldap_search_base: dc=x\n", server.uri());
    let daemon = ready(Launch::new(Program::Ours, &["-a", "ldap"]).with_file("--config", &file).start());
    assert_eq!(daemon.ask(&Request::new("anna", "right").service("smtp")), "OK");
    let status = shown(&daemon, &["status"]);
    let row = |part: &str| {
        let row = status.lines().find(|line| line.starts_with("ldap ") && line.contains(part));
        row.unwrap_or_else(|| panic!("{part} is missing in {status}"))
    };
    assert!(
        row(&closed.to_string()).contains(" down: ")
            && row(&closed.to_string()).ends_with("Connection refused"),
        "{status}"
    );
    assert!(
        row(server.uri().trim_start_matches("ldap://").trim_end_matches('/')).ends_with("up"),
        "{status}"
    );
    assert_eq!(shown(&daemon, &["ping"]), "pong\n");
}

#[test]
fn one_line_asks_and_the_first_line_of_the_answer_says_how_long_it_is() {
    require!(Root, Compiler);
    let site = probed(&[]);
    let mut connection = Connection::new(&site.daemon);
    connection.send("ping\n");
    assert_eq!(connection.receive(), "ok 5\npong\n");
    let mut connection = Connection::new(&site.daemon);
    connection.send("penalty\n");
    assert!(connection.receive().starts_with("error this daemon does not know the command"));
}
