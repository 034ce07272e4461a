//! What other programs write into their files, for the password `s3cret Päss`.
#![allow(clippy::unwrap_used)]

use super::*;

const PASSWORD: &[u8] = "s3cret Päss".as_bytes();

/// By `doveadm pw` of Dovecot 2.3.19.
const DOVEADM: &[&str] = &[
    "{CRYPT}$2y$05$X6gOW5iI4PupemUZMzKovOcrDXtyLfGgqI8QEE.b7SBgpVEXFt1ye",
    "{SHA512-CRYPT}$6$/ESa6wl4CeHD/tr8$/VgGKHn7b4wKw7XftSrs7wZoOiMf8xOnHIKAyeqECkaDLUA1FFWQfyo5LZpbP11Dh841tEMB6RAoiNn1C/lpW1",
    "{SHA256-CRYPT}$5$gdTO0vQqz0.l/MjF$ZxCANsiEoSr/Bjyv5cLdvBvJk.I4VgqdW3C6A7MlqL3",
    "{BLF-CRYPT}$2y$05$41ZN7Vv93vt6sf18BBaVbOfiZnynF2/2eSj3gLTS1fTBJx7dfwISm",
    "{MD5-CRYPT}$1$YcGaupa6$EJPcYn712nG5AwmK0FuIC.",
    "{DES-CRYPT}rzCD9WcGT3Enw",
    "{MD5}$1$hC9r5IMO$eMFktSFs0LTgqwi05E9Ss.",
    "{SSHA}WMZVlx85MftA9cay74hbSXyHsgteKirb",
    "{SSHA256}yx4tS1o15LmxphfyIC3WTzgn2xBAE8wvhApyCU6mF67W+TW0",
    "{SSHA512}LvHomWh6qKnb1UNBYlL5dN330swNKx9IAClijB1eWyez5FFtCNruoi8Gl7qHXx7bTuTbkrKmtzvkXDopzLduf7xtEUs=",
    "{SHA}CmYyJPsRIeE+rsNomwKRnXQaIDI=",
    "{SHA1}CmYyJPsRIeE+rsNomwKRnXQaIDI=",
    "{SHA256}ZtdQRmu0AbKwYOKmU1Kmhu4ztlvMg+KDWjvZYz27RZs=",
    "{SHA512}aw+fyN5NhvaqUHmtr+M8mQc8P1GCJHfncaI5Pcsf0fkgc9PWVbH1mt6r2+eIYR2ruw+WV69DOSfX8QHbUqBE6A==",
    "{SMD5}60sTdeRjOCagY9q8A8LNFp3rFLE=",
    "{PLAIN-MD5}e343ed541d00bce4fac83890582f8234",
    "{LDAP-MD5}40PtVB0AvOT6yDiQWC+CNA==",
    "{PLAIN}s3cret Päss",
    "{CLEAR}s3cret Päss",
    "{CLEARTEXT}s3cret Päss",
    "{PBKDF2}$1$2/bg5lLFx.//vOdF$5000$1194d42e1c65e36fe7cc95d8f96aec40d1a4c3f5",
    "{SCRAM-SHA-1}4096,QBzcHPTD4H2ciQnKkZyY1Q==,glZpFy0JoU3K+FqP+vczOtjvlnc=,9XHvGAsBflh/r2zaNh6aQcoejDQ=",
    "{SCRAM-SHA-256}4096,H4icq6Nm52iwiqPnucLmxw==,Pp+QhFEFwgCW7+4/hT1kydaRWNBG0XDHyhT/dm5ZfMs=,sXT0iShGfMPBbAN8EGn7jxjrZmqDO/mKDjZxCizzGfA=",
    "{SHA256.HEX}66d750466bb401b2b060e2a65352a686ee33b65bcc83e2835a3bd9633dbb459b",
    "{SHA256}66d750466bb401b2b060e2a65352a686ee33b65bcc83e2835a3bd9633dbb459b",
    "{SSHA256.hex}c6b7375dba09a2a78504532de3fff3f09a0f18d34a0ff19c5f9e307b7834c18eab18e233",
    "{SSHA.HEX}b1ca45f3d4638da382732174f60c36236836fac90e4be955",
    "{SHA512.B64}aw+fyN5NhvaqUHmtr+M8mQc8P1GCJHfncaI5Pcsf0fkgc9PWVbH1mt6r2+eIYR2ruw+WV69DOSfX8QHbUqBE6A==",
    "{PLAIN-MD5.b64}40PtVB0AvOT6yDiQWC+CNA==",
    "{PLAIN.BASE64}czNjcmV0IFDDpHNz",
];

/// By `doveadm pw` too: with its memory of up to 64 MiB too slow to be tried again and again.
const DOVEADM_ARGON2: &[&str] = &[
    "{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$VN4AtM2/VnBwDksINOUjyA$EgrHnpPmPgvPatHIox1znpweii5yMXPe2oXG5IEVHK0",
    "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$Az89o9Q2ThZol2zQftwVeQ$AAcZJj3kceevKpGTA2x54RxPTC2Djjh3E5Rv1sonITc",
];

/// By `htpasswd -m`, `-s` and `-B` of Apache 2.4.
const HTPASSWD: &[&str] = &[
    "$apr1$HLBgSAFI$pALWh1eDZO6DuEQvVgl8N1",
    "{SHA}CmYyJPsRIeE+rsNomwKRnXQaIDI=",
    "$2y$05$voQJp5eWrlq.ia8TfwuodufvdlMs0a4JN.u2afC.6uV39BO8TOVHa",
];

/// By slappasswd 2.5.13; the long password is hashed by `htpasswd -m`, and by argon2(1) without a scheme.
const OTHERS: &[&str] = &[
    "{PBKDF2-SHA256}10000$bi.M/.iNwmgvPLZXmSJ71w$xYOKLpCAvuxtGnat5dGvNOG1n6.8N5Q1I0kZrLcSGfM",
    "{CRYPT}zrDTwrNQ1TepAYfMqJxOIGuM",
    "$argon2i$v=19$m=4096,t=3,p=1$olnlD6iX3vi2AlTyp70YdQ$UUDbV9c3fM/XqMw02D68WhZlpSbBGxH+GnS4zjnOZFg",
];

fn all() -> impl Iterator<Item = &'static str> {
    [DOVEADM, HTPASSWD, OTHERS].into_iter().flatten().copied()
}

fn check_hash(password: &[u8], stored: &str) -> Result<bool, NotCompared> {
    Stored::parse_hash(stored.as_bytes())?.check(password)
}

#[test]
fn what_the_tools_write_matches_the_password_and_no_other() {
    for stored in all() {
        assert_eq!(Stored::parse_hash(stored.as_bytes()).unwrap().inspect(), Ok(()), "{stored}");
        assert_eq!(check_hash(PASSWORD, stored), Ok(true), "{stored}");
        // descrypt looks at eight bytes only, which all of these differ in.
        for wrong in ["", "s3cret", "S3cret Päss", "x", stored] {
            assert_eq!(check_hash(wrong.as_bytes(), stored), Ok(false), "{stored}: {wrong}");
        }
    }
}

#[test]
fn argon2_of_dovecot_matches_the_password() {
    for stored in DOVEADM_ARGON2 {
        assert_eq!(check_hash(PASSWORD, stored), Ok(true), "{stored}");
        assert_eq!(check_hash(b"s3cret", stored), Ok(false), "{stored}");
    }
}

#[test]
fn apr1_takes_passwords_of_any_length() {
    let long = b"a very long password that is longer than sixteen and more than thirty-two bytes";
    for (password, stored) in [
        (&long[..], "$apr1$yJPszXed$16hRq1R3WEu.j5cOEAAZH1"),
        (b"x", "$apr1$JirB5IxI$Y0BUEHKQkgOp6DwLP.PyX1"),
        (b"x", "$apr1$sroN.nON$ZbRXrQUHu63jVMOAs2wi0."),
    ] {
        assert_eq!(check_hash(password, stored), Ok(true), "{stored}");
        assert_eq!(check_hash(&[password, b"x"].concat(), stored), Ok(false), "{stored}");
    }
}

#[test]
fn a_hash_that_has_been_cut_or_lengthened_matches_nothing() {
    for stored in all() {
        let stored = stored.trim_end_matches('=');
        let (_, cut) = stored.as_bytes().split_last().unwrap();
        for changed in [std::str::from_utf8(cut).unwrap_or("x").to_owned(), format!("{stored}A")] {
            assert_ne!(check_hash(PASSWORD, &changed), Ok(true), "{changed}");
        }
    }
}

#[test]
fn a_file_of_hashes_holds_no_password_without_a_scheme() {
    for stored in ["s3cret Päss", "{", "{}", "{s3cret Päss", "}", ""] {
        let inspected = Stored::parse_hash(stored.as_bytes()).and_then(|stored| stored.inspect());
        assert!(inspected.is_err(), "{stored}");
        assert_ne!(check_hash(PASSWORD, stored), Ok(true), "{stored}");
        assert_ne!(check_hash(stored.as_bytes(), stored), Ok(true), "{stored}");
    }
}

#[test]
fn what_is_not_what_its_scheme_says_is_found_without_a_password() {
    for stored in [
        "{SHA}no base64!",
        "{SHA}Zm9v",
        "{SHA256.HEX}66d7",
        "{PLAIN-MD5}g343ed541d00bce4fac83890582f8234",
        "{SHA512-CRYPT}x",
        "{CRYPT}",
        "{PBKDF2}10000$x",
        "{PBKDF2}0$qP46H2IWx9aoV0TwVoFvyg$ijiQjWLlvAi7LlzgClewDpMOgzE",
        "{PBKDF2}$2$2/bg5lLFx.//vOdF$5000$1194d42e1c65e36fe7cc95d8f96aec40d1a4c3f5",
        "{SCRAM-SHA-1}4096,QBzcHPTD4H2ciQnKkZyY1Q==,glZpFy0JoU3K+FqP+vczOtjvlnc=",
        "{SCRAM-SHA-256}4096,QBzcHPTD4H2ciQnKkZyY1Q==,glZpFy0JoU3K+FqP+vczOtjvlnc=,9XHvGAsBflh/r2zaNh6aQcoejDQ=",
        "{SCRAM-SHA-1}99999999999,QBzc,glZpFy0JoU3K+FqP+vczOtjvlnc=,9XHvGAsBflh/r2zaNh6aQcoejDQ=",
        "{ARGON2ID}$argon2id$x",
        "$apr1$HLBgSAFI$pALWh1eDZO6DuEQvVgl8N",
        "$apr1$HLBgSAFIx$pALWh1eDZO6DuEQvVgl8N1",
        "$argon2id$v=19$m=4294967295,t=3,p=1$Az89o9Q2ThZol2zQftwVeQ$AAcZJj3kceevKpGTA2x54RxPTC2Djjh3E5Rv1sonITc",
        "{NTLM}x",
    ] {
        let inspected = Stored::parse_hash(stored.as_bytes()).and_then(|stored| stored.inspect());
        assert!(inspected.is_err(), "{stored}");
        assert_ne!(check_hash(PASSWORD, stored), Ok(true), "{stored}");
    }
}

/// WordPress, phpBB, Drupal, WordPress 6.8, Nextcloud, Django, Joomla, MySQL: whoever looks for the reason must not be told
/// that the password is wrong.
#[test]
fn what_web_applications_write_in_a_way_of_their_own_is_told_not_to_be_known() {
    for stored in [
        "$P$BDTT0ZYFKEmjfSGCrkuxkMdRDSEnBE1",
        "$H$9xAbu5SruQM5WvBldAnS46kQMEw2EQ0",
        "$S$DxVn7wubSRzoK9X2pkGx4njeDRkLEgdqPphc2ZXkkb8Viy8JEGf3",
        "$wp$2y$10$X6gOW5iI4PupemUZMzKovOcrDXtyLfGgqI8QEE.b7SBgpVEXFt1ye",
        "3|$argon2id$v=19$m=65536,t=4,p=1$TU5lL2FhYWFhYWFh$TFJKZ2FhYWFhYWFhYWFhYWFhYWE",
        "pbkdf2_sha256$600000$salt$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g=",
        "d41d8cd98f00b204e9800998ecf8427e:sAlTsAlTsAlTsAlT",
        "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19",
    ] {
        let compared = Stored::parse_value(stored.as_bytes(), None).and_then(|stored| stored.check(b"x"));
        assert!(matches!(compared, Err(NotCompared::Malformed(_))), "{stored}");
    }
}

#[test]
fn a_locked_hash_is_no_fault_and_matches_nothing() {
    for stored in ["!", "*", "!{SSHA}WMZVlx85MftA9cay74hbSXyHsgteKirb", "{CRYPT}!$5$x$y"] {
        assert_eq!(Stored::parse_hash(stored.as_bytes()).unwrap().inspect(), Ok(()), "{stored}");
        assert_eq!(check_hash(PASSWORD, stored), Ok(false), "{stored}");
    }
}
