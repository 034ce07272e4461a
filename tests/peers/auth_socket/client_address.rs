//! Where PAM's own modules say that a client is.

use crate::peers::postfix::instance::{Postfix, Sasl};
use crate::peers::smtp::Method;
use crate::support::lines::Lines;
use crate::support::{AuthClient, Daemon, Launch, PamService, Program, System};
use openssl::base64::encode_block;

/// What crypt(3) makes of `right`, and the days of a password that does not age.
const SHADOW: &str = "$1$6IhhkS.2$UkOBxkF9pR21C6pHItme2.:19000:0:99999:7:::";

#[test]
fn pam_unix_logs_the_address_of_the_client_that_an_auth_client_names() {
    require!(Root, Mounts, Postfix);
    let host = Host::start();
    let mut client = AuthClient::new(&host.postfix.auth_socket()).introduced(0);
    let response = encode_block(b"\0st-rhost\0wrong");
    client.send(format!("AUTH\t1\tPLAIN\tservice=smtp\trip=192.0.2.7\tresp={response}\n"));
    assert_eq!(client.line(), r"FAIL\t1\tuser=st-rhost");
    host.expect_line("192.0.2.7");
    client.send(format!("AUTH\t2\tPLAIN\tservice=smtp\trip=2001:db8::7\tresp={response}\n"));
    assert_eq!(client.line(), r"FAIL\t2\tuser=st-rhost");
    host.expect_line("2001:db8::7");
}

/// With XCLIENT a proxy in front of Postfix tells it where its client is.
#[test]
fn pam_unix_logs_the_address_of_the_client_of_postfix() {
    require!(Root, Mounts, Postfix);
    let host = Host::start();
    let mut session = host.postfix.connect();
    let reply = session.command("XCLIENT ADDR=192.0.2.7");
    assert!(reply.starts_with("220 "), "{reply}");
    session.command("EHLO client.example.test");
    let reply = session.authenticate(Method::Login, "st-rhost", "wrong");
    assert!(reply.starts_with("535 "), "{reply}");
    host.expect_line("192.0.2.7");
    let reply = session.authenticate(Method::Login, "st-rhost", "right");
    assert!(reply.starts_with("235 "), "{reply}");
}

struct Host {
    postfix: Postfix,
    syslog: Lines,
    _service: PamService,
    _daemon: Daemon,
}

impl Host {
    fn start() -> Self {
        let postfix = Postfix::start(Sasl::Dovecot { is_chrooted: true });
        let system = System::new().account("st-rhost", "x", Some(SHADOW));
        let syslog = system.syslog();
        let service = PamService::of("pam_unix.so nodelay", "pam_unix.so");
        let socket = postfix.auth_socket();
        let socket = format!(
            "{},protocol=dovecot,mode=0660,owner=postfix,service={}",
            socket.display(),
            service.name()
        );
        let daemon = Launch::new(Program::Ours, &["-a", "pam", "--socket", &socket]).inside(&system).start();
        Self { postfix, syslog, _service: service, _daemon: daemon }
    }

    /// As sshd has it there: `authentication failure; logname= uid=0 euid=0 tty= ruser= rhost=192.0.2.7  user=…`.
    #[track_caller]
    fn expect_line(&self, address: &str) {
        let line = self.syslog.wait_for(&format!("rhost={address} "));
        assert!(line.contains("pam_unix") && line.contains("user=st-rhost"), "{line}");
    }
}
