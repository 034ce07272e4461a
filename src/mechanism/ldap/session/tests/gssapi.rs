//! The service account logs in by GSSAPI; what a worker would make is made up.

use super::*;
use crate::job::{ConversationId, GssapiStep, GssapiToken};

const NUMBER: ConversationId = ConversationId(7);

fn opening() -> Talk {
    let identity = Identity::new(Vec::new(), b"dn:cn=mail".to_vec(), Rc::default());
    let account = Account::Sasl(Mechanism::Gssapi.into(), Rc::new(identity));
    let session = LdapSession::new(false, Some(Rc::new(account))).of_server(0, "ldap.example.org");
    Talk::new(session, true)
}

fn make(talk: &mut Talk, token: &[u8], is_established: bool) -> GssapiStep {
    let Some(Errand::Gssapi(step)) = talk.errands.pop() else { panic!("there is nothing to do") };
    let token = Secret::copy_of(token);
    let made = GssapiToken { conversation: NUMBER, token, is_established };
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
