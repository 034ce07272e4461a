//! What fail2ban makes of our log: here the client's address comes with every request.

use super::plain;
use crate::support::{AuthClient, Launch, Program, System, fail2ban};
use tempfile::TempDir;

#[test]
fn fail2ban_finds_the_addresses_that_mail_servers_tell() {
    require!(Root, Mounts, Fail2ban);
    let system = System::new();
    let log = system.syslog();
    let directory = TempDir::new().unwrap();
    let socket = directory.path().join("auth");
    let option = format!("{},protocol=dovecot", socket.display());
    let launch = Launch::new(Program::Ours, &["-V", "-a", "passwdfile", "--socket", &option]);
    let _daemon = launch.with_file("-O", "anna:{PLAIN}secret\n").inside(&system).start();
    let mut client = AuthClient::new(&socket).introduced(0);
    let forged = "anna] [service=] [realm=] [mech=pam] [reason=] [remote=198.51.100.1]";
    for (login, password, address) in [
        ("anna", "wrong", "192.0.2.7"),
        ("nobody", "secret", "2001:db8::8"),
        (forged, "secret", "192.0.2.10"),
        ("anna\u{1}", "secret", "192.0.2.11"),
        ("anna", "wrong", "nonsense"),
        ("anna", "wrong", "192.0.2.300"),
        ("anna", "secret", "192.0.2.9"),
    ] {
        client.send(plain(1, login, password).replace("\tresp=", &format!("\trip={address}\tresp=")));
        client.line();
    }
    log.wait_for("[remote=192.0.2.9]");
    client.send(plain(1, "anna", "secret").replace("\tresp=", "\tsecured\tlip=192.0.2.1\tresp="));
    client.line();
    log.wait_for("for anna by PLAIN, secured, at 192.0.2.1");
    assert_eq!(
        fail2ban::addresses_found(&log.all(), "normal"),
        ["192.0.2.7", "2001:db8::8", "192.0.2.10", "192.0.2.11"]
    );
}
