//! What `doveadm pw` of Dovecot 2.3.19 writes with these schemes, for the login `anna@example.org` and the password `s3cret Päss`.
#![allow(clippy::unwrap_used)]

use super::*;

const LOGIN: &[u8] = b"anna@example.org";
const PASSWORD: &[u8] = "s3cret Päss".as_bytes();

const DOVEADM: &[&str] = &[
    "{CRAM-MD5}a0919260f88b41110bd90e088d06697bed28e91ecb04edde9cf9b8c364909de5",
    "{HMAC-MD5}a0919260f88b41110bd90e088d06697bed28e91ecb04edde9cf9b8c364909de5",
    "{CRAM-MD5.b64}oJGSYPiLQREL2Q4IjQZpe+0o6R7LBO3enPm4w2SQneU=",
    "{PLAIN-MD4}8458ccb29a3a64c6a4a0cfda0dac308e",
    "{DIGEST-MD5}ebe052d44044723e20e63ad17297affe",
    "{PLAIN-TRUNC}64-s3cret Päss",
];

fn check_of(login: &[u8], password: &[u8], stored: &str) -> Result<bool, NotCompared> {
    let stored = Stored::parse_hash(stored.as_bytes())?;
    stored.inspect()?;
    stored.check_of(login, password)
}

#[test]
fn what_dovecot_writes_matches_the_password_and_no_other() {
    for stored in DOVEADM {
        assert_eq!(check_of(LOGIN, PASSWORD, stored), Ok(true), "{stored}");
        for wrong in ["", "s3cret", "S3cret Päss", "x", stored] {
            assert_eq!(check_of(LOGIN, wrong.as_bytes(), stored), Ok(false), "{stored}: {wrong}");
        }
    }
}

#[test]
fn digest_md5_belongs_to_one_login_divided_at_its_last_at_sign() {
    let stored = "{DIGEST-MD5}1ebfca7907535fd0c199d33c1c33fdca";
    assert_eq!(check_of(b"anna@a@b", PASSWORD, stored), Ok(true));
    for other in [&b"anna"[..], b"anna@a", b"anna@a@c", b""] {
        assert_eq!(check_of(other, PASSWORD, stored), Ok(false));
    }
}

#[test]
fn cram_md5_takes_passwords_longer_than_a_block() {
    let long = b"a very long password that is longer than a block of MD5, which has sixty-four bytes";
    let stored = "{CRAM-MD5}691c10cfb598136420f8f24862d2078a8b8995621279cdd9f341ed93ef026ff1";
    assert_eq!(check_of(LOGIN, long, stored), Ok(true));
    assert_eq!(check_of(LOGIN, &long[..64], stored), Ok(false));
}

/// As `doveadm pw -t` says.
#[test]
fn a_password_that_was_cut_matches_all_that_begin_like_it_and_a_whole_one_itself() {
    for (stored, password, matches) in [
        ("3-abc", "abc", true),
        ("3-abc", "abcd", true),
        ("3-abc", "ab", false),
        ("5-abc", "abc", true),
        ("5-abc", "abcd", false),
        ("2-abc", "abc", true),
        ("2-abc", "abcd", false),
        ("8-abcdef", "abcdefgh", false),
    ] {
        let checked = check_of(LOGIN, password.as_bytes(), &format!("{{PLAIN-TRUNC}}{stored}"));
        assert_eq!(checked, Ok(matches), "{stored} {password}");
    }
}

#[test]
fn what_is_not_what_its_scheme_says_matches_nothing() {
    for stored in [
        "{CRAM-MD5}a0919260f88b41110bd90e088d06697b",
        "{PLAIN-MD4}8458ccb29a3a64c6a4a0cfda0dac308",
        "{DIGEST-MD5}x",
        "{PLAIN-TRUNC}abc",
        "{PLAIN-TRUNC}x-abc",
        "{PLAIN-TRUNC}3-",
        "{OTP}sha1 1024 d17b6ce674899af5 447492ca3acecadb",
    ] {
        let checked = check_of(LOGIN, PASSWORD, stored);
        assert!(matches!(checked, Err(NotCompared::Malformed(_))), "{stored}: {checked:?}");
    }
}

#[test]
fn a_value_without_a_scheme_is_of_the_usual_one_or_of_none() {
    let usual = |name: &str| KnownScheme::parse(name.as_bytes());
    let check = |stored: &str, usual| Stored::parse_value(stored.as_bytes(), usual)?.check(PASSWORD);
    let md5 = "$1$hC9r5IMO$eMFktSFs0LTgqwi05E9Ss.";
    for (stored, scheme, expected) in [
        ("s3cret Päss", usual("plain"), Ok(true)),
        ("s3cret Päss", None, Err(NO_SCHEME)),
        ("rzCD9WcGT3Enw", None, Err(NO_SCHEME)),
        ("rzCD9WcGT3Enw", usual("CRYPT"), Ok(true)),
        (md5, None, Ok(true)),
        (md5, usual("MD5"), Ok(true)),
        (md5, usual("PLAIN"), Ok(false)),
        ("40PtVB0AvOT6yDiQWC+CNA==", usual("MD5"), Ok(true)),
        ("e343ed541d00bce4fac83890582f8234", usual("LDAP-MD5"), Ok(true)),
        ("66d750466bb401b2b060e2a65352a686ee33b65bcc83e2835a3bd9633dbb459b", usual("SHA256.HEX"), Ok(true)),
        ("{SHA}CmYyJPsRIeE+rsNomwKRnXQaIDI=", usual("PLAIN"), Ok(true)),
        ("{SHA", usual("PLAIN"), Ok(false)),
        ("{SHA", None, Err(NO_SCHEME)),
        ("{x}s3cret", usual("PLAIN"), Err(UNKNOWN)),
    ] {
        let expected = expected.map_err(malformed);
        assert_eq!(check(stored, scheme), expected, "{stored}");
    }
    assert!(usual("ROT13").is_none() && usual("").is_none());
}
