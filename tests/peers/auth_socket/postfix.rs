//! Postfix with `smtpd_sasl_type = dovecot`.

use super::{USERS, expect_verdicts};
use crate::peers::bounded;
use crate::peers::postfix::instance::{AUTH_SOCKET, MUX, PORTS, Postfix, SERVICES, Sasl};
use crate::peers::smtp::{METHODS, Method, Smtp};
use crate::policy_server::json;
use crate::support::{AuthLaunch, AuthServer, FakeHttp, RunningAuthServer, eventually};
use std::fs;
use std::io::{BufRead, Write};
use std::net::Ipv4Addr;
use tempfile::TempDir;

/// Where the kernel puts a client that connects to a loopback address.
const CLIENT: Ipv4Addr = Ipv4Addr::LOCALHOST;

const ACCEPTED: &str = "235 2.7.0 ";
const REFUSED: &str = "535 5.7.8 ";
const TRY_LATER: &str = "454 4.7.0 ";

for_both_auth_servers!(
    with Postfix:
    a_chrooted_smtpd_tells_right_wrong_and_unknown_apart,
    an_smtpd_without_chroot_tells_right_wrong_and_unknown_apart,
    one_smtpd_asks_about_many_logins_on_one_connection,
    a_server_that_stops_is_try_later_and_started_again_serves_the_same_smtpd,
    a_server_that_is_replaced_between_two_logins_is_not_noticed,
    a_reload_is_not_noticed,
    an_outage_lets_mail_through_and_is_no_wrong_password,
    a_login_that_was_broken_off_does_not_disturb_the_next,
    the_log_tells_where_the_client_is,
);

fn a_chrooted_smtpd_tells_right_wrong_and_unknown_apart(program: AuthServer) {
    let host = Host::new(program, true);
    expect_verdicts(ACCEPTED, REFUSED, |method, login, password| {
        host.postfix.connect().authenticate(method, login, password)
    });
}

fn an_smtpd_without_chroot_tells_right_wrong_and_unknown_apart(program: AuthServer) {
    let host = Host::new(program, false);
    expect_verdicts(ACCEPTED, REFUSED, |method, login, password| {
        host.postfix.connect().authenticate(method, login, password)
    });
}

/// In one session after the other: smtpd connects once and keeps the connection.
fn one_smtpd_asks_about_many_logins_on_one_connection(program: AuthServer) {
    let host = Host::new(program, true);
    for _ in 0..20 {
        let mut session = host.postfix.connect();
        expect(&mut session, REFUSED, Method::Plain, "alice", "wrong horse");
        expect(&mut session, ACCEPTED, Method::Plain, "alice", "right horse");
    }
}

fn a_server_that_stops_is_try_later_and_started_again_serves_the_same_smtpd(program: AuthServer) {
    let mut host = Host::new(program, true);
    let mut session = host.postfix.connect();
    for method in METHODS {
        expect(&mut session, REFUSED, method, "alice", "wrong horse");
        host.server.stop();
        expect(&mut session, TRY_LATER, method, "alice", "right horse");
        expect(&mut session, TRY_LATER, method, "alice", "wrong horse");
        host.server.start_again();
        expect(&mut session, REFUSED, method, "alice", "wrong horse");
    }
    expect(&mut session, ACCEPTED, Method::Plain, "alice", "right horse");
}

fn a_server_that_is_replaced_between_two_logins_is_not_noticed(program: AuthServer) {
    let mut host = Host::new(program, true);
    let mut session = host.postfix.connect();
    expect(&mut session, REFUSED, Method::Plain, "alice", "wrong horse");
    host.server.stop();
    host.server.start_again();
    expect(&mut session, ACCEPTED, Method::Plain, "alice", "right horse");
}

fn a_reload_is_not_noticed(program: AuthServer) {
    let host = Host::new(program, true);
    let mut session = host.postfix.connect();
    expect(&mut session, REFUSED, Method::Plain, "alice", "wrong horse");
    host.server.reload();
    for _ in 0..3 {
        expect(&mut session, REFUSED, Method::Login, "alice", "wrong horse");
    }
    if program.better("Dovecot cuts off who connects as it reloads", false, true) {
        // Another smtpd, since the first is busy.
        expect(&mut host.postfix.connect(), ACCEPTED, Method::Plain, "alice", "right horse");
    }
    expect(&mut session, ACCEPTED, Method::Plain, "alice", "right horse");
}

fn an_outage_lets_mail_through_and_is_no_wrong_password(program: AuthServer) {
    let postfix = Postfix::start(Sasl::Dovecot { is_chrooted: true });
    let _server = AuthLaunch::in_an_outage(program).at(&postfix.auth_socket()).start();
    let mut session = postfix.connect();
    let why = "nobody is to be asked for another password in an outage";
    for method in METHODS {
        expect(&mut session, program.better(why, REFUSED, TRY_LATER), method, "alice", "right horse");
    }
    let reply = session.command("MAIL FROM:<carol@example.test>");
    assert!(reply.starts_with("250 "), "{reply}");
    drop(session);
    postfix.connect();
}

/// smtpd tells the server nothing of that, so the number of the request stays open.
fn a_login_that_was_broken_off_does_not_disturb_the_next(program: AuthServer) {
    let host = Host::new(program, true);
    let mut session = host.postfix.connect();
    for _ in 0..5 {
        for command in ["AUTH LOGIN", "AUTH PLAIN"] {
            let reply = session.command(command);
            assert!(reply.starts_with("334"), "{reply}");
            let reply = session.command("*");
            assert!(reply.starts_with("501 "), "{reply}");
        }
    }
    expect(&mut session, ACCEPTED, Method::Login, "alice", "right horse");
}

/// What libsasl keeps to itself: with it a guesser can be banned by the log of the daemon.
fn the_log_tells_where_the_client_is(program: AuthServer) {
    let host = Host::new(program, true);
    expect(&mut host.postfix.connect(), REFUSED, Method::Plain, "alice", "wrong horse");
    host.server.log().wait_for(&match program {
        AuthServer::Dovecot => format!("(alice,{CLIENT})"),
        AuthServer::Ours => format!("[remote={CLIENT}]"),
    });
}

/// Why the README wants saslauthd to be there first, and why nothing may keep it from its greeting.
#[test]
fn an_smtpd_that_does_not_find_its_socket_takes_no_mail() {
    require!(Postfix);
    let postfix = Postfix::start(Sasl::Dovecot { is_chrooted: true });
    assert_eq!(postfix.greeting(), "");
    eventually("smtpd says why", || {
        postfix.log().contains("fatal: no SASL authentication mechanisms").then_some(())
    });
}

/// So port 25 goes on where logins are at the ports for mail programs only.
#[test]
fn an_smtpd_without_logins_takes_mail_without_the_socket() {
    require!(Postfix);
    let postfix = Postfix::start(Sasl::Elsewhere);
    let mut session = postfix.connect();
    let reply = session.authenticate(Method::Plain, "alice", "right horse");
    assert!(reply.starts_with("503 5.5.1 "), "{reply}");
    let reply = session.command("MAIL FROM:<carol@example.test>");
    assert!(reply.starts_with("250 "), "{reply}");
}

/// The files in contrib: postconf warns of a name or a service that Postfix does not know.
#[test]
fn the_examples_are_what_postfix_knows() {
    require!(Postfix);
    for (parameters, kind) in [(AUTH_SOCKET, "dovecot"), (MUX, "cyrus")] {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("main.cf"), format!("compatibility_level = 3.6\n{parameters}"))
            .unwrap();
        let services = fs::read_to_string(SERVICES).unwrap();
        fs::write(directory.path().join("master.cf"), format!("{services}\n{PORTS}")).unwrap();
        let said = |option: &str| {
            let output = bounded("postconf").arg("-c").arg(directory.path()).arg(option).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{kind} {option}");
            String::from_utf8(output.stdout).unwrap()
        };
        assert!(said("-n").contains(&format!("smtpd_sasl_type = {kind}\n")));
        assert_eq!(said("-M").lines().filter(|line| line.starts_with("submission")).count(), 2);
    }
}

/// A mail host.
struct Host {
    server: RunningAuthServer,
    postfix: Postfix,
}

impl Host {
    /// Postfix makes the directory of the socket as it starts, and wants the socket with the first session.
    fn new(program: AuthServer, is_chrooted: bool) -> Self {
        let postfix = Postfix::start(Sasl::Dovecot { is_chrooted });
        let server = AuthLaunch::new(program, &USERS).at(&postfix.auth_socket()).start();
        Self { server, postfix }
    }
}

#[test]
fn a_login_that_the_policy_server_refuses_is_a_refusal_and_no_outage() {
    require!(Postfix);
    let fake = FakeHttp::answering(json(r#"{"status":-1,"msg":"too many"}"#));
    let postfix = Postfix::start(Sasl::Dovecot { is_chrooted: true });
    let launch = AuthLaunch::new(AuthServer::Ours, &USERS).at(&postfix.auth_socket());
    let server = launch.asking_policy_server(fake.address()).start();
    let mut session = postfix.connect();
    for method in METHODS {
        let reply = session.authenticate(method, "alice", "right horse");
        assert!(reply.starts_with(REFUSED) && !reply.contains("too many"), "{reply}");
    }
    server.log().wait_for("[reason=policy: too many]");
    fake.answer(json(r#"{"status":0}"#));
    expect(&mut session, ACCEPTED, Method::Plain, "alice", "right horse");
}

#[track_caller]
fn expect<R: BufRead, W: Write>(
    session: &mut Smtp<R, W>,
    start: &str,
    method: Method,
    login: &str,
    password: &str,
) {
    let reply = session.authenticate(method, login, password);
    assert!(reply.starts_with(start), "{method:?} {login:?} {password:?}: {reply}, and not {start}");
}
