//! What a code of the library means for a login, and what C replies.
//!
//! The code decides, and not the function that has it: what says something of the user is a refusal, and everything else
//! is an outage, which no client is told as a wrong password.
#![forbid(unsafe_code)]

use super::principal::NoPrincipal;
use crate::outcome::{Outcome, Refusal};

/// C's text for whatever comes of the question with the password.
pub(super) const NOT_GIVEN: &str = "krb5_get_init_creds_password failed";

/// C's text when the server cannot be proved to be the right one.
pub(super) const NOT_VERIFIED: &str = "krb5_verify_init_creds failed";

/// C's text for what is wrong here, and for names that are none.
pub(super) const INTERNAL: &str = "saslauthd internal error";

/// C's text for a name that may not log in.
const WRONG_NAME: &str = "saslauthd principal name error";

/// The first code of RFC 4120's list of errors, section 7.5.9: the library adds the number there.
const FIRST_OF_PROTOCOL: i32 = -1_765_328_384;

const PRINCIPAL_UNKNOWN: i32 = FIRST_OF_PROTOCOL + 6;

/// RFC 4120's numbers that say something of the user: the account has expired, policy, revoked (which is disabled and locked,
/// too), not yet valid, the password has expired, pre-authentication failed, and a reply that the password does not open.
const REFUSALS: [i32; 7] = [1, 12, 18, 21, 23, 24, 31];

/// The library's own code for a name that is none.
const PARSE_MALFORMED: i32 = -1_765_328_250;

/// What a refusal or failure of the question with the password means. `reason` is the library's.
pub(super) fn not_given(code: Option<i32>, reason: String) -> Outcome {
    match code {
        Some(PRINCIPAL_UNKNOWN) => Outcome::unknown_login(NOT_GIVEN, reason),
        Some(code) if REFUSALS.iter().any(|number| FIRST_OF_PROTOCOL + number == code) => {
            Outcome::Reject(Refusal::with_reason(NOT_GIVEN, reason))
        }
        _ => Outcome::unavailable(NOT_GIVEN, reason),
    }
}

/// What a failure to make a principal of a checked name means.
pub(super) fn not_parsed(code: Option<i32>, reason: String) -> Outcome {
    match code {
        Some(PARSE_MALFORMED) => Outcome::unknown_login(INTERNAL, reason),
        _ => Outcome::unavailable(INTERNAL, reason),
    }
}

/// A login that is no principal's is nobody's. One with another instance than the settings say may be somebody's.
pub(super) fn no_principal(why: NoPrincipal) -> Outcome {
    match why {
        NoPrincipal::Nameless => Outcome::unknown_login(NOT_GIVEN, "The principal has no name"),
        NoPrincipal::Reserved => Outcome::unknown_login(
            NOT_GIVEN,
            "Names that begin with WELLKNOWN are nobody's, and Kerberos may give them a ticket for any password",
        ),
        NoPrincipal::Malformed(why) => {
            Outcome::unknown_login(INTERNAL, format!("The login is no name of a principal: {why}"))
        }
        NoPrincipal::OtherInstance => Outcome::Reject(Refusal::with_reason(
            WRONG_NAME,
            "The login has another instance than the one that its service gets",
        )),
        NoPrincipal::TooLong => {
            Outcome::unknown_login(WRONG_NAME, "The name of the principal is longer than 2047 bytes")
        }
    }
}

/// A realm of the client's choice that nobody has listed: its servers are not looked for.
pub(super) fn not_served(realm: &[u8], has_list: bool) -> Outcome {
    let realm = String::from_utf8_lossy(realm);
    let where_not = if has_list {
        "krb5_realms does not have it"
    } else {
        "it is not the default realm, and krb5.conf has nothing about it"
    };
    Outcome::unknown_login(NOT_GIVEN, format!("The realm {realm} is not served: {where_not}"))
}

/// What a server says of a principal that is there for its key only, as those of hosts in Active Directory: it answers.
pub(super) fn is_no_client(code: Option<i32>) -> bool {
    code == Some(PRINCIPAL_UNKNOWN)
}

/// Whether a ticket for this host's service could not be opened, or not be had, for want of the key that the realm's server has:
/// the service is unknown there, the ticket does not decrypt, its key has another version or is not in the keytab.
pub(super) fn is_of_the_key(code: Option<i32>) -> bool {
    const OF_THE_KEY: [i32; 4] = [7, 31, 44, 45];
    /// The library's own codes for a keytab without the key or its version.
    const NOT_IN_KEYTAB: [i32; 2] = [-1_765_328_203, -1_765_328_154];
    code.is_some_and(|code| {
        OF_THE_KEY.iter().any(|number| FIRST_OF_PROTOCOL + number == code) || NOT_IN_KEYTAB.contains(&code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    enum Kind {
        Reject,
        Unknown,
        Unavailable,
    }

    fn kind(outcome: &Outcome) -> Kind {
        match outcome {
            Outcome::Reject(refusal) if refusal.is_unknown_login => Kind::Unknown,
            Outcome::Reject(_) => Kind::Reject,
            Outcome::Unavailable(_) => Kind::Unavailable,
            Outcome::Accept(_) => panic!("no code accepts"),
        }
    }

    #[test]
    fn what_says_something_of_the_user_is_a_refusal_and_all_else_an_outage() {
        for (code, expected) in [
            (-1_765_328_353, Kind::Reject),      // Decrypt integrity check failed
            (-1_765_328_360, Kind::Reject),      // Preauthentication failed
            (-1_765_328_361, Kind::Reject),      // Password has expired
            (-1_765_328_363, Kind::Reject),      // not yet valid
            (-1_765_328_366, Kind::Reject),      // credentials have been revoked
            (-1_765_328_372, Kind::Reject),      // KDC policy rejects request
            (-1_765_328_383, Kind::Reject),      // Client's entry in database has expired
            (-1_765_328_378, Kind::Unknown),     // Client not found
            (-1_765_328_377, Kind::Unavailable), // Server not found
            (-1_765_328_370, Kind::Unavailable), // no support for encryption type
            (-1_765_328_347, Kind::Unavailable), // Clock skew too great
            (-1_765_328_340, Kind::Unavailable), // kvno not found
            (-1_765_328_236, Kind::Unavailable), // KDC reply did not match expectations
            (-1_765_328_230, Kind::Unavailable), // Cannot find KDC
            (-1_765_328_228, Kind::Unavailable), // Cannot contact any KDC
            (-1_765_328_203, Kind::Unavailable), // No key table entry found
            (-1_765_328_174, Kind::Unavailable), // Generic preauthentication failure
            (-1_765_328_160, Kind::Unavailable), // no default realm
            (12, Kind::Unavailable),             // Cannot allocate memory
            (0, Kind::Unavailable),
        ] {
            let outcome = not_given(Some(code), "why".to_owned());
            assert_eq!(kind(&outcome), expected, "{code}");
            assert_eq!(outcome.reply(), "NO krb5_get_init_creds_password failed", "{code}");
        }
        assert_eq!(kind(&not_given(None, "libkrb5 is gone".to_owned())), Kind::Unavailable);
    }

    #[test]
    fn a_login_that_is_no_principal_is_refused_with_the_words_of_the_c_daemon() {
        for (why, expected, reply) in [
            (NoPrincipal::Nameless, Kind::Unknown, "NO krb5_get_init_creds_password failed"),
            (NoPrincipal::Reserved, Kind::Unknown, "NO krb5_get_init_creds_password failed"),
            (NoPrincipal::Malformed("why"), Kind::Unknown, "NO saslauthd internal error"),
            (NoPrincipal::OtherInstance, Kind::Reject, "NO saslauthd principal name error"),
            (NoPrincipal::TooLong, Kind::Unknown, "NO saslauthd principal name error"),
        ] {
            let outcome = no_principal(why);
            assert_eq!((kind(&outcome), outcome.reply().as_str()), (expected, reply), "{why:?}");
        }
        assert_eq!(kind(&not_parsed(Some(PARSE_MALFORMED), String::new())), Kind::Unknown);
        assert_eq!(kind(&not_parsed(Some(12), String::new())), Kind::Unavailable);
        assert_eq!(kind(&not_served(b"EVIL.EXAMPLE", false)), Kind::Unknown);
    }

    #[test]
    fn a_key_that_is_not_the_realms_is_told_from_a_server_that_is_down() {
        for code in [-1_765_328_340, -1_765_328_377, -1_765_328_353, -1_765_328_203, -1_765_328_154] {
            assert!(is_of_the_key(Some(code)), "{code}");
        }
        for code in [-1_765_328_228, -1_765_328_347, 2, 12] {
            assert!(!is_of_the_key(Some(code)), "{code}");
        }
        assert!(!is_of_the_key(None));
    }
}
