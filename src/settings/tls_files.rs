//! What is in the files that settings name for TLS. Only the supervisor is sure to be able to read them.
#![forbid(unsafe_code)]

use crate::secret::Secret;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is at a path.
#[derive(PartialEq, Eq)]
pub enum Contents {
    /// A file, and all that is in it: it may be a private key.
    File(Secret),
    /// A directory: of each of its files that has any the certificates in PEM, and nothing else.
    Directory(Vec<Secret>),
    /// Why it cannot be read, in the system's words.
    Unreadable(String),
}

/// By path, as the settings have it.
pub type TlsFiles = BTreeMap<PathBuf, Contents>;

/// The names by which PEM calls a certificate (RFC 7468, section 5.1 and its older forms).
const NAMES: [&[u8]; 2] = [b"CERTIFICATE-----", b"X509 CERTIFICATE-----"];

/// The certificates in PEM of a text in which there may be anything else. A directory of authorities may be that of a
/// server, with its key.
pub fn only_certificates(text: &[u8]) -> Vec<u8> {
    let mut certificates = Vec::new();
    let mut within = None;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let bare = line.trim_ascii_end();
        if let Some(name) = bare.strip_prefix(b"-----BEGIN ".as_slice()) {
            within = NAMES.contains(&name).then_some(name);
        }
        let Some(name) = within else { continue };
        certificates.extend_from_slice(bare);
        certificates.push(b'\n');
        if bare.strip_prefix(b"-----END ".as_slice()) == Some(name) {
            within = None;
        }
    }
    certificates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_directory_nothing_but_certificates_is_shown() {
        let one = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        let old = "-----BEGIN X509 CERTIFICATE-----\nMIIC\n-----END X509 CERTIFICATE-----\n";
        let key = "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n";
        let text = format!("a CA\n{one}a note\n{key}in between\n{}{key}", old.replace('\n', "\r\n"));
        assert_eq!(only_certificates(text.as_bytes()), format!("{one}{old}").as_bytes());
        let marked = [b"\xef\xbb\xbf", one.as_bytes()].concat();
        assert_eq!(only_certificates(&marked), one.as_bytes(), "a byte order mark");
        for none in [key, "", "-----BEGIN", "-----END CERTIFICATE-----\nx"] {
            assert!(only_certificates(none.as_bytes()).is_empty(), "{none}");
        }
    }

    #[test]
    fn a_certificate_without_an_end_ends_where_the_next_begins() {
        let text = "-----BEGIN CERTIFICATE-----\nMIIB\n-----BEGIN PRIVATE KEY-----\nsecret\n";
        assert_eq!(only_certificates(text.as_bytes()), b"-----BEGIN CERTIFICATE-----\nMIIB\n");
    }
}
