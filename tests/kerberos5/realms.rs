//! Other realms than the default one, and those that a client makes up.

use super::{INTERNAL, REFUSED, ask, realm, start, start_with, usual};
use crate::support::kerberos::{Kerberos, Krb5Conf};
use crate::support::{Program, Request};
use std::fs;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

for_both!(a_realm_without_a_server_is_refused, a_login_of_another_realm_needs_the_ticket_of_this_host_there,);

/// Also in small letters, as Postfix sends its own domain.
fn a_realm_without_a_server_is_refused(program: Program) {
    require!(Root, Kerberos);
    let server = realm(&[]);
    let daemon = start(program, &server, &usual(&server));
    for (login, realm) in [
        ("anna", "example.org"),
        ("anna@example.org", ""),
        ("anna", "OTHER.EXAMPLE"),
        ("anna@OTHER.EXAMPLE", ""),
    ] {
        assert_eq!(ask(&daemon, login, realm, "right"), REFUSED, "{login} {realm}");
    }
    let why = "two realms are one too many, and the answer of the first would be taken for the second's";
    let both = ask(&daemon, "anna@OTHER.EXAMPLE", "EXAMPLE.ORG", "right");
    assert!(program.better(why, both == INTERNAL, both.is_no()), "{both:?}");
}

#[test]
fn a_realm_in_small_letters_is_the_one_in_capitals_with_krb5_uppercase_realm() {
    require!(Root, Kerberos);
    let server = realm(&[]);
    let daemon = start(Program::Ours, &server, &format!("{}krb5_uppercase_realm: yes\n", usual(&server)));
    for (login, realm) in [
        ("anna", "example.org"),
        ("anna@example.org", ""),
        ("anna@Example.Org", "EXAMPLE.ORG"),
        ("anna", "EXAMPLE.ORG"),
    ] {
        assert_eq!(ask(&daemon, login, realm, "right"), "OK", "{login} {realm}");
        assert_eq!(ask(&daemon, login, realm, "wrong"), REFUSED, "{login} {realm}");
    }
    assert_eq!(ask(&daemon, "Anna", "example.org", "right"), REFUSED, "the login stays as it is");
}

/// A second realm that does not trust the first: its server cannot give a ticket for this host's service.
fn a_login_of_another_realm_needs_the_ticket_of_this_host_there(program: Program) {
    require!(Root, Kerberos);
    let server = realm(&[]);
    let other = Kerberos::start_of("B.EXAMPLE", &[("otto", "right")]);
    let settings = usual(&server);
    let conf = server.conf().realm("B.EXAMPLE", &[other.address()]).write();
    let daemon = start_with(program, &conf, &settings);
    assert_eq!(ask(&daemon, "otto", "B.EXAMPLE", "wrong"), REFUSED);
    assert_eq!(ask(&daemon, "otto", "B.EXAMPLE", "right"), program.unavailable(super::UNVERIFIED));
    assert_eq!(ask(&daemon, "anna", "", "right"), "OK");
}

/// A name server of the test's own in the place of the machine's, which hears what clients make the daemon ask.
#[test]
fn a_realm_of_the_clients_choice_is_looked_for_by_no_query() {
    require!(Root, Mounts, Kerberos);
    let server = realm(&[]);
    let settings = usual(&server);
    let conf = format!("{}\n", server.conf().with("dns_lookup_kdc = true").text());
    let conf = crate::support::kerberos::Krb5File::of(&conf);
    let names = NameServer::start();
    for (program, asks) in [(Program::C, true), (Program::Ours, false)] {
        let launch = conf.of_daemon(super::launch(program, &settings));
        let launch = launch.inside(&crate::support::System::new());
        let daemon = launch.after(&format!("mount --bind {} /etc/resolv.conf", names.resolv_conf())).start();
        names.forget();
        let request = Request::new("anna@EVIL.EXAMPLE", "right").service("smtp");
        assert!(daemon.ask(&request).is_no());
        assert_eq!(names.heard() > 0, asks, "{program:?}");
        assert_eq!(ask(&daemon, "anna", "", "right"), "OK");
    }
}

#[test]
fn krb5_realms_says_whose_users_may_log_in() {
    require!(Root, Kerberos);
    let server = realm(&[]);
    let settings = format!("{}krb5_realms: B.EXAMPLE\n", usual(&server));
    let daemon = start(Program::Ours, &server, &settings);
    assert_eq!(ask(&daemon, "anna", "", "right"), REFUSED, "the default realm is not listed");
    let conf = Krb5Conf::new(Some("B.EXAMPLE")).realm("EXAMPLE.ORG", &[server.address()]).write();
    let settings = format!("{}krb5_realms: EXAMPLE.ORG\n", usual(&server));
    let daemon = start_with(Program::Ours, &conf, &settings);
    assert_eq!(ask(&daemon, "anna", "B.EXAMPLE", "right"), REFUSED);
    assert_ne!(ask(&daemon, "anna", "EXAMPLE.ORG", "right"), REFUSED);
}

/// Answers that there is no such name.
struct NameServer {
    conf: tempfile::NamedTempFile,
    heard: Arc<AtomicUsize>,
}

impl NameServer {
    fn start() -> Self {
        let address = crate::support::address::own_address();
        let socket = UdpSocket::bind((address, 53)).unwrap();
        let conf = tempfile::NamedTempFile::new().unwrap();
        fs::write(conf.path(), format!("nameserver {address}\noptions timeout:1 attempts:1\n")).unwrap();
        let heard = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((length, client)) = socket.recv_from(&mut buffer) {
                counted.fetch_add(1, Ordering::Relaxed);
                let Some(answer) = buffer.get_mut(..length).filter(|query| query.len() >= 12) else {
                    continue;
                };
                // A response, and NXDOMAIN (RFC 1035, section 4.1.1).
                (answer[2], answer[3]) = (answer[2] | 0x80, 0x83);
                let _ = socket.send_to(answer, client);
            }
        });
        Self { conf, heard }
    }

    fn resolv_conf(&self) -> String {
        self.conf.path().display().to_string()
    }

    fn heard(&self) -> usize {
        self.heard.load(Ordering::Relaxed)
    }

    fn forget(&self) {
        self.heard.store(0, Ordering::Relaxed);
    }
}
