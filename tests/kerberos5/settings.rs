//! krb5.conf, the library, the clock, and what `--check` says of them.

use super::{INTERNAL, REFUSED, SERVICE, ask, launch, realm, start, start_with, usual, with_keytab};
use crate::support::kerberos::{FAKETIME, Krb5Conf, Krb5File, library};
use crate::support::{Launch, Program, System};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

for_both!(
    without_a_configuration_that_can_be_read_nobody_can_be_asked,
    a_clock_that_is_ten_minutes_off_is_put_right_unless_the_library_may_not,
    a_file_of_option_o_that_is_not_there_stops_the_start,
);

fn without_a_configuration_that_can_be_read_nobody_can_be_asked(program: Program) {
    require!(Root, Kerberos);
    let server = realm(&[]);
    let settings = usual(&server);
    for conf in [
        Krb5File::of("[libdefaults\n default_realm = EXAMPLE.ORG\n"),
        Krb5Conf::new(None).realm("EXAMPLE.ORG", &[server.address()]).write(),
    ] {
        let daemon = start_with(program, &conf, &settings);
        for password in ["right", "wrong"] {
            assert_eq!(ask(&daemon, "anna", "", password), program.unavailable(INTERNAL));
        }
    }
    let daemon = start_with(
        program,
        &Krb5Conf::new(None).realm("EXAMPLE.ORG", &[server.address()]).write(),
        &settings,
    );
    let whole = ask(&daemon, "anna@EXAMPLE.ORG", "", "wrong");
    assert_eq!(whole, REFUSED, "a login with a realm needs no default one");
}

fn a_clock_that_is_ten_minutes_off_is_put_right_unless_the_library_may_not(program: Program) {
    require!(Root, Kerberos, Faketime);
    let server = realm(&[("preauth", "right")]);
    server.administer("modprinc +requires_preauth preauth");
    let settings = usual(&server);
    for offset in ["-10m", "+10m"] {
        for (option, is_put_right) in [("kdc_timesync = 1", true), ("kdc_timesync = 0", false)] {
            let conf = server.conf().with(option).write();
            let clock =
                ["env", &format!("LD_PRELOAD={FAKETIME}"), &format!("FAKETIME={offset}")].map(str::to_owned);
            let daemon = conf.of_daemon(launch(program, &settings)).behind(&clock).start();
            for login in ["anna", "preauth"] {
                let answer = ask(&daemon, login, "", "right");
                let case = format!("{login}, {offset}, {option}: {answer:?}");
                assert!(
                    if is_put_right { answer.is_ok() } else { answer == program.unavailable(REFUSED) },
                    "{case}"
                );
            }
        }
    }
}

fn a_file_of_option_o_that_is_not_there_stops_the_start(program: Program) {
    let finished = Launch::new(program, &["-a", "kerberos5", "-O", "/nonexistent/saslauthd.conf"]).run();
    assert_eq!(finished.code, Some(1), "{finished:?}");
}

fn check(server_conf: &Krb5File, settings: &str) -> (Option<i32>, String) {
    let launch = Launch::new(Program::Ours, &["-a", "kerberos5", "--check"]).with_file("-O", settings);
    let finished = server_conf.of_daemon(launch).run();
    (finished.code, finished.output + &finished.errors)
}

#[test]
fn a_check_finds_what_would_fail_at_the_first_login() {
    require!(Root, Kerberos);
    let server = realm(&[]);
    server.add_service("imap/mail.example.org");
    let keytab = server.keytab(SERVICE, "keytab");
    let good = server.conf().write();
    let (code, told) = check(&good, &with_keytab(&keytab));
    assert!(code == Some(0) && told.contains("no problems"), "{told}");
    let other = server.keytab("imap/mail.example.org", "other");
    let open = server.keytab(SERVICE, "open");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let fifo = open.with_file_name("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let broken = Krb5File::of("[libdefaults\n default_realm = EXAMPLE.ORG\n");
    let without_default = Krb5Conf::new(None).write();
    for (conf, keytab, expected) in [
        (&good, Path::new("/nonexistent/keytab"), "/nonexistent/keytab"),
        (&good, &other, "host/mail.example.org"),
        (&good, &open, "everybody can read"),
        (&good, &fifo, "is not a regular file"),
        (&broken, &keytab, "krb5"),
        (&without_default, &keytab, "default realm"),
    ] {
        let (code, told) = check(conf, &with_keytab(keytab));
        assert!(code == Some(1) && told.contains(expected), "{expected}: {code:?} {told}");
    }
    let (code, told) = check(&good, &format!("{}krb5_realms: example.org\n", with_keytab(&keytab)));
    let expected = "krb5_realms does not have the default realm EXAMPLE.ORG";
    assert!(code == Some(1) && told.contains(expected), "{code:?} {told}");
}

/// A machine on which the library is an empty file.
#[test]
fn without_the_library_a_sentence_names_the_package_and_other_mechanisms_serve() {
    require!(Root, Mounts, Kerberos);
    let server = realm(&[]);
    let library = library("libkrb5.so.3");
    let without =
        |launch: Launch| launch.inside(&System::new()).after(&format!("mount --bind /dev/null {library}"));
    let settings = usual(&server);
    for launched in [launch(Program::Ours, &settings), launch(Program::Ours, &settings).with(&["--check"])] {
        let finished = without(server.reached_by(launched)).run();
        assert_eq!(finished.code, Some(1), "{finished:?}");
        let told = finished.output + &finished.errors;
        assert!(told.contains("libkrb5") && told.contains("libkrb5-3"), "{told}");
    }
    let shadow = without(Launch::new(Program::Ours, &["-a", "shadow"])).start();
    assert!(!shadow.ask(&crate::support::Request::new("no-such-login", "wrong")).is_ok());
}

/// No other process pays for it.
#[test]
fn only_a_worker_maps_the_library() {
    require!(Root, Kerberos);
    let server = realm(&[]);
    let daemon = start(Program::Ours, &server, &usual(&server));
    assert_eq!(ask(&daemon, "anna", "", "right"), "OK");
    let has = |process: &crate::support::Process| {
        fs::read_to_string(process.file("maps")).unwrap().contains("libkrb5.so.3")
    };
    assert!(daemon.children("worker").iter().any(has));
    assert!(!has(&daemon.process) && !daemon.children("frontend").iter().any(has));
}

/// What saslauthd.conf of contrib says, but for the paths.
#[test]
fn the_example_of_contrib_serves_a_realm() {
    require!(Root, Kerberos);
    let server = realm(&[]);
    let service = "saslauthd/mail.example.org";
    server.add_service(service);
    let keytab = server.keytab(service, "of-example");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/saslauthd.conf/kerberos5.conf");
    let text = fs::read_to_string(&example).unwrap_or_else(|error| panic!("{}: {error}", example.display()));
    assert!(text.contains(service) && text.contains("/etc/saslauthd.keytab"), "{text}");
    let text = text.replace("/etc/saslauthd.keytab", keytab.to_str().unwrap());
    let (code, told) = check(&server.conf().write(), &text);
    assert!(code == Some(0) && told.contains("no problems"), "{told}");
    let daemon = start(Program::Ours, &server, &text);
    assert_eq!(ask(&daemon, "anna@example.org", "", "right"), "OK");
    assert_eq!(ask(&daemon, "anna", "", "right"), "OK");
    assert_eq!(ask(&daemon, "anna", "", "wrong"), REFUSED);
}
