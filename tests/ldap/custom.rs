//! `ldap_auth_method: custom`: the stored password is read and compared here.

use super::{ask, launch, searching, unavailable};
use crate::support::{Daemon, Entries, Program, RunningSlapd, Slapd};

for_both!(
    the_schemes_of_c_are_checked,
    a_hash_is_no_password,
    a_scheme_that_nobody_knows_lets_nobody_in,
    another_attribute_can_hold_the_password,
);

/// The order of values is the server's.
#[test]
fn a_malformed_hash_does_not_hide_a_good_one() {
    require!(Slapd);
    let malformed = ["{ARGON2}$argon2id$x", "{PBKDF2-SHA256}x", "{CRYPT}$6$", "{SSHA}AAAA", "{STRANGE}x"];
    let entries = malformed.iter().enumerate().fold(Entries::new(), |entries, (number, value)| {
        let login = format!("user{number}");
        let name = format!("uid={login},ou=people,dc=example,dc=org");
        let attributes = [
            ("objectClass", "inetOrgPerson"),
            ("uid", login.as_str()),
            ("cn", "x"),
            ("sn", "x"),
            ("userPassword", value),
            ("userPassword", CRYPT),
            ("userPassword", "{MD5}AAAA"),
        ];
        entries.entry(&name, &attributes)
    });
    let server = Slapd::new(entries).start();
    let settings = format!("{}ldap_auth_method: custom\n", searching(&server.uri()));
    let daemon = launch(Program::Ours, &settings).start();
    for (number, value) in malformed.iter().enumerate() {
        let login = format!("user{number}");
        assert_eq!(ask(&daemon, &login, "right"), "OK", "{value}");
        assert_eq!(ask(&daemon, &login, "wrong"), "NO", "{value}");
    }
}

/// Of `right`, with the salt `saltsalt`.
const OF_C: [(&str, &str); 8] = [
    ("plain", "right"),
    ("sha", "{SHA}0nofEXcSAJSXFLGvmfBIpBb11vQ="),
    ("ssha", "{SSHA}VRnVVuh+V5b2fbnvIY1G2RD/l45zYWx0c2FsdA=="),
    ("md5", "{MD5}fE8pQHiTwzSmy3qHvwRcDQ=="),
    ("smd5", "{SMD5}V5xD1Mx161DFH4y83N9JkXNhbHRzYWx0"),
    ("crypt", CRYPT),
    ("des", "{CRYPT}wJWgjQAa2q8Ik"),
    ("unix", "{UNIX}$1$6IhhkS.2$UkOBxkF9pR21C6pHItme2."),
];

const CRYPT: &str = "{CRYPT}$6$rounds=1000$zr/LeK8Y4NrB$q2SB5ZxLjEw/0mthfINxwTMqOvg5aLmkSKaOWtCG58tb5.50rIdfw6dCvqjqAmwtDJenenF1gAY21kvtO3tQw1";

/// What OpenLDAP's further modules make of it.
const OF_OURS: [(&str, &str); 10] = [
    ("sha256", "{SHA256}JwQvTm7KfQsqfuQCbfLs+lHTM55tEiqgmRGOzYVjutk="),
    ("ssha256", "{SSHA256}vH58ROhoRsteCwoeOcSBszA0qOu4BfDn2iU4zjyj9TNzYWx0c2FsdA=="),
    ("ssha384", "{SSHA384}ohX2Tw63Q69wgVzLQ2y5kVKcND7A2SDC98G29qRcoTvhN8SZIOiRtLcOQ9bvx1Swc2FsdHNhbHQ="),
    (
        "sha512",
        "{SHA512}VclyEGoLMmex4fp699WE3c9gUe5RYw2knM6A2VOZI5DNbkxxityFK+t2GKciG346A+6ubG+1LTqIBWZcNX9rHw==",
    ),
    (
        "ssha512",
        "{SSHA512}hlZQ6o5lJ2xNb8/0qPDEpfLdxoGRylRfe9x6F2JSd7iefzH40tlJ+g5nVrbCezau5yKED45/isXhePkW034cbnNhbHRzYWx0",
    ),
    ("pbkdf2-sha1", "{PBKDF2-SHA1}1000$c2FsdHNhbHRzYWx0c2FsdA$/oSxe8He4YtKGRuOJGRTWj00zVM"),
    ("pbkdf2", "{PBKDF2}1000$c2FsdHNhbHRzYWx0c2FsdA$/oSxe8He4YtKGRuOJGRTWj00zVM"),
    (
        "pbkdf2-sha256",
        "{PBKDF2-SHA256}1000$c2FsdHNhbHRzYWx0c2FsdA$IvZ./CC.1bUPzGAzpsZ/mtOgr7FiaPYCrdD3bZ/Q0wg",
    ),
    (
        "pbkdf2-sha512",
        "{PBKDF2-SHA512}1000$c2FsdHNhbHRzYWx0c2FsdA$SVuDBindvdccCBJu4CRrWKKZmjGbzDuQV.uK3HjN3ecReBxn59e5AtQs1F1OF.5l7/Mnv7gwdx1x1Lo67MdfEw",
    ),
    (
        "argon2",
        "{ARGON2}$argon2i$v=19$m=4096,t=3,p=1$61UHYMXymPwX+CPPVIDNWw$Fd+c3zaoUz8JrpE81Hznk91KE2msfVY2cl8m1oIE5BE",
    ),
];

fn site(program: Program, users: &[(&str, &str)]) -> (RunningSlapd, Daemon) {
    let entries = users.iter().fold(Entries::new(), |entries, (login, stored)| entries.user(login, stored));
    let server = Slapd::new(entries).start();
    let settings = format!("{}ldap_auth_method: custom\n", searching(&server.uri()));
    let daemon = launch(program, &settings).start();
    (server, daemon)
}

fn expect_right_and_wrong(program: Program, users: &[(&str, &str)]) {
    let (server, daemon) = site(program, users);
    for _ in 0..2 {
        for (login, _) in users {
            assert_eq!(ask(&daemon, login, "right"), "OK", "{login}");
            for wrong in ["Right", "righ", "rightx", "right ", "saltsalt"] {
                assert_eq!(ask(&daemon, login, wrong), "NO", "{login} with {wrong}");
            }
        }
    }
    assert_eq!(server.logged("BIND dn=\"uid="), 0, "no login reaches the server");
}

fn the_schemes_of_c_are_checked(program: Program) {
    require!(Slapd);
    expect_right_and_wrong(program, &OF_C);
}

#[test]
fn the_schemes_of_directories_today_are_checked() {
    require!(Slapd);
    expect_right_and_wrong(Program::Ours, &OF_OURS);
}

fn a_hash_is_no_password(program: Program) {
    require!(Slapd);
    let hashed = &OF_C[1..];
    let (_server, daemon) = site(program, hashed);
    for (login, stored) in hashed {
        assert_eq!(ask(&daemon, login, stored), "NO", "{login}");
        assert_eq!(ask(&daemon, login, stored.split_once('}').unwrap().1), "NO", "{login}");
    }
}

fn a_scheme_that_nobody_knows_lets_nobody_in(program: Program) {
    require!(Slapd);
    let strange = [
        ("strange", "{STRANGE}right"),
        ("locked", "{CRYPT}!"),
        ("starred", "{CRYPT}*"),
        ("saslauthd", "{SASL}right"),
    ];
    expect_nobody(program, &strange);
}

/// The workers of C crash.
#[test]
fn a_broken_hash_lets_nobody_in() {
    require!(Slapd);
    let broken = [
        ("empty", "{SSHA}"),
        ("salt-only", "{SSHA}c2FsdHNhbHQ="),
        ("short", "{SSHA}AAAA"),
        ("letters", "{SHA}no base64!"),
        ("long", "{MD5}fE8pQHiTwzSmy3qHvwRcDQ==AAAA"),
        ("rounds", "{PBKDF2-SHA256}0$c2FsdA$AAAA"),
        ("argon2", "{ARGON2}$argon2id$v=19$m=99999999,t=99999999,p=1$c2FsdHNhbHQ$AAAA"),
    ];
    expect_nobody(Program::Ours, &broken);
}

fn expect_nobody(program: Program, users: &[(&str, &str)]) {
    let (_server, daemon) = site(program, users);
    for (login, stored) in users {
        for password in ["right", "x", "!", "*", "\0"] {
            assert!(!ask(&daemon, login, password).is_ok(), "{stored} with {password:?}");
        }
    }
}

fn another_attribute_can_hold_the_password(program: Program) {
    require!(Slapd);
    let attributes = [
        ("objectClass", "inetOrgPerson"),
        ("uid", "anna"),
        ("cn", "anna"),
        ("sn", "anna"),
        ("userPassword", "other"),
        ("description", OF_C[2].1),
    ];
    let server = Slapd::new(Entries::new().entry(ANNA, &attributes)).start();
    let settings =
        format!("{}ldap_auth_method: custom\nldap_password_attr: description\n", searching(&server.uri()));
    let daemon = launch(program, &settings).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    assert_eq!(ask(&daemon, "anna", "other"), "NO");
}

const ANNA: &str = "uid=anna,ou=people,dc=example,dc=org";

/// The checks are made by workers, of which there are few.
#[test]
fn costly_hashes_hold_up_nobody_else() {
    require!(Slapd);
    let entries = Entries::new().user("anna", CRYPT.replace("rounds=1000", "rounds=5000"));
    let mut server = Slapd::new(entries.user("berta", OF_C[1].1)).start();
    let settings = format!("{}ldap_auth_method: custom\n", searching(&server.uri()));
    let daemon = launch(Program::Ours, &settings).start();
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| assert_eq!(ask(&daemon, "anna", "right"), "NO"));
        }
        assert_eq!(ask(&daemon, "berta", "right"), "OK");
    });
    server.stop();
    assert_eq!(ask(&daemon, "berta", "right"), unavailable(Program::Ours));
}
