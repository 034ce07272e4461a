//! When nobody can be asked.

use super::{plain, start};
use crate::support::{AuthLaunch, AuthServer};

/// In docs/COMPATIBILITY.md.
const WHY: &str = "Postfix and Exim make a wrong password of any FAIL, and try later after a close";

/// Seen in three of five reloads of 2.3.19. An smtpd that starts then takes no mail.
const CUT_OFF: &str = "Dovecot cuts off who connects as it reloads";

for_both_auth_servers!(
    an_outage_is_a_temporary_failure,
    an_outage_is_greeted_all_the_same,
    a_server_that_is_started_again_serves_at_the_same_place,
    a_reload_disturbs_no_conversation,
);

fn an_outage_is_a_temporary_failure(program: AuthServer) {
    let server = AuthLaunch::in_an_outage(program).start();
    let mut client = server.log_on();
    client.send(plain(1, "anna", "secret"));
    let dovecot = r"FAIL\t1\tuser=anna\tcode=temp_fail".to_owned();
    assert_eq!(client.next_line(), program.better(WHY, Some(dovecot), None));
}

/// A Postfix that is not greeted takes no mail at all.
fn an_outage_is_greeted_all_the_same(program: AuthServer) {
    let server = AuthLaunch::in_an_outage(program).start();
    for _ in 0..3 {
        let mut client = server.log_on();
        client.send("AUTH\t1\tLOGIN\tservice=smtp\tresp=YW5uYQ==\n");
        assert_eq!(client.line(), r"CONT\t1\tUGFzc3dvcmQ6");
        client.send("CONT\t1\tc2VjcmV0\n");
        // Whatever it says, it is no yes.
        assert!(client.next_line().is_none_or(|line| line.starts_with("FAIL")));
    }
}

fn a_server_that_is_started_again_serves_at_the_same_place(program: AuthServer) {
    let mut server = start(program);
    let mut client = server.log_on();
    super::expect_served(&mut client);
    server.stop();
    assert_eq!(client.next_line(), None);
    server.start_again();
    super::expect_served(&mut server.log_on());
}

/// Neither one that has something open nor one that is silent; and whoever comes in that moment is greeted.
fn a_reload_disturbs_no_conversation(program: AuthServer) {
    let server = start(program);
    let (mut silent, mut busy) = (server.log_on(), server.log_on());
    super::expect_served(&mut silent);
    busy.send("AUTH\t1\tLOGIN\tservice=smtp\tresp=YW5uYQ==\n");
    assert_eq!(busy.line(), r"CONT\t1\tUGFzc3dvcmQ6");
    server.reload();
    busy.send("CONT\t1\tc2VjcmV0\n");
    assert_eq!(busy.line(), r"OK\t1\tuser=anna");
    for _ in 0..10 {
        super::expect_served(&mut silent);
        super::expect_served(&mut busy);
        if program.better(CUT_OFF, false, true) {
            super::expect_served(&mut server.log_on());
        }
    }
}
