//! Every scheme of the Dovecot that is installed, as it writes it.
#![allow(clippy::unwrap_used)]

use super::*;
use std::process::Command;

const LOGIN: &str = "anna@example.org";
const PASSWORD: &str = "s3cret Päss";

/// Of these the digest is written in other ways as well.
const DIGESTS: [&str; 8] = ["SHA", "SSHA", "SHA256", "SSHA256", "SHA512", "SSHA512", "SMD5", "CRAM-MD5"];

/// `doveadm pw` writes no length, which Dovecot then misses.
const WITHOUT_LENGTH: &str = "PLAIN-TRUNC";

fn doveadm(arguments: &[&str]) -> Option<String> {
    let output = Command::new("doveadm").arg("pw").args(arguments).output().ok()?;
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

#[test]
fn what_doveadm_writes_now_matches_the_password_and_no_other() {
    let Some(listed) = doveadm(&["-l"]) else {
        return crate::skipped::note("what_doveadm_writes_now", "needs doveadm(1)");
    };
    let listed = listed.split_whitespace().filter(|scheme| *scheme != WITHOUT_LENGTH).map(str::to_owned);
    let encoded = DIGESTS.iter().flat_map(|scheme| [format!("{scheme}.HEX"), format!("{scheme}.b64")]);
    let schemes: Vec<_> = listed.chain(encoded).collect();
    assert!(schemes.len() > 40, "{schemes:?}");
    for scheme in schemes {
        let written = doveadm(&["-s", &scheme, "-p", PASSWORD, "-u", LOGIN]).unwrap();
        let (name, value) = written.strip_prefix('{').and_then(|rest| rest.split_once('}')).unwrap();
        let check_of = |stored: Result<Stored<'_>, NotCompared>, password: &str| {
            stored.and_then(|stored| stored.check_of(LOGIN.as_bytes(), password.as_bytes()))
        };
        let with_scheme = || Stored::parse_value(written.as_bytes(), None);
        if scheme == "OTP" {
            assert!(matches!(check_of(with_scheme(), PASSWORD), Err(NotCompared::Malformed(_))));
            continue;
        }
        assert_eq!(check_of(with_scheme(), PASSWORD), Ok(true), "{written}");
        assert_eq!(check_of(with_scheme(), "S3cret Päss"), Ok(false), "{written}");
        let usual = KnownScheme::parse(name.as_bytes());
        assert_eq!(check_of(Stored::parse_value(value.as_bytes(), usual), PASSWORD), Ok(true), "{written}");
    }
}
