use super::*;
use crate::net::exchange::{Failure, FailureKind, TlsMode};
use crate::net::testing::certificates::{Identity, Wanted};
use crate::net::testing::peer::{Peer, answer_lines};
use crate::net::testing::talk::Talk;
use crate::sys::testing::passes_with_variable;
use std::fs;
use tempfile::TempDir;

/// A server with a certificate, and files for its clients.
struct Scene {
    directory: TempDir,
    authority: Identity,
}

impl Scene {
    fn new() -> Self {
        Self::of("the authority")
    }

    fn of(authority: &str) -> Self {
        Self { directory: tempfile::tempdir().unwrap(), authority: Identity::authority(authority) }
    }

    /// Settings that trust this scene's authority.
    fn trusting(&self) -> TlsSettings {
        let file = self.authority.write_certificate(self.directory.path(), "authority.pem");
        TlsSettings { authorities_file: Some(file), ..TlsSettings::default() }
    }

    /// A server whose certificate is as wanted.
    fn server(&self, wanted: &Wanted<'_>) -> Peer {
        serve(&self.authority.sign(wanted), None)
    }
}

fn serve(identity: &Identity, clients: Option<&Identity>) -> Peer {
    let acceptor = identity.acceptor(clients);
    Peer::start(move |stream, _| {
        if let Ok(stream) = acceptor.accept(stream) {
            answer_lines(stream);
        }
    })
}

fn connect(peer: &Peer, host: &str, settings: TlsSettings) -> Result<(), Failure> {
    Talk::begin(peer, host, TlsMode::Implicit, settings).open()
}

fn assert_invalid(result: Result<(), Failure>, why: &str) {
    let failure = result.unwrap_err();
    let expected = format!(": the certificate is not valid: {why}");
    assert!(failure.kind == FailureKind::Contact && failure.reason.ends_with(&expected), "{failure:?}");
    assert!(failure.reason.starts_with("no TLS with 127.0.0.1:"), "{failure}");
}

fn error_of(settings: TlsSettings) -> String {
    Contexts::default().context(&Rc::new(settings)).err().unwrap().to_string()
}

#[test]
fn a_server_of_the_trusted_authority_is_talked_to() {
    let scene = Scene::new();
    let mut talk =
        Talk::begin(&scene.server(&Wanted::LOCALHOST), "localhost", TlsMode::Implicit, scene.trusting());
    assert_eq!(talk.open(), Ok(()));
    talk.ask(b"right");
    assert_eq!(talk.until(|talk| talk.answers == [b"yes"]), Ok(()));
}

#[test]
fn a_server_of_another_authority_is_refused() {
    let (scene, other) = (Scene::new(), Scene::of("another"));
    let result = connect(&other.server(&Wanted::LOCALHOST), "localhost", scene.trusting());
    assert_invalid(result, "unable to get local issuer certificate");
}

#[test]
fn a_server_of_another_authority_with_the_same_name_is_refused() {
    let (scene, other) = (Scene::new(), Scene::new());
    let result = connect(&other.server(&Wanted::LOCALHOST), "localhost", scene.trusting());
    assert_invalid(result, "certificate signature failure");
}

#[test]
fn a_directory_of_authorities_is_looked_into() {
    let scene = Scene::new();
    let hash = scene.authority.certificate.subject_name_hash();
    scene.authority.write_certificate(scene.directory.path(), &format!("{hash:08x}.0"));
    let directory = Some(scene.directory.path().to_owned());
    let settings = TlsSettings { authorities_directory: directory, ..TlsSettings::default() };
    assert_eq!(connect(&scene.server(&Wanted::LOCALHOST), "localhost", settings.clone()), Ok(()));
    let other = Scene::of("another").server(&Wanted::LOCALHOST);
    assert_invalid(connect(&other, "localhost", settings), "unable to get local issuer certificate");
}

/// `openssl rehash` is easily forgotten, and GnuTLS does not need it.
#[test]
fn the_names_in_a_directory_of_authorities_do_not_matter() {
    let scene = Scene::new();
    let path = scene.directory.path();
    scene.authority.write_certificate(path, "our authority.crt");
    fs::write(path.join("README"), "no certificate").unwrap();
    fs::create_dir(path.join("old")).unwrap();
    let settings = TlsSettings { authorities_directory: Some(path.to_owned()), ..TlsSettings::default() };
    assert_eq!(connect(&scene.server(&Wanted::LOCALHOST), "localhost", settings.clone()), Ok(()));
    let other = Scene::of("another").server(&Wanted::LOCALHOST);
    assert_invalid(connect(&other, "localhost", settings), "unable to get local issuer certificate");
}

#[test]
fn a_directory_without_any_certificate_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("README"), "no certificate").unwrap();
    let settings =
        TlsSettings { authorities_directory: Some(directory.path().to_owned()), ..TlsSettings::default() };
    assert!(error_of(settings).ends_with("holds no certificates in PEM: no file in it is one"));
}

#[test]
fn a_named_certificate_is_trusted_whoever_signed_it() {
    let scene = Scene::new();
    let server = scene.authority.sign(&Wanted::LOCALHOST);
    let file = server.write_certificate(scene.directory.path(), "server.pem");
    let settings = TlsSettings { authorities_file: Some(file), ..TlsSettings::default() };
    assert_eq!(connect(&serve(&server, None), "localhost", settings.clone()), Ok(()));
    let other = scene.authority.sign(&Wanted::LOCALHOST);
    assert_invalid(
        connect(&serve(&other, None), "localhost", settings),
        "unable to get local issuer certificate",
    );
}

#[test]
fn the_systems_authorities_are_trusted_until_a_private_one_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let system = directory.path().join("system.pem");
    let name = "net::tls::tests::the_systems_authorities_are_trusted_until_a_private_one_is_named";
    passes_with_variable("SSL_CERT_FILE", &system, name, || {
        let (public, private) = (Scene::of("public"), Scene::of("private"));
        let system = PathBuf::from(std::env::var_os("SSL_CERT_FILE").unwrap());
        fs::write(system, public.authority.certificate.to_pem().unwrap()).unwrap();
        let server = public.server(&Wanted::LOCALHOST);
        assert_eq!(connect(&server, "localhost", TlsSettings::default()), Ok(()));
        let result = connect(&server, "localhost", private.trusting());
        assert_invalid(result, "unable to get local issuer certificate");
    });
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let scene = Scene::new();
    let server = scene.server(&Wanted { names: &["mail.example.org"], ..Wanted::LOCALHOST });
    assert_invalid(connect(&server, "localhost", scene.trusting()), "hostname mismatch");
}

#[test]
fn a_certificate_may_name_the_server_in_its_subject_if_it_lists_no_names() {
    let scene = Scene::new();
    let old = Wanted { common_name: "localhost", names: &[], ..Wanted::LOCALHOST };
    assert_eq!(connect(&scene.server(&old), "localhost", scene.trusting()), Ok(()));
    let listed = Wanted { common_name: "localhost", names: &["mail.example.org"], ..Wanted::LOCALHOST };
    assert_invalid(connect(&scene.server(&listed), "localhost", scene.trusting()), "hostname mismatch");
}

#[test]
fn a_wildcard_stands_for_one_label_and_a_final_dot_for_nothing() {
    let scene = Scene::new();
    let server = scene.server(&Wanted { names: &["*.example.org"], ..Wanted::LOCALHOST });
    assert_eq!(connect(&server, "ldap.example.org.", scene.trusting()), Ok(()));
    assert_invalid(connect(&server, "a.ldap.example.org", scene.trusting()), "hostname mismatch");
}

#[test]
fn an_address_is_looked_for_among_the_certificates_addresses() {
    let scene = Scene::new();
    let server = scene.server(&Wanted { addresses: &["127.0.0.1"], ..Wanted::LOCALHOST });
    assert_eq!(connect(&server, "127.0.0.1", scene.trusting()), Ok(()));
    assert_invalid(connect(&server, "127.0.0.2", scene.trusting()), "IP address mismatch");
    let named = scene.server(&Wanted { names: &["127.0.0.1"], ..Wanted::LOCALHOST });
    assert_invalid(connect(&named, "127.0.0.1", scene.trusting()), "IP address mismatch");
}

#[test]
fn an_expired_certificate_is_refused() {
    let scene = Scene::new();
    let server = scene.server(&Wanted { days: -1, ..Wanted::LOCALHOST });
    assert_invalid(connect(&server, "localhost", scene.trusting()), "certificate has expired");
}

#[test]
fn nothing_is_checked_where_the_administrator_says_so() {
    let scene = Scene::new();
    let server = scene.server(&Wanted { days: -1, names: &["mail.example.org"], ..Wanted::LOCALHOST });
    let settings = TlsSettings { check_peer: false, ..TlsSettings::default() };
    assert_eq!(connect(&server, "localhost", settings), Ok(()));
}

#[test]
fn a_server_that_wants_a_certificate_gets_the_clients() {
    let scene = Scene::new();
    let server = serve(&scene.authority.sign(&Wanted::LOCALHOST), Some(&scene.authority));
    let client = scene.authority.sign(&Wanted { names: &[], ..Wanted::LOCALHOST });
    let settings = TlsSettings {
        certificate: Some(client.write_certificate(scene.directory.path(), "client.pem")),
        key: Some(client.write_key(scene.directory.path(), "client.key")),
        ..scene.trusting()
    };
    for (settings, is_welcome) in [(settings, true), (scene.trusting(), false)] {
        let mut talk = Talk::begin(&server, "localhost", TlsMode::Implicit, settings);
        // TLS 1.3 tells only after the handshake.
        let answered = talk.open().and_then(|()| {
            talk.ask(b"right");
            talk.until(|talk| !talk.answers.is_empty())
        });
        assert_eq!(answered.is_ok(), is_welcome, "{answered:?}");
    }
}

#[test]
fn a_version_that_the_server_does_not_speak_is_a_failure_to_make_contact() {
    let scene = Scene::new();
    let server = scene.server(&Wanted::LOCALHOST);
    let only = |version| TlsSettings { oldest_version: version, newest_version: version, ..scene.trusting() };
    assert_eq!(connect(&server, "localhost", only(Some(TlsVersion::Tls12))), Ok(()));
    assert_eq!(connect(&server, "localhost", only(Some(TlsVersion::Tls13))), Ok(()));
    let failure = connect(&server, "localhost", only(Some(TlsVersion::Tls11))).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Contact);
    assert!(failure.reason.contains("version") || failure.reason.contains("protocol"), "{failure}");
}

#[test]
fn a_server_that_speaks_no_tls_is_told_from_one_that_hangs_up() {
    let scene = Scene::new();
    let clear = Peer::start(|mut stream, _| {
        let _ = stream.write_all(b"* OK IMAP4rev1 ready\r\n");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let failure = connect(&clear, "localhost", scene.trusting()).unwrap_err();
    let expected =
        format!("no TLS with {}: the server does not speak TLS (wrong version number)", clear.address);
    assert_eq!(failure, Failure::new(FailureKind::Contact, expected));
    let silent = Peer::start(|mut stream, _| drop(stream.read(&mut [0; 4096])));
    let failure = connect(&silent, "localhost", scene.trusting()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Contact);
    let expected = format!("no TLS with {}: the server closed the connection", silent.address);
    assert_eq!(failure.reason, expected);
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let scene = Scene::new();
    let path = |name: &str| scene.directory.path().join(name);
    let (absent, empty) = (path("absent.pem"), path("empty.pem"));
    fs::write(&empty, b"").unwrap();
    let default = TlsSettings::default;
    for settings in [
        TlsSettings { authorities_file: Some(absent.clone()), ..default() },
        TlsSettings { authorities_directory: Some(absent.clone()), ..default() },
        TlsSettings { certificate: Some(absent.clone()), ..default() },
    ] {
        let expected = format!("{} cannot be read: No such file or directory", absent.display());
        assert_eq!(error_of(settings), expected);
    }
    for settings in [
        TlsSettings { authorities_file: Some(empty.clone()), ..default() },
        TlsSettings { certificate: Some(empty.clone()), ..default() },
    ] {
        let expected = format!("{} holds no certificates in PEM: ", empty.display());
        assert!(error_of(settings.clone()).starts_with(&expected), "{}", error_of(settings));
    }
}

#[test]
fn a_key_that_cannot_be_used_is_named() {
    let scene = Scene::new();
    let client = scene.authority.sign(&Wanted::LOCALHOST);
    let certificate = client.write_certificate(scene.directory.path(), "client.pem");
    let with_key =
        |key| TlsSettings { certificate: Some(certificate.clone()), key, ..TlsSettings::default() };
    let nowhere = error_of(with_key(None));
    assert!(nowhere.ends_with("client.pem holds no usable private key in PEM: there is none"), "{nowhere}");
    let other = scene.authority.write_key(scene.directory.path(), "other.key");
    let wrong = error_of(with_key(Some(other.clone())));
    assert_eq!(
        wrong,
        TlsError::WrongKey(other, certificate.clone()).to_string(),
        "which names both files: {wrong}"
    );
    let locked = scene.directory.path().join("locked.key");
    let cipher = openssl::symm::Cipher::aes_128_cbc();
    // Nor is an empty password tried.
    for password in [b"secret".as_slice(), b""] {
        let key = client.key.private_key_to_pem_pkcs8_passphrase(cipher, password).unwrap();
        fs::write(&locked, key).unwrap();
        let asked = error_of(with_key(Some(locked.clone())));
        let expected = "locked.key holds no usable private key in PEM: it needs a password, and nobody is there to ask for it";
        assert!(asked.ends_with(expected), "{asked}");
    }
}

#[test]
fn a_list_of_ciphers_that_openssl_does_not_know_is_quoted() {
    let of_gnutls = TlsSettings { ciphers: Some("NORMAL".to_owned()), ..TlsSettings::default() };
    assert_eq!(error_of(of_gnutls), "OpenSSL refuses the list of ciphers \"NORMAL\": no cipher match");
    let suites = TlsSettings { cipher_suites: Some("NONE".to_owned()), ..TlsSettings::default() };
    assert!(error_of(suites).starts_with("OpenSSL refuses the list of ciphers \"NONE\": "));
}
