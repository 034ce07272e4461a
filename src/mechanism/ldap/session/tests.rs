//! Conversations: what a server says, whole or byte by byte, and what comes of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod gssapi;

use super::super::message::{BindCredentials, Search};
use super::super::named::Named;
use super::super::result_code::ResultCode;
use super::super::sasl::{Identity, Mechanism};
use super::super::scram;
use super::super::testing::{
    self, Seen, bound, challenge, compared, done, entry, extended, known, reference, seen,
};
use super::super::tokens::Tokens;
use super::super::{filter::Filter, message};
use super::*;
use crate::job::{Digest, Errand};

/// A session, with what it says written down.
struct Talk {
    session: LdapSession,
    bytewise: bool,
    events: Vec<String>,
    errands: Vec<Errand>,
}

impl Talk {
    fn new(session: LdapSession, bytewise: bool) -> Self {
        let mut talk = Self { session, bytewise, events: Vec::new(), errands: Vec::new() };
        talk.session.handle_connected();
        talk.listen();
        talk
    }

    /// A connection for binds of users.
    fn for_binds(bytewise: bool) -> Self {
        let mut talk = Self::new(LdapSession::new(false, None), bytewise);
        assert_eq!(talk.take_events(), ["ready"]);
        talk
    }

    fn hear(&mut self, bytes: &[u8]) {
        let size = if self.bytewise { 1 } else { bytes.len().max(1) };
        for piece in bytes.chunks(size) {
            self.session.handle_input(piece);
            self.listen();
        }
    }

    fn listen(&mut self) {
        while let Some(event) = self.session.next_event() {
            self.events.push(match event {
                SessionEvent::Ready => "ready".to_owned(),
                SessionEvent::StartTls => "tls".to_owned(),
                SessionEvent::Errand(errand) => {
                    self.errands.push(errand);
                    "errand".to_owned()
                }
                SessionEvent::Answered(id, Ok(answer)) => format!("{} {}", id.0, shown(answer)),
                SessionEvent::Answered(id, Err(failure)) => format!("{} {:?} {failure}", id.0, failure.kind),
                SessionEvent::Finished => "finished".to_owned(),
                SessionEvent::Failed(failure) => format!("{:?} {failure}", failure.kind),
            });
        }
    }

    fn take_events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
    }

    fn sent(&mut self) -> Vec<Seen> {
        let sent = seen(self.session.output().as_bytes());
        self.session.output().clear();
        sent
    }

    fn sent_texts(&mut self) -> Vec<String> {
        self.sent().into_iter().map(|seen| seen.text).collect()
    }

    fn ask(&mut self, id: u64, question: &Question) -> i32 {
        self.session.ask(QuestionId(id), question);
        self.listen();
        self.sent().last().map_or(0, |seen| seen.number)
    }

    /// Does what the session wants of a worker.
    fn work(&mut self) {
        let Some(Errand::DeriveKey { digest, password, salt, rounds }) = self.errands.pop() else {
            panic!("there is nothing to do");
        };
        let key = crate::mechanism::pbkdf2::derive_key(digest, password.as_bytes(), &salt, rounds).unwrap();
        self.session.handle_errand(ErrandResult::Key(key));
        self.listen();
    }
}

fn shown(answer: Answer) -> String {
    match answer {
        Answer::Found(found) => {
            let first = found.first.map_or_else(String::new, |entry| {
                let values =
                    entry.values.iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
                format!(" {} {:?}", String::from_utf8_lossy(&entry.name), values.collect::<Vec<_>>())
            });
            let references =
                found.references.iter().flatten().map(|uri| String::from_utf8_lossy(uri).into_owned());
            let references: Vec<_> = references.collect();
            format!("found {} {}{first}{}", found.entries, found.result, references.join(" "))
        }
        Answer::Compared(result) => format!("compared {result}"),
        Answer::Bound(result) => format!("bound {result}"),
        Answer::Known(identity) => format!("known {}", String::from_utf8_lossy(&identity)),
    }
}

fn search(attribute: Option<&str>) -> Question {
    let filter = Filter::parse("(uid=%u)").unwrap();
    let tokens = Tokens { login: b"anna", ..Tokens::default() };
    let attributes = [attribute.map_or(message::NO_ATTRIBUTES, str::as_bytes)];
    let request = Request::Search(Search {
        base: b"dc=x",
        scope: message::Scope::Sub,
        dereference: message::Dereference::Never,
        size_limit: 1,
        time_limit: 5,
        types_only: false,
        filter: &filter,
        tokens: &tokens,
        attributes: &attributes,
    });
    Question::Search {
        request: request.to_operation(),
        attribute: attribute.map(str::to_owned),
        base: Named::ByFile,
    }
}

fn bind() -> Question {
    let credentials = BindCredentials::Simple(b"pw");
    let request = Request::Bind { version: 3, name: b"uid=anna", credentials }.to_operation();
    Question::Bind { request, password: Rc::new(Secret::copy_of(b"pw")) }
}

fn compare() -> Question {
    let request = Request::Compare { name: b"cn=g", attribute: b"member", value: b"uid=anna" };
    Question::Compare { request: request.to_operation(), entry: Named::ByFile }
}

fn scram_bind(tell_dn: bool) -> Question {
    let password = Rc::new(Secret::copy_of(b"pencil"));
    let identity = Rc::new(Identity::new(b"anna".to_vec(), Vec::new(), password));
    Question::SaslBind { choice: Mechanism::Scram(Digest::Sha256).into(), identity, tell_dn }
}

fn service() -> Option<Rc<Account>> {
    let password = Rc::new(Secret::copy_of(b"service-pw"));
    Some(Rc::new(Account::Simple { dn: "cn=service".to_owned(), password }))
}

#[test]
fn an_anonymous_connection_is_ready_at_once() {
    for account in [None, Some(Rc::new(Account::Anonymous))] {
        let mut talk = Talk::new(LdapSession::new(false, account), false);
        assert_eq!(talk.take_events(), ["ready"]);
        assert!(talk.sent().is_empty());
    }
}

#[test]
fn the_service_account_binds_before_the_first_question() {
    for bytewise in [false, true] {
        let mut talk = Talk::new(LdapSession::new(false, service()), bytewise);
        assert_eq!(talk.sent_texts(), ["bind cn=service service-pw"]);
        assert!(talk.take_events().is_empty());
        talk.hear(&bound(1, ResultCode::SUCCESS));
        assert_eq!(talk.take_events(), ["ready"]);
    }
}

#[test]
fn a_service_account_that_cannot_bind_is_a_failure_without_its_password() {
    let mut talk = Talk::new(LdapSession::new(false, service()), true);
    talk.hear(&bound(1, ResultCode::INVALID_CREDENTIALS));
    assert_eq!(
        talk.take_events(),
        ["Refused the service account cn=service cannot bind: invalidCredentials (49)"]
    );
}

#[test]
fn nothing_is_said_in_the_clear_behind_start_tls() {
    for bytewise in [false, true] {
        let mut talk = Talk::new(LdapSession::new(true, service()), bytewise);
        assert_eq!(talk.sent_texts(), ["extended 1.3.6.1.4.1.1466.20037"]);
        talk.hear(&extended(1, ResultCode::SUCCESS));
        assert_eq!(talk.take_events(), ["tls"]);
        assert!(talk.sent().is_empty());
        talk.session.handle_secured();
        assert_eq!(talk.sent_texts(), ["bind cn=service service-pw"]);
        talk.hear(&bound(2, ResultCode::SUCCESS));
        assert_eq!(talk.take_events(), ["ready"]);
    }
}

#[test]
fn bytes_that_come_in_the_clear_behind_the_consent_to_tls_end_the_connection() {
    for injected in [bound(2, ResultCode::SUCCESS), vec![0x30]] {
        let mut talk = Talk::new(LdapSession::new(true, service()), false);
        let mut bytes = extended(1, ResultCode::SUCCESS);
        bytes.extend(injected);
        talk.hear(&bytes);
        let events = talk.take_events();
        assert!(
            events.len() == 1 && events[0].starts_with("Unexpected the server sent something in the clear"),
            "{events:?}"
        );
    }
    // Later, but before TLS: the driver reads nothing then, and the session does not keep it for later either.
    for injected in [bound(2, ResultCode::SUCCESS), vec![0x30]] {
        let mut talk = Talk::new(LdapSession::new(true, service()), false);
        talk.hear(&extended(1, ResultCode::SUCCESS));
        talk.hear(&injected);
        let events = talk.take_events();
        assert!(
            events.len() == 2 && events[1].starts_with("Unexpected the server sent something in the clear"),
            "{events:?}"
        );
    }
}

#[test]
fn a_server_without_start_tls_is_a_failure_before_any_password() {
    let mut talk = Talk::new(LdapSession::new(true, service()), false);
    talk.hear(&extended(1, ResultCode::PROTOCOL_ERROR));
    assert_eq!(talk.take_events(), ["Refused the server refuses StartTLS: protocolError (2)"]);
    assert_eq!(talk.sent_texts(), ["extended 1.3.6.1.4.1.1466.20037"]);
}

#[test]
fn the_service_account_can_bind_by_sasl() {
    let password = Rc::new(Secret::copy_of(b"pencil"));
    let identity = Rc::new(Identity::new(b"reader".to_vec(), Vec::new(), password));
    let account = |mechanism: Mechanism| Some(Rc::new(Account::Sasl(mechanism.into(), Rc::clone(&identity))));
    for mechanism in [Mechanism::External, Mechanism::Plain] {
        let mut talk = Talk::new(LdapSession::new(false, account(mechanism)), false);
        assert_eq!(talk.sent_texts(), [format!("sasl {}", mechanism.name())]);
        talk.hear(&bound(1, ResultCode::SUCCESS));
        assert_eq!(talk.take_events(), ["ready"]);
    }
    // The second time the key is known already.
    for errands in [1, 0] {
        let mut talk = Talk::new(LdapSession::new(false, account(Mechanism::Scram(Digest::Sha1))), true);
        let mut server = scram::tests::Server::new(Digest::Sha1, b"pencil");
        let first = server.first(&talk.sent()[0].sasl);
        talk.hear(&challenge(1, ResultCode::SASL_BIND_IN_PROGRESS, &first));
        assert_eq!(talk.take_events().len(), errands);
        (0..errands).for_each(|_| talk.work());
        let last = server.last(&talk.sent()[0].sasl).unwrap();
        talk.hear(&challenge(2, ResultCode::SUCCESS, &last));
        assert_eq!(talk.take_events(), ["ready"]);
    }
}

/// Whether it is for the attribute of the root DSE.
fn is_for_mechanisms(request: &str) -> bool {
    request.starts_with("search  0 0 1 0 ") && request.ends_with(" supportedSASLMechanisms")
}

/// The server's mechanisms, in the root DSE.
fn offering(names: &[&str]) -> Vec<u8> {
    entry(1, "", "supportedsaslmechanisms", names)
}

#[test]
fn of_several_mechanisms_the_strongest_that_the_server_offers_is_used() {
    let password = Rc::new(Secret::copy_of(b"pencil"));
    let identity = Rc::new(Identity::new(b"reader".to_vec(), Vec::new(), password));
    let account = Some(Rc::new(Account::Sasl(Choice::all(), identity)));
    for (offered, is_private, expected) in [
        (&["GSSAPI", "SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN"][..], false, "sasl SCRAM-SHA-256"),
        (&["PLAIN"], true, "sasl PLAIN"),
        (&[], false, "sasl SCRAM-SHA-512"),
    ] {
        let session = LdapSession::new(false, account.clone()).choosing(Some(Choice::all()), is_private);
        let mut talk = Talk::new(session, true);
        let asked = talk.sent_texts();
        assert!(asked.len() == 1 && is_for_mechanisms(&asked[0]), "{asked:?}");
        if !offered.is_empty() {
            talk.hear(&offering(offered));
        }
        talk.hear(&done(1, ResultCode::SUCCESS));
        assert_eq!(talk.sent_texts(), [expected]);
    }
    let session = LdapSession::new(false, account).choosing(Some(Choice::all()), false);
    let mut talk = Talk::new(session, false);
    talk.sent();
    talk.hear(&[offering(&["PLAIN", "EXTERNAL"]), done(1, ResultCode::SUCCESS)].concat());
    let events = talk.take_events();
    assert!(events[0].starts_with("Refused PLAIN is the only") && talk.sent().is_empty(), "{events:?}");
}

#[test]
fn a_user_is_bound_by_the_mechanism_that_was_chosen_when_the_connection_opened() {
    let session = LdapSession::new(false, None).choosing(Some(Choice::all()), false);
    let mut talk = Talk::new(session, false);
    talk.sent();
    talk.hear(&[offering(&["CRAM-MD5", "DIGEST-MD5"]), done(1, ResultCode::SUCCESS)].concat());
    assert_eq!(talk.take_events(), ["ready"]);
    let password = Rc::new(Secret::copy_of(b"pencil"));
    let identity = Rc::new(Identity::new(b"anna".to_vec(), Vec::new(), password));
    let question = Question::SaslBind { choice: Choice::all(), identity, tell_dn: false };
    talk.session.ask(QuestionId(7), &question);
    assert_eq!(talk.sent_texts(), ["sasl DIGEST-MD5"]);
}

#[test]
fn the_mechanisms_are_asked_for_within_tls() {
    let mut talk = Talk::new(LdapSession::new(true, None).choosing(Some(Choice::all()), true), false);
    assert_eq!(talk.sent_texts().len(), 1, "StartTLS and nothing else");
    talk.hear(&extended(1, ResultCode::SUCCESS));
    assert!(talk.sent().is_empty());
    talk.session.handle_secured();
    assert!(is_for_mechanisms(&talk.sent_texts()[0]));
}

#[test]
fn a_server_that_cannot_prove_itself_to_the_service_account_is_a_failure() {
    let password = Rc::new(Secret::copy_of(b"pencil"));
    let identity = Rc::new(Identity::new(b"reader".to_vec(), Vec::new(), password));
    let account = Some(Rc::new(Account::Sasl(Mechanism::Scram(Digest::Sha1).into(), identity)));
    let mut talk = Talk::new(LdapSession::new(false, account), false);
    talk.hear(&challenge(1, ResultCode::SUCCESS, b"v=AAAA"));
    let events = talk.take_events();
    assert!(
        events[0].starts_with("Refused the service account reader by SCRAM-SHA-1 cannot bind"),
        "{events:?}"
    );
}

#[test]
fn a_search_is_answered_with_what_it_found() {
    for bytewise in [false, true] {
        let mut talk = Talk::for_binds(bytewise);
        let number = talk.ask(7, &search(Some("userPassword")));
        talk.hear(&reference(number, "ldap://other/"));
        talk.hear(&entry(number, "uid=anna", "userpassword;x", &["one", "two"]));
        talk.hear(&entry(number, "uid=annb", "userPassword", &["three"]));
        assert!(talk.take_events().is_empty());
        talk.hear(&done(number, ResultCode::SUCCESS));
        let found = "7 found 2 success (0) uid=anna [\"one\", \"two\"]ldap://other/";
        assert_eq!(talk.take_events(), [found]);
    }
}

#[test]
fn answers_may_come_in_any_order_and_mixed() {
    let mut talk = Talk::for_binds(true);
    let numbers: Vec<_> = (1..=100).map(|id| talk.ask(id, &search(None))).collect();
    let other = talk.ask(200, &compare());
    for number in numbers.iter().rev() {
        talk.hear(&entry(*number, &format!("uid={number}"), "x", &[]));
    }
    talk.hear(&compared(other, ResultCode::COMPARE_TRUE));
    assert_eq!(talk.take_events(), ["200 compared compareTrue (6)"]);
    for (number, id) in numbers.iter().zip(1..) {
        talk.hear(&done(*number, ResultCode::SUCCESS));
        assert_eq!(talk.take_events(), [format!("{id} found 1 success (0) uid={number} []")]);
    }
}

#[test]
fn a_search_that_nobody_waits_for_is_abandoned_and_its_late_answer_passed_over() {
    let mut talk = Talk::for_binds(false);
    let (late, other) = (talk.ask(1, &search(None)), talk.ask(2, &search(None)));
    talk.session.abandon(QuestionId(1));
    let number = u8::try_from(late).unwrap();
    assert!(talk.session.output().as_bytes().ends_with(&[0x50, 1, number]), "an abandon of the first");
    talk.session.output().clear();
    talk.hear(&entry(late, "uid=anna", "uid", &[]));
    talk.hear(&done(late, ResultCode::SUCCESS));
    assert!(talk.take_events().is_empty());
    talk.hear(&done(other, ResultCode::SUCCESS));
    assert_eq!(talk.take_events().len(), 1);
}

#[test]
fn it_is_known_of_each_question_whether_its_answer_has_begun() {
    let mut talk = Talk::for_binds(false);
    let (first, second) = (talk.ask(1, &search(None)), talk.ask(2, &search(None)));
    assert_eq!(talk.session.next_begun(), None);
    talk.hear(&entry(second, "uid=anna", "uid", &[]));
    assert_eq!(talk.session.next_begun(), Some(QuestionId(2)));
    let answer = done(first, ResultCode::SUCCESS);
    talk.hear(&answer[..6]);
    assert_eq!(talk.session.next_begun(), Some(QuestionId(1)));
    talk.hear(&answer[6..]);
    assert_eq!(talk.session.next_begun(), None);
    assert_eq!(talk.take_events().len(), 1);
}

#[test]
fn a_bind_is_answered_with_its_result() {
    let mut talk = Talk::for_binds(false);
    for code in [ResultCode::SUCCESS, ResultCode::INVALID_CREDENTIALS, ResultCode::CONSTRAINT_VIOLATION] {
        let number = talk.ask(1, &bind());
        talk.hear(&bound(number, code));
        assert_eq!(talk.take_events(), [format!("1 bound {code}")]);
    }
}

#[test]
fn a_server_that_cannot_serve_anybody_now_is_told_from_one_that_refuses() {
    let mut talk = Talk::for_binds(false);
    for code in [1, 3, 7, 8, 13, 51, 52, 53, 80, 4096].map(ResultCode) {
        for (question, answer) in
            [(bind(), bound as fn(_, _) -> _), (search(None), done), (compare(), compared)]
        {
            let number = talk.ask(3, &question);
            talk.hear(&answer(number, code));
            assert_eq!(talk.take_events(), [format!("3 Refused the server says {code}")]);
        }
    }
}

#[test]
fn a_server_that_refers_elsewhere_has_answered_only_if_referrals_are_followed() {
    let number = 1;
    for follows in [false, true] {
        let session = LdapSession::new(false, None).with_referrals(follows);
        let mut talk = Talk::new(session, false);
        talk.take_events();
        talk.ask(3, &bind());
        talk.hear(&bound(number, ResultCode::REFERRAL));
        let expected = match follows {
            true => "3 bound referral (10)",
            false => "3 Refused the server says referral (10), and ldap_referrals is no",
        };
        assert_eq!(talk.take_events(), [expected]);
    }
}

#[test]
fn a_base_or_group_that_the_file_names_and_the_server_lacks_is_asked_for_elsewhere() {
    let mut talk = Talk::for_binds(false);
    let absent = ["3 Refused the server says noSuchObject (32)"];
    let number = talk.ask(3, &search(None));
    talk.hear(&done(number, ResultCode::NO_SUCH_OBJECT));
    assert_eq!(talk.take_events(), absent);
    let number = talk.ask(3, &compare());
    talk.hear(&compared(number, ResultCode::NO_SUCH_OBJECT));
    assert_eq!(talk.take_events(), absent);
    let Question::Compare { request, .. } = compare() else { panic!("a comparison") };
    let by_login = Question::Compare { request, entry: Named::ByLogin { rest: Vec::new() } };
    let number = talk.ask(3, &by_login);
    talk.hear(&compared(number, ResultCode::NO_SUCH_OBJECT));
    assert_eq!(talk.take_events(), ["3 NotHere the server says noSuchObject (32)"]);
}

#[test]
fn an_account_that_the_server_lacks_is_asked_for_elsewhere() {
    let mut talk = Talk::for_binds(false);
    let number = talk.ask(3, &bind());
    talk.hear(&bound(number, ResultCode::NO_SUCH_OBJECT));
    assert_eq!(talk.take_events(), ["3 NotHere the server says noSuchObject (32)"]);
}

#[test]
fn a_user_can_bind_by_scram_on_the_connection_of_the_question() {
    for (tell_dn, bytewise) in [(false, false), (true, true)] {
        let mut talk = Talk::for_binds(bytewise);
        talk.session.ask(QuestionId(5), &scram_bind(tell_dn));
        let mut server = scram::tests::Server::new(Digest::Sha256, b"pencil");
        let first = server.first(&talk.sent()[0].sasl);
        talk.hear(&challenge(1, ResultCode::SASL_BIND_IN_PROGRESS, &first));
        assert_eq!(talk.take_events(), ["errand"]);
        talk.work();
        let last = server.last(&talk.sent()[0].sasl).unwrap();
        talk.hear(&challenge(2, ResultCode::SUCCESS, &last));
        if tell_dn {
            assert_eq!(talk.sent_texts(), ["extended 1.3.6.1.4.1.4203.1.11.3"]);
            talk.hear(&known(3, b"dn:uid=anna,dc=x"));
            assert_eq!(talk.take_events(), ["5 known dn:uid=anna,dc=x"]);
        } else {
            assert_eq!(talk.take_events(), ["5 bound success (0)"]);
        }
        let number = talk.ask(6, &bind());
        talk.hear(&bound(number, ResultCode::SUCCESS));
        assert_eq!(talk.take_events(), ["6 bound success (0)"], "the connection goes on");
    }
}

#[test]
fn success_by_scram_without_the_servers_proof_is_no_success() {
    let mut talk = Talk::for_binds(false);
    talk.session.ask(QuestionId(5), &scram_bind(false));
    talk.hear(&bound(1, ResultCode::SUCCESS));
    let events = talk.take_events();
    assert!(
        events.len() == 1 && events[0].starts_with("Unexpected the server accepts a login"),
        "{events:?}"
    );
}

#[test]
fn a_refusal_by_scram_is_a_refusal_in_either_form() {
    let started = || {
        let mut talk = Talk::for_binds(false);
        talk.session.ask(QuestionId(5), &scram_bind(false));
        let mut server = scram::tests::Server::new(Digest::Sha256, b"another");
        let first = server.first(&talk.sent()[0].sasl);
        talk.hear(&challenge(1, ResultCode::SASL_BIND_IN_PROGRESS, &first));
        talk.work();
        assert!(server.last(&talk.sent()[0].sasl).is_none());
        talk.take_events();
        talk
    };
    let mut talk = started();
    talk.hear(&bound(2, ResultCode::INVALID_CREDENTIALS));
    assert_eq!(talk.take_events(), ["5 bound invalidCredentials (49)"]);
    let mut talk = started();
    talk.hear(&challenge(2, ResultCode::SASL_BIND_IN_PROGRESS, b"e=invalid-proof"));
    assert_eq!(talk.take_events(), ["5 bound invalidCredentials (49)", "finished"]);
}

#[test]
fn a_worker_that_fails_costs_the_connection_and_no_verdict() {
    let mut talk = Talk::for_binds(false);
    talk.session.ask(QuestionId(5), &scram_bind(false));
    let mut server = scram::tests::Server::new(Digest::Sha256, b"pencil");
    let first = server.first(&talk.sent()[0].sasl);
    talk.hear(&challenge(1, ResultCode::SASL_BIND_IN_PROGRESS, &first));
    talk.session.handle_errand(ErrandResult::Failed("it died".to_owned()));
    talk.listen();
    assert_eq!(talk.take_events(), ["errand", "Internal it died"]);
}

#[test]
fn a_notice_of_disconnection_is_no_failure_of_an_idle_connection() {
    let notice = extended(0, ResultCode::UNAVAILABLE);
    let mut talk = Talk::for_binds(true);
    talk.hear(&notice);
    assert_eq!(talk.take_events(), ["finished"]);
    let mut talk = Talk::for_binds(true);
    talk.ask(1, &bind());
    talk.hear(&notice);
    assert_eq!(talk.take_events(), ["Refused the server ends the connection: unavailable (52)"]);
}

#[test]
fn what_makes_no_sense_ends_the_connection() {
    let number = 1;
    for (bytes, reason) in [
        (bound(9, ResultCode::SUCCESS), "the server answers what was not asked"),
        (bound(-1, ResultCode::SUCCESS), "the server answers what was not asked"),
        (bound(0, ResultCode::SUCCESS), "the server sent an answer to no request"),
        (done(number, ResultCode::SUCCESS), "the server answers with something else than was asked for"),
        (entry(number, "uid=anna", "x", &[]), "the server answers with something else than was asked for"),
        (extended(number, ResultCode::SUCCESS), "the server answers with something else than was asked for"),
        (testing::message(number, 0x60, |_| ()), "the server sent a message of an unexpected kind 0x60"),
        (b"HTTP/1.1 400 Bad Request\r\n".to_vec(), "the server sent a malformed message"),
        (vec![0x30, 0x80, 0, 0], "the server sent a malformed message"),
        (vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff], "the server sent a malformed message"),
        (vec![0x30, 0x03, 0x02, 0x01, 0x01], "the server sent a malformed message"),
    ] {
        for bytewise in [false, true] {
            let mut talk = Talk::for_binds(bytewise);
            assert_eq!(talk.ask(4, &bind()), number);
            talk.hear(&bytes);
            let events = talk.take_events();
            assert!(events.len() == 1, "{events:?}");
            assert!(events[0].starts_with(&format!("Unexpected {reason}")), "{events:?}");
            talk.hear(&bound(number, ResultCode::SUCCESS));
            assert!(talk.take_events().is_empty(), "a success that comes too late is none");
        }
    }
}

#[test]
fn what_was_answered_before_the_nonsense_counts() {
    let mut talk = Talk::for_binds(false);
    let number = talk.ask(4, &bind());
    let mut bytes = bound(number, ResultCode::SUCCESS);
    bytes.extend(b"garbage");
    talk.hear(&bytes);
    let events = talk.take_events();
    assert_eq!(events[0], "4 bound success (0)");
    assert!(events[1].starts_with("Unexpected"), "{events:?}");
}

#[test]
fn an_intermediate_response_is_passed_over() {
    let mut talk = Talk::for_binds(true);
    let number = talk.ask(4, &search(None));
    talk.hear(&testing::message(number, 0x79, |_| ()));
    talk.hear(&done(number, ResultCode::SUCCESS));
    assert_eq!(talk.take_events(), ["4 found 0 success (0)"]);
}

#[test]
fn a_server_cannot_fill_the_memory_with_entries_values_or_references() {
    let mut talk = Talk::for_binds(false);
    let number = talk.ask(4, &search(Some("x")));
    let values = ["v"; 1000];
    for _ in 0..1000 {
        talk.hear(&reference(number, "ldap://other/"));
        talk.hear(&entry(number, "uid=anna", "x", &values));
    }
    talk.hear(&done(number, ResultCode::SUCCESS));
    let shown = talk.take_events().remove(0);
    assert!(shown.starts_with("4 found 1000 success (0)"));
    assert_eq!(shown.matches("\"v\"").count(), 16);
    assert_eq!(shown.matches("ldap://").count(), 64);
}

#[test]
fn the_farewell_is_an_unbind() {
    let mut talk = Talk::for_binds(false);
    talk.session.say_goodbye();
    assert_eq!(talk.sent_texts(), ["unbind"]);
}

#[test]
fn numbers_of_requests_begin_again_and_never_meet_one_that_is_waiting() {
    let mut talk = Talk::for_binds(false);
    let waiting = talk.ask(1, &search(None));
    assert_eq!(waiting, 1);
    talk.session.last_number = i32::MAX - 1;
    assert_eq!(talk.ask(2, &search(None)), i32::MAX);
    assert_eq!(talk.ask(3, &search(None)), 2);
}

/// RFC 4511, section 4.4: a notice that a client does not know is passed over.
#[test]
fn a_notice_that_nobody_knows_ends_nothing() {
    let mut talk = Talk::for_binds(true);
    let number = talk.ask(4, &bind());
    talk.hear(&testing::notice(b"1.2.3", ResultCode::SUCCESS));
    assert!(talk.take_events().is_empty());
    talk.hear(&bound(number, ResultCode::INVALID_CREDENTIALS));
    assert_eq!(talk.take_events(), ["4 bound invalidCredentials (49)"]);
    talk.ask(5, &bind());
    talk.hear(&testing::notice(NOTICE_OF_DISCONNECTION, ResultCode::SUCCESS));
    assert_eq!(talk.take_events(), ["Refused the server ends the connection: success (0)"]);
}

#[test]
fn long_references_are_not_kept() {
    let mut talk = Talk::for_binds(false);
    let number = talk.ask(4, &search(Some("x")));
    let long = format!("ldap://other/{}", "x".repeat(500_000));
    let uris: Vec<_> = std::iter::repeat_n(long.as_str(), 2).chain(["ldap://a/"; 1000]).collect();
    talk.hear(&testing::references(number, &uris));
    talk.hear(&done(number, ResultCode::SUCCESS));
    let shown = talk.take_events().remove(0);
    assert!(shown.len() < 1000, "{}", shown.len());
    assert!(shown.ends_with("ldap://a/"), "{shown}");
}

#[test]
fn a_password_that_a_server_repeats_is_in_no_failure() {
    let mut talk = Talk::new(LdapSession::new(false, service()), false);
    talk.hear(&testing::refused(1, ResultCode::INVALID_CREDENTIALS, "not service-pw"));
    assert_eq!(
        talk.take_events(),
        ["Refused the service account cn=service cannot bind: invalidCredentials (49)"]
    );
    let mut talk = Talk::for_binds(false);
    let number = talk.ask(3, &bind());
    talk.hear(&testing::refused(number, ResultCode::BUSY, "not pw"));
    assert_eq!(talk.take_events(), ["3 Refused the server says busy (51)"]);
}
