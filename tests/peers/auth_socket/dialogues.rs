//! Whole dialogues with Postfix, which read the same line by line whether it asks Dovecot or us.

use super::USERS;
use crate::peers::postfix::instance::{Postfix, Sasl};
use crate::peers::smtp::base64;
use crate::support::{AuthLaunch, AuthServer};

#[test]
fn a_client_of_postfix_cannot_tell_dovecot_and_saslauthd_apart() {
    require!(Postfix, Dovecot);
    let [dovecot, ours] = [AuthServer::Dovecot, AuthServer::Ours].map(replies);
    assert_eq!(ours.len(), dovecot.len());
    let outage = vec!["the server stops and starts again".to_owned()];
    for (number, lines) in dialogues().chain([outage]).enumerate() {
        assert_eq!(ours[number], dovecot[number], "ours and Dovecot to {lines:#?}");
    }
}

/// All lines of all replies in each of the dialogues.
fn replies(program: AuthServer) -> Vec<Vec<String>> {
    let postfix = Postfix::start(Sasl::Dovecot { is_chrooted: true });
    let mut server = AuthLaunch::new(program, &USERS).at(&postfix.auth_socket()).start();
    let reply = |lines: Vec<String>| {
        let mut session = postfix.connect();
        lines.iter().flat_map(|line| session.command_lines(line)).collect()
    };
    let replies: Vec<_> = dialogues().map(reply).collect();
    let mut session = postfix.connect();
    server.stop();
    let mut last = session.command_lines(&plain("", "alice", "right horse"));
    server.start_again();
    last.extend(session.command_lines(&plain("", "alice", "wrong horse")));
    last.extend(session.command_lines(&plain("", "alice", "right horse")));
    replies.into_iter().chain([last]).collect()
}

for_both_auth_servers!(
    with Postfix:
    a_login_with_control_characters_is_refused,
);

/// The one difference that a client can see.
fn a_login_with_control_characters_is_refused(program: AuthServer) {
    let postfix = Postfix::start(Sasl::Dovecot { is_chrooted: true });
    let _server = AuthLaunch::new(program, &USERS).at(&postfix.auth_socket()).start();
    for login in ["al\tice", "alice\n", "al\x01ice", "alice\x7f"] {
        let mut session = postfix.connect();
        let reply = session.command(&plain("", login, "right horse"));
        assert!(reply.starts_with("535 "), "{login:?}: {reply}");
        let reply = session.command(&format!("AUTH LOGIN {}", base64(login.as_bytes())));
        let why = "such a login is in no database, so its password is not asked for";
        assert!(reply.starts_with(program.better(why, "334 ", "535 ")), "{login:?}: {reply}");
    }
}

/// What clients say after their first EHLO.
fn dialogues() -> impl Iterator<Item = Vec<String>> {
    said_in_the_wrong_order_or_not_as_it_should_be().into_iter().chain(logins())
}

fn said_in_the_wrong_order_or_not_as_it_should_be() -> Vec<Vec<String>> {
    let right = plain("", "alice", "right horse");
    let lines = |lines: &[&str]| lines.iter().copied().map(str::to_owned).collect::<Vec<_>>();
    vec![
        // A mail from beginning to end.
        lines(&[
            "EHLO client.example.test",
            &right,
            "EHLO client.example.test",
            "MAIL FROM:<alice@example.test>",
            "RCPT TO:<carol@elsewhere.test>",
            "RSET",
            "QUIT",
        ]),
        // Without a login it is not relayed.
        lines(&["MAIL FROM:<alice@example.test>", "RCPT TO:<carol@elsewhere.test>", "QUIT"]),
        // Not before the answer, and not twice.
        lines(&[&right, &right, "AUTH LOGIN", "QUIT"]),
        lines(&["MAIL FROM:<alice@example.test>", &right, "RSET", &right]),
        // Until it is right.
        lines(&[
            &plain("", "alice", "wrong horse"),
            &plain("", "nobody", "right horse"),
            &plain("", "", ""),
            &right,
        ]),
        // Asked for the response.
        lines(&["AUTH PLAIN", &right["AUTH PLAIN ".len()..]]),
        lines(&["AUTH PLAIN", &base64(b"\0alice\0wrong horse"), "NOOP"]),
        lines(&["AUTH PLAIN", "*", &right]),
        lines(&["AUTH PLAIN", "", &right]),
        lines(&["AUTH PLAIN =", &right]),
        // LOGIN with the login in the first line, and in small letters.
        lines(&[&format!("AUTH LOGIN {}", base64(b"alice")), &base64(b"right horse")]),
        lines(&[&format!("auth login {}", base64(b"alice")), &base64(b"wrong horse"), &right]),
        lines(&["AUTH LOGIN", "", "", &right]),
        lines(&["AUTH LOGIN", &base64(b"alice"), "", &right]),
        lines(&["AUTH LOGIN", &base64(b"alice"), "*", &right]),
        lines(&["AUTH LOGIN", "*", &right]),
        lines(&["AUTH LOGIN =", &right]),
        // No base64.
        lines(&["AUTH PLAIN !!!", "AUTH PLAIN YQ", "AUTH LOGIN !!!", &right]),
        lines(&["AUTH LOGIN", "alice", &right]),
        lines(&["AUTH LOGIN", &base64(b"alice"), "right horse", &right]),
        // No PLAIN.
        lines(&[
            &format!("AUTH PLAIN {}", base64(b"alice right horse")),
            &format!("AUTH PLAIN {}", base64(b"\0alice")),
            &format!("AUTH PLAIN {}", base64(b"\0alice\0right horse\0")),
            &format!("AUTH PLAIN {}", base64(b"\0alice\0right horse\0alice")),
            &right,
        ]),
        // No such mechanism.
        lines(&["AUTH", "AUTH CRAM-MD5", "AUTH XOAUTH2 eHg=", "AUTH GSSAPI", "AUTH PLAIN a b", &right]),
    ]
}

/// One login each: by PLAIN, and by LOGIN, which has no authzid.
fn logins() -> impl Iterator<Item = Vec<String>> {
    let long = |length: usize| ("", "alice", "x".repeat(length));
    let written = LOGINS.map(|(authzid, login, password)| (authzid, login, password.to_owned()));
    // Longer than ours takes, and longer than Postfix takes.
    let all = written.into_iter().chain([long(4000), long(8500), long(20_000)]);
    all.flat_map(|(authzid, login, password)| {
        let relay = ["MAIL FROM:<alice@example.test>", "RCPT TO:<carol@elsewhere.test>"].map(str::to_owned);
        let by_login = [format!("AUTH LOGIN {}", base64(login.as_bytes())), base64(password.as_bytes())];
        [
            [vec![plain(authzid, login, &password)], relay.to_vec()].concat(),
            [by_login.to_vec(), relay.to_vec()].concat(),
        ]
    })
}

/// authzid, login and password.
const LOGINS: [(&str, &str, &str); 16] = [
    ("alice", "alice", "right horse"),
    ("root", "alice", "right horse"),
    ("bob@example.test", "alice", "right horse"),
    ("", "bob@example.test", "other horse"),
    ("", "bob@example.test", "right horse"),
    ("", "bob", "other horse"),
    ("", "ALICE", "right horse"),
    ("", " alice", "right horse"),
    ("", "alice ", "right horse"),
    ("", "alice", "right horse "),
    ("", "alice", "Right horse"),
    ("", "alice@", "right horse"),
    ("", "@example.test", "right horse"),
    ("", "al\u{ef}ce", "p\u{e4}ssword"),
    ("", "*", "right horse"),
    ("", "alice:right horse", "right horse"),
];

fn plain(authzid: &str, login: &str, password: &str) -> String {
    format!("AUTH PLAIN {}", base64(format!("{authzid}\0{login}\0{password}").as_bytes()))
}
