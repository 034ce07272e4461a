//! The same logins at Dovecot and at ours: both put them to the policy server in the same bytes.

use super::{GO_ON, REFUSE, json};
use crate::support::{AuthLaunch, AuthServer, FakeHttp, eventually};
use openssl::base64::encode_block;

const USERS: [(&str, &str); 2] = [("anna", "secret"), ("jürgen@example.org", "ä€")];

/// What a mail server sends beside login and password, and these.
const LOGINS: [(&str, &str, &str, bool); 11] = [
    ("service=smtp\trip=10.1.1.1", "anna", "secret", true),
    ("service=smtp\trip=10.1.1.1", "anna", "wrong", false),
    ("service=imap\tsecured\trip=10.1.1.1", "anna", "secret", true),
    ("service=imap\tsecured=tls\trip=10.1.1.1", "anna", "secret", true),
    ("service=imap\tlip=10.1.1.2\trip=2001:db8::7", "anna", "secret", true),
    ("service=imap\trip=10.1.1.1\tsession=abc\"d\\e/f", "anna", "secret", true),
    ("service=imap\trip=10.1.1.1\tclient_id=(\"name\" \"x\")", "anna", "secret", true),
    ("service=pop3\trip=10.1.1.1", "jürgen@example.org", "ä€", true),
    ("service=pop3\trip=10.1.1.1", "Anna", "secret", false),
    ("service=x \x011 \"q\"\trip=10.1.1.1", "anna", "secret", true),
    ("service=smtp\trip=10.1.1.1", "a\"b\\c/d<e>&\u{2028}%u'", "x", false),
];

/// What a server hears of these logins, each of which it answers with that.
fn heard(
    program: AuthServer,
    answer: &str,
    expected: impl Fn(bool) -> bool,
) -> Vec<(String, Vec<String>, String)> {
    let fake = FakeHttp::answering(json(answer));
    let server = AuthLaunch::new(program, &USERS).asking_policy_server(fake.address()).start();
    let mut client = server.log_on();
    for (place, (parameters, login, password, is_right)) in LOGINS.iter().enumerate() {
        let response = encode_block(format!("\0{login}\0{password}").as_bytes());
        client.send(format!("AUTH\t{}\tPLAIN\t{parameters}\tresp={response}\n", place + 1));
        let word = if expected(*is_right) { "OK" } else { "FAIL" };
        let line = client.line();
        assert!(line.starts_with(&format!(r"{word}\t")), "{program:?} {login} {parameters}: {line}");
        let all = 2 * (place + 1);
        eventually("it is told", || Some(()).filter(|()| fake.heard().len() >= all));
        assert_eq!(fake.heard().len(), all, "{program:?}");
    }
    fake.heard().iter().map(|request| apart(request)).collect()
}

/// The first line, the fields that can be the same, and the body.
fn apart(request: &str) -> (String, Vec<String>, String) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let (first, fields) = head.split_once("\r\n").unwrap();
    // Each server has an address of its own, and each program a name; ours sends no date.
    let differs = |field: &&str| ["Host:", "User-Agent:", "Date:"].iter().any(|name| field.starts_with(name));
    let fields = fields.split("\r\n").filter(|field| !differs(field)).map(str::to_owned);
    (first.to_owned(), fields.collect(), body.to_owned())
}

#[test]
fn logins_that_may_go_on_are_put_and_told_in_the_same_bytes() {
    require!(Dovecot);
    let [theirs, ours] =
        [AuthServer::Dovecot, AuthServer::Ours].map(|program| heard(program, GO_ON, |is_right| is_right));
    assert_eq!(ours, theirs);
    assert!(ours.iter().any(|(_, _, body)| body.contains("\"success\":true,\"policy_reject\":false")));
}

#[test]
fn logins_that_are_refused_are_told_in_the_same_bytes() {
    require!(Dovecot);
    let [theirs, ours] =
        [AuthServer::Dovecot, AuthServer::Ours].map(|program| heard(program, REFUSE, |_| false));
    assert_eq!(ours, theirs);
    assert!(ours.iter().any(|(_, _, body)| body.contains("\"success\":false,\"policy_reject\":true")));
}

/// Both go on when the server says nothing that they understand.
#[test]
fn both_take_the_same_answers_for_none() {
    require!(Dovecot);
    for body in
        ["junk", "{}", r#"{"status":"0"}"#, r#"{"status":1.5}"#, r#"[{"status":-1}]"#, r#"{"status":-1"#]
    {
        for program in [AuthServer::Dovecot, AuthServer::Ours] {
            let fake = FakeHttp::answering(json(body));
            let server = AuthLaunch::new(program, &USERS).asking_policy_server(fake.address()).start();
            let mut client = server.log_on();
            let response = encode_block(b"\0anna\0secret");
            client.send(format!("AUTH\t1\tPLAIN\tservice=smtp\trip=10.1.1.1\tresp={response}\n"));
            let line = client.line();
            assert!(line.starts_with(r"OK\t1\tuser=anna"), "{program:?} {body}: {line}");
        }
    }
}
