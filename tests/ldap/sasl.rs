//! SASL binds of the service account.

use super::{ask, launch, unavailable};
use crate::support::slapd::PEOPLE;
use crate::support::{Asked, Authority, Entries, FakeLdap, Program, RunningSlapd, Slapd};

for_both!(
    external_over_the_unix_socket_needs_no_password,
    logins_prove_their_password_by_sasl,
    the_service_account_binds_by_sasl,
    mongodbs_recipe_for_active_directory_works,
    of_several_mechanisms_the_strongest_is_used,
    without_a_mechanism_the_best_that_the_server_has_is_used,
    a_server_that_has_none_of_the_mechanisms_gets_no_password,
    passwords_and_names_outside_of_ascii_are_proved,
);

/// Nobody may search without a bind, and none of these settings has the service account's name.
fn server() -> RunningSlapd {
    Slapd::new(Entries::new().user("anna", "right")).closed_to_strangers().start()
}

/// C checks the login with the same mechanism, and so lets in everybody.
fn external_over_the_unix_socket_needs_no_password(program: Program) {
    require!(Slapd);
    let server = server();
    let daemon = launch(program, &settings(&server, "EXTERNAL", "")).start();
    let wrong = program.better("a password is checked by a bind with it", "OK", "NO");
    for _ in 0..2 {
        assert_eq!(ask(&daemon, "anna", "right"), "OK");
        assert_eq!(ask(&daemon, "anna", "wrong"), wrong);
        assert_eq!(ask(&daemon, "nobody", "right"), wrong);
    }
    let was_asked = server.logged("BIND dn=\"uid=anna") > 0;
    assert_eq!(was_asked, program.better("the server is who checks it", false, true));
}

const WITH_PASSWORD: [&str; 6] =
    ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "DIGEST-MD5", "CRAM-MD5"];

/// With SASL there is no DN to bind as, and so `bind` is `fastbind`.
fn logins_prove_their_password_by_sasl(program: Program) {
    require!(Slapd);
    let server = Slapd::new(Entries::new().user("anna", "right").user("berta", "also right")).start();
    for mechanism in WITH_PASSWORD {
        let daemon = launch(program, &settings(&server, mechanism, "")).start();
        for _ in 0..2 {
            assert_eq!(ask(&daemon, "anna", "right"), "OK", "{mechanism}");
            assert_eq!(ask(&daemon, "anna", "also right"), "NO", "{mechanism}");
            assert_eq!(ask(&daemon, "berta", "also right"), "OK", "{mechanism}");
            assert_eq!(ask(&daemon, "nobody", "right"), "NO", "{mechanism}");
        }
    }
}

/// Slapd answers these with other (80), as it does some faults of its own.
#[test]
fn a_login_that_sasl_does_not_know_is_refused() {
    require!(Slapd);
    let server = Slapd::new(Entries::new().user("anna", "right")).start();
    for mechanism in WITH_PASSWORD {
        let daemon = launch(Program::Ours, &settings(&server, mechanism, "")).start();
        assert_eq!(ask(&daemon, "nobody", "right"), "NO", "{mechanism}");
        assert_eq!(ask(&daemon, "anna", "right"), "OK", "{mechanism}");
    }
}

fn the_service_account_binds_by_sasl(program: Program) {
    require!(Slapd);
    let server = server();
    for mechanism in WITH_PASSWORD {
        let with = |password: &str| {
            let id = format!("ldap_id: service\nldap_password: {password}\n");
            settings(&server, mechanism, &id).replace("ldap_auth_method: bind", "ldap_auth_method: custom")
        };
        let daemon = launch(program, &with("secret")).start();
        for _ in 0..2 {
            assert_eq!(ask(&daemon, "anna", "right"), "OK", "{mechanism}");
            assert_eq!(ask(&daemon, "anna", "wrong"), "NO", "{mechanism}");
        }
        let daemon = launch(program, &with("outdated")).start();
        assert_eq!(ask(&daemon, "anna", "right"), unavailable(program), "{mechanism}");
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
    for mechanism in ["NTLM", "GSS-SPNEGO", "NONSENSE"] {
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

/// As its manual has it: these four lines and no more.
fn mongodbs_recipe_for_active_directory_works(program: Program) {
    require!(Slapd);
    let server = Slapd::new(Entries::new().user("anna", "right")).start();
    let settings = format!(
        "ldap_servers: {}\nldap_use_sasl: yes\nldap_mech: DIGEST-MD5\nldap_auth_method: fastbind\n",
        server.uri()
    );
    for realm in ["", "ldap_realm: example.org\n"] {
        let daemon = launch(program, &format!("{settings}{realm}")).start();
        for _ in 0..2 {
            assert_eq!(ask(&daemon, "anna", "right"), "OK");
            assert_eq!(ask(&daemon, "anna", "wrong"), "NO");
            assert_eq!(ask(&daemon, "nobody", "right"), "NO");
        }
    }
}

fn of_several_mechanisms_the_strongest_is_used(program: Program) {
    require!(Slapd);
    for list in ["SCRAM-SHA-256 DIGEST-MD5", "DIGEST-MD5 CRAM-MD5 SCRAM-SHA-256"] {
        let server = Slapd::new(Entries::new().user("anna", "right")).start();
        let daemon = launch(program, &over_tcp(&server.uri(), list)).start();
        assert_eq!(ask(&daemon, "anna", "right"), "OK", "{list}");
        assert_eq!(ask(&daemon, "anna", "wrong"), "NO", "{list}");
        assert!(server.logged("mech=SCRAM-SHA-256") > 0, "{list}");
        assert_eq!(server.logged("mech=DIGEST-MD5"), 0, "{list}");
    }
}

fn without_a_mechanism_the_best_that_the_server_has_is_used(program: Program) {
    require!(Slapd);
    let server = Slapd::new(Entries::new().user("anna", "right")).start();
    let settings = over_tcp(&server.uri(), "").replace("ldap_mech: \n", "");
    let daemon = launch(program, &settings).start();
    for _ in 0..2 {
        assert_eq!(ask(&daemon, "anna", "right"), "OK");
        assert_eq!(ask(&daemon, "anna", "wrong"), "NO");
        assert_eq!(ask(&daemon, "nobody", "right"), "NO");
    }
    assert!(server.logged("mech=SCRAM-SHA-512") > 0);
}

/// Nobody between here and the server brings a login down to less than what is configured, or to PLAIN.
fn a_server_that_has_none_of_the_mechanisms_gets_no_password(program: Program) {
    for (list, offered) in
        [("", &["PLAIN", "LOGIN", "NTLM"][..]), ("SCRAM-SHA-256 SCRAM-SHA-1", &["PLAIN", "CRAM-MD5"])]
    {
        let server = FakeLdap::new().offering(offered).start();
        let settings = match list {
            "" => over_tcp(&server.uri(), "").replace("ldap_mech: \n", ""),
            list => over_tcp(&server.uri(), list),
        };
        let daemon = launch(program, &settings).start();
        assert_eq!(ask(&daemon, "anna", "right"), unavailable(program), "{list}");
        assert_eq!(server.count(Asked::Bind, "right"), 0, "{list}");
        if program == Program::Ours {
            assert_eq!(server.count(Asked::Bind, ""), 0, "{list}");
            assert!(daemon.log.wait_for("auth unavailable").contains("PLAIN"), "{list}");
        }
    }
}

#[test]
fn one_mechanism_costs_no_question_which_the_server_has() {
    require!(Slapd);
    let server = Slapd::new(Entries::new().user("anna", "right")).start();
    for (list, questions) in [("SCRAM-SHA-256", 0), ("SCRAM-SHA-256 SCRAM-SHA-1", 1)] {
        let daemon = launch(Program::Ours, &over_tcp(&server.uri(), list)).start();
        for _ in 0..3 {
            assert_eq!(ask(&daemon, "anna", "right"), "OK", "{list}");
        }
        assert_eq!(server.logged("SRCH base=\"\" scope=0"), questions, "{list}: one for each connection");
    }
}

#[test]
fn within_tls_the_server_is_asked_for_its_mechanisms() {
    require!(Slapd);
    let authority = Authority::new();
    let slapd = Slapd::new(Entries::new().user("anna", "right"));
    let certificate = authority.issue(&[&slapd.address().to_string()]);
    let server = slapd.with_certificate(&certificate).start();
    let tls = format!("ldap_start_tls: yes\nldap_tls_cacert_file: {}\n", authority.file().display());
    let settings = format!("{}{tls}", over_tcp(&server.uri(), "PLAIN CRAM-MD5"));
    let daemon = launch(Program::Ours, &settings).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    assert!(server.logged("mech=CRAM-MD5") > 0);
}

fn over_tcp(uri: &str, mechanisms: &str) -> String {
    format!("ldap_servers: {uri}\nldap_search_base: {PEOPLE}\nldap_use_sasl: yes\nldap_mech: {mechanisms}\n")
}

/// SCRAM prepares them (RFC 4013), DIGEST-MD5 hashes them in ISO 8859-1 where they fit.
fn passwords_and_names_outside_of_ascii_are_proved(program: Program) {
    require!(Slapd);
    let entries =
        Entries::new().user("anna", "P\u{e4}ss").user("berta", "\u{20ac}uro").user("j\u{f6}rg", "x");
    let server = Slapd::new(entries).start();
    for mechanism in ["SCRAM-SHA-256", "DIGEST-MD5"] {
        let daemon = launch(program, &settings(&server, mechanism, "")).start();
        assert_eq!(ask(&daemon, "anna", "P\u{e4}ss"), "OK", "{mechanism}");
        assert_eq!(ask(&daemon, "anna", "Pass"), "NO", "{mechanism}");
        assert_eq!(ask(&daemon, "berta", "\u{20ac}uro"), "OK", "{mechanism}");
        assert_eq!(ask(&daemon, "j\u{f6}rg", "x"), "OK", "{mechanism}");
    }
    let daemon = launch(program, &settings(&server, "SCRAM-SHA-256", "")).start();
    let same = program.better("RFC 4013: it is the same in another form", "NO", "OK");
    assert_eq!(ask(&daemon, "anna", "Pa\u{308}ss"), same);
}
