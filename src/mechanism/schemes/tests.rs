//! Stored passwords as slappasswd makes them.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use super::*;

const PASSWORD: &str = "s3cret Päss";

/// Made by slappasswd 2.5.13 with its modules pw-sha2, pw-pbkdf2 and argon2.
const STORED: &[&str] = &[
    "s3cret Päss",
    "{CLEARTEXT}s3cret Päss",
    "{SHA}CmYyJPsRIeE+rsNomwKRnXQaIDI=",
    "{SSHA}wAMjnLzMmEMlAn7+0EFc/RFn7X7jfoUE",
    "{MD5}40PtVB0AvOT6yDiQWC+CNA==",
    "{SMD5}YTxOPnlK8i0OiaPf0IXyeke0aJM=",
    "{SHA256}ZtdQRmu0AbKwYOKmU1Kmhu4ztlvMg+KDWjvZYz27RZs=",
    "{SSHA256}4SgIhiyUCu0j3MU7b9wDpL/FvanWsMuFYPBn5/58vSJOhpl+oQ2emQ==",
    "{SHA384}e2hft+wVuTUIiSkh4tvXCelTym7985IBuOs/JlM5ncrN3zCc2gBE9JOit1l5IgOc",
    "{SSHA384}0SlTusJ0ASEz5TG3K1Rq6c/G0UHmYtLzqrf35npTekaMM9Mj+QZAXkWAf8fvF5LYfzuzNUWAf/k=",
    "{SHA512}aw+fyN5NhvaqUHmtr+M8mQc8P1GCJHfncaI5Pcsf0fkgc9PWVbH1mt6r2+eIYR2ruw+WV69DOSfX8QHbUqBE6A==",
    "{SSHA512}jeWVWIi/9JusR3Me03uc2wbpZPGSOqmLagWrdpKLO/quqX5KZPnmhTdZqkAnXRpwlUOVoSEO89HcmVtVH4NQVSQrFOzTowTx",
    "{PBKDF2}10000$qP46H2IWx9aoV0TwVoFvyg$ijiQjWLlvAi7LlzgClewDpMOgzE",
    "{PBKDF2-SHA1}10000$tzTdkkno8RHVvdDSfO1VvQ$Dki1ll5jw7/NoYyvVDaimIhrKmI",
    "{PBKDF2-SHA256}10000$XtWpOc7Omn5B1jwOXJ.3sw$oAkwwqtAomYtUjW3xO500YF2hOnC7Jx5PQGeaBCGLyc",
    "{PBKDF2-SHA512}10000$808epjbu6yf5g406poSjrw$iybQhVL3n5oKQD5oKLpldT2aJ6P1.fV6rxAyg36xZUiM2jM/O8WmxugieiYa.swJzr2k4LQdkG5cC7F0Pn.0PA",
    "{ARGON2}$argon2i$v=19$m=4096,t=3,p=1$iM/hCyYvpXjSJ76l2YB9lw$lkHmfGAzu8wPOl0C/xyQxg5tinlDZYZBuTfEf6jXHRc",
    "{CRYPT}$5$ZTSaBmFHMODe$ue1RiWdGMbbVIlspvg5qxMj5QQbjWGtBtytDQqkF255",
    "{UNIX}$5$ZTSaBmFHMODe$ue1RiWdGMbbVIlspvg5qxMj5QQbjWGtBtytDQqkF255",
    "{Crypt}$1$LoR3aH/I$05/FTeWCjSMdthCIGYOz0.",
    "{crypt}j4mEvNYbKy0MA",
];

fn is_malformed(stored: &str) -> bool {
    let checked = Stored::parse(stored.as_bytes()).and_then(|stored| stored.check(b"x"));
    matches!(checked, Err(NotCompared::Malformed(_)))
}

#[test]
fn the_right_password_matches_every_scheme() {
    for stored in STORED {
        assert_eq!(check(PASSWORD.as_bytes(), stored.as_bytes()), Ok(true), "{stored}");
    }
}

#[test]
fn a_hash_that_would_take_minutes_is_not_computed() {
    let argon2 = |cost: &str| {
        let hash = format!("$argon2id$v=19${cost},p=1$YWFhYWFhYWE$YWFhYWFhYWFhYWFhYWFhYQ");
        Stored::parse_hash(hash.as_bytes()).and_then(|stored| stored.inspect())
    };
    assert!(argon2("m=1048576,t=4").is_ok() && argon2("m=1048576,t=100").is_err());
    assert!(!is_endless(b"$sha1$40000$abc$x"));
    for hash in [
        "$6$rounds=999999999$abc$def",
        "$5$rounds=10000001$abc$def",
        "$2b$31$OS1T9I.nCai3fDlip.3Ta.",
        "$sha1$4294967295$abc$x",
        "$sha1$9999999999$abc$x",
        "$sha1$-1$abc$x",
        "$md5,rounds=4294963199$abc$def",
        "$y$jRT$abc$def",
        "$gy$jRT$abc$def",
        "$7$zU..../....abc$def",
    ] {
        assert!(is_malformed(&format!("{{CRYPT}}{hash}")), "{hash}");
        assert!(Stored::parse_hash(hash.as_bytes()).unwrap().inspect().is_err(), "{hash}");
    }
    for hash in [
        "$6$rounds=10000000$abc$def",
        "$6$rounds=x$abc",
        "$2b$20$OS1T9I.nCai3fDlip.3Ta.",
        "$2b",
        "$1$31$x",
        "$y$j9T$abc$def",
        "$md5$abc",
    ] {
        assert!(!is_endless(hash.as_bytes()), "{hash}");
    }
}

#[test]
fn a_wrong_password_matches_no_scheme() {
    // descrypt looks at eight bytes only, which all of these differ in.
    for stored in STORED {
        for wrong in ["", "s3cret", "S3cret Päss", "x", "{CLEARTEXT}s3cret Päss"] {
            assert_eq!(check(wrong.as_bytes(), stored.as_bytes()), Ok(false), "{stored}: {wrong}");
        }
    }
}

#[test]
fn the_stored_hash_itself_is_no_password() {
    for stored in STORED.iter().filter(|stored| stored.starts_with('{')) {
        assert_eq!(check(stored.as_bytes(), stored.as_bytes()), Ok(false), "{stored}");
    }
    for unknown in ["{WHIRLPOOL}abc", "{SASL}anna@example.org", "{ssha-3}x", "{x}"] {
        assert!(is_malformed(unknown), "{unknown}");
        assert_eq!(check(unknown.as_bytes(), unknown.as_bytes()), Ok(false), "{unknown}");
    }
}

#[test]
fn a_hash_that_has_been_cut_or_lengthened_matches_nothing() {
    for stored in STORED {
        let stored = stored.trim_end_matches('=');
        let (_, cut) = stored.as_bytes().split_last().unwrap();
        assert_ne!(check(PASSWORD.as_bytes(), cut), Ok(true), "{stored}");
        assert_ne!(check(PASSWORD.as_bytes(), format!("{stored}A").as_bytes()), Ok(true), "{stored}");
    }
}

#[test]
fn braces_without_a_name_between_them_are_part_of_a_plain_password() {
    for plain in ["{", "{}", "{}x", "{x", "x{SSHA}y", "}"] {
        assert_eq!(check(plain.as_bytes(), plain.as_bytes()), Ok(true), "{plain}");
    }
}

#[test]
fn nothing_stored_matches_nothing() {
    for stored in ["", "{SHA}", "{CRYPT}", "{CLEARTEXT}", "{PBKDF2}", "{ARGON2}", "{CRYPT}*", "{CRYPT}!x"] {
        for password in ["", "x", stored] {
            assert_eq!(check(password.as_bytes(), stored.as_bytes()), Ok(false), "{stored}: {password}");
        }
    }
}

#[test]
fn a_hash_that_asks_for_too_much_work_is_an_error() {
    for stored in [
        "{PBKDF2}4294967295$qP46H2IWx9aoV0TwVoFvyg$ijiQjWLlvAi7LlzgClewDpMOgzE",
        "{PBKDF2}0$qP46H2IWx9aoV0TwVoFvyg$ijiQjWLlvAi7LlzgClewDpMOgzE",
        "{ARGON2}$argon2i$v=19$m=4294967295,t=3,p=1$iM/hCyYvpXjSJ76l2YB9lw$lkHmfGAzu8wPOl0C/xyQxg5tinlDZYZBuTfEf6jXHRc",
        "{ARGON2}$argon2i$v=19$m=4096,t=4294967295,p=1$iM/hCyYvpXjSJ76l2YB9lw$lkHmfGAzu8wPOl0C/xyQxg5tinlDZYZBuTfEf6jXHRc",
    ] {
        assert!(is_malformed(stored), "{stored}");
        assert_eq!(check(b"x", stored.as_bytes()), Ok(false), "{stored}");
    }
}

#[test]
fn malformed_hashes_are_errors_and_never_match() {
    for stored in [
        "{SHA}!!!!",
        "{SHA}CmYy",
        "{SSHA}CmYy",
        "{PBKDF2}1",
        "{PBKDF2}1$",
        "{PBKDF2}x$y$z",
        "{PBKDF2}1$A$A",
        "{ARGON2}x",
        "{ARGON2}$argon2x$v=19$m=8,t=1,p=1$iM/hCyYvpXjSJ76l2YB9lw$lkHmfGAzu8wPOl0C",
    ] {
        assert!(is_malformed(stored), "{stored}");
        assert_eq!(check(b"x", stored.as_bytes()), Ok(false), "{stored}");
    }
}

#[test]
fn only_schemes_made_to_be_slow_are_left_to_a_worker() {
    for stored in STORED {
        let slow = ["{CRYPT}", "{UNIX}", "{PBKDF2", "{ARGON2}"];
        let expected = slow.iter().any(|scheme| stored.to_ascii_uppercase().starts_with(scheme));
        assert_eq!(Stored::parse(stored.as_bytes()).unwrap().is_slow(), expected, "{stored}");
    }
}

/// Fuzzing found the control byte, which the library quotes.
#[test]
fn no_letter_of_what_is_stored_is_told() {
    for stored in [
        "{ARGON2}$argon2id$v=1\u{19}$m=16,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
        "{ARGON2}$argon2id$v=19$m=16,t=\u{19},p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
        "{ARGON2}$argon2id$v=19$m=16,t=2,p=1$c2Fsd\u{19}NhbHQ$aGFzaGhhc2hoYXNo",
        "{ARGON2}$argon2id$v=19$m=16,t=2,p=1$c2FsdHNhbHQ$aGFzaG\u{19}hc2hoYXNo",
    ] {
        let Some(NotCompared::Malformed(told)) = Stored::parse(stored.as_bytes()).unwrap().inspect().err()
        else {
            panic!("{stored:?}")
        };
        assert!(!told.contains(['\u{19}', '\'']), "{told:?}");
    }
}
