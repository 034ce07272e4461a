//! Kerberos' library with a real server behind it, where valgrind sees how it is called.

use super::{SERVICE, realm, usual, with_keytab};
use crate::support::address::own_address;
use crate::support::in_process::InProcess;
use std::env;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// What the process that is to ask finds the settings in: the library reads its own environment.
const SETTINGS: &str = "SASLAUTHD_TEST_KERBEROS5";

const NAME: &str = "kerberos5::in_process::every_way_of_a_login_through_the_library_comes_to_its_end";

#[test]
fn every_way_of_a_login_through_the_library_comes_to_its_end() {
    if let Ok(settings) = env::var(SETTINGS) {
        return log_in(&settings);
    }
    require!(Root, Kerberos);
    let server = realm(&[("preauth", "right"), ("expired", "right")]);
    server.administer("modprinc +requires_preauth preauth");
    server.administer("modprinc -pwexpire yesterday expired");
    let nobody = SocketAddr::from((own_address(), 9));
    let conf = server.conf().realm("GONE.EXAMPLE", &[nobody]).write();
    let mut itself = Command::new(env::current_exe().unwrap());
    itself
        .args([NAME, "--exact", "--nocapture"])
        .env(SETTINGS, usual(&server))
        .env("KRB5_CONFIG", conf.path());
    assert!(itself.status().unwrap().success());
}

fn log_in(settings: &str) {
    let mut mechanism = InProcess::start("kerberos5", settings);
    for _ in 0..3 {
        for (login, password, expected) in [
            ("anna", "right", "OK"),
            ("anna", "wrong", "NO"),
            ("preauth", "right", "OK"),
            ("preauth", "wrong", "NO"),
            ("expired", "right", "NO"),
            ("eva", "right", "NO"),
            ("anna@NOWHERE.EXAMPLE", "right", "NO"),
            ("anna@b@c", "right", "NO"),
        ] {
            assert_eq!(mechanism.ask(login, password), expected, "{login}");
        }
        let reason = mechanism.ask("anna@GONE.EXAMPLE", "right");
        assert!(reason.contains("GONE.EXAMPLE"), "{reason}");
    }
    let mut blind = InProcess::start("kerberos5", &with_keytab(Path::new("/nonexistent/keytab")));
    for _ in 0..3 {
        let reason = blind.ask("anna", "right");
        assert!(
            reason.contains("/nonexistent/keytab"),
            "{reason} names the file, without a key of {SERVICE}"
        );
    }
}
