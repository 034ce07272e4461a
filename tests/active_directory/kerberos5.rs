//! `-a kerberos5`.

use super::{CLOSED, RIGHT, Site, locking};
use crate::support::Program;
use crate::support::samba::Samba;
use std::fs;

for_both!(
    every_name_of_an_account_logs_in_with_its_password_and_no_other,
    a_name_of_another_domain_is_no_principal,
    an_account_that_may_not_log_in_is_refused_and_the_log_says_why,
    a_wrong_password_counts_once_and_the_third_locks_the_account,
    a_ticket_that_is_too_large_for_a_datagram_comes_by_tcp,
    a_realm_in_small_letters_needs_canonicalize,
    a_host_that_has_keys_of_rc4_only_proves_the_server_too,
    a_keytab_that_is_older_than_the_password_of_the_host_accepts_nobody,
);

/// What C replies when the controller says no.
const REFUSED: &str = "NO krb5_get_init_creds_password failed";

/// What C replies when it cannot tell whether the controller is the domain's.
const UNVERIFIED: &str = "NO krb5_verify_init_creds failed";

fn start(program: Program, option: &str) -> Site {
    start_as(program, "mail", option)
}

/// On this host of the domain.
fn start_as(program: Program, host: &str, option: &str) -> Site {
    Site::start((program, "kerberos5"), |domain| of_host(domain, host), option, |_| Vec::new())
}

/// The settings of this host, with its key.
fn of_host(domain: &Samba, host: &str) -> String {
    let name = format!("{host}.ad.example.test");
    let keytab = domain.keytab(&format!("host/{name}"));
    format!("krb5_keytab: {}\nkrb5_servername: {name}\n", keytab.display())
}

/// Case counts for the password only, and the name before the @ of userPrincipalName is as good as sAMAccountName.
fn every_name_of_an_account_logs_in_with_its_password_and_no_other(program: Program) {
    require!(Samba);
    let site = start(program, "");
    for (login, realm, password) in [
        ("anna", "", RIGHT),
        ("ANNA", "", RIGHT),
        ("anna@AD.EXAMPLE.TEST", "", RIGHT),
        ("anna", "AD.EXAMPLE.TEST", RIGHT),
        ("Berta", "", RIGHT),
        ("berta", "", RIGHT),
        ("otto", "", RIGHT),
        ("otto.normal", "", RIGHT),
        ("Otto.Normal@AD.EXAMPLE.TEST", "", RIGHT),
        ("paula", "", RIGHT),
        ("jörg", "", "größer-Als-5€"),
        ("JÖRG", "", "größer-Als-5€"),
    ] {
        assert_eq!(site.ask_in(login, realm, password), "OK", "{login} {realm}");
        for wrong in ["wrong", &password.to_uppercase(), &password[1..], &format!("{password} ")] {
            assert_eq!(site.ask_in(login, realm, wrong), REFUSED, "{login} {realm} {wrong}");
        }
    }
    for unknown in ["nobody", "mailers", "mail", "AD/anna"] {
        assert_eq!(site.ask(unknown, RIGHT), REFUSED, "{unknown}");
    }
    // What is asked about is the account of a host.
    assert_eq!(site.ask("mail$", RIGHT), REFUSED);
}

/// Windows logs it in as an *enterprise name*, which neither daemon makes of a login.
fn a_name_of_another_domain_is_no_principal(program: Program) {
    require!(Samba);
    let site = start(program, "canonicalize = true");
    assert_eq!(site.ask("paula@mail.example.test", RIGHT), REFUSED);
    assert!(site.ask("AD\\anna", RIGHT).is_no());
    assert_eq!(site.ask("paula", RIGHT), "OK");
}

fn an_account_that_may_not_log_in_is_refused_and_the_log_says_why(program: Program) {
    require!(Samba);
    let site = start(program, "");
    for login in CLOSED {
        assert_eq!(site.ask(login, "wrong"), REFUSED, "{login}");
        assert_eq!(site.ask(login, RIGHT), REFUSED, "{login}");
        let reason = if login == "changing" {
            "Password has expired"
        } else {
            "Client's credentials have been revoked"
        };
        site.expect_logged(&format!("[user={login}] [service=smtp] [realm=] [mech=kerberos5] [reason=krb5_get_init_creds_password: {reason}"));
    }
    assert!(!site.ask("Guest", RIGHT).is_ok());
    assert_eq!(site.ask("anna", RIGHT), "OK");
}

fn a_wrong_password_counts_once_and_the_third_locks_the_account(program: Program) {
    require!(Samba);
    let site = start(program, "");
    let login = locking("kerberos5", program);
    for _ in 0..2 {
        assert_eq!(site.ask(&login, "wrong"), REFUSED);
        assert_eq!(site.ask(&login, "also wrong"), REFUSED);
        assert_eq!(site.ask(&login, RIGHT), "OK", "two are not three, and a right one forgets them");
    }
    for wrong in ["wrong", "also wrong", "wrong once more"] {
        assert_eq!(site.ask(&login, wrong), REFUSED);
    }
    assert_eq!(site.ask(&login, RIGHT), REFUSED);
    site.expect_logged("[reason=krb5_get_init_creds_password: Client's credentials have been revoked");
}

fn a_ticket_that_is_too_large_for_a_datagram_comes_by_tcp(program: Program) {
    require!(Samba);
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    let environment = |_: &Samba| vec![format!("KRB5_TRACE={}", trace.display())];
    let site = Site::start((program, "kerberos5"), |domain| of_host(domain, "mail"), "", environment);
    assert_eq!(site.ask("many", RIGHT), "OK");
    let trace = fs::read_to_string(trace).unwrap();
    assert!(trace.contains("response is too big for UDP; retrying with TCP"), "{trace}");
    assert_eq!(site.ask("many", "wrong"), REFUSED);
}

/// The controller answers for the realm in capitals, which the library takes for a forgery unless it may canonicalize.
fn a_realm_in_small_letters_needs_canonicalize(program: Program) {
    require!(Samba);
    let site = start(program, "");
    for (login, realm) in [("anna@ad.example.test", ""), ("anna", "ad.example.test")] {
        assert_eq!(site.ask_in(login, realm, RIGHT), program.unavailable(REFUSED), "{login} {realm}");
        assert_eq!(site.ask_in(login, realm, "wrong"), REFUSED, "{login} {realm}");
    }
    site.expect_logged("KDC reply did not match expectations");
    let site = start(program, "canonicalize = true");
    for (login, realm) in
        [("anna@ad.example.test", ""), ("anna", "ad.example.test"), ("ANNA", ""), ("anna", "")]
    {
        assert_eq!(site.ask_in(login, realm, RIGHT), "OK", "{login} {realm}");
        assert_eq!(site.ask_in(login, realm, "wrong"), REFUSED, "{login} {realm}");
    }
}

fn a_host_that_has_keys_of_rc4_only_proves_the_server_too(program: Program) {
    require!(Samba);
    let site = start_as(program, "old", "");
    assert_eq!(site.ask("anna", RIGHT), "OK");
    assert_eq!(site.ask("anna", "wrong"), REFUSED);
}

fn a_keytab_that_is_older_than_the_password_of_the_host_accepts_nobody(program: Program) {
    require!(Samba);
    let name = format!("aging-{program:?}");
    let site = start_as(program, &name.to_lowercase(), "");
    assert_eq!(site.ask("anna", RIGHT), "OK");
    site.domain.change_password(&format!("{name}$"), "Another-passw0rd-of-a-host");
    assert_eq!(site.ask("anna", RIGHT), program.unavailable(UNVERIFIED));
    assert_eq!(site.ask("anna", "wrong"), REFUSED);
    site.expect_logged("kvno");
}
