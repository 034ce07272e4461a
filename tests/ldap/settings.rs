//! saslauthd.conf: what is told before the daemon starts.

use super::{ask, launch, searching};
use crate::support::{Entries, Launch, Program, Slapd, System};

#[test]
fn a_filter_that_makes_no_sense_is_named_with_line_and_column() {
    let settings = "ldap_servers: ldap://localhost/\nldap_search_base: dc=x\nldap_filter: (&(uid=%u)(cn=x)\n";
    for flags in [&[][..], &["--check"]] {
        let finished = launch(Program::Ours, settings).with(flags).run();
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(format!("{finished:?}").contains("O:3:"), "{finished:?}");
    }
}

#[test]
fn check_resolves_and_connects_to_nothing() {
    let settings = "ldap_servers: ldap://name.invalid/ ldaps://127.0.0.1:1/\nldap_search_base: dc=x\n";
    let finished = launch(Program::Ours, settings).with(&["--check"]).run();
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let settings = "ldap_servers: nonsense\nldap_scope: wide\nldap_filter: (\nldap_timeout: soon\n";
    let finished = launch(Program::Ours, settings).with(&["--check"]).run();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    for line in 1..=4 {
        assert!(finished.output.contains(&format!("O:{line}:")), "line {line}: {finished:?}");
    }
}

#[test]
fn a_key_that_nobody_knows_is_told_and_passed_over() {
    require!(Slapd);
    let server = Slapd::new(Entries::new().user("anna", "right")).start();
    let settings = format!("log_level: 10\n{}", searching(&server.uri()));
    let daemon = launch(Program::Ours, &settings).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    daemon.log.wait_for("log_level");
    let finished = launch(Program::Ours, &settings).with(&["--check"]).run();
    assert_eq!(finished.code, Some(1), "{finished:?}");
}

#[test]
fn without_the_file_there_is_nothing_to_start() {
    let finished = Launch::new(Program::Ours, &["-a", "ldap", "-O", "/nonexistent/saslauthd.conf"]).run();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.errors.contains("/nonexistent/saslauthd.conf"), "{finished:?}");
}

/// Libldap's own file names the authorities that C trusts.
#[test]
fn the_authorities_of_libldap_are_trusted() {
    require!(Slapd, Mounts);
    let authority = crate::support::Authority::new();
    let slapd = Slapd::new(Entries::new().user("anna", "right"));
    let certificate = authority.issue(&[&slapd.address().to_string()]);
    let server = slapd.with_certificate(&certificate).start();
    for program in Program::BOTH {
        let system = System::new().ldap_conf(&format!("TLS_CACERT {}\n", authority.file().display()));
        let daemon = launch(program, &searching(&server.tls_uri())).inside(&system).start();
        assert_eq!(ask(&daemon, "anna", "right"), "OK", "{program:?}");
        assert_eq!(ask(&daemon, "anna", "wrong"), "NO", "{program:?}");
    }
}
