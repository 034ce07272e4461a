//! Logins of every mechanism by the usual account, without a flag that says so.

use super::{HASH, OWN, ask, expect_bare, system_with_own_account};
use crate::support::slapd::PEOPLE;
use crate::support::{Daemon, Entries, FakeHttp, FakeImap, Launch, PamService, Program, Slapd, eventually};

/// Right, wrong and right again after a reload.
fn expect_logins(daemon: &Daemon) {
    assert!(ask(daemon, "anna", "right").is_ok());
    assert!(ask(daemon, "anna", "wrong").is_no());
    assert_eq!(expect_bare(daemon, &["frontend"], OWN), 1);
    let before = daemon.children("frontend");
    daemon.process.signal("HUP");
    eventually("another frontend serves alone", || {
        let now = daemon.children("frontend");
        (now.len() == 1 && now != before).then_some(())
    });
    assert!(ask(daemon, "anna", "right").is_ok());
}

#[test]
fn databases_of_the_system_are_asked_as_root() {
    require!(Root, Mounts);
    let shadow = format!("{HASH}:19000:0:99999:7:::");
    let system = system_with_own_account().account("anna", "x", Some(&shadow));
    expect_logins(&Launch::new(Program::Ours, &["-a", "shadow"]).inside(&system).start());
    let system = system_with_own_account().account("anna", HASH, None);
    expect_logins(&Launch::new(Program::Ours, &["-a", "getpwent"]).inside(&system).start());
}

#[test]
fn pam_s_modules_are_asked_as_root() {
    require!(Root, Mounts);
    let shadow = format!("{HASH}:19000:0:99999:7:::");
    let service = PamService::of("pam_unix.so nodelay", "pam_unix.so");
    let system = system_with_own_account().account("anna", "x", Some(&shadow));
    let daemon = Launch::new(Program::Ours, &["-a", "pam"]).inside(&system).start();
    let log_in =
        |password: &str| daemon.ask(&crate::support::Request::new("anna", password).service(service.name()));
    assert_eq!(log_in("right"), "OK");
    assert!(log_in("wrong").is_no());
    assert_eq!(expect_bare(&daemon, &["frontend"], OWN), 1);
}

#[test]
fn a_directory_is_asked_without_rights() {
    require!(Root, Mounts, Slapd);
    let server = Slapd::new(Entries::new().user("anna", "right")).start();
    let launch = Launch::new(Program::Ours, &["-a", "ldap", "-n", "2"]);
    let settings = format!("ldap_servers: {}\nldap_search_base: {PEOPLE}\n", server.uri());
    let daemon = launch.with_file("-O", &settings).inside(&system_with_own_account()).start();
    expect_logins(&daemon);
    assert!(expect_bare(&daemon, &["worker"], OWN) >= 1);
}

/// With a name, so that a worker resolves it.
#[test]
fn an_imap_server_and_a_web_form_are_asked_without_rights() {
    require!(Root, Mounts);
    let imap = FakeImap::new("* OK\r\n", "TAG OK\r\n").start();
    let option = format!("localhost/{}", imap.port());
    let launch = Launch::new(Program::Ours, &["-a", "rimap", "-O", &option]);
    let daemon = launch.inside(&system_with_own_account()).start();
    assert!(ask(&daemon, "anna", "right").is_ok());
    assert!(expect_bare(&daemon, &["frontend", "worker"], OWN) >= 2);

    let web = FakeHttp::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK");
    let settings = format!("httpform_url: http://{}/\nhttpform_data: user=%u&password=%p\n", web.address());
    let launch = Launch::new(Program::Ours, &["-a", "httpform"]).with_file("-O", &settings);
    let daemon = launch.inside(&system_with_own_account()).start();
    assert!(ask(&daemon, "anna", "right").is_ok());
    assert_eq!(expect_bare(&daemon, &["frontend"], OWN), 1);
}
