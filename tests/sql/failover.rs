//! Several hosts, and one that comes and goes.

use super::{BOUND, SELECT, ask, expect_verdicts, launch, selecting, site};
use crate::support::address::own_address;
use crate::support::{Answer, Database, Engine, Fault, Moment, Proxy, eventually};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

for_each_database_server!(
    a_first_host_that_refuses_is_passed_over,
    a_first_host_that_is_silent_costs_a_bounded_time_and_not_each_login,
    a_host_that_freezes_under_way_is_left_for_the_next,
    a_host_that_breaks_off_at_any_moment_makes_no_wrong_verdict,
    connections_that_an_administrator_ends_cost_no_login,
    a_restarted_server_costs_no_login_after_it,
    without_a_server_nobody_is_told_no_and_the_first_login_after_its_return_is_answered,
    a_firewall_that_forgets_connections_costs_a_bounded_time,
    a_host_that_was_down_is_asked_again,
);

/// Settings for these hosts, and the right database behind one of them.
fn at(database: &Database, hosts: &str) -> String {
    let settings = match database {
        Database::Postgresql(server) => server.settings_at(hosts),
        Database::Mariadb(server) => server.settings_at(hosts),
        Database::Sqlite(_) => unreachable!("it is no server"),
    };
    selecting(&settings, SELECT)
}

fn address(database: &Database) -> SocketAddr {
    match database {
        Database::Postgresql(server) => server.socket_address(),
        Database::Mariadb(server) => server.socket_address(),
        Database::Sqlite(_) => unreachable!("it is no server"),
    }
}

fn with_anna(engine: Engine) -> Database {
    let database = engine.start();
    database.add("anna", "", Some("right"));
    database
}

fn a_first_host_that_refuses_is_passed_over(engine: Engine) {
    let database = with_anna(engine);
    let nobody = SocketAddr::from((own_address(), 4));
    for between in [", ", ","] {
        let daemon = launch(&at(&database, &format!("{nobody}{between}{}", address(&database)))).start();
        for _ in 0..5 {
            expect_verdicts(&daemon);
        }
    }
}

fn a_first_host_that_is_silent_costs_a_bounded_time_and_not_each_login(engine: Engine) {
    let database = with_anna(engine);
    // The kernel connects, and then nobody says a word.
    let silent = TcpListener::bind((own_address(), 0)).unwrap();
    let hosts = format!("{}, {}", silent.local_addr().unwrap(), address(&database));
    let daemon = launch(&at(&database, &hosts)).with(&["-n", "1"]).start();
    let begin = Instant::now();
    eventually("the second host is asked", || ask(&daemon, "anna", "right").is_ok().then_some(()));
    assert!(begin.elapsed() < BOUND, "{:?}", begin.elapsed());
    let begin = Instant::now();
    for _ in 0..10 {
        expect_verdicts(&daemon);
    }
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}: it is remembered", begin.elapsed());
}

fn a_host_that_freezes_under_way_is_left_for_the_next(engine: Engine) {
    let (first, mut second) = (with_anna(engine), with_anna(engine));
    let hosts = format!("{}, {}", address(&first), address(&second));
    let daemon = launch(&at(&first, &hosts)).with(&["-n", "1"]).start();
    expect_verdicts(&daemon);
    assert_eq!(first.connections(), 1);
    first.freeze();
    let begin = Instant::now();
    eventually("the second is asked", || ask(&daemon, "anna", "right").is_ok().then_some(()));
    assert!(begin.elapsed() < BOUND, "{:?}", begin.elapsed());
    expect_verdicts(&daemon);
    assert_eq!(second.connections(), 1);
    first.thaw();
    second.stop();
    eventually("the first goes on", || ask(&daemon, "anna", "right").is_ok().then_some(()));
    expect_verdicts(&daemon);
}

/// While it is spoilt the answer is right or none; afterwards it is right.
fn a_host_that_breaks_off_at_any_moment_makes_no_wrong_verdict(engine: Engine) {
    let database = with_anna(engine);
    let moments = [Moment::Connected, Moment::Sent(b"sasl"), Moment::Sent(b"SELECT password")];
    let faults = [
        Fault::Close,
        Fault::Reset,
        Fault::HalfAndClose,
        Fault::Bytewise,
        Fault::Say(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        Fault::Half,
    ];
    for moment in moments {
        for fault in faults {
            let proxy = Proxy::before(address(&database));
            proxy.spoil(moment, fault);
            let alone = launch(&at(&database, &proxy.address().to_string())).with(&["-n", "1"]).start();
            let hosts = format!("{}, {}", proxy.address(), address(&database));
            let with_second = launch(&at(&database, &hosts)).with(&["-n", "1"]).start();
            let begin = Instant::now();
            for (password, wrong) in [("right", "NO"), ("wrong", "OK")] {
                let answer = ask(&alone, "anna", password);
                assert_ne!(answer, Answer::Text(wrong.to_owned()), "{moment:?} {fault:?} {password}");
                if fault == Fault::Bytewise {
                    assert!(!answer.is_none(), "{moment:?} {fault:?} {password}: it is only slow");
                }
            }
            assert!(begin.elapsed() < 2 * BOUND, "{moment:?} {fault:?}: {:?}", begin.elapsed());
            eventually("the second is asked", || ask(&with_second, "anna", "right").is_ok().then_some(()));
            assert_eq!(ask(&with_second, "anna", "wrong"), "NO", "{moment:?} {fault:?}");
            proxy.heal();
            eventually("it is healed", || ask(&alone, "anna", "right").is_ok().then_some(()));
            expect_verdicts(&alone);
        }
    }
}

/// PostgreSQL says so on a connection that nobody reads from, MariaDB just closes.
fn connections_that_an_administrator_ends_cost_no_login(engine: Engine) {
    let (database, daemon) = site(engine);
    for _ in 0..5 {
        expect_verdicts(&daemon);
        let before = database.connections();
        assert!(before > 0, "connections are kept");
        database.end_connections();
        eventually("they are ended", || (database.connections() == 0).then_some(()));
        expect_verdicts(&daemon);
    }
    assert!(!daemon.log.all().iter().any(|line| line.contains("auth unavailable")));
}

fn a_restarted_server_costs_no_login_after_it(engine: Engine) {
    let (mut database, daemon) = site(engine);
    expect_verdicts(&daemon);
    database.stop();
    database.start_again();
    expect_verdicts(&daemon);
    expect_verdicts(&daemon);
}

fn without_a_server_nobody_is_told_no_and_the_first_login_after_its_return_is_answered(engine: Engine) {
    let (mut database, daemon) = site(engine);
    expect_verdicts(&daemon);
    database.stop();
    for (login, password) in [("anna", "right"), ("anna", "wrong"), ("eva", "right"), ("anna", "right")] {
        assert_eq!(ask(&daemon, login, password), Answer::Nothing, "{login} {password}");
    }
    daemon.log.wait_for("auth unavailable: [user=anna]");
    database.start_again();
    expect_verdicts(&daemon);
}

/// No packet comes back, not even that there is no such connection.
fn a_firewall_that_forgets_connections_costs_a_bounded_time(engine: Engine) {
    let database = with_anna(engine);
    let proxy = Proxy::before(address(&database));
    let daemon = launch(&at(&database, &proxy.address().to_string())).with(&["-n", "1"]).start();
    expect_verdicts(&daemon);
    proxy.forget();
    let begin = Instant::now();
    eventually("a new connection is made", || ask(&daemon, "anna", "right").is_ok().then_some(()));
    assert!(begin.elapsed() < BOUND, "{:?}", begin.elapsed());
    expect_verdicts(&daemon);
}

fn a_host_that_was_down_is_asked_again(engine: Engine) {
    let (mut first, mut second) = (with_anna(engine), with_anna(engine));
    let hosts = format!("{}, {}", address(&first), address(&second));
    let daemon = launch(&at(&first, &hosts)).with(&["-n", "1"]).start();
    expect_verdicts(&daemon);
    first.stop();
    expect_verdicts(&daemon);
    second.stop();
    assert_eq!(ask(&daemon, "anna", "right"), Answer::Nothing);
    first.start_again();
    eventually("the first is asked again", || ask(&daemon, "anna", "right").is_ok().then_some(()));
    expect_verdicts(&daemon);
}
