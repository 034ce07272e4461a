//! All keys of `saslauthd.conf`, whichever mechanism they belong to: a file may serve several daemons.
#![forbid(unsafe_code)]

use super::file::{Entry, File, Section};

/// A key that some mechanism knows.
#[derive(Debug)]
pub struct Key {
    /// The key and its other spellings; `krb5_*_instance` stands for any service.
    pub names: &'static [&'static str],
    /// The mechanism it belongs to.
    pub mechanism: &'static str,
}

/// A line that is passed over, or that means less than it seems to.
pub(super) struct Warning {
    pub(super) line: usize,
    pub(super) text: String,
}

/// Which one of several lines with the same key counts: C's ldap takes the last, its other mechanisms the first.
pub fn last_counts(key: &str) -> bool {
    key.starts_with("ldap_")
}

/// The names of the keys whose values are passwords.
const PASSWORDS: [&str; 2] = ["ldap_bind_pw", "ldap_password"];

/// Whether there is a password in the file, which then should not be open to everybody.
pub fn holds_password(file: &File) -> bool {
    let sections = std::iter::once(&file.general).chain(&file.realms);
    sections.flat_map(|section| &section.entries).any(|entry| PASSWORDS.contains(&entry.key.as_str()))
}

/// The mechanism whose keys can be in a section of a realm.
const WITH_REALMS: &str = "ldap";

/// The key of that name, in small letters.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.names.iter().any(|pattern| matches(pattern, name)))
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => {
            let middle = name.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
            middle.is_some_and(|middle| !middle.is_empty())
        }
    }
}

/// What is odd about the keys of a file, whoever reads it.
pub(super) fn warnings(file: &File) -> Vec<Warning> {
    let general = file.general.entries.iter().filter_map(unknown);
    let in_realms = file.realms.iter().flat_map(|realm| &realm.entries);
    let in_realms = in_realms.filter_map(|entry| unknown(entry).or_else(|| misplaced(entry)));
    let sections = std::iter::once(&file.general).chain(&file.realms);
    general.chain(in_realms).chain(sections.flat_map(repeated)).collect()
}

/// The longest unknown key that is shown whole; in a damaged file it might be anything.
const LONGEST_SHOWN: usize = 64;

fn unknown(entry: &Entry) -> Option<Warning> {
    if find(&entry.key).is_some() {
        return None;
    }
    if entry.key.is_empty() {
        return Some(Warning { line: entry.line, text: "there is no key before the colon".to_owned() });
    }
    let shown =
        entry.key.get(..LONGEST_SHOWN).map_or_else(|| entry.key.clone(), |start| format!("{start}..."));
    Some(Warning { line: entry.line, text: format!("unknown key {shown}") })
}

fn misplaced(entry: &Entry) -> Option<Warning> {
    let key = find(&entry.key).filter(|key| key.mechanism != WITH_REALMS)?;
    let text = format!("{} has no effect here: {} knows no sections for realms", entry.key, key.mechanism);
    Some(Warning { line: entry.line, text })
}

/// Keys that are in a section already, maybe under another name.
fn repeated(section: &Section) -> impl Iterator<Item = Warning> {
    let repeats = |(index, entry): (usize, &Entry)| {
        let names = find(&entry.key)?.names;
        let same = |earlier: &&Entry| match names {
            [pattern] if pattern.contains('*') => earlier.key == entry.key,
            _ => names.contains(&earlier.key.as_str()),
        };
        let earlier = section.entries.iter().take(index).find(same)?;
        let counts = if last_counts(&entry.key) { "this" } else { "that" };
        let text = format!("{} is on line {} already; {counts} one counts", entry.key, earlier.line);
        Some(Warning { line: entry.line, text })
    };
    section.entries.iter().enumerate().filter_map(repeats).collect::<Vec<_>>().into_iter()
}

/// A key of a mechanism with all its names.
const fn key(mechanism: &'static str, names: &'static [&'static str]) -> Key {
    Key { names, mechanism }
}

/// Every key, by mechanism.
pub static KEYS: &[Key] = &[
    key("ldap", &["ldap_servers"]),
    key("ldap", &["ldap_bind_dn"]),
    key("ldap", &["ldap_bind_pw", "ldap_password"]),
    key("ldap", &["ldap_version"]),
    key("ldap", &["ldap_search_base"]),
    key("ldap", &["ldap_filter"]),
    key("ldap", &["ldap_scope"]),
    key("ldap", &["ldap_password_attr"]),
    key("ldap", &["ldap_group_dn"]),
    key("ldap", &["ldap_group_attr"]),
    key("ldap", &["ldap_group_filter"]),
    key("ldap", &["ldap_group_search_base"]),
    key("ldap", &["ldap_group_scope"]),
    key("ldap", &["ldap_group_match_method"]),
    key("ldap", &["ldap_default_realm", "ldap_default_domain"]),
    key("ldap", &["ldap_auth_method"]),
    key("ldap", &["ldap_timeout"]),
    key("ldap", &["ldap_size_limit"]),
    key("ldap", &["ldap_time_limit"]),
    key("ldap", &["ldap_deref"]),
    key("ldap", &["ldap_referrals"]),
    key("ldap", &["ldap_referral_hosts"]),
    key("ldap", &["ldap_restart"]),
    key("ldap", &["ldap_debug"]),
    key("ldap", &["ldap_use_sasl"]),
    key("ldap", &["ldap_mech", "ldap_sasl_mech"]),
    key("ldap", &["ldap_id", "ldap_sasl_authc_id"]),
    key("ldap", &["ldap_authz_id", "ldap_sasl_authz_id"]),
    key("ldap", &["ldap_realm", "ldap_sasl_realm"]),
    key("ldap", &["ldap_sasl_secprops"]),
    key("ldap", &["ldap_scram_min_rounds"]),
    key("ldap", &["ldap_start_tls"]),
    key("ldap", &["ldap_tls_check_peer"]),
    key("ldap", &["ldap_tls_cacert_file"]),
    key("ldap", &["ldap_tls_cacert_dir"]),
    key("ldap", &["ldap_tls_cert"]),
    key("ldap", &["ldap_tls_key"]),
    key("ldap", &["ldap_tls_ciphers"]),
    key("ldap", &["ldap_tls_cipher_suites"]),
    key("ldap", &["ldap_tls_min_version"]),
    key("httpform", &["httpform_host"]),
    key("httpform", &["httpform_port"]),
    key("httpform", &["httpform_uri"]),
    key("httpform", &["httpform_url"]),
    key("httpform", &["httpform_data"]),
    key("httpform", &["httpform_content_type"]),
    key("httpform", &["httpform_accept"]),
    key("httpform", &["httpform_reject"]),
    key("httpform", &["httpform_keep_alive"]),
    key("httpform", &["httpform_tls_check_peer"]),
    key("httpform", &["httpform_tls_cacert_file"]),
    key("httpform", &["httpform_tls_cacert_dir"]),
    key("httpform", &["httpform_tls_cert"]),
    key("httpform", &["httpform_tls_key"]),
    key("httpform", &["httpform_tls_ciphers"]),
    key("httpform", &["httpform_tls_cipher_suites"]),
    key("httpform", &["httpform_tls_min_version"]),
    key("rimap", &["rimap_tls_check_peer"]),
    key("rimap", &["rimap_tls_cacert_file"]),
    key("rimap", &["rimap_tls_cacert_dir"]),
    key("rimap", &["rimap_tls_cert"]),
    key("rimap", &["rimap_tls_key"]),
    key("rimap", &["rimap_tls_ciphers"]),
    key("rimap", &["rimap_tls_cipher_suites"]),
    key("rimap", &["rimap_tls_min_version"]),
    key("kerberos5", &["krb5_keytab"]),
    key("kerberos5", &["krb5_verify_principal"]),
    key("kerberos5", &["krb5_servername"]),
    key("kerberos5", &["krb5_conv_krb4_instance"]),
    key("kerberos5", &["krb5_uppercase_realm"]),
    key("kerberos5", &["krb5_*_instance"]),
];

#[cfg(test)]
mod tests {
    use super::super::file::{Problem, Text};
    use super::*;
    use crate::secret::Secret;

    fn problems(text: &str) -> Vec<String> {
        let mut problems = Vec::new();
        Text { path: "/c".into(), bytes: Secret::copy_of(text.as_bytes()) }.parse(&mut problems);
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_key_belongs_to_one_mechanism_and_is_in_small_letters() {
        let names: Vec<_> = KEYS.iter().flat_map(|key| key.names).collect();
        for (index, name) in names.iter().enumerate() {
            assert!(!names.iter().take(index).any(|earlier| earlier == name), "{name} is there twice");
            let small = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'*');
            assert!(name.bytes().all(small), "{name}");
        }
    }

    #[test]
    fn keys_of_every_mechanism_may_stand_in_one_file() {
        let text =
            "ldap_filter: a\nhttpform_uri: /\nrimap_tls_key: /r\nkrb5_keytab: /k\nkrb5_imap_instance: x\n";
        assert_eq!(problems(text), [""; 0]);
    }

    #[test]
    fn an_unknown_key_is_a_warning() {
        assert_eq!(
            problems("log_level: 10\nkrb5__instance: x\n"),
            ["/c:1: unknown key log_level", "/c:2: unknown key krb5__instance"]
        );
        assert_eq!(problems(": x\n"), ["/c:1: there is no key before the colon"], "C reads on, too");
        let long = problems(&format!("{}: x", "a".repeat(1000)));
        assert_eq!(long, [format!("/c:1: unknown key {}...", "a".repeat(64))]);
    }

    #[test]
    fn only_keys_of_ldap_belong_into_a_section() {
        assert_eq!(
            problems("[realm x]\nldap_filter: a\nhttpform_uri: /\nwhat: x\n"),
            [
                "/c:3: httpform_uri has no effect here: httpform knows no sections for realms",
                "/c:4: unknown key what"
            ]
        );
    }

    #[test]
    fn a_key_that_stands_there_twice_is_a_warning_that_tells_which_counts() {
        let text = "ldap_bind_pw: a\nhttpform_uri: /\nldap_password: b\nhttpform_uri: /x\n[realm x]\nldap_bind_pw: c\n";
        assert_eq!(
            problems(text),
            [
                "/c:3: ldap_password is on line 1 already; this one counts",
                "/c:4: httpform_uri is on line 2 already; that one counts"
            ]
        );
        assert_eq!(problems("krb5_imap_instance: a\nkrb5_smtp_instance: b\n"), [""; 0]);
    }
}
