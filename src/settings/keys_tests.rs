use super::super::file::Text;
use super::*;

/// What `ask` gets of a file, or of its section if it has one, and the problems with it.
fn read<T>(text: &[u8], ask: impl FnOnce(&mut Keys<'_>) -> T) -> (T, Vec<String>) {
    let text = Text { path: "/c".into(), bytes: Secret::copy_of(text) };
    let file = text.parse(&mut Vec::new());
    let mut problems = Vec::new();
    let sections = file.sections.iter().chain([&file.general]).collect();
    let value = ask(&mut Keys::new(text.path(), sections, &mut problems));
    (value, problems.iter().map(Problem::to_string).collect())
}

#[track_caller]
fn got<T>(text: &str, ask: impl FnOnce(&mut Keys<'_>) -> Option<T>) -> Option<T> {
    let (value, problems) = read(text.as_bytes(), ask);
    assert_eq!(problems, [""; 0], "{text}");
    value
}

#[track_caller]
fn refused<T>(text: &[u8], ask: impl FnOnce(&mut Keys<'_>) -> Option<T>, problem: &str) {
    let (value, problems) = read(text, ask);
    assert!(value.is_none());
    assert_eq!(problems, [problem]);
}

#[test]
fn a_key_has_all_its_names() {
    let ask = |keys: &mut Keys<'_>| keys.text(&["ldap_id", "ldap_sasl_authc_id"]).map(str::to_owned);
    assert_eq!(got("ldap_id: x", ask).unwrap(), "x");
    assert_eq!(got("LDAP_SASL_authc_id: x", ask).unwrap(), "x");
    assert_eq!(got("ldap_authz_id: x", ask), None);
}

#[test]
fn of_several_lines_the_one_counts_that_does_in_c() {
    let ldap = |keys: &mut Keys<'_>| keys.text(&["ldap_bind_pw", "ldap_password"]).map(str::to_owned);
    assert_eq!(got("ldap_password: a\nldap_bind_pw: b\nldap_password: c", ldap).unwrap(), "c");
    let httpform = |keys: &mut Keys<'_>| keys.text(&["httpform_uri"]).map(str::to_owned);
    assert_eq!(got("httpform_uri: /a\nhttpform_uri: /b", httpform).unwrap(), "/a");
}

#[test]
fn a_section_overrides_the_general_part_key_by_key() {
    let text = "ldap_bind_dn: a\nldap_password: b\n[realm x]\nldap_bind_pw: c";
    let both = |keys: &mut Keys<'_>| {
        let password = keys.text(&["ldap_bind_pw", "ldap_password"])?;
        Some((keys.text(&["ldap_bind_dn"])?.to_owned(), password.to_owned()))
    };
    assert_eq!(got(text, both).unwrap(), ("a".to_owned(), "c".to_owned()));
}

#[test]
fn a_secret_is_whatever_bytes_there_are_to_the_end_of_the_line() {
    let (secret, problems) = read(b"ldap_password:  p\xff d \t\r\n", |keys| keys.secret(&["ldap_password"]));
    assert!(secret.unwrap() == Secret::copy_of(b"p\xff d \t"));
    assert_eq!(problems, [""; 0]);
}

#[test]
fn a_text_is_utf_8_without_the_blanks_around_it() {
    let ask = |keys: &mut Keys<'_>| keys.text(&["ldap_filter"]).map(str::to_owned);
    assert_eq!(got("ldap_filter:  (uid=\u{e4} b)  ", ask).unwrap(), "(uid=\u{e4} b)");
    refused(b"\nldap_filter: \xff", ask, "/c:2:14: ldap_filter is not UTF-8");
}

#[test]
fn a_path_that_depends_on_the_directory_is_a_warning() {
    let ask = |keys: &mut Keys<'_>| keys.path(&["ldap_tls_key"]);
    assert_eq!(got("ldap_tls_key: /a b", ask).unwrap(), Path::new("/a b"));
    let (path, problems) = read(b"ldap_tls_key: a", ask);
    assert_eq!(path.unwrap(), Path::new("a"));
    assert_eq!(
        problems,
        ["/c:1:15: ldap_tls_key is not an absolute path: it is taken from the run directory"]
    );
}

#[test]
fn a_flag_is_told_by_its_first_letters_as_in_c() {
    let ask = |keys: &mut Keys<'_>| keys.flag(&["ldap_start_tls"]);
    for word in ["yes", "y", "true", "t", "on", "1", "YES", "On", "yep"] {
        assert_eq!(got(&format!("ldap_start_tls: {word}"), ask), Some(true), "{word}");
    }
    for word in ["no", "n", "false", "f", "off", "of", "0", "OFF", "never"] {
        assert_eq!(got(&format!("ldap_start_tls: {word}"), ask), Some(false), "{word}");
    }
    for word in ["o", "2", "maybe", "enabled"] {
        let line = format!("ldap_start_tls: {word}");
        refused(line.as_bytes(), ask, "/c:1:17: ldap_start_tls takes yes or no");
    }
    assert_eq!(got("", ask), None);
}

#[test]
fn a_number_is_digits_within_its_range() {
    let ask = |keys: &mut Keys<'_>| keys.number(&["ldap_version"], 2..=3);
    assert_eq!(got("ldap_version: 3", ask), Some(3));
    for word in ["1", "4", "-3", "+3", "3.0", "3 3", "x", "99999999999999999999", "\u{663}"] {
        let line = format!("ldap_version: {word}");
        refused(line.as_bytes(), ask, "/c:1:15: ldap_version takes a number from 2 to 3");
    }
    let ask = |keys: &mut Keys<'_>| keys.seconds(&["ldap_timeout"]);
    assert_eq!(got("ldap_timeout: 5", ask), Some(Duration::from_secs(5)));
    refused(b"ldap_timeout: 0", ask, "/c:1:15: ldap_timeout takes a number from 1 to 86400");
}

#[test]
fn a_number_of_c_is_what_c_reads_and_what_is_not_plain_is_told() {
    for (value, number, is_told) in [
        ("15", Some(15), false),
        ("15s", Some(15), true),
        ("5 # five", Some(5), true),
        ("3.0", Some(3), true),
        ("x", Some(0), true),
        ("0x10", Some(0), true),
        ("101", Some(100), true),
        ("99999999999999999999999", Some(100), true),
        ("-1", None, true),
    ] {
        let (read, problems) = read(format!("ldap_time_limit: {value}").as_bytes(), |keys| {
            keys.lenient_number(&["ldap_time_limit"], 0..=100)
        });
        assert_eq!((read, !problems.is_empty()), (number, is_told), "{value}: {problems:?}");
    }
}

#[test]
fn a_switch_is_no_where_c_says_no_and_a_safeguard_is_yes() {
    for (value, switch, safeguard, is_told) in [
        ("yes", true, true, false),
        ("on", true, true, false),
        ("never", false, false, false),
        ("YES", false, true, true),
        ("enabled", false, true, true),
        ("demand", false, true, true),
        ("OFF", false, false, true),
        ("allow", false, false, true),
        ("maybe", false, true, true),
    ] {
        let line = format!("ldap_start_tls: {value}");
        let (read_as_switch, told) = read(line.as_bytes(), |keys| keys.switch(&["ldap_start_tls"]));
        assert_eq!((read_as_switch, !told.is_empty()), (Some(switch), is_told), "{value}: {told:?}");
        let (read_as_safeguard, told) = read(line.as_bytes(), |keys| keys.safeguard(&["ldap_start_tls"]));
        assert_eq!((read_as_safeguard, !told.is_empty()), (Some(safeguard), is_told), "{value}: {told:?}");
    }
}

#[test]
fn a_choice_is_one_of_its_words_in_any_case() {
    let ask = |keys: &mut Keys<'_>| keys.choice(&["ldap_scope"], &[("sub", 1), ("one", 2)]);
    assert_eq!(got("ldap_scope: ONE", ask), Some(2));
    refused(b" ldap_scope:  two", ask, "/c:1:15: ldap_scope takes one of sub, one");
}

#[test]
fn a_mechanism_can_point_at_a_byte_of_a_value() {
    let (_, problems) = read(b"# x\nldap_filter: (uid=%u", |keys| {
        let entry = keys.entry(&["ldap_filter"]).unwrap();
        keys.complain_at(entry, Some(7), "lacks a )");
        keys.warn(entry, "is odd");
        keys.miss("ldap_search_base is missing");
    });
    assert_eq!(
        problems,
        ["/c:2:21: ldap_filter lacks a )", "/c:2:14: ldap_filter is odd", "/c: ldap_search_base is missing"]
    );
}
