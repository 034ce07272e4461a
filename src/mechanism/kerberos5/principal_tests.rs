//! Every rule by which a login becomes the name of a principal.

use super::*;
use crate::secret::Secret;
use crate::settings::file::Text;
use crate::settings::raw_settings::RawSettings;

fn settings(conf: &str) -> Settings {
    let file = Some(Text { path: "/c".into(), bytes: Secret::copy_of(conf.as_bytes()) });
    Settings::read(&RawSettings { file, ..RawSettings::default() }, &mut Vec::new())
}

/// Of a login of the service `smtp`.
fn name(conf: &str, login: &str, realm: &str) -> Result<String, NoPrincipal> {
    let credentials =
        Credentials { realm: realm.as_bytes().to_vec(), ..Credentials::of_login(login, "secret") };
    let name = PrincipalName::of(&settings(conf), &credentials)?;
    let whole = name.realm.as_ref().map_or_else(|| name.name.clone(), |realm| name.in_realm(realm));
    Ok(String::from_utf8_lossy(&whole).into_owned())
}

#[test]
fn a_login_and_its_realm_are_the_name_of_a_principal() {
    for (login, realm, expected) in [
        ("anna", "", "anna"),
        ("anna", "EXAMPLE.ORG", "anna@EXAMPLE.ORG"),
        ("anna", "example.org", "anna@example.org"),
        ("anna@EXAMPLE.ORG", "", "anna@EXAMPLE.ORG"),
        ("anna@EXAMPLE.ORG", "EXAMPLE.ORG", "anna@EXAMPLE.ORG"),
        ("anna/admin", "", "anna/admin"),
        ("anna/admin/more", "X", "anna/admin/more@X"),
        ("an.na", "EXAMPLE.ORG", "an.na@EXAMPLE.ORG"),
    ] {
        assert_eq!(name("", login, realm).as_deref(), Ok(expected), "{login} {realm}");
    }
}

#[test]
fn what_is_no_name_or_not_the_one_that_it_shows_is_refused() {
    for (login, realm) in [
        ("anna@A", "B"),
        ("anna@example.org", "EXAMPLE.ORG"),
        ("anna@A@B", ""),
        ("anna@", ""),
        ("anna@", "A"),
        ("anna@A/B", ""),
        ("anna", "A/B"),
        ("anna", "A@B"),
        ("/", ""),
        ("/anna", ""),
        ("anna/", ""),
        ("anna//admin", ""),
        ("an\\na", ""),
        ("anna\\@A", "B"),
        ("anna", "A\\0"),
        ("anna\0x", ""),
        ("anna", "A\0B"),
    ] {
        let refused = name("", login, realm);
        assert!(matches!(refused, Err(NoPrincipal::Malformed(_))), "{login:?} {realm:?}: {refused:?}");
    }
    assert_eq!(name("", "@EXAMPLE.ORG", ""), Err(NoPrincipal::Nameless));
}

#[test]
fn the_anonymous_principal_which_needs_no_password_is_asked_about_in_no_writing() {
    for (conf, login, realm) in [
        ("", "WELLKNOWN/ANONYMOUS", ""),
        ("", "WELLKNOWN/ANONYMOUS@EXAMPLE.ORG", ""),
        ("", "WELLKNOWN/ANONYMOUS", "EXAMPLE.ORG"),
        ("", "WELLKNOWN", ""),
        ("krb5_conv_krb4_instance: yes\n", "WELLKNOWN.ANONYMOUS", ""),
        ("krb5_smtp_instance: ANONYMOUS\n", "WELLKNOWN", ""),
    ] {
        assert_eq!(name(conf, login, realm), Err(NoPrincipal::Reserved), "{conf} {login} {realm}");
    }
    for login in ["wellknown", "WELLKNOWNS/ANONYMOUS", "anna/WELLKNOWN", "WELLKNOWN.ANONYMOUS"] {
        assert!(name("", login, "").is_ok(), "{login}");
    }
}

#[test]
fn logins_of_a_service_get_its_instance_and_no_other() {
    let conf = "krb5_smtp_instance: mail\nkrb5_imap_instance: imap\n";
    for (login, realm, expected) in [
        ("anna", "", Ok("anna/mail")),
        ("anna", "EXAMPLE.ORG", Ok("anna/mail@EXAMPLE.ORG")),
        ("anna@EXAMPLE.ORG", "", Ok("anna/mail@EXAMPLE.ORG")),
        ("anna/mail", "", Ok("anna/mail")),
        ("anna/mail@EXAMPLE.ORG", "", Ok("anna/mail@EXAMPLE.ORG")),
        ("anna/imap", "", Err(NoPrincipal::OtherInstance)),
        ("anna/mail/more", "", Err(NoPrincipal::OtherInstance)),
        ("anna/", "", Err(NoPrincipal::OtherInstance)),
    ] {
        assert_eq!(name(conf, login, realm).as_deref(), expected.as_ref().copied(), "{login} {realm}");
    }
}

#[test]
fn the_first_dot_of_a_login_becomes_a_slash_and_none_of_its_realm() {
    let conf = "krb5_conv_krb4_instance: yes\n";
    for (login, realm, expected) in [
        ("anna.mail", "", "anna/mail"),
        ("anna.mail.more", "", "anna/mail.more"),
        ("anna", "EXAMPLE.ORG", "anna@EXAMPLE.ORG"),
        ("anna@EXAMPLE.ORG", "", "anna@EXAMPLE.ORG"),
        ("anna.mail@EXAMPLE.ORG", "", "anna/mail@EXAMPLE.ORG"),
    ] {
        assert_eq!(name(conf, login, realm).as_deref(), Ok(expected), "{login} {realm}");
    }
    assert!(matches!(name(conf, ".", ""), Err(NoPrincipal::Malformed(_))));
    let both = "krb5_conv_krb4_instance: yes\nkrb5_smtp_instance: mail\n";
    assert_eq!(name(both, "anna.mail", "").as_deref(), Ok("anna/mail"));
    assert_eq!(name(both, "anna.imap", ""), Err(NoPrincipal::OtherInstance));
}

#[test]
fn realms_are_put_into_capital_letters_and_names_are_not() {
    let conf = "krb5_uppercase_realm: yes\n";
    for (login, realm, expected) in [
        ("anna", "example.org", "anna@EXAMPLE.ORG"),
        ("anna@example.org", "", "anna@EXAMPLE.ORG"),
        ("anna@example.org", "EXAMPLE.ORG", "anna@EXAMPLE.ORG"),
        ("anna", "", "anna"),
    ] {
        assert_eq!(name(conf, login, realm).as_deref(), Ok(expected), "{login} {realm}");
    }
}

#[test]
fn a_name_of_2047_bytes_is_one_and_a_longer_one_is_not() {
    let login = "a".repeat(LONGEST - 2);
    assert!(name("", &login, "A").is_ok());
    assert_eq!(name("", &login, "AA"), Err(NoPrincipal::TooLong));
    assert_eq!(name("krb5_smtp_instance: mail\n", &login, ""), Err(NoPrincipal::TooLong));
}
