//! The commands in which we send a login, as imap-codec reads them.

use crate::seeds::{bytes, for_each};
use imap_codec::decode::{CommandDecodeError, Decoder};
use imap_codec::imap_types::auth::{AuthMechanism, AuthenticateData};
use imap_codec::imap_types::command::{Command, CommandBody};
use imap_codec::imap_types::core::LiteralMode;
use imap_codec::{AuthenticateDataCodec, CommandCodec};
use saslauthd::mechanism::rimap::{ImapSession, Question};
use saslauthd::net::exchange::{QuestionId, Session, SessionEvent, TlsMode};
use saslauthd::secret::Secret;
use saslauthd_fuzz::random::Random;

/// What decides how a login is sent.
const CAPABILITIES: [&str; 7] = [
    "",
    "LITERAL+",
    "LITERAL-",
    "AUTH=PLAIN SASL-IR",
    "LOGINDISABLED AUTH=PLAIN",
    "LOGINDISABLED AUTH=PLAIN SASL-IR",
    "STARTTLS ID",
];

fn without_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.retain(|byte| *byte != 0);
    bytes
}

/// A session that has just asked whether the login is right.
fn ask(capabilities: &str, login: &[u8], password: &[u8]) -> ImapSession {
    let mut session = ImapSession::new(TlsMode::Off);
    session.handle_connected();
    session.handle_input(format!("* OK [CAPABILITY IMAP4rev1 {capabilities}] ready\r\n").as_bytes());
    assert!(matches!(session.next_event(), Some(SessionEvent::Ready)));
    let question = Question::new(login.to_vec(), Secret::copy_of(password)).unwrap();
    session.ask(QuestionId(1), &question);
    session
}

fn take_output(session: &mut ImapSession) -> Vec<u8> {
    let sent = session.output().as_bytes().to_vec();
    session.output().clear();
    sent
}

/// The command that imap-codec reads, which is the only one: the server says `+` whenever that wants it to.
fn read(session: &mut ImapSession) -> Command<'static> {
    let mut sent = take_output(session);
    loop {
        match CommandCodec::default().decode_static(&sent) {
            Ok((rest, command)) => {
                assert_eq!(rest, b"", "one command and nothing behind it");
                return command;
            }
            Err(CommandDecodeError::LiteralFound { mode, length, .. }) => {
                assert_eq!(mode, LiteralMode::Sync, "of other literals nothing is missing");
                session.handle_input(b"+ go on\r\n");
                let more = take_output(session);
                assert!(more.len() > length as usize);
                sent.extend(more);
            }
            Err(error) => panic!("{error:?}: {}", sent.escape_ascii()),
        }
    }
}

fn read_login(random: &mut Random) {
    let (login, password) = (without_nul(bytes(random)), without_nul(bytes(random)));
    let capabilities = *random.pick(&CAPABILITIES);
    let mut session = ask(capabilities, &login, &password);
    let Command { tag, body } = read(&mut session);
    assert_eq!(tag.as_ref(), "saslauthd");
    let plain = [b"\0", login.as_slice(), b"\0", &password].concat();
    match body {
        CommandBody::Login { username, password: found } => {
            assert!(!capabilities.contains("LOGINDISABLED"));
            assert_eq!(username.as_ref(), login);
            assert_eq!(found.declassify().as_ref(), password);
        }
        CommandBody::Authenticate { mechanism: AuthMechanism::Plain, initial_response } => {
            assert!(capabilities.contains("AUTH=PLAIN"));
            match initial_response {
                Some(response) => {
                    assert!(capabilities.contains("SASL-IR"));
                    assert_eq!(response.declassify().as_ref(), plain);
                }
                None => assert_eq!(read_response(&mut session), plain),
            }
        }
        other => panic!("{other:?}"),
    }
    assert!(session.next_event().is_none() && session.output().is_empty());
    session.handle_input(b"saslauthd OK in\r\n");
    assert!(matches!(session.next_event(), Some(SessionEvent::Answered(QuestionId(1), Ok(_)))));
}

fn read_response(session: &mut ImapSession) -> Vec<u8> {
    session.handle_input(b"+ \r\n");
    let sent = take_output(session);
    match AuthenticateDataCodec::default().decode(&sent) {
        Ok((b"", AuthenticateData::Continue(response))) => response.declassify().to_vec(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn any_login_and_password_arrive_as_they_are_in_one_command() {
    for_each(4000, read_login);
}
