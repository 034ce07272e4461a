//! Whether the user is a member of the group, asked as the service account.
#![forbid(unsafe_code)]

use super::super::message::Request;
use super::super::named::Named;
use super::super::question::{Found, Question};
use super::super::response::LdapResult;
use super::super::settings::GroupCheck;
use super::super::tokens::Template;
use super::super::verdict::{self, Meaning, Operation};
use super::lookup::{ReferralChase, Sought};
use super::{Check, Next, Stage, accept, dn, reject, unavailable};
use crate::net::exchange::{PoolId, Step};
use std::rc::Rc;

impl Check {
    /// The password is right; now the group, if there is one to be in.
    pub(super) fn check_group(&mut self, user: Vec<u8>) -> Next {
        let realm = Rc::clone(&self.realm);
        self.depth = 0;
        match &realm.settings.group {
            None => accept(),
            Some(_) if user.is_empty() => {
                unavailable("the server does not tell the user's DN, which the group check needs")
            }
            Some(GroupCheck::Compare { dn: template, .. }) => {
                let group = dn::expand(template, &self.tokens(&user));
                self.ask_group(realm.primary.search, &group, user, Named::of(template))
            }
            Some(GroupCheck::Search(lookup)) => {
                let chase = ReferralChase::new(realm.primary, lookup);
                let question = self.search(lookup, None, &user, &chase, None, None);
                self.stage = Stage::GroupSearch(chase, user);
                Step::Ask(realm.primary.search, question)
            }
        }
    }

    fn ask_group(&mut self, pool: PoolId, group: &[u8], user: Vec<u8>, entry: Named) -> Next {
        let realm = Rc::clone(&self.realm);
        let Some(GroupCheck::Compare { attribute, .. }) = &realm.settings.group else {
            return unavailable("a group was asked for that is not configured");
        };
        let request = Request::Compare { name: group, attribute: attribute.as_bytes(), value: &user };
        let request = request.to_operation();
        self.stage = Stage::GroupCompare(user);
        Step::Ask(pool, Question::Compare { request, entry })
    }

    pub(super) fn handle_compared(&mut self, user: Vec<u8>, result: &LdapResult) -> Next {
        let named = self.group_template().map_or(Named::ByFile, Named::of);
        match verdict::meaning(Operation::Compare, result, &named) {
            Meaning::Yes => accept(),
            Meaning::No | Meaning::NoLogin | Meaning::NotHere => {
                reject(format!("the user is not in the group: {result}"))
            }
            Meaning::Elsewhere => match self.follow_one(&result.referral) {
                Ok((place, target)) => {
                    let group = target.name.unwrap_or_else(|| self.group_dn(&user));
                    self.ask_group(place.search, &group, user, Named::ByServer)
                }
                Err(step) => step,
            },
            Meaning::Cut | Meaning::Unjudged => unavailable(format!("the group check fails: {result}")),
        }
    }

    fn group_template(&self) -> Option<&Template> {
        match &self.realm.settings.group {
            Some(GroupCheck::Compare { dn: template, .. }) => Some(template),
            _ => None,
        }
    }

    fn group_dn(&self, user: &[u8]) -> Vec<u8> {
        let template = self.group_template();
        template.map(|template| dn::expand(template, &self.tokens(user))).unwrap_or_default()
    }

    pub(super) fn handle_groups(&mut self, mut chase: ReferralChase, user: Vec<u8>, found: Found) -> Next {
        let realm = Rc::clone(&self.realm);
        let Some(GroupCheck::Search(lookup)) = &realm.settings.group else {
            return unavailable("a group was found that is not configured");
        };
        // One group is enough, however many there are.
        let meaning = verdict::meaning(Operation::Search, &found.result, &chase.named);
        if found.entries > 0 && matches!(meaning, Meaning::Yes | Meaning::Cut) {
            return accept();
        }
        if let Err(step) = self.take(&mut chase, found, lookup, Sought::Group) {
            return step;
        }
        match chase.next() {
            Some((place, base, scope)) => {
                let question = self.search(lookup, None, &user, &chase, base, scope);
                self.stage = Stage::GroupSearch(chase, user);
                Step::Ask(place.search, question)
            }
            None => reject(format!("the user is not in the group{}", chase.remark())),
        }
    }
}
