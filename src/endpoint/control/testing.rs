//! A daemon of which everything can be told.
#![forbid(unsafe_code)]

use crate::metrics::histogram::Histogram;
use crate::metrics::snapshot::{
    CacheNow, MechanismNow, NegativeCacheNow, OpenCircuitsNow, PenaltiesNow, PoolNow, ServerNow, ServerState,
    Snapshot,
};
use crate::metrics::totals::{Penalties, PolicyTotals, Reloads, ServerTotals, Totals, Verdicts};
use std::time::Duration;

pub(super) fn snapshot() -> Snapshot {
    let mut durations = Histogram::default();
    (0..99).for_each(|_| durations.record(Duration::from_millis(4)));
    durations.record(Duration::from_secs(2));
    let mechanism = |name: &str, recent_durations| MechanismNow {
        name: name.into(),
        mechanism: name.into(),
        recent_durations,
    };
    let server = |number, state, reason: &str| ServerNow {
        instance: "ldap".into(),
        server: format!("ldap{number}.example.org:389"),
        state,
        reason: reason.into(),
        connections: if state == ServerState::Up { 3 } else { 0 },
        in_flight: usize::from(state == ServerState::Up),
    };
    Snapshot {
        version: "0.1.0 abc1234".into(),
        pid: 4711,
        started: 1_700_000_000,
        configured: 1_700_003_600,
        uptime: Duration::from_secs(273_600),
        reload_failed: true,
        totals: totals(durations.clone()),
        mechanisms: vec![mechanism("pam", durations.clone()), mechanism("ldap", Histogram::default())],
        pools: vec![
            PoolNow {
                instance: Some("pam".into()),
                idle: 2,
                busy: 3,
                starting: 0,
                most: 5,
                queued: 12,
                longest_wait: Duration::from_millis(1500),
            },
            PoolNow { instance: None, idle: 1, most: 5, ..PoolNow::default() },
        ],
        servers: vec![
            server(1, ServerState::Up, ""),
            server(2, ServerState::Down, "Connection refused"),
            server(3, ServerState::Silent, "no answer within 20 s"),
        ],
        has_policy_server: true,
        cache: Some(CacheNow {
            entries: 1234,
            most: 51_200,
            lifetime: Duration::from_secs(28_800),
            bytes: 157_952,
            most_bytes: 6_553_600,
        }),
        negative_cache: Some(NegativeCacheNow { entries: 12, lifetime: Duration::from_secs(10) }),
        open_circuits: OpenCircuitsNow {
            named: vec![
                ("kerberos5".to_owned(), String::new()),
                ("kerberos5".to_owned(), "B.EXAMPLE".to_owned()),
            ],
            others: 3,
        },
        penalties: Some(PenaltiesNow { addresses: 2, logins: 1, held: 5 }),
        clients: 17,
        requests: 15,
        draining: 1,
        recent_logins: (150, Duration::from_secs(60)),
        recent_durations: durations,
    }
}

fn totals(durations: Histogram) -> Totals {
    let one = |name: &str, number| [(name.to_owned(), number)].into();
    let key = ("ldap".to_owned(), "ldap2.example.org:389".to_owned());
    Totals {
        mechanisms: [
            (String::new(), Verdicts { accept: 0, reject: 0, unavailable: 2 }),
            ("pam".to_owned(), Verdicts { accept: 1_234_567, reject: 8901, unavailable: 12 }),
            ("ldap".to_owned(), Verdicts { accept: 40, reject: 3, unavailable: 0 }),
        ]
        .into(),
        cache_hits: 9000,
        cache_misses: 1000,
        cache_flushed: 3,
        stale_hits: 2,
        negative_hits: 50,
        negative_flushed: 1,
        failures_delayed: 8000,
        failures_told_early: 20,
        logins_shed: 6,
        circuit_refusals: 31,
        bulkhead_waits: 1,
        durations: durations.clone(),
        waits: durations,
        clients_refused: one("too_many", 4),
        invalid_requests: one("too_long", 5),
        worker_deaths: one("crash", 1),
        servers: [(key, ServerTotals { answered: 5, failed: 9 })].into(),
        policy: PolicyTotals {
            allowed: 70,
            delayed: 4,
            refused: 12,
            failed: 3,
            skipped: 2,
            reported: 85,
            dropped: 1,
        },
        reloads: Reloads { succeeded: 2, failed: 1 },
        penalties: Penalties { by_address: 40, by_login: 8, waived: 3, logins: 1 },
        log_lines_dropped: 7,
    }
}
