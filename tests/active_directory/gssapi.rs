//! `-a ldap`; who searches logs in by GSSAPI.

use super::{RIGHT, Site, entries, servers};
use crate::support::samba::{HOST, REALM, SUFFIX, Samba};
use crate::support::slapd::gssapi_plugins;
use crate::support::{Answer, Launch, Program, Request};

for_both!(
    a_key_of_the_environment_serves,
    in_clear_the_account_searches_within_its_protection_and_no_password_can_be_asked,
);

fn settings(domain: &Samba, more: &str) -> String {
    format!(
        "{}ldap_use_sasl: yes\nldap_mech: GSSAPI\nldap_search_base: {SUFFIX}\nldap_filter: (sAMAccountName=%U)\n{more}",
        servers(domain)
    )
}

fn with_keytab(domain: &Samba, principal: &str) -> String {
    format!("ldap_krb5_keytab: {}\n", domain.keytab(principal).display())
}

fn expect_judgement(site: &Site) {
    for _ in 0..2 {
        assert_eq!(site.ask("anna", RIGHT), "OK");
        assert_eq!(site.ask("anna@ad.example.test", RIGHT), "OK");
        assert_eq!(site.ask("anna", "wrong"), "NO");
        assert_eq!(site.ask("disabled", RIGHT), "NO");
        assert_eq!(site.ask("nobody", RIGHT), "NO");
    }
}

/// What both programs find the key of the account by.
fn environment(domain: &Samba) -> Vec<String> {
    let keytab = domain.keytab("service");
    vec![
        format!("KRB5_CLIENT_KTNAME={}", keytab.display()),
        "KRB5CCNAME=MEMORY:saslauthd".to_owned(),
        format!("SASL_PATH={}", gssapi_plugins().unwrap().display()),
    ]
}

/// C binds once more by GSSAPI, as itself, and so lets in everybody with any password.
fn a_key_of_the_environment_serves(program: Program) {
    require!(Samba, GssapiOfSasl);
    // Else libsasl encrypts, too, which the controller does not take over TLS.
    let unprotected = |domain: &Samba| settings(domain, "ldap_sasl_secprops: maxssf=0\n");
    let site = Site::start((program, "ldap"), unprotected, "", environment);
    assert_eq!(site.ask("anna", RIGHT), "OK");
    let wrong = program.better("a password is checked by a bind with it", "OK", "NO");
    assert_eq!(site.ask("anna", "wrong"), wrong);
}

/// It takes no password of a user without TLS, be it encrypted or signed by Kerberos. C binds as itself.
fn in_clear_the_account_searches_within_its_protection_and_no_password_can_be_asked(program: Program) {
    require!(Samba, GssapiOfSasl);
    for properties in ["", "ldap_sasl_secprops: maxssf=1\n"] {
        let in_clear = |domain: &Samba| settings(domain, properties).replace("ldaps://", "ldap://");
        let site = Site::start((program, "ldap"), in_clear, "", environment);
        let found = program.better("the account searches", "OK", "NO");
        assert_eq!(site.ask("nobody", RIGHT), found);
        site.expect_logged(
            "[user=nobody] [service=smtp] [realm=] [mech=ldap] [reason=the user was not found]",
        );
        for password in [RIGHT, "wrong"] {
            let asked = program.better(
                "the directory is asked for it",
                Answer::Text("OK".to_owned()),
                program.unavailable("NO"),
            );
            assert_eq!(site.ask("anna", password), asked);
        }
        site.expect_logged("strongerAuthRequired (8)");
    }
    let unprotected =
        |domain: &Samba| settings(domain, "ldap_sasl_secprops: maxssf=0\n").replace("ldaps://", "ldap://");
    let site = Site::start((program, "ldap"), unprotected, "", environment);
    assert_eq!(site.ask("anna", RIGHT), program.unavailable("NO"));
    site.expect_logged("the service account GSSAPI cannot bind: strongerAuthRequired (8)");
}

#[test]
fn a_keytab_of_a_user_or_of_this_host_serves_over_tls_in_either_way() {
    require!(Samba);
    let start = |principal: &str, more: &str, in_clear: bool| {
        let settings = |domain: &Samba| {
            let settings = settings(domain, &format!("{}{more}", with_keytab(domain, principal)));
            if in_clear { settings.replace("ldaps://", "ldap://") } else { settings }
        };
        Site::start((Program::Ours, "ldap"), settings, "", |_| Vec::new())
    };
    expect_judgement(&start("service", "", false));
    expect_judgement(&start(
        "service",
        "ldap_krb5_principal: service@AD.EXAMPLE.TEST\nldap_start_tls: yes\n",
        true,
    ));
    expect_judgement(&start("MAIL$", "", false));
    // It is there for its key only.
    let site = start("host/mail.ad.example.test", "", false);
    assert_eq!(site.ask("anna", RIGHT), Program::Ours.unavailable("NO"));
    site.expect_logged("Client 'host/mail.ad.example.test@AD.EXAMPLE.TEST' not found in Kerberos database");
}

/// With the names of this domain in the place of its own.
#[test]
fn the_example_of_active_directory_serves() {
    require!(Samba);
    let settings = |domain: &Samba| {
        let replaced = [
            ("ldap://dc1.ad.example.org/ ldap://dc2.ad.example.org/", format!("ldap://{HOST}/")),
            ("/etc/ssl/certs/example-ca.pem", domain.authority().display().to_string()),
            ("/etc/saslauthd.keytab", domain.keytab("service").display().to_string()),
            ("saslauthd@AD.EXAMPLE.ORG", format!("service@{REALM}")),
            ("dc=ad,dc=example,dc=org", SUFFIX.to_owned()),
        ];
        let example = include_str!("../../contrib/saslauthd.conf/active-directory.conf").to_owned();
        replaced.iter().fold(example, |text, (name, own)| {
            assert!(text.contains(name), "{name}");
            text.replace(name, own)
        })
    };
    expect_judgement(&Site::start((Program::Ours, "ldap"), settings, "", |_| Vec::new()));
}

/// That is its default; docs/ADMINISTRATION.md has the remedy.
#[test]
fn a_samba_that_takes_no_gssapi_over_tls_is_an_outage_whose_reason_is_logged() {
    require!(Samba);
    let domain = Samba::start(&entries(), "");
    let settings = settings(&domain, &with_keytab(&domain, "service"));
    let conf = domain.conf().write();
    let launch = Launch::new(Program::Ours, &["-a", "ldap"]).with_file("-O", &settings);
    let daemon = domain.reached_by(conf.of_daemon(launch)).start();
    let request = Request::new("anna", RIGHT);
    assert_eq!(daemon.ask(&request), Program::Ours.unavailable("NO"));
    let told = daemon.log.wait_for("auth unavailable: ");
    // Samba 4.17, and those that know channel bindings.
    let reasons = ["Sign or Seal are required", "(the server wants channel bindings)"];
    assert!(reasons.iter().any(|reason| told.contains(reason)), "{told}");
}
