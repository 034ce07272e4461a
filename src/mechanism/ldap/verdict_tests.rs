#![allow(clippy::unwrap_used)]

use super::super::result_code::NAMES;
use super::super::testing::result;
use super::super::tokens::Template;
use super::*;
use Meaning::{Cut, Elsewhere, No, NoLogin, NotHere, Unjudged, Yes};
use Operation::{Bind, Compare, Search, WhoAmI};

fn by_login(template: &str) -> Named {
    Named::of(&Template::parse(template).unwrap())
}

/// The codes of RFC 4511 and one that it does not have, which mean something else than no verdict.
fn judged(operation: Operation, named: &Named) -> Vec<(i32, Meaning)> {
    let codes = NAMES.iter().map(|(code, _)| *code).chain([Code(4096)]);
    let meanings = codes.map(|code| (code.0, meaning(operation, &result(code), named)));
    meanings.filter(|(_, meaning)| *meaning != Unjudged).collect()
}

#[test]
fn every_code_of_a_search_has_its_meaning() {
    let done = [(0, Yes), (4, Cut), (10, Elsewhere)];
    assert_eq!(judged(Search, &Named::ByFile), done);
    assert_eq!(judged(Search, &Named::ByServer), [&done[..], &[(32, Yes)]].concat());
    assert_eq!(judged(Search, &by_login("ou=%d,dc=x")), [&done[..], &[(34, NoLogin)]].concat());
    assert_eq!(judged(Search, &by_login("dc=%1")), [&done[..], &[(32, NotHere), (34, NoLogin)]].concat());
}

#[test]
fn every_code_of_a_bind_has_its_meaning() {
    let expected =
        [(0, Yes), (10, Elsewhere), (19, No), (32, NotHere), (34, No), (48, No), (49, No), (50, No)];
    assert_eq!(judged(Bind, &Named::ByFile), expected);
}

#[test]
fn every_code_of_a_comparison_has_its_meaning() {
    let done = [(5, No), (6, Yes), (10, Elsewhere), (16, No)];
    assert_eq!(judged(Compare, &Named::ByFile), done);
    assert_eq!(judged(Compare, &by_login("cn=%s,ou=g")), [&done[..], &[(34, No)]].concat());
    assert_eq!(judged(Compare, &by_login("cn=g,%D")), [&done[..], &[(32, NotHere), (34, No)]].concat());
}

#[test]
fn every_code_of_who_am_i_has_its_meaning() {
    assert_eq!(judged(WhoAmI, &Named::ByFile), [(0, Yes)]);
}

#[test]
fn an_entry_that_the_login_names_is_missed_only_where_the_server_has_what_is_above() {
    let absent = |matched: &str| LdapResult { matched: matched.into(), ..result(Code::NO_SUCH_OBJECT) };
    for (operation, no) in [(Search, NoLogin), (Compare, No)] {
        let named = by_login("ou=%d,dc=example,dc=org");
        assert_eq!(meaning(operation, &absent("dc=Example, dc=org"), &named), no);
        assert_eq!(meaning(operation, &absent(""), &named), Unjudged, "an empty replica");
        assert_eq!(meaning(operation, &absent("dc=org"), &named), Unjudged);
        assert_eq!(meaning(operation, &absent("dc=org"), &by_login("dc=%2,dc=%1")), no);
        assert_eq!(meaning(operation, &absent("dc=org"), &Named::ByFile), Unjudged);
    }
}

#[test]
fn a_server_that_is_unwilling_refuses_only_if_it_says_that_the_account_is_why() {
    let unwilling = |text: &str| {
        let result = LdapResult { diagnostic: text.into(), ..result(Code::UNWILLING_TO_PERFORM) };
        meaning(Bind, &result, &Named::ByFile)
    };
    for text in [
        "Account inactivated. Contact system administrator.",
        "NDS error: log account expired (-220)",
        "NDS error: login lockout (-197)",
        "Error, Account is locked",
        "Entry permanently locked.\n",
        "Too many failed logins.\n",
    ] {
        assert_eq!(unwilling(text), No, "{text}");
    }
    for text in ["", "Minimum SSF not met.", "Backend is offline", "Too many password attempts pending"] {
        assert_eq!(unwilling(text), Unjudged, "{text}");
    }
}

#[test]
fn of_slapds_other_errors_only_the_texts_about_a_login_refuse_it() {
    let other = |text: &str| {
        let result = LdapResult { diagnostic: text.into(), ..result(Code::OTHER) };
        meaning(Bind, &result, &Named::ByFile)
    };
    assert_eq!(other("SASL(-1): generic failure: unable to canonify user and get auxprops"), NoLogin);
    assert_eq!(other("SASL(-1): generic failure: Password verification failed"), NoLogin);
    for text in ["", "incorrect digest response", "Encoding error"] {
        assert_eq!(other(&format!("SASL(-1): generic failure: {text}")), NoLogin, "CRAM-MD5 {text}");
    }
    assert_eq!(other("SASL(-1): generic failure: out of memory"), Unjudged);
    assert_eq!(other(""), Unjudged);
}

#[test]
fn the_documentation_shows_every_row() {
    let document = include_str!("../../../docs/COMPATIBILITY.md");
    let missing: Vec<_> =
        TABLE.iter().map(ToString::to_string).filter(|row| !document.contains(row)).collect();
    assert!(missing.is_empty(), "docs/COMPATIBILITY.md lacks\n{}", missing.join("\n"));
}
