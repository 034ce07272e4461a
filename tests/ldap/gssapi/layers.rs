//! What a login by GSSAPI does for its connection: RFC 4752, section 3.3.

use super::super::{ask, unavailable};
use super::{Site, binds, expect_judgement};
use crate::support::waiting::eventually;
use crate::support::{Authority, Daemon, Process, Program, Slapd};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

for_both!(
    a_directory_that_insists_on_a_layer_is_served,
    where_the_directory_signs_only_or_does_nothing_so_does_the_daemon,
    the_properties_bound_what_is_chosen,
    what_does_not_fit_into_one_message_comes_in_several,
    within_tls_there_is_no_layer_though_the_directory_offers_it,
);

/// A directory with these lines.
fn site(lines: &[&str]) -> Site {
    Site::with(|conf| conf, |slapd| lines.iter().fold(slapd, |slapd, line| slapd.with_line(line)))
}

/// A daemon that compares the password itself, which in C is the only way to check one with GSSAPI.
fn start(program: Program, site: &Site, more: &str) -> Daemon {
    let keytab = site.keytab().display().to_string();
    let environment = [("KRB5_CLIENT_KTNAME", keytab.as_str()), ("KRB5CCNAME", "MEMORY:saslauthd")];
    site.launch(program, &site.settings("custom", more), &environment).start()
}

/// How often the account has logged in with protection of this strength.
fn binds_of_strength(site: &Site, strength: usize) -> usize {
    site.slapd.logged(&format!("mech=GSSAPI bind_ssf={strength} ssf={strength}"))
}

fn a_directory_that_insists_on_a_layer_is_served(program: Program) {
    require!(Slapd, Kerberos, GssapiOfSasl);
    for least in [1, 56, 256] {
        let site = site(&[&format!("sasl-secprops minssf={least}"), "security ssf=1"]);
        expect_judgement(&start(program, &site, ""));
        assert!(binds_of_strength(&site, 256) > 0, "the strongest of what is offered");
    }
}

fn where_the_directory_signs_only_or_does_nothing_so_does_the_daemon(program: Program) {
    require!(Slapd, Kerberos, GssapiOfSasl);
    for most in [0, 1] {
        let site = site(&[&format!("sasl-secprops maxssf={most}")]);
        expect_judgement(&start(program, &site, ""));
        assert!(binds_of_strength(&site, most) > 0);
    }
}

fn the_properties_bound_what_is_chosen(program: Program) {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let site = site(&[]);
    for (properties, strength) in
        [("minssf=56", 256), ("maxssf=1", 1), ("minssf=1,maxssf=1", 1), ("maxssf=0", 0)]
    {
        let before = binds_of_strength(&site, strength);
        expect_judgement(&start(program, &site, &format!("ldap_sasl_secprops: {properties}\n")));
        assert!(binds_of_strength(&site, strength) > before, "{properties}");
    }
    let daemon = start(program, &site, "ldap_sasl_secprops: minssf=257\n");
    assert_eq!(ask(&daemon, "anna", "right"), unavailable(program));
}

fn what_does_not_fit_into_one_message_comes_in_several(program: Program) {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let site = site(&["sasl-secprops minssf=56"]);
    let daemon = start(program, &site, "ldap_password_attr: description\n");
    assert_eq!(ask(&daemon, "long", "right"), "OK");
    assert_eq!(ask(&daemon, "long", "wrong"), "NO");
}

#[test]
fn users_bind_within_what_protects_the_account_where_something_must() {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let site = site(&["security ssf=56"]);
    let daemon = site.ours(&site.keytab(), "ldap_sasl_secprops: minssf=56\n");
    expect_judgement(&daemon);
    assert!(site.slapd.logged("mech=SIMPLE bind_ssf=0 ssf=256") > 0);
}

fn within_tls_there_is_no_layer_though_the_directory_offers_it(program: Program) {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let authority = Authority::new();
    let with_tls = |slapd: Slapd| {
        let certificate = authority.issue(&[&slapd.address().to_string()]);
        slapd.with_certificate(&certificate)
    };
    let site = Site::with(|conf| conf, with_tls);
    let trusted = format!("ldap_tls_cacert_file: {}\nldap_tls_check_peer: yes\n", authority.file().display());
    for tls in [format!("ldap_servers: {}\n", site.slapd.tls_uri()), "ldap_start_tls: yes\n".to_owned()] {
        expect_judgement(&start(program, &site, &format!("{trusted}{tls}")));
    }
    let strength = program.better("TLS encrypts, and Active Directory takes no layer within it", 256, 0);
    assert_eq!(site.slapd.logged(&format!("mech=GSSAPI bind_ssf={strength} ssf=256")), binds(&site));
}

#[test]
fn many_logins_at_once_share_protected_connections() {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let site = site(&["sasl-secprops minssf=56"]);
    let daemon = site.ours(&site.keytab(), "ldap_sasl_secprops: minssf=56\n");
    crowd(&daemon);
    assert!(binds(&site) > 0);
}

/// Fifty at once, some with a wrong password.
fn crowd(daemon: &Daemon) {
    thread::scope(|scope| {
        for number in 0..50 {
            scope.spawn(move || {
                let (password, expected) = if number % 5 == 0 { ("wrong", "NO") } else { ("right", "OK") };
                assert_eq!(ask(daemon, "anna", password), expected);
            });
        }
    });
}

/// The worker that has the keys of the connections.
fn worker(daemon: &Daemon) -> Process {
    let has_keytab = |worker: &Process| {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", worker.id)).into_iter().flatten().flatten();
        let mut files = descriptors.filter_map(|entry| fs::read_link(entry.path()).ok());
        files.any(|file| file.to_string_lossy().starts_with("/memfd:saslauthd"))
    };
    eventually("a worker has the keytab", || daemon.children("worker").into_iter().find(has_keytab))
}

#[test]
fn what_was_protected_by_a_worker_that_has_died_is_opened_anew_and_no_login_is_lost() {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let site = site(&["sasl-secprops minssf=56"]);
    let daemon = site.ours(&site.keytab(), "ldap_sasl_secprops: minssf=56\n");
    for _ in 0..3 {
        expect_judgement(&daemon);
        let (before, dead) = (binds(&site), worker(&daemon));
        dead.signal("KILL");
        eventually("it is gone", || (!dead.is_running()).then_some(()));
        assert_eq!(ask(&daemon, "anna", "right"), "OK");
        assert!(binds(&site) > before, "the connection is another");
    }
    crowd(&daemon);
}

#[test]
fn a_worker_that_stands_still_is_an_outage_for_as_long_as_it_does() {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let site = site(&["sasl-secprops minssf=56"]);
    let daemon = site.ours(&site.keytab(), "ldap_timeout: 2\n");
    expect_judgement(&daemon);
    let still = worker(&daemon);
    still.signal("STOP");
    assert_eq!(ask(&daemon, "anna", "right"), unavailable(Program::Ours));
    // On the connection that there was, or on a fresh one beside it.
    daemon.log.wait_for("waits for ");
    still.signal("CONT");
    eventually("it serves again", || (ask(&daemon, "anna", "right") == "OK").then_some(()));
    expect_judgement(&daemon);
}

#[test]
fn a_reload_opens_protected_connections_anew_and_loses_no_login() {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let site = site(&["sasl-secprops minssf=56"]);
    let daemon = site.ours(&site.keytab(), "ldap_timeout: 30\n");
    expect_judgement(&daemon);
    let before = binds(&site);
    thread::scope(|scope| {
        let crowd: Vec<_> = (0..50).map(|_| scope.spawn(|| ask(&daemon, "anna", "right"))).collect();
        daemon.process.signal("HUP");
        assert!(crowd.into_iter().all(|waiting| waiting.join().unwrap() == "OK"));
    });
    eventually("the next frontend logs in", || {
        assert_eq!(ask(&daemon, "anna", "right"), "OK");
        (binds(&site) > before).then_some(())
    });
}

/// What somebody on the network does to what the directory has protected.
const FAULTS: [fn(&mut Vec<u8>); 6] = [
    |_| {},
    // Changes a bit.
    |bytes| bytes.iter_mut().last().into_iter().for_each(|byte| *byte ^= 1),
    // Has it come twice.
    |bytes| bytes.extend_from_within(..),
    // Says that it is longer than was agreed on.
    |bytes| bytes[1] = 1,
    // Says that it is empty.
    |bytes| bytes[..4].fill(0),
    // Says something in the clear: that the connection ends.
    |bytes| *bytes = b"\x30\x0c\x02\x01\x00\x78\x07\x0a\x01\x34\x04\x00\x04\x00".to_vec(),
];

/// Stands before a directory, at its address, since the service has its name from there. A number chooses among [`FAULTS`].
fn somebody_before(server: SocketAddr, fault: &Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind((server.ip(), 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let fault = Arc::clone(fault);
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let mut server = TcpStream::connect(server).unwrap();
            let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut from_client, &mut to_server);
                let _ = to_server.shutdown(std::net::Shutdown::Both);
            });
            let fault = Arc::clone(&fault);
            thread::spawn(move || {
                let mut buffer = [0; 65536];
                while let Ok(length @ 1..) = server.read(&mut buffer) {
                    let mut bytes = buffer[..length].to_vec();
                    // What is in the clear is a SEQUENCE, and no protected message has 16 MiB.
                    if bytes[0] == 0 {
                        FAULTS[fault.load(Ordering::SeqCst)](&mut bytes);
                    }
                    if client.write_all(&bytes).is_err() {
                        break;
                    }
                }
                let _ = client.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    address
}

#[test]
fn what_somebody_on_the_network_changes_repeats_or_makes_up_is_an_outage_and_no_verdict() {
    require!(Slapd, Kerberos, GssapiOfSasl);
    let site = site(&["sasl-secprops minssf=56"]);
    let fault = Arc::new(AtomicUsize::new(0));
    let uri = site.slapd.uri();
    let directory = uri.trim_start_matches("ldap://").trim_end_matches('/').parse().unwrap();
    let before = somebody_before(directory, &fault);
    let daemon = site.ours(&site.keytab(), &format!("ldap_timeout: 3\nldap_servers: ldap://{before}/\n"));
    for number in 1..FAULTS.len() {
        eventually("it serves", || (ask(&daemon, "anna", "right") == "OK").then_some(()));
        assert_eq!(ask(&daemon, "anna", "wrong"), "NO");
        fault.store(number, Ordering::SeqCst);
        for password in ["right", "wrong"] {
            assert_eq!(ask(&daemon, "anna", password), unavailable(Program::Ours), "{number}");
        }
        fault.store(0, Ordering::SeqCst);
    }
    daemon.log.wait_for("which GSSAPI protects, cannot be used");
}
