#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::algorithms::{GROUPS, SIGNATURES};
use super::suites::{SUITES, SUITES_OF_TLS_13};
use super::*;
use crate::net::exchange::TlsVersion;
use openssl::ssl::{SslContext, SslMethod};

/// What becomes of a list, with what is left out of it.
fn remarked(list: &str) -> (TlsSettings, Vec<usize>) {
    let mut settings = TlsSettings::default();
    let remarks = apply(list, &mut settings).unwrap();
    (settings, remarks.iter().map(|remark| remark.offset).collect())
}

fn settings(list: &str) -> TlsSettings {
    let (settings, remarks) = remarked(list);
    assert_eq!(remarks, [0; 0], "{list}");
    settings
}

#[test]
fn lists_of_openssl_go_as_they_are() {
    for list in ["HIGH:!aNULL", "DEFAULT", "ECDHE-RSA-AES256-GCM-SHA384", "!NULL", "ALL:@STRENGTH"] {
        assert_eq!(settings(list), TlsSettings { ciphers: Some(list.to_owned()), ..Default::default() });
    }
}

#[test]
fn openssl_has_every_suite() {
    for suite in &SUITES {
        let mut builder = SslContext::builder(SslMethod::tls_client()).unwrap();
        builder.set_security_level(0);
        builder.set_cipher_list(suite.name).unwrap();
    }
    for (name, _) in SUITES_OF_TLS_13 {
        SslContext::builder(SslMethod::tls_client()).unwrap().set_ciphersuites(name).unwrap();
    }
}

#[test]
fn openssl_has_every_group_and_signature() {
    let mut builder = SslContext::builder(SslMethod::tls_client()).unwrap();
    for (_, name) in GROUPS {
        assert!(builder.set_groups_list(name).is_ok() || openssl::version::number() < 0x3000_0000, "{name}");
    }
    for (_, name) in SIGNATURES {
        builder.set_sigalgs_list(name).unwrap();
    }
}

#[test]
fn plain_keywords_are_openssls_own_choice() {
    for list in
        ["NORMAL", "normal", "PERFORMANCE", "LEGACY", "@SYSTEM", "NORMAL:%COMPAT", "NORMAL:-VERS-SSL3.0"]
    {
        assert_eq!(settings(list), TlsSettings::default(), "{list}");
    }
    for list in [
        "NORMAL:+GROUP-ALL:+CURVE-X448:+SIGN-RSA-SHA1",
        "NORMAL:!ANON-DH",
        "NORMAL:-ARCFOUR-128:-3DES-CBC:!MD5",
        "NORMAL:+AES-256-GCM",
        "NORMAL:+SIGN-ALL",
    ] {
        assert_eq!(settings(list), TlsSettings::default(), "{list}: nothing of it changes anything");
    }
}

#[test]
fn a_string_allows_what_it_allows_in_gnutls_and_nothing_else() {
    let suites = |list: &str| settings(list).ciphers.unwrap_or_default();
    assert_eq!(
        suites("NONE:+VERS-TLS1.2:+AES-256-GCM:+ECDHE-RSA:+SIGN-ALL:+COMP-NULL:+AEAD:+GROUP-ALL"),
        "ECDHE-RSA-AES256-GCM-SHA384"
    );
    assert_eq!(suites("SUITEB192"), "ECDHE-ECDSA-AES256-GCM-SHA384");
    // As many as gnutls-cli 3.7 lists, but for those of TLS 1.3 and DHE of SECURE256.
    for (list, count) in [
        ("SECURE256", 7),
        ("SECURE256:+DHE-RSA", 7),
        ("SECURE128", 25),
        ("SECURE256:SECURE128", 25),
        ("PFS", 19),
        ("NORMAL:-CIPHER-ALL:+AES-256-GCM", 4),
        ("NORMAL:+SHA256", 31),
        ("NORMAL:-RSA", 19),
    ] {
        assert_eq!(suites(list).split(':').count(), count, "{list}: {}", suites(list));
    }
}

/// From a file of a university; the last part is there twice.
#[test]
fn a_string_of_a_real_file_is_translated() {
    let list = "SECURE256:SECURE128:!AES-128-CBC:!ARCFOUR-128:!CAMELLIA-128-CBC:!3DES-CBC:!CAMELLIA-128-CBC";
    let settings = settings(list);
    let suites = settings.ciphers.unwrap();
    assert_eq!(suites.split(':').count(), 21);
    assert!(suites.contains("ECDHE-RSA-AES128-GCM-SHA256") && suites.contains("AES256-SHA"));
    assert!(!suites.contains("AES128-SHA:") && !suites.ends_with("AES128-SHA"));
}

#[test]
fn what_is_taken_away_is_gone_from_tls_13_too() {
    let without = settings("NORMAL:-AES-128-GCM:-CHACHA20-POLY1305");
    assert_eq!(without.cipher_suites.unwrap(), "TLS_AES_256_GCM_SHA384");
    assert!(!without.ciphers.unwrap().contains("CHACHA20"));
    let without = settings("NORMAL:-AEAD");
    assert_eq!((without.newest_version, without.cipher_suites), (Some(TlsVersion::Tls12), None));
    let without = settings("NORMAL:-KX-ALL");
    assert_eq!((without.oldest_version, without.ciphers), (Some(TlsVersion::Tls13), None));
}

#[test]
fn versions_are_bounded_as_the_string_says() {
    use TlsVersion::{Tls10, Tls11, Tls12, Tls13};
    for (list, oldest, newest) in [
        ("NORMAL:-VERS-TLS1.0", Tls12, Tls13),
        ("NORMAL:-VERS-TLS1.0:-VERS-TLS1.1", Tls12, Tls13),
        ("NORMAL:-VERS-TLS1.3", Tls12, Tls12),
        ("NORMAL:!VERS-TLS1.2", Tls13, Tls13),
        ("SECURE256:-VERS-ALL:+VERS-TLS1.2", Tls12, Tls12),
        ("NORMAL:-VERS-TLS-ALL:+VERS-TLS1.0:+VERS-TLS1.1", Tls10, Tls11),
        ("NORMAL:+VERS-TLS1.1", Tls11, Tls13),
        ("NORMAL:+VERS-ALL", Tls10, Tls13),
        ("NORMAL, -VERS-TLS1.3", Tls12, Tls12),
    ] {
        let settings = settings(list);
        assert_eq!(
            (settings.oldest_version, settings.newest_version),
            (Some(oldest), Some(newest)),
            "{list}"
        );
    }
}

#[test]
fn what_cannot_be_translated_is_left_out_and_told_with_its_place() {
    for (list, offsets) in [
        ("NORMAL:-VERS-TLS1.0:+GROUP-SECP192R1", vec![20]),
        ("NORMAL:+3DES-CBC:+ARCFOUR-128", vec![7, 17]),
        ("NORMAL:+ANON-DH", vec![7]),
        ("NORMAL:+VERS-TLS2.0", vec![7]),
        ("NORMAL:é", vec![7]),
        ("NORMAL:HIGH", vec![7]),
        ("NORMAL:+SIGN-DSA-SHA1:-RSA", vec![7]),
        ("NORMAL:+VERS-TLS1.0:-VERS-TLS1.1", vec![0]),
    ] {
        let (settings, told) = remarked(list);
        assert_eq!(told, offsets, "{list}");
        let suites = settings.ciphers.unwrap_or_default();
        assert!(
            !suites.contains("DES-CBC3") && !suites.contains("RC4") && !suites.contains("ADH"),
            "{suites}"
        );
    }
    let (settings, _) = remarked("NORMAL:+VERS-TLS1.0:-VERS-TLS1.1");
    assert_eq!(settings.oldest_version, Some(TlsVersion::Tls12), "the older side of a gap is left out");
}

#[test]
fn a_string_that_leaves_nothing_is_an_error() {
    for list in [
        "NORMAL:-SIGN-ALL",
        "NONE",
        "NONE:+VERS-TLS1.2",
        "NORMAL:-VERS-ALL",
        "NORMAL:-CIPHER-ALL",
        "NORMAL:-MAC-ALL",
    ] {
        let mut settings = TlsSettings::default();
        assert!(apply(list, &mut settings).is_err(), "{list}");
        assert_eq!(settings, TlsSettings::default());
    }
}

/// As gnutls-cli 3.7 lists them, but for the two names that some signatures have.
#[test]
fn groups_and_signatures_are_those_that_gnutls_allows() {
    let of_128 = "X25519:P-256:X448:P-521:P-384:ffdhe2048:ffdhe3072:ffdhe4096:ffdhe6144:ffdhe8192";
    let all_but = |name: &str| of_128.split(':').filter(|known| *known != name).collect::<Vec<_>>().join(":");
    for (list, groups, signatures) in [
        ("NORMAL:-GROUP-X25519", Some(all_but("X25519")), None),
        ("NORMAL:!curve-secp256r1", Some(all_but("P-256")), None),
        ("NORMAL:-GROUP-ALL:+GROUP-SECP384R1:+GROUP-FFDHE3072", Some("P-384:ffdhe3072".to_owned()), None),
        ("NORMAL:-SIGN-ALL:+SIGN-ECDSA-SHA256", None, Some("ecdsa_secp256r1_sha256")),
        ("SECURE128:-SIGN-ALL:+SIGN-EdDSA-Ed25519", Some(of_128.to_owned()), Some("ed25519")),
        ("SUITEB192", Some("P-384".to_owned()), Some("ecdsa_secp384r1_sha384")),
        (
            "SECURE256:-SIGN-ALL:+SIGN-RSA-SHA256",
            Some("P-521:P-384:ffdhe8192".to_owned()),
            Some("rsa_pkcs1_sha256"),
        ),
    ] {
        let settings = settings(list);
        assert_eq!((settings.groups, settings.signatures.as_deref()), (groups, signatures), "{list}");
    }
    // Seventeen names without SHA-1, eleven without SHA-256 either; three and two of them are there twice.
    for (list, count) in [("SECURE128", 14), ("SECURE192", 9), ("NORMAL:-SIGN-RSA-SHA1", 15)] {
        let signatures = settings(list).signatures.unwrap();
        assert_eq!(signatures.split(':').count(), count, "{list}: {signatures}");
    }
    let without = settings("NORMAL:-SIGN-ECDSA-SHA256").signatures.unwrap();
    assert!(!without.contains("ecdsa_secp256r1_sha256"), "neither under its other name: {without}");
    let without = settings("NORMAL:-GROUP-X25519-MLKEM768").groups.unwrap();
    assert_eq!(without, of_128, "a newer OpenSSL would offer it by itself");
}

#[test]
fn without_a_group_there_is_no_key_exchange_that_needs_one() {
    let none = settings("NORMAL:-GROUP-ALL");
    assert_eq!(
        (none.oldest_version, none.newest_version),
        (Some(TlsVersion::Tls12), Some(TlsVersion::Tls12))
    );
    assert!(!none.ciphers.unwrap().contains("ECDHE"));
    let no_curve = settings("NORMAL:-GROUP-ALL:+GROUP-FFDHE2048");
    assert_eq!((no_curve.newest_version, no_curve.groups.as_deref()), (None, Some("ffdhe2048")));
    assert!(!no_curve.ciphers.unwrap().contains("ECDHE"));
}

#[test]
fn options_that_demand_more_have_their_effect() {
    for (list, level) in [
        ("NORMAL:%PROFILE_LOW", 0),
        ("NORMAL:%PROFILE_MEDIUM", 2),
        ("NORMAL:%profile_ultra:%PROFILE_HIGH", 4),
        ("SUITEB128", 3),
    ] {
        assert_eq!(settings(list).least_security_level, level, "{list}");
    }
    let with_mac = settings("NORMAL:%FORCE_ETM").ciphers.unwrap();
    assert!(with_mac.contains("AES256-GCM") && !with_mac.contains("AES256-SHA"), "{with_mac}");
}

#[test]
fn what_would_be_allowed_against_the_string_is_an_error_that_names_it() {
    for (list, word) in [
        ("NORMAL:-VERS-TLS1.0:-GROUP-X25518", "-GROUP-X25518"),
        ("NORMAL:-SIGN-RSA-SHA257", "-SIGN-RSA-SHA257"),
        ("NORMAL:!AES-128", "!AES-128"),
        ("NORMAL:-VERS-TLS2.0", "-VERS-TLS2.0"),
        ("NORMAL:%FORCE_SESSION_HASH", "%FORCE_SESSION_HASH"),
        ("NORMAL:-", "-"),
    ] {
        let mut settings = TlsSettings::default();
        let error = apply(list, &mut settings).unwrap_err();
        assert_eq!(error.offset, list.rfind(word).unwrap());
        assert!(error.text.contains(&format!("\"{word}\"")), "{}", error.text);
        assert_eq!(settings, TlsSettings::default());
    }
}
