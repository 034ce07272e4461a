//! Tokens in filters and search bases.

use super::{launch, searching_below};
use crate::support::slapd::{PEOPLE, SUFFIX};
use crate::support::{Daemon, Entries, Program, Request, Slapd};

for_both!(
    every_token_stands_for_its_part_of_the_login,
    a_login_without_a_domain_has_that_of_its_realm,
    the_default_realm_is_used_where_there_is_none,
    tokens_are_replaced_in_the_search_base,
    a_filter_of_any_shape_is_used,
    a_long_filter_is_used_as_it_is,
);

/// Users whose logins tell which filter found them.
fn start(program: Program, users: &[&str], settings: &str) -> (crate::support::RunningSlapd, Daemon) {
    let entries = users.iter().fold(Entries::new(), |entries, login| entries.user(login, "right"));
    let server = Slapd::new(entries).start();
    let settings = format!("{}{settings}", searching_below(&server.uri(), PEOPLE));
    let daemon = launch(program, &settings).start();
    (server, daemon)
}

/// Whether the filter makes of this request the entry of that user.
fn every_token_stands_for_its_part_of_the_login(program: Program) {
    require!(Slapd);
    let request = Request::new("anna@mail.example.org", "right").service("smtp").realm("r.test");
    let table = [
        ("uid=%u", "anna@mail.example.org"),
        ("uid=%U", "anna"),
        ("uid=%d", "mail.example.org"),
        ("uid=%s", "smtp"),
        ("uid=%r", "r.test"),
        ("uid=%U%R", "anna@r.test"),
        ("uid=%1-%2-%3", "org-example-mail"),
        ("uid=%%", "%"),
        ("uid=%U.%s.%r", "anna.smtp.r.test"),
    ];
    for (filter, login) in table {
        let (_server, daemon) = start(program, &[login], &format!("ldap_filter: {filter}\n"));
        assert_eq!(daemon.ask(&request), "OK", "{filter} finds {login}");
        let (_server, daemon) = start(program, &[&format!("{login}x")], &format!("ldap_filter: {filter}\n"));
        assert_eq!(daemon.ask(&request), "NO", "{filter} finds {login}");
    }
}

/// As LDAP_SASLAUTHD has it; C forgot it in 2.1.27.
fn a_login_without_a_domain_has_that_of_its_realm(program: Program) {
    require!(Slapd);
    let (_server, daemon) = start(program, &["anna.example.org"], "ldap_filter: uid=%U.%d\n");
    let answer = daemon.ask(&Request::new("anna", "right").realm("example.org"));
    assert_eq!(answer, program.better("the document says so", "NO", "OK"));
    assert_eq!(daemon.ask(&Request::new("anna@example.org", "right").realm("other.test")), "OK");
    let (_server, daemon) = start(program, &["anna.org"], "ldap_filter: uid=%U.%1\n");
    assert_eq!(daemon.ask(&Request::new("anna", "right").realm("example.org")), "OK");
}

fn the_default_realm_is_used_where_there_is_none(program: Program) {
    require!(Slapd);
    for key in ["ldap_default_realm", "ldap_default_domain"] {
        let settings = format!("ldap_filter: uid=%u%R\n{key}: example.org\n");
        let (_server, daemon) = start(program, &["anna@example.org", "anna@other.test"], &settings);
        assert_eq!(daemon.ask(&Request::new("anna", "right")), "OK", "{key}");
        assert_eq!(daemon.ask(&Request::new("anna", "right").realm("other.test")), "OK", "{key}");
        assert_eq!(daemon.ask(&Request::new("anna", "right").realm("third.test")), "NO", "{key}");
    }
}

fn tokens_are_replaced_in_the_search_base(program: Program) {
    require!(Slapd);
    let entries = Entries::new()
        .unit("one.test")
        .unit("two, test")
        .user_below(&format!("ou=one.test,{SUFFIX}"), "anna", "of one")
        .user_below(&format!("ou=two\\, test,{SUFFIX}"), "anna", "of two");
    let server = Slapd::new(entries).start();
    let settings = searching_below(&server.uri(), &format!("ou=%r,{SUFFIX}"));
    let daemon = launch(program, &settings).start();
    let ask = |password: &str, realm: &str| daemon.ask(&Request::new("anna", password).realm(realm));
    assert_eq!(ask("of one", "one.test"), "OK");
    assert_eq!(ask("of two", "one.test"), "NO");
    let escaped = program.better("RFC 4514: a comma in a value is escaped", "NO", "OK");
    assert_eq!(ask("of two", "two, test"), escaped);
    assert!(!ask("of one", "three.test").is_ok());
}

fn a_filter_of_any_shape_is_used(program: Program) {
    require!(Slapd);
    let filters = [
        "(uid=%u)",
        "uid=%u",
        "(&(objectClass=person)(uid=%u))",
        "(&(uid=%u)(!(description=locked)))",
        "(|(uid=%u)(mail=%u))",
        "(&(uid=%u)(cn=ann*))",
        "(&(uid=%u)(cn=*nn*))",
        "(&(uid=%u)(sn~=user))",
        "(&(uid=%u)(createTimestamp>=19700101000000Z)(createTimestamp<=29991231235959Z))",
        "(uid:caseIgnoreMatch:=%u)",
        "(&(uid=%u)(cn=\\61nna))",
    ];
    for filter in filters {
        let (_server, daemon) = start(program, &["anna", "berta"], &format!("ldap_filter: {filter}\n"));
        assert_eq!(daemon.ask(&Request::new("anna", "right")), "OK", "{filter}");
        assert_eq!(daemon.ask(&Request::new("anna", "wrong")), "NO", "{filter}");
        assert!(!daemon.ask(&Request::new("carla", "right")).is_ok(), "{filter}");
    }
}

fn a_long_filter_is_used_as_it_is(program: Program) {
    require!(Slapd);
    let many: String = (0..100).map(|number| format!("(description=none{number})")).collect();
    let settings = format!("ldap_filter: (|{many}(uid=%u))\n");
    let (_server, daemon) = start(program, &["anna"], &settings);
    assert_eq!(daemon.ask(&Request::new("anna", "right")), "OK");
    assert_eq!(daemon.ask(&Request::new("anna", "wrong")), "NO");
}
