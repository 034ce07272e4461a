//! Finding entries, on as many servers as referrals lead to.
#![forbid(unsafe_code)]

use super::super::message::{NO_ATTRIBUTES, Request, Scope, Search};
use super::super::named::Named;
use super::super::pools::Place;
use super::super::question::{Entry, Found, Question};
use super::super::settings::{Limits, Lookup, Method};
use super::super::verdict::{self, Meaning, Operation};
use super::{Check, Next, NotFollowed, Stage, dn, referred, reject, reject_unknown, too_many, unavailable};
use crate::net::exchange::Step;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

/// A search and what it has found so far.
pub(super) struct ReferralChase {
    /// Where it is going on.
    place: Place,
    /// Who chose the base there.
    pub(super) named: Named,
    /// How many referrals have led there.
    depth: usize,
    /// Where it is still to go, and how many referrals lead there.
    ahead: VecDeque<(Ahead, usize)>,
    entries: usize,
    /// The first entry, and where it was found.
    first: Option<(Entry, Place)>,
    /// There are more entries than the server was allowed to return.
    cut: bool,
    /// Why a referral was not followed.
    not_followed: Option<String>,
}

/// What a search is for.
#[derive(Clone, Copy)]
pub(super) enum Sought {
    User,
    /// The user's group; the user has been found, and the password is right.
    Group,
}

impl Sought {
    /// There is none.
    fn refuse(self, reason: String) -> Next {
        match self {
            Self::User => reject_unknown(reason),
            Self::Group => reject(reason),
        }
    }
}

/// For the log.
impl fmt::Display for Sought {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::User => "user",
            Self::Group => "group",
        })
    }
}

/// A place to search, with the base and scope that a referral says.
type Ahead = (Place, Option<Vec<u8>>, Option<Scope>);

impl ReferralChase {
    pub(super) fn new(place: Place, lookup: &Lookup) -> Self {
        Self {
            place,
            named: Named::of(&lookup.base),
            depth: 0,
            ahead: VecDeque::new(),
            entries: 0,
            first: None,
            cut: false,
            not_followed: None,
        }
    }

    /// Where to search next.
    pub(super) fn next(&mut self) -> Option<Ahead> {
        let (next, depth) = self.ahead.pop_front()?;
        (self.place, self.depth) = (next.0, depth);
        self.named = Named::ByServer;
        Some(next)
    }

    /// For the log: what might be behind a referral that was not followed.
    pub(super) fn remark(&self) -> String {
        let told = |not_followed| format!("; a referral was not followed: {not_followed}");
        self.not_followed.as_ref().map(told).unwrap_or_default()
    }
}

impl Check {
    pub(super) fn look_up_user(&mut self, lookup: &Lookup, attribute: Option<&str>) -> Next {
        let place = self.realm.primary;
        let chase = ReferralChase::new(place, lookup);
        let question = self.search(lookup, attribute, b"", &chase, None, None);
        self.stage = Stage::User(chase);
        Step::Ask(place.search, question)
    }

    /// A search for `lookup`, with the base and scope of a referral if it has them.
    pub(super) fn search(
        &self,
        lookup: &Lookup,
        attribute: Option<&str>,
        user: &[u8],
        chase: &ReferralChase,
        base: Option<Vec<u8>>,
        scope: Option<Scope>,
    ) -> Question {
        let tokens = self.tokens(user);
        let base = base.unwrap_or_else(|| dn::expand(&lookup.base, &tokens));
        let Limits { deref, size, time } = self.settings().limits;
        let attributes = [attribute.map_or(NO_ATTRIBUTES, str::as_bytes)];
        let request = Request::Search(Search {
            base: &base,
            scope: scope.unwrap_or(lookup.scope),
            dereference: deref,
            size_limit: size,
            time_limit: time,
            types_only: false,
            filter: &lookup.filter,
            tokens: &tokens,
            attributes: &attributes,
        });
        let request = request.to_operation();
        Question::Search { request, attribute: attribute.map(str::to_owned), base: chase.named.clone() }
    }

    pub(super) fn handle_users(&mut self, mut chase: ReferralChase, found: Found) -> Next {
        let realm = Rc::clone(&self.realm);
        let (lookup, attribute) = match &realm.settings.method {
            Method::Bind(lookup) => (lookup, None),
            Method::Custom(lookup, attribute) => (lookup, Some(attribute.as_str())),
            Method::FastBind(_) | Method::SaslBind(_) => {
                return unavailable("a search was answered that nobody made");
            }
        };
        if let Err(step) = self.take(&mut chase, found, lookup, Sought::User) {
            return step;
        }
        match (chase.first.take(), chase.entries, chase.next()) {
            (Some(_), 2.., _) => reject("more than one entry was found"),
            (Some(_), ..) if chase.cut => reject("more than one entry was found"),
            (first, _, Some((place, base, scope))) => {
                let question = self.search(lookup, attribute, b"", &chase, base, scope);
                chase.first = first;
                self.stage = Stage::User(chase);
                Step::Ask(place.search, question)
            }
            (Some((entry, _)), ..) if attribute.is_some() => self.compare(entry),
            (Some((entry, place)), ..) => self.bind(place, entry.name),
            (None, ..) => Sought::User.refuse(format!("the user was not found{}", chase.remark())),
        }
    }

    /// Adds what was found at one place, and where it refers to.
    pub(super) fn take(
        &mut self,
        chase: &mut ReferralChase,
        found: Found,
        lookup: &Lookup,
        sought: Sought,
    ) -> Result<(), Next> {
        chase.entries += found.entries;
        if let Some(first) = found.first.filter(|_| chase.first.is_none()) {
            // Another server may not have it yet.
            let bind = self.pools.bind_beside(self.settings(), chase.place, found.server);
            chase.first = Some((first, Place { bind, ..chase.place }));
        }
        match verdict::meaning(Operation::Search, &found.result, &chase.named) {
            Meaning::Yes => {}
            Meaning::Cut if chase.first.is_some() => chase.cut = true,
            Meaning::Elsewhere if found.entries == 0 => {
                let ahead = chase.ahead.len();
                self.note(chase, &found.result.referral, lookup.scope)?;
                let nowhere = chase.ahead.len() == ahead;
                let not_followed = chase.not_followed.as_deref().unwrap_or("it does not say where");
                return if nowhere { Err(referred(not_followed)) } else { Ok(()) };
            }
            Meaning::No | Meaning::NoLogin => {
                return Err(sought.refuse(format!("there can be no such {sought}: {}", found.result)));
            }
            Meaning::Cut | Meaning::Elsewhere | Meaning::NotHere | Meaning::Unjudged => {
                return Err(unavailable(format!("the search for the {sought} fails: {}", found.result)));
            }
        }
        // As libldap does it, what a search refers to elsewhere is passed over unless referrals are followed.
        if !self.settings().referrals.follow {
            return Ok(());
        }
        let below = if lookup.scope == Scope::One { Scope::Base } else { lookup.scope };
        found.references.iter().try_for_each(|uris| self.note(chase, uris, below))
    }

    /// Of several URIs one is enough: all lead to the same.
    fn note(&mut self, chase: &mut ReferralChase, uris: &[Vec<u8>], scope: Scope) -> Result<(), Next> {
        for uri in uris {
            match self.follow(uri, chase.depth) {
                Ok((place, target)) => {
                    let ahead = (place, target.name, target.scope.or(Some(scope)));
                    chase.ahead.push_back((ahead, chase.depth + 1));
                    return Ok(());
                }
                Err(NotFollowed::Unwanted(reason)) => chase.not_followed = Some(reason),
                Err(NotFollowed::TooMany) => return Err(too_many()),
            }
        }
        Ok(())
    }
}
