use super::*;

fn parse(bytes: &[u8]) -> (File, Vec<String>) {
    let mut problems = Vec::new();
    let text = Text { path: "/c".into(), bytes: Secret::copy_of(bytes) };
    let file = text.parse(&mut problems);
    (file, problems.iter().map(Problem::to_string).collect())
}

fn only(bytes: &[u8]) -> Entry {
    let (mut file, problems) = parse(bytes);
    assert_eq!((file.general.entries.len(), problems), (1, Vec::new()));
    file.general.entries.remove(0)
}

fn problems(bytes: &[u8]) -> Vec<String> {
    parse(bytes).1
}

#[test]
fn a_line_is_a_key_a_colon_and_a_value_to_its_end() {
    let entry = only(b"ldap_filter: (&(uid=%u)(a=b:c)) # no comment");
    assert_eq!((entry.line, entry.column, entry.key.as_str()), (1, 14, "ldap_filter"));
    assert_eq!(entry.value.as_bytes(), b"(&(uid=%u)(a=b:c)) # no comment");
}

#[test]
fn blanks_around_key_and_value_do_not_matter() {
    let entry = only(b" \t LDAP_Servers :\t ldap://one ldap://two \t\n");
    assert_eq!((entry.column, entry.key.as_str()), (20, "ldap_servers"));
    assert_eq!(entry.value.as_bytes(), b"ldap://one ldap://two");
    assert_eq!(entry.blanks_after, b" \t");
}

#[test]
fn comments_empty_lines_and_line_ends_of_other_systems_are_understood() {
    let (file, problems) = parse(b"\xef\xbb\xbf# one\r\n\r\n   # \0 two\nldap_debug:0\r\nldap_restart:no");
    assert_eq!(problems, [""; 0]);
    let seen: Vec<_> =
        file.general.entries.iter().map(|entry| (entry.line, entry.value.as_bytes())).collect();
    assert_eq!(seen, [(4, &b"0"[..]), (5, b"no")]);
}

#[test]
fn a_line_that_is_none_is_an_error_with_its_number_and_the_others_count() {
    let (file, problems) =
        parse(b"ldap_debug: 1\nsecret\nldap_filter:  \r\na b: c\na/b: d\nkey\xff: e\nldap_scope: one");
    assert_eq!(
        problems,
        [
            "/c:2: a line must be like \"key: value\"",
            "/c:3: ldap_filter has no value",
            "/c:4: a key is one word of letters, digits, - and _",
            "/c:5: a key is one word of letters, digits, - and _",
            "/c:6: a key is one word of letters, digits, - and _",
        ]
    );
    assert_eq!(file.general.entries.len(), 2);
}

#[test]
fn a_nul_byte_is_an_error_and_never_the_end_of_a_value() {
    let (file, problems) = parse(b"ldap_password: ab\0cd");
    assert_eq!(problems, ["/c:1:18: a NUL byte can be in a comment only"]);
    assert!(file.general.entries.is_empty());
}

#[test]
fn a_section_holds_the_keys_that_follow_it() {
    let (file, problems) = parse(b"ldap_scope: one\n [ Realm  example.org ] \nldap_scope: sub\n[realm b]\n");
    assert_eq!(problems, [""; 0]);
    assert_eq!(file.general.entries.len(), 1);
    let seen: Vec<_> = file
        .sections
        .iter()
        .map(|section| (section.scope.to_string(), section.line, section.entries.len()))
        .collect();
    assert_eq!(seen, [("the realm example.org".to_owned(), 2, 1), ("the realm b".to_owned(), 4, 0)]);
}

#[test]
fn a_section_that_is_none_is_an_error_and_its_keys_count_for_nobody_else() {
    for header in ["[]", "[realm]", "[realm ]", "[realmx]", "[domain x]", "[realm x", "[r", "[realm \x1b]"] {
        let (file, problems) = parse(format!("{header}\nldap_scope: one").as_bytes());
        assert_eq!(problems, ["/c:1: a section begins with a line like \"[realm example.org]\""], "{header}");
        assert!(file.general.entries.is_empty());
    }
    assert_eq!(
        problems(b"[realm x]\n[realm y]\n[realm X]\n"),
        ["/c:3: the realm X already has a section on line 1"]
    );
}

#[test]
fn problems_come_in_the_order_of_the_lines() {
    let found = problems(b"oops\nldap_filter: x\n[x]\nkey:\n");
    assert_eq!(
        found,
        [
            "/c:1: a line must be like \"key: value\"",
            "/c:3: a section begins with a line like \"[realm example.org]\"",
            "/c:4: key has no value"
        ]
    );
}

#[test]
fn no_problem_shows_a_value() {
    let text = b"ldap_password: hunter2\nldap_password hunter2\nldap_pasword: hunter2\nldap_password: hunter2\nldap_bind_pw: hun\0ter2\n[hunter2]\n\xffhunter2: x\n";
    let found = problems(text);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(!found.concat().contains("unter2"), "{found:?}");
}

#[test]
fn any_bytes_are_taken_without_a_panic() {
    for byte in 0..=255u8 {
        for text in [[byte, b':', b'x'], [b'a', byte, b'x'], [b'a', b':', byte], [b'[', byte, b']']] {
            parse(&text);
        }
    }
}

#[test]
fn a_mechanism_gets_its_own_lines_at_their_places_and_nobody_elses() {
    let whole = "\u{feff}sql_user: a\nldap_password: x\r\n# sql_user: b\n[Mechanism SQL]\nsql_passwd:  y z \nldap_password: x\n\
                 [mechanism other]\nsql_passwd: x\n[realm r]\nsql_user: x\noops x";
    let text = Text { path: "/c".into(), bytes: Secret::copy_of(whole.as_bytes()) };
    let own = text.only_of_mechanism("sql", |key| key.starts_with("sql_"));
    let expected = "\u{feff}sql_user: a\n\n\n[Mechanism SQL]\nsql_passwd:  y z \n\n\n\n\n\n\n";
    assert_eq!((own.path(), own.bytes.as_bytes()), (text.path(), expected.as_bytes()));
}
