//! What is remembered of logins: acceptances in the cache, refusals in the negative cache.
#![forbid(unsafe_code)]

use super::job::Login;
use super::{DecidedBy, Dispatcher, Names, RequestId};
use crate::credentials::Credentials;
use crate::outcome::Outcome;
use crate::policy::cache::{CachedNames, Fingerprint};
use crate::policy::route::chain::{Decision, Source};
use std::rc::Rc;
use std::time::Instant;

impl Dispatcher {
    /// Answers a request by what is remembered. `false` if nothing is that counts.
    pub(super) fn answer_from_memory(
        &mut self,
        request: RequestId,
        credentials: &mut Credentials,
        fingerprint: &Fingerprint,
        deadline: Instant,
        now: Instant,
    ) -> bool {
        if let Some(cache) = &mut self.cache {
            if cache.lookup(fingerprint, now) {
                self.counters.note_hit();
                let Credentials { client, login, realm, .. } = &*credentials;
                self.punishment.note_success(*client, login, realm, now);
                self.reply_at_once(request, Names::of(credentials), Outcome::ACCEPT, DecidedBy::Cache, now);
                return true;
            }
            self.counters.note_miss();
        }
        let known = self.negative_cache.as_mut().and_then(|cache| cache.lookup(fingerprint, now));
        let Some(decision) = known else { return false };
        self.reply_when_due(request, &Rc::new(Names::of(credentials)), &decision, (now, deadline), now);
        true
    }

    /// A login is decided: it is remembered, unless it was forgotten by hand meanwhile, and what that contradicts is
    /// forgotten.
    pub(super) fn remember(&mut self, login: &mut Login, decision: &Decision, now: Instant) {
        self.forget_if_refused(login, decision.is_refused);
        let Some(fingerprint) = login.fingerprint.take() else { return };
        let Names { login: name, realm, service, .. } = &*login.names;
        let names = || CachedNames::new(name, realm, service);
        match &decision.outcome {
            Outcome::Accept(_) => {
                self.negative_cache.iter_mut().for_each(|cache| cache.forget(&fingerprint));
                if let Some(cache) = &mut self.cache {
                    cache.remember(fingerprint, names(), now);
                }
            }
            Outcome::Reject(_) => {
                if let Some(cache) = &mut self.negative_cache {
                    cache.remember(&fingerprint, decision, names(), now);
                }
            }
            Outcome::Unavailable(_) => {}
        }
    }

    /// A step has refused the login, whatever the others say: no outage makes an earlier acceptance count again.
    pub(super) fn forget_if_refused(&mut self, login: &Login, is_refused: bool) {
        if let (Some(cache), Some(fingerprint), true) = (&mut self.cache, &login.fingerprint, is_refused) {
            cache.forget(fingerprint);
        }
    }

    /// Nobody could be asked about a login: what the cache makes of that (`--stale-if-unavailable`). Whom any step has
    /// refused it does not help.
    pub(super) fn or_stale(&self, decision: Decision, login: &Login, now: Instant) -> Decision {
        // Where the policy server must be heard nothing goes around it.
        let is_outage = matches!(decision.outcome, Outcome::Unavailable(_))
            && !decision.is_refused
            && !decision.asked.is_policy_server();
        let is_known = || {
            let fingerprint = login.fingerprint.as_ref()?;
            self.cache.as_ref().map(|cache| cache.lookup_stale(fingerprint, now))
        };
        if is_outage && is_known() == Some(true) {
            return Decision { outcome: Outcome::ACCEPT, source: Source::StaleCache, ..decision };
        }
        decision
    }
}
