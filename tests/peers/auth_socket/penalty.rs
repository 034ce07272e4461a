//! A guesser behind Postfix, which gives up after ten seconds and then tells its client to try again.

use crate::peers::postfix::instance::{Postfix, Sasl};
use crate::peers::smtp::Method;
use crate::support::{AuthClient, Launch, Program, eventually};
use openssl::base64::encode_block;

#[test]
fn the_third_wrong_password_is_refused_by_postfix_and_not_try_later() {
    require!(Root, Postfix);
    let postfix = Postfix::start(Sasl::Dovecot { is_chrooted: true });
    let socket = postfix.auth_socket();
    let option = format!("{},protocol=dovecot,mode=0660,owner=postfix", socket.display());
    let launch = Launch::new(Program::Ours, &["-a", "passwdfile", "--penalty=yes", "--socket", &option]);
    let daemon = launch.with_file("-O", "anna:{PLAIN}secret\n").start();
    let mut session = postfix.connect();
    let reply = session.command("XCLIENT ADDR=192.0.2.7");
    assert!(reply.starts_with("220 "), "{reply}");
    session.command("EHLO client.example.test");
    // The first two, whose answers nobody needs to wait for.
    let mut client = AuthClient::new(&socket).introduced(1);
    for id in 1..=2 {
        let response = encode_block(format!("\0anna\0guess {id}").as_bytes());
        client.send(format!("AUTH\t{id}\tPLAIN\tservice=smtp\trip=192.0.2.7\tresp={response}\n"));
    }
    eventually("they are refused", || {
        let refused = daemon.log.all().iter().filter(|line| line.contains("auth failure: ")).count();
        (refused == 2).then_some(())
    });
    let reply = session.authenticate(Method::Plain, "anna", "guess 3");
    assert!(reply.starts_with("535 "), "{reply}");
    let reply = session.authenticate(Method::Plain, "anna", "secret");
    assert!(reply.starts_with("235 "), "{reply}");
}
