//! Why Active Directory refuses a password: it says so in a number within its text, which means something to nobody.
#![forbid(unsafe_code)]

/// What stands before the number, in hexadecimal.
const BEFORE: &[u8] = b"AcceptSecurityContext error, data ";

/// System errors of Windows ([MS-ERREF], section 2.2), and SEC_E_BAD_BINDINGS, of which Samba makes 35b. That an account is disabled or expired is told
/// only to who has its password.
const REASONS: &[(&[u8], &str)] = &[
    (b"525", "there is no such account"),
    (b"35b", "the server wants channel bindings"),
    (b"52e", "the password is wrong, or there is no such account"),
    (b"52f", "the account is restricted"),
    (b"530", "the account may not log in at this time"),
    (b"531", "the account may not log in from this host"),
    (b"532", "the password has expired"),
    (b"533", "the account is disabled"),
    (b"568", "the account is in too many groups"),
    (b"701", "the account has expired"),
    (b"773", "the password must be changed first"),
    (b"775", "the account is locked"),
    (b"80090346", "the server wants channel bindings"),
];

/// The number in the server's text, in words; `None` for other servers' texts and other numbers.
pub(super) fn reason(diagnostic: &[u8]) -> Option<&'static str> {
    let start = diagnostic.windows(BEFORE.len()).position(|window| window == BEFORE)?;
    let number = diagnostic.get(start + BEFORE.len()..)?;
    let number = number.split(|byte| !byte.is_ascii_hexdigit()).next()?;
    REASONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(number)).map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_in_the_text_of_active_directory_is_put_into_words() {
        for (text, expected) in [
            // Samba's.
            (
                "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 775, v1db1",
                Some("the account is locked"),
            ),
            // That of Windows, which ends with a NUL.
            (
                "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 52e, v4563\0",
                Some("the password is wrong, or there is no such account"),
            ),
            (
                "80090346: LdapErr: DSID-0C090597, comment: AcceptSecurityContext error, data 80090346, v4563",
                Some("the server wants channel bindings"),
            ),
            (
                "comment: AcceptSecurityContext error, data 52E",
                Some("the password is wrong, or there is no such account"),
            ),
            ("comment: AcceptSecurityContext error, data 57, v4563", None),
            ("comment: AcceptSecurityContext error, data 7751, v4563", None),
            ("comment: AcceptSecurityContext error, data ", None),
            ("data 775", None),
            ("", None),
        ] {
            assert_eq!(reason(text.as_bytes()), expected, "{text}");
        }
    }
}
