//! `sql_select`: the question about one login, in which libsasl's plugin puts names between the words of the administrator.
//! Here they are parameters that are bound, so nothing that somebody types is ever read as SQL.
#![forbid(unsafe_code)]

use super::lexer::Lexer;
pub use super::lexer::{PROPERTY, Piece};
use crate::settings::tokens::SyntaxError;
use crate::sys::sql::Engine;

/// A statement and what its parameters are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// With `$1`, `$2` … for PostgreSQL, and a `?` each for the others.
    pub text: String,
    /// One for each parameter, in the order of the text.
    pub parameters: Vec<Vec<Piece>>,
}

/// Whom a question is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names<'a> {
    /// What `%u` stands for.
    pub user: &'a [u8],
    /// What `%r` stands for.
    pub realm: &'a [u8],
}

impl Select {
    /// Takes a statement apart: every quoted literal with a name in it, and every name without quotes, is one parameter.
    ///
    /// # Errors
    /// Where it is not clear what would become of a name, or where there is more than one statement.
    pub fn parse(engine: Engine, text: &str) -> Result<Self, SyntaxError> {
        let (text, parameters) = Lexer::new(engine, text).run()?;
        let select = Self { text, parameters };
        if !select.parameters.iter().flatten().any(|piece| *piece == Piece::User) {
            return Err(SyntaxError::new(
                0,
                "has no %u for the login, so it would find the same for everybody",
            ));
        }
        Ok(select)
    }

    /// The values of the parameters for one login.
    pub fn bind(&self, names: &Names<'_>) -> Vec<Vec<u8>> {
        self.parameters
            .iter()
            .map(|pieces| pieces.iter().flat_map(|piece| names.value(piece)).copied().collect())
            .collect()
    }
}

impl<'a> Names<'a> {
    fn value<'v>(&'v self, piece: &'v Piece) -> &'v [u8] {
        match piece {
            Piece::Literal(bytes) => bytes,
            Piece::User => self.user,
            Piece::Realm => self.realm,
        }
    }

    /// Of a login, as libsasl's plugin takes it apart: what follows an `@` is the realm. Where the client has named a realm,
    /// an `@` in the login is taken for that only if just this realm follows it. `host` is the realm of all others.
    pub fn of(login: &'a [u8], realm: &'a [u8], host: &'a [u8]) -> Self {
        let at = |at: usize| (login.get(..at).unwrap_or_default(), login.get(at + 1..).unwrap_or_default());
        let divided = if realm.is_empty() {
            login.iter().position(|byte| *byte == b'@').map(at)
        } else {
            let start = login.len().checked_sub(realm.len() + 1);
            start.filter(|start| login.get(*start) == Some(&b'@')).map(at).filter(|(_, end)| *end == realm)
        };
        let (user, realm) = divided.unwrap_or((login, if realm.is_empty() { host } else { realm }));
        Self { user, realm }
    }
}

#[cfg(test)]
#[path = "select_tests.rs"]
mod statements;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_divided_as_by_the_plugin_unless_another_realm_was_named() {
        for (login, realm, expected) in [
            ("anna", "", ("anna", "host")),
            ("anna", "a.org", ("anna", "a.org")),
            ("anna@b.org", "", ("anna", "b.org")),
            ("anna@b@c", "", ("anna", "b@c")),
            ("anna@b.org", "b.org", ("anna", "b.org")),
            ("anna@b.org", "c.org", ("anna@b.org", "c.org")),
            ("anna@b", "c@b", ("anna@b", "c@b")),
            ("@b", "b", ("", "b")),
            ("b", "b", ("b", "b")),
            ("anna@", "", ("anna", "")),
        ] {
            let names = Names::of(login.as_bytes(), realm.as_bytes(), b"host");
            assert_eq!((names.user, names.realm), (expected.0.as_bytes(), expected.1.as_bytes()), "{login}");
        }
    }

    #[test]
    fn what_somebody_types_is_a_value_and_never_looked_into() {
        let select =
            Select::parse(Engine::Postgresql, "SELECT p FROM t WHERE u = '%u' AND r = '<%r>%%'").unwrap();
        let names = Names { user: b"' OR 1=1 --%r", realm: b"%u\\'" };
        assert_eq!(select.bind(&names), [&b"' OR 1=1 --%r"[..], b"<%u\\'>%"]);
        assert_eq!(select.text, "SELECT p FROM t WHERE u = $1 AND r = $2");
    }
}
