//! rimap, before Dovecot.

use super::{Case, Expected, check, deadly, kept_connections_may_break, nobody_is_refused_by_a_cut};
use crate::support::{Authority, Dovecot, Fault, Launch, Moment, Program, Proxy, RunningDovecot};
use std::net::SocketAddr;

const GARBAGE: &[u8] = b"\x80\x00 this is no IMAP \xff\r\n";
const GIANT: &[u8] = b"* X {4294967295}\r\n";
const ENDLESS: &[u8] = b"* OK and so on and on and on ";

/// Of a conversation in clear.
const LOGIN: Moment = Moment::Sent(b" LOGIN ");

fn server() -> RunningDovecot {
    Dovecot::new(&[("anna", "right")]).start()
}

fn proxy(server: &str) -> Proxy {
    Proxy::before(server.parse::<SocketAddr>().unwrap())
}

fn launch(option: &str) -> Launch {
    Launch::new(Program::Ours, &["-a", "rimap", "-O", option])
}

#[test]
fn in_clear() {
    require!(Dovecot);
    let server = server();
    let mut cases = Vec::new();
    for moment in [Moment::Connected, LOGIN] {
        cases.extend(deadly(moment, GARBAGE, GIANT, ENDLESS));
        cases.push(Case { moment, fault: Fault::Bytewise, expected: Expected::Accepted });
    }
    // The client has nothing to say before the greeting that could be left unread.
    cases.retain(|case| !matches!((case.moment, case.fault), (Moment::Connected, Fault::Reset)));
    cases.push(unavailable(Moment::Connected, Fault::Say(b"* BYE not today\r\n")));
    cases.push(unavailable(LOGIN, Fault::Say(b"* BYE not today\r\n")));
    cases.push(unavailable(LOGIN, Fault::Say(b"+ go on\r\n")));
    check(&cases, || {
        let proxy = proxy(&server.endpoint());
        let option = format!("{}/{}", proxy.address().ip(), proxy.address().port());
        (proxy, launch(&option))
    });
}

#[test]
fn with_starttls() {
    require!(Dovecot);
    let authority = Authority::new();
    let server = Dovecot::new(&[("anna", "right")]).with_certificate(&authority.issue(&["x.test"])).start();
    let starttls = Moment::Sent(b" STARTTLS\r\n");
    let mut cases = deadly(starttls, GARBAGE, GIANT, ENDLESS);
    cases.extend(deadly(CLIENT_HELLO, GARBAGE, GIANT, ENDLESS));
    for moment in [Moment::Connected, starttls, CLIENT_HELLO] {
        cases.push(Case { moment, fault: Fault::Bytewise, expected: Expected::Accepted });
    }
    cases.push(unavailable(starttls, Fault::Say(b"saslauthd1 NO not here\r\n")));
    cases.push(unavailable(starttls, Fault::Say(b"saslauthd1 BAD what?\r\n")));
    // CVE-2011-0411 and its kin: what was slipped in before TLS must not count within it.
    cases.push(unavailable(starttls, Fault::Say(b"saslauthd1 OK\r\nsaslauthd OK logged in\r\n")));
    check(&cases, || {
        let proxy = proxy(&server.endpoint());
        let option = format!("imap://{}?starttls", proxy.address());
        (proxy, launch(&option).with_file("--config", "rimap_tls_check_peer: no\n"))
    });
    assert!(server.logins() > 0);
}

#[test]
fn with_implicit_tls() {
    require!(Dovecot);
    let authority = Authority::new();
    let server = Dovecot::new(&[("anna", "right")]).with_certificate(&authority.issue(&["x.test"])).start();
    let mut cases = deadly(CLIENT_HELLO, GARBAGE, GIANT, ENDLESS);
    cases.push(Case { moment: CLIENT_HELLO, fault: Fault::Bytewise, expected: Expected::Accepted });
    check(&cases, || {
        let proxy = proxy(&server.tls_endpoint());
        let option = format!("imaps://{}", proxy.address());
        (proxy, launch(&option).with_file("--config", "rimap_tls_check_peer: no\n"))
    });
}

/// A record of the TLS handshake, of any version.
const CLIENT_HELLO: Moment = Moment::Sent(b"\x16\x03\x01");

fn unavailable(moment: Moment, fault: Fault) -> Case {
    Case { moment, fault, expected: Expected::Unavailable }
}

#[test]
fn connections_may_break_at_any_time() {
    require!(Dovecot);
    let server = server();
    let proxy = proxy(&server.endpoint());
    let option = format!("{}/{}", proxy.address().ip(), proxy.address().port());
    let daemon = launch(&option).with(&["--retry-interval=1"]).start();
    kept_connections_may_break(&proxy, &daemon);
    nobody_is_refused_by_a_cut(&proxy, &daemon);
}
