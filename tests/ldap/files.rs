//! Files with which the C daemon serves: docs/SITES.md lists them.

use super::{ask, launch, searching};
use crate::support::slapd::{PEOPLE, SERVICE, SERVICE_PASSWORD, SUFFIX};
use crate::support::{Entries, Program, RunningSlapd, Slapd};

for_both!(
    what_c_takes_silently_serves_with_the_same_verdicts,
    groups_are_checked_as_c_does_whatever_else_the_file_says,
    published_files_serve,
);

fn server() -> RunningSlapd {
    let entries = Entries::new().user("anna", "right").user("berta", "also right");
    Slapd::new(entries.group("mail", &["anna"]).posix_group("posix", &["anna"])).start()
}

/// Ours starts, though `--check` finds something, and the log names the line.
fn expect_same(program: Program, settings: &str, anna: bool, berta: bool) {
    let daemon = launch(program, settings).start();
    let verdict = |is_right: bool| if is_right { "OK" } else { "NO" };
    assert_eq!(ask(&daemon, "anna", "right"), verdict(anna), "{settings}");
    assert_eq!(ask(&daemon, "berta", "also right"), verdict(berta), "{settings}");
    for (login, password) in [("anna", "wrong"), ("nobody", "right")] {
        assert_eq!(ask(&daemon, login, password), "NO", "{settings}");
    }
}

fn expect_warning(program: Program, settings: &str, line: &str) {
    if program == Program::Ours {
        let finished = launch(program, settings).with(&["--check"]).run();
        assert_eq!(finished.code, Some(1), "{line}: {finished:?}");
        let number = 1 + settings.lines().position(|known| known == line.trim_end_matches('\n')).unwrap();
        assert!(finished.output.contains(&format!("O:{number}:")), "{line}: {finished:?}");
    }
}

fn what_c_takes_silently_serves_with_the_same_verdicts(program: Program) {
    require!(Slapd);
    let server = server();
    for line in [
        "ldap_auth_method: ssha",
        "ldap_auth_method: simple",
        "ldap_auth_method: fastbind ",
        "ldap_auth_method: bind # or fastbind",
        "ldap_version: 3.0",
        "ldap_timeout: 10s",
        "ldap_timeout: 5 # seconds",
        "ldap_timeout: -1",
        "ldap_timeout: 99999999",
        "ldap_time_limit: 15s",
        "ldap_time_limit: soon",
        "ldap_size_limit: unlimited",
        "ldap_size_limit: 10MB",
        "ldap_scope: subtree",
        "ldap_scope: sub # all of it",
        "ldap_deref: yes",
        "ldap_group_match_method: member",
        "ldap_filter: (|(uid=%n)(uid=%u))",
        "ldap_filter: (uid=%u%x)",
        "ldap_search_base: ou=peo%nple,dc=example,dc=org",
        "ldap_use_sasl: YES",
        "ldap_use_sasl: perhaps",
        "ldap_start_tls: disabled",
        "ldap_referrals: enabled",
        "ldap_restart: x",
        "ldap_tls_key: /nonexistent",
        "ldap_tls_cacert_file: /nonexistent",
        "ldap_tls_cacert_dir: /nonexistent",
        "ldap_tls_cert: /nonexistent",
        "ldap_tls_check_peer: demand",
        "ldap_tls_check_peer: allow",
        "ldap_tls_ciphers: NONE",
        "ldap_tls_ciphers: NORMAL:+FOO",
        "ldap_tls_ciphers: NORMAL:-GROUP-FOO",
    ] {
        let settings = format!("{}{line}\n", searching(&server.uri()));
        expect_same(program, &settings, true, true);
        expect_warning(program, &settings, line);
    }
    // Nothing is odd about these.
    for line in [
        "ldap_filter: ( uid=%u )",
        "ldap_filter: (|( uid=%u)( mail=%u))",
        "ldap_filter: (& (uid=%u) (objectClass=*) )",
        "ldap_tls_check_peer: never",
        "ldap_tls_cert: /etc/passwd\nldap_tls_key: /etc/passwd",
        "ldap_tls_ciphers: NORMAL:!ANON-DH",
    ] {
        expect_same(program, &format!("{}{line}\n", searching(&server.uri())), true, true);
    }
    for servers in [format!("<{}>", server.uri()), format!("URL:{}", server.uri())] {
        expect_same(program, &searching(&servers), true, true);
    }
}

fn groups_are_checked_as_c_does_whatever_else_the_file_says(program: Program) {
    require!(Slapd);
    let server = server();
    let dn = format!("ldap_group_dn: cn=mail,ou=groups,{SUFFIX}");
    let filter = format!("ldap_group_filter: (uniqueMember=%D)\nldap_group_search_base: ou=groups,{SUFFIX}");
    for lines in [
        format!("{dn}\nldap_group_match_method: member"),
        format!("{dn}\nldap_group_match_method: filter "),
        format!("{dn}\nldap_group_filter: )"),
        format!("{filter}\nldap_group_match_method: FILTER"),
        format!("{filter}\nldap_group_match_method: filter\nldap_group_dn: %x%"),
        format!(
            "ldap_group_filter: (memberUid=%U)\nldap_group_search_base: {SUFFIX}\nldap_group_match_method: filter"
        ),
    ] {
        expect_same(program, &format!("{}{lines}\n", searching(&server.uri())), true, false);
    }
}

/// Whole files as manuals have them, with the names of the test's server in them.
fn published_files_serve(program: Program) {
    require!(Slapd);
    let server = server();
    for file in FILES {
        let settings = file
            .replace("URI", &server.uri())
            .replace("PEOPLE", PEOPLE)
            .replace("SERVICE_PW", SERVICE_PASSWORD)
            .replace("SERVICE", SERVICE);
        expect_same(program, &settings, true, true);
    }
}

/// In the order of docs/SITES.md.
const FILES: [&str; 10] = [
    // docker-mailserver
    "ldap_servers: URI\n\nldap_auth_method: bind\nldap_bind_dn: SERVICE\nldap_bind_pw: SERVICE_PW\n\n\
     ldap_search_base: PEOPLE\nldap_filter: (&(uid=%U)(objectClass=inetOrgPerson))\n\nldap_start_tls: no\n\
     ldap_tls_check_peer: no\n\n\n\n\n\nldap_referrals: yes\nlog_level: 10\n",
    // Debian's wiki
    "ldap_servers: URI\nldap_search_base: PEOPLE\nldap_timeout: 10\nldap_filter: uid=%U\nldap_bind_dn: SERVICE\n\
     ldap_password: SERVICE_PW\nldap_deref: never\nldap_restart: yes\nldap_scope: sub\nldap_use_sasl: no\n\
     ldap_start_tls: no\nldap_version: 3\nldap_auth_method: bind\n",
    // MongoDB, OpenLDAP
    "ldap_servers: URI\nldap_search_base: PEOPLE\nldap_filter: (cn=%u)\n",
    // LDAP_SASLAUTHD of Cyrus SASL
    "ldap_servers: URI\nldap_search_base: PEOPLE\nldap_filter: (&(objectClass=inetOrgPerson)(uid=%u))\n\
     ldap_cache_ttl: 30\nldap_cache_mem: 32768\n",
    // the same, fastbind
    "ldap_servers: URI\nldap_auth_method: fastbind\nldap_filter: uid=%u,PEOPLE\n",
    // openSUSE
    "ldap_servers: URI\nldap_version: 3\nldap_timeout: 10s\nldap_time_limit: 10s\nldap_search_base: PEOPLE\n\
     ldap_scope: sub\nldap_uidattr: uid\nldap_filter: ( uid=%u )\nldap_password_attr: userPassword\n",
    // Kolab
    "ldap_servers: URI\nldap_bind_dn: SERVICE\nldap_bind_pw: SERVICE_PW\nldap_search_base: PEOPLE\n\
     ldap_filter: (|( uid=%u)( mail=%u)(alias=%u))\nldap_tls_check_peer: allow\nldap_size_limit: 0\n",
    // the Subversion book
    "ldap_servers: URI\nldap_default_domain: example.org\nldap_bind_dn: SERVICE\nldap_password: SERVICE_PW\n\
     ldap_deref: never\nldap_restart: yes\nldap_scope: sub\nldap_use_sasl: no\nldap_start_tls: no\n\
     ldap_search_base: PEOPLE\nldap_filter: (|(sAMAccountName=%U)(uid=%U))\nldap_auth_method: bind\n",
    // Univention
    "ldap_servers: URI\nldap_auth_method: bind\nldap_bind_dn: SERVICE\nldap_bind_pw: SERVICE_PW\n\
     ldap_search_base: PEOPLE\nldap_filter: (&(|(uid=%u)(mailPrimaryAddress=%u))(!(shadowExpire=1)))\n\
     ldap_tls_ciphers: SECURE256:SECURE128:!ARCFOUR-128\n",
    // Active Directory, in the way of many a blog
    "ldap_servers: URI URI\nldap_version: 3\nldap_auth_method: simple\nldap_bind_dn: SERVICE\n\
     ldap_bind_pw: SERVICE_PW\nldap_search_base: PEOPLE\n\
     ldap_filter: (&(objectClass=person)(|(userPrincipalName=%u@example.org)(uid=%u)))\nldap_referrals: 0\n\
     ldap_tls_check_peer: hard\n",
];
