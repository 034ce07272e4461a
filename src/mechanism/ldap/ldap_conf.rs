//! `ldap.conf`, the file of libldap: what holds where `saslauthd.conf` says nothing. See ldap.conf(5).
#![forbid(unsafe_code)]

use super::cipher;
use crate::net::exchange::{TlsSettings, TlsVersion};
use crate::settings::file::{Problem, Severity, Text};
use std::path::PathBuf;

/// What of `ldap.conf` matters here. `URI` and `BASE` do not: the C daemon sets its own in any case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LdapConf {
    /// The options that begin with `TLS_`. Those for a client certificate count in a user's own file only.
    pub tls: TlsSettings,
    /// What is wrong with `TLS_CIPHER_SUITE`, if it cannot be used: OpenSSL's own list may allow more.
    pub unusable_ciphers: Option<String>,
}

impl LdapConf {
    /// Reads the file. An option that cannot be used is passed over with a warning, as libldap does it silently.
    pub fn read(text: &Text, problems: &mut Vec<Problem>) -> Self {
        let mut conf = Self::default();
        for (line, bytes) in (1..).zip(text.bytes.as_bytes().split(|byte| *byte == b'\n')) {
            let Some((option, value)) = option(bytes) else { continue };
            if let Err(wrong) = conf.take(&option, value) {
                problems.push(Problem {
                    source: text.path.clone(),
                    line: Some(line),
                    column: None,
                    severity: Severity::Warning,
                    text: format!("{option} {wrong}"),
                });
            }
        }
        conf
    }

    /// The files and directories that it names.
    pub fn files(text: &Text) -> Vec<PathBuf> {
        let tls = Self::read(text, &mut Vec::new()).tls;
        [tls.authorities_file, tls.authorities_directory].into_iter().flatten().collect()
    }

    fn take(&mut self, option: &str, value: &str) -> Result<(), String> {
        match option {
            "TLS_CACERT" => self.tls.authorities_file = Some(PathBuf::from(value)),
            "TLS_CACERTDIR" => self.tls.authorities_directory = Some(PathBuf::from(value)),
            "TLS_REQCERT" => self.tls.check_peer = requires_certificate(value)?,
            "TLS_CIPHER_SUITE" => self.take_ciphers(value)?,
            "TLS_PROTOCOL_MIN" => self.tls.oldest_version = Some(version(value)?),
            "TLS_PROTOCOL_MAX" => self.tls.newest_version = Some(version(value)?),
            _ => {}
        }
        Ok(())
    }
}

impl LdapConf {
    fn take_ciphers(&mut self, list: &str) -> Result<(), String> {
        let remarks = match cipher::apply(list, &mut self.tls) {
            Ok(remarks) => remarks,
            Err(error) => {
                self.unusable_ciphers = Some(error.text.clone());
                return Err(error.text);
            }
        };
        self.unusable_ciphers = None;
        // One is enough to show that the list does not say what is done.
        remarks.into_iter().next().map_or(Ok(()), |remark| Err(remark.text))
    }
}

/// The name in capitals and the value of an option; `None` for other lines.
fn option(line: &[u8]) -> Option<(String, &str)> {
    let line = std::str::from_utf8(line).ok()?.trim();
    let (name, value) = line.split_once([' ', '\t']).filter(|_| !line.starts_with('#'))?;
    Some((name.to_ascii_uppercase(), value.trim_start()))
}

/// `allow` lets any certificate pass, as `never` does.
fn requires_certificate(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "never" | "allow" => Ok(false),
        "try" | "demand" | "hard" => Ok(true),
        _ => Err("takes never, allow, try, demand or hard, and is ignored".to_owned()),
    }
}

/// The numbers that TLS itself uses: 3.1 is TLS 1.0.
fn version(value: &str) -> Result<TlsVersion, String> {
    match value {
        "3" | "3.0" | "3.1" => Ok(TlsVersion::Tls10),
        "3.2" => Ok(TlsVersion::Tls11),
        "3.3" => Ok(TlsVersion::Tls12),
        "3.4" => Ok(TlsVersion::Tls13),
        _ => {
            Err("takes a number from 3.1, which is TLS 1.0, to 3.4, which is TLS 1.3; it is ignored"
                .to_owned())
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn read(text: &str) -> (LdapConf, Vec<String>) {
        let text = Text { path: "/etc/ldap/ldap.conf".into(), bytes: Secret::copy_of(text.as_bytes()) };
        let mut problems = Vec::new();
        let conf = LdapConf::read(&text, &mut problems);
        (conf, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_file_that_debian_installs_names_the_authorities_only() {
        let (conf, problems) = read(
            "#\n# LDAP Defaults\n#\n\n#BASE\tdc=example,dc=com\n#URI\tldap://ldap.example.com\n\n\
             #SIZELIMIT\t12\n# TLS certificates (needed for GnuTLS)\n\
             TLS_CACERT\t/etc/ssl/certs/ca-certificates.crt\n",
        );
        let tls = TlsSettings {
            authorities_file: Some("/etc/ssl/certs/ca-certificates.crt".into()),
            ..TlsSettings::default()
        };
        assert_eq!(conf, LdapConf { tls, unusable_ciphers: None });
        assert_eq!(problems, [""; 0]);
    }

    #[test]
    fn every_option_that_matters_is_read() {
        let (conf, problems) = read(
            "uri ldap://a/ ldaps://b/\r\n  BASE  dc=example,dc=org \nTLS_CACERTDIR /d\nTls_ReqCert Allow\n\
             TLS_CIPHER_SUITE SECURE256:-VERS-ALL:+VERS-TLS1.2\nTLS_PROTOCOL_MIN 3.3\nTLS_PROTOCOL_MAX 3.4\n\
             TLS_CERT /mine.pem\nSASL_MECH GSSAPI\nHOST old\nnonsense\n",
        );
        assert_eq!(problems, [""; 0]);
        assert_eq!(conf.tls.authorities_directory, Some("/d".into()));
        assert!(!conf.tls.check_peer && conf.tls.ciphers.is_some());
        assert_eq!(conf.tls.certificate, None, "a user's own certificate is not the daemon's");
        assert_eq!(conf.tls.oldest_version, Some(TlsVersion::Tls12));
        assert_eq!(conf.tls.newest_version, Some(TlsVersion::Tls13));
    }

    #[test]
    fn certificates_are_checked_unless_the_file_clearly_says_no() {
        for (value, checked) in
            [("never", false), ("allow", false), ("try", true), ("demand", true), ("HARD", true)]
        {
            assert_eq!(read(&format!("TLS_REQCERT {value}\n")).0.tls.check_peer, checked, "{value}");
        }
        let (conf, problems) = read("TLS_REQCERT no\n");
        assert!(conf.tls.check_peer);
        assert_eq!(
            problems,
            ["/etc/ldap/ldap.conf:1: TLS_REQCERT takes never, allow, try, demand or hard, and is ignored"]
        );
    }

    #[test]
    fn what_cannot_be_used_is_a_warning_with_its_line() {
        let (_, problems) = read("\nTLS_PROTOCOL_MIN TLSv1.2\nTLS_CIPHER_SUITE NONE\n");
        assert_eq!(problems.len(), 2);
        assert!(problems[0].starts_with("/etc/ldap/ldap.conf:2: TLS_PROTOCOL_MIN takes"), "{problems:?}");
        assert!(problems[1].starts_with("/etc/ldap/ldap.conf:3: TLS_CIPHER_SUITE leaves"), "{problems:?}");
    }
}
