use super::*;
use crate::net::exchange::{PoolSettings, Server, TlsMode};
use crate::net::testing::line::Lines;
use crate::net::testing::peer::{Peer, answer_lines};
use crate::net::testing::rig::pool;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::rc::Rc;
use std::time::Duration;

/// Names have the address that they are.
fn do_errand(errand: Errand) -> ErrandResult {
    match errand {
        Errand::Resolve { host, service } => match format!("{host}:{service}").parse() {
            Ok(address) => ErrandResult::Addresses(vec![address]),
            Err(_) => ErrandResult::Failed("nobody knows it".to_owned()),
        },
        _ => ErrandResult::Failed("not here".to_owned()),
    }
}

fn probed(servers: Vec<Server>, greets: bool) -> Vec<Probed> {
    let mut settings: PoolSettings = pool(servers);
    settings.timeouts.operation = Duration::from_millis(200);
    settings.timeouts.connect = Duration::from_secs(5);
    probe(&Lines { pool: Rc::new(settings), second: None, greets }, do_errand).unwrap()
}

fn reason(probed: &Probed) -> String {
    probed.reached.as_ref().err().map(|failure| failure.reason.clone()).unwrap_or_default()
}

#[test]
fn all_servers_are_tried_and_each_has_its_own_end() {
    let good = Peer::start(|stream, _| answer_lines(stream));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = Peer::at(closed.local_addr().unwrap());
    drop(closed);
    let servers = vec![
        dead.server("127.0.0.1", TlsMode::Off),
        good.server("127.0.0.1", TlsMode::Off),
        good.server("no-name", TlsMode::Off),
    ];
    let found = probed(servers, false);
    assert!(reason(&found[0]).contains("refused"), "{}", reason(&found[0]));
    assert!(found[1].reached.is_ok());
    assert_eq!(reason(&found[2]), "the name no-name has no address: nobody knows it");
}

#[test]
fn a_server_that_says_nothing_costs_no_more_than_its_time() {
    let silent = Peer::start(|mut stream, _| drop(stream.read(&mut [0; 16])));
    let found = probed(vec![silent.server("127.0.0.1", TlsMode::Off)], true);
    assert!(reason(&found[0]).contains("no word from the server within"), "{}", reason(&found[0]));
}

#[test]
fn tls_that_does_not_come_about_is_told() {
    let clear = Peer::start(|mut stream, _| drop(stream.write_all(b"* OK this is no TLS\r\n")));
    let found = probed(vec![clear.server("127.0.0.1", TlsMode::Implicit)], false);
    assert!(reason(&found[0]).contains("no TLS with 127.0.0.1"), "{}", reason(&found[0]));
}
