//! What comes before the first question: StartTLS (RFC 4511, section 4.14) and the bind of the service account.
#![forbid(unsafe_code)]

use super::super::message::{BindCredentials, Request};
use super::super::protected::Protected;
use super::super::response::{Body, LdapResult};
use super::super::result_code::ResultCode;
use super::super::sasl::{Dialogue, Identity, Next};
use super::super::sasl_choice::{self, Choice};
use super::super::settings::Account;
use super::{LdapSession, Phase, unexpected};
use crate::job::ErrandResult;
use crate::net::exchange::{Failure, FailureKind, SessionEvent};
use crate::secret::Secret;
use std::rc::Rc;

/// How far it has come.
pub(super) struct Opening {
    start_tls: bool,
    account: Option<Rc<Account>>,
    /// The SASL mechanisms to choose from.
    choice: Option<Choice>,
    /// Whether nobody can listen.
    is_private: bool,
    step: Step,
}

enum Step {
    Connecting,
    /// The request of this number asks for TLS.
    StartTls(i32),
    Securing,
    /// The request of this number asks for the server's SASL mechanisms, of which these have come.
    Choose(i32, Vec<Vec<u8>>),
    /// The request of this number is a simple bind.
    Bind(i32),
    /// The request of this number is a bind by SASL.
    SaslBind(i32, Box<Dialogue>),
    /// A worker is doing something for it.
    Work(Box<Dialogue>),
}

impl Opening {
    pub(super) fn new(start_tls: bool, account: Option<Rc<Account>>) -> Self {
        Self { start_tls, account, choice: None, is_private: false, step: Step::Connecting }
    }

    pub(super) fn choosing(self, choice: Option<Choice>, is_private: bool) -> Self {
        Self { choice, is_private, ..self }
    }

    pub(super) fn is_private(&self) -> bool {
        self.is_private
    }

    /// The server has agreed to TLS: until it has begun nothing may come, lest it be taken for what came in TLS.
    pub(super) fn is_securing(&self) -> bool {
        matches!(self.step, Step::Securing)
    }
}

pub(super) const IN_CLEAR: &str = "the server sent something in the clear after it agreed to StartTLS";

impl LdapSession {
    pub(super) fn begin_opening(&mut self) {
        if self.opening.start_tls {
            let request = self.send(&Request::StartTls);
            self.opening.step = Step::StartTls(request);
        } else {
            self.choose_mechanism();
        }
    }

    pub(super) fn go_on_secured(&mut self) {
        self.choose_mechanism();
    }

    /// What a server says before TLS could be somebody else's word: RFC 4513, section 3.1.5.
    fn choose_mechanism(&mut self) {
        if self.opening.choice.is_none() {
            return self.bind_account();
        }
        let number = sasl_choice::ask(|request| self.send(request));
        self.opening.step = Step::Choose(number, Vec::new());
    }

    fn go_on_with_choice(&mut self, number: i32, offered: Vec<Vec<u8>>, body: Body) -> Result<(), Failure> {
        match body {
            Body::Entry(entry) => {
                self.opening.step = Step::Choose(number, sasl_choice::offered(&entry));
            }
            Body::Reference(_) => self.opening.step = Step::Choose(number, offered),
            // Of a server that keeps it to itself nothing is known.
            Body::Done(_) => {
                let Some(choice) = self.opening.choice.clone() else { return Ok(()) };
                self.chosen = Some(choice.choose(&offered, self.opening.is_private).map_err(refused)?);
                self.bind_account();
            }
            _ => return Err(unexpected("the server answers with something else than was asked for")),
        }
        Ok(())
    }

    /// Takes the answer to what was said last. `is_last`: nothing has come behind it.
    pub(super) fn go_on_opening(&mut self, number: i32, body: Body, is_last: bool) -> Result<(), Failure> {
        match (std::mem::replace(&mut self.opening.step, Step::Connecting), body) {
            (Step::StartTls(request), Body::Extended { result, .. }) if request == number => {
                if result.code != ResultCode::SUCCESS {
                    return Err(refused(format!("the server refuses StartTLS: {result}")));
                }
                if !is_last {
                    return Err(unexpected(IN_CLEAR));
                }
                self.opening.step = Step::Securing;
                self.events.push_back(SessionEvent::StartTls);
                Ok(())
            }
            (Step::Choose(request, offered), body) if request == number => {
                self.go_on_with_choice(number, offered, body)
            }
            (Step::Bind(request), Body::Bind { result, .. }) if request == number => {
                if result.code != ResultCode::SUCCESS {
                    return Err(self.no_account_for(result));
                }
                self.become_ready();
                Ok(())
            }
            (Step::SaslBind(request, dialogue), Body::Bind { result, message }) if request == number => {
                self.go_on_with_sasl(dialogue, result, message.as_ref().map(Secret::as_bytes))
            }
            _ => Err(unexpected("the server answers what was not asked")),
        }
    }

    fn go_on_with_sasl(
        &mut self,
        mut dialogue: Box<Dialogue>,
        result: LdapResult,
        message: Option<&[u8]>,
    ) -> Result<(), Failure> {
        match result.code {
            ResultCode::SUCCESS => {
                dialogue.handle_success(message).map_err(|reason| self.no_account(&reason))?;
                self.protected = dialogue.protected_by().map(Protected::new);
                self.become_ready();
                Ok(())
            }
            ResultCode::SASL_BIND_IN_PROGRESS => {
                let next = dialogue.handle_challenge(message.unwrap_or_default());
                let next = next.map_err(|reason| self.no_account(&reason))?;
                self.go_on_with_dialogue(dialogue, next)
            }
            _ => Err(self.no_account_for(result)),
        }
    }

    fn go_on_with_dialogue(&mut self, dialogue: Box<Dialogue>, next: Next) -> Result<(), Failure> {
        match next {
            Next::Say(message) => self.say_sasl(dialogue, message.as_ref()),
            Next::Work(errand) => {
                self.opening.step = Step::Work(dialogue);
                self.events.push_back(SessionEvent::Errand(errand));
            }
            Next::Refused => return Err(self.no_account("SCRAM ends with an error")),
        }
        Ok(())
    }

    pub(super) fn take_work_for_account(&mut self, result: ErrandResult) -> Result<(), Failure> {
        let Step::Work(mut dialogue) = std::mem::replace(&mut self.opening.step, Step::Connecting) else {
            return Err(Failure::new(FailureKind::Internal, "a worker did what nobody had asked for"));
        };
        let message = dialogue.handle_errand(result).map_err(|reason| self.no_account(&reason))?;
        self.say_sasl(dialogue, Some(&message));
        Ok(())
    }

    fn bind_account(&mut self) {
        match self.opening.account.clone().as_deref() {
            None | Some(Account::Anonymous) => self.become_ready(),
            Some(Account::Simple { dn, password }) => {
                let credentials = BindCredentials::Simple(password.as_bytes());
                let request =
                    self.send(&Request::Bind { version: VERSION, name: dn.as_bytes(), credentials });
                self.opening.step = Step::Bind(request);
            }
            Some(Account::Sasl(choice, identity)) => {
                self.begin_sasl(choice, identity).unwrap_or_else(|failure| self.fail(failure));
            }
        }
    }

    fn begin_sasl(&mut self, choice: &Choice, identity: &Rc<Identity>) -> Result<(), Failure> {
        let mechanism = self.mechanism(choice)?;
        let (dialogue, next) =
            Dialogue::begin(mechanism, Rc::clone(identity), &self.host, self.opening.is_private)
                .map_err(|reason| Failure::new(FailureKind::Internal, reason))?;
        self.go_on_with_dialogue(Box::new(dialogue), next)
    }

    fn say_sasl(&mut self, dialogue: Box<Dialogue>, message: Option<&Secret>) {
        let request = self.send(&sasl_bind(&dialogue, message));
        self.opening.step = Step::SaslBind(request, dialogue);
    }

    fn become_ready(&mut self) {
        self.phase = Phase::Ready;
        self.events.push_back(SessionEvent::Ready);
    }

    fn no_account_for(&self, mut result: LdapResult) -> Failure {
        if let Some(password) = self.opening.account.as_ref().and_then(|account| account.password()) {
            result.hide(password);
        }
        self.no_account(&result.to_string())
    }

    fn no_account(&self, reason: &str) -> Failure {
        let name = self.opening.account.as_ref().map(|account| account.name()).unwrap_or_default();
        refused(format!("the service account {name} cannot bind: {reason}"))
    }
}

/// The only version that has SASL, StartTLS and UTF-8.
const VERSION: u8 = 3;

/// The name is the mechanism's business, RFC 4513, section 5.2.
pub(super) fn sasl_bind<'a>(dialogue: &Dialogue, message: Option<&'a Secret>) -> Request<'a> {
    let mechanism = dialogue.mechanism().name().as_bytes();
    Request::Bind {
        version: VERSION,
        name: b"",
        credentials: BindCredentials::Sasl { mechanism, message: message.map(Secret::as_bytes) },
    }
}

fn refused(reason: String) -> Failure {
    Failure::new(FailureKind::Refused, reason)
}
