//! The service account logs in by GSSAPI; what a worker would make is made up.

use super::*;
use crate::job::{ConversationId, GssapiStep, GssapiToken, Layer};

const NUMBER: ConversationId = ConversationId(7);

fn opening() -> Talk {
    let identity = Identity::new(Vec::new(), b"dn:cn=mail".to_vec(), Rc::default());
    let account = Account::Sasl(Mechanism::Gssapi.into(), Rc::new(identity));
    let session = LdapSession::new(false, Some(Rc::new(account))).of_server(0, "ldap.example.org");
    Talk::new(session, true)
}

fn make(talk: &mut Talk, token: &[u8], is_established: bool) -> GssapiStep {
    make_with(talk, token, is_established, Layer::None)
}

fn make_with(talk: &mut Talk, token: &[u8], is_established: bool, layer: Layer) -> GssapiStep {
    let Some(Errand::Gssapi(step)) = talk.errands.pop() else { panic!("there is nothing to do") };
    let token = Secret::copy_of(token);
    let made = GssapiToken { conversation: NUMBER, token, is_established, layer };
    talk.session.handle_errand(ErrandResult::Gssapi(made));
    talk.listen();
    step
}

#[test]
fn nothing_is_said_before_there_is_a_ticket_and_nothing_is_asked_before_the_login_is_over() {
    let mut talk = opening();
    assert_eq!(talk.take_events(), ["errand"]);
    assert!(talk.sent().is_empty());
    let GssapiStep::Begin { service, .. } = make(&mut talk, b"first", false) else { panic!() };
    assert_eq!(service, "ldap@ldap.example.org");
    let said = talk.sent();
    assert_eq!((said[0].text.as_str(), said[0].sasl.as_slice()), ("sasl GSSAPI", &b"first"[..]));
    talk.hear(&challenge(1, ResultCode::SASL_BIND_IN_PROGRESS, b"proof"));
    let GssapiStep::Answer { conversation: NUMBER, token } = make(&mut talk, b"", true) else { panic!() };
    assert_eq!((token.as_bytes(), talk.sent().len()), (&b"proof"[..], 1));
    talk.hear(&challenge(2, ResultCode::SASL_BIND_IN_PROGRESS, b"offer"));
    let GssapiStep::ChooseLayer { offer, acts_as, .. } = make(&mut talk, b"choice", true) else { panic!() };
    assert_eq!((offer.as_bytes(), acts_as.as_slice()), (&b"offer"[..], &b"dn:cn=mail"[..]));
    assert_eq!(talk.sent()[0].sasl, b"choice");
    assert_eq!(talk.take_events(), ["errand", "errand"]);
    talk.hear(&bound(3, ResultCode::SUCCESS));
    assert_eq!(talk.take_events(), ["ready"]);
}

#[test]
fn a_server_that_says_yes_before_it_has_proved_who_it_is_is_a_failure() {
    let mut talk = opening();
    make(&mut talk, b"first", false);
    talk.hear(&bound(1, ResultCode::SUCCESS));
    let events = talk.take_events();
    assert!(
        events[1].starts_with("Refused the service account GSSAPI cannot bind: the server accepts"),
        "{events:?}"
    );
}

#[test]
fn what_the_worker_has_to_say_of_its_failure_is_why_the_account_cannot_bind() {
    let mut talk = opening();
    talk.session.handle_errand(ErrandResult::Failed("Clock skew too great".to_owned()));
    talk.listen();
    let events = talk.take_events();
    assert_eq!(events[1], "Refused the service account GSSAPI cannot bind: Clock skew too great");
}

/// A session whose connection is protected from now on.
fn protected() -> Talk {
    let mut talk = opening();
    make(&mut talk, b"first", false);
    talk.hear(&challenge(1, ResultCode::SASL_BIND_IN_PROGRESS, b"proof"));
    make(&mut talk, b"", true);
    talk.hear(&challenge(2, ResultCode::SASL_BIND_IN_PROGRESS, b"offer"));
    make_with(&mut talk, b"choice", true, Layer::Confidentiality);
    talk.hear(&bound(3, ResultCode::SUCCESS));
    talk.sent();
    assert_eq!(talk.take_events().pop().unwrap(), "ready");
    talk
}

/// What a server sends there; what protects it is made up of its length only.
fn framed(message: &[u8]) -> Vec<u8> {
    [&u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

/// Has the worker wrap, and gives what it got.
fn wrap(talk: &mut Talk) -> Vec<Seen> {
    let GssapiStep::Wrap { conversation: NUMBER, message } = make(talk, b"wrapped", true) else { panic!() };
    assert_eq!(talk.session.output().as_bytes(), b"wrapped");
    talk.session.output().clear();
    seen(message.as_bytes())
}

/// Has the worker open what has come.
fn unwrap(talk: &mut Talk, opened: &[u8]) {
    let step = make(talk, opened, true);
    assert!(matches!(step, GssapiStep::Unwrap { conversation: NUMBER, .. }));
}

#[test]
fn after_a_bind_with_a_layer_everything_goes_by_way_of_the_worker() {
    let mut talk = protected();
    talk.session.ask(QuestionId(5), &search(None));
    talk.session.ask(QuestionId(6), &compare());
    talk.listen();
    assert!(talk.session.output().is_empty(), "nothing goes out as it is");
    let first = wrap(&mut talk);
    let second = wrap(&mut talk);
    assert_eq!((first[0].number, second[0].number), (4, 5));
    talk.take_events();
    talk.hear(&framed(b"anything"));
    unwrap(&mut talk, &[done(4, ResultCode::SUCCESS), compared(5, ResultCode::COMPARE_TRUE)].concat());
    let events: Vec<_> = talk.take_events().into_iter().filter(|event| event != "errand").collect();
    assert_eq!((events.len(), &events[0][..7], &events[1][..10]), (2, "5 found", "6 compared"));
    talk.session.abandon(QuestionId(5));
    talk.session.say_goodbye();
    talk.listen();
    assert!(talk.session.output().is_empty() && talk.errands.is_empty());
}

#[test]
fn a_message_may_begin_in_one_protected_message_and_end_in_the_next() {
    let mut talk = protected();
    talk.session.ask(QuestionId(5), &search(None));
    talk.listen();
    wrap(&mut talk);
    let answer = done(4, ResultCode::SUCCESS);
    let (begin, end) = answer.split_at(3);
    for part in [begin, end] {
        assert!(!talk.events.iter().any(|event| event.contains("found")));
        talk.hear(&framed(b"anything"));
        unwrap(&mut talk, part);
    }
    assert!(talk.take_events().pop().unwrap().starts_with("5 found"));
}

#[test]
fn a_bind_is_not_asked_again_when_its_answer_has_come_and_no_worker_has_opened_it() {
    let mut talk = protected();
    talk.session.ask(QuestionId(5), &bind());
    talk.listen();
    wrap(&mut talk);
    assert_eq!(talk.session.next_begun(), None);
    talk.hear(&framed(b"anything")[..1]);
    assert_eq!(talk.session.next_begun(), Some(QuestionId(5)));
    let mut talk = protected();
    talk.session.ask(QuestionId(5), &search(None));
    talk.session.ask(QuestionId(6), &search(None));
    talk.listen();
    wrap(&mut talk);
    talk.hear(&framed(b"anything")[..1]);
    assert_eq!(talk.session.next_begun(), None, "of several searches nobody knows which one is answered");
}

#[test]
fn what_comes_behind_the_bind_is_not_taken_as_if_it_were_in_the_clear() {
    let mut talk = opening();
    talk.bytewise = false;
    make(&mut talk, b"first", false);
    talk.hear(&challenge(1, ResultCode::SASL_BIND_IN_PROGRESS, b"proof"));
    make(&mut talk, b"", true);
    talk.hear(&challenge(2, ResultCode::SASL_BIND_IN_PROGRESS, b"offer"));
    make_with(&mut talk, b"choice", true, Layer::Integrity);
    talk.take_events();
    talk.hear(&[bound(3, ResultCode::SUCCESS), done(4, ResultCode::SUCCESS)].concat());
    let events = talk.take_events();
    assert!(
        events[0] == "ready" && events[1].contains("which GSSAPI protects, cannot be used"),
        "{events:?}"
    );
}

#[test]
fn a_protected_connection_whose_worker_is_gone_breaks() {
    let mut talk = protected();
    talk.session.ask(QuestionId(5), &search(None));
    talk.listen();
    talk.take_events();
    talk.session.handle_errand(ErrandResult::Failed("the process has ended".to_owned()));
    talk.listen();
    let events = talk.take_events();
    assert!(
        events[0].starts_with("Unexpected") && events[0].ends_with("the process has ended"),
        "{events:?}"
    );
    talk.session.handle_errand(ErrandResult::Failed("again".to_owned()));
    talk.hear(&framed(b"late"));
    assert!(talk.take_events().is_empty());
}
