//! The one table from what a directory answers to what becomes of the login. docs/COMPATIBILITY.md shows it.
//!
//! A password is refused only where somebody has judged it, or there is nobody whose password it could be. All else is
//! no verdict: the next server is asked, and when none can tell the login is unavailable.
#![forbid(unsafe_code)]

use super::named::Named;
use super::response::LdapResult;
use super::result_code::ResultCode as Code;
use std::fmt;

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Which entries there are: RFC 4511, section 4.5.
    Search,
    /// Whether an account has a password: section 4.2.
    Bind,
    /// Whether an entry has a value: section 4.10.
    Compare,
    /// Whom the server takes us for: RFC 4532, an extended operation.
    WhoAmI,
}

/// What a result means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It was done, or the answer is yes.
    Yes,
    /// As far as the bounds of the search allowed.
    Cut,
    /// No, or there is nothing that could be asked about.
    No,
    /// No: nobody has such a login.
    NoLogin,
    /// Another server is to be asked, which the server names.
    Elsewhere,
    /// This server has nothing of what the login names. The next one is asked; if none has, it is no.
    NotHere,
    /// Nobody has judged anything: the next server is asked, and without one the login is unavailable.
    Unjudged,
}

/// What must be so besides the code for a row to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    /// The server's text contains one of these, in any case; one that ends with a colon must be all of it.
    Says(&'static [&'static str]),
    /// The login had a say in the name of the entry, whose part that it does not choose is there.
    LoginNamesMissing,
    /// The login chose the whole name, and the server knows no part of it.
    LoginNamesAll,
    /// The login had a say in the name.
    LoginNames,
    /// Another server named it.
    ServerNames,
}

/// A row of the table.
struct Row {
    operation: Operation,
    codes: &'static [Code],
    when: When,
    meaning: Meaning,
    /// The section of RFC 4511 (or another one), or the product that does it.
    source: &'static str,
    reason: &'static str,
}

/// The meaning of a result. `named`: who chose the name of the entry that it is about.
pub fn meaning(operation: Operation, result: &LdapResult, named: &Named) -> Meaning {
    let row = TABLE.iter().find(|row| {
        row.operation == operation && row.codes.contains(&result.code) && row.when.holds(result, named)
    });
    row.map_or(Meaning::Unjudged, |row| row.meaning)
}

impl When {
    fn holds(self, result: &LdapResult, named: &Named) -> bool {
        let by_login = matches!(named, Named::ByLogin { .. });
        match self {
            Self::Always => true,
            Self::Says(texts) => {
                let said = String::from_utf8_lossy(&result.diagnostic).to_lowercase();
                let is_all = |text: &str| text.ends_with(':') && said.trim_ascii() == text;
                let is_in = |text: &str| !text.ends_with(':') && said.contains(text);
                texts.iter().any(|text| is_all(text) || is_in(text))
            }
            Self::LoginNamesMissing => by_login && named.has_rest(&result.matched),
            Self::LoginNamesAll => by_login && named.is_chosen_whole(),
            Self::LoginNames => by_login,
            Self::ServerNames => *named == Named::ByServer,
        }
    }
}

/// How servers say with a code for other things that an account may not log in, whatever its password.
const NO_ACCOUNT: When = When::Says(&[
    "account inactivated",
    "account is inactivated",
    "account is locked",
    "account locked",
    "account has been locked",
    "account expired",
    "account is expired",
    "account is disabled",
    "account disabled",
    "login lockout",
    "administratively disabled",
    "entry permanently locked",
    "too many failed logins",
    "principal is expired",
    "(-197)",
    "(-217)",
    "(-218)",
    "(-220)",
    "(-222)",
]);

/// What slapd says of a login by SASL that it does not know: SCRAM and DIGEST-MD5 find no entry (libsasl's text), PLAIN
/// none to compare with (slapd's). A fault of the server's own has other texts.
const NO_LOGIN: When = When::Says(&[
    "sasl(-1): generic failure: unable to canonify user and get auxprops",
    "sasl(-1): generic failure: password verification failed",
    "sasl(-13): user not found: no secret in database",
    // CRAM-MD5 has no text: there stands nothing, what slapd said of the password before on the same connection, or that
    // the login makes no DN.
    "sasl(-1): generic failure:",
    "sasl(-1): generic failure: incorrect digest response",
    "sasl(-1): generic failure: encoding error",
]);

const fn row(
    operation: Operation,
    codes: &'static [Code],
    when: When,
    meaning: Meaning,
    source: &'static str,
    reason: &'static str,
) -> Row {
    Row { operation, codes, when, meaning, source, reason }
}

/// Of the rows for a code the first that holds counts; a code without any is [`Meaning::Unjudged`].
const TABLE: &[Row] = {
    use Meaning::{Cut, Elsewhere, No, NoLogin, NotHere, Yes};
    use Operation::{Bind, Compare, Search, WhoAmI};
    use When::{Always, LoginNames, LoginNamesAll, LoginNamesMissing, ServerNames};
    &[
        row(Search, &[Code::SUCCESS], Always, Yes, "4.5.2", "the entries found are all there are"),
        row(
            Search,
            &[Code::SIZE_LIMIT_EXCEEDED],
            Always,
            Cut,
            "4.5.1.4",
            "more than one entry for a login is none; one group is enough",
        ),
        row(Search, &[Code::REFERRAL], Always, Elsewhere, "4.1.10", "another server has the base"),
        row(
            Search,
            &[Code::NO_SUCH_OBJECT],
            LoginNamesMissing,
            NoLogin,
            "A.1",
            "what is above the base is there: nobody has such a login",
        ),
        row(Search, &[Code::NO_SUCH_OBJECT], LoginNamesAll, NotHere, "A.1", "an empty replica says so, too"),
        row(
            Search,
            &[Code::NO_SUCH_OBJECT],
            ServerNames,
            Yes,
            "A.1",
            "a reference that is out of date leads to nothing",
        ),
        row(
            Search,
            &[Code::INVALID_DN_SYNTAX],
            LoginNames,
            NoLogin,
            "A.1",
            "the login makes no DN of the base",
        ),
        row(Bind, &[Code::SUCCESS], Always, Yes, "4.2.2", "the password is right"),
        row(Bind, &[Code::REFERRAL], Always, Elsewhere, "4.1.10", "another server has the account"),
        row(
            Bind,
            &[Code::INVALID_CREDENTIALS],
            Always,
            No,
            "A.1",
            "the password is wrong, or the account is gone, locked or expired",
        ),
        row(
            Bind,
            &[Code::INAPPROPRIATE_AUTHENTICATION],
            Always,
            No,
            "A.1; OpenLDAP",
            "the account has no password",
        ),
        row(
            Bind,
            &[Code::NO_SUCH_OBJECT],
            Always,
            NotHere,
            "eDirectory, 389 DS",
            "there is no such account; an empty replica says so, too",
        ),
        row(Bind, &[Code::INVALID_DN_SYNTAX], Always, No, "A.1", "the name is none that an account can have"),
        row(
            Bind,
            &[Code::CONSTRAINT_VIOLATION],
            Always,
            No,
            "389 DS",
            "too many wrong passwords: the account is locked",
        ),
        row(Bind, &[Code::INSUFFICIENT_ACCESS_RIGHTS], Always, No, "A.1", "the account may not log in"),
        row(
            Bind,
            &[Code::UNWILLING_TO_PERFORM],
            NO_ACCOUNT,
            No,
            "389 DS, FreeIPA, eDirectory",
            "the text says that the account is inactive, locked or expired",
        ),
        row(
            Bind,
            &[Code::OTHER],
            NO_LOGIN,
            NoLogin,
            "slapd",
            "the text says that SASL does not know the login",
        ),
        row(Compare, &[Code::COMPARE_TRUE], Always, Yes, "4.10", "a member"),
        row(Compare, &[Code::COMPARE_FALSE], Always, No, "4.10", "no member"),
        row(Compare, &[Code::NO_SUCH_ATTRIBUTE], Always, No, "A.1", "the group has no members"),
        row(Compare, &[Code::REFERRAL], Always, Elsewhere, "4.1.10", "another server has the group"),
        row(
            Compare,
            &[Code::NO_SUCH_OBJECT],
            LoginNamesMissing,
            No,
            "A.1",
            "what is above the group is there: the login names none",
        ),
        row(Compare, &[Code::NO_SUCH_OBJECT], LoginNamesAll, NotHere, "A.1", "an empty replica says so, too"),
        row(
            Compare,
            &[Code::INVALID_DN_SYNTAX],
            LoginNames,
            No,
            "A.1",
            "the login makes no DN of the group's",
        ),
        row(WhoAmI, &[Code::SUCCESS], Always, Yes, "RFC 4532, 2.2", "the answer has the DN"),
    ]
};

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Search => "search",
            Self::Bind => "bind of a user",
            Self::Compare => "compare",
            Self::WhoAmI => "WhoAmI",
        })
    }
}

impl fmt::Display for Meaning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Yes => "yes",
            Self::Cut => "yes, with more to it",
            Self::No => "refused",
            Self::NoLogin => "refused as unknown",
            Self::Elsewhere => "followed where `ldap_referrals` and the host allow it, else no verdict",
            Self::NotHere => "the next server is asked; refused if none has it",
            Self::Unjudged => "no verdict",
        })
    }
}

impl fmt::Display for When {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Always => "",
            Self::Says(_) => ", by its text",
            Self::LoginNamesMissing => ", for a name with tokens below one that is there",
            Self::LoginNamesAll => ", for a name that ends with a token",
            Self::LoginNames => ", for a name with tokens",
            Self::ServerNames => ", for a name from a reference",
        })
    }
}

/// A row as docs/COMPATIBILITY.md has it.
impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, codes, when, meaning, source, reason } = self;
        let codes = codes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        write!(formatter, "| {operation} | {codes}{when} | {meaning} | {source} | {reason} |")
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
