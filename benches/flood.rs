//! One measurement: as many logins as a server answers, and what they cost it.

use std::time::Duration;

use crate::Fallible;
use crate::load::{Generator, Run, Until};
use crate::process::Memory;
use crate::report::{Findings, Row};
use crate::server::Server;

/// Measures a server under a generator that has warmed it.
///
/// Clients stay busy across both ends, so CPU time and replies belong to the same steady state.
pub(crate) fn measure(
    server: &Server,
    generator: &mut Generator,
    until: Until,
    what: &str,
    findings: &mut Findings,
) -> Fallible<Row> {
    let before = server.cpu();
    let run = generator.run(until)?;
    let cpu = server.cpu().saturating_sub(before);
    findings.check(what, &run);
    Ok(row(&run, cpu, server.memory()))
}

/// A run of one group, and what it cost the server.
pub(crate) fn row(run: &Run, cpu: Duration, memory: Memory) -> Row {
    let latencies = run.samples.first().map(|sample| sample.latencies.as_slice()).unwrap_or_default();
    let replies = run.replies().max(1) as f64;
    Row {
        rate: replies / run.elapsed.as_secs_f64(),
        p50: microseconds(percentile(latencies, 50)),
        p99: microseconds(percentile(latencies, 99)),
        cpu: microseconds(cpu) / replies,
        generator: 100.0 * run.generator.as_secs_f64() / run.elapsed.as_secs_f64(),
        pss: memory.pss as f64 / 1024.0,
    }
}

/// The value below which this many per cent of the sorted values lie (nearest rank).
pub(crate) fn percentile(sorted: &[Duration], per_cent: usize) -> Duration {
    let rank = (sorted.len() * per_cent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

fn microseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
