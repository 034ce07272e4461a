//! Passwords after their reply, and what the processes that see them may do.

use crate::support::slapd::PEOPLE;
use crate::support::{
    Authority, Daemon, Dovecot, Entries, FakeHttp, FakeImap, Launch, Probed, Process, Program, Request,
    Slapd, System, eventually, within,
};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::time::Duration;

/// In memory under no other name: the tests compare with it byte by byte.
const PASSWORD: &str = "Quokka-4711-im-Speicher";

/// The part of it that looks the same in a form.
const TRACE: &[u8] = b"Speicher";

/// Its hash.
const HASH: &str = "$6$rounds=1000$saltsaltsalt$kSYhOMuawJuZedGSC0uE/HCL2bfPiDRMJWZi4zoU8JIM5rX4K.MQAHiD/HhHAngc15QKqk4xfmovSjhfRTu600";

#[test]
fn a_password_is_in_no_memory_after_its_reply() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-c", "-n", "2"]);
    let mut under_way = site.begin("gate", PASSWORD);
    site.probe.wait_for_calls(1);
    assert!(!holders(&site.daemon).is_empty(), "the search finds a password that is in use");
    site.probe.open_gate();
    assert_eq!(under_way.receive(), "NO PAM auth error");
    is_forgotten(&site.daemon, "after a wrong password");
    site.probe.change_password(PASSWORD);
    assert_eq!(site.ask("user", PASSWORD), "OK");
    is_forgotten(&site.daemon, "after the right password");
    assert_eq!(site.ask("user", PASSWORD), "OK");
    is_forgotten(&site.daemon, "after a cached answer");
    let mut half = site.daemon.connect();
    half.send(&site.probe.request("user", PASSWORD).bytes()[..40]);
    drop(half);
    is_forgotten(&site.daemon, "after half a request");
}

#[test]
fn the_checks_of_hashes_leave_no_password_in_memory() {
    require!(Root, Mounts);
    let line = format!("{HASH}:19000:0:99999:7:::");
    let system = System::new().account("st-secret", "x", Some(&line));
    let users = tempfile::NamedTempFile::new().unwrap();
    fs::write(users.path(), format!("st-secret:{HASH}\n")).unwrap();
    let file = ["-a", "passwdfile", "-O", users.path().to_str().unwrap()];
    for flags in [&["-a", "shadow"][..], &file] {
        let daemon = Launch::new(Program::Ours, flags).inside(&system).start();
        assert_eq!(daemon.ask(&Request::new("st-secret", PASSWORD)), "OK");
        is_forgotten(&daemon, "after the right password");
        assert!(daemon.ask(&Request::new("st-secret", format!("{PASSWORD}x"))).is_no());
        assert!(daemon.ask(&Request::new("st-nobody", PASSWORD)).is_no());
        is_forgotten(&daemon, "after wrong ones");
    }
}

/// The file has it in clear.
#[test]
fn a_database_of_passwords_in_clear_leaves_none_in_memory() {
    require!(Root, Tool("saslpasswd2"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sasldb2");
    let path = path.to_str().unwrap();
    for login in ["anna", "otto", "eva"] {
        let command = format!("printf %s '{PASSWORD}' | saslpasswd2 -p -c -f {path} -u mail {login}");
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
    }
    let daemon = Launch::new(Program::Ours, &["-a", "sasldb", "-O", path]).start();
    let ask = |password: &str| daemon.ask(&Request::new("anna", password).realm("mail"));
    assert_eq!(ask("other"), "NO");
    is_forgotten(&daemon, "after a wrong password");
    assert_eq!(ask(PASSWORD), "OK");
    is_forgotten(&daemon, "after the right password");
    assert_eq!(ask("another"), "NO");
    is_forgotten(&daemon, "after another wrong one");
}

#[test]
fn what_was_sent_to_servers_leaves_no_password_in_memory() {
    require!(Dovecot, Slapd);
    let authority = Authority::new();
    let dovecot = Dovecot::new(&[("anna", PASSWORD)]);
    let certificate = authority.issue(&[&dovecot.address().to_string()]);
    let dovecot = dovecot.with_certificate(&certificate).start();
    let slapd = Slapd::new(Entries::new().user("anna", PASSWORD));
    let certificate = authority.issue(&[&slapd.address().to_string()]);
    let slapd = slapd.with_certificate(&certificate).start();
    let trust = |mechanism: &str| format!("{mechanism}_tls_cacert_file: {}\n", authority.file().display());
    let searching = |uri: String, more: &str| {
        format!("ldap_servers: {uri}\nldap_search_base: {PEOPLE}\n{more}{}", trust("ldap"))
    };
    let fake = FakeHttp::answering("HTTP/1.1 204 No Content\r\n\r\n");
    let form = format!("httpform_url: http://{}/\nhttpform_data: %p\n", fake.address());
    let imap = |option: String| Launch::new(Program::Ours, &["-a", "rimap", "-O", &option]);
    let sasl = |mechanism: &str| {
        let settings = format!("ldap_servers: {}\nldap_use_sasl: yes\nldap_mech: {mechanism}\n", slapd.uri());
        Launch::new(Program::Ours, &["-a", "ldap"]).with_file("-O", &settings)
    };
    for launch in [
        imap(dovecot.option()),
        imap(format!("imap://{}?starttls", dovecot.endpoint())).with_file("--config", &trust("rimap")),
        imap(format!("imaps://{}", dovecot.tls_endpoint())).with_file("--config", &trust("rimap")),
        Launch::new(Program::Ours, &["-a", "ldap"]).with_file("-O", &searching(slapd.uri(), "")),
        Launch::new(Program::Ours, &["-a", "ldap"]).with_file("-O", &searching(slapd.tls_uri(), "")),
        sasl("SCRAM-SHA-256"),
        sasl("DIGEST-MD5"),
        sasl("CRAM-MD5"),
        Launch::new(Program::Ours, &["-a", "httpform"]).with_file("-O", &form),
    ] {
        let daemon = launch.start();
        assert!(daemon.ask(&Request::new("anna", PASSWORD)).is_ok());
        is_forgotten(&daemon, "after the right password");
        assert!(!daemon.ask(&Request::new("nobody", PASSWORD)).is_none());
        is_forgotten(&daemon, "after a login that does not exist");
    }
}

#[test]
fn what_a_policy_server_is_asked_leaves_no_password_in_memory_and_nothing_secret_in_the_log() {
    let reply = |status: i8| {
        let body = format!("{{\"status\":{status}}}");
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let fake = FakeHttp::answering(reply(0));
    let keys = "policy_nonce: Wombat-Nonce\npolicy_user: wforce\npolicy_password: Kauz-Passwort\n";
    let daemon = Launch::new(Program::Ours, &["-a", "passwdfile"])
        .with_file("-O", &format!("anna:{HASH}\n"))
        .with_file("--config", &format!("policy_url: http://{}/\n{keys}", fake.address()))
        .start();
    let ask =
        |password: &str| daemon.ask(&Request::new("anna", password).service("smtp").address("10.1.1.1;25"));
    assert_eq!(ask(PASSWORD), "OK");
    is_forgotten(&daemon, "after the right password");
    assert!(ask(&format!("{PASSWORD}x")).is_no());
    is_forgotten(&daemon, "after a wrong one");
    for answer in [reply(-1), "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_owned()] {
        fake.answer(answer);
        ask(PASSWORD);
        is_forgotten(&daemon, "after a refusal and an outage");
    }
    daemon.log.wait_for("The policy server cannot be asked");
    // The user and password as HTTP's basic scheme writes them, and the keys.
    for secret in ["Wombat", "Kauz", "d2ZvcmNl", PASSWORD] {
        assert!(daemon.log.all().iter().all(|line| !line.contains(secret)), "{secret}");
    }
}

#[test]
fn no_core_file_can_hold_a_password() {
    let daemon = Daemon::start(Program::Ours, &["-a", "getpwent"]);
    daemon.log.wait_for("listening on socket");
    let children = daemon.process.children();
    assert!(children.len() >= 2, "{children:?}");
    for child in children {
        let limits = || fs::read_to_string(child.file("limits")).unwrap();
        let is_zero = |limits: String| {
            let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap().to_owned();
            line.split_whitespace().filter(|word| *word == "0").count() == 2
        };
        eventually("cores are forbidden", || is_zero(limits()).then_some(()));
    }
}

#[test]
fn the_process_that_talks_to_clients_can_be_another_user() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["--user=nobody"]);
    assert_eq!(site.ask("user", "right"), "OK");
    let [frontend] = &site.daemon.children("frontend")[..] else { panic!("not one frontend") };
    let status = fs::read_to_string(frontend.file("status")).unwrap();
    for field in ["Uid:", "Gid:"] {
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        assert!(line.split_whitespace().skip(1).all(|id| id == "65534"), "{line}");
    }
    for field in ["CapPrm:", "CapEff:"] {
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        assert!(line.ends_with("\t0000000000000000"), "{line}");
    }
    let groups = status.lines().find_map(|line| line.strip_prefix("Groups:")).unwrap();
    assert!(groups.split_whitespace().all(|id| id == "65534"), "groups {groups:?}");
    for worker in site.daemon.children("worker") {
        let status = fs::read_to_string(worker.file("status")).unwrap();
        assert!(status.contains("Uid:\t0\t"), "a worker keeps what reading /etc/shadow needs");
    }
    site.daemon.process.signal("HUP");
    eventually("it serves after a reload too", || {
        let another = site.daemon.children("frontend").iter().all(|child| child != frontend);
        (site.ask("user", "right").is_ok() && another).then_some(())
    });
}

#[test]
fn a_worker_that_only_runs_errands_is_that_user_too() {
    require!(Root);
    let server = FakeImap::new("* OK\r\n", "TAG OK\r\n").start();
    let option = format!("localhost/{}", server.port());
    let daemon = Daemon::start(Program::Ours, &["-a", "rimap", "-O", &option, "--user=nobody"]);
    let answer = daemon.ask(&Request::new("anna", "right"));
    assert!(answer.is_ok(), "it has resolved the name: {answer:?}");
    let workers = daemon.children("worker");
    assert!(!workers.is_empty());
    for worker in workers {
        let status = fs::read_to_string(worker.file("status")).unwrap();
        for line in ["Uid:\t65534\t65534\t65534\t65534\n", "CapPrm:\t0000000000000000\n"] {
            assert!(status.contains(line), "{status}");
        }
    }
}

/// No process of the daemon holds the password, now or in a moment: the reply goes out before the last copy is wiped.
fn is_forgotten(daemon: &Daemon, when: &str) {
    let gone = within(Duration::from_secs(2), || holders(daemon).is_empty().then_some(()));
    assert!(gone.is_some(), "{when} the password is still in {:?}", holders(daemon));
}

/// The processes that have the password in their memory, and in which part of it.
fn holders(daemon: &Daemon) -> Vec<String> {
    let all = daemon.process.children().into_iter().chain([daemon.process.clone()]);
    all.flat_map(|process| parts_with_password(&process)).collect()
}

fn parts_with_password(process: &Process) -> Vec<String> {
    let maps = fs::read_to_string(process.file("maps")).unwrap_or_default();
    let Ok(memory) = File::open(process.file("mem")) else { return Vec::new() };
    let writable = maps.lines().filter(|line| line.contains(" rw"));
    let holding = writable.filter(|line| holds_password(&memory, line).unwrap_or(false));
    holding.map(|line| format!("{:?}: {line}", process.arguments())).collect()
}

/// Whether the part of `memory` that a line of /proc/PID/maps describes holds the password.
fn holds_password(memory: &File, line: &str) -> Option<bool> {
    let (start, end) = line.split_once(' ')?.0.split_once('-')?;
    let address = |text: &str| u64::from_str_radix(text, 16).ok();
    let (start, end) = (address(start)?, address(end)?);
    let mut bytes = vec![0; usize::try_from(end - start).ok()?];
    memory.read_exact_at(&mut bytes, start).ok()?;
    Some(bytes.windows(TRACE.len()).any(|window| window == TRACE))
}
