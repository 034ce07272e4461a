//! The log lines about requests. logwatch, fail2ban and many a private script read them: the texts are the C
//! daemon's, and nothing that a client sent can end a field or a line.
#![forbid(unsafe_code)]

mod line;

use super::endpoint::Origin;
use super::outages::{Kind, Outages, Sum};
use crate::config::WorkerFlag;
use crate::config::site::{InstanceId, PoolId, Site};
use crate::credentials::Credentials;
use crate::endpoint::dovecot::{RefusalReason, Refused, Request};
use crate::job::JobId;
use crate::outcome::Outcome;
use crate::policy::circuit_breaker::{Backend, PATIENCE};
use crate::policy::dispatch::{DecidedBy, Event, Names, Shed, Waiting};
use crate::policy::penalty::{MANY, WITHIN};
use crate::policy::policy_server::OnUnavailable;
use line::{Line, Mechanisms, shown};
use log::Level;
use std::borrow::Cow;
use std::time::Instant;

/// Writes the line of an event at that site, unless it is one too many of an outage.
pub(super) fn write(event: &Event, site: &Site, outages: &mut Outages, now: Instant) {
    match event {
        Event::Decided(names, outcome, by) => {
            let mechanisms = match by {
                DecidedBy::Cache => None,
                DecidedBy::Mechanisms(asked)
                | DecidedBy::NegativeCache(asked)
                | DecidedBy::StaleCache(asked) => Some(Mechanisms::Asked(asked, site)),
            };
            write_end(names, outcome);
            write_decision(names, outcome, by, mechanisms, |kind| {
                write_sums(&outages.take_due(now));
                outages.is_written(kind, now)
            });
        }
        Event::Waiting(waiting) => log::warn!(target: "frontend", "{}", queue(waiting, site)),
        Event::Shed(shed) => log::warn!(target: "frontend", "{}", told_early(shed, site)),
        Event::WorkerOutOfTurn(_) => {
            log::error!(target: "frontend", "A worker answered what it was not asked and is replaced")
        }
        Event::NeverReady(_) => {
            log::error!(target: "frontend", "A worker has not become ready in time and is replaced")
        }
        Event::ManyFailures(names) => log::warn!(
            target: "frontend",
            "Many failures for [user={}]: {MANY} different wrong passwords within {} s, the last{}; each refusal takes \
             longer for now",
            shown(&names.login),
            WITHIN.as_secs(),
            names.client.map(|client| format!(" from {client}")).unwrap_or_default()
        ),
        Event::PolicyServerFailed(reason, on_unavailable) => {
            let meanwhile = match on_unavailable {
                OnUnavailable::Allow => "logins are checked without it",
                OnUnavailable::Unavailable => "logins with a client address cannot be decided",
            };
            let reason = shown(reason.as_bytes());
            log::warn!(target: "frontend", "The policy server cannot be asked, and {meanwhile}: {reason}");
        }
        Event::PolicyServerRecovered => log::info!(target: "frontend", "The policy server answers again"),
        Event::ReportFailed(reason) => {
            let reason = shown(reason.as_bytes());
            log::warn!(target: "frontend", "The policy server has not heard what came of a login: {reason}");
        }
        Event::PolicyWouldRefuse(names, message) => {
            let line = Line { names, mechanisms: None, reason: Some(message) };
            log::info!(target: "frontend", "The policy server would refuse a login, which is only logged: {line}");
        }
        Event::BackendSilent(Backend { instance, name }) => log::warn!(
            target: "frontend",
            "The servers of {} for {} have answered nobody for {} s; logins are told so at once, but for one at a time",
            backend_name(name),
            instance_name(*instance, site),
            PATIENCE.as_secs()
        ),
        Event::LeftAlone(names, Backend { instance, name }) => log::debug!(
            target: "frontend",
            "The servers of {} for {} are not asked about [user={}]: they answer nobody",
            backend_name(name),
            instance_name(*instance, site),
            shown(&names.login)
        ),
        Event::BackendRecovered(Backend { instance, name }) => {
            let mechanism = instance_name(*instance, site);
            log::info!(target: "frontend", "The servers of {} for {mechanism} answer again", backend_name(name));
        }
        Event::TimedOut(names, limit) => log::warn!(
            target: "frontend",
            "The login of [user={}] took longer than --request-timeout={}; its worker is replaced",
            shown(&names.login),
            limit.as_secs()
        ),
    }
}

/// Writes from where a login came. The lines about its verdict, which programs read, say nothing of that; nor has this
/// one the field that they look for.
pub(super) fn write_origin(origin: &Origin<'_>, credentials: &Credentials) {
    log::debug!(target: "frontend", "auth request: {origin} for {}", shown(&credentials.login));
}

/// As [`write_origin`], with what a mail server tells of its client's connection.
pub(super) fn write_auth_origin(origin: &Origin<'_>, request: &Request) {
    let Request { credentials, parameters, .. } = request;
    let (login, mechanism) = (shown(&credentials.login), parameters.mechanism.name());
    let secured = if parameters.secured { ", secured" } else { "" };
    let local = parameters.local.map(|local| format!(", at {local}")).unwrap_or_default();
    log::debug!(target: "frontend", "auth request: {origin} for {login} by {mechanism}{secured}{local}");
}

/// Writes of an attempt at an auth socket that no mechanism was asked about. One that a client has given up is no failure,
/// which programs count.
pub(super) fn write_refusal(refused: &Refused, origin: &Origin<'_>) {
    let Refused { reason, login, parameters } = refused;
    if matches!(reason, RefusalReason::TimedOut | RefusalReason::TooManyRequests) {
        return log::debug!(target: "frontend", "auth request given up: {reason}: {origin}");
    }
    let names = Names {
        id: None,
        login: login.clone(),
        service: parameters.service.clone(),
        realm: Vec::new(),
        client: parameters.client,
    };
    let reason = reason.to_string();
    let line = Line { names: &names, mechanisms: Some(Mechanisms::Nobody), reason: Some(&reason) };
    log::info!(target: "do_auth", "auth failure: {line}");
}

fn queue(waiting: &Waiting, site: &Site) -> String {
    let Waiting { pool, logins, longest, flag } = waiting;
    let (flag, whose) = (name(*flag), whose(*pool, site));
    let seconds = longest.as_secs();
    if site.pools.get(pool.0).is_some_and(|pool| pool.gssapi_for.is_some()) {
        return format!(
            "{logins} logins by GSSAPI{whose} at its servers wait, the first for {seconds} s: Kerberos may be slow"
        );
    }
    format!(
        "{logins} logins wait for a free process{whose}, the first for {seconds} s; a larger {flag} would help"
    )
}

fn told_early(shed: &Shed, site: &Site) -> String {
    let Shed { pool, logins, flag } = shed;
    let (flag, whose) = (name(*flag), whose(*pool, site));
    let logins = if *logins == 1 { "1 login".to_owned() } else { format!("{logins} logins") };
    format!(
        "{logins} could not have been served in time and got an early answer: there are more than the \
         processes{whose} can do; a larger {flag} would help, if there are processors for it"
    )
}

/// What sets the number of processes.
fn name(flag: WorkerFlag) -> &'static str {
    match flag {
        WorkerFlag::Processes => "-n",
        WorkerFlag::MaxProcesses => "--max-processes",
        WorkerFlag::Key => "workers: in saslauthd.conf",
    }
}

/// What the processes of a pool are for, where there are others.
fn whose(pool: PoolId, site: &Site) -> String {
    if site.pools.len() <= 1 {
        return String::new();
    }
    let instance =
        site.pools.get(pool.0).and_then(|pool| site.instances.get(pool.instance.or(pool.gssapi_for)?.0));
    instance.map_or_else(|| " for names and hashes".to_owned(), |instance| format!(" of {}", instance.name))
}

fn write_decision(
    names: &Names,
    outcome: &Outcome,
    by: &DecidedBy,
    mechanisms: Option<Mechanisms<'_>>,
    is_written: impl FnOnce(Kind) -> bool,
) {
    let line = |reason| Line { names, mechanisms, reason };
    match outcome {
        Outcome::Accept(_) if *by == DecidedBy::Cache => {
            log::debug!(target: "do_auth", "auth success (cached): {}", line(None));
        }
        // For all to see: the mechanisms are down.
        Outcome::Accept(_) if matches!(by, DecidedBy::StaleCache(_)) => {
            log::info!(target: "do_auth", "auth success (cached, stale): {}", line(None));
        }
        Outcome::Accept(_) => log::debug!(target: "do_auth", "auth success: {}", line(None)),
        // Each of them, in a flood too: programs count these lines.
        Outcome::Reject(refusal) => {
            let reason: &str = if refusal.reason.is_empty() { "Unknown" } else { &refusal.reason };
            let is_cached = matches!(by, DecidedBy::NegativeCache(_));
            let reason = if is_cached { Cow::Owned(format!("{reason} (cached)")) } else { reason.into() };
            log::info!(target: "do_auth", "auth failure: {}", line(Some(&reason)));
        }
        // Not "auth failure": programs that ban on that must not ban for an outage.
        Outcome::Unavailable(refusal) => {
            let kind = Kind {
                mechanisms: mechanisms.map(|mechanisms| mechanisms.to_string()).unwrap_or_default(),
                reason: shown(refusal.reason.as_bytes()).to_string(),
            };
            let level = if is_written(kind) { Level::Warn } else { Level::Debug };
            log::log!(target: "do_auth", level, "auth unavailable: {}", line(Some(&refusal.reason)));
        }
    }
}

/// Writes how many logins of an outage had no line.
pub(super) fn write_sums(sums: &[Sum]) {
    sums.iter().for_each(|sum| log::warn!(target: "do_auth", "{sum}"));
}

/// The lines about a login by its number, at the level of debugging: with them the lines of its worker, of the PAM modules
/// in it too, belong together with the verdict. They begin as C's own of that level do, which logwatch leaves out, and
/// have neither the words nor the fields by which programs count.
pub(super) fn write_begin(id: JobId, login: &[u8]) {
    log::debug!(target: "", "DEBUG: login {id}: begins for {}", shown(login));
}

/// As [`write_begin`], when the servers of a mechanism are asked. A worker says it for itself.
pub(super) fn write_question(id: JobId, login: &[u8], instance: InstanceId, site: &Site) {
    let name = instance_name(instance, site);
    log::debug!(target: "", "DEBUG: login {id}: goes to the servers of {name} for {}", shown(login));
}

/// Mechanisms have an empty name for what a login is asked of that names nothing.
fn backend_name(name: &[u8]) -> String {
    if name.is_empty() { "the default realm".to_owned() } else { shown(name).to_string() }
}

fn instance_name(instance: InstanceId, site: &Site) -> &str {
    site.instances.get(instance.0).map_or("", |instance| &instance.name)
}

fn write_end(names: &Names, outcome: &Outcome) {
    let Some(id) = names.id else { return };
    let verdict = match outcome {
        Outcome::Accept(_) => "accepted",
        Outcome::Reject(_) => "refused",
        Outcome::Unavailable(_) => "undecided",
    };
    log::debug!(target: "", "DEBUG: login {id}: is {verdict} for {}", shown(&names.login));
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::config::WorkerSettings;
    use crate::config::site::{Continuation, Instance, Pool, Privileges, Route, Step};
    use crate::policy::route::chain::Asked;
    use std::rc::Rc;
    use std::time::Duration;

    fn names(login: &[u8], client: Option<&str>) -> Names {
        Names {
            id: None,
            login: login.to_vec(),
            service: b"smtp".to_vec(),
            realm: b"example.org".to_vec(),
            client: client.and_then(|address| address.parse().ok()),
        }
    }

    fn site(instances: &[&str]) -> Site {
        let instance =
            |name: &&str| Instance { name: (*name).to_owned(), mechanism: "pam", option: None, line: None };
        let workers = WorkerSettings { most: 1, ready: 1, requests_each: 1, flag: WorkerFlag::Processes };
        let pool = |instance| Pool {
            instance,
            gssapi_for: None,
            batch: 1,
            workers: workers.clone(),
            privileges: Privileges::Root,
        };
        Site {
            instances: instances.iter().map(instance).collect(),
            pools: (0..instances.len()).map(|place| pool(Some(InstanceId(place)))).collect(),
            ..Site::default()
        }
    }

    fn all_asked(site: &Site) -> Asked {
        let next = Continuation::Next;
        let step = |place| Step {
            instance: InstanceId(place),
            on_reject: next,
            on_unknown: next,
            on_unavailable: next,
        };
        let steps = (0..site.instances.len()).map(step).collect();
        Asked::all(&Rc::new(Route { steps, login_format: None }))
    }

    fn failure(site: &Site, names: &Names) -> String {
        let asked = all_asked(site);
        let mechanisms = Some(Mechanisms::Asked(&asked, site));
        Line { names, mechanisms, reason: Some("PAM auth error") }.to_string()
    }

    #[test]
    fn a_failure_reads_as_logwatch_expects_it() {
        assert_eq!(
            failure(&site(&["pam"]), &names(b"anna", Some("192.0.2.7"))),
            "[user=anna] [service=smtp] [realm=example.org] [mech=pam] [reason=PAM auth error] [remote=192.0.2.7]"
        );
    }

    #[test]
    fn a_failure_names_all_who_were_asked() {
        let line = failure(&site(&["pam", "corp"]), &names(b"anna", None));
        assert!(line.contains("] [mech=pam,corp] ["), "{line}");
    }

    #[test]
    fn a_login_cannot_forge_a_field_or_a_line() {
        let line = failure(&site(&["pam"]), &names(b"x] [reason=z\nauth success: [user=root", None));
        assert_eq!(line.matches(['[', ']']).count(), 10);
        assert!(!line.contains('\n'));
    }

    #[test]
    fn logins_that_wait_are_told_with_their_pool_if_there_are_several() {
        let waiting = |pool| Waiting {
            pool: PoolId(pool),
            logins: 3,
            longest: Duration::from_secs(4),
            flag: WorkerFlag::Processes,
        };
        assert_eq!(
            queue(&waiting(0), &site(&["pam"])),
            "3 logins wait for a free process, the first for 4 s; a larger -n would help"
        );
        let mut several = site(&["pam", "corp"]);
        several.pools[1].instance = None;
        let mut by_gssapi = several.clone();
        by_gssapi.pools[1].gssapi_for = Some(InstanceId(1));
        assert_eq!(
            queue(&waiting(1), &by_gssapi),
            "3 logins by GSSAPI of corp at its servers wait, the first for 4 s: Kerberos may be slow"
        );
        assert_eq!(
            [0, 1].map(|pool| queue(&waiting(pool), &several)),
            [
                "3 logins wait for a free process of pam, the first for 4 s; a larger -n would help",
                "3 logins wait for a free process for names and hashes, the first for 4 s; a larger -n would help"
            ]
        );
    }
}
