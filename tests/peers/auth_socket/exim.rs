//! Exim with its driver `dovecot`, which connects for each login.

use super::{USERS, expect_verdicts};
use crate::peers::exim::chroot::{CLIENT, Exim};
use crate::peers::smtp::{METHODS, Method};
use crate::support::{AuthLaunch, AuthServer};

const ACCEPTED: &str = "235 ";
const REFUSED: &str = "535 ";
const TRY_LATER: &str = "435 ";

for_both_auth_servers!(
    with Exim:
    right_wrong_and_unknown_are_told_apart,
    a_server_that_is_not_there_is_try_later,
    an_outage_is_no_wrong_password,
    the_log_tells_where_the_client_is,
);

fn right_wrong_and_unknown_are_told_apart(program: AuthServer) {
    let exim = Exim::new();
    let _server = AuthLaunch::new(program, &USERS).at(&exim.auth_socket()).start();
    expect_verdicts(ACCEPTED, REFUSED, |method, login, password| exim.authenticate(method, login, password));
}

fn a_server_that_is_not_there_is_try_later(program: AuthServer) {
    let exim = Exim::new();
    let mut server = AuthLaunch::new(program, &USERS).at(&exim.auth_socket()).start();
    server.stop();
    for method in METHODS {
        expect(&exim, TRY_LATER, method, "right horse");
        expect(&exim, TRY_LATER, method, "wrong horse");
    }
    server.start_again();
    expect(&exim, ACCEPTED, Method::Plain, "right horse");
}

fn an_outage_is_no_wrong_password(program: AuthServer) {
    let exim = Exim::new();
    let _server = AuthLaunch::in_an_outage(program).at(&exim.auth_socket()).start();
    let why = "nobody is to be asked for another password in an outage";
    for method in METHODS {
        expect(&exim, program.better(why, REFUSED, TRY_LATER), method, "right horse");
    }
}

fn the_log_tells_where_the_client_is(program: AuthServer) {
    let exim = Exim::new();
    let server = AuthLaunch::new(program, &USERS).at(&exim.auth_socket()).start();
    expect(&exim, REFUSED, Method::Plain, "wrong horse");
    server.log().wait_for(&match program {
        AuthServer::Dovecot => format!("(alice,{CLIENT})"),
        AuthServer::Ours => format!("[remote={CLIENT}]"),
    });
}

#[track_caller]
fn expect(exim: &Exim, start: &str, method: Method, password: &str) {
    let reply = exim.authenticate(method, "alice", password);
    assert!(reply.starts_with(start), "{method:?} {password:?}: {reply}, and not {start}");
}
