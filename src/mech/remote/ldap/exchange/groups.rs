//! Whether the user is a member of the group, asked as the service account.
#![forbid(unsafe_code)]

use super::super::message::Request;
use super::super::question::{Found, Question};
use super::super::response::LdapResult;
use super::super::result_code::ResultCode;
use super::super::settings::GroupCheck;
use super::lookup::Hunt;
use super::{Check, Next, Stage, accept, dn, reject, unavailable};
use crate::mech::remote::{PoolId, Step};
use std::rc::Rc;

impl Check {
    /// The password is right; now the group, if there is one to be in.
    pub(super) fn check_group(&mut self, user: Vec<u8>) -> Next {
        let plan = Rc::clone(&self.plan);
        match &plan.settings.group {
            None => accept(),
            Some(_) if user.is_empty() => {
                reject("the server does not tell the user's DN, which the group check needs")
            }
            Some(GroupCheck::Compare { dn: template, .. }) => {
                let group = dn::expand(template, &self.tokens(&user));
                self.ask_group(plan.home.search, &group, user)
            }
            Some(GroupCheck::Search(lookup)) => {
                let question = self.search(lookup, None, &user, None, None);
                self.stage = Stage::GroupSearch(Hunt::new(plan.home), user);
                Step::Ask(plan.home.search, question)
            }
        }
    }

    fn ask_group(&mut self, pool: PoolId, group: &[u8], user: Vec<u8>) -> Next {
        let plan = Rc::clone(&self.plan);
        let Some(GroupCheck::Compare { attribute, .. }) = &plan.settings.group else {
            return unavailable("a group was asked for that is not configured");
        };
        let request = Request::Compare { name: group, attribute: attribute.as_bytes(), value: &user };
        let request = request.to_operation();
        self.stage = Stage::GroupCompare(user);
        Step::Ask(pool, Question::Compare(request))
    }

    pub(super) fn handle_compared(&mut self, user: Vec<u8>, result: &LdapResult) -> Next {
        match result.code {
            ResultCode::COMPARE_TRUE => accept(),
            ResultCode::COMPARE_FALSE
            | ResultCode::NO_SUCH_ATTRIBUTE
            | ResultCode::NO_SUCH_OBJECT
            | ResultCode::INVALID_DN_SYNTAX => reject(format!("the user is not in the group: {result}")),
            ResultCode::REFERRAL => match self.follow_one(&result.referral) {
                Ok((place, target)) => {
                    let group = target.name.unwrap_or_else(|| self.group_dn(&user));
                    self.ask_group(place.search, &group, user)
                }
                Err(step) => step,
            },
            _ => unavailable(format!("the group check fails: {result}")),
        }
    }

    fn group_dn(&self, user: &[u8]) -> Vec<u8> {
        match &self.plan.settings.group {
            Some(GroupCheck::Compare { dn: template, .. }) => dn::expand(template, &self.tokens(user)),
            _ => Vec::new(),
        }
    }

    pub(super) fn handle_groups(&mut self, mut hunt: Hunt, user: Vec<u8>, found: Found) -> Next {
        let plan = Rc::clone(&self.plan);
        let Some(GroupCheck::Search(lookup)) = &plan.settings.group else {
            return unavailable("a group was found that is not configured");
        };
        // One group is enough, however many there are.
        let sound = matches!(found.result.code, ResultCode::SUCCESS | ResultCode::SIZE_LIMIT_EXCEEDED);
        if found.entries > 0 && sound {
            return accept();
        }
        if let Err(step) = self.take(&mut hunt, found, lookup, "group") {
            return step;
        }
        match hunt.next() {
            Some((place, base, scope)) => {
                let question = self.search(lookup, None, &user, base, scope);
                self.stage = Stage::GroupSearch(hunt, user);
                Step::Ask(place.search, question)
            }
            None => reject(format!("the user is not in the group{}", hunt.remark())),
        }
    }
}
