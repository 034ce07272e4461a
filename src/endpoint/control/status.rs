//! The status as people read it, in 80 columns unless a name is very long.
#![forbid(unsafe_code)]

use super::json::state;
use super::words::{count, grouped, long, printable, short};
use crate::metrics::histogram::Histogram;
use crate::metrics::snapshot::{OpenCircuitsNow, PenaltiesNow, PoolNow, Snapshot};
use crate::metrics::totals::{PolicyTotals, Totals, Verdicts};
use std::collections::BTreeMap;
use std::time::Duration;

/// The column of names.
const NAMES: usize = 20;

/// What `saslauthdctl status` shows.
pub fn table(snapshot: &Snapshot) -> String {
    let parts = [
        daemon(snapshot),
        logins(snapshot),
        pools(&snapshot.pools),
        servers(snapshot),
        open_circuits(&snapshot.open_circuits),
        policy(snapshot),
        cache(snapshot),
        negative_cache(snapshot),
        penalties(snapshot),
        troubles(&snapshot.totals),
    ];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n")
}

fn daemon(snapshot: &Snapshot) -> String {
    let Snapshot { version, pid, uptime, totals, .. } = snapshot;
    let reloads = totals.reloads;
    let age = (snapshot.started + uptime.as_secs()).saturating_sub(snapshot.configured);
    let refused = match reloads.failed {
        0 => String::new(),
        failed => format!(", {} refused", grouped(failed)),
    };
    let mut text = format!(
        "saslauthd {version}, process {pid}, up {}\n\
         configuration read {} ago, {}{refused}\n\
         {}, {} without an answer\n",
        long(*uptime),
        long(Duration::from_secs(age)),
        count_of(reloads.succeeded, "reload", "reloads"),
        count(snapshot.clients, "connection", "connections"),
        count(snapshot.requests, "request", "requests"),
    );
    if snapshot.reload_failed {
        text += "the last reload was refused: the files are not what is in use (see the log)\n";
    }
    if snapshot.draining > 0 {
        let draining = count(snapshot.draining, "frontend", "frontends");
        text += &format!("{draining} of before a reload still at work\n");
    }
    text
}

fn count_of(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

fn logins(snapshot: &Snapshot) -> String {
    let mut text = row("LOGINS", ["accepted", "refused", "unavailable", "p50", "p99"]);
    for mechanism in &snapshot.mechanisms {
        let verdicts = snapshot.totals.mechanisms.get(&mechanism.name).copied().unwrap_or_default();
        text += &verdicts_row(&mechanism.name, &verdicts, &mechanism.recent_durations);
    }
    // Those that a reload has taken away, and what was answered without asking anybody.
    for (name, verdicts) in &snapshot.totals.mechanisms {
        if !snapshot.mechanisms.iter().any(|mechanism| mechanism.name == *name) {
            let shown = if name.is_empty() { "(nobody asked)" } else { name };
            text += &verdicts_row(shown, verdicts, &Histogram::default());
        }
    }
    if snapshot.cache.is_some() || snapshot.totals.cache_hits > 0 {
        let verdicts = Verdicts { accept: snapshot.totals.cache_hits, ..Verdicts::default() };
        text += &row("(cache)", [&grouped(verdicts.accept), "", "", "", ""]);
    }
    let Totals { stale_hits, negative_hits, .. } = snapshot.totals;
    if stale_hits > 0 {
        text += &row("(expired in cache)", [&grouped(stale_hits), "", "", "", ""]);
    }
    if snapshot.negative_cache.is_some() || negative_hits > 0 {
        text += &row("(negative cache)", ["", &grouped(negative_hits), "", "", ""]);
    }
    text += &verdicts_row("all", &sum(&snapshot.totals), &snapshot.recent_durations);
    let (number, time) = snapshot.recent_logins;
    if !time.is_zero() {
        #[allow(clippy::cast_precision_loss)]
        let rate = number as f64 / time.as_secs_f64();
        let number = count_of(number, "login", "logins");
        text += &format!("{number} in the last {}: {rate:.1} a second\n", long(time));
    }
    if snapshot.totals.failures_delayed > 0 {
        let failures = count_of(snapshot.totals.failures_delayed, "failure", "failures");
        text += &format!("{failures} answered with a delay\n");
    }
    text
}

fn sum(totals: &Totals) -> Verdicts {
    let accept = totals.cache_hits.saturating_add(totals.stale_hits);
    let cached = Verdicts { accept, reject: totals.negative_hits, unavailable: 0 };
    totals.mechanisms.values().fold(cached, |sum, verdicts| Verdicts {
        accept: sum.accept.saturating_add(verdicts.accept),
        reject: sum.reject.saturating_add(verdicts.reject),
        unavailable: sum.unavailable.saturating_add(verdicts.unavailable),
    })
}

fn verdicts_row(name: &str, verdicts: &Verdicts, recent: &Histogram) -> String {
    let quantile = |part| recent.quantile(part).map_or_else(|| "-".to_owned(), short);
    let numbers = [verdicts.accept, verdicts.reject, verdicts.unavailable].map(grouped);
    let [accept, reject, unavailable] = &numbers;
    row(name, [accept, reject, unavailable, &quantile(0.5), &quantile(0.99)])
}

fn row(name: &str, columns: [&str; 5]) -> String {
    let [one, two, three, four, five] = columns;
    let name = printable(name.as_bytes());
    let line = format!("{name:<NAMES$} {one:>14} {two:>12} {three:>12} {four:>8} {five:>8}");
    format!("{}\n", line.trim_end())
}

fn pools(pools: &[PoolNow]) -> String {
    if pools.is_empty() {
        return String::new();
    }
    let mut text = pool_row("WORKERS", ["idle", "busy", "starting", "most", "waiting", "longest"]);
    for pool in pools {
        let name = pool.instance.as_deref().unwrap_or("(names, hashes)");
        let longest = if pool.queued == 0 { "-".to_owned() } else { short(pool.longest_wait) };
        let numbers = [pool.idle, pool.busy, pool.starting, pool.most, pool.queued]
            .map(|number| grouped(number as u64));
        let [idle, busy, starting, most, queued] = &numbers;
        text += &pool_row(name, [idle, busy, starting, most, queued, &longest]);
    }
    text
}

fn pool_row(name: &str, columns: [&str; 6]) -> String {
    let [one, two, three, four, five, six] = columns;
    let name = printable(name.as_bytes());
    format!("{name:<NAMES$} {one:>9} {two:>9} {three:>9} {four:>8} {five:>9} {six:>9}\n")
}

fn servers(snapshot: &Snapshot) -> String {
    if snapshot.servers.is_empty() {
        return String::new();
    }
    let mut text = server_row("SERVERS", "", "connected", "asked", "state");
    for server in &snapshot.servers {
        let reason = if server.reason.is_empty() { String::new() } else { format!(": {}", server.reason) };
        let state = format!("{}{}", state(server.state), printable(reason.as_bytes()));
        let numbers = [server.connections, server.in_flight].map(|number| grouped(number as u64));
        let [connections, in_flight] = &numbers;
        text += &server_row(&server.instance, &server.server, connections, in_flight, &state);
    }
    text
}

/// If somebody is left alone.
fn open_circuits(open: &OpenCircuitsNow) -> String {
    if open.named.is_empty() {
        return String::new();
    }
    let rows = open.named.iter().map(|(instance, backend)| {
        let backend = if backend.is_empty() { "(default)" } else { backend.as_str() };
        let (instance, backend) = (printable(instance.as_bytes()), printable(backend.as_bytes()));
        format!("{instance:<NAMES$} {backend}\n")
    });
    let others = if open.others == 0 { String::new() } else { format!("and {} others\n", open.others) };
    format!(
        "OPEN CIRCUITS        answer nobody, and are tried by one login at a time\n{}{others}",
        rows.collect::<String>()
    )
}

fn server_row(instance: &str, server: &str, connections: &str, in_flight: &str, state: &str) -> String {
    let name = format!("{instance} {server}");
    let name = printable(name.as_bytes());
    format!("{name:<36} {connections:>9} {in_flight:>6}  {state}\n")
}

fn policy(snapshot: &Snapshot) -> String {
    let PolicyTotals { allowed, delayed, refused, failed, skipped, reported, dropped } =
        snapshot.totals.policy;
    if !snapshot.has_policy_server {
        return String::new();
    }
    let [allowed, delayed, refused] = [allowed, delayed, refused].map(grouped);
    let [failed, skipped, reported, dropped] = [failed, skipped, reported, dropped].map(grouped);
    format!(
        "POLICY               {allowed} let through, {delayed} delayed, {refused} refused\n\
         {:NAMES$} {failed} without an answer, {skipped} not asked about\n\
         {:NAMES$} {reported} reports, {dropped} dropped\n",
        "", "",
    )
}

fn cache(snapshot: &Snapshot) -> String {
    let Some(cache) = snapshot.cache else { return String::new() };
    let Totals { cache_hits: hits, cache_misses: misses, cache_flushed: flushed, .. } = snapshot.totals;
    let looked_up = hits.saturating_add(misses);
    let share = hits
        .saturating_mul(100)
        .checked_div(looked_up)
        .map_or_else(String::new, |share| format!(" ({share} %)"));
    format!(
        "CACHE                {} of {} kept, each for {}\n{:NAMES$} {} of {}{share}, {} flushed\n",
        count(cache.entries, "login", "logins"),
        grouped(cache.most as u64),
        long(cache.lifetime),
        "",
        count_of(hits, "hit", "hits"),
        count_of(looked_up, "look-up", "look-ups"),
        grouped(flushed),
    )
}

fn negative_cache(snapshot: &Snapshot) -> String {
    let Some(cache) = snapshot.negative_cache else { return String::new() };
    format!(
        "NEGATIVE CACHE       {} kept, each for {}, {} flushed\n",
        count(cache.entries, "refusal", "refusals"),
        long(cache.lifetime),
        grouped(snapshot.totals.negative_flushed),
    )
}

/// If somebody has one.
fn penalties(snapshot: &Snapshot) -> String {
    let Some(now) = snapshot.penalties.filter(|now| *now != PenaltiesNow::default()) else {
        return String::new();
    };
    format!(
        "{:<NAMES$} {}, {}; {} held back\n",
        "PENALTIES",
        count(now.addresses, "address", "addresses"),
        count(now.logins, "login", "logins"),
        count(now.held, "answer", "answers"),
    )
}

/// What should not happen, if it has.
fn troubles(totals: &Totals) -> String {
    let mut text = by_reason("closed unanswered", &totals.clients_refused);
    text += &by_reason("invalid requests", &totals.invalid_requests);
    text += &by_reason("workers ended", &totals.worker_deaths);
    if totals.logins_shed > 0 {
        text += &trouble("logins shed", &grouped(totals.logins_shed));
    }
    if totals.circuit_refusals > 0 {
        text +=
            &trouble("circuit open", &count_of(totals.circuit_refusals, "login refused", "logins refused"));
    }
    if totals.bulkhead_waits > 0 {
        text += &trouble("bulkhead full", &count_of(totals.bulkhead_waits, "login waited", "logins waited"));
    }
    if totals.log_lines_dropped > 0 {
        text += &trouble("log lines lost", &grouped(totals.log_lines_dropped));
    }
    if text.is_empty() { text } else { format!("TROUBLES\n{text}") }
}

fn by_reason(what: &str, counted: &BTreeMap<String, u64>) -> String {
    let counted: Vec<_> = counted
        .iter()
        .filter(|(_, number)| **number > 0)
        .map(|(reason, number)| format!("{} {}", printable(reason.as_bytes()), grouped(*number)))
        .collect();
    if counted.is_empty() { String::new() } else { trouble(what, &counted.join(", ")) }
}

fn trouble(what: &str, numbers: &str) -> String {
    format!("{what:<NAMES$} {numbers}\n")
}

#[cfg(test)]
mod tests {
    use super::super::testing::snapshot;
    use super::*;

    #[test]
    fn the_table_of_a_busy_daemon() {
        let expected = "\
saslauthd 0.1.0 abc1234, process 4711, up 3 d 4 h
configuration read 3 d 3 h ago, 2 reloads, 1 refused
17 connections, 15 requests without an answer
the last reload was refused: the files are not what is in use (see the log)
1 frontend of before a reload still at work

LOGINS                     accepted      refused  unavailable      p50      p99
pam                       1,234,567        8,901           12   3.0 ms   5.0 ms
ldap                             40            3            0        -        -
(nobody asked)                    0            0            2        -        -
(cache)                       9,000
(expired in cache)                2
(negative cache)                              50
all                       1,243,609        8,954           14   3.0 ms   5.0 ms
150 logins in the last 1 min 0 s: 2.5 a second
8,000 failures answered with a delay

WORKERS                   idle      busy  starting     most   waiting   longest
pam                          2         3         0        5        12     1.5 s
(names, hashes)              1         0         0        5         0         -

SERVERS                              connected  asked  state
ldap ldap1.example.org:389                   3      1  up
ldap ldap2.example.org:389                   0      0  down: Connection refused
ldap ldap3.example.org:389                   0      0  silent: no answer within 20 s

OPEN CIRCUITS        answer nobody, and are tried by one login at a time
kerberos5            (default)
kerberos5            B.EXAMPLE
and 3 others

POLICY               70 let through, 4 delayed, 12 refused
                     3 without an answer, 2 not asked about
                     85 reports, 1 dropped

CACHE                1,234 logins of 51,200 kept, each for 8 h 0 min
                     9,000 hits of 10,000 look-ups (90 %), 3 flushed

NEGATIVE CACHE       12 refusals kept, each for 10 s, 1 flushed

PENALTIES            2 addresses, 1 login; 5 answers held back

TROUBLES
closed unanswered    too_many 4
invalid requests     too_long 5
workers ended        crash 1
logins shed          6
circuit open         31 logins refused
bulkhead full        1 login waited
log lines lost       7
";
        let table = table(&snapshot());
        assert_eq!(table, expected, "\n{table}");
    }

    #[test]
    fn a_daemon_that_has_just_started_has_a_short_one_without_troubles() {
        let table = table(&Snapshot { version: "0.1.0".into(), ..Snapshot::default() });
        assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
        assert!(
            !table.contains("TROUBLES") && !table.contains("SERVERS") && !table.contains("CACHE"),
            "{table}"
        );
        assert!(
            table.contains("all                               0            0            0        -        -")
        );
    }
}
