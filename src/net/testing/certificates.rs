//! Certificates made on the spot: an authority and what it signs.
#![forbid(unsafe_code)]

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod, SslVerifyMode};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509Builder, X509NameBuilder};
use std::fs;
use std::path::{Path, PathBuf};

/// A certificate and its key.
pub(in crate::net) struct Identity {
    pub(in crate::net) certificate: X509,
    pub(in crate::net) key: PKey<Private>,
}

/// What a server's certificate says.
pub(in crate::net) struct Wanted<'a> {
    /// The common name.
    pub(in crate::net) common_name: &'a str,
    pub(in crate::net) names: &'a [&'a str],
    pub(in crate::net) addresses: &'a [&'a str],
    /// Days from now until it expires; negative if it has.
    pub(in crate::net) days: i64,
}

impl Wanted<'_> {
    pub(in crate::net) const LOCALHOST: Self =
        Self { common_name: "a server", names: &["localhost"], addresses: &[], days: 1 };
}

impl Identity {
    /// A certificate that signs others.
    pub(in crate::net) fn authority(name: &str) -> Self {
        let key = new_key();
        let mut builder = begin(name, &key, 1);
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        builder.set_issuer_name(&subject(name)).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Self { certificate: builder.build(), key }
    }

    /// A certificate that `self` signs.
    pub(in crate::net) fn sign(&self, wanted: &Wanted<'_>) -> Self {
        let key = new_key();
        let mut builder = begin(wanted.common_name, &key, wanted.days);
        let mut names = SubjectAlternativeName::new();
        for name in wanted.names {
            names.dns(name);
        }
        for address in wanted.addresses {
            names.ip(address);
        }
        if !wanted.names.is_empty() || !wanted.addresses.is_empty() {
            let extension = names.build(&builder.x509v3_context(Some(&self.certificate), None)).unwrap();
            builder.append_extension(extension).unwrap();
        }
        builder.set_issuer_name(self.certificate.subject_name()).unwrap();
        builder.sign(&self.key, MessageDigest::sha256()).unwrap();
        Self { certificate: builder.build(), key }
    }

    /// Writes the certificate into a file of that name.
    pub(in crate::net) fn write_certificate(&self, directory: &Path, name: &str) -> PathBuf {
        let path = directory.join(name);
        fs::write(&path, self.certificate.to_pem().unwrap()).unwrap();
        path
    }

    /// Writes the key into a file of that name.
    pub(in crate::net) fn write_key(&self, directory: &Path, name: &str) -> PathBuf {
        let path = directory.join(name);
        fs::write(&path, self.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        path
    }

    /// The server's side of TLS; `clients`: the authority that clients must come from.
    pub(in crate::net) fn acceptor(&self, clients: Option<&Self>) -> SslAcceptor {
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        builder.set_certificate(&self.certificate).unwrap();
        builder.set_private_key(&self.key).unwrap();
        if let Some(clients) = clients {
            let mut store = X509StoreBuilder::new().unwrap();
            store.add_cert(clients.certificate.clone()).unwrap();
            builder.set_cert_store(store.build());
            builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        }
        builder.build()
    }
}

fn new_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn begin(name: &str, key: &PKey<Private>, days: i64) -> X509Builder {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_secs()).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let mut serial = BigNum::new().unwrap();
    serial.rand(64, openssl::bn::MsbOption::MAYBE_ZERO, false).unwrap();
    builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject(name)).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(now - 10 * 86_400).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(now + days * 86_400).unwrap()).unwrap();
    builder
}

fn subject(name: &str) -> openssl::x509::X509Name {
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    subject.build()
}
