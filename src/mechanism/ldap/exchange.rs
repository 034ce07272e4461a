//! One login's way through a directory.
//!
//! `lookup` finds entries, `password` compares stored passwords, `groups` looks for members; here they are put
//! in order.
#![forbid(unsafe_code)]

mod groups;
mod lookup;
mod password;
#[cfg(test)]
mod proof_tests;
#[cfg(test)]
mod tests;

use super::message::{BindCredentials, Request};
use super::named::Named;
use super::pools::{Place, Pools};
use super::question::{Answer, Question};
use super::referral::{self, Target};
use super::response::LdapResult;
use super::sasl::{Identity, Options};
use super::sasl_choice::Choice;
use super::settings::{Account, Method, Settings};
use super::tokens::{Template, Tokens};
use super::verdict::{self, Meaning, Operation};
use super::{Realm, dn};
use crate::credentials::Credentials;
use crate::job::ErrandResult;
use crate::net::exchange::{Exchange, Failure, FailureKind, Step};
use crate::outcome::{Outcome, Refusal, Verdict};
use crate::secret::Secret;
use lookup::ReferralChase;
use password::Comparison;
use std::rc::Rc;

/// How many referrals are followed one behind the other; libldap's limit of hops.
const DEEPEST: usize = 5;

/// How many one login follows in all.
const MOST_FOLLOWED: usize = 100;

/// One login.
pub struct Check {
    realm: Rc<Realm>,
    pools: Rc<Pools>,
    credentials: Credentials,
    stage: Stage,
    /// Referrals followed so far.
    followed: usize,
    /// Of these, how many led one behind the other to what is asked now.
    depth: usize,
}

/// What is waited for.
enum Stage {
    Nothing,
    /// The user's entry.
    User(ReferralChase),
    /// The user's bind.
    Bind(Name),
    /// Comparisons that take long.
    Password(Comparison),
    /// Whether the group has this value.
    GroupCompare(Vec<u8>),
    /// The groups of this user, by a filter.
    GroupSearch(ReferralChase, Vec<u8>),
}

/// Whom a bind names.
enum Name {
    Dn(Vec<u8>),
    /// The login, by SASL.
    Login(Choice),
}

impl Name {
    /// Empty if it is not known.
    fn into_dn(self) -> Vec<u8> {
        match self {
            Self::Dn(dn) => dn,
            Self::Login(_) => Vec::new(),
        }
    }
}

type Next = Step<Question>;

impl Check {
    /// The login, to be checked as `realm` says.
    pub fn new(realm: Rc<Realm>, pools: Rc<Pools>, credentials: Credentials) -> Self {
        Self { realm, pools, credentials, stage: Stage::Nothing, followed: 0, depth: 0 }
    }

    fn settings(&self) -> &Settings {
        &self.realm.settings
    }

    /// What tokens stand for; `dn` is the user's, where that is known.
    fn tokens<'a>(&'a self, dn: &'a [u8]) -> Tokens<'a> {
        let Credentials { login, service, realm, .. } = &self.credentials;
        let realm = if realm.is_empty() { &self.realm.settings.default_realm } else { realm };
        Tokens { login, service, realm, dn }
    }

    fn expand(&self, template: &Template) -> Vec<u8> {
        dn::expand(template, &self.tokens(b""))
    }

    fn bind(&mut self, place: Place, dn: Vec<u8>) -> Next {
        // A server may take a bind without a name for one of nobody, and accept it whatever the password: RFC 4513,
        // section 5.1.1. Blanks around a DN do not count, and some end it at a NUL.
        if dn.trim_ascii().is_empty() || dn.contains(&0) {
            return reject("there is no DN to bind as");
        }
        let credentials = BindCredentials::Simple(self.credentials.password.as_bytes());
        let request = Request::Bind { version: 3, name: &dn, credentials }.to_operation();
        let password = Rc::new(Secret::copy_of(self.credentials.password.as_bytes()));
        self.stage = Stage::Bind(Name::Dn(dn));
        Step::Ask(place.bind, Question::Bind { request, password })
    }

    /// As in C the name is the login, with the realm behind it when it has no domain.
    fn bind_by_sasl(&mut self, place: Place, choice: Choice) -> Next {
        let Tokens { login, realm, .. } = self.tokens(b"");
        let mut name = login.to_vec();
        if !login.contains(&b'@') && !realm.is_empty() {
            name.push(b'@');
            name.extend_from_slice(realm);
        }
        let password = Rc::new(Secret::copy_of(self.credentials.password.as_bytes()));
        let options = match &*self.settings().account {
            Account::Sasl(_, identity) => identity.options.clone(),
            Account::Anonymous | Account::Simple { .. } => Options::default(),
        };
        let identity = Rc::new(Identity::new(name, Vec::new(), password).with_options(options));
        let tell_dn = self.settings().group.is_some();
        self.stage = Stage::Bind(Name::Login(choice.clone()));
        Step::Ask(place.bind, Question::SaslBind { choice, identity, tell_dn })
    }

    fn handle_bound(&mut self, name: Name, mut result: LdapResult) -> Next {
        let meaning = verdict::meaning(Operation::Bind, &result, &Named::ByFile);
        result.hide(&self.credentials.password);
        match meaning {
            Meaning::Yes => self.check_group(name.into_dn()),
            Meaning::Elsewhere => self.bind_elsewhere(name, &result),
            Meaning::NoLogin => reject_unknown(format!("the server refuses the password: {result}")),
            Meaning::No | Meaning::NotHere => reject(format!("the server refuses the password: {result}")),
            Meaning::Cut | Meaning::Unjudged => unavailable(format!("the bind as the user fails: {result}")),
        }
    }

    /// By the same means: a referral must not get a password in the clear that SASL keeps to itself.
    fn bind_elsewhere(&mut self, name: Name, result: &LdapResult) -> Next {
        match (self.follow_one(&result.referral), name) {
            (Ok((place, target)), Name::Dn(dn)) => self.bind(place, target.name.unwrap_or(dn)),
            (Ok((place, _)), Name::Login(choice)) => self.bind_by_sasl(place, choice),
            (Err(step), _) => step,
        }
    }

    /// The user's DN after a bind by SASL: RFC 4513, section 5.2.1.8.
    fn handle_known(&mut self, identity: &[u8]) -> Next {
        self.check_group(identity.strip_prefix(b"dn:").unwrap_or_default().to_vec())
    }

    /// The first of some referrals that can be followed. Where none can, nobody has judged the login.
    fn follow_one(&mut self, uris: &[Vec<u8>]) -> Result<(Place, Target), Next> {
        let mut not_followed = "it does not say where".to_owned();
        for uri in uris {
            match self.follow(uri, self.depth) {
                Ok(found) => {
                    self.depth += 1;
                    return Ok(found);
                }
                Err(NotFollowed::Unwanted(reason)) => not_followed = reason,
                Err(NotFollowed::TooMany) => return Err(too_many()),
            }
        }
        Err(referred(&not_followed))
    }

    /// `depth`: how many referrals have led to the server that refers.
    fn follow(&mut self, uri: &[u8], depth: usize) -> Result<(Place, Target), NotFollowed> {
        let target = referral::target(uri, self.settings()).map_err(NotFollowed::Unwanted)?;
        if depth >= DEEPEST || self.followed >= MOST_FOLLOWED {
            return Err(NotFollowed::TooMany);
        }
        let place = match &target.server {
            Some(server) => self.pools.referred(self.settings(), server.clone()),
            None => self.realm.primary,
        };
        self.followed += 1;
        Ok((place, target))
    }
}

/// Why a referral is not followed.
enum NotFollowed {
    /// It is not one to be followed.
    Unwanted(String),
    /// There have been too many already.
    TooMany,
}

impl Check {
    /// No server has given an answer that counts.
    fn handle_failure(&self, failure: Failure) -> Next {
        match (failure.kind, &self.stage) {
            (FailureKind::NotHere, Stage::User(_)) => {
                reject_unknown(format!("there can be no such user: {failure}"))
            }
            (FailureKind::NotHere, Stage::Bind(_)) => reject(format!("there is no such account: {failure}")),
            (FailureKind::NotHere, Stage::GroupCompare(_) | Stage::GroupSearch(..)) => {
                reject(format!("the user is not in the group: {failure}"))
            }
            _ => unavailable(failure.reason),
        }
    }
}

impl Exchange for Check {
    type Question = Question;
    type Answer = Answer;
    type Verdict = Verdict;

    fn begin(&mut self) -> Next {
        let Credentials { login, password, .. } = &self.credentials;
        // A server takes a bind without a password for one of nobody, and accepts it: RFC 4513, section 5.1.2.
        if login.is_empty() || password.is_empty() || password.as_bytes().contains(&0) {
            return reject("there is no login, no password, or a NUL in it");
        }
        let realm = Rc::clone(&self.realm);
        match &realm.settings.method {
            Method::Bind(lookup) => self.look_up_user(lookup, None),
            Method::Custom(lookup, attribute) => self.look_up_user(lookup, Some(attribute)),
            Method::FastBind(template) => {
                let dn = self.expand(template);
                self.bind(realm.primary, dn)
            }
            Method::SaslBind(choice) => self.bind_by_sasl(realm.primary, choice.clone()),
        }
    }

    fn handle_answer(&mut self, answer: Result<Answer, Failure>) -> Next {
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) => return self.handle_failure(failure),
        };
        match (std::mem::replace(&mut self.stage, Stage::Nothing), answer) {
            (Stage::User(chase), Answer::Found(found)) => self.handle_users(chase, found),
            (Stage::Bind(name), Answer::Bound(result)) => self.handle_bound(name, result),
            (Stage::Bind(Name::Login(_)), Answer::Known(identity)) => self.handle_known(&identity),
            (Stage::GroupCompare(dn), Answer::Compared(result)) => self.handle_compared(dn, &result),
            (Stage::GroupSearch(chase, dn), Answer::Found(found)) => self.handle_groups(chase, dn, found),
            _ => unavailable("an answer came to what was not asked"),
        }
    }

    fn handle_errand(&mut self, result: ErrandResult) -> Next {
        match std::mem::replace(&mut self.stage, Stage::Nothing) {
            Stage::Password(comparison) => self.handle_comparison(comparison, result),
            _ => unavailable("a worker did what was not asked"),
        }
    }
}

/// `NO` alone is C's reply, whatever the reason.
fn reject(reason: impl Into<std::borrow::Cow<'static, str>>) -> Next {
    Step::Done(Outcome::Reject(Refusal::with_reason("", reason)).into())
}

/// The same of a login that the directory does not have.
fn reject_unknown(reason: String) -> Next {
    Step::Done(Outcome::unknown_login("", reason).into())
}

fn unavailable(reason: impl Into<std::borrow::Cow<'static, str>>) -> Next {
    Step::Done(Outcome::unavailable("", reason).into())
}

fn too_many() -> Next {
    unavailable(format!(
        "there are more than {DEEPEST} referrals in a row to follow, or {MOST_FOLLOWED} in all"
    ))
}

fn referred(not_followed: &str) -> Next {
    unavailable(format!("the server refers to another one: {not_followed}"))
}

fn accept() -> Next {
    Step::Done(Outcome::ACCEPT.into())
}
