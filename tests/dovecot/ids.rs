//! The numbers of requests: many at a time, answered in any order.

use super::{expect_served, plain, response, start};
use crate::support::{AuthLaunch, AuthServer};

for_both_auth_servers!(
    many_requests_in_one_write_are_all_answered,
    a_right_password_does_not_wait_for_a_wrong_one,
    a_request_that_is_taken_back_is_not_answered,
    a_continuation_of_nothing_is_refused,
    a_number_may_be_used_again_and_in_any_order,
    how_many_requests_may_wait_for_their_client,
);

fn many_requests_in_one_write_are_all_answered(program: AuthServer) {
    let server = start(program);
    let mut client = server.log_on();
    let password = |id| if id % 3 == 0 { "wrong" } else { "secret" };
    client.send((1..=16).map(|id| plain(id, "anna", password(id))).collect::<String>());
    let word = |id| if id % 3 == 0 { "FAIL" } else { "OK" };
    let mut expected: Vec<_> = (1..=16).map(|id| format!(r"{}\t{id}\tuser=anna", word(id))).collect();
    expected.sort();
    assert_eq!(client.lines(16), expected);
}

/// Refusals are held back, each for as long as its source wants.
fn a_right_password_does_not_wait_for_a_wrong_one(program: AuthServer) {
    let server = AuthLaunch::new(program, &[("anna", "secret")]).slow_to_refuse(2).start();
    let mut client = server.log_on();
    let login = "AUTH\t3\tLOGIN\tservice=smtp\n";
    client.send(format!("{}{}{login}", plain(1, "anna", "wrong"), plain(2, "anna", "secret")));
    let answers = [r"OK\t2\tuser=anna", r"CONT\t3\tVXNlcm5hbWU6", r"FAIL\t1\tuser=anna"];
    assert_eq!(client.lines(2), [answers[1], answers[0]]);
    assert_eq!(client.line(), answers[2]);
}

fn a_request_that_is_taken_back_is_not_answered(program: AuthServer) {
    let server = start(program);
    let mut client = server.log_on();
    client.send("AUTH\t1\tLOGIN\tservice=smtp\n");
    assert_eq!(client.line(), r"CONT\t1\tVXNlcm5hbWU6");
    client.send("CANCEL\t1\n");
    expect_served(&mut client);
    client.send("CANCEL\t7\n");
    expect_served(&mut client);
    // It is gone, so its number is free.
    client.send(plain(1, "anna", "secret"));
    assert_eq!(client.line(), r"OK\t1\tuser=anna");
}

fn a_continuation_of_nothing_is_refused(program: AuthServer) {
    let server = start(program);
    let mut client = server.log_on();
    let response = response("", "anna", "secret");
    let refused = |id| format!(r"FAIL\t{id}\treason=Authentication request timed out");
    client.send(format!("CONT\t9\t{response}\n"));
    assert_eq!(client.line(), refused(9));
    // One that has been answered.
    client.send(plain(1, "anna", "secret"));
    assert_eq!(client.line(), r"OK\t1\tuser=anna");
    client.send(format!("CONT\t1\t{response}\n"));
    assert_eq!(client.line(), refused(1));
    // One that has been taken back.
    client.send("AUTH\t2\tPLAIN\tservice=smtp\n");
    assert_eq!(client.line(), r"CONT\t2\t");
    client.send(format!("CANCEL\t2\nCONT\t2\t{response}\n"));
    assert_eq!(client.line(), refused(2));
    expect_served(&mut client);
}

fn a_number_may_be_used_again_and_in_any_order(program: AuthServer) {
    let server = start(program);
    let mut client = server.log_on();
    for id in [7, 3, 7, 4_294_967_295, 1, 1] {
        client.send(plain(id, "anna", "secret"));
        assert_eq!(client.line(), format!(r"OK\t{id}\tuser=anna"));
    }
}

/// smtpd tells nothing of those that its clients have broken off, so the oldest make room.
fn how_many_requests_may_wait_for_their_client(program: AuthServer) {
    let server = start(program);
    let mut client = server.log_on();
    client.send((1..=100).map(|id| format!("AUTH\t{id}\tPLAIN\tservice=smtp\n")).collect::<String>());
    client.send(format!("CONT\t100\t{}\n", response("", "anna", "secret")));
    let mut answers = Vec::new();
    while answers.last().is_none_or(|line| line != r"OK\t100\tuser=anna") {
        answers.push(client.line());
    }
    let begins = |word| answers.iter().filter(|line| line.starts_with(word)).count();
    assert_eq!(begins("CONT"), 100, "{answers:?}");
    let given_up = program.better("64 are more than any client has, and each holds memory", 0, 36);
    assert_eq!(begins("FAIL"), given_up, "{answers:?}");
    client.send(plain(101, "anna", "secret"));
    assert_eq!(client.line(), r"OK\t101\tuser=anna");
}
