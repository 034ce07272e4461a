//! The metrics as Prometheus reads them: its text format 0.0.4, which every collector takes. Labels are the site's own
//! names and fixed words, never a login or client address, and a realm only while its servers are silent: 16 of these at the most.
#![forbid(unsafe_code)]

use crate::metrics::histogram::{BOUNDS, Histogram};
use crate::metrics::reasons::{ClientRefusal, InvalidReason, WorkerDeath};
use crate::metrics::snapshot::{OpenCircuitsNow, PoolNow, ServerState, Snapshot};
use crate::metrics::totals::{PolicyTotals, Totals};
use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::time::Duration;

/// What a metric is.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Name, kind, and what it says: all there are, in the order of the text.
const FAMILIES: [(&str, Kind, &str); 49] = [
    ("build_info", Kind::Gauge, "Version of the daemon; always 1."),
    ("start_time_seconds", Kind::Gauge, "When the daemon was started, since the epoch."),
    (
        "config_last_reload_success_timestamp_seconds",
        Kind::Gauge,
        "When the configuration in use was read, since the epoch.",
    ),
    (
        "config_last_reload_successful",
        Kind::Gauge,
        "Whether the last reload was taken into use; 1 without any.",
    ),
    ("reloads_total", Kind::Counter, "Reloads, by result."),
    ("draining_frontends", Kind::Gauge, "Frontends of before a reload that still answer requests."),
    (
        "logins_total",
        Kind::Counter,
        "Logins by the mechanism that decided and by outcome; without a mechanism those from the cache and those for which nobody could be asked.",
    ),
    ("login_duration_seconds", Kind::Histogram, "From a whole request to its answer."),
    (
        "logins_waiting_seconds",
        Kind::Histogram,
        "From the wish for a worker to the moment that one took the job.",
    ),
    ("clients", Kind::Gauge, "Open connections of clients."),
    (
        "clients_refused_total",
        Kind::Counter,
        "Connections that were closed without an answer on purpose, by reason.",
    ),
    ("requests_open", Kind::Gauge, "Requests without an answer."),
    ("requests_invalid_total", Kind::Counter, "Requests that were not understood, by reason."),
    ("workers", Kind::Gauge, "Worker processes by pool and state."),
    ("workers_limit", Kind::Gauge, "How many worker processes there may be."),
    ("worker_deaths_total", Kind::Counter, "Worker processes that ended without being told to, by reason."),
    ("queue_length", Kind::Gauge, "Jobs that wait for a worker."),
    ("queue_wait_seconds", Kind::Gauge, "How long the first of them waits."),
    ("server_up", Kind::Gauge, "Whether the server answers, as far as is known."),
    ("server_requests_total", Kind::Counter, "Questions to the server, by result."),
    ("server_connections", Kind::Gauge, "Open connections to the server."),
    ("server_requests_open", Kind::Gauge, "Questions that the server has not answered yet."),
    (
        "open_circuits",
        Kind::Gauge,
        "Backends of mechanisms that block which answer nobody and are left alone, such as realms of kerberos5; none without one.",
    ),
    ("circuit_refusals_total", Kind::Counter, "Logins that were not asked of such a backend."),
    (
        "bulkhead_waits_total",
        Kind::Counter,
        "Logins that had to wait until their backend left a worker to others.",
    ),
    ("policy_requests_total", Kind::Counter, "Logins that were to be put to the policy server, by result."),
    ("policy_reports_total", Kind::Counter, "Reports to the policy server, by result."),
    ("cache_entries", Kind::Gauge, "Logins that the cache remembers."),
    ("cache_entries_limit", Kind::Gauge, "How many it can remember."),
    ("cache_bytes", Kind::Gauge, "What they take."),
    ("cache_bytes_limit", Kind::Gauge, "What they may take (-s)."),
    ("cache_lookups_total", Kind::Counter, "Requests that the cache was asked about, by result."),
    ("cache_flushed_total", Kind::Counter, "Logins that were flushed by hand."),
    (
        "cache_stale_hits_total",
        Kind::Counter,
        "Logins that were accepted by an expired entry while no mechanism could be asked.",
    ),
    ("negative_cache_entries", Kind::Gauge, "Refusals that the negative cache remembers."),
    ("negative_cache_hits_total", Kind::Counter, "Logins that the negative cache refused."),
    ("negative_cache_flushed_total", Kind::Counter, "Refusals that were flushed by hand."),
    (
        "logins_shed_total",
        Kind::Counter,
        "Logins that were told early that they would not be served in time.",
    ),
    ("failures_delayed_total", Kind::Counter, "Failures whose answer was held back."),
    (
        "failures_told_early_total",
        Kind::Counter,
        "Failures whose answer was not held back as long as it should be, since others wanted their places.",
    ),
    ("penalties_total", Kind::Counter, "Refusals that were held back for a penalty, by whose it was."),
    (
        "penalties_waived_total",
        Kind::Counter,
        "Refusals that were not held back for a penalty, since too many were already.",
    ),
    (
        "many_failures_total",
        Kind::Counter,
        "How often the log was told of many different wrong passwords for one login.",
    ),
    ("penalty_addresses", Kind::Gauge, "Client addresses that have a penalty."),
    ("penalty_logins", Kind::Gauge, "Logins that have a penalty."),
    ("penalty_answers_held", Kind::Gauge, "Refusals that are held back for a penalty."),
    ("log_lines_dropped_total", Kind::Counter, "Log lines that could not be delivered."),
    ("recent_logins", Kind::Gauge, "Logins that were decided in the last minute or so."),
    ("recent_seconds", Kind::Gauge, "How long that minute was."),
];

/// The names of all metrics, without what a histogram puts behind its own.
#[allow(clippy::indexing_slicing, reason = "the compiler computes it")]
pub const NAMES: [&str; FAMILIES.len()] = {
    let mut names = [""; FAMILIES.len()];
    let mut place = 0;
    while place < FAMILIES.len() {
        names[place] = FAMILIES[place].0;
        place += 1;
    }
    names
};

/// What `saslauthdctl metrics` shows.
pub fn text(snapshot: &Snapshot) -> String {
    let mut text = String::with_capacity(8192);
    for (name, kind, help) in FAMILIES {
        let kind_word = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // Nothing fails that is written to memory.
        let _ = write!(text, "# HELP saslauthd_{name} {help}\n# TYPE saslauthd_{name} {kind_word}\n");
        write_samples(&mut Samples { text: &mut text, name }, snapshot);
    }
    text
}

fn write_samples(samples: &mut Samples<'_>, snapshot: &Snapshot) {
    let totals = &snapshot.totals;
    match samples.name {
        "build_info" => {
            let (version, commit) = snapshot.version.split_once(' ').unwrap_or((&snapshot.version, ""));
            samples.add(&[("version", version), ("commit", commit)], 1);
        }
        "start_time_seconds" => samples.add(&[], snapshot.started),
        "config_last_reload_success_timestamp_seconds" => samples.add(&[], snapshot.configured),
        "config_last_reload_successful" => samples.add(&[], u8::from(!snapshot.reload_failed)),
        "reloads_total" => {
            samples.add(&[("result", "success")], totals.reloads.succeeded);
            samples.add(&[("result", "failure")], totals.reloads.failed);
        }
        "draining_frontends" => samples.add(&[], snapshot.draining),
        "logins_total" => write_logins(samples, totals),
        "login_duration_seconds" => samples.add_histogram(&totals.durations),
        "logins_waiting_seconds" => samples.add_histogram(&totals.waits),
        "clients" => samples.add(&[], snapshot.clients),
        "clients_refused_total" => samples.add_by_reason(&totals.clients_refused, &ClientRefusal::WORDS),
        "requests_open" => samples.add(&[], snapshot.requests),
        "requests_invalid_total" => samples.add_by_reason(&totals.invalid_requests, &InvalidReason::WORDS),
        "worker_deaths_total" => samples.add_by_reason(&totals.worker_deaths, &WorkerDeath::WORDS),
        "workers" | "workers_limit" | "queue_length" | "queue_wait_seconds" => {
            snapshot.pools.iter().for_each(|pool| write_pool(samples, pool));
        }
        "server_requests_total" => {
            for ((mechanism, server), counted) in &totals.servers {
                let labels =
                    |result| [("mech", mechanism.as_str()), ("server", server.as_str()), ("result", result)];
                samples.add(&labels("answered"), counted.answered);
                samples.add(&labels("failed"), counted.failed);
            }
        }
        "server_up" | "server_connections" | "server_requests_open" => write_servers(samples, snapshot),
        "open_circuits" => write_open_circuits(samples, &snapshot.open_circuits),
        "circuit_refusals_total" => samples.add(&[], totals.circuit_refusals),
        "bulkhead_waits_total" => samples.add(&[], totals.bulkhead_waits),
        "policy_requests_total" | "policy_reports_total" => write_policy(samples, &totals.policy),
        "cache_entries" => snapshot.cache.iter().for_each(|cache| samples.add(&[], cache.entries)),
        "cache_entries_limit" => snapshot.cache.iter().for_each(|cache| samples.add(&[], cache.most)),
        "cache_bytes" => snapshot.cache.iter().for_each(|cache| samples.add(&[], cache.bytes)),
        "cache_bytes_limit" => snapshot.cache.iter().for_each(|cache| samples.add(&[], cache.most_bytes)),
        "cache_lookups_total" => {
            samples.add(&[("result", "hit")], totals.cache_hits);
            samples.add(&[("result", "miss")], totals.cache_misses);
        }
        "cache_flushed_total" => samples.add(&[], totals.cache_flushed),
        "cache_stale_hits_total" => samples.add(&[], totals.stale_hits),
        "negative_cache_entries" => {
            snapshot.negative_cache.iter().for_each(|cache| samples.add(&[], cache.entries));
        }
        "negative_cache_hits_total" => samples.add(&[], totals.negative_hits),
        "negative_cache_flushed_total" => samples.add(&[], totals.negative_flushed),
        "logins_shed_total" => samples.add(&[], totals.logins_shed),
        "failures_delayed_total" => samples.add(&[], totals.failures_delayed),
        "failures_told_early_total" => samples.add(&[], totals.failures_told_early),
        "penalties_total" => {
            samples.add(&[("by", "address")], totals.penalties.by_address);
            samples.add(&[("by", "login")], totals.penalties.by_login);
        }
        "penalties_waived_total" => samples.add(&[], totals.penalties.waived),
        "many_failures_total" => samples.add(&[], totals.penalties.logins),
        "penalty_addresses" => snapshot.penalties.iter().for_each(|now| samples.add(&[], now.addresses)),
        "penalty_logins" => snapshot.penalties.iter().for_each(|now| samples.add(&[], now.logins)),
        "penalty_answers_held" => snapshot.penalties.iter().for_each(|now| samples.add(&[], now.held)),
        "log_lines_dropped_total" => samples.add(&[], totals.log_lines_dropped),
        "recent_logins" => samples.add(&[], snapshot.recent_logins.0),
        "recent_seconds" => samples.add(&[], snapshot.recent_logins.1.as_secs_f64()),
        _ => {}
    }
}

/// All of them together are all logins.
fn write_logins(samples: &mut Samples<'_>, totals: &Totals) {
    let mut mechanisms = totals.mechanisms.clone();
    let unasked = mechanisms.entry(String::new()).or_default();
    unasked.accept = unasked.accept.saturating_add(totals.cache_hits).saturating_add(totals.stale_hits);
    unasked.reject = unasked.reject.saturating_add(totals.negative_hits);
    for (name, verdicts) in &mechanisms {
        for (outcome, number) in
            [("accept", verdicts.accept), ("reject", verdicts.reject), ("unavailable", verdicts.unavailable)]
        {
            samples.add(&[("mech", name), ("outcome", outcome)], number);
        }
    }
}

/// Few by name, whatever clients ask for.
fn write_open_circuits(samples: &mut Samples<'_>, open: &OpenCircuitsNow) {
    for (mechanism, backend) in &open.named {
        samples.add(&[("mech", mechanism), ("backend", backend)], 1);
    }
    if open.others > 0 {
        samples.add(&[("mech", ""), ("backend", "(others)")], open.others);
    }
}

fn write_policy(samples: &mut Samples<'_>, policy: &PolicyTotals) {
    let requests = [
        ("allowed", policy.allowed),
        ("delayed", policy.delayed),
        ("refused", policy.refused),
        ("failed", policy.failed),
        ("skipped", policy.skipped),
    ];
    let reports = [("told", policy.reported), ("dropped", policy.dropped)];
    let counted = if samples.name == "policy_requests_total" { requests.as_slice() } else { &reports };
    counted.iter().for_each(|(result, number)| samples.add(&[("result", result)], number));
}

fn write_pool(samples: &mut Samples<'_>, pool: &PoolNow) {
    let name = pool.instance.as_deref().unwrap_or_default();
    let label = ("mech", name);
    match samples.name {
        "workers" => {
            for (state, number) in [("idle", pool.idle), ("busy", pool.busy), ("starting", pool.starting)] {
                samples.add(&[label, ("state", state)], number);
            }
        }
        "workers_limit" => samples.add(&[label], pool.most),
        "queue_length" => samples.add(&[label], pool.queued),
        _ => samples.add(&[label], pool.longest_wait.as_secs_f64()),
    }
}

fn write_servers(samples: &mut Samples<'_>, snapshot: &Snapshot) {
    for server in &snapshot.servers {
        let labels = [("mech", server.instance.as_str()), ("server", server.server.as_str())];
        match samples.name {
            "server_up" => samples.add(&labels, u8::from(server.state == ServerState::Up)),
            "server_connections" => samples.add(&labels, server.connections),
            _ => samples.add(&labels, server.in_flight),
        }
    }
}

/// The lines of one metric.
struct Samples<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Samples<'_> {
    fn add(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.add_part("", labels, value);
    }

    fn add_part(&mut self, part: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.text, "saslauthd_{}{part}{labels} {value}", self.name);
    }

    /// All reasons that there are, since a counter that appears with its first event shows no increase by it.
    fn add_by_reason(&mut self, counted: &BTreeMap<String, u64>, reasons: &[&str]) {
        let others = counted.keys().map(String::as_str).filter(|reason| !reasons.contains(reason));
        for reason in reasons.iter().copied().chain(others) {
            self.add(&[("reason", reason)], counted.get(reason).copied().unwrap_or_default());
        }
    }

    fn add_histogram(&mut self, histogram: &Histogram) {
        let seconds = |microseconds| Duration::from_micros(microseconds).as_secs_f64();
        let bounds = BOUNDS.map(|bound| seconds(bound).to_string()).into_iter().chain(["+Inf".to_owned()]);
        let mut so_far = 0_u64;
        for (bound, number) in bounds.zip(histogram.buckets) {
            so_far = so_far.saturating_add(number);
            self.add_part("_bucket", &[("le", &bound)], so_far);
        }
        self.add_part("_sum", &[], seconds(histogram.sum));
        self.add_part("_count", &[], so_far);
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::super::testing::snapshot;
    use super::*;

    #[test]
    fn every_number_is_there_under_its_labels() {
        let text = text(&snapshot());
        for line in [
            "# TYPE saslauthd_logins_total counter",
            "saslauthd_build_info{version=\"0.1.0\",commit=\"abc1234\"} 1",
            "saslauthd_start_time_seconds 1700000000",
            "saslauthd_reloads_total{result=\"failure\"} 1",
            "saslauthd_logins_total{mech=\"pam\",outcome=\"accept\"} 1234567",
            "saslauthd_logins_total{mech=\"\",outcome=\"accept\"} 9002",
            "saslauthd_logins_total{mech=\"\",outcome=\"reject\"} 50",
            "saslauthd_cache_stale_hits_total 2",
            "saslauthd_negative_cache_entries 12",
            "saslauthd_negative_cache_hits_total 50",
            "saslauthd_failures_delayed_total 8000",
            "saslauthd_failures_told_early_total 20",
            "saslauthd_logins_shed_total 6",
            "saslauthd_open_circuits{mech=\"kerberos5\",backend=\"B.EXAMPLE\"} 1",
            "saslauthd_open_circuits{mech=\"\",backend=\"(others)\"} 3",
            "saslauthd_circuit_refusals_total 31",
            "saslauthd_bulkhead_waits_total 1",
            "saslauthd_login_duration_seconds_bucket{le=\"0.0001\"} 0",
            "saslauthd_login_duration_seconds_bucket{le=\"0.005\"} 99",
            "saslauthd_login_duration_seconds_bucket{le=\"+Inf\"} 100",
            "saslauthd_login_duration_seconds_sum 2.396",
            "saslauthd_login_duration_seconds_count 100",
            "saslauthd_workers{mech=\"pam\",state=\"busy\"} 3",
            "saslauthd_queue_wait_seconds{mech=\"pam\"} 1.5",
            "saslauthd_server_up{mech=\"ldap\",server=\"ldap3.example.org:389\"} 0",
            "saslauthd_server_requests_total{mech=\"ldap\",server=\"ldap2.example.org:389\",result=\"failed\"} 9",
            "saslauthd_cache_lookups_total{result=\"hit\"} 9000",
            "saslauthd_penalties_total{by=\"login\"} 8",
            "saslauthd_penalty_answers_held 5",
            "saslauthd_policy_requests_total{result=\"refused\"} 12",
            "saslauthd_policy_reports_total{result=\"dropped\"} 1",
            "saslauthd_worker_deaths_total{reason=\"crash\"} 1",
            "saslauthd_worker_deaths_total{reason=\"killed\"} 0",
            "saslauthd_recent_seconds 60",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }

    /// A name without lines is one that the function above does not know.
    #[test]
    fn every_metric_has_lines() {
        let text = text(&snapshot());
        for name in NAMES {
            let has_lines = text.lines().any(|line| {
                line.strip_prefix("saslauthd_")
                    .and_then(|line| line.strip_prefix(name))
                    .is_some_and(|rest| rest.starts_with([' ', '{']) || rest.starts_with("_bucket"))
            });
            assert!(has_lines, "{name}");
        }
    }

    #[test]
    fn a_name_breaks_out_of_no_label() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
