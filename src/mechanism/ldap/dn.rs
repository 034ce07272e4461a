//! Distinguished names made of a template and a login: RFC 4514.
#![forbid(unsafe_code)]

use super::tokens::{Piece, Template, Token, Tokens};

/// The name with the values in it, so that none of them adds or ends a part of the name.
///
/// `%D` is a whole DN and stays as it is. A template without any `=` is no DN but another name that a directory takes
/// for one, such as the `%u@example.org` of Active Directory: in it nothing is escaped.
pub fn expand(template: &Template, tokens: &Tokens<'_>) -> Vec<u8> {
    if !is_dn(template) {
        return template.expand(tokens);
    }
    let mut name = Vec::new();
    for piece in template.pieces() {
        match piece {
            Piece::Literal(bytes) => name.extend_from_slice(bytes),
            Piece::Token(Token::UserDn) => name.extend_from_slice(tokens.dn),
            Piece::Token(token) => {
                let (constant, value) = tokens.value(*token);
                name.extend_from_slice(constant);
                push_escaped(value, &mut name);
            }
        }
    }
    name
}

/// Whether a template begins with an attribute type and `=`, as a DN does and hardly anything else.
pub fn begins_as_dn(template: &Template) -> bool {
    let Some(Piece::Literal(bytes)) = template.pieces().first() else { return false };
    let mut parts = bytes.splitn(2, |byte| *byte == b'=');
    let attribute = parts.next().unwrap_or_default().trim_ascii();
    let of_an_attribute = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    parts.next().is_some() && !attribute.is_empty() && attribute.iter().all(of_an_attribute)
}

fn is_dn(template: &Template) -> bool {
    template.pieces().iter().any(|piece| matches!(piece, Piece::Literal(bytes) if bytes.contains(&b'=')))
}

/// Appends a value as RFC 4514, section 2.4, wants it inside a DN.
pub fn push_escaped(value: &[u8], name: &mut Vec<u8>) {
    let last = value.len().saturating_sub(1);
    for (index, &byte) in value.iter().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' | b'=' => name.extend([b'\\', byte]),
            b'#' if index == 0 => name.extend([b'\\', byte]),
            b' ' if index == 0 || index == last => name.extend([b'\\', byte]),
            0x00..=0x1f | 0x7f => push_hexadecimal(byte, name),
            _ => name.push(byte),
        }
    }
}

fn push_hexadecimal(byte: u8, name: &mut Vec<u8>) {
    name.extend(format!("\\{byte:02x}").into_bytes());
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn expanded(template: &str, login: &[u8]) -> String {
        let tokens = Tokens { login, service: b"imap", realm: b"a,b", dn: b"cn=Doe\\, John,dc=test" };
        String::from_utf8(expand(&Template::parse(template).unwrap(), &tokens)).unwrap()
    }

    #[test]
    fn a_plain_login_stays_as_it_is() {
        assert_eq!(
            expanded("uid=%u,ou=people,dc=test", b"john.doe@x-y_z"),
            "uid=john.doe@x-y_z,ou=people,dc=test"
        );
        assert_eq!(expanded("uid=%U,dc=%2,dc=%1", b"u@example.org"), "uid=u,dc=example,dc=org");
        assert_eq!(expanded("cn=%u", "Jürgen é".as_bytes()), "cn=Jürgen é");
    }

    #[test]
    fn a_login_cannot_leave_its_place_in_a_dn() {
        for (login, escaped) in [
            (&b"x,ou=admins"[..], "x\\,ou\\=admins"),
            (b"a+b", "a\\+b"),
            (b"\"<>;\\", "\\\"\\<\\>\\;\\\\"),
            (b"#1#", "\\#1#"),
            (b"  a  b  ", "\\  a  b \\ "),
            (b" ", "\\ "),
            (b"a\0\n\x7f", "a\\00\\0a\\7f"),
            (b"\\2c", "\\\\2c"),
            (b"%D", "%D"),
        ] {
            assert_eq!(expanded("uid=%u,dc=test", login), format!("uid={escaped},dc=test"), "{escaped}");
        }
        assert_eq!(expanded("ou=%d%R", b"x"), "ou=a\\,b@a\\,b");
    }

    #[test]
    fn the_dn_of_the_user_is_no_value_but_a_dn() {
        assert_eq!(expanded("%D", b"x"), "cn=Doe\\, John,dc=test");
        assert_eq!(expanded("ou=groups,%D", b"x"), "ou=groups,cn=Doe\\, John,dc=test");
    }

    #[test]
    fn a_name_that_is_no_dn_is_not_escaped() {
        assert_eq!(expanded("%u@example.org", b"a+b"), "a+b@example.org");
        assert_eq!(expanded("%u", b"cn=a,dc=test"), "cn=a,dc=test");
        assert_eq!(expanded("EXAMPLE\\%u", b"a b "), "EXAMPLE\\a b ");
    }

    #[test]
    fn a_dn_begins_with_an_attribute_type() {
        for (template, begins) in [
            ("cn=%s,ou=x", true),
            ("2.5.4.3 = %s", true),
            ("%u", false),
            ("=x", false),
            ("%s=x", false),
            ("http://x/?a=%u", false),
            ("cn", false),
            ("", false),
        ] {
            assert_eq!(begins_as_dn(&Template::parse(template).unwrap()), begins, "{template}");
        }
    }
}
