#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::suites::{SUITES, SUITES_OF_TLS_13};
use super::*;
use crate::mech::remote::TlsVersion;
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
fn plain_keywords_are_openssls_own_choice() {
    for list in
        ["NORMAL", "normal", "PERFORMANCE", "LEGACY", "@SYSTEM", "NORMAL:%COMPAT", "NORMAL:-VERS-SSL3.0"]
    {
        assert_eq!(settings(list), TlsSettings::default(), "{list}");
    }
    for list in
        ["NORMAL:!ANON-DH", "NORMAL:-ARCFOUR-128:-3DES-CBC:!MD5", "NORMAL:+AES-256-GCM", "NORMAL:+SIGN-ALL"]
    {
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
    // As many as gnutls-cli 3.7 lists, but for those of TLS 1.3.
    for (list, count) in [
        ("SECURE256", 10),
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

/// Without them a server has to prove less than the administrator asks for.
#[test]
fn an_option_that_wants_more_of_a_server_is_not_passed_over_silently() {
    for option in ["%PROFILE_HIGH", "%DISABLE_WILDCARDS", "%FORCE_ETM", "%VERIFY_ALLOW_SIGN_WITH_SHA1"] {
        let remarks = apply(&format!("NORMAL:{option}"), &mut TlsSettings::default()).unwrap();
        assert!(remarks.len() == 1 && remarks[0].text.contains(option), "{option}: {remarks:?}");
    }
    for option in ["%COMPAT", "%SERVER_PRECEDENCE", "%SAFE_RENEGOTIATION"] {
        let remarks = apply(&format!("NORMAL:{option}"), &mut TlsSettings::default()).unwrap();
        assert!(remarks.is_empty(), "{option}: {remarks:?}");
    }
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
        ("NORMAL:-VERS-TLS1.0:-GROUP-X25519", vec![20]),
        ("NORMAL:+3DES-CBC:+ARCFOUR-128", vec![7, 17]),
        ("NORMAL:+ANON-DH", vec![7]),
        ("NORMAL:-VERS-TLS2.0", vec![7]),
        ("NORMAL:é", vec![7]),
        ("NORMAL:HIGH", vec![7]),
        ("NORMAL:-SIGN-RSA-SHA1:-RSA", vec![7]),
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
    for list in ["NONE", "NONE:+VERS-TLS1.2", "NORMAL:-VERS-ALL", "NORMAL:-CIPHER-ALL", "NORMAL:-MAC-ALL"] {
        let mut settings = TlsSettings::default();
        assert!(apply(list, &mut settings).is_err(), "{list}");
        assert_eq!(settings, TlsSettings::default());
    }
}
