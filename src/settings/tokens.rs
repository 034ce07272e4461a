//! The tokens of `ldap_filter` and its like: `%u` and the others, of which C's LDAP_SASLAUTHD tells.
//!
//! A template is taken apart once, when the daemon starts. A login then only fills in values, which nothing looks
//! into again: a `%` or `*` that somebody types stays what it is.
#![forbid(unsafe_code)]

use std::fmt;

/// What stands for something of the login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// `%u`: the login.
    Login,
    /// `%U`: the login up to its first `@`.
    User,
    /// `%d`: what follows the login's first `@`, or else the realm.
    Domain,
    /// `%1` to `%9`: a label of [`Token::Domain`], counted from the right. Of example.org `%1` is org.
    Label(u8),
    /// `%s`: the service.
    Service,
    /// `%r`: the realm.
    Realm,
    /// `%R`: the realm with an `@` before it, or nothing when there is no realm.
    AtRealm,
    /// `%D`: the user's DN, which only a group check knows.
    UserDn,
}

/// What the tokens stand for in one login.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tokens<'a> {
    /// The login.
    pub login: &'a [u8],
    /// The service.
    pub service: &'a [u8],
    /// The realm; the default realm has been put in its place when the client named none.
    pub realm: &'a [u8],
    /// The user's DN as the directory gave it; empty when it is not known.
    pub dn: &'a [u8],
}

impl Token {
    /// The token whose letter follows a `%`.
    pub fn of(letter: u8) -> Option<Self> {
        Some(match letter {
            b'u' => Self::Login,
            b'U' => Self::User,
            b'd' => Self::Domain,
            b'1'..=b'9' => Self::Label(letter - b'0'),
            b's' => Self::Service,
            b'r' => Self::Realm,
            b'R' => Self::AtRealm,
            b'D' => Self::UserDn,
            _ => return None,
        })
    }
}

impl<'a> Tokens<'a> {
    /// What a token stands for, as a constant part and one that the login decides. A login that has no such thing
    /// gives nothing.
    pub fn value(&self, token: Token) -> (&'static [u8], &'a [u8]) {
        let value = match token {
            Token::Login => self.login,
            Token::User => split_login(self.login).0,
            Token::Domain => self.domain(),
            Token::Label(number) => self.label(number),
            Token::Service => self.service,
            Token::Realm => self.realm,
            Token::AtRealm if !self.realm.is_empty() => return (b"@", self.realm),
            Token::AtRealm => self.realm,
            Token::UserDn => self.dn,
        };
        (b"", value)
    }

    fn domain(&self) -> &'a [u8] {
        match split_login(self.login) {
            (_, []) => self.realm,
            (_, domain) => domain,
        }
    }

    fn label(&self, number: u8) -> &'a [u8] {
        let mut labels = self.domain().rsplit(|byte| *byte == b'.');
        labels.nth(usize::from(number.saturating_sub(1))).unwrap_or_default()
    }
}

/// What stands before and behind a login's first `@`, where C divides it: the user and the domain.
pub fn split_login(login: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = login.splitn(2, |byte| *byte == b'@');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// What can follow a `%`, for messages.
pub const TOKENS: &str = "u, U, d, s, r, R, D, a digit from 1 to 9 or another %";

/// How many bytes a token's letter takes, which need not be one of ASCII when it is wrong.
pub fn letter_length(rest: &[u8]) -> usize {
    let more = rest.iter().skip(1).take_while(|byte| (0x80..0xc0).contains(*byte)).count();
    if rest.first().is_some_and(u8::is_ascii) { 1 } else { 1 + more }
}

/// Text with tokens in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template {
    pieces: Vec<Piece>,
    /// Where tokens stood that nobody knows.
    dropped: Vec<usize>,
}

/// A part of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes as the administrator wrote them; there are some.
    Literal(Vec<u8>),
    /// Something of the login.
    Token(Token),
}

impl Template {
    /// Takes a text apart. As C it drops tokens that it does not know: see [`Self::dropped`]. A single `%` at the end, with
    /// which C garbles the text, is an error.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut template = Self::default();
        let mut rest = text.as_bytes();
        while let Some((&byte, behind)) = rest.split_first() {
            let offset = text.len() - rest.len();
            rest = behind;
            if byte == b'%' {
                template.push_percent(rest, offset)?;
                rest = rest.get(letter_length(rest)..).unwrap_or_default();
            } else {
                template.push_byte(byte);
            }
        }
        Ok(template)
    }

    /// A text without tokens, in which a `%` is a `%`.
    pub fn literal(text: &[u8]) -> Self {
        let mut template = Self::default();
        text.iter().for_each(|byte| template.push_byte(*byte));
        template
    }

    /// Where tokens stood that nobody knows, in bytes: they stand for nothing, as in C.
    pub fn dropped(&self) -> &[usize] {
        &self.dropped
    }

    /// The same, for whoever keeps them for a longer text.
    pub fn take_dropped(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.dropped)
    }

    /// The parts, in order; two literals never follow each other.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Whether there is nothing in it, not even a token.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether the token is in it.
    pub fn uses(&self, token: Token) -> bool {
        self.pieces.contains(&Piece::Token(token))
    }

    /// Whether a login changes anything about it.
    pub fn has_tokens(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Token(_)))
    }

    /// The text with the values in it, which are neither looked into nor escaped.
    pub fn expand(&self, tokens: &Tokens<'_>) -> Vec<u8> {
        let mut expanded = Vec::new();
        self.visit(tokens, |bytes| expanded.extend_from_slice(bytes));
        expanded
    }

    /// Gives the text with the values in it to `take`, part by part.
    pub fn visit(&self, tokens: &Tokens<'_>, mut take: impl FnMut(&[u8])) {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(bytes) => take(bytes),
                Piece::Token(token) => {
                    let (constant, value) = tokens.value(*token);
                    take(constant);
                    take(value);
                }
            }
        }
    }

    /// Appends a byte that is no token's.
    pub fn push_byte(&mut self, byte: u8) {
        match self.pieces.last_mut() {
            Some(Piece::Literal(bytes)) => bytes.push(byte),
            _ => self.pieces.push(Piece::Literal(vec![byte])),
        }
    }

    /// Appends what a `%` at `offset` and the letter after it mean, with which `rest` begins.
    pub fn push_percent(&mut self, rest: &[u8], offset: usize) -> Result<(), SyntaxError> {
        match rest.first() {
            Some(b'%') => self.push_byte(b'%'),
            Some(letter) => match Token::of(*letter) {
                Some(token) => self.pieces.push(Piece::Token(token)),
                None => self.dropped.push(offset),
            },
            None => return Err(SyntaxError::new(offset, format!("a % must be followed by {TOKENS}"))),
        }
        Ok(())
    }
}

/// What is wrong with a template, filter or URI, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// Bytes before the place, from 0.
    pub offset: usize,
    /// What is wrong, without a full stop. Says nothing of the text, which may not be for everyone.
    pub text: String,
}

impl SyntaxError {
    /// An error at that place.
    pub fn new(offset: usize, text: impl Into<String>) -> Self {
        Self { offset, text: text.into() }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} at byte {}", self.text, self.offset + 1)
    }
}

impl std::error::Error for SyntaxError {}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn login(login: &str) -> Tokens<'_> {
        Tokens { login: login.as_bytes(), service: b"imap", realm: b"realm.test", dn: b"uid=x,dc=test" }
    }

    fn expanded(template: &str, tokens: &Tokens<'_>) -> String {
        String::from_utf8(Template::parse(template).unwrap().expand(tokens)).unwrap()
    }

    #[test]
    fn each_token_stands_for_its_part_of_the_login() {
        let tokens = login("user@mail.example.org");
        for (template, text) in [
            ("%u", "user@mail.example.org"),
            ("%U", "user"),
            ("%d", "mail.example.org"),
            ("%1", "org"),
            ("%2", "example"),
            ("%3", "mail"),
            ("%4", ""),
            ("%9", ""),
            ("%s", "imap"),
            ("%r", "realm.test"),
            ("%R", "@realm.test"),
            ("%D", "uid=x,dc=test"),
            ("%%", "%"),
            ("%%u", "%u"),
            ("a%Ub%%c%sd", "auserb%cimapd"),
            ("plain", "plain"),
            ("", ""),
        ] {
            assert_eq!(expanded(template, &tokens), text, "{template}");
        }
    }

    #[test]
    fn without_a_domain_the_realm_takes_its_place() {
        for name in ["user", "user@"] {
            assert_eq!(expanded("%U|%d|%1|%2|%3", &login(name)), "user|realm.test|test|realm|");
        }
    }

    #[test]
    fn without_a_realm_there_is_no_at_sign_either() {
        let tokens = Tokens { realm: b"", ..login("user") };
        assert_eq!(expanded("<%r%R%d%1>", &tokens), "<>");
    }

    #[test]
    fn the_first_at_sign_divides_a_login() {
        assert_eq!(expanded("%U|%d", &login("a@b@c.d")), "a|b@c.d");
        assert_eq!(expanded("%U|%d", &login("@c.d")), "|c.d");
    }

    #[test]
    fn tokens_inside_a_login_mean_nothing() {
        assert_eq!(expanded("%u %s", &login("%s%%%D")), "%s%%%D imap");
    }

    #[test]
    fn an_unknown_token_stands_for_nothing_as_in_c_and_its_place_is_told() {
        for (template, offset, text) in
            [("uid=%x", 4, "uid="), ("%0", 0, ""), ("a%nb", 1, "ab"), ("%u% ", 2, "me"), ("é%éx", 2, "éx")]
        {
            assert_eq!(Template::parse(template).unwrap().dropped(), [offset], "{template}");
            assert_eq!(expanded(template, &login("me")), text, "{template}");
        }
    }

    #[test]
    fn a_single_percent_at_the_end_is_an_error_with_its_place() {
        for (template, offset) in [("ab%", 2), ("%%%", 2), ("%", 0)] {
            assert_eq!(Template::parse(template).unwrap_err().offset, offset, "{template}");
        }
    }

    #[test]
    fn a_literal_has_no_tokens() {
        let template = Template::literal(b"%u%");
        assert!(!template.has_tokens());
        assert_eq!(template.expand(&login("x")), b"%u%");
    }

    #[test]
    fn a_template_knows_which_tokens_are_in_it() {
        let template = Template::parse("%D%%u").unwrap();
        assert!(template.uses(Token::UserDn) && !template.uses(Token::Login));
    }
}
