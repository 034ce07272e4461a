//! Logins against real modules, through service files that the tests put into /etc/pam.d.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::secret::Secret;
use crate::skipped;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A service file with a name of its own, removed with the test.
struct Service(PathBuf);

impl Service {
    /// `None`, with a word about it, for a user who may not write to /etc/pam.d.
    fn with(test: &str, lines: &str) -> Option<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(format!("/etc/pam.d/saslauthd-rs-test-{}-{number}", std::process::id()));
        if let Err(error) = fs::write(&path, format!("{lines}\n")) {
            skipped::note(test, &format!("cannot write {}: {error}", path.display()));
            return None;
        }
        Some(Self(path))
    }

    fn name(&self) -> &[u8] {
        self.0.file_name().unwrap().as_encoded_bytes()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        fs::remove_file(&self.0).unwrap();
    }
}

fn credentials(service: &[u8]) -> Credentials {
    Credentials {
        login: b"anna".to_vec(),
        sent_login: None,
        password: Secret::copy_of(b"s3cret"),
        service: service.to_vec(),
        realm: Vec::new(),
        client: None,
        connection: None,
    }
}

/// The outcome of anna's login with the service file `lines`.
fn outcome(test: &str, lines: &str) -> Option<Outcome> {
    let service = Service::with(test, lines)?;
    Some(Pam::default().verify(&credentials(service.name())).outcome)
}

#[test]
fn a_stack_that_permits_accepts() {
    let Some(outcome) = outcome(
        "a_stack_that_permits_accepts",
        "auth required pam_permit.so\naccount required pam_permit.so",
    ) else {
        return;
    };
    assert_eq!(outcome, Outcome::ACCEPT);
}

#[test]
fn a_stack_that_denies_the_password_is_a_pam_auth_error() {
    let test = "a_stack_that_denies_the_password_is_a_pam_auth_error";
    let lines = "auth required pam_deny.so\naccount required pam_permit.so";
    let Some(outcome) = outcome(test, lines) else { return };
    assert_eq!(outcome, Outcome::reject("PAM auth error"));
}

#[test]
fn a_stack_that_denies_the_account_is_a_pam_acct_error() {
    let test = "a_stack_that_denies_the_account_is_a_pam_acct_error";
    let lines = "auth required pam_permit.so\naccount required pam_deny.so";
    let Some(outcome) = outcome(test, lines) else { return };
    assert_eq!(outcome, Outcome::reject("PAM acct error"));
}

#[test]
fn a_code_that_blames_the_user_rejects_and_one_that_blames_the_service_is_unavailable() {
    let test = "a_code_that_blames_the_user_rejects_and_one_that_blames_the_service_is_unavailable";
    for (code, unavailable) in [
        ("auth_err", false),
        ("user_unknown", false),
        ("maxtries", false),
        ("new_authtok_reqd", false),
        ("acct_expired", false),
        ("perm_denied", false),
        ("authinfo_unavail", true),
        ("service_err", true),
        ("system_err", false),
        ("abort", true),
        ("try_again", true),
    ] {
        for (word, text) in [("auth", "PAM auth error"), ("acct", "PAM acct error")] {
            let lines = format!(
                "auth [success=ok default=die] pam_debug.so {word}={code}\n\
                 account [success=ok default=die] pam_debug.so {word}={code}"
            );
            match outcome(test, &lines) {
                None => return,
                Some(Outcome::Unavailable(refusal)) => {
                    assert!(unavailable, "{word}={code}: {refusal:?}");
                    assert_eq!(refusal.text, text);
                    let step = if word == "auth" { "pam_authenticate: " } else { "pam_acct_mgmt: " };
                    assert!(refusal.reason.starts_with(step), "{refusal:?}");
                }
                Some(Outcome::Reject(refusal)) => {
                    assert!(!unavailable, "{word}={code}: {refusal:?}");
                    assert_eq!((&*refusal.text, &*refusal.reason), (text, text), "{word}={code}");
                    let is_unknown_login = (word, code) == ("auth", "user_unknown");
                    assert_eq!(refusal.is_unknown_login, is_unknown_login, "{word}={code}");
                }
                Some(Outcome::Accept(_)) => panic!("{word}={code} is accepted"),
            }
        }
    }
}

#[test]
fn a_module_that_does_not_exist_is_unavailable() {
    let test = "a_module_that_does_not_exist_is_unavailable";
    let Some(outcome) = outcome(test, "auth required pam_there_is_no_such_module.so") else { return };
    let reason = "pam_authenticate: Module is unknown";
    assert_eq!(outcome, Outcome::unavailable("PAM auth error", reason));
}

#[test]
fn a_service_file_that_makes_no_sense_is_a_pam_start_error_or_denies() {
    let test = "a_service_file_that_makes_no_sense_is_a_pam_start_error_or_denies";
    let Some(outcome) = outcome(test, "nonsense nonsense nonsense") else { return };
    assert!(!matches!(outcome, Outcome::Accept(_)), "{outcome:?}");
}

#[test]
fn modules_see_the_login_the_password_the_service_and_the_bare_address() {
    let test = "modules_see_the_login_the_password_the_service_and_the_bare_address";
    let directory = tempfile::tempdir().unwrap();
    let seen = directory.path().join("seen");
    let script = directory.path().join("script");
    let text = "printf '%s|%s|%s|%s|%s' \"$PAM_USER\" \"$PAM_SERVICE\" \"$PAM_RHOST\" \"$PAM_TTY\" \
                \"$(tr -d '\\000')\"";
    fs::write(&script, format!("{text} > {}\n", seen.display())).unwrap();
    let lines = format!(
        "auth required pam_exec.so quiet expose_authtok /bin/sh {}\naccount required pam_permit.so",
        script.display()
    );
    let Some(service) = Service::with(test, &lines) else { return };
    let name = String::from_utf8(service.name().to_vec()).unwrap();
    for (client, shown) in
        [(None, ""), (Some("192.0.2.7"), "192.0.2.7"), (Some("2001:db8::7"), "2001:db8::7")]
    {
        let mut credentials = credentials(service.name());
        credentials.client = client.map(|address| address.parse().unwrap());
        assert_eq!(Pam::default().verify(&credentials).outcome, Outcome::ACCEPT);
        assert_eq!(fs::read_to_string(&seen).unwrap(), format!("anna|{name}|{shown}||s3cret"));
    }
}

#[test]
fn a_login_that_a_module_changes_is_believed() {
    // pam_ftp sets PAM_USER to "ftp" for anonymous logins.
    let test = "a_login_that_a_module_changes_is_believed";
    let lines = "auth sufficient pam_ftp.so\naccount required pam_permit.so";
    let Some(service) = Service::with(test, lines) else { return };
    for login in ["anonymous", "ftp"] {
        let mut credentials = credentials(service.name());
        credentials.login = login.into();
        credentials.password = Secret::copy_of(b"anna@example.org");
        assert_eq!(Pam::default().verify(&credentials).outcome, Outcome::ACCEPT);
    }
}

#[test]
fn the_delay_after_a_failure_is_owed_and_not_slept() {
    let test = "the_delay_after_a_failure_is_owed_and_not_slept";
    let lines = "auth optional pam_faildelay.so delay=600000000\nauth required pam_deny.so";
    let Some(service) = Service::with(test, lines) else { return };
    // libpam varies the ten minutes by up to a half; slept, they would end this test by its patience.
    let verdict = Pam::default().verify(&credentials(service.name()));
    assert_eq!(verdict.outcome, Outcome::reject("PAM auth error"));
    assert!(verdict.delay >= Some(Duration::from_secs(250)), "{verdict:?}");
}

#[test]
fn an_accepted_login_owes_no_delay() {
    let test = "an_accepted_login_owes_no_delay";
    let lines = "auth optional pam_faildelay.so delay=600000000\nauth required pam_permit.so\n\
                 account required pam_permit.so";
    let Some(service) = Service::with(test, lines) else { return };
    let verdict = Pam::default().verify(&credentials(service.name()));
    assert_eq!(verdict, Verdict { outcome: Outcome::ACCEPT, delay: Some(Duration::ZERO) });
}

#[test]
fn pam_unix_refuses_a_wrong_password_at_once() {
    let test = "pam_unix_refuses_a_wrong_password_at_once";
    let Some(service) = Service::with(test, "auth required pam_unix.so") else { return };
    for (login, is_unknown_login) in [("root", false), ("no-such-login-in-any-database", true)] {
        let mut credentials = credentials(service.name());
        credentials.login = login.into();
        let verdict = Pam::default().verify(&credentials);
        let refusal = Refusal { is_unknown_login, ..Refusal::new("PAM auth error") };
        assert_eq!(verdict.outcome, Outcome::Reject(refusal), "{login}");
        assert!(verdict.delay > Some(Duration::ZERO), "{login}");
    }
}

#[test]
fn a_changed_service_file_counts_at_the_next_login_although_a_handle_is_held() {
    let test = "a_changed_service_file_counts_at_the_next_login_although_a_handle_is_held";
    let permits = "auth required pam_permit.so\naccount required pam_permit.so\n";
    let Some(service) = Service::with(test, permits) else { return };
    let mut pam = Pam::default();
    for _ in 0..3 {
        fs::write(&service.0, permits).unwrap();
        assert_eq!(pam.verify(&credentials(service.name())).outcome, Outcome::ACCEPT);
        fs::write(&service.0, "auth required pam_deny.so\n").unwrap();
        assert_eq!(pam.verify(&credentials(service.name())).outcome, Outcome::reject("PAM auth error"));
    }
}

#[test]
fn modules_stay_mapped_between_logins_and_are_let_go_with_the_mechanism() {
    let test = "modules_stay_mapped_between_logins_and_are_let_go_with_the_mechanism";
    // A module that no other test of this process maps.
    let mapped = || fs::read_to_string("/proc/self/maps").unwrap().contains("/pam_issue.so");
    let lines = "auth optional pam_issue.so issue=/dev/null\nauth required pam_permit.so\n\
                 account required pam_permit.so";
    let Some(service) = Service::with(test, lines) else { return };
    let mut pam = Pam::default();
    assert!(!mapped());
    assert_eq!(pam.verify(&credentials(service.name())).outcome, Outcome::ACCEPT);
    assert!(mapped());
    drop(pam);
    assert!(!mapped());
}

#[test]
fn no_handle_is_held_of_a_service_with_a_missing_module() {
    let test = "no_handle_is_held_of_a_service_with_a_missing_module";
    // A module that no other test of this process maps.
    let mapped = || fs::read_to_string("/proc/self/maps").unwrap().contains("/pam_echo.so");
    let missing = "auth required pam_there_is_no_such_module.so\nauth optional pam_echo.so\n";
    let permits = "auth required pam_permit.so\nauth optional pam_echo.so\naccount required pam_permit.so\n";
    let Some(service) = Service::with(test, missing) else { return };
    let mut pam = Pam::default();
    assert!(matches!(pam.verify(&credentials(service.name())).outcome, Outcome::Unavailable(_)));
    assert!(!mapped());
    fs::write(&service.0, permits).unwrap();
    assert_eq!(pam.verify(&credentials(service.name())).outcome, Outcome::ACCEPT);
    assert!(mapped());
}

#[test]
fn a_service_name_that_is_a_path_is_refused_before_pam_is_started() {
    let long = [b'x'; 256];
    for service in [
        &b"/etc/passwd"[..],
        b"../shadow",
        b"smtp/",
        b"/",
        b".",
        b"..",
        b"smtp\n",
        b"smtp\0x",
        b"\x7f",
        &long,
    ] {
        let Outcome::Reject(refusal) = Pam::default().verify(&credentials(service)).outcome else {
            panic!("{} was not refused", service.escape_ascii());
        };
        assert_eq!(refusal.text, "PAM start error");
        assert!(refusal.reason.starts_with("PAM service refused: "), "{refusal:?}");
    }
}

#[test]
fn every_other_service_name_is_taken_as_it_is_and_an_empty_one_is_other() {
    for service in
        [&b"smtp"[..], b"sieve", b"pop3", b"mein dienst", b"...", "jabber-\u{e4}".as_bytes(), &[b'x'; 255]]
    {
        assert_eq!(service_name(service).unwrap().to_bytes(), service);
    }
    assert_eq!(service_name(b"").unwrap().as_c_str(), c"other");
}
