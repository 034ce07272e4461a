//! The keys of `saslauthd.conf` that begin with `policy_`.
#![forbid(unsafe_code)]

use crate::http::target::Target;
use crate::mechanism::tls_keys;
use crate::net::exchange::TlsSettings;
use crate::policy::policy_server::{OnUnavailable, PolicySettings};
use crate::secret::Secret;
use crate::settings::file::Problem;
use crate::settings::keys::Keys;
use crate::settings::raw_settings::RawSettings;
use std::time::Duration;

/// What all keys begin with, without the underscore.
pub const PREFIX: &str = "policy";

/// The keys, each with its other spellings.
pub const KEYS: &[&[&str]] = &[
    &["policy_url"],
    &["policy_user"],
    &["policy_password"],
    &["policy_nonce"],
    &["policy_timeout"],
    &["policy_on_unavailable"],
    &["policy_report"],
    &["policy_log_only"],
    &["policy_tls_check_peer"],
    &["policy_tls_cacert_file"],
    &["policy_tls_cacert_dir"],
    &["policy_tls_cert"],
    &["policy_tls_key"],
    &["policy_tls_ciphers"],
    &["policy_tls_cipher_suites"],
    &["policy_tls_min_version"],
];

/// Those whose values are secret.
pub const PASSWORDS: [&str; 2] = ["policy_password", "policy_nonce"];

const URL: &[&str] = &["policy_url"];
const USER: &[&str] = &["policy_user"];
const PASSWORD: &[&str] = &["policy_password"];
const NONCE: &[&str] = &["policy_nonce"];

/// As Dovecot's.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What the file says.
pub(super) struct Settings {
    /// `policy_url`; at least one.
    pub(super) targets: Vec<Target>,
    /// `policy_user`
    pub(super) user: Option<String>,
    /// `policy_password`
    pub(super) password: Secret,
    /// The other keys.
    pub(super) policy: PolicySettings,
    /// `policy_tls_…`
    pub(super) tls: TlsSettings,
}

/// Whether a policy server is named in the general part.
pub(super) fn is_there(sources: &RawSettings) -> bool {
    let Some(text) = &sources.file else { return false };
    let file = text.parse(&mut Vec::new());
    file.general.entries.iter().any(|entry| URL.contains(&entry.key.as_str()))
}

/// Reads all keys. What is wrong with them is added to `problems`; `None` if no server is named, or none can be asked.
pub(super) fn read(sources: &RawSettings, problems: &mut Vec<Problem>) -> Option<Settings> {
    let text = sources.file.as_ref()?;
    let file = text.parse(&mut Vec::new());
    let mut found = Vec::new();
    let keys = &mut Keys::new(text.path(), vec![&file.general], &mut found);
    let settings = keys.entry(URL).map(|_| read_all(keys));
    if settings.is_none() {
        warn_of_the_others(keys);
    }
    let usable = !found.iter().any(Problem::is_error);
    problems.extend(found);
    settings.flatten().filter(|_| usable)
}

fn read_all(keys: &mut Keys<'_>) -> Option<Settings> {
    const WORDS: [(&str, OnUnavailable); 2] =
        [("allow", OnUnavailable::Allow), ("unavailable", OnUnavailable::Unavailable)];
    let targets = targets(keys);
    let (user, password) = account(keys);
    let nonce = keys.secret(NONCE);
    if nonce.is_none() {
        keys.miss(
            "policy_nonce is missing: any secret text, the same at all hosts that ask the policy server",
        );
    }
    let timeout = keys.number(&["policy_timeout"], 1..=60).map(|seconds| Duration::from_secs(seconds.into()));
    let policy = PolicySettings {
        nonce: nonce.unwrap_or_default(),
        timeout: timeout.unwrap_or(TIMEOUT),
        on_unavailable: keys.choice(&["policy_on_unavailable"], &WORDS).unwrap_or(OnUnavailable::Allow),
        reports: keys.flag(&["policy_report"]).unwrap_or(true),
        log_only: keys.flag(&["policy_log_only"]).unwrap_or(false),
    };
    let tls = tls_keys::read(keys, PREFIX, TlsSettings::default());
    (!targets.is_empty()).then_some(Settings { targets, user, password, policy, tls })
}

fn targets(keys: &mut Keys<'_>) -> Vec<Target> {
    let (Some(entry), Some(text)) = (keys.entry(URL), keys.text(URL)) else { return Vec::new() };
    let mut targets = Vec::new();
    let mut offset = 0;
    for word in text.split([' ', '\t']) {
        match Target::of_url(word) {
            _ if word.is_empty() => {}
            Ok(target) => targets.push(target),
            Err(wrong) => keys.complain_at(entry, Some(offset), wrong),
        }
        offset += word.len() + 1;
    }
    targets
}

/// Both or none. HTTP has no way to write a user with a colon.
fn account(keys: &mut Keys<'_>) -> (Option<String>, Secret) {
    let user = keys.text(USER).map(str::to_owned);
    let password = keys.secret(PASSWORD);
    if let (Some(entry), Some(true)) = (keys.entry(USER), user.as_ref().map(|user| user.contains(':'))) {
        keys.complain(entry, "cannot have a colon in it");
    }
    match (keys.entry(USER), keys.entry(PASSWORD)) {
        (Some(entry), None) => keys.complain(entry, "is of no use without policy_password"),
        (None, Some(entry)) => keys.complain(entry, "is of no use without policy_user"),
        _ => {}
    }
    (user, password.unwrap_or_default())
}

/// The others mean nothing without a server, and whoever has written them will think that there is one.
fn warn_of_the_others(keys: &mut Keys<'_>) {
    for names in KEYS {
        if let Some(entry) = keys.entry(names) {
            keys.warn(entry, "has no effect without policy_url");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::settings::file::Text;

    fn sources(text: &str) -> RawSettings {
        let text = Text { path: "/c".into(), bytes: Secret::copy_of(text.as_bytes()) };
        RawSettings { file: Some(text), ..RawSettings::default() }
    }

    fn read_text(text: &str) -> (Option<Settings>, Vec<String>) {
        let mut problems = Vec::new();
        let settings = read(&sources(text), &mut problems);
        (settings, problems.iter().map(ToString::to_string).collect())
    }

    fn good(text: &str) -> Settings {
        let (settings, problems) = read_text(text);
        assert_eq!(problems, [""; 0], "{text}");
        settings.unwrap()
    }

    const LEAST: &str = "policy_url: http://127.0.0.1:8084/\npolicy_nonce: localnonce\n";

    #[test]
    fn what_is_not_said_is_as_in_dovecot() {
        let settings = good(LEAST);
        assert_eq!(settings.policy.timeout, Duration::from_secs(2));
        assert_eq!(settings.policy.on_unavailable, OnUnavailable::Allow);
        assert!(settings.policy.reports && !settings.policy.log_only);
        assert!(settings.user.is_none() && settings.tls == TlsSettings::default());
        assert!(settings.policy.nonce == Secret::copy_of(b"localnonce"));
    }

    #[test]
    fn every_key_lands_in_its_place() {
        let settings = good(
            "policy_url: https://a.example/ \thttp://b.example:8084/?\npolicy_user: wforce\npolicy_password: super\n\
             policy_nonce: n\npolicy_timeout: 5\npolicy_on_unavailable: unavailable\npolicy_report: no\n\
             policy_log_only: yes\npolicy_tls_cacert_file: /ca.pem\n",
        );
        let names: Vec<_> = settings.targets.iter().map(|target| target.server.name.as_str()).collect();
        assert_eq!(names, ["https://a.example", "http://b.example:8084"]);
        assert_eq!(settings.user.as_deref(), Some("wforce"));
        assert!(settings.password == Secret::copy_of(b"super"));
        assert_eq!(settings.policy.timeout, Duration::from_secs(5));
        assert_eq!(settings.policy.on_unavailable, OnUnavailable::Unavailable);
        assert!(!settings.policy.reports && settings.policy.log_only);
        assert_eq!(settings.tls.authorities_file, Some("/ca.pem".into()));
    }

    #[test]
    fn without_a_server_there_is_none_and_the_other_keys_are_warned_about() {
        assert!(read_text("ldap_servers: x\n").0.is_none());
        assert_eq!(read_text("ldap_servers: x\n").1, [""; 0]);
        assert_eq!(
            read_text("policy_nonce: x\n").1,
            ["/c:1:15: policy_nonce has no effect without policy_url"]
        );
        assert!(!is_there(&sources("[realm x]\npolicy_url: http://a/\n")), "nobody reads it there");
        assert!(is_there(&sources(LEAST)) && !is_there(&RawSettings::default()));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_column_and_shows_no_secret() {
        for (lines, place) in [
            ("policy_url: http://a/ ftp://b/", "/c:1:23:"),
            ("policy_url: http://anna:hunter2@a/", "/c:1:13:"),
            ("policy_url: http://a/\npolicy_user: wforce", "/c:2:14:"),
            ("policy_url: http://a/\npolicy_password: hunter2", "/c:2:18:"),
            ("policy_url: http://a/\npolicy_user: a:hunter2\npolicy_password: x", "/c:2:14:"),
            ("policy_url: http://a/\npolicy_timeout: 0", "/c:2:17:"),
            ("policy_url: http://a/\npolicy_timeout: 61", "/c:2:17:"),
            ("policy_url: http://a/\npolicy_on_unavailable: reject", "/c:2:24:"),
            ("policy_url: http://a/\npolicy_report: hunter2", "/c:2:16:"),
            ("policy_url: http://a/\npolicy_tls_key: /k", "/c:2:17:"),
        ] {
            let (settings, problems) = read_text(&format!("{lines}\npolicy_nonce: hunter2\n"));
            assert!(settings.is_none(), "{lines}");
            assert!(problems.len() == 1 && problems.iter().all(|one| one.starts_with(place)), "{problems:?}");
            assert!(problems.iter().all(|one| !one.contains("hunter2")), "{problems:?}");
        }
        let (settings, problems) = read_text("policy_url: http://a/\n");
        assert!(
            settings.is_none() && problems.iter().all(|one| one.starts_with("/c: policy_nonce is missing"))
        );
    }
}
