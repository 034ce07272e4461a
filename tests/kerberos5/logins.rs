//! Which principal a login is.

use super::{INTERNAL, REFUSED, ask, realm, start, usual};
use crate::support::{Program, Request};

for_both!(
    the_right_password_of_a_principal_logs_in_and_no_other_does,
    a_login_that_names_its_realm_and_sends_one_is_the_same_as_without,
    a_service_may_have_an_instance_of_its_own,
    the_first_dot_is_a_slash_with_krb5_conv_krb4_instance,
    names_that_are_no_principal_are_refused,
);

fn the_right_password_of_a_principal_logs_in_and_no_other_does(program: Program) {
    require!(Root, Kerberos);
    let server = realm(&[("otto/admin", "instance"), ("first.last", "dotted"), ("preauth", "right")]);
    server.administer("modprinc +requires_preauth preauth");
    let daemon = start(program, &server, &usual(&server));
    for (login, realm, password) in [
        ("anna", "", "right"),
        ("anna@EXAMPLE.ORG", "", "right"),
        ("anna", "EXAMPLE.ORG", "right"),
        ("otto/admin", "", "instance"),
        ("otto/admin", "EXAMPLE.ORG", "instance"),
        ("first.last", "", "dotted"),
        ("preauth", "", "right"),
    ] {
        assert_eq!(ask(&daemon, login, realm, password), "OK", "{login} {realm}");
        for wrong in ["wrong", "Right", "righ", "right "] {
            assert_eq!(ask(&daemon, login, realm, wrong), REFUSED, "{login} {realm}");
        }
    }
    for unknown in ["otto", "Anna", "first", "anna/admin"] {
        assert_eq!(ask(&daemon, unknown, "", "right"), REFUSED, "{unknown}");
    }
    if program == Program::Ours {
        daemon.log.wait_for("auth failure: [user=preauth] [service=smtp] [realm=] [mech=kerberos5] [reason=");
    }
}

fn a_login_that_names_its_realm_and_sends_one_is_the_same_as_without(program: Program) {
    require!(Root, Kerberos);
    let server = realm(&[]);
    let daemon = start(program, &server, &usual(&server));
    let why = "the realm is there already";
    assert_eq!(ask(&daemon, "anna@EXAMPLE.ORG", "EXAMPLE.ORG", "right"), program.better(why, INTERNAL, "OK"));
    assert_eq!(
        ask(&daemon, "anna@EXAMPLE.ORG", "EXAMPLE.ORG", "wrong"),
        program.better(why, INTERNAL, REFUSED)
    );
}

fn a_service_may_have_an_instance_of_its_own(program: Program) {
    require!(Root, Kerberos);
    let server = realm(&[("anna/mail", "instance"), ("anna/other", "other")]);
    let daemon = start(program, &server, &format!("{}krb5_smtp_instance: mail\n", usual(&server)));
    let ask_for = |service: &str, login: &str, password: &str| {
        daemon.ask(&Request::new(login, password).service(service))
    };
    for (service, login, password, expected) in [
        ("smtp", "anna", "instance", "OK"),
        ("smtp", "anna", "right", REFUSED),
        ("smtp", "anna/mail", "instance", "OK"),
        ("smtp", "anna/other", "other", "NO saslauthd principal name error"),
        ("imap", "anna", "right", "OK"),
        ("imap", "anna", "instance", REFUSED),
        ("imap", "anna/other", "other", "OK"),
    ] {
        assert_eq!(ask_for(service, login, password), expected, "{service} {login} {password}");
    }
}

fn the_first_dot_is_a_slash_with_krb5_conv_krb4_instance(program: Program) {
    require!(Root, Kerberos);
    let server = realm(&[("anna/mail", "instance"), ("anna/mail.two", "two"), ("anna.mail", "dotted")]);
    for (value, converts) in [("yes", true), ("1", true), ("true", true), ("on", true), ("no", false)] {
        let settings = format!("{}krb5_conv_krb4_instance: {value}\n", usual(&server));
        let daemon = start(program, &server, &settings);
        let expected = if converts { ["OK", REFUSED, "OK"] } else { [REFUSED, "OK", REFUSED] };
        let asked = [("anna.mail", "instance"), ("anna.mail", "dotted"), ("anna.mail.two", "two")];
        for ((login, password), expected) in asked.into_iter().zip(expected) {
            assert_eq!(ask(&daemon, login, "", password), expected, "{value}: {login} {password}");
        }
    }
}

/// Not that anybody could log in by them; but the server need not be asked.
fn names_that_are_no_principal_are_refused(program: Program) {
    require!(Root, Kerberos);
    let server = realm(&[]);
    let daemon = start(program, &server, &usual(&server));
    for login in ["@EXAMPLE.ORG", "anna@EXAMPLE.ORG@EXAMPLE.ORG", "anna\\", "/", "anna/", "anna@"] {
        let answer = ask(&daemon, login, "", "right");
        assert!(answer.is_no(), "{login}: {answer:?}");
    }
    assert_eq!(ask(&daemon, "anna", "", "right"), "OK");
}
