//! JSON: one line, so that a program reads one document a line.
#![forbid(unsafe_code)]

use super::words::printable;
use crate::metrics::histogram::Histogram;
use crate::metrics::snapshot::{
    CacheNow, MechanismNow, NegativeCacheNow, OpenCircuitsNow, PenaltiesNow, PoolNow, ServerNow, ServerState,
    Snapshot,
};
use crate::metrics::totals::{PolicyTotals, Totals, Verdicts};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// An object, while it is made.
#[derive(Default)]
pub(super) struct Object(String);

impl Object {
    /// A member that is JSON already.
    pub(super) fn raw(mut self, name: &str, value: &str) -> Self {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        // Nothing fails that is written to memory.
        let _ = write!(self.0, "{}:{value}", quoted(name));
        self
    }

    pub(super) fn number(self, name: &str, value: u64) -> Self {
        self.raw(name, &value.to_string())
    }

    fn count(self, name: &str, value: usize) -> Self {
        self.raw(name, &value.to_string())
    }

    fn text(self, name: &str, value: &str) -> Self {
        self.raw(name, &quoted(&printable(value.as_bytes())))
    }

    fn seconds(self, name: &str, value: Duration) -> Self {
        self.raw(name, &value.as_secs_f64().to_string())
    }

    fn optional_seconds(self, name: &str, value: Option<Duration>) -> Self {
        match value {
            Some(value) => self.seconds(name, value),
            None => self.raw(name, "null"),
        }
    }

    pub(super) fn finish(self) -> String {
        if self.0.is_empty() { "{}".to_owned() } else { self.0 + "}" }
    }
}

/// A string.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            character if u32::from(character) < 0x20 => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// What `saslauthdctl status --json` shows.
pub fn status(snapshot: &Snapshot) -> String {
    let (logins, time) = snapshot.recent_logins;
    let recent = Object::default().number("logins", logins).seconds("seconds", time);
    Object::default()
        .text("version", &snapshot.version)
        .number("pid", snapshot.pid.into())
        .number("started", snapshot.started)
        .number("configured", snapshot.configured)
        .seconds("uptime_seconds", snapshot.uptime)
        .raw("reload_failed", if snapshot.reload_failed { "true" } else { "false" })
        .count("clients", snapshot.clients)
        .count("requests", snapshot.requests)
        .count("draining_frontends", snapshot.draining)
        .raw("recent", &durations(recent, &snapshot.recent_durations).finish())
        .raw("mechanisms", &list(snapshot.mechanisms.iter().map(mechanism)))
        .raw("pools", &list(snapshot.pools.iter().map(pool)))
        .raw("servers", &list(snapshot.servers.iter().map(|one| server(one, &snapshot.totals))))
        .raw("open_circuits", &open_circuits(&snapshot.open_circuits))
        .raw("cache", &snapshot.cache.as_ref().map_or_else(|| "null".to_owned(), cache))
        .raw(
            "negative_cache",
            &snapshot.negative_cache.as_ref().map_or_else(|| "null".to_owned(), negative_cache),
        )
        .raw("penalties", &snapshot.penalties.as_ref().map_or_else(|| "null".to_owned(), penalties))
        .raw("totals", &totals(&snapshot.totals))
        .finish()
        + "\n"
}

fn open_circuits(open: &OpenCircuitsNow) -> String {
    let named = open.named.iter();
    let named =
        named.map(|(mech, backend)| Object::default().text("mech", mech).text("backend", backend).finish());
    Object::default().raw("named", &list(named)).count("others", open.others).finish()
}

fn durations(object: Object, histogram: &Histogram) -> Object {
    object
        .optional_seconds("p50_seconds", histogram.quantile(0.5))
        .optional_seconds("p99_seconds", histogram.quantile(0.99))
}

fn mechanism(now: &MechanismNow) -> String {
    let object = Object::default().text("name", &now.name).text("type", &now.mechanism);
    durations(object, &now.recent_durations).finish()
}

fn pool(now: &PoolNow) -> String {
    let instance = now.instance.as_ref().map_or_else(|| "null".to_owned(), |name| quoted(name));
    Object::default()
        .raw("mechanism", &instance)
        .count("idle", now.idle)
        .count("busy", now.busy)
        .count("starting", now.starting)
        .count("most", now.most)
        .count("queued", now.queued)
        .seconds("longest_wait_seconds", now.longest_wait)
        .finish()
}

fn server(now: &ServerNow, totals: &Totals) -> String {
    let counted =
        totals.servers.get(&(now.instance.clone(), now.server.clone())).copied().unwrap_or_default();
    Object::default()
        .text("mechanism", &now.instance)
        .text("server", &now.server)
        .text("state", state(now.state))
        .text("reason", &now.reason)
        .count("connections", now.connections)
        .count("in_flight", now.in_flight)
        .number("answered", counted.answered)
        .number("failed", counted.failed)
        .finish()
}

/// The word for it.
pub(super) fn state(state: ServerState) -> &'static str {
    match state {
        ServerState::Up => "up",
        ServerState::Silent => "silent",
        ServerState::Down => "down",
    }
}

fn cache(now: &CacheNow) -> String {
    Object::default()
        .count("entries", now.entries)
        .count("most", now.most)
        .seconds("lifetime_seconds", now.lifetime)
        .count("bytes", now.bytes)
        .count("most_bytes", now.most_bytes)
        .finish()
}

fn negative_cache(now: &NegativeCacheNow) -> String {
    Object::default().count("entries", now.entries).seconds("lifetime_seconds", now.lifetime).finish()
}

fn penalties(now: &PenaltiesNow) -> String {
    Object::default()
        .count("addresses", now.addresses)
        .count("logins", now.logins)
        .count("answers_held", now.held)
        .finish()
}

fn totals(totals: &Totals) -> String {
    let logins = totals.mechanisms.iter().fold(Object::default(), |object, (name, verdicts)| {
        object.raw(&printable(name.as_bytes()), &verdicts_of(verdicts))
    });
    let durations = Object::default()
        .number("count", totals.durations.count())
        .seconds("sum_seconds", Duration::from_micros(totals.durations.sum));
    Object::default()
        .raw("logins", &logins.finish())
        .number("cache_hits", totals.cache_hits)
        .number("cache_misses", totals.cache_misses)
        .number("cache_flushed", totals.cache_flushed)
        .number("stale_hits", totals.stale_hits)
        .number("negative_hits", totals.negative_hits)
        .number("negative_flushed", totals.negative_flushed)
        .number("failures_delayed", totals.failures_delayed)
        .number("failures_told_early", totals.failures_told_early)
        .number("logins_shed", totals.logins_shed)
        .number("circuit_refusals", totals.circuit_refusals)
        .number("bulkhead_waits", totals.bulkhead_waits)
        .raw("durations", &durations.finish())
        .raw("policy", &policy(&totals.policy))
        .raw("clients_refused", &by_reason(&totals.clients_refused))
        .raw("invalid_requests", &by_reason(&totals.invalid_requests))
        .raw("worker_deaths", &by_reason(&totals.worker_deaths))
        .number("reloads_succeeded", totals.reloads.succeeded)
        .number("reloads_failed", totals.reloads.failed)
        .number("penalties_by_address", totals.penalties.by_address)
        .number("penalties_by_login", totals.penalties.by_login)
        .number("penalties_waived", totals.penalties.waived)
        .number("many_failures", totals.penalties.logins)
        .number("log_lines_dropped", totals.log_lines_dropped)
        .finish()
}

fn policy(counted: &PolicyTotals) -> String {
    Object::default()
        .number("allowed", counted.allowed)
        .number("delayed", counted.delayed)
        .number("refused", counted.refused)
        .number("failed", counted.failed)
        .number("skipped", counted.skipped)
        .number("reported", counted.reported)
        .number("dropped", counted.dropped)
        .finish()
}

fn verdicts_of(verdicts: &Verdicts) -> String {
    Object::default()
        .number("accept", verdicts.accept)
        .number("reject", verdicts.reject)
        .number("unavailable", verdicts.unavailable)
        .finish()
}

fn by_reason(counted: &BTreeMap<String, u64>) -> String {
    counted.iter().fold(Object::default(), |object, (reason, number)| object.number(reason, *number)).finish()
}

#[cfg(test)]
mod tests {
    use super::super::testing::snapshot;
    use super::*;

    #[test]
    fn a_string_is_quoted() {
        assert_eq!(quoted("a\"b\\c\nd"), "\"a\\\"b\\\\c\\u000ad\"");
        assert_eq!(Object::default().finish(), "{}");
    }

    #[test]
    fn the_status_is_one_line_with_all_that_is_known() {
        let text = status(&snapshot());
        assert_eq!(text.matches('\n').count(), 1);
        for part in [
            "{\"version\":\"0.1.0 abc1234\",\"pid\":4711,\"started\":1700000000,",
            "\"recent\":{\"logins\":150,\"seconds\":60,\"p50_seconds\":",
            "{\"name\":\"ldap\",\"type\":\"ldap\",\"p50_seconds\":null,\"p99_seconds\":null}",
            "{\"mechanism\":null,\"idle\":1,\"busy\":0,",
            "\"state\":\"down\",\"reason\":\"Connection refused\",\"connections\":0,\"in_flight\":0,\"answered\":5,\"failed\":9}",
            "\"cache\":{\"entries\":1234,\"most\":51200,\"lifetime_seconds\":28800,\"bytes\":157952,\"most_bytes\":6553600}",
            "\"logins\":{\"\":{\"accept\":0,\"reject\":0,\"unavailable\":2},\"ldap\":{",
            "\"worker_deaths\":{\"crash\":1}",
            "\"open_circuits\":{\"named\":[{\"mech\":\"kerberos5\",\"backend\":\"\"},{\"mech\":\"kerberos5\",\"backend\":\"B.EXAMPLE\"}],\"others\":3}",
            "\"circuit_refusals\":31,\"bulkhead_waits\":1",
            "\"penalties\":{\"addresses\":2,\"logins\":1,\"answers_held\":5}",
            "\"penalties_by_address\":40,\"penalties_by_login\":8,\"penalties_waived\":3,\"many_failures\":1",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        assert!(status(&Snapshot::default()).contains("\"cache\":null"));
    }
}
