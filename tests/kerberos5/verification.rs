//! Servers that are taken for the realm's only if the keytab says so.

use super::{SERVICE, UNVERIFIED, ask, realm, start, start_with, usual, with_keytab};
use crate::support::kerberos::Kerberos;
use crate::support::{Answer, Program, eventually};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

for_both!(
    a_keytab_of_no_use_is_an_outage_for_right_and_wrong_passwords_alike,
    an_impostor_of_the_realm_cannot_say_yes,
    a_keytab_that_is_too_old_cannot_tell_who_says_yes,
    a_keytab_is_read_as_it_is_at_each_login,
);

/// The reason given in docs/COMPATIBILITY.md.
const WHY: &str = "by C's answers one learns a password while the daemon is broken";

fn a_keytab_of_no_use_is_an_outage_for_right_and_wrong_passwords_alike(program: Program) {
    require!(Root, Kerberos);
    let server = realm(&[]);
    server.add_service("imap/mail.example.org");
    let garbage = server.keytab(SERVICE, "garbage");
    fs::write(&garbage, b"\x05\x02\xff\xff\xff garbage").unwrap();
    let empty = server.keytab(SERVICE, "empty");
    fs::write(&empty, b"").unwrap();
    for keytab in [
        PathBuf::from("/nonexistent/keytab"),
        server.keytab("imap/mail.example.org", "other"),
        garbage,
        empty,
    ] {
        let daemon = start(program, &server, &with_keytab(&keytab));
        let name = keytab.display();
        assert_eq!(ask(&daemon, "anna", "", "right"), program.unavailable(UNVERIFIED), "{name}");
        let refused = Answer::Text(super::REFUSED.to_owned());
        let wrong = program.better(WHY, refused, Answer::Nothing);
        assert_eq!(ask(&daemon, "anna", "", "wrong"), wrong, "{name}");
        if program == Program::Ours {
            daemon.log.wait_for("auth unavailable: [user=anna] [service=smtp] [realm=] [mech=kerberos5]");
        }
    }
}

/// Its administrator has given `anna` the password that the attacker sends.
fn an_impostor_of_the_realm_cannot_say_yes(program: Program) {
    require!(Root, Kerberos);
    let server = realm(&[]);
    let settings = usual(&server);
    for has_service in [false, true] {
        let impostor = Kerberos::start(&[("anna", "stolen")]);
        if has_service {
            impostor.add_service(SERVICE);
        }
        let daemon = start(program, &impostor, &settings);
        let answer = ask(&daemon, "anna", "", "stolen");
        assert_eq!(answer, program.unavailable(UNVERIFIED), "with the service: {has_service}");
        assert!(!ask(&daemon, "anna", "", "wrong").is_ok());
    }
}

fn a_keytab_that_is_too_old_cannot_tell_who_says_yes(program: Program) {
    require!(Root, Kerberos);
    let server = realm(&[]);
    let settings = usual(&server);
    let daemon = start(program, &server, &settings);
    assert_eq!(ask(&daemon, "anna", "", "right"), "OK");
    server.change_key(SERVICE);
    // The worker keeps no ticket of the old key either.
    assert_eq!(ask(&daemon, "anna", "", "right"), program.unavailable(UNVERIFIED));
    assert!(!ask(&daemon, "anna", "", "wrong").is_ok());
    if program == Program::Ours {
        daemon.log.wait_for("No login of EXAMPLE.ORG can be accepted: the keytab FILE:");
    }
    server.keytab(SERVICE, "keytab");
    assert_eq!(ask(&daemon, "anna", "", "right"), "OK", "the new key is in the keytab, too");
}

/// One worker, which has seen it: each knows what its own logins have shown.
#[test]
fn once_a_right_password_has_shown_that_the_key_is_old_a_wrong_one_is_an_outage_too() {
    require!(Root, Kerberos);
    let server = realm(&[("otto", "secret")]);
    let settings = usual(&server);
    let launch = crate::support::Launch::new(Program::Ours, &["-a", "kerberos5", "-n", "1"]);
    let daemon = server.reached_by(launch.with_file("-O", &settings)).start();
    assert_eq!(ask(&daemon, "anna", "", "right"), "OK");
    server.change_key(SERVICE);
    for _ in 0..3 {
        assert_eq!(ask(&daemon, "anna", "", "wrong"), super::REFUSED, "no wrong password changes that");
    }
    assert_eq!(ask(&daemon, "anna", "", "right"), Answer::Nothing);
    for login in ["anna", "otto", "nobody"] {
        assert_eq!(ask(&daemon, login, "", "wrong"), Answer::Nothing, "{login}");
    }
    let told = daemon.log.wait_for("No login of EXAMPLE.ORG can be accepted: the keytab FILE:");
    assert!(told.contains("host/mail.example.org") && told.contains("kvno"), "{told}");
    server.keytab(SERVICE, "keytab");
    assert_eq!(ask(&daemon, "anna", "", "wrong"), super::REFUSED, "the keytab has changed");
    assert_eq!(ask(&daemon, "anna", "", "right"), "OK");
    assert_eq!(ask(&daemon, "otto", "", "wrong"), super::REFUSED);
}

fn a_keytab_is_read_as_it_is_at_each_login(program: Program) {
    require!(Root, Kerberos);
    let server = realm(&[]);
    let file = server.keytab(SERVICE, "keytab");
    let aside = file.with_extension("aside");
    let daemon = start(program, &server, &with_keytab(&file));
    for _ in 0..3 {
        assert_eq!(ask(&daemon, "anna", "", "right"), "OK");
        fs::rename(&file, &aside).unwrap();
        assert_eq!(ask(&daemon, "anna", "", "right"), program.unavailable(UNVERIFIED));
        fs::rename(&aside, &file).unwrap();
    }
    assert_eq!(ask(&daemon, "anna", "", "right"), "OK");
}

#[test]
fn a_reload_reads_the_name_of_the_keytab_anew() {
    require!(Root, Kerberos);
    let server = realm(&[]);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), with_keytab(&server.keytab(SERVICE, "first"))).unwrap();
    let arguments = ["-a", "kerberos5", "-O", file.path().to_str().unwrap()];
    let daemon = server.reached_by(crate::support::Launch::new(Program::Ours, &arguments)).start();
    assert_eq!(ask(&daemon, "anna", "", "right"), "OK");
    server.change_key(SERVICE);
    assert_eq!(ask(&daemon, "anna", "", "right"), Answer::Nothing);
    fs::write(file.path(), with_keytab(&server.keytab(SERVICE, "second"))).unwrap();
    daemon.process.signal("HUP");
    daemon.log.wait_for("a new frontend has taken over");
    eventually("the new keytab is used", || ask(&daemon, "anna", "", "right").is_ok().then_some(()));
}

/// Of KRB5_KTNAME, as the library and C take it, where saslauthd.conf names none.
#[test]
fn the_environment_names_the_keytab_where_the_settings_do_not() {
    require!(Root, Kerberos);
    let server = realm(&[]);
    let keytab = server.keytab(SERVICE, "keytab");
    fs::set_permissions(&keytab, fs::Permissions::from_mode(0o600)).unwrap();
    for program in Program::BOTH {
        let variable = format!("KRB5_KTNAME=FILE:{}", keytab.display());
        let launch =
            super::launch(program, "krb5_servername: mail.example.org\n").behind(&["env", &variable]);
        assert_eq!(ask(&server.reached_by(launch).start(), "anna", "", "right"), "OK", "{program:?}");
    }
    let conf = server.conf().with(&format!("default_keytab_name = FILE:{}", keytab.display())).write();
    for program in Program::BOTH {
        let daemon = start_with(program, &conf, "krb5_servername: mail.example.org\n");
        assert_eq!(ask(&daemon, "anna", "", "right"), "OK", "{program:?}");
    }
}
