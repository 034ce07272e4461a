//! The protocol on the socket: what clients may send, in which pieces, and the bytes they get back.

use crate::support::client::counted;
use crate::support::{Answer, Daemon, Probe, Probed, Program, Request};
use std::time::{Duration, Instant};

for_both!(
    a_request_in_one_write_is_answered,
    a_request_sent_byte_by_byte_is_answered,
    a_request_in_four_writes_is_answered_as_exim_sends_it,
    the_client_address_of_newer_clients_is_taken,
    an_empty_client_address_is_taken,
    an_empty_login_is_refused_with_its_text,
    an_empty_password_is_refused_with_its_text,
    an_empty_login_is_told_before_an_empty_password,
    fields_of_256_bytes_are_accepted,
    a_field_over_the_limit_is_refused_as_soon_as_its_length_is_known,
    a_login_with_a_nul_never_passes_for_its_beginning,
    a_nul_at_the_end_of_a_field_only_ends_it,
    bytes_above_127_reach_the_mechanism_as_they_came,
    connecting_and_closing_is_silent,
    half_a_request_gets_no_reply,
    a_client_that_leaves_before_its_reply_harms_nobody,
    bytes_after_the_request_are_drained_and_ignored,
    a_second_request_on_the_connection_gets_no_reply,
);

fn a_request_in_one_write_is_answered(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    assert_eq!(site.ask("user", "right"), "OK");
    assert_eq!(site.ask("user", "wrong"), "NO PAM auth error");
}

fn a_request_sent_byte_by_byte_is_answered(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    let mut connection = site.daemon.connect();
    for byte in site.probe.request("user", "right").realm("realm").bytes() {
        connection.send([byte]);
    }
    assert_eq!(connection.receive(), "OK");
}

fn a_request_in_four_writes_is_answered_as_exim_sends_it(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    let mut connection = site.daemon.connect();
    for chunk in site.probe.request("user", "right").chunks() {
        connection.send(chunk);
    }
    assert_eq!(connection.receive(), "OK");
}

fn the_client_address_of_newer_clients_is_taken(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    let request = site.probe.request("user", "right").realm("realm").address("192.0.2.7;4711");
    assert_eq!(site.daemon.ask(&request), "OK");
}

fn an_empty_client_address_is_taken(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    assert_eq!(site.daemon.ask(&site.probe.request("user", "right").address("")), "OK");
}

fn an_empty_login_is_refused_with_its_text(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    assert_eq!(site.ask("", "right"), "NO NULL login received");
    site.daemon.log.wait_for("NULL login received");
    assert_eq!(site.probe.calls(), []);
}

fn an_empty_password_is_refused_with_its_text(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    assert_eq!(site.ask("user", ""), "NO NULL password received");
    site.daemon.log.wait_for("NULL password received");
    assert_eq!(site.probe.calls(), []);
}

fn an_empty_login_is_told_before_an_empty_password(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    assert_eq!(site.ask("", ""), "NO NULL login received");
}

fn fields_of_256_bytes_are_accepted(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    let long = "x".repeat(256);
    site.probe.change_password(&long[..255]);
    assert_eq!(site.ask(&long, &long[..255]), "OK");
    assert_eq!(site.daemon.ask(&site.probe.request(&long, &long).realm(&long)), "NO PAM auth error");
    assert_eq!(site.probe.calls()[0].login, long);
}

fn a_field_over_the_limit_is_refused_as_soon_as_its_length_is_known(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    let why = "tokens used as passwords are longer than 256 bytes";
    let field = program.better(why, 256, 1024);
    let limits = [field, program.better(why, 256, 8192), field, field];
    for (index, name) in ["login", "password", "service", "realm"].into_iter().enumerate() {
        let mut begun = vec![counted(b"user"); index].concat();
        begun.extend(u16::to_be_bytes(limits[index] + 1));
        assert_eq!(site.daemon.connect().send(begun).receive(), "NO ", "{name}");
        site.daemon.log.wait_for(&format!("{name} exceeded MAX_REQ_LEN: {}", limits[index]));
    }
    assert_eq!(site.probe.calls(), []);
}

fn a_login_with_a_nul_never_passes_for_its_beginning(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    let answer = site.ask("user\0anything", "right");
    if program.better("a cut login is another user's", true, false) {
        assert_eq!(answer, "OK");
    } else {
        assert!(answer.is_no(), "{answer:?}");
        assert_eq!(site.probe.calls(), []);
    }
}

/// MariaDB's plugin counts the NUL behind its password into it.
fn a_nul_at_the_end_of_a_field_only_ends_it(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    let name = site.probe.name().to_owned();
    assert_eq!(site.ask("user", "right\0"), "OK");
    assert_eq!(site.ask("user\0", "right"), "OK");
    assert_eq!(site.daemon.ask(&site.probe.request("user", "right").realm("\0")), "OK");
    assert_eq!(site.daemon.ask(&Request::new("user", "right").service(format!("{name}\0"))), "OK");
    assert_eq!(site.ask("user", "wrong\0"), "NO PAM auth error");
    assert_eq!(site.ask("\0", "right"), "NO NULL login received");
    assert_eq!(site.ask("user", "\0"), "NO NULL password received");
    assert!(site.probe.calls().iter().all(|call| call.login == "user" && call.service == name));
}

fn bytes_above_127_reach_the_mechanism_as_they_came(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    site.probe.change_password("pässwörd");
    assert_eq!(site.ask("jürgen", "pässwörd"), "OK");
    assert_eq!(site.ask("jürgen", b"p\xe4ssw\xf6rd"), "NO PAM auth error");
    assert_eq!(site.probe.calls()[0].login, "jürgen");
}

fn connecting_and_closing_is_silent(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &["-n", "1"]);
    assert_eq!(site.ask("user", "right"), "OK");
    // Said by another process than the login.
    site.daemon.log.wait_for("listening on socket");
    site.daemon.log.wait_for("auth success");
    let before = site.daemon.log.all().len();
    drop(site.daemon.connect());
    // The one worker of C comes to this login after it has seen the other client go.
    assert_eq!(site.ask("user", "wrong"), "NO PAM auth error");
    site.daemon.log.wait_for("auth failure");
    let about_logins = ["auth ", "DEBUG: login ", "pam_authenticate failed", "accept lock", "response"];
    let lines = site.daemon.log.all().split_off(before);
    let others: Vec<_> =
        lines.iter().filter(|line| !about_logins.iter().any(|text| line.contains(text))).collect();
    assert!(others.is_empty(), "{others:#?}");
}

fn half_a_request_gets_no_reply(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &["-n", "1"]);
    let whole = site.probe.request("user", "right").bytes();
    for length in [1, 2, 4, 8, whole.len() - 1] {
        let mut connection = site.daemon.connect();
        assert_eq!(
            connection.send(&whole[..length]).finish_sending().receive(),
            Answer::Nothing,
            "{length} bytes"
        );
    }
    assert_eq!(site.ask("user", "right"), "OK");
}

fn a_client_that_leaves_before_its_reply_harms_nobody(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &["-n", "2"]);
    for _ in 0..20 {
        drop(site.begin("user", "wrong"));
    }
    assert_eq!(site.ask("user", "right"), "OK");
    assert!(site.daemon.process.is_running());
}

fn bytes_after_the_request_are_drained_and_ignored(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    let request = site.probe.request("user", "right");
    for more in [vec![0], vec![0xff; 5], vec![b'x'; 60_000], counted(b"192.0.2.7;1"), counted(&[b'x'; 5000])]
    {
        let bytes = [request.bytes(), more.clone()].concat();
        assert_eq!(site.daemon.connect().send(bytes).receive(), "OK", "{} more bytes", more.len());
        let bytes = [request.clone().address("192.0.2.7;1").bytes(), more.clone()].concat();
        assert_eq!(
            site.daemon.connect().send(bytes).receive(),
            "OK",
            "address and {} more bytes",
            more.len()
        );
    }
}

fn a_second_request_on_the_connection_gets_no_reply(program: Program) {
    require!(Root, Compiler);
    let site = Probed::start(program, &[]);
    let request = site.probe.request("user", "right").address("").bytes();
    assert_eq!(site.daemon.connect().send([request.clone(), request].concat()).receive(), "OK");
    assert_eq!(site.probe.calls().len(), 1);
}

/// Some clients take what one read gives as the whole reply. C writes twice, so there is nothing to compare with.
#[test]
fn a_reply_comes_in_one_write() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-c"]);
    for round in 0..50 {
        let password = if round % 2 == 0 { "right" } else { "wrong" };
        let expected: &[u8] = if round % 2 == 0 { b"OK" } else { b"NO PAM auth error" };
        assert_eq!(site.begin("user", password).receive_once(), counted(expected));
    }
}

/// Five such clients stop the C daemon, which reads until they close.
#[test]
fn a_client_that_keeps_its_end_open_holds_nothing() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-n", "1"]);
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut connection = site.begin("user", "right");
        assert_eq!(connection.receive(), "OK");
        open.push(connection);
    }
    assert_eq!(site.ask("user", "wrong"), "NO PAM auth error");
}

#[test]
fn a_nul_before_the_end_of_any_of_the_four_fields_is_refused() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &[]);
    let name = site.probe.name().to_owned();
    let requests = [
        site.probe.request("us\0er", "right"),
        site.probe.request("user\0\0", "right"),
        site.probe.request("\0\0", "right"),
        site.probe.request("user", "right\0x"),
        site.probe.request("user", "\0right"),
        site.probe.request("user", "right").realm("re\0alm"),
        Request::new("user", "right").service(format!("{name}\0\0")),
    ];
    for request in requests {
        let answer = site.daemon.ask(&request);
        assert!(answer.is_no(), "{request:?} was answered with {answer:?}");
    }
    assert_eq!(site.probe.calls(), []);
}

/// Firstyear's PAM client takes nothing else.
#[test]
fn a_bare_reply_is_one_word() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["--reply-text=bare", "--on-unavailable=no"]);
    for (login, password, reply) in [
        ("user", "right", "OK"),
        ("user", "wrong", "NO"),
        ("expired", "right", "NO"),
        ("offline", "right", "NO"),
        ("", "right", "NO"),
        (&*"x".repeat(1025), "right", "NO"),
    ] {
        assert_eq!(site.ask_roughly(login, password), reply, "{login}");
    }
}

#[test]
fn the_longest_fields_of_the_default_limits_are_accepted() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &[]);
    let login = "l".repeat(1024);
    site.probe.change_password(&"p".repeat(250));
    assert_eq!(site.ask(&login, "p".repeat(250)), "OK");
    assert_eq!(site.ask(&login, "p".repeat(8192)), "NO PAM auth error");
    let all = Request::new(&login, "p".repeat(8192)).service("s".repeat(1024)).realm("r".repeat(1024));
    assert_ne!(site.daemon.ask(&all.address("a".repeat(1024))), "NO ");
}

/// The longest request of all: each field at the bound of its option, and the realm once more behind the login.
#[test]
fn the_longest_login_that_r_makes_reaches_the_mechanism() {
    let flags = ["-a", "getpwent", "-r", "--max-field=16384", "--max-password=65535"];
    let daemon = Daemon::start(Program::Ours, &flags);
    let field = |letter: &str| letter.repeat(16_384);
    let request = Request::new(field("l"), "p".repeat(65_535)).service(field("s")).realm(field("r"));
    assert_eq!(daemon.ask(&request), "NO Invalid username");
}

#[test]
fn the_limits_are_options() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["--max-password=65535", "--max-field=300"]);
    let begun =
        |login: u16| site.daemon.connect().send(login.to_be_bytes()).receive_within(Duration::from_millis(1));
    assert_eq!(begun(300), None);
    assert_eq!(site.daemon.connect().send(301_u16.to_be_bytes()).receive(), "NO ");
    site.daemon.log.wait_for("login exceeded MAX_REQ_LEN: 300");
    let mut connection = site.daemon.connect();
    let request = site.probe.request("user", "p".repeat(65535));
    for chunk in request.chunks() {
        connection.send(chunk);
    }
    assert_eq!(connection.receive(), "NO PAM auth error");
}

/// `-r` makes the login longer than its own limit.
#[test]
fn a_request_with_all_fields_at_the_largest_limits_ends_no_process() {
    let flags = ["-a", "pam", "-n", "1", "-r", "--max-password=65535", "--max-field=16384"];
    let daemon = Daemon::start(Program::Ours, &flags);
    let (name, password) = (|letter: &str| letter.repeat(16_384), "p".repeat(65_535));
    let largest = Request::new(name("l"), password).service(name("s")).realm(name("r"));
    let refused_for_its_service = "NO PAM start error";
    assert_eq!(daemon.ask(&Request::new("user", "x").service(name("s"))), refused_for_its_service);
    let workers = daemon.children("worker");
    for _ in 0..3 {
        assert_eq!(daemon.ask(&largest), refused_for_its_service);
    }
    assert_eq!(daemon.children("worker"), workers);
}

#[test]
fn an_incomplete_request_is_closed_after_the_read_timeout() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["--read-timeout=1"]);
    let whole = site.probe.request("user", "right").bytes();
    let start = Instant::now();
    let mut silent = site.daemon.connect();
    let mut half = site.daemon.connect();
    half.send(&whole[..whole.len() / 2]);
    let mut trickling = site.daemon.connect();
    let mut answer = None;
    for byte in &whole {
        // It fails once the daemon has closed, which is the answer awaited here.
        let _ = trickling.try_send(&[*byte]);
        answer = trickling.receive_within(Duration::from_millis(200));
        if answer.is_some() {
            break;
        }
    }
    // A byte that has just been sent and is not read any more makes it a reset.
    let is_closed = matches!(answer, Some(Answer::Nothing | Answer::Reset));
    assert!(is_closed, "the client that sends a byte now and then: {answer:?}");
    assert_eq!(silent.receive(), Answer::Nothing);
    assert_eq!(half.receive(), Answer::Nothing);
    assert!(start.elapsed() >= Duration::from_millis(900), "closed after {:?}", start.elapsed());
    assert_eq!(site.ask("user", "right"), "OK");
    assert_eq!(site.probe.calls().len(), 1);
}

#[test]
fn text_of_a_client_cannot_forge_a_line_in_the_log() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &[]);
    let forged = "x] [reason=fine]\ndo_auth         : auth success: [user=root]\x1b[2J";
    assert_eq!(site.daemon.ask(&site.probe.request(forged, "wrong").realm(forged)), "NO PAM auth error");
    let line = site.daemon.log.wait_for("auth failure");
    assert!(!line.contains("[reason=fine]") && !line.contains('\x1b'), "{line}");
    assert!(!line.contains("x] "), "a bracket of the client closes no field: {line}");
    let lines = site.daemon.log.all();
    assert!(
        !lines.iter().any(|line| line.starts_with("do_auth") || line.contains("] :auth success")),
        "{lines:#?}"
    );
}

#[test]
fn a_password_is_in_no_log() {
    require!(Root, Compiler);
    let site = Probed::start(Program::Ours, &["-V", "-c"]);
    let probe: &Probe = &site.probe;
    probe.change_password("Zebra4711");
    assert_eq!(site.ask("user", "Zebra4711"), "OK");
    assert_eq!(site.ask("user", "Zebra4711"), "OK");
    assert_eq!(site.ask("user", "Zebra4712"), "NO PAM auth error");
    site.daemon.log.wait_for("auth failure");
    assert!(
        !site.daemon.log.all().iter().any(|line| line.contains("Zebra471")),
        "{:#?}",
        site.daemon.log.all()
    );
}
