//! `--login-format`: what becomes of a login before any mechanism sees it. `-r` is one such format.
#![forbid(unsafe_code)]

use crate::config::Limits;
use crate::credentials::Credentials;
use crate::outcome::Refusal;
use crate::settings::tokens::{SyntaxError, Token, Tokens};

/// The longest format in bytes: it has to fit into one message to a process.
pub const LONGEST_FORMAT: usize = 1024;

/// Text with the tokens of `saslauthd.conf` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginFormat {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Byte(u8),
    /// `lower`: with an L between the `%` and the letter.
    Token {
        token: Token,
        lower: bool,
    },
}

impl LoginFormat {
    /// `-r`: the login, and `@realm` behind it when there is a realm and the login does not end in it already.
    pub const WITH_REALM: &str = "%u%R";

    /// Takes a format apart.
    ///
    /// # Errors
    /// When it has an unknown token, is too long, or would make the same login of all.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        if text.len() > LONGEST_FORMAT {
            return Err(SyntaxError::new(LONGEST_FORMAT, format!("only {LONGEST_FORMAT} bytes are taken")));
        }
        let mut pieces = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((&byte, behind)) = rest.split_first() {
            let offset = text.len() - rest.len();
            let (piece, behind) = match byte {
                b'%' => token(behind).ok_or_else(|| SyntaxError::new(offset, UNKNOWN_TOKEN))?,
                byte => (Piece::Byte(byte), behind),
            };
            pieces.push(piece);
            rest = behind;
        }
        let is_the_logins =
            |piece: &Piece| matches!(piece, Piece::Token { token: Token::Login | Token::User, .. });
        if !pieces.iter().any(is_the_logins) {
            return Err(SyntaxError::new(0, "without %u or %U all logins would be the same one"));
        }
        Ok(Self { text: text.to_owned(), pieces })
    }

    /// The format as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The longest login in bytes that a format may make, within what a request may have: both of its names.
    pub const fn longest_login(limits: Limits) -> usize {
        2 * limits.field + 1
    }

    /// Puts the login into this form.
    ///
    /// # Errors
    /// When nothing would be left of it, or too much; then it stays as it was.
    pub fn apply(&self, credentials: &mut Credentials, limits: Limits) -> Result<(), Refusal> {
        let login = self.expand(credentials);
        if login.is_empty() {
            return Err(Refusal::with_reason(
                "NULL login received",
                "--login-format leaves nothing of the login",
            ));
        }
        if login.len() > Self::longest_login(limits) {
            return Err(Refusal::with_reason("", "--login-format makes the login too long"));
        }
        credentials.sent_login = Some(std::mem::replace(&mut credentials.login, login));
        Ok(())
    }

    fn expand(&self, credentials: &Credentials) -> Vec<u8> {
        let Credentials { login, service, realm, .. } = credentials;
        let tokens = Tokens { login, service, realm, dn: b"" };
        let mut expanded = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Byte(byte) => expanded.push(*byte),
                // C appends it a second time (`user@realm@realm`).
                Piece::Token { token: Token::AtRealm, .. } if ends_in_realm(&expanded, realm) => {}
                Piece::Token { token, lower } => {
                    let (constant, value) = tokens.value(*token);
                    expanded.extend_from_slice(constant);
                    expanded.extend(
                        value.iter().map(|byte| if *lower { byte.to_ascii_lowercase() } else { *byte }),
                    );
                }
            }
        }
        expanded
    }
}

const UNKNOWN_TOKEN: &str = "a % must be followed by u, U, d, r, R, s or a digit from 1 to 9, each perhaps with an L before it, or another %";

/// The token behind a `%`, and what follows it.
fn token(behind: &[u8]) -> Option<(Piece, &[u8])> {
    if let Some(behind) = behind.strip_prefix(b"%") {
        return Some((Piece::Byte(b'%'), behind));
    }
    let (lower, behind) = match behind.strip_prefix(b"L") {
        Some(behind) => (true, behind),
        None => (false, behind),
    };
    let (letter, behind) = behind.split_first()?;
    let token = Token::of(*letter).filter(|token| *token != Token::UserDn)?;
    Some((Piece::Token { token, lower }, behind))
}

fn ends_in_realm(login: &[u8], realm: &[u8]) -> bool {
    login.strip_suffix(realm).is_some_and(|user| user.ends_with(b"@"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn credentials(login: &str, realm: &str) -> Credentials {
        Credentials { realm: realm.into(), ..Credentials::of_login(login, b"x") }
    }

    fn formatted(format: &str, login: &str, realm: &str) -> Result<String, Refusal> {
        let mut credentials = credentials(login, realm);
        LoginFormat::parse(format).unwrap().apply(&mut credentials, Limits::DEFAULT)?;
        assert_eq!(credentials.realm, realm.as_bytes(), "the realm itself stays as it is");
        assert_eq!(credentials.sent_login.as_deref(), Some(login.as_bytes()));
        Ok(String::from_utf8(credentials.login).unwrap())
    }

    #[test]
    fn with_r_the_realm_is_appended_once() {
        for (login, realm, expected) in [
            ("anna", "example.org", "anna@example.org"),
            ("anna@example.org", "example.org", "anna@example.org"),
            ("anna@example.com", "example.org", "anna@example.com@example.org"),
            ("annaexample.org", "example.org", "annaexample.org@example.org"),
            ("anna", "", "anna"),
            ("anna@", "", "anna@"),
            ("example.org", "example.org", "example.org@example.org"),
        ] {
            assert_eq!(formatted(LoginFormat::WITH_REALM, login, realm).unwrap(), expected);
        }
    }

    #[test]
    fn each_token_gives_its_part_and_l_makes_it_lower_case() {
        for (format, login, realm, expected) in [
            ("%u", "Anna@Example.org", "R", "Anna@Example.org"),
            ("%Lu", "Anna@Example.ORG", "R", "anna@example.org"),
            ("%U", "Anna@Example.org", "R", "Anna"),
            ("%LU", "ANNA", "", "anna"),
            ("%LU@%Ld", "Anna@Example.ORG", "R", "anna@example.org"),
            ("%LU@%Ld", "Anna", "Example.ORG", "anna@example.org"),
            ("%U%LR", "Anna@Example.org", "R", "Anna@r"),
            ("%U%R", "anna@example.org", "example.org", "anna@example.org"),
            ("%r\\%U", "anna", "AD", "AD\\anna"),
            ("%U%%%s", "anna", "", "anna%smtp"),
            ("%2+%u", "a@mail.example.org", "", "example+a@mail.example.org"),
            ("%LU", "JÖRG", "", "jÖrg"),
        ] {
            assert_eq!(formatted(format, login, realm).unwrap(), expected, "{format} {login}");
        }
    }

    #[test]
    fn tokens_inside_a_login_mean_nothing() {
        assert_eq!(formatted("%u%R", "%s%%%r", "%u").unwrap(), "%s%%%r@%u");
    }

    #[test]
    fn a_login_of_which_nothing_is_left_or_that_grows_too_long_is_refused() {
        assert_eq!(formatted("%U", "@example.org", "").unwrap_err().text, "NULL login received");
        let long = "x".repeat(1024);
        assert!(formatted("%u%R", &long, &long).is_ok());
        assert!(formatted("%u%u%u", &long, "").is_err());
    }

    #[test]
    fn a_format_that_means_nothing_is_an_error_with_its_place() {
        for (format, offset) in [
            ("", 0),
            ("anna", 0),
            ("%r", 0),
            ("%u%", 2),
            ("%u%D", 2),
            ("%u%L", 2),
            ("%u%L%", 2),
            ("%uä%x", 4),
            ("%0", 0),
        ] {
            assert_eq!(LoginFormat::parse(format).unwrap_err().offset, offset, "{format}");
        }
        assert!(LoginFormat::parse(&"%u".repeat(600)).is_err());
    }
}
