//! Who chose the name of an entry that is asked about, which tells what it means that there is none.
#![forbid(unsafe_code)]

use super::tokens::{Piece, Template};

/// Who chose a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// The administrator: that there is no such entry is the server's fault.
    ByFile,
    /// The login had a say in it, by a token.
    ByLogin {
        /// The part behind the last token, which it did not choose; may be empty.
        rest: Vec<u8>,
    },
    /// Another server, in a referral.
    ByServer,
}

impl Named {
    /// Who chooses the DN that a template becomes.
    pub fn of(template: &Template) -> Self {
        let pieces = template.pieces();
        if !template.has_tokens() {
            return Self::ByFile;
        }
        let rest = match pieces.last() {
            // The token and what stands beside it are one part of the DN.
            Some(Piece::Literal(literal)) => literal.splitn(2, |byte| *byte == b',').nth(1),
            _ => None,
        };
        Self::ByLogin { rest: rest.unwrap_or_default().to_vec() }
    }

    /// Whether the server has the part that the login did not choose: `matched` is what it has of the name.
    pub fn has_rest(&self, matched: &[u8]) -> bool {
        match self {
            Self::ByLogin { rest } => !matched.is_empty() && plain(matched).ends_with(&plain(rest)),
            Self::ByFile | Self::ByServer => false,
        }
    }

    /// Whether the login chose all of it.
    pub fn is_chosen_whole(&self) -> bool {
        matches!(self, Self::ByLogin { rest } if rest.trim_ascii().is_empty())
    }
}

/// A DN for comparison: servers have their own blanks and letters.
fn plain(dn: &[u8]) -> Vec<u8> {
    dn.iter().filter(|byte| **byte != b' ').map(u8::to_ascii_lowercase).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn named(template: &str) -> Named {
        Named::of(&Template::parse(template).unwrap())
    }

    #[test]
    fn what_stands_behind_the_last_token_is_not_the_logins() {
        for (template, rest) in [
            ("ou=%d,ou=x-%s-y,dc=example,dc=org", Some("dc=example,dc=org")),
            ("ou=%d, dc=x", Some(" dc=x")),
            ("dc=%2,dc=%1", Some("")),
            ("ou=groups,%D", Some("")),
            ("cn=%u-x", Some("")),
            ("ou=people,dc=x", None),
            ("", None),
        ] {
            let expected =
                rest.map_or(Named::ByFile, |rest| Named::ByLogin { rest: rest.as_bytes().to_vec() });
            assert_eq!(named(template), expected, "{template}");
        }
    }

    #[test]
    fn a_server_has_the_rest_if_what_it_has_of_the_name_ends_so() {
        let named = named("ou=%d,dc=Example,dc=org");
        assert!(named.has_rest(b"dc=example, DC=org") && named.has_rest(b"ou=a,dc=example,dc=org"));
        assert!(!named.has_rest(b"") && !named.has_rest(b"dc=org"));
        assert!(!Named::ByFile.has_rest(b"dc=x") && !Named::ByServer.has_rest(b"dc=x"));
    }
}
