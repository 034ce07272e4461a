//! The keys that say what TLS must prove, the same for every mechanism: `ldap_tls_check_peer`, `rimap_tls_cert` …
#![forbid(unsafe_code)]

use crate::net::exchange::{TlsSettings, TlsVersion};
use crate::settings::keys::Keys;

/// What follows the mechanism's prefix; the names are those that the C daemon has for ldap, and the last two are ours.
pub const TLS_KEYS: [&str; 8] = [
    "tls_check_peer",
    "tls_cacert_file",
    "tls_cacert_dir",
    "tls_cert",
    "tls_key",
    "tls_ciphers",
    "tls_cipher_suites",
    "tls_min_version",
];

const VERSIONS: [(&str, TlsVersion); 8] = [
    ("1.0", TlsVersion::Tls10),
    ("1.1", TlsVersion::Tls11),
    ("1.2", TlsVersion::Tls12),
    ("1.3", TlsVersion::Tls13),
    ("TLSv1", TlsVersion::Tls10),
    ("TLSv1.1", TlsVersion::Tls11),
    ("TLSv1.2", TlsVersion::Tls12),
    ("TLSv1.3", TlsVersion::Tls13),
];

/// Reads the keys that begin with `prefix` and an underscore over `settings`, which hold for the keys that are missing.
///
/// An authority that is named here replaces those of `settings`, file and directory. Ciphers are passed on as they are
/// written; whether OpenSSL knows them shows when the mechanism starts.
pub fn read(keys: &mut Keys<'_>, prefix: &str, mut settings: TlsSettings) -> TlsSettings {
    let name = |key: &str| format!("{prefix}_{key}");
    let check_peer = name("tls_check_peer");
    // Only these are C's, and what it takes must not stop us.
    let are_of_c = prefix == "ldap";
    let told = if are_of_c { keys.safeguard(&[&check_peer]) } else { keys.flag(&[&check_peer]) };
    settings.check_peer = told.unwrap_or(settings.check_peer);
    let file = keys.path(&[&name("tls_cacert_file")]);
    let directory = keys.path(&[&name("tls_cacert_dir")]);
    if file.is_some() || directory.is_some() {
        (settings.authorities_file, settings.authorities_directory) = (file, directory);
    }
    read_certificate(keys, &name("tls_cert"), &name("tls_key"), are_of_c, &mut settings);
    if let Some(ciphers) = keys.text(&[&name("tls_ciphers")]) {
        settings.ciphers = Some(ciphers.to_owned());
    }
    if let Some(suites) = keys.text(&[&name("tls_cipher_suites")]) {
        settings.cipher_suites = Some(suites.to_owned());
    }
    if let Some(version) = keys.choice(&[&name("tls_min_version")], &VERSIONS) {
        settings.oldest_version = Some(version);
    }
    settings
}

/// A key of its own belongs to the certificate beside it, never to one from elsewhere.
fn read_certificate(
    keys: &mut Keys<'_>,
    certificate: &str,
    key: &str,
    are_of_c: bool,
    settings: &mut TlsSettings,
) {
    match (keys.path(&[certificate]), keys.path(&[key])) {
        (Some(path), own_key) => (settings.certificate, settings.key) = (Some(path), own_key),
        (None, Some(_)) => {
            if let Some(entry) = keys.entry(&[key]) {
                let what = format!("is of no use without {certificate}");
                if are_of_c { keys.warn(entry, &what) } else { keys.complain(entry, &what) }
            }
        }
        (None, None) => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::settings::file::Text;
    use std::path::PathBuf;

    fn settings(text: &str) -> (TlsSettings, Vec<String>) {
        settings_over(TlsSettings::default(), text)
    }

    fn settings_over(defaults: TlsSettings, text: &str) -> (TlsSettings, Vec<String>) {
        let text =
            Text { path: PathBuf::from("/etc/saslauthd.conf"), bytes: Secret::copy_of(text.as_bytes()) };
        let mut problems = Vec::new();
        let file = text.parse(&mut problems);
        let settings =
            read(&mut Keys::new(text.path(), vec![&file.general], &mut problems), "rimap", defaults);
        (settings, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn without_any_key_the_peer_is_checked_against_the_authorities_of_the_system() {
        let (settings, problems) = settings("ldap_tls_check_peer: no\n");
        assert_eq!(settings, TlsSettings::default());
        assert!(settings.check_peer && problems.is_empty());
    }

    #[test]
    fn every_key_lands_in_its_place() {
        let text = "rimap_tls_check_peer: no\nrimap_tls_cacert_file: /a.pem\nrimap_tls_cacert_dir: /d\n\
                    rimap_tls_cert: /c.pem\nrimap_tls_key: /k.pem\nrimap_tls_ciphers: HIGH:!aNULL\n\
                    rimap_tls_cipher_suites: TLS_AES_256_GCM_SHA384\nrimap_tls_min_version: tlsv1.2\n";
        let (settings, problems) = settings(text);
        assert_eq!(problems, [""; 0]);
        assert_eq!(
            settings,
            TlsSettings {
                check_peer: false,
                authorities_file: Some("/a.pem".into()),
                authorities_directory: Some("/d".into()),
                certificate: Some("/c.pem".into()),
                key: Some("/k.pem".into()),
                ciphers: Some("HIGH:!aNULL".to_owned()),
                cipher_suites: Some("TLS_AES_256_GCM_SHA384".to_owned()),
                oldest_version: Some(TlsVersion::Tls12),
                ..TlsSettings::default()
            }
        );
        assert!(TLS_KEYS.iter().all(|key| text.contains(&format!("rimap_{key}: "))));
    }

    #[test]
    fn an_authority_named_here_replaces_those_from_elsewhere() {
        let defaults = TlsSettings {
            authorities_directory: Some("/etc/ssl/certs".into()),
            key: Some("/elsewhere.key".into()),
            ..TlsSettings::default()
        };
        let (settings, _) =
            settings_over(defaults.clone(), "rimap_tls_cacert_file: /own.pem\nrimap_tls_cert: /c.pem\n");
        assert_eq!(settings.authorities_file, Some("/own.pem".into()));
        assert_eq!(settings.authorities_directory, None);
        assert_eq!(settings.key, None, "the certificate's own key, not another one's");
        assert_eq!(settings_over(defaults.clone(), "").0, defaults);
    }

    #[test]
    fn wrong_values_are_named_with_their_line() {
        let (_, problems) =
            settings("rimap_tls_min_version: 2\nrimap_tls_check_peer: perhaps\nrimap_tls_key: /k\n");
        assert_eq!(problems.len(), 3);
        assert!(problems[0].starts_with("/etc/saslauthd.conf:2:"), "{problems:?}");
        assert!(problems[1].starts_with("/etc/saslauthd.conf:3:"), "{problems:?}");
        assert!(problems[2].starts_with("/etc/saslauthd.conf:1:"), "{problems:?}");
    }
}
