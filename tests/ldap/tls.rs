//! ldaps and StartTLS.

use super::{ask, launch, searching, unavailable};
use crate::support::{Authority, Certificate, Daemon, Entries, Program, RunningSlapd, Slapd, System};

for_both!(
    passwords_travel_within_tls,
    a_certificate_of_another_authority_is_not_trusted,
    an_expired_certificate_is_not_trusted,
    a_certificate_with_another_name_is_not_trusted,
    a_directory_of_authorities_is_trusted_as_a_file_is,
    a_server_that_asks_for_a_certificate_gets_ours,
    a_server_without_starttls_gets_no_password,
);

/// The two ways to TLS.
#[derive(Clone, Copy, Debug)]
enum Way {
    Implicit,
    StartTls,
}

const WAYS: [Way; 2] = [Way::Implicit, Way::StartTls];

/// The name that servers have in the private /etc/hosts.
const NAME: &str = "ldap.example.test";

struct Site {
    server: RunningSlapd,
    trusted: Authority,
}

impl Site {
    fn with(trusted: Authority, certificate: &Certificate) -> Self {
        let slapd = Slapd::new(Entries::new().user("anna", "right")).with_certificate(certificate);
        Self { server: slapd.encrypted_only().start(), trusted }
    }

    fn new() -> Self {
        let authority = Authority::new();
        let certificate = authority.issue(&[NAME]);
        Self::with(authority, &certificate)
    }

    fn daemon(&self, program: Program, way: Way, settings: &str) -> Daemon {
        let system = System::new().host(NAME, self.server.address());
        let (uri, start) = match way {
            Way::Implicit => (self.server.tls_uri(), ""),
            Way::StartTls => (self.server.uri(), "ldap_start_tls: yes\n"),
        };
        let uri = uri.replace(&self.server.address().to_string(), NAME);
        launch(program, &format!("{}{start}{settings}", searching(&uri))).inside(&system).start()
    }

    fn trust(&self) -> String {
        format!("ldap_tls_cacert_file: {}\n", self.trusted.file().display())
    }
}

fn passwords_travel_within_tls(program: Program) {
    require!(Slapd, Mounts);
    let site = Site::new();
    for way in WAYS {
        let daemon = site.daemon(program, way, &site.trust());
        for _ in 0..3 {
            assert_eq!(ask(&daemon, "anna", "right"), "OK", "{way:?}");
            assert_eq!(ask(&daemon, "anna", "wrong"), "NO", "{way:?}");
        }
    }
}

fn a_directory_of_authorities_is_trusted_as_a_file_is(program: Program) {
    require!(Slapd, Mounts);
    let site = Site::new();
    let settings = format!("ldap_tls_cacert_dir: {}\n", site.trusted.hashed_directory().display());
    for way in WAYS {
        let daemon = site.daemon(program, way, &settings);
        assert_eq!(ask(&daemon, "anna", "right"), "OK", "{way:?}");
    }
}

fn a_certificate_of_another_authority_is_not_trusted(program: Program) {
    require!(Slapd, Mounts);
    let other = Authority::new();
    let certificate = other.issue(&[NAME]);
    expect_no_trust(program, &Site::with(Authority::new(), &certificate), "certificate");
}

fn an_expired_certificate_is_not_trusted(program: Program) {
    require!(Slapd, Mounts);
    let authority = Authority::new();
    let expired = authority.issue_expired(&[NAME]);
    expect_no_trust(program, &Site::with(authority, &expired), "expired");
}

fn a_certificate_with_another_name_is_not_trusted(program: Program) {
    require!(Slapd, Mounts);
    let authority = Authority::new();
    let wrong = authority.issue(&["other.example.test", "127.0.0.1"]);
    expect_no_trust(program, &Site::with(authority, &wrong), "name");
}

/// Each login is unavailable, and it is otherwise where nothing is to be checked.
fn expect_no_trust(program: Program, site: &Site, reason: &str) {
    for way in WAYS {
        let daemon = site.daemon(program, way, &site.trust());
        for password in ["right", "wrong"] {
            assert_eq!(ask(&daemon, "anna", password), unavailable(program), "{way:?}");
        }
        if program == Program::Ours {
            let line = daemon.log.wait_for(NAME);
            assert!(line.to_lowercase().contains(reason), "{way:?}: {line}");
        }
        let trusting = site.daemon(program, way, "ldap_tls_check_peer: no\n");
        assert_eq!(ask(&trusting, "anna", "right"), "OK", "{way:?}");
        assert_eq!(ask(&trusting, "anna", "wrong"), "NO", "{way:?}");
    }
}

fn a_server_that_asks_for_a_certificate_gets_ours(program: Program) {
    require!(Slapd, Mounts);
    let authority = Authority::new();
    let certificate = authority.issue(&[NAME]);
    let client = authority.issue(&["somebody.example.test"]);
    let slapd = Slapd::new(Entries::new().user("anna", "right")).with_certificate(&certificate);
    let server = slapd.asking_for_certificates_of(authority.file()).start();
    let site = Site { server, trusted: authority };
    for way in WAYS {
        let without = site.daemon(program, way, &site.trust());
        assert_eq!(ask(&without, "anna", "right"), unavailable(program), "{way:?}");
        let (certificate, key) = (client.certificate.display(), client.key.display());
        let settings = format!("{}ldap_tls_cert: {certificate}\nldap_tls_key: {key}\n", site.trust());
        let with = site.daemon(program, way, &settings);
        assert_eq!(ask(&with, "anna", "right"), "OK", "{way:?}");
        assert_eq!(ask(&with, "anna", "wrong"), "NO", "{way:?}");
    }
}

fn a_server_without_starttls_gets_no_password(program: Program) {
    require!(Slapd);
    let server = Slapd::new(Entries::new().user("anna", "right")).start();
    let daemon = launch(program, &format!("{}ldap_start_tls: yes\n", searching(&server.uri()))).start();
    assert_eq!(ask(&daemon, "anna", "right"), unavailable(program));
    assert_eq!(server.logged("BIND dn="), 0);
}
