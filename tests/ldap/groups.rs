//! Only members of a group may log in.

use super::{ask, launch, searching};
use crate::support::slapd::{PEOPLE, SUFFIX};
use crate::support::{Daemon, Entries, Program, Request, RunningSlapd, Slapd};

for_both!(
    members_of_a_group_of_names_are_let_in,
    members_that_a_filter_finds_are_let_in,
    the_group_can_be_that_of_the_service,
    every_method_checks_the_group,
    a_group_that_does_not_exist_has_no_members,
    a_long_group_filter_is_used_as_it_is,
);

fn start(program: Program, settings: &str) -> (RunningSlapd, Daemon) {
    let entries = Entries::new()
        .users(3)
        .user("comma, user", "right")
        .group("staff", &["user0", "comma, user"])
        .group("smtp", &["user1"])
        .posix_group("posix", &["user0"]);
    let server = Slapd::new(entries).start();
    let daemon = launch(program, &format!("{}{settings}", searching(&server.uri()))).start();
    (server, daemon)
}

fn members_of_a_group_of_names_are_let_in(program: Program) {
    require!(Slapd);
    for attribute in ["", "ldap_group_attr: uniqueMember\n"] {
        let settings = format!("ldap_group_dn: cn=staff,ou=groups,{SUFFIX}\n{attribute}");
        let (_server, daemon) = start(program, &settings);
        assert_eq!(ask(&daemon, "user0", "right0"), "OK");
        assert_eq!(ask(&daemon, "user0", "wrong"), "NO");
        assert_eq!(ask(&daemon, "user1", "right1"), "NO", "not a member");
        assert_eq!(ask(&daemon, "comma, user", "right"), "OK");
        assert_eq!(ask(&daemon, "user0", "right0"), "OK");
    }
}

fn members_that_a_filter_finds_are_let_in(program: Program) {
    require!(Slapd);
    let base = format!("ldap_group_match_method: filter\nldap_group_search_base: ou=groups,{SUFFIX}\n");
    let filters = [
        "(&(objectClass=posixGroup)(cn=posix)(memberUid=%u))",
        "(&(cn=staff)(uniqueMember=%D))",
        "(&(objectClass=groupOfUniqueNames)(uniqueMember=uid=%U,ou=people,dc=example,dc=org)(cn=staff))",
    ];
    for filter in filters {
        for scope in ["", "ldap_group_scope: one\n"] {
            let (_server, daemon) = start(program, &format!("{base}ldap_group_filter: {filter}\n{scope}"));
            assert_eq!(ask(&daemon, "user0", "right0"), "OK", "{filter}");
            assert_eq!(ask(&daemon, "user0", "wrong"), "NO", "{filter}");
            assert_eq!(ask(&daemon, "user1", "right1"), "NO", "{filter}");
        }
        let (_server, daemon) =
            start(program, &format!("{base}ldap_group_filter: {filter}\nldap_group_scope: base\n"));
        assert_eq!(ask(&daemon, "user0", "right0"), "NO", "{filter}");
    }
}

fn the_group_can_be_that_of_the_service(program: Program) {
    require!(Slapd);
    let (_server, daemon) = start(program, &format!("ldap_group_dn: cn=%s,ou=groups,{SUFFIX}\n"));
    let with_service = |login: &str, service: &str| {
        daemon.ask(&Request::new(login, login.replace("user", "right")).service(service))
    };
    assert_eq!(with_service("user1", "smtp"), "OK");
    assert_eq!(with_service("user0", "smtp"), "NO");
    assert_eq!(with_service("user0", "staff"), "OK");
    assert!(!with_service("user0", "imap").is_ok());
    assert!(!with_service("user1", "smtp,ou=groups").is_ok());
}

/// As the service account, which is the only one that may read groups.
fn every_method_checks_the_group(program: Program) {
    require!(Slapd);
    let methods =
        ["bind", "custom", &format!("fastbind\nldap_filter: uid=%u,{PEOPLE}")].map(ToOwned::to_owned);
    for method in methods {
        let group = format!("ldap_group_dn: cn=staff,ou=groups,{SUFFIX}\n");
        let (_server, daemon) = start(program, &format!("ldap_auth_method: {method}\n{group}"));
        let by_login = program.better("C asks for the group as the login itself", "NO", "OK");
        let expected = if method.starts_with("fastbind") { by_login } else { "OK" };
        assert_eq!(ask(&daemon, "user0", "right0"), expected, "{method}");
        assert_eq!(ask(&daemon, "user0", "wrong"), "NO", "{method}");
        assert_eq!(ask(&daemon, "user1", "right1"), "NO", "{method}");
    }
}

fn a_group_that_does_not_exist_has_no_members(program: Program) {
    require!(Slapd);
    let (_server, daemon) = start(program, &format!("ldap_group_dn: cn=nobody,ou=groups,{SUFFIX}\n"));
    assert!(!ask(&daemon, "user0", "right0").is_ok());
    let filter = "ldap_group_match_method: filter\nldap_group_filter: (&(cn=nobody)(memberUid=%u))\n";
    let (_server, daemon) = start(program, filter);
    assert!(!ask(&daemon, "user0", "right0").is_ok());
}

/// C cuts it at 127 bytes.
fn a_long_group_filter_is_used_as_it_is(program: Program) {
    require!(Slapd);
    let many: String = (0..20).map(|number| format!("(cn=none{number})")).collect();
    let settings = format!(
        "ldap_group_match_method: filter\nldap_group_search_base: ou=groups,{SUFFIX}\n\
         ldap_group_filter: (&(|{many}(cn=posix))(memberUid=%u))\n"
    );
    let (_server, daemon) = start(program, &settings);
    let expected = program.better("nothing is cut", "NO", "OK");
    assert_eq!(ask(&daemon, "user0", "right0"), expected);
    assert_eq!(ask(&daemon, "user1", "right1"), "NO");
}
