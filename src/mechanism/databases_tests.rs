//! shadow and getpwent against accounts made for the test: it runs itself again in a mount namespace of its own,
//! where /etc/passwd and /etc/shadow are other files. The machine's own are not touched.
#![allow(clippy::unwrap_used)]

use crate::credentials::Credentials;
use crate::mechanism::{Means, getpwent, shadow};
use crate::outcome::Outcome;
use crate::skipped;
use std::fs;
use std::process::Command;
use std::time::SystemTime;

const INSIDE: &str = "SASLAUTHD_TEST_IN_OWN_DATABASES";

/// `s3cret` by md5crypt, which is quick.
const HASH: &str = "$1$LoR3aH/I$FUr6ZLfgcNsdPr7Sv2MIh1";

const LOGINS: [&str; 13] = [
    "good",
    "noshadow",
    "locked",
    "nopassword",
    "nis",
    "over",
    "zero",
    "lastday",
    "shortest",
    "tochange",
    "old",
    "grace",
    "graceover",
];

#[test]
fn accounts_of_every_kind_are_answered_as_the_c_daemon_does_or_better() {
    if std::env::var_os(INSIDE).is_some() {
        return ask_about_everybody();
    }
    if !Command::new("unshare").args(["-m", "true"]).output().is_ok_and(|output| output.status.success()) {
        let test = "accounts_of_every_kind_are_answered_as_the_c_daemon_does_or_better";
        return skipped::note(test, "needs root and unshare(1)");
    }
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("passwd"), passwd()).unwrap();
    fs::write(directory.path().join("shadow"), shadow()).unwrap();
    let script = "mount --bind passwd /etc/passwd && mount --bind shadow /etc/shadow && exec \"$0\" --nocapture \"$1\"";
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg("accounts_of_every_kind_are_answered")
        .current_dir(directory.path())
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn passwd() -> String {
    let shadowed: String =
        LOGINS.iter().map(|login| format!("{login}:x:3000:3000::/:/bin/false\n")).collect();
    format!("root:x:0:0::/root:/bin/sh\n{shadowed}inpasswd:{HASH}:3001:3000::/:/bin/false\n")
}

fn shadow() -> String {
    let today = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() / 86_400;
    let (yesterday, before) = (today - 1, today - 10);
    format!(
        "root:*:{today}:0:99999:7:::\n\
         good:{HASH}:{today}:0:99999:7:::\n\
         locked:!{HASH}:{today}:0:99999:7:::\n\
         nopassword::{today}:0:99999:7:::\n\
         nis:*NP*:{today}:0:99999:7:::\n\
         over:{HASH}:{today}:0:99999:7::{yesterday}:\n\
         zero:{HASH}:{today}:0:99999:7::0:\n\
         lastday:{HASH}:{today}:0:99999:7::{today}:\n\
         shortest:{HASH}:{before}:0:0:7:::\n\
         tochange:{HASH}:0:0:99999:7:::\n\
         old:{HASH}:{before}:0:5:7:::\n\
         grace:{HASH}:{before}:0:5:7:9::\n\
         graceover:{HASH}:{before}:0:5:7:2::\n"
    )
}

fn ask_about_everybody() {
    let not_permitted = "NO Insufficient permission to access NIS authentication database (saslauthd)";
    for (mechanism, login, right, wrong) in [
        ("shadow", "good", "OK", "NO Incorrect password"),
        ("shadow", "noshadow", "NO Invalid shadow username", "NO Invalid shadow username"),
        ("shadow", "inpasswd", "NO Invalid shadow username", "NO Invalid shadow username"),
        ("shadow", "nobodyatall", "NO Invalid username", "NO Invalid username"),
        ("shadow", "locked", "NO Incorrect password", "NO Incorrect password"),
        ("shadow", "nopassword", "NO Incorrect password", "NO Incorrect password"),
        ("shadow", "nis", not_permitted, not_permitted),
        ("shadow", "over", "NO Account expired", "NO Incorrect password"),
        ("shadow", "old", "NO Password expired", "NO Incorrect password"),
        ("shadow", "graceover", "NO Password expired", "NO Incorrect password"),
        ("shadow", "grace", "NO Password expired", "NO Incorrect password"),
        ("shadow", "zero", "NO Account expired", "NO Incorrect password"),
        ("shadow", "shortest", "NO Password expired", "NO Incorrect password"),
        // The two in which the C daemon accepts and pam_unix does not.
        ("shadow", "lastday", "NO Account expired", "NO Incorrect password"),
        ("shadow", "tochange", "NO Password expired", "NO Incorrect password"),
        ("getpwent", "inpasswd", "OK", "NO Incorrect password"),
        ("getpwent", "good", "NO Incorrect password", "NO Incorrect password"),
        ("getpwent", "nobodyatall", "NO Invalid username", "NO Invalid username"),
    ] {
        assert_eq!(ask(mechanism, login, "s3cret").reply(), right, "{mechanism}: {login}");
        assert_eq!(ask(mechanism, login, "secret").reply(), wrong, "{mechanism}: {login}");
    }
    assert!(matches!(ask("shadow", "nis", "s3cret"), Outcome::Unavailable(_)));
    for (mechanism, unknown, known) in [
        ("shadow", &["noshadow", "inpasswd", "nobodyatall"][..], &["good", "locked", "over", "root"][..]),
        ("getpwent", &["nobodyatall"], &["good", "inpasswd", "root"]),
    ] {
        for (logins, is_unknown) in [(unknown, true), (known, false)] {
            for login in logins {
                let outcome = ask(mechanism, login, "secret");
                let Outcome::Reject(refusal) = outcome else { panic!("{mechanism}: {login}: {outcome:?}") };
                assert_eq!(refusal.is_unknown_login, is_unknown, "{mechanism}: {login}");
                assert_eq!(refusal.reason, refusal.text, "{mechanism}: {login}");
            }
        }
    }
}

fn ask(mechanism: &str, login: &str, password: &str) -> Outcome {
    let credentials = Credentials::of_login(login, password);
    let local = if mechanism == "shadow" { shadow::LOCAL } else { getpwent::LOCAL };
    let mut mechanism = (local.start)(Means::default()).unwrap();
    mechanism.verify(&credentials).outcome
}
