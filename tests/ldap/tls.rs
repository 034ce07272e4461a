//! ldaps and StartTLS.

use super::{ask, launch, searching, unavailable};
use crate::support::command::run;
use crate::support::{
    Answer, Authority, Certificate, Daemon, Details, Entries, Program, RunningSlapd, Slapd, System,
};
use std::process::Command;

for_both!(
    passwords_travel_within_tls,
    a_certificate_of_another_authority_is_not_trusted,
    an_expired_certificate_is_not_trusted,
    a_certificate_with_another_name_is_not_trusted,
    a_directory_of_authorities_is_trusted_as_a_file_is,
    a_server_that_asks_for_a_certificate_gets_ours,
    a_server_without_starttls_gets_no_password,
    an_authority_below_another_is_trusted_by_itself,
    the_names_in_a_directory_of_authorities_do_not_matter,
    a_file_of_authorities_is_enough_where_the_directory_is_missing,
    certificates_are_as_good_as_the_table_in_the_documents_says,
    priority_strings_of_gnutls_are_understood,
    a_priority_string_keeps_out_a_server_that_has_nothing_of_it,
    words_of_libldap_say_whether_the_server_is_checked,
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

/// The server's certificate is of an authority whose own authority nobody names.
fn an_authority_below_another_is_trusted_by_itself(program: Program) {
    require!(Slapd, Mounts);
    let below = Authority::new().sign_authority();
    let certificate = below.issue(&[NAME]);
    let site = Site::with(below, &certificate);
    for way in WAYS {
        let daemon = site.daemon(program, way, &site.trust());
        assert_eq!(ask(&daemon, "anna", "right"), with_gnutls(program), "{way:?}");
        assert_eq!(ask(&daemon, "anna", "wrong"), "NO", "{way:?}");
    }
}

fn the_names_in_a_directory_of_authorities_do_not_matter(program: Program) {
    require!(Slapd, Mounts);
    let site = Site::new();
    let settings = format!("ldap_tls_cacert_dir: {}\n", site.trusted.unhashed_directory().display());
    let daemon = site.daemon(program, Way::Implicit, &settings);
    assert_eq!(ask(&daemon, "anna", "right"), with_gnutls(program));
}

fn a_file_of_authorities_is_enough_where_the_directory_is_missing(program: Program) {
    require!(Slapd, Mounts);
    let site = Site::new();
    let settings = format!("{}ldap_tls_cacert_dir: /nonexistent\n", site.trust());
    let daemon = site.daemon(program, Way::Implicit, &settings);
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    assert_eq!(ask(&daemon, "anna", "wrong"), "NO");
}

/// docs/COMPATIBILITY.md, "Certificates": each row. Where libldap has OpenSSL those only in which both libraries agree,
/// and a server that offers 1024 bits does not start.
fn certificates_are_as_good_as_the_table_in_the_documents_says(program: Program) {
    require!(Slapd, Mounts);
    const GOOD: Details<'_> =
        Details { common_name: "x", names: &[NAME], rsa_bits: 0, is_for_clients: false };
    let table = [
        ("a name in the list", NAME, GOOD, true),
        ("a wildcard for one label", NAME, Details { names: &["*.example.test"], ..GOOD }, true),
        ("a name in the subject, and no list", NAME, Details { common_name: NAME, names: &[], ..GOOD }, true),
        ("a name beside a list", NAME, Details { common_name: NAME, names: &["other.test"], ..GOOD }, false),
        ("a wildcard for a whole domain", "host.test", Details { names: &["*.test"], ..GOOD }, false),
        ("1024 bits", NAME, Details { rsa_bits: 1024, ..GOOD }, false),
        ("for clients only", NAME, Details { is_for_clients: true, ..GOOD }, false),
    ];
    let is_gnutls = uses_gnutls("/usr/sbin/slapd");
    let is_in_reach = |bits: u32, ours: bool| is_gnutls || (bits == 0 && (ours || program == Program::Ours));
    for (what, host, details, ours) in
        table.into_iter().filter(|(_, _, details, ours)| is_in_reach(details.rsa_bits, *ours))
    {
        let authority = Authority::new();
        let certificate = authority.issue_with(&details);
        let slapd = Slapd::new(Entries::new().user("anna", "right")).with_certificate(&certificate);
        let server = slapd.start();
        let system = System::new().host(host, server.address());
        let uri = server.tls_uri().replace(&server.address().to_string(), host);
        let trust = format!("ldap_tls_cacert_file: {}\n", authority.file().display());
        let daemon = launch(program, &format!("{}{trust}", searching(&uri))).inside(&system).start();
        let text = |text: &str| Answer::Text(text.to_owned());
        let ours = if ours { text("OK") } else { Answer::Nothing };
        assert_eq!(ask(&daemon, "anna", "right"), program.better(what, text("OK"), ours), "{what}");
    }
    if program == Program::C && !is_gnutls {
        return;
    }
    // The address in the subject, and no list.
    let authority = Authority::new();
    let slapd = Slapd::new(Entries::new().user("anna", "right"));
    let address = slapd.address().to_string();
    let details = Details { common_name: &address, names: &[], ..GOOD };
    let server = slapd.with_certificate(&authority.issue_with(&details)).start();
    let trust = format!("ldap_tls_cacert_file: {}\n", authority.file().display());
    let daemon = launch(program, &format!("{}{trust}", searching(&server.tls_uri()))).start();
    let c = Answer::Text("OK".to_owned());
    assert_eq!(ask(&daemon, "anna", "right"), program.better("RFC 9110, 4.3.5", c, Answer::Nothing));
}

fn priority_strings_of_gnutls_are_understood(program: Program) {
    require!(Slapd, Mounts);
    let site = Site::new();
    for list in [
        "SECURE256:SECURE128:!AES-128-CBC:!ARCFOUR-128:!CAMELLIA-128-CBC:!3DES-CBC:!CAMELLIA-128-CBC",
        "NORMAL:!ANON-DH",
        "NORMAL:-VERS-TLS-ALL:+VERS-TLS1.2",
        "NORMAL:-GROUP-X25519",
        "NONE:+VERS-TLS1.2:+AES-256-GCM:+ECDHE-ECDSA:+SIGN-ALL:+COMP-NULL:+AEAD:+GROUP-ALL",
        "PFS:-VERS-TLS1.0:-VERS-TLS1.1",
    ] {
        let settings = format!("{}ldap_tls_ciphers: {list}\n", site.trust());
        let daemon = site.daemon(program, Way::Implicit, &settings);
        assert_eq!(ask(&daemon, "anna", "right"), with_gnutls(program), "{list}");
        assert_eq!(ask(&daemon, "anna", "wrong"), "NO", "{list}");
    }
}

/// Each server has nothing but what the string takes away, or lacks what it allows.
fn a_priority_string_keeps_out_a_server_that_has_nothing_of_it(program: Program) {
    require!(Slapd, Mounts);
    for (server, list) in [
        ("NORMAL:-GROUP-ALL:+GROUP-X25519", "NORMAL:-GROUP-X25519"),
        ("NORMAL:-GROUP-ALL:+GROUP-SECP256R1", "NORMAL:-GROUP-ALL:+GROUP-SECP384R1:+GROUP-X25519"),
        ("NORMAL:-GROUP-ALL:+GROUP-X25519", "SECURE256"),
        ("NORMAL:-VERS-TLS1.3:-GROUP-ALL:+GROUP-SECP256R1", "SECURE192:-RSA:-DHE-RSA"),
        (
            "NORMAL:-SIGN-ALL:+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SHA256",
            "NORMAL:-SIGN-ECDSA-SECP256R1-SHA256:-SIGN-ECDSA-SHA256",
        ),
    ] {
        let authority = Authority::new();
        let certificate = authority.issue(&[NAME]);
        let slapd = Slapd::new(Entries::new().user("anna", "right")).with_certificate(&certificate);
        let server = slapd.with_line(&format!("TLSCipherSuite {server}")).start();
        let site = Site { server, trusted: authority };
        let plain = site.daemon(program, Way::Implicit, &site.trust());
        assert_eq!(ask(&plain, "anna", "right"), "OK", "{list}");
        let settings = format!("{}ldap_tls_ciphers: {list}\n", site.trust());
        let daemon = site.daemon(program, Way::Implicit, &settings);
        assert_eq!(ask(&daemon, "anna", "right"), unavailable(program), "{list}");
    }
}

/// C takes them all for no.
fn words_of_libldap_say_whether_the_server_is_checked(program: Program) {
    require!(Slapd, Mounts);
    let site = Site::new();
    let text = |text: &str| Answer::Text(text.to_owned());
    for word in ["demand", "hard", "YES", "maybe"] {
        let settings = format!("ldap_tls_check_peer: {word}\n");
        let unchecked = site.daemon(program, Way::Implicit, &settings);
        let expected = program.better("who writes it wants a check", text("OK"), Answer::Nothing);
        assert_eq!(ask(&unchecked, "anna", "right"), expected, "{word}");
        let checked = site.daemon(program, Way::Implicit, &format!("{settings}{}", site.trust()));
        assert_eq!(ask(&checked, "anna", "right"), "OK", "{word}");
    }
    for word in ["allow", "never"] {
        let daemon = site.daemon(program, Way::Implicit, &format!("ldap_tls_check_peer: {word}\n"));
        assert_eq!(ask(&daemon, "anna", "right"), "OK", "{word}");
    }
}

/// What a right password is answered with where GnuTLS accepts and OpenSSL by itself does not: ours does as GnuTLS.
fn with_gnutls(program: Program) -> &'static str {
    if program == Program::Ours || uses_gnutls("/usr/sbin/saslauthd") { "OK" } else { "NO" }
}

/// Whether the program has GnuTLS below libldap, as on Debian 12. On Debian 13 it has OpenSSL.
fn uses_gnutls(program: &str) -> bool {
    let mut libraries = Command::new("ldd");
    libraries.arg(program);
    run(libraries).output.contains("libgnutls")
}
