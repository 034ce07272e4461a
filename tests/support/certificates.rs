//! Certificates of a private authority, made as a test asks for them.

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder};
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const DAY: i64 = 24 * 60 * 60;

/// An authority that only its tests know, with a directory for what it signs.
pub struct Authority {
    directory: TempDir,
    certificate: X509,
    key: PKey<Private>,
}

/// A certificate and its key, in the authority's directory.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// What a certificate is like, where it is not as it should be.
#[derive(Clone, Copy)]
pub struct Details<'a> {
    /// The subject's common name.
    pub common_name: &'a str,
    /// The names and addresses that it lists; without any there is no list.
    pub names: &'a [&'a str],
    /// An RSA key of so many bits; 0 for a good one.
    pub rsa_bits: u32,
    /// Whether it is for clients only.
    pub is_for_clients: bool,
}

/// From when until when a certificate is valid, in days from today.
#[derive(Clone, Copy)]
struct Days(i64, i64);

impl Authority {
    /// A fresh one.
    pub fn new() -> Self {
        let directory = TempDir::new().unwrap();
        // Servers that are not root read what is in there.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let key = new_key();
        let mut builder = builder(&key, "Authority of a test", Days(-2, 30));
        builder.set_issuer_name(&named("Authority of a test")).unwrap();
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        let usage = KeyUsage::new().critical().key_cert_sign().crl_sign().build().unwrap();
        builder.append_extension(usage).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        let authority = Self { directory, certificate: builder.build(), key };
        fs::write(authority.file(), authority.certificate.to_pem().unwrap()).unwrap();
        authority
    }

    /// Its own certificate, PEM.
    pub fn file(&self) -> PathBuf {
        self.directory.path().join("authority.pem")
    }

    /// A directory of trusted authorities with this one only, named as `openssl rehash` does.
    pub fn hashed_directory(&self) -> PathBuf {
        let directory = self.directory.path().join("hashed");
        fs::create_dir_all(&directory).unwrap();
        let name = format!("{:08x}.0", self.certificate.subject_name_hash());
        fs::copy(self.file(), directory.join(name)).unwrap();
        directory
    }

    /// A valid certificate for these names and addresses; the first is its subject.
    pub fn issue(&self, names: &[&str]) -> Certificate {
        self.sign(names, Days(-1, 30))
    }

    /// One whose time is over.
    pub fn issue_expired(&self, names: &[&str]) -> Certificate {
        self.sign(names, Days(-2, -1))
    }

    /// An authority that this one has signed, in a directory of its own.
    pub fn sign_authority(&self) -> Self {
        let mut authority = Self::new();
        let mut builder = builder(&authority.key, "Authority below that of a test", Days(-2, 30));
        builder.set_issuer_name(self.certificate.subject_name()).unwrap();
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        builder.sign(&self.key, MessageDigest::sha256()).unwrap();
        authority.certificate = builder.build();
        fs::write(authority.file(), authority.certificate.to_pem().unwrap()).unwrap();
        authority
    }

    /// A directory of trusted authorities with this one only, under a name that OpenSSL does not look for.
    pub fn unhashed_directory(&self) -> PathBuf {
        let directory = self.directory.path().join("unhashed");
        fs::create_dir_all(&directory).unwrap();
        fs::copy(self.file(), directory.join("authority.crt")).unwrap();
        directory
    }

    fn sign(&self, names: &[&str], days: Days) -> Certificate {
        let details = Details { common_name: names[0], names, rsa_bits: 0, is_for_clients: false };
        self.sign_details(&details, days)
    }

    /// A valid certificate that is like this.
    pub fn issue_with(&self, details: &Details<'_>) -> Certificate {
        self.sign_details(details, Days(-1, 30))
    }

    fn sign_details(&self, details: &Details<'_>, days: Days) -> Certificate {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let Details { common_name, names, rsa_bits, is_for_clients } = *details;
        let key =
            if rsa_bits == 0 { new_key() } else { PKey::from_rsa(Rsa::generate(rsa_bits).unwrap()).unwrap() };
        let mut builder = builder(&key, common_name, days);
        builder.set_issuer_name(self.certificate.subject_name()).unwrap();
        let mut alternatives = SubjectAlternativeName::new();
        for name in names {
            match name.parse::<IpAddr>() {
                Ok(_) => alternatives.ip(name),
                Err(_) => alternatives.dns(name),
            };
        }
        if !names.is_empty() {
            let context = builder.x509v3_context(Some(&self.certificate), None);
            let alternatives = alternatives.build(&context).unwrap();
            builder.append_extension(alternatives).unwrap();
        }
        let mut usage = ExtendedKeyUsage::new();
        usage.client_auth();
        if !is_for_clients {
            usage.server_auth();
        }
        builder.append_extension(usage.build().unwrap()).unwrap();
        builder.sign(&self.key, MessageDigest::sha256()).unwrap();
        let stem = format!("{}-{}", common_name.replace('/', "_"), COUNT.fetch_add(1, Ordering::Relaxed));
        self.write(&stem, &builder.build(), &key)
    }

    fn write(&self, stem: &str, certificate: &X509, key: &PKey<Private>) -> Certificate {
        let path = |ending: &str| -> PathBuf { self.directory.path().join(format!("{stem}.{ending}")) };
        let files = Certificate { certificate: path("pem"), key: path("key") };
        fs::write(&files.certificate, certificate.to_pem().unwrap()).unwrap();
        fs::write(&files.key, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        // Any server may read it, whoever it runs as: it protects nothing.
        fs::set_permissions(&files.key, fs::Permissions::from_mode(0o644)).unwrap();
        files
    }
}

fn new_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn builder(key: &PKey<Private>, name: &str, days: Days) -> X509Builder {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let time = |day: i64| Asn1Time::from_unix(now + day * DAY).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let mut serial = BigNum::new().unwrap();
    serial.rand(64, MsbOption::MAYBE_ZERO, false).unwrap();
    builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&named(name)).unwrap();
    builder.set_not_before(&time(days.0)).unwrap();
    builder.set_not_after(&time(days.1)).unwrap();
    builder.set_pubkey(key).unwrap();
    builder
}

fn named(name: &str) -> X509Name {
    let mut builder = X509NameBuilder::new().unwrap();
    builder.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    builder.build()
}
