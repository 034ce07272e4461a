//! Questions on a connection that is ready, and their answers.
#![forbid(unsafe_code)]

use super::super::message::Request;
use super::super::named::Named;
use super::super::question::{Answer, Entry, Found, Question};
use super::super::response::{self, Body, LdapResult};
use super::super::result_code::ResultCode;
use super::super::sasl::{Dialogue, Next};
use super::super::verdict::{Meaning, Operation, meaning};
use super::opening::sasl_bind;
use super::{LdapSession, Phase, unexpected};
use crate::job::ErrandResult;
use crate::net::exchange::{Failure, FailureKind, QuestionId, SessionEvent};
use crate::secret::Secret;
use std::rc::Rc;

/// More values than a password has, so that an entry that was chosen badly cannot keep workers busy for long.
const MOST_VALUES: usize = 16;

/// More places than are ever followed, and more ways to each.
const MOST_REFERENCES: usize = 64;
const MOST_WAYS: usize = 8;

/// The longest URI of a reference that is kept, in bytes; DNs of some hundred are known.
const LONGEST_URI: usize = 4096;

/// Questions without an answer that a connection holds at the most.
const MOST_ASKED: usize = 1000;

/// A question without an answer.
pub(super) struct Asked {
    pub(super) id: QuestionId,
    waits_for: Pending,
}

impl Asked {
    /// Whether it is a user's bind, the one question of its connection.
    pub(super) fn is_bind(&self) -> bool {
        matches!(self.waits_for, Pending::Bind(_))
    }
}

enum Pending {
    Search(Search),
    /// Who chose the entry.
    Compare(Named),
    /// The password, which the server may repeat.
    Bind(Rc<Secret>),
    SaslBind(Login),
    /// Who the server takes the login for that it has accepted.
    WhoAmI,
}

/// A search and what it has found so far.
struct Search {
    attribute: Option<String>,
    /// Who chose the base.
    base: Named,
    entries: usize,
    first: Option<Entry>,
    references: Vec<Vec<Vec<u8>>>,
}

/// A user's bind by SASL.
pub(super) struct Login {
    dialogue: Box<Dialogue>,
    /// The password, which the server may repeat.
    password: Rc<Secret>,
    tell_dn: bool,
}

impl LdapSession {
    /// Puts a question into the output.
    pub(super) fn put(&mut self, id: QuestionId, question: &Question) -> Result<(), Failure> {
        if self.asked.len() >= MOST_ASKED {
            return Err(unexpected("the server leaves too many questions unanswered"));
        }
        let (request, waits_for) = match question {
            Question::Search { request, attribute, base } => {
                (request, Pending::Search(Search::new(attribute.clone(), base.clone())))
            }
            Question::Compare { request, entry } => (request, Pending::Compare(entry.clone())),
            Question::Bind { request, password } => (request, Pending::Bind(Rc::clone(password))),
            Question::SaslBind { choice, identity, tell_dn } => {
                let mechanism = self.mechanism(choice)?;
                let is_private = self.opening.is_private();
                let (dialogue, next) =
                    Dialogue::begin(mechanism, Rc::clone(identity), &self.host, is_private)
                        .map_err(|reason| Failure::new(FailureKind::Internal, reason))?;
                let password = Rc::clone(&identity.password);
                let login = Login { dialogue: Box::new(dialogue), password, tell_dn: *tell_dn };
                self.go_on_with_dialogue_of(id, login, next);
                return Ok(());
            }
        };
        let number = self.send_operation(request);
        self.asked.insert(number, Asked { id, waits_for });
        Ok(())
    }

    fn say(&mut self, id: QuestionId, login: Login, message: Option<&Secret>) {
        let number = self.send(&sasl_bind(&login.dialogue, message));
        self.asked.insert(number, Asked { id, waits_for: Pending::SaslBind(login) });
    }

    /// Takes a message that answers a question, or a part of the answer.
    pub(super) fn take_answer(&mut self, number: i32, body: Body) -> Result<(), Failure> {
        let Some(Asked { id, waits_for }) = self.asked.remove(&number) else {
            return match self.abandoned.contains(&number) {
                true => Ok(()),
                false => Err(unexpected("the server answers what was not asked")),
            };
        };
        match (waits_for, body) {
            (Pending::Search(mut search), body @ (Body::Entry(_) | Body::Reference(_))) => {
                search.note(body);
                self.note_begun_of(id);
                self.asked.insert(number, Asked { id, waits_for: Pending::Search(search) });
            }
            (Pending::Search(search), Body::Done(result)) => {
                let Search { entries, first, references, base, .. } = search;
                let judged = self.judge(Operation::Search, &result, &base);
                let found = Found { server: self.server, entries, first, references, result };
                self.answer(id, judged.map(|()| Answer::Found(found)));
            }
            (Pending::Compare(entry), Body::Compare(result)) => {
                let judged = self.judge(Operation::Compare, &result, &entry);
                self.answer(id, judged.map(|()| Answer::Compared(result)));
            }
            (Pending::Bind(password), Body::Bind { result, .. }) => self.answer_bind(id, result, &password),
            (Pending::SaslBind(login), Body::Bind { result, message }) => {
                self.note_begun_of(id);
                return self.go_on_with_login(id, login, result, message.as_ref().map(Secret::as_bytes));
            }
            (Pending::WhoAmI, Body::Extended { result, value, .. }) => {
                let judged = self.judge(Operation::WhoAmI, &result, &Named::ByFile);
                let judged = judged.map_err(|failure| {
                    let reason = format!("the password is right, but for the DN {}", failure.reason);
                    Failure { reason, ..failure }
                });
                self.answer(id, judged.map(|()| Answer::Known(value.unwrap_or_default())));
            }
            _ => return Err(unexpected("the server answers with something else than was asked for")),
        }
        Ok(())
    }

    /// A server that has not judged anything is told from one that says no: then the next one is asked.
    fn judge(&self, operation: Operation, result: &LdapResult, named: &Named) -> Result<(), Failure> {
        match meaning(operation, result, named) {
            Meaning::Elsewhere if !self.follows => {
                let reason = format!("the server says {result}, and ldap_referrals is no");
                Err(Failure::new(FailureKind::Refused, reason))
            }
            Meaning::NotHere => Err(Failure::new(FailureKind::NotHere, format!("the server says {result}"))),
            Meaning::Unjudged => Err(Failure::new(FailureKind::Refused, format!("the server says {result}"))),
            Meaning::Yes | Meaning::Cut | Meaning::No | Meaning::NoLogin | Meaning::Elsewhere => Ok(()),
        }
    }

    fn answer_bind(&mut self, id: QuestionId, result: LdapResult, password: &Secret) {
        let judged = self.judge(Operation::Bind, &result, &Named::ByFile);
        let judged = judged.map_err(|failure| match result.repeats(password) {
            true => Failure { reason: format!("the server says {}", result.code), ..failure },
            false => failure,
        });
        self.answer(id, judged.map(|()| Answer::Bound(result)));
    }

    fn answer(&mut self, id: QuestionId, answer: Result<Answer, Failure>) {
        self.events.push_back(SessionEvent::Answered(id, answer));
    }

    fn go_on_with_login(
        &mut self,
        id: QuestionId,
        mut login: Login,
        result: LdapResult,
        message: Option<&[u8]>,
    ) -> Result<(), Failure> {
        match result.code {
            ResultCode::SUCCESS => {
                login.dialogue.handle_success(message).map_err(unexpected)?;
                if login.tell_dn {
                    let number = self.send(&Request::WhoAmI);
                    self.asked.insert(number, Asked { id, waits_for: Pending::WhoAmI });
                } else {
                    self.answer_bind(id, result, &login.password);
                }
            }
            ResultCode::SASL_BIND_IN_PROGRESS => {
                match login.dialogue.handle_challenge(message.unwrap_or_default()).map_err(unexpected)? {
                    // The bind has not come to its end, so no other can follow.
                    Next::Refused => {
                        let code = ResultCode::INVALID_CREDENTIALS;
                        self.answer_last(id, LdapResult { code, ..result }, &login.password);
                    }
                    next => self.go_on_with_dialogue_of(id, login, next),
                }
            }
            // slapd says this of a login that it does not know, and then of every other on the same connection.
            ResultCode::OTHER => self.answer_last(id, result, &login.password),
            _ => self.answer_bind(id, result, &login.password),
        }
        Ok(())
    }

    fn go_on_with_dialogue_of(&mut self, id: QuestionId, login: Login, next: Next) {
        match next {
            Next::Say(message) => self.say(id, login, message.as_ref()),
            Next::Work(errand) => {
                self.worked_for = Some((id, login));
                self.events.push_back(SessionEvent::Errand(errand));
            }
            // Only a challenge can say so, and that has been looked at.
            Next::Refused => {}
        }
    }

    /// Answers, and takes no further question.
    fn answer_last(&mut self, id: QuestionId, result: LdapResult, password: &Secret) {
        self.answer_bind(id, result, password);
        self.phase = Phase::Over;
        self.events.push_back(SessionEvent::Finished);
    }

    /// Takes what the user's bind waits for.
    pub(super) fn take_work_for_user(&mut self, result: ErrandResult) -> Result<(), Failure> {
        let (id, mut login) = self
            .worked_for
            .take()
            .ok_or_else(|| Failure::new(FailureKind::Internal, "a worker did what nobody had asked for"))?;
        let proof = login.dialogue.handle_errand(result);
        let proof = proof.map_err(|reason| Failure::new(FailureKind::Internal, reason))?;
        self.say(id, login, Some(&proof));
        Ok(())
    }
}

impl Search {
    fn new(attribute: Option<String>, base: Named) -> Self {
        Self { attribute, base, entries: 0, first: None, references: Vec::new() }
    }

    fn note(&mut self, body: Body) {
        match body {
            Body::Entry(entry) => {
                self.entries += 1;
                if self.first.is_none() {
                    self.first = Some(self.entry(entry));
                }
            }
            Body::Reference(uris) if self.references.len() < MOST_REFERENCES => {
                let short = uris.into_iter().filter(|uri| uri.len() <= LONGEST_URI);
                self.references.push(short.take(MOST_WAYS).collect());
            }
            _ => {}
        }
    }

    fn entry(&self, entry: response::Entry) -> Entry {
        let wanted = self.attribute.as_deref().unwrap_or_default().as_bytes();
        let values = entry.values(wanted).take(MOST_VALUES).map(|value| Secret::copy_of(value.as_bytes()));
        Entry { values: values.collect(), name: entry.name }
    }
}
