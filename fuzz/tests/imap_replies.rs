//! What imap-codec makes an IMAP server say, as we read it.

use crate::seeds::for_each;
use arbitrary::{Arbitrary, Unstructured};
use imap_codec::encode::Encoder;
use imap_codec::imap_types::core::{Tag, Text, Vec1};
use imap_codec::imap_types::response::{
    Capability, Code, CodeOther, Greeting, GreetingKind, Response, Status, StatusBody, StatusKind, Tagged,
};
use imap_codec::{GreetingCodec, ResponseCodec};
use saslauthd::mechanism::rimap::{Answer, ImapSession, Question};
use saslauthd::net::exchange::{FailureKind, QuestionId, Session, SessionEvent, TlsMode};
use saslauthd::secret::Secret;
use saslauthd_fuzz::input::Pieces;
use saslauthd_fuzz::random::Random;

const QUESTION: QuestionId = QuestionId(1);

/// Endings that could be taken for something else than text.
const TEXTS: [&str; 6] =
    ["Logged in", "{5}", "* saslauthd OK {3+}", "x] OK", "OK", "saslauthd NO [UNAVAILABLE] x"];

/// What a session says.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    Ready,
    Accepted,
    Rejected,
    Unanswered(FailureKind),
    Failed(FailureKind),
}

fn hear(session: &mut ImapSession, random: &Random, bytes: &[u8]) -> Said {
    for piece in Pieces::Random(random.clone()).cut(bytes) {
        session.handle_input(piece);
    }
    let said = match session.next_event() {
        None => Said::Nothing,
        Some(SessionEvent::Ready) => Said::Ready,
        Some(SessionEvent::Answered(QUESTION, Ok(Answer::Accepted))) => Said::Accepted,
        Some(SessionEvent::Answered(QUESTION, Ok(Answer::Rejected))) => Said::Rejected,
        Some(SessionEvent::Answered(QUESTION, Err(failure))) => Said::Unanswered(failure.kind),
        Some(SessionEvent::Failed(failure)) => Said::Failed(failure.kind),
        Some(_) => panic!("rimap has no use for this"),
    };
    assert!(session.next_event().is_none(), "one thing at a time");
    said
}

/// A session that has just sent a login.
fn asking() -> ImapSession {
    let mut session = ImapSession::new(TlsMode::Off);
    session.handle_input(b"* OK [CAPABILITY IMAP4rev1]\r\n");
    assert!(matches!(session.next_event(), Some(SessionEvent::Ready)));
    session.ask(QUESTION, &Question::new(b"anna".to_vec(), Secret::copy_of(b"s3cret")).unwrap());
    session
}

fn noise(random: &mut Random) -> Vec<u8> {
    (0..random.below(600)).flat_map(|_| random.number().to_le_bytes()).collect()
}

/// What imap-types takes for no code of its own among those that say nothing about a login.
const NO_VERDICT: [&[u8]; 10] = [
    b"UNAVAILABLE",
    b"INUSE",
    b"LIMIT",
    b"SERVERBUG",
    b"CLIENTBUG",
    b"CORRUPTION",
    b"CONTACTADMIN",
    b"PRIVACYREQUIRED",
    b"REFERRAL",
    b"OVERQUOTA",
];

/// What the answer to a login means, where imap-types knows the code at all.
fn meaning(body: &StatusBody<'_>) -> Said {
    let says_nothing = |code: &[u8]| NO_VERDICT.iter().any(|known| known.eq_ignore_ascii_case(code));
    let not_now = matches!(&body.code, Some(Code::Other(code)) if says_nothing(code.inner()));
    match body.kind {
        StatusKind::Ok => Said::Accepted,
        StatusKind::No if not_now => Said::Unanswered(FailureKind::Refused),
        StatusKind::No => Said::Rejected,
        StatusKind::Bad => Said::Unanswered(FailureKind::Unexpected),
    }
}

#[test]
fn whatever_a_server_tells_before_its_answer_is_passed_over_and_the_answer_is_understood() {
    for_each(4000, |random| {
        let mut session = asking();
        for _ in 0..random.below(4) {
            let noise = noise(random);
            let Ok(response) = Response::arbitrary(&mut Unstructured::new(&noise)) else { continue };
            let expected = match &response {
                Response::Data(_) | Response::Status(Status::Untagged(_)) => Said::Nothing,
                Response::Status(Status::Bye(_)) => Said::Failed(FailureKind::Refused),
                Response::Status(Status::Tagged(tagged)) if tagged.tag.as_ref() == "saslauthd" => {
                    meaning(&tagged.body)
                }
                Response::Status(Status::Tagged(_)) | Response::CommandContinuationRequest(_) => {
                    Said::Failed(FailureKind::Unexpected)
                }
            };
            let bytes = ResponseCodec::default().encode(&response).dump();
            assert_eq!(hear(&mut session, random, &bytes), expected, "{}", bytes.escape_ascii());
            if expected != Said::Nothing {
                return;
            }
        }
        let codes = [None, Some(Code::Alert), Some(Code::Other(CodeOther::unvalidated(b"UNAVAILABLE")))];
        let body = StatusBody {
            kind: *random.pick(&[StatusKind::Ok, StatusKind::No, StatusKind::Bad]),
            code: random.pick(&codes).clone(),
            text: Text::try_from(*random.pick(&TEXTS)).unwrap(),
        };
        let expected = meaning(&body);
        let tagged = Tagged { tag: Tag::try_from("saslauthd").unwrap(), body };
        let bytes = ResponseCodec::default().encode(&Response::Status(Status::Tagged(tagged))).dump();
        assert_eq!(hear(&mut session, random, &bytes), expected, "{}", bytes.escape_ascii());
    });
}

#[test]
fn any_greeting_is_understood_with_its_capabilities() {
    for_each(4000, |random| {
        let noise = noise(random);
        let Ok(mut greeting) = Greeting::arbitrary(&mut Unstructured::new(&noise)) else { return };
        if random.one_in(2) {
            let all = [
                Capability::LoginDisabled,
                Capability::Auth("PLAIN".try_into().unwrap()),
                Capability::SaslIr,
            ];
            let some: Vec<_> =
                all.into_iter().filter(|_| random.one_in(2)).chain([Capability::Imap4Rev1]).collect();
            greeting.code = Some(Code::Capability(Vec1::try_from(some).unwrap()));
        }
        let capabilities = match &greeting.code {
            Some(Code::Capability(capabilities)) => capabilities.as_ref().to_vec(),
            _ => Vec::new(),
        };
        let plain = Capability::Auth("PLAIN".try_into().unwrap());
        let closed = capabilities.contains(&Capability::LoginDisabled) && !capabilities.contains(&plain);
        let expected = match greeting.kind {
            GreetingKind::Ok if closed => Said::Failed(FailureKind::Refused),
            // It has to be asked for them.
            GreetingKind::Ok if capabilities.is_empty() => Said::Nothing,
            GreetingKind::Ok => Said::Ready,
            GreetingKind::PreAuth => Said::Failed(FailureKind::Unexpected),
            GreetingKind::Bye => Said::Failed(FailureKind::Refused),
        };
        let bytes = GreetingCodec::default().encode(&greeting).dump();
        let mut session = ImapSession::new(TlsMode::Off);
        assert_eq!(hear(&mut session, random, &bytes), expected, "{}", bytes.escape_ascii());
    });
}
