//! ldap, before slapd.

use super::{
    Case, Expected, IMPATIENT, ask, check, deadly, kept_connections_may_break, nobody_is_refused_by_a_cut,
};
use crate::support::slapd::{PEOPLE, SERVICE, SERVICE_PASSWORD};
use crate::support::{
    Answer, Authority, Entries, Fault, Launch, Moment, Program, Proxy, RunningSlapd, Slapd, eventually,
};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const GARBAGE: &[u8] = b"* OK this is no LDAP\r\n";
/// The length of a message that would fill the memory.
const GIANT: &[u8] = b"\x30\x84\x7f\xff\xff\xff\x02\x01\x01\x61";
const ENDLESS: &[u8] = b"\x30\x84\x7f\xff\xff\xff";

/// What the service account, the search and the login send.
const ACCOUNT: Moment = Moment::Sent(SERVICE.as_bytes());
const SEARCH: Moment = Moment::Sent(b"\x04\x03uid\x04\x04anna");
const BIND: Moment = Moment::Sent(b"uid=anna,ou=people");
const START_TLS: Moment = Moment::Sent(b"1.3.6.1.4.1.1466.20037");
const CLIENT_HELLO: Moment = Moment::Sent(b"\x16\x03\x01");

fn server() -> RunningSlapd {
    Slapd::new(Entries::new().user("anna", "right")).start()
}

fn proxy(uri: &str) -> Proxy {
    let (_, endpoint) = uri.trim_end_matches('/').split_once("://").unwrap();
    Proxy::before(endpoint.parse::<SocketAddr>().unwrap())
}

fn launch(uri: &str, more: &str) -> Launch {
    let settings = format!(
        "ldap_servers: {uri}\nldap_bind_dn: {SERVICE}\nldap_bind_pw: {SERVICE_PASSWORD}\n\
         ldap_search_base: {PEOPLE}\nldap_timeout: 1\n{more}"
    );
    Launch::new(Program::Ours, &["-a", "ldap"]).with_file("-O", &settings)
}

fn every_fault(moments: &[Moment]) -> Vec<Case> {
    let mut cases = Vec::new();
    for moment in moments {
        cases.extend(deadly(*moment, GARBAGE, GIANT, ENDLESS));
        cases.push(Case { moment: *moment, fault: Fault::Bytewise, expected: Expected::Accepted });
    }
    cases
}

#[test]
fn in_clear() {
    require!(Slapd);
    let server = server();
    let mut cases = every_fault(&[ACCOUNT, SEARCH, BIND]);
    for moment in [ACCOUNT, SEARCH, BIND] {
        for fault in [Fault::Say(UNWILLING), Fault::Say(DISCONNECTION), Fault::Say(OF_NOBODY)] {
            cases.push(Case { moment, fault, expected: Expected::Unavailable });
        }
    }
    check(&cases, || {
        let proxy = proxy(&server.uri());
        let settings = launch(&format!("ldap://{}", proxy.address()), "");
        (proxy, settings)
    });
}

/// An answer to a question that nobody asked.
const OF_NOBODY: &[u8] = b"\x30\x0d\x02\x02\x7f\x7f\x61\x07\x0a\x01\x00\x04\x00\x04\x00";

/// RFC 4511, section 4.4.1: the server is about to close the connection.
const DISCONNECTION: &[u8] =
    b"\x30\x24\x02\x01\x00\x78\x1f\x0a\x01\x34\x04\x00\x04\x00\x8a\x161.3.6.1.4.1.1466.20036";

/// The result of an operation that does not exist.
const UNWILLING: &[u8] = b"\x30\x0c\x02\x01\x01\x7f\x07\x0a\x01\x35\x04\x00\x04\x00";

#[test]
fn with_starttls() {
    require!(Slapd);
    let authority = Authority::new();
    let server = Slapd::new(Entries::new().user("anna", "right"));
    let server = server.with_certificate(&authority.issue(&["x.test"])).start();
    let mut cases = every_fault(&[START_TLS, CLIENT_HELLO]);
    for fault in [Fault::Say(REFUSED), Fault::Say(SLIPPED_IN)] {
        cases.push(Case { moment: START_TLS, fault, expected: Expected::Unavailable });
    }
    check(&cases, || {
        let proxy = proxy(&server.uri());
        let uri = format!("ldap://{}", proxy.address());
        let launch = launch(&uri, "ldap_start_tls: yes\nldap_tls_check_peer: no\n");
        (proxy, launch)
    });
}

/// StartTLS is refused: protocolError.
const REFUSED: &[u8] = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00";

/// StartTLS is agreed to, and a successful bind follows in clear.
const SLIPPED_IN: &[u8] = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00\x30\x0c\x02\x01\x02\x61\x07\x0a\x01\x00\x04\x00\x04\x00";

#[test]
fn with_implicit_tls() {
    require!(Slapd);
    let authority = Authority::new();
    let server = Slapd::new(Entries::new().user("anna", "right"));
    let server = server.with_certificate(&authority.issue(&["x.test"])).start();
    check(&every_fault(&[CLIENT_HELLO]), || {
        let proxy = proxy(&server.tls_uri());
        let launch = launch(&format!("ldaps://{}", proxy.address()), "ldap_tls_check_peer: no\n");
        (proxy, launch)
    });
}

#[test]
fn connections_may_break_at_any_time() {
    require!(Slapd);
    let server = server();
    for method in ["bind", "custom"] {
        let proxy = proxy(&server.uri());
        let uri = format!("ldap://{}", proxy.address());
        let daemon =
            launch(&uri, &format!("ldap_auth_method: {method}\n")).with(&["--retry-interval=1"]).start();
        kept_connections_may_break(&proxy, &daemon);
        nobody_is_refused_by_a_cut(&proxy, &daemon);
    }
}

/// Logins that come while nobody listens are answered at once, and the next one after that is well.
#[test]
fn a_server_that_refuses_connections_costs_no_time() {
    require!(Slapd);
    let mut server = server();
    let daemon = launch(&server.uri(), "").with(&IMPATIENT).start();
    assert!(ask(&daemon, "right").is_ok());
    server.stop();
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(ask(&daemon, "right"), Answer::Nothing);
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    server.start_again();
    eventually("all is well again", || ask(&daemon, "right").is_ok().then_some(()));
}
