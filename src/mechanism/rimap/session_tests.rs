//! Transcripts: what servers say, in whatever pieces it arrives, and what comes of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;

const QUESTION: QuestionId = QuestionId(7);

/// What came of a connection.
#[derive(Debug, PartialEq, Eq)]
struct Record {
    /// All that was sent, farewell included.
    sent: String,
    /// What the events were, oldest first.
    events: Vec<String>,
}

/// A server's turns: each is said when the client has spoken again, or at the start.
struct Transcript<'a> {
    tls: TlsMode,
    login: &'a [u8],
    turns: &'a [&'a [u8]],
}

impl Transcript<'_> {
    /// Plays it with each turn cut into pieces of the sizes that `size` gives.
    fn play(&self, mut size: impl FnMut() -> usize) -> Record {
        let mut session = ImapSession::new(self.tls);
        let mut record = Record { sent: String::new(), events: Vec::new() };
        session.handle_connected();
        for turn in self.turns {
            let mut rest = *turn;
            while !rest.is_empty() {
                let (piece, later) = rest.split_at(size().clamp(1, rest.len()));
                session.handle_input(piece);
                self.take_events(&mut session, &mut record);
                rest = later;
            }
        }
        session.say_goodbye();
        record.take_output(&mut session);
        session.handle_end();
        self.take_events(&mut session, &mut record);
        record
    }

    fn take_events(&self, session: &mut ImapSession, record: &mut Record) {
        while let Some(event) = session.next_event() {
            match event {
                SessionEvent::Ready => {
                    let question = Question::new(self.login.to_vec(), Secret::copy_of(b"secret")).unwrap();
                    session.ask(QUESTION, &question);
                }
                SessionEvent::StartTls => {
                    record.take_output(session);
                    record.sent.push_str("<TLS>");
                    session.handle_secured();
                }
                SessionEvent::Answered(id, answer) => {
                    assert_eq!(id, QUESTION);
                    record.events.push(match answer {
                        Ok(answer) => format!("{answer:?}"),
                        Err(failure) => format!("{:?}: {failure}", failure.kind),
                    });
                }
                SessionEvent::Failed(failure) => {
                    record.events.push(format!("broken, {:?}: {failure}", failure.kind))
                }
                SessionEvent::Errand(_) | SessionEvent::Finished => panic!("rimap has no use for this"),
            }
        }
        record.take_output(session);
    }
}

impl Record {
    fn take_output(&mut self, session: &mut ImapSession) {
        self.sent.push_str(&String::from_utf8_lossy(session.output().as_bytes()));
        session.output().clear();
    }
}

/// Plays the turns whole, byte by byte and in random pieces; every time the same must come of it.
fn play(tls: TlsMode, login: &[u8], turns: &[&[u8]]) -> Record {
    let transcript = Transcript { tls, login, turns };
    let whole = transcript.play(|| usize::MAX);
    assert_eq!(transcript.play(|| 1), whole, "byte by byte");
    let mut state: u32 = 1;
    for _ in 0..50 {
        let sizes = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as usize % 9 + 1
        };
        assert_eq!(transcript.play(sizes), whole, "in random pieces");
    }
    whole
}

/// The one event of a login over a connection without TLS.
#[track_caller]
fn event(turns: &[&str]) -> String {
    let turns: Vec<_> = turns.iter().map(|turn| turn.as_bytes()).collect();
    let record = play(TlsMode::Off, b"anna", &turns);
    assert_eq!(record.events.len(), 1, "{record:?}");
    record.events[0].clone()
}

const LOGIN: &str = "saslauthd LOGIN \"anna\" \"secret\"\r\n";
const LOGOUT: &str = "saslauthd LOGOUT\r\n";

#[test]
fn an_ordinary_login_says_what_the_c_daemon_says_and_nothing_else() {
    let record =
        play(TlsMode::Off, b"anna", &[b"* OK [CAPABILITY IMAP4rev1] hi\r\n", b"saslauthd OK welcome\r\n"]);
    assert_eq!(record.sent, format!("{LOGIN}{LOGOUT}"));
    assert_eq!(record.events, ["Accepted"]);
}

#[test]
fn every_way_to_say_yes_is_understood() {
    for turns in [
        // Dovecot 2.3, Cyrus 3.6, Courier 5, Exchange, in that order.
        [
            "* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ STARTTLS AUTH=PLAIN] Dovecot ready.\r\n",
            "* CAPABILITY IMAP4rev1 SASL-IR SORT THREAD=REFERENCES\r\nsaslauthd OK Logged in\r\n",
        ],
        [
            "* OK [CAPABILITY IMAP4rev1 LITERAL+ ID ENABLE AUTH=PLAIN SASL-IR] mail Cyrus IMAP 3.6 server ready\r\n",
            "saslauthd OK [CAPABILITY IMAP4rev1 LITERAL+ ACL RIGHTS=kxten] User logged in SESSIONID=<x>\r\n",
        ],
        [
            "* OK [CAPABILITY IMAP4rev1 UIDPLUS CHILDREN] Courier-IMAP ready. Copyright 1998-2018 Double Precision, Inc.\r\n",
            "* OK [ALERT] Filesystem notification initialization error -- contact your mail administrator {5}\r\nsaslauthd OK LOGIN Ok.\r\n",
        ],
        [
            "* OK [CAPABILITY IMAP4] The Microsoft Exchange IMAP4 service is ready.\r\n",
            "saslauthd OK LOGIN completed.\r\n",
        ],
        ["* ok [CAPABILITY X]\n", "saslauthd ok\n"],
        ["\r\n* OK [CAPABILITY X]\r\n", "\r\n\r\n* 3 EXISTS\r\n* XFOO NIL\r\nsaslauthd OK\r\n"],
        [
            "* OK [CAPABILITY X] Gr\u{fc}\u{df}e\r\n",
            "* ID {6}\r\na\r\nb\r\n {2+}\r\n\n\n)\r\nsaslauthd OK \u{fc}\r\n",
        ],
        [
            "* OK [CAPABILITY X] x\r\n",
            "* NO slow today\r\n* BAD hm\r\n* OK [UNAVAILABLE] x\r\nsaslauthd OK [UNAVAILABLE] x\r\n",
        ],
        ["* OK [CAPABILITY X] x\r\n", "saslauthd OK x\r\n* BYE\r\nsaslauthd NO\r\ngarbage\r\n"],
    ] {
        assert_eq!(event(&turns), "Accepted", "{turns:?}");
    }
}

#[test]
fn a_rejection_is_one_only_if_the_server_speaks_about_the_login() {
    for reply in [
        "NO",
        "NO wrong",
        "no [AUTHENTICATIONFAILED] wrong",
        "NO [AUTHORIZATIONFAILED]",
        "NO [EXPIRED]",
        "NO [ALERT] x",
        "NO [NOPERM]",
        "NO [X-UNHEARD-OF 1 2]",
        "NO Not UNAVAILABLE",
        "NO [half",
    ] {
        assert_eq!(
            event(&["* OK [CAPABILITY IMAP4rev1]\r\n", &format!("saslauthd {reply}\r\n")]),
            "Rejected",
            "{reply}"
        );
    }
    for (code, expected) in [
        ("unavailable", "the code UNAVAILABLE: something behind the server is down"),
        ("ContactAdmin", "the code CONTACTADMIN: somebody has to mend something"),
        ("REFERRAL imap://anna@other/", "the code REFERRAL: another server has the account"),
        (
            "CAPABILITY IMAP4rev1 LOGINDISABLED",
            "LOGINDISABLED among its capabilities: it takes no password here",
        ),
    ] {
        let reply = format!("saslauthd NO [{code}] anna\r\n");
        let expected = format!("Refused: the server answers a login with NO and {expected}");
        assert_eq!(event(&["* OK [CAPABILITY IMAP4rev1]\r\n", &reply]), expected);
    }
}

#[test]
fn a_login_that_the_server_cannot_read_is_neither_accepted_nor_rejected() {
    for reply in ["BAD", "BAD [CLIENTBUG] anna secret", "bad x"] {
        let expected = "Unexpected: the server answers the login with BAD";
        assert_eq!(event(&["* OK [CAPABILITY IMAP4rev1]\r\n", &format!("saslauthd {reply}\r\n")]), expected);
    }
}

#[test]
fn a_greeting_that_is_no_ok_ends_the_connection() {
    for (greeting, expected) in [
        ("* BYE full", "Refused: the server greets with BYE or NO: \"full\""),
        ("* NO [UNAVAILABLE] \u{1}later", "Refused: the server greets with BYE or NO: \"?later\""),
        ("* PREAUTH hello", "Unexpected: the server greets with PREAUTH, and so checks no login"),
        ("* BAD x", "Unexpected: the server does not greet as an IMAP server does"),
        ("* CAPABILITY IMAP4rev1", "Unexpected: the server does not greet as an IMAP server does"),
        ("saslauthd OK", "Unexpected: the server does not greet as an IMAP server does"),
        ("+OK POP3", "Unexpected: the server does not greet as an IMAP server does"),
        ("220 mail ESMTP", "Unexpected: the server does not greet as an IMAP server does"),
        ("\x16\x03\x01", "Unexpected: the server does not greet as an IMAP server does"),
    ] {
        let turn = format!("{greeting}\r\nsaslauthd OK\r\n");
        let record = play(TlsMode::Off, b"anna", &[turn.as_bytes()]);
        assert_eq!(record.events, [format!("broken, {expected}")]);
        assert_eq!(record.sent, "", "the login is not sent, and no farewell");
    }
}

#[test]
fn what_breaks_the_protocol_breaks_the_connection() {
    for (reply, expected) in [
        ("HTTP/1.1 400 Bad Request", "Unexpected: the server sends what is not IMAP"),
        ("*", "Unexpected: the server sends what is not IMAP"),
        ("saslauthd", "Unexpected: the server sends what is not IMAP"),
        ("saslauthd OKAY", "Unexpected: the server sends what is not IMAP"),
        ("+ go on", "Unexpected: the server asks for more when there is no more"),
        ("saslauthd2 OK", "Unexpected: the server answers what it was not asked"),
        ("SASLAUTHD OK", "Unexpected: the server answers what it was not asked"),
        ("saslauthdx OK", "Unexpected: the server answers what it was not asked"),
        ("saslauthd BYE", "Unexpected: the server answers a login as no IMAP server may"),
        ("saslauthd PREAUTH", "Unexpected: the server answers a login as no IMAP server may"),
        ("* X {1048577}", "Unexpected: the server's reply does not end"),
    ] {
        let turn = format!("{reply}\r\nsaslauthd OK\r\n");
        let record = play(TlsMode::Off, b"anna", &[b"* OK [CAPABILITY IMAP4rev1]\r\n", turn.as_bytes()]);
        assert_eq!(record.events, [format!("broken, {expected}")], "{reply}");
        assert_eq!(record.sent, LOGIN);
    }
}

#[test]
fn a_line_without_an_end_is_a_failure() {
    let endless = "x".repeat(70_000);
    let whole = |turns: &[&str]| {
        let turns: Vec<_> = turns.iter().map(|turn| turn.as_bytes()).collect();
        Transcript { tls: TlsMode::Off, login: b"anna", turns: &turns }.play(|| 1000).events
    };
    assert_eq!(whole(&["* OK ", &endless]), ["broken, Synchronize: the server's reply does not end"]);
    assert_eq!(whole(&["* OK\n", "* ", &endless]), ["broken, Unexpected: the server's reply does not end"]);
}

#[test]
fn a_farewell_over_a_login_is_told_without_what_it_may_repeat_of_it() {
    for (turn, expected) in [
        ("* BYE [UNAVAILABLE] anna secret\r\n", "Refused: the server says BYE [UNAVAILABLE]"),
        ("* BYE anna secret\r\nsaslauthd OK\r\n", "Refused: the server says BYE"),
    ] {
        let record = play(TlsMode::Off, b"anna", &[b"* OK [CAPABILITY IMAP4rev1]\r\n", turn.as_bytes()]);
        assert_eq!(record.events, [format!("broken, {expected}")], "{turn:?}");
        assert_eq!(record.sent, LOGIN);
    }
}

#[test]
fn a_connection_that_ends_before_a_login_is_decided_is_left_to_the_driver() {
    for (tls, turn) in [(TlsMode::Off, ""), (TlsMode::Off, "* OK"), (TlsMode::StartTls, "* OK\r\n")] {
        assert_eq!(play(tls, b"anna", &[turn.as_bytes()]).events, [""; 0]);
    }
    for turn in ["", "* 1 EXISTS\r\nsaslauthd O"] {
        assert_eq!(
            play(TlsMode::Off, b"anna", &[b"* OK [CAPABILITY IMAP4rev1]\r\n", turn.as_bytes()]).events,
            [""; 0]
        );
    }
}

#[test]
fn nothing_that_comes_before_the_login_decides_it() {
    let early = Transcript {
        tls: TlsMode::Off,
        login: b"anna",
        turns: &[b"* OK [CAPABILITY IMAP4rev1]\r\nsaslauthd OK\r\n"],
    };
    let record = early.play(|| usize::MAX);
    assert_eq!(record.events, ["broken, Unexpected: the server answers what it was not asked"]);
    assert_eq!(record.sent, "", "the login is not even sent");
}

#[test]
fn literals_wait_for_the_server_and_an_answer_before_their_end_is_no_verdict() {
    let umlaut = "\u{fc}".as_bytes();
    let ok: &[u8] = b"saslauthd OK\r\n";
    let record =
        play(TlsMode::Off, umlaut, &[b"* OK [CAPABILITY IMAP4rev1]\r\n", b"* 1 EXISTS\r\n+\r\n", ok]);
    assert_eq!(record.sent, format!("saslauthd LOGIN {{2}}\r\n\u{fc} \"secret\"\r\n{LOGOUT}"));
    assert_eq!(record.events, ["Accepted"]);

    let record = play(TlsMode::Off, umlaut, &[b"* OK [CAPABILITY LITERAL+] x\r\n", ok]);
    assert_eq!(record.sent, format!("saslauthd LOGIN {{2+}}\r\n\u{fc} \"secret\"\r\n{LOGOUT}"));

    for (reply, expected) in [
        ("OK", "broken, Unexpected: the server answers a login as no IMAP server may"),
        ("NO", "Unexpected: the server refuses the login before it has all of it"),
        ("BAD", "Unexpected: the server refuses the login before it has all of it"),
        (
            "NO [UNAVAILABLE]",
            "Refused: the server answers a login with NO and the code UNAVAILABLE: something behind the server is down",
        ),
    ] {
        let record = play(
            TlsMode::Off,
            umlaut,
            &[b"* OK [CAPABILITY IMAP4rev1]\r\n", format!("saslauthd {reply}\r\n").as_bytes()],
        );
        assert_eq!(record.events, [expected], "{reply}");
        assert!(!record.sent.contains("secret"));
    }
}

#[test]
fn a_farewell_never_gets_into_a_command_that_is_not_whole() {
    let record = play(TlsMode::Off, "\u{fc}".as_bytes(), &[b"* OK [CAPABILITY IMAP4rev1]\r\n"]);
    assert_eq!(record.sent, "saslauthd LOGIN {2}\r\n");
}

#[test]
fn where_login_is_disabled_plain_is_used_or_nothing() {
    let record = play(
        TlsMode::Off,
        b"anna",
        &[b"* OK [CAPABILITY LOGINDISABLED AUTH=PLAIN SASL-IR] x\r\n", b"saslauthd OK\r\n"],
    );
    assert_eq!(record.sent, format!("saslauthd AUTHENTICATE PLAIN AGFubmEAc2VjcmV0\r\n{LOGOUT}"));
    assert_eq!(record.events, ["Accepted"]);

    let record = play(
        TlsMode::Off,
        b"anna",
        &[b"* OK [CAPABILITY LOGINDISABLED AUTH=PLAIN] x\r\n", b"+ \r\n", b"saslauthd NO\r\n"],
    );
    assert_eq!(record.sent, format!("saslauthd AUTHENTICATE PLAIN\r\nAGFubmEAc2VjcmV0\r\n{LOGOUT}"));
    assert_eq!(record.events, ["Rejected"]);

    for (capabilities, reason) in [
        (
            "LOGINDISABLED STARTTLS",
            "the server takes no password without TLS: use imap://host?starttls or imaps://host",
        ),
        ("LOGINDISABLED", "the server has LOGIN disabled and does not offer AUTHENTICATE PLAIN"),
    ] {
        let record =
            play(TlsMode::Off, b"anna", &[format!("* OK [CAPABILITY {capabilities}] x\r\n").as_bytes()]);
        assert_eq!(record.events, [format!("broken, Refused: {reason}")]);
        assert_eq!(record.sent, "");
    }
}

#[test]
fn starttls_comes_before_the_login_and_capabilities_from_before_it_do_not_count() {
    let record = play(
        TlsMode::StartTls,
        b"anna",
        &[
            b"* OK [CAPABILITY STARTTLS LOGINDISABLED LITERAL+] x\r\n",
            b"saslauthd1 OK begin\r\n",
            b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nsaslauthd2 OK\r\n",
            b"saslauthd OK\r\n",
        ],
    );
    assert_eq!(record.sent, format!("saslauthd1 STARTTLS\r\n<TLS>saslauthd2 CAPABILITY\r\n{LOGIN}{LOGOUT}"));
    assert_eq!(record.events, ["Accepted"]);
}

#[test]
fn a_server_need_not_tell_its_capabilities() {
    for reply in ["saslauthd2 OK", "saslauthd2 BAD what?", "saslauthd2 NO", "saslauthd2 OK [CAPABILITY X] y"]
    {
        let reply = format!("{reply}\r\n");
        let turns: [&[u8]; 4] = [b"* OK\r\n", b"saslauthd1 OK\r\n", reply.as_bytes(), b"saslauthd OK\r\n"];
        assert_eq!(play(TlsMode::StartTls, b"anna", &turns).events, ["Accepted"]);
    }
}

#[test]
fn without_starttls_nothing_secret_is_sent() {
    for (turns, expected) in [
        (vec!["* OK [CAPABILITY IMAP4rev1] x\r\n"], "Contact: the server does not offer STARTTLS"),
        (vec!["* OK\r\n", "saslauthd1 NO no\r\n"], "Contact: the server refuses STARTTLS: \"no\""),
        (vec!["* OK\r\n", "saslauthd1 BAD what\r\n"], "Contact: the server refuses STARTTLS: \"what\""),
        (vec!["* OK\r\n", "saslauthd OK\r\n"], "Unexpected: the server answers what it was not asked"),
        (vec!["* OK\r\n", "* BYE bye\r\n"], "Refused: the server says BYE: \"bye\""),
        (vec!["* PREAUTH\r\n"], "Unexpected: the server greets with PREAUTH, and so checks no login"),
    ] {
        let turns: Vec<_> = turns.iter().map(|turn| turn.as_bytes()).collect();
        let record = play(TlsMode::StartTls, b"anna", &turns);
        assert_eq!(record.events, [format!("broken, {expected}")]);
        assert!(!record.sent.contains("anna") && !record.sent.contains("<TLS>"), "{record:?}");
    }
}

#[test]
fn what_is_sent_in_clear_behind_the_agreement_to_tls_breaks_the_connection() {
    let injected: &[u8] = b"saslauthd1 OK\r\n* CAPABILITY X\r\nsaslauthd2 OK\r\nsaslauthd OK\r\n";
    let transcript = Transcript { tls: TlsMode::StartTls, login: b"anna", turns: &[b"* OK\r\n", injected] };
    let record = transcript.play(|| usize::MAX);
    assert_eq!(record.events, ["broken, Contact: the server goes on in clear after it agreed to TLS"]);
    assert_eq!(record.sent, "saslauthd1 STARTTLS\r\n", "TLS is not even begun");
}

#[test]
fn a_session_keeps_no_password_when_it_is_done() {
    let before = crate::secret::alive();
    {
        let mut session = ImapSession::new(TlsMode::Off);
        session.handle_input(b"* OK [CAPABILITY IMAP4rev1]\r\n");
        let question = Question::new("\u{fc}".into(), Secret::copy_of(b"secret")).unwrap();
        session.ask(QUESTION, &question);
        drop(question);
        session.output().clear();
        session.handle_input(b"saslauthd NO\r\n");
        assert_eq!(crate::secret::alive(), before + 1, "only its empty output");
        assert!(session.output().is_empty());
    }
    assert_eq!(crate::secret::alive(), before);
}

#[test]
fn a_question_out_of_turn_is_never_sent() {
    let question = || Question::new(b"anna".to_vec(), Secret::copy_of(b"secret")).unwrap();
    let mut session = ImapSession::new(TlsMode::Off);
    session.ask(QUESTION, &question());
    assert!(session.output().is_empty());
    assert!(matches!(
        session.next_event(),
        Some(SessionEvent::Failed(Failure { kind: FailureKind::Internal, .. }))
    ));
    session.ask(QUESTION, &question());
    assert!(session.output().is_empty() && session.next_event().is_none());
}

#[test]
fn no_password_is_sent_before_the_server_has_told_whether_it_takes_one() {
    let told = b"* CAPABILITY IMAP4rev1 LOGINDISABLED STARTTLS\r\nsaslauthd2 OK\r\n";
    let transcript = Transcript { tls: TlsMode::Off, login: b"anna", turns: &[b"* OK\r\n", told] };
    let record = transcript.play(|| 1000);
    assert_eq!(record.sent, "saslauthd2 CAPABILITY\r\n");
    assert!(
        record.events[0].starts_with("broken, Refused: the server takes no password without TLS"),
        "{record:?}"
    );
    for silent in [&b"saslauthd2 OK\r\n"[..], b"saslauthd2 BAD what?\r\n", b"saslauthd2 NO\r\n"] {
        let turns = [&b"* OK\r\n"[..], silent, b"saslauthd OK\r\n"];
        let record = Transcript { tls: TlsMode::Off, login: b"anna", turns: &turns }.play(|| 1000);
        assert_eq!(record.events, ["Accepted"], "a server that does not tell is taken as it is");
    }
}
