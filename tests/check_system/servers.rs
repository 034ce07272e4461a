//! Servers of rimap, ldap and httpform: tried without a login, each with an end.

use super::{complaints, line};
use crate::support::address::own_address;
use crate::support::background::Background;
use crate::support::command::run;
use crate::support::slapd::{PEOPLE, SERVICE, SERVICE_PASSWORD};
use crate::support::{Authority, Dovecot, Entries, Finished, Program, Slapd, Sqlite, System};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The name that servers have in the private /etc/hosts.
const NAME: &str = "server.example.test";

/// What is said with these flags inside the system.
fn check(system: &System, flags: &[&str]) -> Finished {
    let directory = TempDir::new().unwrap();
    let prefix = system.prefix();
    let mut command = Command::new(&prefix[0]);
    command.args(&prefix[1..]).arg(Program::Ours.daemon()).args(flags);
    command.arg("-m").arg(directory.path().join("run")).arg("--check=system");
    run(command)
}

/// The same with a saslauthd.conf.
fn check_with(system: &System, mechanism: &str, text: &str) -> Finished {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("saslauthd.conf");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    check(system, &["-a", mechanism, &format!("--config={}", path.display())])
}

/// The complaints about servers: the rest is the machine's.
fn of_servers(report: &Finished) -> Vec<&str> {
    complaints(report).into_iter().filter(|line| line.contains(" server ")).collect()
}

#[test]
fn servers_that_answer_are_well() {
    require!(Root, Mounts, Dovecot, Slapd);
    let dovecot = Dovecot::new(&[("anna", "right")]).start();
    let report = check(&System::new(), &["-a", "rimap", "-O", &dovecot.option()]);
    assert_eq!(of_servers(&report), [""; 0], "{report:#?}");
    line(&report, &format!("ok: rimap: the server {} answers", dovecot.option()));
    assert_eq!(dovecot.logins(), 0);
    let slapd = Slapd::new(Entries::new()).closed_to_strangers().start();
    let text = format!(
        "ldap_servers: {}\nldap_search_base: {PEOPLE}\nldap_bind_dn: {SERVICE}\nldap_bind_pw: {SERVICE_PASSWORD}\n",
        slapd.uri()
    );
    let report = check_with(&System::new(), "ldap", &text);
    assert_eq!(of_servers(&report), [""; 0], "{report:#?}");
    line(&report, "ok: ldap: the server ");
    assert_eq!(slapd.logged(&format!("BIND dn=\"{SERVICE}\" method")), 1, "the service account was tried");
}

#[test]
fn a_service_account_with_a_wrong_password_is_told_without_the_password() {
    require!(Root, Mounts, Slapd);
    let slapd = Slapd::new(Entries::new()).start();
    let text = format!(
        "ldap_servers: {}\nldap_search_base: {PEOPLE}\nldap_bind_dn: {SERVICE}\nldap_bind_pw: wrong-one\n",
        slapd.uri()
    );
    let report = check_with(&System::new(), "ldap", &text);
    assert_eq!(report.code, Some(1));
    let told = of_servers(&report);
    assert!(told.len() == 1 && told[0].starts_with("error: ldap: the server "), "{report:#?}");
    assert!(!report.output.contains("wrong-one"), "{report:#?}");
}

#[test]
fn a_certificate_of_somebody_else_is_told() {
    require!(Root, Mounts, Dovecot);
    let (authority, stranger) = (Authority::new(), Authority::new());
    let dovecot = Dovecot::new(&[("anna", "right")]).with_certificate(&stranger.issue(&[NAME])).start();
    let system = System::new().host(NAME, dovecot.address());
    let endpoint = dovecot.tls_endpoint().replace(&dovecot.address().to_string(), NAME);
    let text = |authority: &Authority| {
        format!("rimap_servers: imaps://{endpoint}\nrimap_tls_cacert_file: {}\n", authority.file().display())
    };
    let report = check_with(&system, "rimap", &text(&authority));
    let told = of_servers(&report);
    assert_eq!((report.code, told.len()), (Some(1), 1), "{report:#?}");
    assert!(told[0].contains("no TLS with ") && told[0].contains("openssl s_client -connect"), "{told:?}");
    let report = check_with(&system, "rimap", &text(&stranger));
    assert_eq!(of_servers(&report), [""; 0], "{report:#?}");
}

/// Root, who checks, can open each file, and the account of the workers that are to read it cannot.
#[test]
fn a_file_of_sqlite_is_tried_by_the_account_that_reads_it() {
    require!(Root, Mounts, Sqlite);
    let database = Sqlite::new();
    database.run("CREATE TABLE users (login TEXT, password TEXT);\n");
    let text = format!("{}sql_select: SELECT password FROM users WHERE login = '%u'\n", database.settings());
    line(&check_with(&System::new(), "sql", &text), "ok: sql: the server ");
    fs::set_permissions(database.path(), Permissions::from_mode(0o600)).unwrap();
    let report = check_with(&System::new(), "sql", &text);
    let told = of_servers(&report);
    assert_eq!((report.code, told.len()), (Some(1), 1), "{report:#?}");
    assert!(told[0].contains("Permission denied") && told[0].contains("the account of --user"), "{told:?}");
}

#[test]
fn a_dead_port_and_a_name_that_nobody_knows_are_told_each_in_a_line() {
    require!(Root, Mounts, Dovecot);
    let dovecot = Dovecot::new(&[("anna", "right")]).start();
    let option = format!("{}/9 nobody.invalid {}", own_address(), dovecot.option());
    let report = check(&System::new(), &["-a", "rimap", "-O", &option]);
    assert_eq!((report.code, of_servers(&report).len()), (Some(1), 2), "{report:#?}");
    assert!(line(&report, "/9 cannot be asked").contains("Connection refused"), "{report:#?}");
    assert!(
        line(&report, "nobody.invalid cannot be asked").contains("the name nobody.invalid has no address")
    );
    line(&report, &format!("ok: rimap: the server {} answers", dovecot.option()));
}

/// Takes one connection more than it has room for, so that the next gets no answer to its first packet.
const BLACK_HOLE: &str = "import socket, sys, time\n\
    listener = socket.socket(); listener.bind((sys.argv[1], 1143)); listener.listen(0)\n\
    kept = []\n\
    for _ in range(3):\n\
    \x20   one = socket.socket(); one.setblocking(False); one.connect_ex((sys.argv[1], 1143)); kept.append(one)\n\
    print('full', file=sys.stderr, flush=True)\n\
    time.sleep(600)\n";

#[test]
fn a_black_hole_and_a_server_that_stands_still_cost_their_time_limits() {
    require!(Root, Mounts, Dovecot, Tool("python3"));
    let address = own_address();
    let mut command = Command::new("python3");
    command.args(["-c", BLACK_HOLE, &address.to_string()]);
    let hole = Background::start("black hole", &mut command);
    hole.log.wait_for("full");
    let frozen = Dovecot::new(&[("anna", "right")]).start();
    frozen.freeze();
    let option = format!("{address}/1143 {}", frozen.option());
    let flags = ["-a", "rimap", "-O", &option, "--connect-timeout=2", "--operation-timeout=2"];
    let began = Instant::now();
    let report = check(&System::new(), &flags);
    let took = began.elapsed();
    frozen.thaw();
    assert_eq!((report.code, of_servers(&report).len()), (Some(1), 2), "{report:#?}");
    line(&report, &format!("no connection within 2 s: {address}:1143"));
    line(&report, "no word from the server within 2 s: ");
    assert!(took < Duration::from_secs(15), "both at a time: {took:?}");
}
