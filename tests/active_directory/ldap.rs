//! `-a ldap`, with passwords.

use super::{CLOSED, RIGHT, Site, locking, searching, servers};
use crate::support::samba::{HOST, SUFFIX, Samba, USERS};
use crate::support::{Answer, Program};

for_both!(
    the_filters_of_active_directory_find_the_account,
    the_domain_is_searched_from_its_root_past_what_it_refers_to_elsewhere,
    an_account_whose_name_must_be_escaped_in_dns_and_filters_logs_in,
    the_service_account_may_have_any_of_its_names,
    a_fastbind_takes_the_names_that_windows_takes,
    only_members_of_a_group_log_in,
    an_account_that_may_not_log_in_is_refused_and_the_log_says_why,
    a_wrong_password_counts_once_and_the_third_locks_the_account,
    without_tls_or_an_account_nobody_can_be_asked,
);

/// The flag of a disabled account, by the matching rule of bits.
const ENABLED: &str = "(!(userAccountControl:1.2.840.113556.1.4.803:=2))";

/// By the matching rule that follows groups in groups.
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

fn start(program: Program, settings: impl FnOnce(&Samba) -> String) -> Site {
    Site::start((program, "ldap"), settings, "", |_| Vec::new())
}

fn by_filter(program: Program, filter: &str) -> Site {
    start(program, |domain| searching(domain, filter))
}

/// Without `ldaps://`.
fn in_clear(settings: &str) -> String {
    settings.replace("ldaps://", "ldap://")
}

fn expect_judgement(site: &Site, login: &str, password: &str) {
    assert_eq!(site.ask(login, password), "OK", "{login}");
    assert_eq!(site.ask(login, "wrong"), "NO", "{login}");
}

fn the_filters_of_active_directory_find_the_account(program: Program) {
    require!(Samba);
    let site = by_filter(program, "(sAMAccountName=%u)");
    for login in ["anna", "ANNA", "berta"] {
        expect_judgement(&site, login, RIGHT);
    }
    expect_judgement(&site, "jörg", "größer-Als-5€");
    expect_judgement(&site, "JÖRG", "größer-Als-5€");
    for nobody in ["nobody", "an*", "anna)(cn=*", "mailers", "anna@ad.example.test"] {
        assert_eq!(site.ask(nobody, RIGHT), "NO", "{nobody}");
    }
    let site = by_filter(program, "(userPrincipalName=%U@%d)");
    for login in ["anna@ad.example.test", "paula@mail.example.test", "Paula@MAIL.example.test"] {
        expect_judgement(&site, login, RIGHT);
    }
    assert_eq!(site.ask("otto@ad.example.test", RIGHT), "NO", "he has another one");
    let site = by_filter(
        program,
        &format!("(&(|(sAMAccountName=%U)(userPrincipalName=%u))(objectClass=user){ENABLED})"),
    );
    for login in ["anna", "anna@ad.example.test", "paula@mail.example.test", "otto.normal@ad.example.test"] {
        expect_judgement(&site, login, RIGHT);
    }
    assert_eq!(site.ask("disabled", RIGHT), "NO");
    site.expect_logged("[user=disabled] [service=smtp] [realm=] [mech=ldap] [reason=the user was not found]");
}

/// Its configuration, schema and zones are partitions of their own, on the same server. At the port of the global catalog there
/// are no references.
fn the_domain_is_searched_from_its_root_past_what_it_refers_to_elsewhere(program: Program) {
    require!(Samba);
    for referrals in ["", "ldap_referrals: yes\n"] {
        let settings = |domain: &Samba| searching(domain, "(sAMAccountName=%u)") + referrals;
        let site = start(program, settings);
        expect_judgement(&site, "anna", RIGHT);
        assert_eq!(site.ask("nobody", RIGHT), "NO");
    }
    let catalog = |domain: &Samba| {
        let settings = searching(domain, "(sAMAccountName=%u)").replace("/\n", ":3269/\n");
        settings.replace(&format!("ldap_search_base: {SUFFIX}\n"), "")
    };
    let site = start(program, catalog);
    expect_judgement(&site, "anna", RIGHT);
    assert_eq!(site.ask("nobody", RIGHT), "NO");
}

/// Not with `ldap_group_dn`: Samba makes a filter of what it compares, and escapes nothing.
fn an_account_whose_name_must_be_escaped_in_dns_and_filters_logs_in(program: Program) {
    require!(Samba);
    let group = format!(
        "ldap_group_match_method: filter\nldap_group_search_base: {SUFFIX}\n\
         ldap_group_filter: (&(cn=mailers)(member=%D))\n"
    );
    let site = start(program, |domain| searching(domain, "(sAMAccountName=%u)") + &group);
    expect_judgement(&site, "odd", RIGHT);
}

fn the_service_account_may_have_any_of_its_names(program: Program) {
    require!(Samba);
    for name in ["service@ad.example.test", "AD\\service"] {
        let settings = |domain: &Samba| {
            searching(domain, "(sAMAccountName=%u)").replace(&format!("CN=service,{USERS}"), name)
        };
        expect_judgement(&start(program, settings), "anna", RIGHT);
    }
    let wrong = |domain: &Samba| searching(domain, "(sAMAccountName=%u)").replace("Service-horse1", "wrong");
    let site = start(program, wrong);
    assert_eq!(site.ask("anna", RIGHT), program.unavailable("NO"));
    site.expect_logged("cannot bind: invalidCredentials (49)");
}

fn a_fastbind_takes_the_names_that_windows_takes(program: Program) {
    require!(Samba);
    let fastbind = |name: &str| {
        let name = name.to_owned();
        start(program, move |domain| {
            format!("{}ldap_auth_method: fastbind\nldap_filter: {name}\n", servers(domain))
        })
    };
    let site = fastbind("%U@ad.example.test");
    for login in ["anna", "ANNA", "otto", "otto.normal"] {
        expect_judgement(&site, login, RIGHT);
    }
    let site = fastbind("AD\\%U");
    for login in ["anna", "ANNA", "otto"] {
        expect_judgement(&site, login, RIGHT);
    }
    let site = fastbind("%u");
    for login in ["anna@ad.example.test", "paula@mail.example.test"] {
        expect_judgement(&site, login, RIGHT);
    }
    let why = "what is no DN is sent as it is";
    assert_eq!(site.ask("AD\\anna", RIGHT), program.better(why, "NO", "OK"));
    for nobody in ["anna", "nobody@ad.example.test", "@ad.example.test", "otto.normal"] {
        assert_eq!(site.ask(nobody, RIGHT), "NO", "{nobody}");
    }
}

fn only_members_of_a_group_log_in(program: Program) {
    require!(Samba);
    let by_search = |filter: &str| {
        format!(
            "ldap_group_match_method: filter\nldap_group_search_base: {SUFFIX}\nldap_group_filter: {filter}\n"
        )
    };
    for group in [
        format!("ldap_group_dn: CN=mailers,{USERS}\nldap_group_attr: member\n"),
        by_search("(&(cn=mailers)(member=%D))"),
        by_search(&format!("(&(cn=outer)(member:{IN_CHAIN}:=%D))")),
    ] {
        let site = start(program, |domain| searching(domain, "(sAMAccountName=%u)") + &group);
        expect_judgement(&site, "anna", RIGHT);
        assert_eq!(site.ask("otto", RIGHT), "NO", "{group}");
        site.expect_logged(
            "[user=otto] [service=smtp] [realm=] [mech=ldap] [reason=the user is not in the group",
        );
    }
    for member in [format!("memberOf=CN=mailers,{USERS}"), format!("memberOf:{IN_CHAIN}:=CN=outer,{USERS}")] {
        let site = by_filter(program, &format!("(&(sAMAccountName=%u)({member}))"));
        expect_judgement(&site, "anna", RIGHT);
        assert_eq!(site.ask("otto", RIGHT), "NO", "{member}");
    }
    let outer = format!("ldap_group_dn: CN=outer,{USERS}\nldap_group_attr: member\n");
    let site = start(program, |domain| searching(domain, "(sAMAccountName=%u)") + &outer);
    assert_eq!(site.ask("anna", RIGHT), "NO", "a member of a member is none");
}

fn an_account_that_may_not_log_in_is_refused_and_the_log_says_why(program: Program) {
    require!(Samba);
    let site = by_filter(program, "(sAMAccountName=%u)");
    let reasons = [
        "data 533, v1db1 (the account is disabled)",
        "data 701, v1db1 (the account has expired)",
        "data 773, v1db1 (the password must be changed first)",
        "data 530, v1db1 (the account may not log in at this time)",
    ];
    for (login, reason) in CLOSED.into_iter().zip(reasons) {
        assert_eq!(site.ask(login, "wrong"), "NO", "{login}");
        assert_eq!(site.ask(login, RIGHT), "NO", "{login}");
        site.expect_logged(reason);
    }
    site.expect_logged("data 52e, v1db1 (the password is wrong, or there is no such account)");
    for nobody in ["Guest", "mailers", "krbtgt", "mail$"] {
        assert_eq!(site.ask(nobody, RIGHT), "NO", "{nobody}");
    }
}

fn a_wrong_password_counts_once_and_the_third_locks_the_account(program: Program) {
    require!(Samba);
    let site = by_filter(program, "(sAMAccountName=%u)");
    let login = locking("ldap", program);
    assert_eq!(site.ask(&login, "wrong"), "NO");
    assert_eq!(site.ask(&login, "also wrong"), "NO");
    assert_eq!(site.ask(&login, RIGHT), "OK", "two are not three, and a right one forgets them");
    for wrong in ["wrong", "also wrong", "wrong once more"] {
        assert_eq!(site.ask(&login, wrong), "NO");
    }
    assert_eq!(site.ask(&login, RIGHT), "NO");
    site.expect_logged("data 775, v1db1 (the account is locked)");
}

/// The controller takes no password in clear and answers no search of a stranger.
fn without_tls_or_an_account_nobody_can_be_asked(program: Program) {
    require!(Samba);
    let anonymous = |domain: &Samba| {
        format!("{}ldap_search_base: {SUFFIX}\nldap_filter: (sAMAccountName=%u)\n", servers(domain))
    };
    let expected: Answer = program.unavailable("NO");
    let site = start(program, anonymous);
    assert_eq!(site.ask("anna", RIGHT), expected);
    site.expect_logged("Operation unavailable without authentication");
    let site = start(program, |domain| in_clear(&searching(domain, "(sAMAccountName=%u)")));
    assert_eq!(site.ask("anna", RIGHT), expected);
    site.expect_logged("strongerAuthRequired (8)");
    let with_tls = |domain: &Samba| {
        format!("{}ldap_start_tls: yes\n", in_clear(&searching(domain, "(sAMAccountName=%u)")))
    };
    let site = start(program, with_tls);
    expect_judgement(&site, "anna", RIGHT);
    assert!(in_clear(&servers(&site.domain)).contains(&format!("ldap://{HOST}/")));
}
