//! What a directory says that is no verdict on a password: the next server is asked, and nobody is refused.

use super::{ask, launch, searching_below, unavailable};
use crate::support::slapd::{PEOPLE, SUFFIX};
use crate::support::{Entries, Program, Slapd};

for_both!(
    a_replica_without_the_base_does_not_hide_one_that_has_it,
    a_base_that_no_server_has_refuses_nobody,
    a_group_that_is_not_there_refuses_nobody,
    a_referral_that_is_not_followed_refuses_nobody,
    a_server_that_wants_tls_refuses_nobody,
    a_domain_without_a_base_is_nobodys,
);

const WHY: &str = "a server that has not looked at a password has not refused it";

/// The first has no such base, as a replica that is still empty.
fn a_replica_without_the_base_does_not_hide_one_that_has_it(program: Program) {
    require!(Slapd);
    let base = format!("ou=staff,{SUFFIX}");
    let empty = Slapd::new(Entries::new()).start();
    let full = Slapd::new(Entries::new().unit("staff").user_below(&base, "anna", "right")).start();
    let settings = searching_below(&format!("{} {}", empty.uri(), full.uri()), &base);
    let daemon = launch(program, &settings).start();
    for _ in 0..2 {
        assert_eq!(ask(&daemon, "anna", "right"), program.better(WHY, "NO", "OK"));
        assert_eq!(ask(&daemon, "anna", "wrong"), "NO");
        assert_eq!(ask(&daemon, "nobody", "right"), "NO");
    }
    if program == Program::Ours {
        assert_eq!(empty.logged("BIND dn=\"uid=anna"), 0, "the bind goes where the entry was found");
    }
}

fn a_base_that_no_server_has_refuses_nobody(program: Program) {
    require!(Slapd);
    let server = Slapd::new(Entries::new()).start();
    let daemon = launch(program, &searching_below(&server.uri(), &format!("ou=staff,{SUFFIX}"))).start();
    assert_eq!(ask(&daemon, "anna", "right"), unavailable(program));
}

fn a_group_that_is_not_there_refuses_nobody(program: Program) {
    require!(Slapd);
    let server = Slapd::new(Entries::new().user("anna", "right").group("mail", &["anna"])).start();
    let with = |group: &str| {
        let settings = format!("{}ldap_group_dn: {group}\n", searching_below(&server.uri(), PEOPLE));
        launch(program, &settings).start()
    };
    let daemon = with(&format!("cn=gone,ou=groups,{SUFFIX}"));
    assert_eq!(ask(&daemon, "anna", "right"), unavailable(program));
    assert_eq!(ask(&daemon, "anna", "wrong"), "NO", "the password comes first");
    // A group for each service: what a client names is not there, and the server has what is above.
    let daemon = with(&format!("cn=%s,ou=groups,{SUFFIX}"));
    assert_eq!(ask(&daemon, "anna", "right"), "NO");
}

fn a_referral_that_is_not_followed_refuses_nobody(program: Program) {
    require!(Slapd);
    let entries = Entries::new().referral("elsewhere", "ldap://127.0.0.1:1/");
    let server = Slapd::new(entries).start();
    let base = format!("ou=elsewhere,{SUFFIX}");
    let daemon = launch(program, &searching_below(&server.uri(), &base)).start();
    assert_eq!(ask(&daemon, "anna", "right"), unavailable(program));
}

fn a_server_that_wants_tls_refuses_nobody(program: Program) {
    require!(Slapd);
    let server = Slapd::new(Entries::new().user("anna", "right")).encrypted_only().start();
    let settings = format!("ldap_servers: {}\nldap_search_base: {PEOPLE}\n", server.uri());
    let daemon = launch(program, &settings).start();
    assert_eq!(ask(&daemon, "anna", "right"), unavailable(program));
}

fn a_domain_without_a_base_is_nobodys(program: Program) {
    require!(Slapd);
    let base = format!("ou=example.org,{SUFFIX}");
    let server = Slapd::new(Entries::new().unit("example.org").user_below(&base, "anna", "right")).start();
    let settings = searching_below(&server.uri(), &format!("ou=%d,{SUFFIX}"));
    let daemon = launch(program, &format!("{settings}ldap_filter: (uid=%U)\n")).start();
    assert_eq!(ask(&daemon, "anna@example.org", "right"), "OK");
    assert_eq!(ask(&daemon, "anna@example.net", "right"), "NO");
}
