//! SASL binds of the service account.

use super::{ask, launch};
use crate::support::slapd::PEOPLE;
use crate::support::{Authority, Entries, Program, RunningSlapd, Slapd};

for_both!(external_over_the_unix_socket_needs_no_password, a_login_is_still_a_bind_of_its_own);

/// Nobody may search without a bind, and none of these settings has the service account's name.
fn server() -> RunningSlapd {
    Slapd::new(Entries::new().user("anna", "right")).closed_to_strangers().start()
}

fn external_over_the_unix_socket_needs_no_password(program: Program) {
    require!(Slapd);
    let server = server();
    let settings = settings(&server, "EXTERNAL", "");
    let daemon = launch(program, &settings).start();
    for _ in 0..2 {
        assert_eq!(ask(&daemon, "anna", "right"), "OK");
        assert_eq!(ask(&daemon, "anna", "wrong"), "NO");
        assert_eq!(ask(&daemon, "nobody", "right"), "NO");
    }
}

fn a_login_is_still_a_bind_of_its_own(program: Program) {
    require!(Slapd);
    let server = server();
    let daemon = launch(program, &settings(&server, "EXTERNAL", "")).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    assert!(server.logged("BIND dn=\"uid=anna") > 0, "the password was checked by the server");
}

#[test]
fn scram_and_plain_bind_with_a_password() {
    require!(Slapd);
    let server = server();
    for mechanism in ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] {
        let id = "ldap_id: service\nldap_password: secret\n";
        let daemon = launch(Program::Ours, &settings(&server, mechanism, id)).start();
        for _ in 0..2 {
            assert_eq!(ask(&daemon, "anna", "right"), "OK", "{mechanism}");
            assert_eq!(ask(&daemon, "anna", "wrong"), "NO", "{mechanism}");
        }
        let wrong = settings(&server, mechanism, "ldap_id: service\nldap_password: outdated\n");
        let daemon = launch(Program::Ours, &wrong).start();
        assert!(ask(&daemon, "anna", "right").is_none(), "{mechanism}");
    }
}

#[test]
fn external_uses_the_certificate() {
    require!(Slapd);
    let authority = Authority::new();
    let slapd = Slapd::new(Entries::new().user("anna", "right")).closed_to_strangers();
    let certificate = authority.issue(&[&slapd.address().to_string()]);
    let server = slapd.with_certificate(&certificate).asking_for_certificates_of(authority.file()).start();
    let client = authority.issue(&["client.example.test"]);
    let tls = format!(
        "ldap_tls_cacert_file: {}\nldap_tls_cert: {}\nldap_tls_key: {}\n",
        authority.file().display(),
        client.certificate.display(),
        client.key.display()
    );
    let settings = settings(&server, "EXTERNAL", &tls).replace(&server.socket_uri(), &server.tls_uri());
    let daemon = launch(Program::Ours, &settings).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    assert_eq!(ask(&daemon, "anna", "wrong"), "NO");
}

#[test]
fn a_mechanism_that_does_not_work_is_told_at_the_start() {
    require!(Slapd);
    let server = server();
    for mechanism in ["DIGEST-MD5", "GSSAPI", "NONSENSE"] {
        let finished = launch(Program::Ours, &settings(&server, mechanism, "")).run();
        assert_eq!(finished.code, Some(1), "{mechanism}: {finished:?}");
        assert!(finished.errors.contains("SCRAM-SHA-256"), "it names what works: {finished:?}");
    }
}

fn settings(server: &RunningSlapd, mechanism: &str, more: &str) -> String {
    format!(
        "ldap_servers: {}\nldap_search_base: {PEOPLE}\nldap_use_sasl: yes\nldap_mech: {mechanism}\n\
         ldap_auth_method: bind\n{more}",
        server.socket_uri()
    )
}
