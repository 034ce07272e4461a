//! bind, fastbind and how a directory is searched.

use super::{ask, launch, searching, searching_below, unavailable};
use crate::support::slapd::{PEOPLE, SUFFIX};
use crate::support::{Entries, Program, Slapd};

for_both!(
    fastbind_needs_no_search,
    a_repeated_login_is_asked_of_the_server_again,
    the_service_account_can_be_anonymous,
    a_wrong_password_of_the_service_account_is_no_wrong_password_of_the_login,
    the_scope_bounds_the_search,
    a_search_base_that_does_not_exist_finds_nobody,
    a_referral_is_not_followed_unless_that_is_asked_for,
    an_entry_without_a_password_lets_nobody_in,
);

fn fastbind(uri: &str) -> String {
    format!("ldap_servers: {uri}\nldap_auth_method: fastbind\nldap_filter: uid=%u,{PEOPLE}\n")
}

fn fastbind_needs_no_search(program: Program) {
    require!(Slapd);
    let server = Slapd::new(Entries::new().user("anna", "right").user("berta", "also")).start();
    let daemon = launch(program, &fastbind(&server.uri())).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    assert_eq!(ask(&daemon, "anna", "also"), "NO");
    assert_eq!(ask(&daemon, "berta", "also"), "OK");
    assert_eq!(ask(&daemon, "nobody", "right"), "NO");
    assert_eq!(server.logged("SRCH"), 0);
}

/// C believes that a connection on which somebody has logged in is proof enough for the same login and password.
fn a_repeated_login_is_asked_of_the_server_again(program: Program) {
    require!(Slapd);
    let mut server = Slapd::new(Entries::new().user("anna", "right")).start();
    let daemon = launch(program, &fastbind(&server.uri())).with(&["-n", "1"]).start();
    for _ in 0..3 {
        assert_eq!(ask(&daemon, "anna", "right"), "OK");
    }
    let binds = server.logged("BIND dn=\"uid=anna") / 2;
    assert!(binds >= 1);
    assert_eq!(binds >= 3, program.better("each login is asked for", false, true), "{binds} binds");
    server.stop();
    let answer = ask(&daemon, "anna", "right");
    assert_eq!(answer.is_ok(), program.better("nobody was asked", true, false), "{answer:?}");
}

fn the_service_account_can_be_anonymous(program: Program) {
    require!(Slapd);
    let server = Slapd::new(Entries::new().user("anna", "right")).start();
    let settings = format!("ldap_servers: {}\nldap_search_base: {PEOPLE}\n", server.uri());
    let daemon = launch(program, &settings).start();
    for _ in 0..2 {
        assert_eq!(ask(&daemon, "anna", "right"), "OK");
        assert_eq!(ask(&daemon, "anna", "wrong"), "NO");
    }
}

fn a_wrong_password_of_the_service_account_is_no_wrong_password_of_the_login(program: Program) {
    require!(Slapd);
    let server = Slapd::new(Entries::new().user("anna", "right")).closed_to_strangers().start();
    let settings = searching(&server.uri()).replace("secret", "outdated");
    let daemon = launch(program, &settings).start();
    for password in ["right", "wrong"] {
        assert_eq!(ask(&daemon, "anna", password), unavailable(program));
    }
}

fn the_scope_bounds_the_search(program: Program) {
    require!(Slapd);
    let entries = Entries::new().user("anna", "right").user_below(SUFFIX, "top", "right");
    let server = Slapd::new(entries).start();
    let settings = searching_below(&server.uri(), SUFFIX);
    let table = [("sub", "OK", "OK"), ("one", "NO", "OK"), ("base", "NO", "NO")];
    for (scope, below, top) in table {
        let daemon = launch(program, &format!("{settings}ldap_scope: {scope}\n")).start();
        assert_eq!(ask(&daemon, "anna", "right"), below, "{scope}");
        assert_eq!(ask(&daemon, "top", "right"), top, "{scope}");
    }
    let base = searching_below(&server.uri(), &format!("uid=%u,{PEOPLE}"));
    let daemon = launch(program, &format!("{base}ldap_scope: base\nldap_filter: objectClass=*\n")).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    assert_eq!(ask(&daemon, "nobody", "right"), "NO");
}

fn a_search_base_that_does_not_exist_finds_nobody(program: Program) {
    require!(Slapd);
    let server = Slapd::new(Entries::new().user("anna", "right")).start();
    let settings = searching_below(&server.uri(), "ou=nowhere,dc=example,dc=org");
    let daemon = launch(program, &settings).start();
    assert!(!ask(&daemon, "anna", "right").is_ok());
}

/// Two servers: what stands below `ou=elsewhere` on the first is on the second.
fn a_referral_is_not_followed_unless_that_is_asked_for(program: Program) {
    require!(Slapd);
    let second = Slapd::new(Entries::new().unit("elsewhere").user_below(ELSEWHERE, "carla", "right")).start();
    let uri = format!("{}{ELSEWHERE}", second.uri());
    let first = Slapd::new(Entries::new().user("anna", "right").referral("elsewhere", &uri)).start();
    let settings = searching_below(&first.uri(), SUFFIX);
    let without = launch(program, &settings).start();
    assert_eq!(ask(&without, "anna", "right"), "OK", "the reference in the result does no harm");
    assert_eq!(ask(&without, "anna", "wrong"), "NO");
    assert!(!ask(&without, "carla", "right").is_ok());
    let following = launch(program, &format!("{settings}ldap_referrals: yes\n")).start();
    assert_eq!(ask(&following, "anna", "right"), "OK");
    assert_eq!(ask(&following, "anna", "wrong"), "NO");
    assert!(!ask(&following, "carla", "wrong").is_ok());
}

/// A login's password goes to servers of the settings and to no other.
#[test]
fn a_referral_to_a_configured_server_is_followed() {
    require!(Slapd);
    let second = Slapd::new(Entries::new().unit("elsewhere").user_below(ELSEWHERE, "carla", "right")).start();
    let uri = format!("{}{ELSEWHERE}", second.uri());
    let first = Slapd::new(Entries::new().user("anna", "right").referral("elsewhere", &uri)).start();
    let settings = searching_below(&first.uri(), SUFFIX);
    let unknown = launch(Program::Ours, &format!("{settings}ldap_referrals: yes\n")).start();
    assert!(!ask(&unknown, "carla", "right").is_ok());
    assert_eq!(second.logged("BIND dn=\"uid=carla"), 0);
    let both = settings.replace(&first.uri(), &format!("{} {}", first.uri(), second.uri()));
    let known = launch(Program::Ours, &format!("{both}ldap_referrals: yes\n")).start();
    for _ in 0..2 {
        assert_eq!(ask(&known, "carla", "right"), "OK");
        assert_eq!(ask(&known, "carla", "wrong"), "NO");
        assert_eq!(ask(&known, "anna", "right"), "OK");
    }
}

const ELSEWHERE: &str = "ou=elsewhere,dc=example,dc=org";

fn an_entry_without_a_password_lets_nobody_in(program: Program) {
    require!(Slapd);
    let attributes = [("objectClass", "inetOrgPerson"), ("uid", "anna"), ("cn", "anna"), ("sn", "anna")];
    let server = Slapd::new(Entries::new().entry(&format!("uid=anna,{PEOPLE}"), &attributes)).start();
    for method in ["bind", "custom"] {
        let settings = format!("{}ldap_auth_method: {method}\n", searching(&server.uri()));
        let daemon = launch(program, &settings).start();
        for password in ["right", "x", "*"] {
            assert!(!ask(&daemon, "anna", password).is_ok(), "{method} {password}");
        }
    }
}
