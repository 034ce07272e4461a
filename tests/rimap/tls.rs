//! TLS to the IMAP server, which C cannot do.

use super::{ACCEPTED, REJECTED, UNEXPECTED, ask, ask_all, launch};
use crate::support::{
    Answer, Authority, Certificate, Daemon, Dovecot, Program, RunningDovecot, System, eventually,
};

/// The two ways to TLS.
const WAYS: [&str; 2] = ["imaps://", "imap://?starttls"];

/// The name that servers have in the private /etc/hosts.
const NAME: &str = "imap.example.test";

/// A Dovecot that takes passwords only within TLS, and the authority that a daemon is told to trust.
struct Site {
    server: RunningDovecot,
    trusted: Authority,
}

impl Site {
    fn with(trusted: Authority, certificate: &Certificate) -> Self {
        let server = Dovecot::new(&[("anna", "right")]).with_certificate(certificate).encrypted_only();
        Self { server: server.start(), trusted }
    }

    fn new() -> Self {
        let authority = Authority::new();
        let certificate = authority.issue(&[NAME, "localhost"]);
        Self::with(authority, &certificate)
    }

    /// A daemon that goes one of the ways to the server under [`NAME`].
    fn daemon(&self, way: &str, settings: &str) -> Daemon {
        let system = System::new().host(NAME, self.server.address());
        let endpoint = if way == WAYS[0] { self.server.tls_endpoint() } else { self.server.endpoint() };
        let endpoint = endpoint.replace(&self.server.address().to_string(), NAME);
        let option = way.replacen("://", &format!("://{endpoint}"), 1);
        launch(Program::Ours, &option).with_file("--config", settings).inside(&system).start()
    }

    fn trust(&self) -> String {
        format!("rimap_tls_cacert_file: {}\n", self.trusted.file().display())
    }
}

#[test]
fn passwords_travel_within_tls() {
    require!(Dovecot, Mounts);
    let site = Site::new();
    for way in WAYS {
        let daemon = site.daemon(way, &site.trust());
        let logins = [("anna", "right"), ("anna", "wrong"), ("anna", "right"), ("anna", "wrong")];
        assert_eq!(ask_all(&daemon, &logins), [ACCEPTED, REJECTED, ACCEPTED, REJECTED], "{way}");
    }
}

/// A login has a connection to itself, whose handshake is most of its cost.
#[test]
fn the_second_login_resumes_the_session_of_the_first() {
    require!(Dovecot, Mounts);
    for way in WAYS {
        let site = Site::new();
        let daemon = site.daemon(way, &site.trust());
        for _ in 0..4 {
            assert_eq!(ask(&daemon, "anna", "right"), ACCEPTED, "{way}");
        }
        eventually("the handshakes are logged", || (site.server.handshakes().0 == 4).then_some(()));
        assert_eq!(site.server.handshakes(), (4, 1), "{way}");
    }
}

#[test]
fn a_directory_of_authorities_is_trusted_as_a_file_is() {
    require!(Dovecot, Mounts);
    let site = Site::new();
    let settings = format!("rimap_tls_cacert_dir: {}\n", site.trusted.hashed_directory().display());
    for way in WAYS {
        assert_eq!(ask(&site.daemon(way, &settings), "anna", "right"), ACCEPTED, "{way}");
    }
}

#[test]
fn a_certificate_of_another_authority_is_not_trusted() {
    require!(Dovecot, Mounts);
    let other = Authority::new();
    let certificate = other.issue(&[NAME]);
    expect_no_trust(&Site::with(Authority::new(), &certificate), "certificate");
}

#[test]
fn without_a_setting_only_the_authorities_of_the_system_are_trusted() {
    require!(Dovecot, Mounts);
    let site = Site::new();
    for way in WAYS {
        assert_eq!(ask(&site.daemon(way, ""), "anna", "right"), Answer::Nothing, "{way}");
    }
}

#[test]
fn an_expired_certificate_is_not_trusted() {
    require!(Dovecot, Mounts);
    let authority = Authority::new();
    let expired = authority.issue_expired(&[NAME]);
    expect_no_trust(&Site::with(authority, &expired), "expired");
}

#[test]
fn a_certificate_with_another_name_is_not_trusted() {
    require!(Dovecot, Mounts);
    let authority = Authority::new();
    let wrong = authority.issue(&["other.example.test", "127.0.0.1"]);
    expect_no_trust(&Site::with(authority, &wrong), "name");
}

/// Each login is unavailable, the log says why, and it is otherwise where nothing is to be checked.
fn expect_no_trust(site: &Site, reason: &str) {
    for way in WAYS {
        let daemon = site.daemon(way, &site.trust());
        assert_eq!(ask(&daemon, "anna", "right"), Answer::Nothing, "{way}");
        assert_eq!(ask(&daemon, "anna", "wrong"), Answer::Nothing, "{way}");
        let line = daemon.log.wait_for(NAME);
        assert!(line.to_lowercase().contains(reason), "{way}: {line}");
        let trusting = site.daemon(way, "rimap_tls_check_peer: no\n");
        assert_eq!(ask(&trusting, "anna", "right"), ACCEPTED, "{way}");
        assert_eq!(ask(&trusting, "anna", "wrong"), REJECTED, "{way}");
    }
}

/// By number the certificate has to carry the number.
#[test]
fn a_server_named_by_its_number_needs_the_number_in_its_certificate() {
    require!(Dovecot);
    let authority = Authority::new();
    let mut dovecot = Dovecot::new(&[("anna", "right")]);
    let address = dovecot.address().to_string();
    dovecot = dovecot.with_certificate(&authority.issue(&[&address])).encrypted_only();
    let server = dovecot.start();
    let settings = format!("rimap_tls_cacert_file: {}\n", authority.file().display());
    let option = format!("imaps://{}", server.tls_endpoint());
    let daemon = launch(Program::Ours, &option).with_file("--config", &settings).start();
    assert_eq!(ask(&daemon, "anna", "right"), ACCEPTED);
}

#[test]
fn a_server_that_asks_for_a_certificate_gets_ours() {
    require!(Dovecot, Mounts);
    let authority = Authority::new();
    let certificate = authority.issue(&[NAME]);
    let client = authority.issue(&["client.example.test"]);
    let server = Dovecot::new(&[("anna", "right")])
        .with_certificate(&certificate)
        .asking_for_certificates_of(authority.file())
        .start();
    let site = Site { server, trusted: authority };
    for way in WAYS {
        assert!(!ask(&site.daemon(way, &site.trust()), "anna", "right").is_ok(), "{way}: without one");
        let (certificate, key) = (client.certificate.display(), client.key.display());
        let settings = format!("{}rimap_tls_cert: {certificate}\nrimap_tls_key: {key}\n", site.trust());
        assert_eq!(ask(&site.daemon(way, &settings), "anna", "right"), ACCEPTED, "{way}");
    }
}

/// The server says NO [PRIVACYREQUIRED], so nothing is known of the password.
#[test]
fn a_server_that_wants_tls_gets_no_password_in_clear() {
    require!(Dovecot);
    let authority = Authority::new();
    let server =
        Dovecot::new(&[("anna", "right")]).with_certificate(&authority.issue(&[NAME])).encrypted_only();
    let server = server.start();
    let daemon = launch(Program::Ours, &server.option()).start();
    assert_eq!(ask(&daemon, "anna", "right"), Answer::Nothing);
    daemon.log.wait_for("TLS");
}

#[test]
fn a_server_without_starttls_gets_no_password() {
    require!(Dovecot);
    let server = Dovecot::new(&[("anna", "right")]).start();
    let option = format!("imap://{}?starttls", server.endpoint());
    let daemon = launch(Program::Ours, &option).start();
    assert_eq!(ask(&daemon, "anna", "right"), Answer::Nothing);
    assert_eq!(server.logins(), 0);
    daemon.log.wait_for("STARTTLS");
}

/// With C's text where the administrator wants that.
#[test]
fn a_server_that_is_not_trusted_is_a_no_where_the_administrator_wants_that() {
    require!(Dovecot, Mounts);
    let site = Site::new();
    let option = format!("imaps://{}", site.server.tls_endpoint());
    let daemon = launch(Program::Ours, &option).with(&["--on-unavailable=no"]).start();
    let answer = ask(&daemon, "anna", "right");
    assert!(answer.is_no() && answer != REJECTED && answer != UNEXPECTED, "{answer:?}");
}
