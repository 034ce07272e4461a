//! The keys of `saslauthd.conf`.
#![forbid(unsafe_code)]

use crate::settings::file::{File, Problem, Section};
use crate::settings::keys::Keys;
use crate::settings::raw_settings::RawSettings;
use std::path::Path;

const CONV_KRB4_INSTANCE: &str = "krb5_conv_krb4_instance";

/// The keys; `krb5_*_instance` stands for any service.
pub const KEYS: &[&[&str]] = &[
    &["krb5_keytab"],
    &["krb5_verify_principal"],
    &["krb5_servername"],
    &[CONV_KRB4_INSTANCE],
    &["krb5_uppercase_realm"],
    &["krb5_realms"],
    &["krb5_*_instance"],
];

/// What the keys say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    /// A name as the library takes it; without it that is the library's own.
    pub(super) keytab: Option<Vec<u8>>,
    /// The first part of the verify principal: the service whose key is in the keytab.
    pub(super) verify_service: Vec<u8>,
    /// Its second part; without it this host's name.
    pub(super) server_name: Option<Vec<u8>>,
    /// Whether the first dot of a login stands for a slash.
    pub(super) converts_dot: bool,
    /// Whether realms are put into capital letters.
    pub(super) upper_cases_realm: bool,
    /// The realms whose users may log in; without it the default realm and those of krb5.conf.
    pub(super) realms: Option<Vec<Vec<u8>>>,
    /// For which service, in small letters, a login gets which instance.
    instances: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Default for Settings {
    /// Those of the C daemon.
    fn default() -> Self {
        Self {
            keytab: None,
            verify_service: b"host".to_vec(),
            server_name: None,
            converts_dot: false,
            upper_cases_realm: false,
            realms: None,
            instances: Vec::new(),
        }
    }
}

impl Settings {
    /// What the file says, with what is wrong in it.
    pub(super) fn read(sources: &RawSettings, problems: &mut Vec<Problem>) -> Self {
        let Some(text) = &sources.file else { return Self::default() };
        let file = text.parse(&mut Vec::new());
        Self::of_file(text.path(), &file, sources.instance.as_deref(), problems)
    }

    fn of_file(path: &Path, file: &File, instance: Option<&str>, problems: &mut Vec<Problem>) -> Self {
        let sections = file.for_mechanism(instance);
        let instances = read_instances(&sections);
        let keys = &mut Keys::new(path, sections, problems);
        Self {
            keytab: bytes(keys, "krb5_keytab"),
            verify_service: read_verify_service(keys),
            server_name: bytes(keys, "krb5_servername"),
            converts_dot: keys.switch(&[CONV_KRB4_INSTANCE]).unwrap_or(false),
            upper_cases_realm: keys.switch(&["krb5_uppercase_realm"]).unwrap_or(false),
            realms: read_realms(keys),
            instances,
        }
    }

    /// The instance that logins of the service get, in whatever letters a client writes that.
    pub(super) fn instance(&self, service: &[u8]) -> Option<&[u8]> {
        let found = self.instances.iter().find(|(name, _)| name.eq_ignore_ascii_case(service));
        found.map(|(_, instance)| instance.as_slice())
    }
}

/// An empty value says nothing.
fn bytes(keys: &Keys<'_>, name: &str) -> Option<Vec<u8>> {
    let value = keys.entry(&[name])?.value.as_bytes();
    Some(value.to_vec()).filter(|value| !value.is_empty())
}

/// C takes a whole principal, too, and accepts nobody then.
fn read_verify_service(keys: &mut Keys<'_>) -> Vec<u8> {
    let name = "krb5_verify_principal";
    let service = bytes(keys, name).unwrap_or_else(|| Settings::default().verify_service);
    let is_whole = service.iter().any(|byte| matches!(byte, b'/' | b'@'));
    if let Some(entry) = keys.entry(&[name]).filter(|_| is_whole) {
        keys.complain(entry, "takes the service alone, as host; what follows the slash is krb5_servername");
    }
    service
}

fn read_realms(keys: &mut Keys<'_>) -> Option<Vec<Vec<u8>>> {
    let entry = keys.entry(&["krb5_realms"])?;
    let words = entry.value.as_bytes().split(|byte| byte.is_ascii_whitespace() || *byte == b',');
    let realms: Vec<_> = words.filter(|word| !word.is_empty()).map(<[u8]>::to_vec).collect();
    if realms.is_empty() {
        keys.complain(entry, "names no realm, so that nobody could log in");
    }
    Some(realms)
}

/// Those of the more special section first, and in each those of the first line, as it counts.
fn read_instances(sections: &[&Section]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let entries = sections.iter().flat_map(|section| &section.entries);
    let instances = entries.filter_map(|entry| {
        let service = entry.key.strip_prefix("krb5_")?.strip_suffix("_instance")?;
        let is_own = !service.is_empty() && entry.key != CONV_KRB4_INSTANCE;
        is_own.then(|| (service.as_bytes().to_vec(), entry.value.as_bytes().to_vec()))
    });
    instances.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::settings::file::Text;

    fn read(text: &str) -> (Settings, Vec<String>) {
        let text = Text { path: "/c".into(), bytes: Secret::copy_of(text.as_bytes()) };
        let instance = Some("kerberos5".to_owned());
        let sources = RawSettings { file: Some(text), instance, ..RawSettings::default() };
        let mut problems = Vec::new();
        let settings = Settings::read(&sources, &mut problems);
        (settings, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn without_a_file_or_keys_all_is_as_in_the_c_daemon() {
        assert_eq!(Settings::read(&RawSettings::default(), &mut Vec::new()), Settings::default());
        assert_eq!(read("ldap_filter: x\nkrb5_keytab:\n"), (Settings::default(), vec![]));
    }

    #[test]
    fn every_key_lands_in_its_place() {
        let text = "krb5_keytab: FILE:/k\nkrb5_verify_principal: imap\nkrb5_servername: mail.example.org\n\
                    krb5_conv_krb4_instance: yes\nkrb5_uppercase_realm: on\nkrb5_realms: A.EXAMPLE,  B.EXAMPLE\n\
                    krb5_imap_instance: mail\n";
        let expected = Settings {
            keytab: Some(b"FILE:/k".to_vec()),
            verify_service: b"imap".to_vec(),
            server_name: Some(b"mail.example.org".to_vec()),
            converts_dot: true,
            upper_cases_realm: true,
            realms: Some(vec![b"A.EXAMPLE".to_vec(), b"B.EXAMPLE".to_vec()]),
            instances: vec![(b"imap".to_vec(), b"mail".to_vec())],
        };
        assert_eq!(read(text), (expected, vec![]));
        let is_there = |names: &&[&str]| names.iter().all(|name| name.contains('*') || text.contains(name));
        assert!(KEYS.iter().all(is_there));
    }

    #[test]
    fn the_example_says_what_it_means_to() {
        let (settings, problems) = read(include_str!("../../../contrib/saslauthd.conf/kerberos5.conf"));
        assert_eq!(problems, [""; 0]);
        assert_eq!(settings.keytab, Some(b"/etc/saslauthd.keytab".to_vec()));
        assert!(settings.verify_service == b"saslauthd" && settings.upper_cases_realm);
        assert_eq!(settings.server_name, Some(b"mail.example.org".to_vec()));
        assert_eq!(settings.realms, Some(vec![b"EXAMPLE.ORG".to_vec()]));
    }

    #[test]
    fn a_section_of_its_own_counts_before_the_general_part() {
        let text = "krb5_keytab: /a\nkrb5_smtp_instance: a\n[mechanism kerberos5]\nkrb5_keytab: /b\n\
                    krb5_smtp_instance: b\n[mechanism other]\nkrb5_keytab: /c\n";
        let (settings, problems) = read(text);
        assert_eq!(settings.keytab, Some(b"/b".to_vec()));
        assert_eq!(settings.instance(b"smtp"), Some(&b"b"[..]));
        assert_eq!(problems, [""; 0]);
    }

    #[test]
    fn a_service_gets_its_instance_however_a_client_writes_it() {
        let (settings, _) = read("krb5_imap_instance: mail\nkrb5_conv_krb4_instance: yes\n");
        assert_eq!(settings.instance(b"imap"), Some(&b"mail"[..]));
        assert_eq!(settings.instance(b"IMAP"), Some(&b"mail"[..]));
        assert_eq!(settings.instance(b"smtp"), None);
        assert_eq!(settings.instance(b"conv_krb4"), None, "that is the name of another key");
        assert_eq!(settings.instance(b""), None);
    }

    #[test]
    fn a_value_that_can_serve_nobody_is_an_error_with_its_line() {
        for (text, expected) in [
            ("krb5_verify_principal: host/mail", "/c:1:24: krb5_verify_principal takes the service alone"),
            ("krb5_verify_principal: host@X", "/c:1:24: krb5_verify_principal takes the service alone"),
            ("\nkrb5_realms: ,", "/c:2:14: krb5_realms names no realm"),
            ("krb5_uppercase_realm: YES", "/c:1:23: krb5_uppercase_realm means no"),
        ] {
            let (_, problems) = read(text);
            assert!(
                problems.len() == 1 && problems.iter().all(|told| told.starts_with(expected)),
                "{problems:?}"
            );
        }
    }
}
