//! Hashes as `doveadm pw` makes them and other programs store them.

use super::{PLAIN, SELECT, ask_in, asking, launch};
use crate::support::Engine;
use crate::support::command::run;
use std::process::Command;

const REALM: &str = "example.org";
const PASSWORD: &str = "right h\u{f6}rse";

/// What Dovecot says that it has.
fn schemes() -> Vec<String> {
    let mut command = Command::new("doveadm");
    command.args(["pw", "-l"]);
    let finished = run(command);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    // Their order and the stream that they are written to are not the same in all releases.
    let text = finished.output + &finished.errors;
    text.split_whitespace().map(str::to_owned).collect()
}

fn hash(scheme: &str, login: &str) -> String {
    let mut command = Command::new("doveadm");
    command.args(["pw", "-s", scheme, "-u", &format!("{login}@{REALM}"), "-p", PASSWORD]);
    // The least work that it allows, where it is not what is tested.
    if scheme.starts_with("BLF-CRYPT") {
        command.args(["-r", "4"]);
    }
    let finished = run(command);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    finished.output.trim().to_owned()
}

#[test]
fn every_hash_that_doveadm_makes_is_checked() {
    require!(Dovecot, Sqlite);
    let schemes = schemes();
    assert!(schemes.len() > 20 && schemes.iter().any(|scheme| scheme == "SSHA512"), "{schemes:?}");
    let encoded =
        ["SHA256.HEX", "SSHA.HEX", "SHA512.B64", "PLAIN-MD5.B64", "SMD5.HEX", "PLAIN.B64", "SSHA256.HEX"];
    let all: Vec<_> = schemes.into_iter().chain(encoded.map(str::to_owned)).collect();
    // One-time passwords have a conversation of their own, and of PLAIN-TRUNC it makes what it cannot check itself.
    let is_for_nobody = |scheme: &String| ["OTP", "SKEY", "PLAIN-TRUNC"].contains(&scheme.as_str());
    let (unusable, all): (Vec<_>, Vec<_>) = all.into_iter().partition(is_for_nobody);
    let database = Engine::Sqlite.start();
    for scheme in all.iter().chain(&unusable) {
        database.add(scheme, REALM, Some(&hash(scheme, scheme)));
    }
    let select = format!("{SELECT} AND realm = '%r'");
    let daemon = launch(&asking(&database, &select).replace(PLAIN, "")).start();
    let mut wrong = Vec::new();
    for scheme in &all {
        for (password, expected) in [(PASSWORD, "OK"), ("wrong h\u{f6}rse", "NO"), ("x", "NO")] {
            let answer = ask_in(&daemon, scheme, REALM, password);
            if answer != expected {
                wrong.push(format!("{scheme} {password:?}: {answer:?}: {}", hash(scheme, scheme)));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for scheme in &unusable {
        assert!(!ask_in(&daemon, scheme, REALM, PASSWORD).is_ok(), "{scheme}");
    }
}

/// Each is the hash of `right`, in the way that the names say; those of one name are told apart by their form.
#[test]
fn hashes_of_other_programs_are_checked_and_names_with_two_meanings_are_told_apart() {
    require!(Sqlite);
    let stored = [
        ("crypt without a name", "$1$6IhhkS.2$UkOBxkF9pR21C6pHItme2."),
        ("MD5 of Dovecot", "{MD5}$1$6IhhkS.2$UkOBxkF9pR21C6pHItme2."),
        ("MD5 of OpenLDAP", "{MD5}fE8pQHiTwzSmy3qHvwRcDQ=="),
        ("PLAIN-MD5", "{PLAIN-MD5}7c4f29407893c334a6cb7a87bf045c0d"),
        ("any case", "{plain-md5}7c4f29407893c334a6cb7a87bf045c0d"),
        ("LDAP-MD5", "{LDAP-MD5}fE8pQHiTwzSmy3qHvwRcDQ=="),
        ("CRYPT", "{CRYPT}$1$6IhhkS.2$UkOBxkF9pR21C6pHItme2."),
        ("PLAIN-TRUNC", "{PLAIN-TRUNC}5-right"),
        ("CLEARTEXT", "{CLEARTEXT}right"),
    ];
    let database = Engine::Sqlite.start();
    for (name, hash) in stored {
        database.add(name, "", Some(hash));
    }
    let daemon = launch(&asking(&database, SELECT).replace(PLAIN, "")).start();
    for (name, hash) in stored {
        assert_eq!(ask_in(&daemon, name, "", "right"), "OK", "{name}");
        assert_eq!(ask_in(&daemon, name, "", "wrong"), "NO", "{name}");
        assert_eq!(ask_in(&daemon, name, "", hash), "NO", "{name}");
    }
}

#[test]
fn a_hash_of_no_known_scheme_is_nobody_s_and_the_log_says_why() {
    require!(Sqlite);
    let database = Engine::Sqlite.start();
    database.add("anna", "", Some("{ROT13}evtug"));
    let daemon = launch(&asking(&database, SELECT)).start();
    for password in ["right", "evtug", "{ROT13}evtug"] {
        assert!(!ask_in(&daemon, "anna", "", password).is_ok());
    }
    daemon.log.wait_for("a scheme that is not known");
    assert!(!daemon.log.all().iter().any(|line| line.contains("evtug")));
}

#[test]
fn the_default_scheme_is_for_what_names_none() {
    require!(Sqlite);
    let database = Engine::Sqlite.start();
    database.add("anna", "", Some("7c4f29407893c334a6cb7a87bf045c0d")).add("otto", "", Some("{PLAIN}right"));
    let settings = asking(&database, SELECT).replace(PLAIN, "sql_default_scheme: PLAIN-MD5\n");
    let daemon = launch(&settings).start();
    for login in ["anna", "otto"] {
        assert_eq!(ask_in(&daemon, login, "", "right"), "OK", "{login}");
        assert_eq!(ask_in(&daemon, login, "", "wrong"), "NO", "{login}");
    }
}
