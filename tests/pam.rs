//! `-a pam`: replies, conversation, client address and failure delay.

use crate::support::{Answer, Daemon, Launch, PamService, Probe, Probed, Program, Request, System};
use std::fs;
use std::os::unix::fs::PermissionsExt;

use std::time::{Duration, Instant};
use tempfile::TempDir;

for_both!(
    every_module_result_has_its_reply,
    the_system_accounts_are_asked_through_pam_unix,
    a_service_that_cannot_be_started_is_unavailable,
    a_service_named_by_a_path_is_refused,
    an_empty_service_is_the_service_called_other,
    messages_of_a_module_are_ignored,
    a_module_that_asks_for_the_login_gets_it,
    a_module_that_asks_anything_else_gets_no_answer,
    an_unknown_kind_of_message_fails_the_conversation,
    a_module_that_changes_the_user_is_believed,
    every_spelling_that_winbind_takes_for_an_account_logs_in,
    an_account_that_the_changed_user_may_not_use_is_refused,
    the_service_file_is_read_anew_for_each_login,
    a_failure_is_held_back_for_the_delay_that_its_module_asks_for,
    with_r_the_realm_is_part_of_the_login,
);

fn every_module_result_has_its_reply(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    assert_eq!(site.ask("user", "right"), "OK");
    assert_eq!(site.ask("user", "wrong"), "NO PAM auth error");
    assert_eq!(site.ask("expired", "right"), "NO PAM acct error");
    let table = [
        ("pam_permit.so", "pam_permit.so", "OK"),
        ("pam_deny.so", "pam_permit.so", "NO PAM auth error"),
        ("pam_permit.so", "pam_deny.so", "NO PAM acct error"),
        ("pam_debug.so auth=user_unknown", "pam_permit.so", "NO PAM auth error"),
        ("pam_debug.so auth=maxtries", "pam_permit.so", "NO PAM auth error"),
        ("pam_debug.so auth=perm_denied", "pam_permit.so", "NO PAM auth error"),
        ("pam_permit.so", "pam_debug.so acct=new_authtok_reqd", "NO PAM acct error"),
        ("pam_permit.so", "pam_debug.so acct=acct_expired", "NO PAM acct error"),
    ];
    for (auth, account, expected) in table {
        let service = PamService::of(auth, account);
        let answer = site.daemon.ask(&Request::new("user", "right").service(service.name()));
        assert_eq!(answer, expected, "{auth}, {account}");
    }
}

fn the_system_accounts_are_asked_through_pam_unix(program: Program) {
    require!(Root, Mounts);
    let hash = "$5$6ZKs47Ktl7bSSt0Z$ue8v5JT6OgcmexMUIYnBw37kwNwPhb/ILpSJ7XClmY8:19000:0:99999:7:::";
    let system = System::new().account("st-pam", "x", Some(hash));
    let service = PamService::of("pam_unix.so nodelay", "pam_unix.so");
    let daemon = Launch::new(program, &["-a", "pam"]).inside(&system).start();
    let ask =
        |login: &str, password: &str| daemon.ask(&Request::new(login, password).service(service.name()));
    assert_eq!(ask("st-pam", "right"), "OK");
    assert_eq!(ask("st-pam", "wrong"), "NO PAM auth error");
    assert_eq!(ask("st-nobody", "right"), "NO PAM auth error");
}

fn a_service_that_cannot_be_started_is_unavailable(program: Program) {
    require!(Root);
    let service = PamService::new("@include no-such-service\n");
    let request = Request::new("user", "right").service(service.name());
    let daemon = Daemon::start(program, &["-a", "pam"]);
    let why = "Postfix makes 535 of NO, and 454 of a close";
    let expected = program.better(why, Answer::Text("NO PAM start error".to_owned()), Answer::Nothing);
    assert_eq!(daemon.ask(&request), expected);
    if program == Program::Ours {
        let daemon = Daemon::start(program, &["-a", "pam", "--on-unavailable=no"]);
        assert_eq!(daemon.ask(&request), "NO PAM start error");
    }
}

fn a_service_named_by_a_path_is_refused(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    for path in [format!("../pam.d/{}", site.probe.name()), format!("/etc/pam.d/{}", site.probe.name())] {
        let answer = site.daemon.ask(&Request::new("user", "right").service(&path));
        let refused = answer.is_no();
        assert_eq!(
            refused,
            program.better("a client must not pick a file", false, true),
            "{path}: {answer:?}"
        );
    }
    let calls = program.better("a client must not pick a file", 2, 0);
    assert_eq!(site.probe.calls().len(), calls);
}

fn an_empty_service_is_the_service_called_other(program: Program) {
    require!(Root, Mounts);
    let accounts = "auth required pam_succeed_if.so user = good quiet\naccount required pam_permit.so\n";
    let system = System::new().other_service(accounts);
    let daemon = Launch::new(program, &["-a", "pam"]).inside(&system).start();
    assert_eq!(daemon.ask(&Request::new("good", "right")), "OK");
    assert_eq!(daemon.ask(&Request::new("bad", "right")), "NO PAM auth error");
    assert_eq!(daemon.ask(&Request::new("good", "right").service("st-no-such-service")), "OK");
}

fn messages_of_a_module_are_ignored(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    assert_eq!(site.ask("chatty", "right"), "OK");
    assert_eq!(site.ask("chatty", "wrong"), "NO PAM auth error");
}

fn a_module_that_asks_for_the_login_gets_it(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    assert_eq!(site.ask("asked", "right"), "OK");
    // Where no module has set the prompt C compares with a null pointer and dies.
    if program == Program::Ours {
        assert_eq!(site.ask("prompted", "right"), "OK");
    }
}

fn a_module_that_asks_anything_else_gets_no_answer(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    assert_eq!(site.ask("riddle", "right"), "OK");
}

fn an_unknown_kind_of_message_fails_the_conversation(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    assert_eq!(site.ask("binary", "right"), "NO PAM auth error");
}

fn a_module_that_changes_the_user_is_believed(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    assert_eq!(site.ask("renamed", "right"), "OK");
    assert_eq!(site.ask("renamed", "wrong"), "NO PAM auth error");
    if program == Program::Ours {
        site.daemon.log.wait_for("[user=renamed] is [user=somebody\\x5Delse] to the PAM modules (PAM_USER)");
    }
}

/// pam_winbind asks the domain controller, which knows an account by several names, and sets PAM_USER to the one by
/// which the system knows it.
fn every_spelling_that_winbind_takes_for_an_account_logs_in(program: Program) {
    require!(Root, Compiler);
    let names = [
        ("anna", "anna"),
        ("ANNA", "anna"),
        ("anna@AD.EXAMPLE.ORG", "anna"),
        ("ad\\ANNA", "anna"),
        ("first.last", "first.last"),
        ("First.Last", "first.last"),
        ("Jörg", "jörg"),
    ];
    let map = names.map(|(login, account)| format!("{login} {account}\n")).concat();
    let probe = Probe::mapping(&map);
    let daemon = Daemon::start(program, &["-a", "pam"]);
    for (login, _) in names {
        assert_eq!(daemon.ask(&probe.request(login, "right")), "OK", "{login}");
        assert_eq!(daemon.ask(&probe.request(login, "wrong")), "NO PAM auth error", "{login}");
    }
    assert_eq!(daemon.ask(&probe.request("otto", "right")), "NO PAM auth error");
}

fn an_account_that_the_changed_user_may_not_use_is_refused(program: Program) {
    require!(Root, Compiler);
    let probe = Probe::mapping("anna expired\n");
    let daemon = Daemon::start(program, &["-a", "pam"]);
    assert_eq!(daemon.ask(&probe.request("anna", "right")), "NO PAM acct error");
}

fn the_service_file_is_read_anew_for_each_login(program: Program) {
    require!(Root);
    let service = PamService::of("pam_permit.so", "pam_permit.so");
    let daemon = Daemon::start(program, &["-a", "pam", "-n", "1"]);
    let request = Request::new("user", "right").service(service.name());
    assert_eq!(daemon.ask(&request), "OK");
    fs::write(service.path(), "auth required pam_deny.so\naccount required pam_permit.so\n").unwrap();
    assert_eq!(daemon.ask(&request), "NO PAM auth error");
    fs::write(service.path(), "auth required pam_permit.so\naccount required pam_permit.so\n").unwrap();
    assert_eq!(daemon.ask(&request), "OK");
}

fn a_failure_is_held_back_for_the_delay_that_its_module_asks_for(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &["-n", "1"]);
    let start = Instant::now();
    let mut guesses: Vec<_> = (0..4).map(|_| site.begin("slow", "wrong")).collect();
    if program == Program::Ours {
        // C sleeps through the delay in its only worker, and nobody else can log in meanwhile.
        assert_eq!(site.ask("user", "right"), "OK");
        assert!(start.elapsed() < Duration::from_millis(700), "a right password waited for guesses");
        assert_eq!(guesses[0].receive_within(Duration::from_millis(1)), None);
        assert_eq!(site.ask("slow", "right"), "OK", "a delay is for failures");
    } else {
        guesses.truncate(1);
    }
    for guess in &mut guesses {
        assert_eq!(guess.receive(), "NO PAM auth error");
        // libpam takes a random half of the 1.5 seconds away or adds it.
        assert!(start.elapsed() >= Duration::from_millis(740), "answered after {:?}", start.elapsed());
    }
}

fn with_r_the_realm_is_part_of_the_login(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &["-r"]);
    let ask = |login: &str, realm: &str| site.daemon.ask(&site.probe.request(login, "right").realm(realm));
    assert_eq!(ask("user", "example.org"), "OK");
    assert_eq!(ask("user", ""), "OK");
    assert_eq!(ask("user@example.com", "example.org"), "OK");
    assert_eq!(ask("user@example.org", "example.org"), "OK");
    let twice = program.better(
        "a login that has its realm is complete",
        "user@example.org@example.org",
        "user@example.org",
    );
    assert_eq!(logins(&site.probe), ["user@example.org", "user", "user@example.com@example.org", twice]);
}

#[test]
fn a_login_format_decides_what_the_modules_see() {
    require!(Root, Compiler);
    for (format, login, realm, seen) in [
        ("%U", "anna@example.org", "", "anna"),
        ("%U", "anna", "example.org", "anna"),
        ("%LU", "ANNA@Example.org", "", "anna"),
        ("%LU@%Ld", "Anna", "Example.ORG", "anna@example.org"),
        ("%r\\%U", "anna@example.org", "AD", "AD\\anna"),
        ("%u%R", "anna", "example.org", "anna@example.org"),
    ] {
        let site = Probed::start(Program::Ours, &["-c", &format!("--login-format={format}")]);
        let request = |password: &str| site.probe.request(login, password).realm(realm);
        assert_eq!(site.daemon.ask(&request("right")), "OK", "{format}");
        assert_eq!(site.daemon.ask(&request("wrong")), "NO PAM auth error", "{format}");
        assert_eq!(logins(&site.probe), [seen, seen], "{format}");
        let line = format!("auth failure: [user={}]", seen.replace('\\', "\\x5C"));
        site.daemon.log.wait_for(&line);
    }
    let site = Probed::start(Program::Ours, &["--login-format=%U"]);
    assert_eq!(site.ask("@example.org", "right"), "NO NULL login received");
    assert_eq!(site.probe.calls(), []);
}

/// C of 2.1.28 does not know the client address.
#[test]
fn pam_gets_the_client_as_a_bare_address() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &[]);
    let table = [
        ("192.0.2.7;4711", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("2001:db8::7;25", "2001:db8::7"),
        ("[2001:db8::7]:25", "2001:db8::7"),
        ("", ""),
        ("mail.example.org;25", ""),
        ("192.0.2.7\0;25", ""),
    ];
    for (sent, seen) in table {
        assert_eq!(site.daemon.ask(&site.probe.request("user", "right").address(sent)), "OK");
        assert_eq!(site.probe.calls().pop().unwrap().client, seen, "{sent:?}");
    }
}

#[test]
fn a_program_run_by_a_module_finds_a_normal_environment() {
    require!(Root);
    let directory = TempDir::new().unwrap();
    let (script, seen) = (directory.path().join("script"), directory.path().join("seen"));
    let text =
        format!("#!/bin/sh\n(cat /proc/self/status; ls /proc/self/fd; env; cat) > {}\n", seen.display());
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let service =
        PamService::of(&format!("pam_exec.so expose_authtok {}", script.display()), "pam_permit.so");
    let daemon = Daemon::start(Program::Ours, &["-a", "pam"]);
    let request = Request::new("user", "right").service(service.name()).address("192.0.2.7;4711");
    assert_eq!(daemon.ask(&request), "OK");
    let seen = fs::read_to_string(seen).unwrap();
    for line in ["PAM_USER=user", "PAM_RHOST=192.0.2.7", "SigBlk:\t0000000000000000"] {
        assert!(seen.lines().any(|seen| seen == line), "no {line:?} in {seen}");
    }
    let ignored = seen.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap();
    let ignored = u64::from_str_radix(ignored, 16).unwrap();
    assert_eq!(ignored, 0, "signals are ignored, SIGPIPE among them");
    assert!(
        seen.ends_with("right\0") || seen.ends_with("right"),
        "the password comes on the standard input: {seen}"
    );
}

#[test]
fn a_missing_module_accepts_nobody() {
    require!(Root);
    let service = PamService::of("/nonexistent/pam_missing.so", "pam_permit.so");
    for flag in ["--on-unavailable=close", "--on-unavailable=no"] {
        let daemon = Daemon::start(Program::Ours, &["-a", "pam", flag]);
        let answer = daemon.ask(&Request::new("user", "right").service(service.name()));
        assert!(!answer.is_ok() && !matches!(answer, Answer::Broken(_)), "{answer:?}");
    }
}

fn logins(probe: &Probe) -> Vec<String> {
    probe.calls().into_iter().map(|call| call.login).collect()
}
