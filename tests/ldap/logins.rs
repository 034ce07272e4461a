//! Logins and passwords of every kind.

use super::{ask, launch, searching, searching_below};
use crate::support::slapd::PEOPLE;
use crate::support::{Answer, Entries, Program, Request, Slapd};

for_both!(
    right_and_wrong_passwords_are_told_apart,
    odd_logins_find_their_own_entry_and_no_other,
    nothing_in_a_login_becomes_part_of_the_filter,
    nothing_in_a_login_becomes_part_of_a_name,
    a_long_password_is_compared_to_its_end,
    a_password_that_is_no_text_arrives_as_it_is,
    a_thousand_users_get_their_own_answers,
    a_login_that_finds_two_entries_is_refused,
    an_empty_password_never_reaches_the_server,
);

/// What filters, names and LDIF could trip over.
const ODD: [&str; 14] = [
    "we(ird)*",
    "comma, user",
    "back\\slash",
    "back\\5cslash",
    "jürgen",
    "#hash",
    "plus+sign",
    "quo\"te",
    "a=b;c<d>e",
    "inner  blanks",
    "per%cent%u",
    "日本語",
    "(|(uid=x))",
    "slash/",
];

/// As many attempts to be somebody else as come to mind.
const INJECTIONS: [&str; 11] = [
    "*",
    "ann*",
    "a*a",
    "anna)(uid=*",
    "*)(uid=*",
    "*)(&",
    "x)(|(uid=anna",
    "anna)(objectClass=*)",
    "\\61nna",
    "anna\\2a",
    "anna\\",
];

fn right_and_wrong_passwords_are_told_apart(program: Program) {
    require!(Slapd);
    let server = Slapd::new(Entries::new().user("anna", "right").user("berta", "also right")).start();
    let daemon = launch(program, &searching(&server.uri())).start();
    for _ in 0..3 {
        assert_eq!(ask(&daemon, "anna", "right"), "OK");
        assert_eq!(ask(&daemon, "anna", "also right"), "NO");
        assert_eq!(ask(&daemon, "berta", "also right"), "OK");
        assert_eq!(ask(&daemon, "nobody", "right"), "NO");
    }
}

fn odd_logins_find_their_own_entry_and_no_other(program: Program) {
    require!(Slapd);
    let users = ODD.iter().fold(Entries::new(), |entries, login| entries.user(login, format!("p {login} ")));
    let server = Slapd::new(users).start();
    let fastbind =
        format!("ldap_servers: {}\nldap_auth_method: fastbind\nldap_filter: uid=%u,{PEOPLE}\n", server.uri());
    for settings in [searching(&server.uri()), fastbind] {
        let is_fastbind = settings.contains("fastbind");
        let daemon = launch(program, &settings).start();
        for login in ODD {
            let is_lost = is_fastbind && login.contains([',', '\\', '+', '"', ';', '<', '(', '*', '#']);
            let why = "C escapes in names as it does in filters";
            let expected = if is_lost { program.better(why, None, Some("OK")) } else { Some("OK") };
            let answer = ask(&daemon, login, format!("p {login} "));
            // Of those that C does not escape some are right by luck.
            if let Some(expected) = expected {
                assert_eq!(answer, expected, "{login:?} with\n{settings}");
            }
            assert_eq!(ask(&daemon, login, format!("p {login}")), "NO", "{login:?} with\n{settings}");
        }
    }
}

fn nothing_in_a_login_becomes_part_of_the_filter(program: Program) {
    require!(Slapd);
    let server = Slapd::new(Entries::new().user("anna", "right")).start();
    let settings = searching(&server.uri());
    for filter in ["uid=%u", "(&(objectClass=inetOrgPerson)(uid=%u))", "(|(cn=%u)(uid=%U))"] {
        let daemon = launch(program, &format!("{settings}ldap_filter: {filter}\n")).start();
        assert_eq!(ask(&daemon, "anna", "right"), "OK", "{filter}");
        for login in INJECTIONS {
            assert!(!ask(&daemon, login, "right").is_ok(), "{login:?} is taken for anna by {filter}");
            let with_realm = Request::new("anna", "right").service(login).realm(login);
            assert_eq!(daemon.ask(&with_realm), "OK", "{filter}");
        }
        // C takes it for the login up to the NUL.
        let answer = ask(&daemon, "anna\0x", "right");
        assert_eq!(answer.is_ok(), program.better("a NUL ends nothing", true, false), "{answer:?}");
    }
}

fn nothing_in_a_login_becomes_part_of_a_name(program: Program) {
    require!(Slapd);
    let entries = Entries::new().unit("admins").user_below("ou=admins,dc=example,dc=org", "admin", "right");
    let server = Slapd::new(entries.user("anna", "right")).start();
    let settings =
        format!("ldap_servers: {}\nldap_auth_method: fastbind\nldap_filter: uid=%u,{PEOPLE}\n", server.uri());
    let daemon = launch(program, &settings).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    for login in ["anna+cn=anna", "anna,uid=x", "\\61nna", "anna\\", "anna,", "", "#616e6e61", "an\\na"] {
        assert!(!ask(&daemon, login, "right").is_ok(), "{login:?}");
    }
    // The realm is part of the search base here, and nobody may choose another branch with it.
    let settings = searching_below(&server.uri(), "ou=%r,dc=example,dc=org");
    let daemon = launch(program, &settings).start();
    let in_realm = |login: &str, realm: &str| daemon.ask(&Request::new(login, "right").realm(realm));
    assert_eq!(in_realm("anna", "people"), "OK");
    assert_eq!(in_realm("admin", "admins"), "OK");
    for realm in ["people,dc=example,dc=org", "people+ou=people", "*", "", "p\\65ople"] {
        assert!(!in_realm("anna", realm).is_ok(), "{realm:?}");
    }
}

fn a_long_password_is_compared_to_its_end(program: Program) {
    require!(Slapd);
    let cut = |c: &'static str, ours| program.better("C cuts at 127 bytes", c, ours);
    let mut lengths = vec![(126, "OK", "NO"), (127, "OK", cut("OK", "NO")), (128, cut("NO", "OK"), "NO")];
    if program == Program::Ours {
        lengths.extend([255, 1000, 4000].map(|length| (length, "OK", "NO")));
    }
    let password = |length: usize| "x".repeat(length);
    let entries = lengths
        .iter()
        .fold(Entries::new(), |entries, (length, ..)| entries.user(&format!("u{length}"), password(*length)));
    let server = Slapd::new(entries).start();
    let daemon = launch(program, &searching(&server.uri())).start();
    for (length, right, longer) in lengths {
        let login = format!("u{length}");
        assert_eq!(ask(&daemon, &login, password(length)), right, "{length}");
        assert_eq!(ask(&daemon, &login, format!("{}y", password(length))), longer, "{length}");
        assert_eq!(ask(&daemon, &login, password(length - 1)), "NO", "{length}");
        assert_eq!(ask(&daemon, &login, format!("{}y", password(length - 1))), "NO", "{length}");
    }
}

fn a_password_that_is_no_text_arrives_as_it_is(program: Program) {
    require!(Slapd);
    let password = b"gr\xf6\xdfe\x01\r\n\x7f\xff";
    let server = Slapd::new(Entries::new().user("anna", password)).start();
    let daemon = launch(program, &searching(&server.uri())).start();
    assert_eq!(ask(&daemon, "anna", password), "OK");
    assert_eq!(ask(&daemon, "anna", b"gr\xf6\xdfe\x01\r\n\x7f\xfe"), "NO");
}

/// Each asks with its own password and with its neighbour's.
fn a_thousand_users_get_their_own_answers(program: Program) {
    require!(Slapd);
    let server = Slapd::new(Entries::new().users(1000)).start();
    let daemon = launch(program, &searching(&server.uri())).with(&["-n", "5"]).start();
    let ask_range = |start: usize| {
        for number in (start..1000).step_by(20) {
            let login = format!("user{number}");
            assert_eq!(ask(&daemon, &login, format!("right{number}")), "OK", "{login}");
            assert_eq!(ask(&daemon, &login, format!("right{}", number + 1)), "NO", "{login}");
        }
    };
    std::thread::scope(|scope| {
        for start in 0..20 {
            scope.spawn(move || ask_range(start));
        }
    });
}

fn a_login_that_finds_two_entries_is_refused(program: Program) {
    require!(Slapd);
    let entries = Entries::new().unit("others").user("anna", "right").user("berta", "right");
    let server = Slapd::new(entries.user_below("ou=others,dc=example,dc=org", "anna", "right")).start();
    let settings = searching_below(&server.uri(), "dc=example,dc=org");
    for limit in ["", "ldap_size_limit: 0\n", "ldap_size_limit: 10\n"] {
        let daemon = launch(program, &format!("{settings}{limit}")).start();
        assert_eq!(ask(&daemon, "berta", "right"), "OK", "{limit}");
        assert!(!ask(&daemon, "anna", "right").is_ok(), "{limit}");
    }
}

/// It would be an anonymous bind, which succeeds for any name.
fn an_empty_password_never_reaches_the_server(program: Program) {
    require!(Slapd);
    let server = Slapd::new(Entries::new().user("anna", "right")).start();
    let daemon = launch(program, &searching(&server.uri())).start();
    assert_eq!(ask(&daemon, "anna", ""), "NO NULL password received");
    let answer = ask(&daemon, "anna", "\0right");
    assert!(!answer.is_ok(), "{answer:?}");
    assert_eq!(server.logged("BIND dn=\"uid=anna"), 0);
    assert_eq!(ask(&daemon, "anna", "right"), Answer::Text("OK".to_owned()));
}
