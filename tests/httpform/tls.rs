//! https, which C cannot do.

use super::{ask, expect_service, launch};
use crate::support::nginx::{LOGIN, PASSWORD};
use crate::support::{Answer, Authority, Certificate, Daemon, Nginx, RunningNginx, System};

/// An nginx at its number.
fn site(issue: impl FnOnce(&str) -> Certificate) -> RunningNginx {
    let nginx = Nginx::new();
    let certificate = issue(&nginx.address().to_string());
    nginx.with_certificate(&certificate).start()
}

fn daemon(nginx: &RunningNginx, settings: &str) -> Daemon {
    launch(&format!("httpform_url: https://{}/login\n{settings}", nginx.secure())).start()
}

fn trust(authority: &Authority) -> String {
    format!("httpform_tls_cacert_file: {}", authority.file().display())
}

#[test]
fn logins_travel_within_tls() {
    require!(Nginx);
    let authority = Authority::new();
    let nginx = site(|address| authority.issue(&[address]));
    expect_service(&daemon(&nginx, &trust(&authority)));
    let directory = format!("httpform_tls_cacert_dir: {}", authority.hashed_directory().display());
    expect_service(&daemon(&nginx, &directory));
}

#[test]
fn a_server_is_known_by_its_name() {
    require!(Nginx, Mounts);
    let authority = Authority::new();
    let nginx = site(|_| authority.issue(&["login.example.test"]));
    let system = System::new().host("login.example.test", nginx.clear().ip());
    let port = nginx.secure().port();
    let lines = format!("httpform_url: https://login.example.test:{port}/login\n{}", trust(&authority));
    expect_service(&launch(&lines).inside(&system).start());
}

#[test]
fn a_certificate_that_proves_nothing_gets_no_password() {
    require!(Nginx);
    let authority = Authority::new();
    let other = Authority::new();
    for (nginx, settings, reason) in [
        (site(|address| other.issue(&[address])), trust(&authority), "certificate"),
        (site(|address| authority.issue(&[address])), String::new(), "certificate"),
        (site(|address| authority.issue_expired(&[address])), trust(&authority), "expired"),
        (site(|_| authority.issue(&["login.example.test", "127.0.0.1"])), trust(&authority), "address"),
    ] {
        let careful = daemon(&nginx, &settings);
        assert_eq!(ask(&careful, LOGIN, PASSWORD), Answer::Nothing, "{reason}");
        let line = careful.log.wait_for(&nginx.secure().to_string());
        assert!(line.to_lowercase().contains(reason), "{reason}: {line}");
        expect_service(&daemon(&nginx, "httpform_tls_check_peer: no"));
    }
}

#[test]
fn a_server_can_ask_for_a_certificate() {
    require!(Nginx);
    let authority = Authority::new();
    let nginx = Nginx::new();
    let certificate = authority.issue(&[&nginx.address().to_string()]);
    let nginx = nginx.with_certificate(&certificate).asking_for_certificates_of(authority.file()).start();
    let own = authority.issue(&["client"]);
    let settings = format!(
        "{}\nhttpform_tls_cert: {}\nhttpform_tls_key: {}",
        trust(&authority),
        own.certificate.display(),
        own.key.display()
    );
    expect_service(&daemon(&nginx, &settings));
    let stranger = daemon(&nginx, &trust(&authority));
    assert_eq!(ask(&stranger, LOGIN, PASSWORD), Answer::Nothing);
    stranger.log.wait_for("HTTP status 400");
}

#[test]
fn a_server_without_tls_gets_no_password() {
    require!(Nginx);
    let nginx = Nginx::new().start();
    let lines = format!("httpform_url: https://{}/login", nginx.clear());
    let daemon = launch(&lines).start();
    assert_eq!(ask(&daemon, LOGIN, PASSWORD), Answer::Nothing);
}
