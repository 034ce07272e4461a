#![allow(clippy::unwrap_used)]

use super::*;
use crate::settings::file::Text;
use crate::sys::sql::{Answer, Connection};

/// Of `s3cret`, as slappasswd and crypt(3) write it.
const CRYPTED: &str = "$1$7Fkxnd9L$LkYoZxaWAUNAg01uDzRlk0";

/// The columns, the first row, and whether there are more.
type Rows = (Vec<&'static str>, Option<Vec<Option<&'static str>>>, bool);

/// A table that gives the same whatever is asked, or an error.
#[derive(Clone)]
struct Table(Result<Rows, ErrorKind>);

impl Connection for Table {
    fn ask(&mut self, _: &Question<'_>) -> Result<Answer, SqlError> {
        let (columns, row, has_more_rows) =
            self.0.clone().map_err(|kind| SqlError { kind, text: "The server says so".to_owned() })?;
        let value = |value: Option<&str>| value.map(|value| Secret::copy_of(value.as_bytes()));
        Ok(Answer {
            columns: columns.into_iter().map(str::to_owned).collect(),
            first_row: row.map(|row| row.into_iter().map(value).collect()),
            has_more_rows,
        })
    }

    fn is_alive(&mut self) -> bool {
        true
    }
}

fn outcome(table: &Table, scheme: &str, login: &[u8], password: &str) -> Outcome {
    let text =
        format!("sql_engine: sqlite\nsql_database: /x\nsql_select: SELECT p FROM t WHERE u = '%u'\n{scheme}");
    let file = Some(Text { path: "/etc/x.conf".into(), bytes: Secret::copy_of(text.as_bytes()) });
    let settings = read(&RawSettings { file, ..RawSettings::default() }).unwrap();
    let table = table.clone();
    let mut sql = Sql::new(settings, b"host".to_vec(), Box::new(move |_| Ok(Box::new(table.clone()) as _)));
    sql.verify(&Credentials::of_login(login, password)).outcome
}

fn row(password: Option<&'static str>) -> Table {
    Table(Ok((vec!["p"], Some(vec![password]), false)))
}

fn reason(outcome: Outcome) -> (&'static str, bool, String) {
    match outcome {
        Outcome::Accept(_) => ("accepted", false, String::new()),
        Outcome::Reject(refusal) => ("rejected", refusal.is_unknown_login, refusal.reason.into_owned()),
        Outcome::Unavailable(refusal) => ("unavailable", false, refusal.reason.into_owned()),
    }
}

#[test]
fn a_hash_needs_a_scheme_or_a_dollar_and_plain_text_is_never_guessed() {
    let no_scheme = "the stored password has no scheme";
    for (scheme, stored, password, expected) in [
        ("", CRYPTED, "s3cret", ("accepted", "")),
        ("", CRYPTED, "s3cre", ("rejected", "Incorrect password")),
        ("", CRYPTED, CRYPTED, ("rejected", "Incorrect password")),
        ("", "{PLAIN}s3cret", "s3cret", ("accepted", "")),
        ("", "s3cret", "s3cret", ("rejected", no_scheme)),
        ("sql_default_scheme: PLAIN\n", "s3cret", "s3cret", ("accepted", "")),
        ("sql_default_scheme: PLAIN\n", CRYPTED, CRYPTED, ("accepted", "")),
        ("sql_default_scheme: PLAIN\n", "{PLAIN}s3cret", "s3cret", ("accepted", "")),
        ("sql_default_scheme: CRYPT\n", CRYPTED, "s3cret", ("accepted", "")),
        ("sql_default_scheme: PLAIN-MD5\n", "33e1b232a4e6fa0028a6670753749a17", "s3cret", ("accepted", "")),
        ("", "{ROT13}x", "k", ("rejected", "the stored password has a scheme that is not known")),
        ("", "!", "!", ("rejected", no_scheme)),
    ] {
        let (word, _, why) = reason(outcome(&row(Some(stored)), scheme, b"anna", password));
        assert_eq!((word, why.as_str()), expected, "{scheme}{stored} {password}");
    }
}

#[test]
fn whoever_is_not_there_is_unknown_and_whoever_cannot_be_looked_up_is_not_refused() {
    let user = |user| Table(Ok((vec!["p", "user"], Some(vec![Some("{PLAIN}x"), user]), false)));
    for (table, expected) in [
        (Table(Ok((vec!["p"], None, false))), ("rejected", true)),
        (user(Some("anna")), ("accepted", false)),
        (user(Some("ANNA")), ("rejected", true)),
        (user(None), ("rejected", true)),
        (row(None), ("rejected", false)),
        (row(Some("")), ("rejected", false)),
        (Table(Ok((vec!["p"], Some(vec![Some("{PLAIN}x")]), true))), ("unavailable", false)),
        (Table(Ok((vec!["user"], None, false))), ("unavailable", false)),
        (Table(Err(ErrorKind::BadValue)), ("rejected", true)),
        (Table(Err(ErrorKind::Configuration)), ("unavailable", false)),
        (Table(Err(ErrorKind::Locked)), ("unavailable", false)),
        (Table(Err(ErrorKind::Lost)), ("unavailable", false)),
    ] {
        let (word, is_unknown, why) = reason(outcome(&table, "", b"anna", "x"));
        assert_eq!((word, is_unknown), expected, "{why}");
    }
}

#[test]
fn a_login_that_is_no_text_is_refused_before_anybody_is_asked() {
    let table = Table(Err(ErrorKind::Lost));
    for login in [&b"ann\xff"[..], b"an\0na"] {
        let expected = ("rejected", true, "The login or its realm is not UTF-8".to_owned());
        assert_eq!(reason(outcome(&table, "", login, "x")), expected);
    }
}
