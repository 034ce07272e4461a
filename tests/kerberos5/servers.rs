//! Servers that end, are not there, or answer late.

use super::{REFUSED, ask, realm, start, start_with, usual};
use crate::support::address::own_address;
use crate::support::kerberos::{REALM, SilentKdc};
use crate::support::{Program, eventually};
use std::thread;
use std::time::Instant;

for_both!(
    a_server_that_is_killed_is_an_outage_until_it_is_back,
    the_next_server_is_asked_when_the_first_does_not_answer,
    fifty_clients_at_once_get_each_his_own_answer,
);

fn a_server_that_is_killed_is_an_outage_until_it_is_back(program: Program) {
    require!(Root, Kerberos);
    let mut server = realm(&[]);
    let daemon = start(program, &server, &usual(&server));
    for _ in 0..2 {
        assert_eq!(ask(&daemon, "anna", "", "right"), "OK");
        server.kill();
        for password in ["right", "wrong"] {
            assert_eq!(ask(&daemon, "anna", "", password), program.unavailable(REFUSED));
        }
        server.resume();
        assert_eq!(ask(&daemon, "anna", "", "wrong"), REFUSED);
    }
    eventually("it serves again", || ask(&daemon, "anna", "", "right").is_ok().then_some(()));
    if program == Program::Ours {
        daemon.log.wait_for("Cannot contact any KDC");
    }
}

/// One that is silent costs each login some seconds, as in C; one that refuses nothing.
fn the_next_server_is_asked_when_the_first_does_not_answer(program: Program) {
    require!(Root, Kerberos);
    let server = realm(&[]);
    let settings = usual(&server);
    let silent = SilentKdc::start();
    for first in [silent.address(), (own_address(), 1088).into()] {
        let conf = server.conf().first_ask(REALM, first).write();
        let daemon = start_with(program, &conf, &settings);
        assert_eq!(ask(&daemon, "anna", "", "right"), "OK", "{first}");
        assert_eq!(ask(&daemon, "anna", "", "wrong"), REFUSED, "{first}");
    }
    assert!(silent.heard() > 0);
}

fn fifty_clients_at_once_get_each_his_own_answer(program: Program) {
    require!(Root, Kerberos);
    let server = realm(&[("otto", "secret")]);
    let daemon = start(program, &server, &usual(&server));
    let begun = Instant::now();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..50)
            .map(|number| {
                let daemon = &daemon;
                scope.spawn(move || {
                    for turn in 0..4 {
                        let (login, password, expected) = match (number + turn) % 4 {
                            0 => ("anna", "right", "OK"),
                            1 => ("otto", "secret", "OK"),
                            2 => ("anna", "secret", REFUSED),
                            _ => ("otto", "right", REFUSED),
                        };
                        assert_eq!(ask(daemon, login, "", password), expected, "{login} {password}");
                    }
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
    });
    eprintln!("{program:?}: 200 logins of 50 clients in {:?}", begun.elapsed());
}
