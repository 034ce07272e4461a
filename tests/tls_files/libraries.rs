//! Which process maps OpenSSL, and what happens where it is not there.

use crate::support::nginx::{LOGIN, PASSWORD};
use crate::support::{
    Authority, Certificate, Daemon, Launch, Nginx, Process, Program, Request, RunningNginx, System,
    eventually,
};
use openssl::base64::encode_block;
use openssl::sha::sha1;
use std::fs;
use tempfile::NamedTempFile;

/// Those of OpenSSL's libraries that the process has mapped.
fn mapped(process: &Process) -> Vec<&'static str> {
    let maps = fs::read_to_string(process.file("maps")).unwrap();
    ["libcrypto.so", "libssl.so"].into_iter().filter(|library| maps.contains(library)).collect()
}

/// Of the supervisor, of all frontends and of all workers.
fn mapped_by_role(daemon: &Daemon) -> [Vec<&'static str>; 3] {
    let of = |processes: Vec<Process>| {
        let mut libraries: Vec<_> = processes.iter().flat_map(mapped).collect();
        libraries.sort_unstable();
        libraries.dedup();
        libraries
    };
    [mapped(&daemon.process), of(daemon.children("frontend")), of(daemon.children("worker"))]
}

const BOTH: [&str; 2] = ["libcrypto.so", "libssl.so"];
const NONE: [&str; 0] = [];

#[test]
fn where_no_server_is_asked_no_process_has_openssl_mapped() {
    for mechanism in ["pam", "shadow", "getpwent"] {
        let daemon = Daemon::start(Program::Ours, &["-a", mechanism, "-n", "5", "-c"]);
        let _ = daemon.ask(&Request::new("no-such-login", "wrong"));
        assert_eq!(mapped_by_role(&daemon), [NONE; 3], "{mechanism}");
    }
}

#[test]
fn the_frontend_of_a_server_without_tls_has_not_either() {
    let daemon = Daemon::start(Program::Ours, &["-a", "rimap", "-O", "127.0.0.1/1"]);
    let _ = daemon.ask(&Request::new("anna", "right"));
    assert_eq!(mapped_by_role(&daemon), [NONE; 3]);
}

fn https() -> (RunningNginx, Authority) {
    let (nginx, authority) = (Nginx::new(), Authority::new());
    let certificate: Certificate = authority.issue(&[&nginx.address().to_string()]);
    (nginx.with_certificate(&certificate).start(), authority)
}

fn settings(nginx: &RunningNginx, authority: &Authority) -> String {
    format!(
        "httpform_url: https://{}/login\nhttpform_data: u=%u&p=%p\nhttpform_tls_cacert_file: {}\n",
        nginx.secure(),
        authority.file().display()
    )
}

/// It is there before the first login, since a process that has given up its access to files cannot map it any more.
#[test]
fn tls_is_the_frontends_business_from_its_start_and_nobody_elses() {
    require!(Nginx);
    let (nginx, authority) = https();
    let launch = Launch::new(Program::Ours, &["-a", "httpform"]);
    let daemon = launch.with_file("-O", &settings(&nginx, &authority)).start();
    let is_as_it_should_be = || mapped_by_role(&daemon) == [NONE.to_vec(), BOTH.to_vec(), NONE.to_vec()];
    eventually("the frontend has it", || is_as_it_should_be().then_some(()));
    assert!(daemon.ask(&Request::new(LOGIN, PASSWORD)).is_ok());
    daemon.process.signal("HUP");
    daemon.log.wait_for("a new frontend has taken over");
    assert!(daemon.ask(&Request::new(LOGIN, PASSWORD)).is_ok());
    assert!(is_as_it_should_be(), "{:?}", mapped_by_role(&daemon));
}

/// `bob`, whose password is `right`, by a hash of OpenSSL's.
fn salted() -> String {
    format!("bob:{{SSHA}}{}\n", encode_block(&[sha1(b"rightsalt").as_slice(), b"salt"].concat()))
}

/// `anna`, whose password is `right`, by crypt(3), which needs none of it.
const CRYPT: &str = "anna:$1$6IhhkS.2$UkOBxkF9pR21C6pHItme2.\n";

fn of_file(users: &NamedTempFile, text: &str) -> Daemon {
    fs::write(users.path(), text).unwrap();
    Daemon::start(Program::Ours, &["-a", "passwdfile", "-O", users.path().to_str().unwrap(), "-n", "1"])
}

/// The sandbox of such a worker lets it map nothing any more.
#[test]
fn a_worker_maps_what_computes_hashes_before_its_first_login_if_its_file_needs_it() {
    let users = NamedTempFile::new().unwrap();
    let daemon = of_file(&users, &format!("{CRYPT}{}", salted()));
    assert!(daemon.ask(&Request::new("bob", "right")).is_ok());
    assert!(daemon.ask(&Request::new("bob", "wrong")).is_no());
    assert!(daemon.ask(&Request::new("anna", "right")).is_ok());
    assert_eq!(mapped_by_role(&daemon), [NONE.to_vec(), NONE.to_vec(), vec!["libcrypto.so"]]);
}

#[test]
fn a_worker_that_has_not_is_replaced_when_the_file_gets_the_first_hash_that_needs_it() {
    let users = NamedTempFile::new().unwrap();
    let daemon = of_file(&users, CRYPT);
    assert!(daemon.ask(&Request::new("anna", "right")).is_ok());
    assert_eq!(mapped_by_role(&daemon), [NONE; 3]);
    fs::write(users.path(), format!("{CRYPT}{}", salted())).unwrap();
    eventually("another worker has it", || daemon.ask(&Request::new("bob", "right")).is_ok().then_some(()));
    assert!(daemon.ask(&Request::new("bob", "wrong")).is_no());
    assert!(daemon.ask(&Request::new("anna", "right")).is_ok());
    let told = daemon
        .log
        .all()
        .into_iter()
        .filter(|line| line.contains("that needs OpenSSL has come after the start"));
    assert_eq!(told.count(), 1);
}

/// A machine on which a library of OpenSSL is an empty file.
fn without(launch: Launch, library: &str) -> Launch {
    let own = fs::read_to_string("/proc/self/maps").unwrap();
    let path = own.split_whitespace().find(|word| word.contains(library)).expect("the tests have it");
    launch.inside(&System::new()).after(&format!("mount --bind /dev/null {path}"))
}

#[test]
fn without_openssl_a_sentence_names_the_package_and_what_needs_none_serves() {
    require!(Mounts, Nginx);
    let (nginx, authority) = https();
    let settings = settings(&nginx, &authority);
    let sentence = "OpenSSL 3 cannot be loaded, install libssl3";
    let launch = || Launch::new(Program::Ours, &["-a", "httpform"]).with_file("-O", &settings);
    for library in ["libssl.so", "libcrypto.so"] {
        let checked = without(launch(), library).with(&["--check"]).run();
        assert_eq!(checked.code, Some(1), "{checked:?}");
        assert!(checked.output.contains(sentence) && checked.output.contains(library), "{checked:?}");
        let finished = without(launch(), library).run();
        assert_ne!(finished.code, Some(0), "{finished:?}");
        let expected = format!("failed to initialize mechanism httpform: {sentence}");
        assert!(finished.errors.contains(&expected), "{finished:?}");
        let shadow = without(Launch::new(Program::Ours, &["-a", "shadow"]), library).start();
        assert!(!shadow.ask(&Request::new("no-such-login", "wrong")).is_ok());
    }
}

/// Nor does a hash that cannot be computed accept or refuse anybody.
#[test]
fn without_openssl_a_hash_that_needs_it_is_an_outage() {
    require!(Mounts);
    let users = NamedTempFile::new().unwrap();
    fs::write(users.path(), salted()).unwrap();
    let launch =
        Launch::new(Program::Ours, &["-a", "passwdfile", "-O", users.path().to_str().unwrap(), "-n", "1"]);
    let daemon = without(launch, "libcrypto.so").start();
    for password in ["right", "wrong"] {
        assert_eq!(daemon.ask(&Request::new("bob", password)), Program::Ours.unavailable("NO"));
    }
    daemon.log.wait_for("OpenSSL 3 cannot be loaded, install libssl3");
}
