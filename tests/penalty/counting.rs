//! What counts, for whom, and which answers wait for it.

use super::Site;
use crate::support::{AuthClient, Launch, Program, Request, eventually};
use openssl::base64::encode_block;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// As an administrator would try it.
#[test]
fn the_first_wrong_password_from_an_address_is_refused_after_two_seconds() {
    let site = Site::start(&[]);
    let begin = Instant::now();
    let mut client = Command::new(Program::Ours.client());
    client.args(["-u", "anna", "-p", "wrong", "-a", "192.0.2.7", "-f"]).arg(site.daemon.socket());
    let finished = crate::support::command::run(client);
    assert!(finished.output.contains("NO"), "{finished:?}");
    assert!(begin.elapsed() >= Duration::from_secs(2), "{:?}", begin.elapsed());
    site.expect_step("192.0.2.7", 1);
}

#[test]
fn a_right_password_from_the_address_of_a_guesser_is_answered_while_his_are_held_back() {
    let mut site = Site::start(&[]);
    for (number, step) in [(0, 1), (1, 2), (2, 3), (3, 4), (4, 4)] {
        site.guess("192.0.2.7", "bert", &format!("guess {number}"));
        site.expect_step("192.0.2.7", step);
    }
    site.expect_accepted("192.0.2.7");
    assert!(site.held() >= 2, "the fifteen seconds of the last two are not over");
    site.expect_step("192.0.2.7", 4);
    assert_eq!(site.daemon.ask(&Request::new("anna", "secret")), "OK");
}

#[test]
fn the_same_wrong_password_climbs_no_step_and_another_address_has_its_own() {
    let mut site = Site::start(&[]);
    for _ in 0..4 {
        site.guess("192.0.2.7", "anna", "old");
    }
    site.expect_step("192.0.2.7", 1);
    site.guess("192.0.2.8", "anna", "old");
    site.guess("192.0.2.8", "anna", "older");
    site.expect_step("192.0.2.8", 2);
    site.expect_step("192.0.2.7", 1);
}

#[test]
fn the_right_password_forgives_the_slips_of_its_own_login_only() {
    let mut site = Site::start(&["-c"]);
    site.guess("192.0.2.7", "anna", "slip");
    site.guess("192.0.2.7", "anna", "slipp");
    site.expect_accepted("192.0.2.7");
    assert_eq!(site.penalties(), []);
    site.guess("192.0.2.7", "bert", "guess");
    site.guess("192.0.2.7", "anna", "slip");
    site.expect_accepted("192.0.2.7");
    site.expect_step("192.0.2.7", 1);
    site.daemon.log.wait_for("auth success (cached): [user=anna]");
}

#[test]
fn a_subnet_of_ipv6_is_one_and_ipv4_inside_of_ipv6_is_ipv4() {
    let mut site = Site::start(&[]);
    site.guess("2001:db8:1:2::1", "anna", "a");
    site.guess("2001:db8:1:2:ffff::2", "anna", "b");
    site.expect_step("2001:db8:1:2::/64", 2);
    site.guess("::ffff:192.0.2.7", "anna", "c");
    site.expect_step("192.0.2.7", 1);
}

/// The answers come without any wait, or the test would not be over in time; a webmail's users have one address.
#[test]
fn trusted_networks_have_no_penalty_and_loopback_is_one_unless_others_are_named() {
    let refused = |site: &Site, client: &str, login: &str| {
        let answer = site.daemon.ask(&Request::new(login, "wrong").address(client));
        assert!(answer.is_no(), "{answer:?}");
    };
    let site = Site::start(&[]);
    (0..5).for_each(|number| refused(&site, "127.0.0.1", &format!("user{number}")));
    (0..5).for_each(|number| refused(&site, "::1", &format!("user{number}")));
    assert_eq!((site.penalties(), site.held()), (vec![], 0));
    let mut site = Site::start(&["--trusted-networks=192.0.2.0/24,2001:db8::/32"]);
    (0..5).for_each(|number| refused(&site, "192.0.2.7", &format!("user{number}")));
    (0..5).for_each(|number| refused(&site, "2001:db8::7", &format!("user{number}")));
    assert_eq!(site.penalties(), []);
    site.refusals = 10;
    site.guess("127.0.0.1", "anna", "wrong");
    site.expect_step("127.0.0.1", 1);
}

#[test]
fn an_outage_and_an_invalid_request_do_not_count() {
    let flags = ["-a", "rimap", "-O", "127.0.0.1/9", "--penalty=yes"];
    let daemon = Launch::new(Program::Ours, &flags).start();
    daemon.log.wait_for("listening on socket");
    let site = Site { daemon, waiting: Vec::new(), refusals: 0 };
    for number in 0..5 {
        let answer = site.daemon.ask(&Request::new("anna", number.to_string()).address("192.0.2.7"));
        assert!(!answer.is_no() && answer != "OK", "{answer:?}");
    }
    for (login, password) in [("", "x"), ("anna", ""), ("an\0na", "x"), (&"x".repeat(2000), "x")] {
        site.daemon.ask(&Request::new(login, password).address("192.0.2.7"));
    }
    assert_eq!(site.penalties(), []);
}

#[test]
fn many_wrong_passwords_for_a_login_are_told_once_and_slow_down_its_refusals_from_everywhere() {
    let mut site = Site::start(&[]);
    for number in 0..9 {
        let answer = site.daemon.ask(&Request::new("anna", format!("guess {number}")));
        assert!(answer.is_no());
    }
    site.refusals = 9;
    assert_eq!(site.penalties(), []);
    for number in 9..12 {
        site.guess("", "anna", &format!("guess {number}"));
    }
    assert_eq!(site.penalties(), [("anna".to_owned(), None)]);
    site.expect_accepted("");
    assert!(site.daemon.ask(&Request::new("bert", "wrong")).is_no());
    site.daemon.log.wait_for("Many failures for [user=anna]: 10 different wrong passwords within 60 s");
    let told = site.daemon.log.all().iter().filter(|line| line.contains("Many failures")).count();
    assert_eq!(told, 1);
    let metrics = site.shown(&["metrics"]);
    assert!(metrics.contains("\nsaslauthd_many_failures_total 1\n"), "{metrics}");
}

/// Twelve guesses, and room for five of them: the others are refused at once, and a client finds a place.
#[test]
fn held_answers_leave_three_quarters_of_the_connections_to_others() {
    let mut site = Site::start(&["--max-connections=20"]);
    for number in 0..12 {
        site.guess("192.0.2.7", "bert", &format!("guess {number}"));
    }
    let answered = site.waiting.drain(5..).map(|mut connection| connection.receive());
    assert!(answered.into_iter().all(|answer| answer.is_no()));
    let metrics = site.shown(&["metrics"]);
    assert!(metrics.contains("\nsaslauthd_penalties_waived_total 7\n"), "{metrics}");
    site.expect_accepted("192.0.2.7");
}

/// More refusals wait than connections may be open: none of them is closed without its answer, and who is right finds room.
#[test]
fn held_answers_are_told_early_where_a_client_finds_no_room() {
    let site = Site::start(&["--penalty=no", "--failure-delay=4", "--max-connections=20"]);
    let waiting: Vec<_> = (0..60)
        .map(|number| {
            let mut connection = site.daemon.connect();
            connection.send(Request::new("bert", format!("guess {number}")).bytes());
            eventually("it is refused", || (site.logged_refusals() > number).then_some(()));
            if number % 10 == 9 {
                site.expect_accepted("192.0.2.7");
            }
            connection
        })
        .collect();
    assert!(waiting.into_iter().all(|mut connection| connection.receive().is_no()));
}

/// A client finds its requests refused as too many otherwise, the right ones among them.
#[test]
fn a_connection_in_dovecots_protocol_has_half_of_its_requests_held_back_at_the_most() {
    let directory = TempDir::new().unwrap();
    let socket = directory.path().join("auth");
    let socket_flag = format!("{},protocol=dovecot", socket.display());
    let site = Site::start(&["--penalty=no", "--failure-delay=30", "--socket", &socket_flag]);
    let mut client = AuthClient::new(&socket).introduced(1);
    let auth = |id: u32, text: String| {
        format!("AUTH\t{id}\tPLAIN\tservice=smtp\tresp={}\n", encode_block(text.as_bytes()))
    };
    for id in 1..=60 {
        client.send(auth(id, format!("\0bert\0guess {id}")));
    }
    let told: Vec<_> = (0..28).map(|_| client.line()).collect();
    assert!(told.iter().all(|line| line.starts_with("FAIL") && !line.contains("temp")), "{told:?}");
    for id in 101..=120 {
        client.send(auth(id, "\0anna\0secret".to_owned()));
    }
    for _ in 0..20 {
        let line = client.line();
        assert!(line.starts_with("OK"), "{line}");
    }
    eventually("each was checked", || (site.logged_refusals() == 60).then_some(()));
}

#[test]
fn an_address_in_dovecots_protocol_counts_as_well_and_the_right_password_is_answered_first() {
    let directory = TempDir::new().unwrap();
    let socket = directory.path().join("auth");
    let site = Site::start(&["--socket", &format!("{},protocol=dovecot", socket.display())]);
    let mut client = AuthClient::new(&socket).introduced(1);
    let request = |id: u32, login: &str, password: &str| {
        let response = encode_block(format!("\0{login}\0{password}").as_bytes());
        format!("AUTH\t{id}\tPLAIN\tservice=smtp\trip=192.0.2.7\tresp={response}\n")
    };
    for id in 1..=3 {
        client.send(request(id, "bert", &format!("guess {id}")));
    }
    eventually("they are refused", || (site.logged_refusals() == 3).then_some(()));
    client.send(request(4, "anna", "secret"));
    assert_eq!(client.line(), r"OK\t4\tuser=anna");
    site.expect_step("192.0.2.7", 3);
    // After two seconds the one that was refused first, as the refusal that it is.
    let line = client.line();
    assert!(line.starts_with("FAIL") && line.ends_with(r"\tuser=bert"), "{line}");
}

/// Others on the same connection must find room.
#[test]
fn a_connection_in_dovecots_protocol_has_few_held_answers_of_its_own() {
    let directory = TempDir::new().unwrap();
    let socket = directory.path().join("auth");
    let site = Site::start(&["--socket", &format!("{},protocol=dovecot", socket.display())]);
    let mut client = AuthClient::new(&socket).introduced(1);
    for id in 1..=24 {
        let response = encode_block(format!("\0bert\0guess {id}").as_bytes());
        client.send(format!("AUTH\t{id}\tPLAIN\tservice=smtp\trip=192.0.2.7\tresp={response}\n"));
    }
    let first: Vec<_> = (0..8).map(|_| client.line()).collect();
    assert!(first.iter().all(|line| line.starts_with("FAIL")), "{first:?}");
    assert!(site.held() <= 16);
    let response = encode_block(b"\0anna\0secret");
    client.send(format!("AUTH\t99\tPLAIN\tservice=smtp\trip=192.0.2.7\tresp={response}\n"));
    loop {
        let line = client.line();
        if line.starts_with("OK") {
            break;
        }
    }
    assert!(site.held() > 0, "the right password did not wait for the wrong ones");
}
