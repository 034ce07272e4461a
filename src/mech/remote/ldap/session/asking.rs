//! Questions on a connection that is ready, and their answers.
#![forbid(unsafe_code)]

use super::super::message::Request;
use super::super::question::{Answer, Entry, Found, Question};
use super::super::response::{self, Body, LdapResult};
use super::super::result_code::ResultCode;
use super::super::sasl::{Dialogue, Next};
use super::opening::sasl_bind;
use super::{LdapSession, Phase, key, unexpected};
use crate::errand::ErrandResult;
use crate::mech::remote::{Failure, FailureKind, QuestionId, SessionEvent};
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

enum Pending {
    Search(Search),
    Compare,
    Bind,
    SaslBind(Login),
    /// Who the server takes the login for that it has accepted.
    WhoAmI,
}

/// A search and what it has found so far.
#[derive(Default)]
struct Search {
    attribute: Option<String>,
    entries: usize,
    first: Option<Entry>,
    references: Vec<Vec<Vec<u8>>>,
}

/// A user's bind by SASL.
pub(super) struct Login {
    dialogue: Box<Dialogue>,
    tell_dn: bool,
}

impl LdapSession {
    /// Puts a question into the output.
    pub(super) fn put(&mut self, id: QuestionId, question: &Question) -> Result<(), Failure> {
        if self.asked.len() >= MOST_ASKED {
            return Err(unexpected("the server leaves too many questions unanswered"));
        }
        let (request, waits_for) = match question {
            Question::Search { request, attribute } => {
                let search = Search { attribute: attribute.clone(), ..Search::default() };
                (request, Pending::Search(search))
            }
            Question::Compare(request) => (request, Pending::Compare),
            Question::Bind(request) => (request, Pending::Bind),
            Question::SaslBind { mechanism, identity, tell_dn } => {
                let (dialogue, message) = Dialogue::begin(*mechanism, Rc::clone(identity))
                    .map_err(|reason| Failure::new(FailureKind::Internal, reason))?;
                self.say(id, Login { dialogue: Box::new(dialogue), tell_dn: *tell_dn }, &message);
                return Ok(());
            }
        };
        let number = self.send_operation(request);
        self.asked.insert(number, Asked { id, waits_for });
        Ok(())
    }

    fn say(&mut self, id: QuestionId, login: Login, message: &Secret) {
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
        let answer = match (waits_for, body) {
            (Pending::Search(mut search), body @ (Body::Entry(_) | Body::Reference(_))) => {
                search.note(body);
                self.note_begun_of(id);
                self.asked.insert(number, Asked { id, waits_for: Pending::Search(search) });
                return Ok(());
            }
            (Pending::Search(search), Body::Done(result)) => {
                let Search { entries, first, references, .. } = search;
                Answer::Found(Found { entries, first, references, result })
            }
            (Pending::Compare, Body::Compare(result)) => Answer::Compared(result),
            (Pending::Bind, Body::Bind { result, .. }) => Answer::Bound(result),
            (Pending::SaslBind(login), Body::Bind { result, message }) => {
                self.note_begun_of(id);
                return self.go_on_with_login(id, login, result, message.as_ref().map(Secret::as_bytes));
            }
            (Pending::WhoAmI, Body::Extended { result, value, .. }) => match result.code {
                ResultCode::SUCCESS => Answer::Known(value.unwrap_or_default()),
                // It is the bind that is asked for, and the bind went well.
                _ => Answer::Known(Vec::new()),
            },
            _ => return Err(unexpected("the server answers with something else than was asked for")),
        };
        self.answer(id, answer);
        Ok(())
    }

    /// A server that cannot serve anybody now is told from one that does not like this question.
    fn answer(&mut self, id: QuestionId, answer: Answer) {
        let (code, shown) = match &answer {
            Answer::Found(Found { result, .. }) | Answer::Compared(result) => {
                (result.code, result.to_string())
            }
            // What else it says might be the password.
            Answer::Bound(result) => (result.code, result.code.to_string()),
            Answer::Known(_) => (ResultCode::SUCCESS, String::new()),
        };
        let answer = match code {
            ResultCode::BUSY | ResultCode::UNAVAILABLE => {
                Err(Failure::new(FailureKind::Refused, format!("the server says {shown}")))
            }
            _ => Ok(answer),
        };
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
                    self.answer(id, Answer::Bound(result));
                }
            }
            ResultCode::SASL_BIND_IN_PROGRESS => {
                match login.dialogue.handle_challenge(message.unwrap_or_default()).map_err(unexpected)? {
                    Next::Say(message) => self.say(id, login, &message),
                    Next::Derive(errand) => {
                        self.deriving = Some((id, login));
                        self.events.push_back(SessionEvent::Errand(errand));
                    }
                    // The bind has not come to its end, so no other can follow.
                    Next::Refused => {
                        let code = ResultCode::INVALID_CREDENTIALS;
                        self.answer_last(id, LdapResult { code, ..result });
                    }
                }
            }
            // slapd says this of a login that it does not know, and then of every other on the same connection.
            ResultCode::OTHER => self.answer_last(id, result),
            _ => self.answer(id, Answer::Bound(result)),
        }
        Ok(())
    }

    /// Answers, and takes no further question.
    fn answer_last(&mut self, id: QuestionId, result: LdapResult) {
        self.answer(id, Answer::Bound(result));
        self.phase = Phase::Over;
        self.events.push_back(SessionEvent::Finished);
    }

    /// Takes the key that the user's bind waits for.
    pub(super) fn take_key_of_user(&mut self, result: ErrandResult) -> Result<(), Failure> {
        let (id, mut login) = self
            .deriving
            .take()
            .ok_or_else(|| Failure::new(FailureKind::Internal, "a key came that nobody had asked for"))?;
        let proof = login.dialogue.handle_key(key(result)?);
        let proof = proof.map_err(|reason| Failure::new(FailureKind::Internal, reason))?;
        self.say(id, login, &proof);
        Ok(())
    }
}

impl Search {
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
