//! What the row that was found says of a login.
#![forbid(unsafe_code)]

use super::select::{Names, PROPERTY};
use crate::secret::Secret;
use crate::sys::sql::Answer;

/// What was found.
pub(super) enum Found {
    /// This password, in whatever form; it is not empty.
    Password(Secret),
    /// No row.
    Nothing,
    /// A row without a password: NULL, or empty.
    NoPassword,
    /// The row of another login, which the database takes for the same; it may have a password.
    Other(Option<Secret>),
    /// More than one row, so that nobody knows whose the login is.
    Several,
    /// No column that could be the password.
    NoColumn,
}

/// The names of the column with the password, the first that is there. Without any it is the first column but `user`.
const PASSWORDS: [&str; 2] = ["password", PROPERTY];

/// The column that says whose row it is. Databases compare as their collations say: to many `ANNA` is `anna`, and so is
/// `anna` with a blank behind it. The mail server would go on with the login as it was typed.
const USER: &str = "user";

/// Looks for the password of the login. `login` is as the client has it, `names` as it was asked about.
pub(super) fn judge(answer: Answer, login: &[u8], names: &Names<'_>) -> Found {
    let place = |name: &str| answer.columns.iter().position(|column| column.eq_ignore_ascii_case(name));
    let user = place(USER);
    let password = PASSWORDS.into_iter().find_map(place);
    let password = password.or_else(|| (0..answer.columns.len()).find(|place| Some(*place) != user));
    let Some(password) = password else { return Found::NoColumn };
    if answer.has_more_rows {
        return Found::Several;
    }
    let Some(mut row) = answer.first_row else { return Found::Nothing };
    let is_own = user.is_none_or(|user| {
        let user = row.get(user).and_then(Option::as_ref);
        user.is_some_and(|user| is_of_login(user.as_bytes(), login, names))
    });
    let password = row.get_mut(password).and_then(Option::take).filter(|password| !password.is_empty());
    match password {
        password if !is_own => Found::Other(password),
        Some(password) => Found::Password(password),
        None => Found::NoPassword,
    }
}

/// To the byte: the login itself, what stands for `%u`, or both names with an `@` between them.
fn is_of_login(user: &[u8], login: &[u8], names: &Names<'_>) -> bool {
    let whole = [names.user, b"@", names.realm].concat();
    user == login || user == names.user || user == whole
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn shown(found: Found) -> String {
        let text = |secret: Secret| String::from_utf8(secret.as_bytes().to_vec()).unwrap();
        match found {
            Found::Password(password) => text(password),
            Found::Nothing => "nothing".to_owned(),
            Found::NoPassword => "no password".to_owned(),
            Found::Other(password) => format!("other {}", password.map_or_else(String::new, text)),
            Found::Several => "several".to_owned(),
            Found::NoColumn => "no column".to_owned(),
        }
    }

    /// Of the login `anna` in the realm `a.org`.
    fn judged(columns: &[&str], row: Option<&[Option<&str>]>, has_more_rows: bool) -> String {
        let value = |value: &Option<&str>| value.map(|value| Secret::copy_of(value.as_bytes()));
        let answer = Answer {
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            first_row: row.map(|row| row.iter().map(value).collect()),
            has_more_rows,
        };
        shown(judge(answer, b"anna", &Names { user: b"anna", realm: b"a.org" }))
    }

    #[test]
    fn the_password_is_the_column_of_that_name_or_the_first() {
        for (columns, row, expected) in [
            (&["x"][..], &[Some("1")][..], "1"),
            (&["x", "y"], &[Some("1"), Some("2")], "1"),
            (&["x", "Password"], &[Some("1"), Some("2")], "2"),
            (&["x", "userpassword"], &[Some("1"), Some("2")], "2"),
            (&["userPassword", "password"], &[Some("1"), Some("2")], "2"),
            (&["user", "pw"], &[Some("anna"), Some("2")], "2"),
            (&["user"], &[Some("anna")], "no column"),
            (&[], &[], "no column"),
            (&["x"], &[None], "no password"),
            (&["x"], &[Some("")], "no password"),
            (&["x"], &[], "no password"),
        ] {
            assert_eq!(judged(columns, Some(row), false), expected, "{columns:?} {row:?}");
        }
    }

    #[test]
    fn a_row_of_another_login_is_none_to_the_last_byte() {
        for (user, expected) in [
            (Some("anna"), "1"),
            (Some("anna@a.org"), "1"),
            (Some("ANNA"), "other 1"),
            (Some("anna "), "other 1"),
            (Some("anna@A.org"), "other 1"),
            (Some(""), "other 1"),
            (None, "other 1"),
        ] {
            assert_eq!(judged(&["password", "USER"], Some(&[Some("1"), user]), false), expected, "{user:?}");
        }
        assert_eq!(judged(&["password", "user"], Some(&[None, Some("x")]), false), "other ");
    }

    #[test]
    fn no_row_is_nothing_and_two_are_no_answer() {
        assert_eq!(judged(&["x"], None, false), "nothing");
        assert_eq!(judged(&["x"], Some(&[Some("1")]), true), "several");
    }
}
