//! Counters between frontends and supervisor. What a frontend says is believed within bounds only: it may be in the hands of
//! somebody else.
#![forbid(unsafe_code)]

use super::codec::{Malformed, Reader, Writer};
use crate::metrics::daemon::Daemon;
use crate::metrics::histogram::Histogram;
use crate::metrics::ledger::label;
use crate::metrics::reasons::{ClientRefusal, InvalidReason, WorkerDeath};
use crate::metrics::totals::{Penalties, PolicyTotals, Reloads, ServerTotals, Totals, Verdicts};
use std::collections::BTreeMap;

/// How many mechanisms, and how many servers, a message can name; see [`Totals::into_parts`].
pub const MOST_NAMES: usize = 16;

pub(super) fn write_totals(writer: Writer, totals: &Totals) -> Writer {
    let writer = write_all(writer, &totals.mechanisms, |writer, name, verdicts| {
        let Verdicts { accept, reject, unavailable } = verdicts;
        writer.string(name.as_bytes()).number(*accept).number(*reject).number(*unavailable)
    });
    let writer = write_all(writer, &totals.servers, |writer, (instance, server), counts| {
        let writer = writer.string(instance.as_bytes()).string(server.as_bytes());
        writer.number(counts.answered).number(counts.failed)
    });
    let reasons = [&totals.clients_refused, &totals.invalid_requests, &totals.worker_deaths];
    let writer = reasons.into_iter().fold(writer, |writer, reasons| {
        write_all(writer, reasons, |writer, word, count| writer.string(word.as_bytes()).number(*count))
    });
    let writer = [&totals.durations, &totals.waits].into_iter().fold(writer, write_histogram);
    let policy = &totals.policy;
    let asked = [policy.allowed, policy.delayed, policy.refused, policy.failed, policy.skipped];
    let writer = asked.into_iter().chain([policy.reported, policy.dropped]).fold(writer, Writer::number);
    writer
        .number(totals.cache_hits)
        .number(totals.cache_misses)
        .number(totals.cache_flushed)
        .number(totals.stale_hits)
        .number(totals.negative_hits)
        .number(totals.negative_flushed)
        .number(totals.failures_delayed)
        .number(totals.failures_told_early)
        .number(totals.logins_shed)
        .number(totals.circuit_refusals)
        .number(totals.bulkhead_waits)
        .number(totals.reloads.succeeded)
        .number(totals.reloads.failed)
        .number(totals.log_lines_dropped)
        .number(totals.penalties.by_address)
        .number(totals.penalties.by_login)
        .number(totals.penalties.waived)
        .number(totals.penalties.logins)
}

fn write_all<K, V>(writer: Writer, all: &BTreeMap<K, V>, write: impl Fn(Writer, &K, &V) -> Writer) -> Writer {
    all.iter().fold(writer.size(all.len()), |writer, (key, value)| write(writer, key, value))
}

fn write_histogram(writer: Writer, histogram: &Histogram) -> Writer {
    histogram.buckets.iter().fold(writer, |writer, bucket| writer.number(*bucket)).number(histogram.sum)
}

pub(super) fn read_totals(reader: &mut Reader<'_>) -> Result<Totals, Malformed> {
    Ok(Totals {
        mechanisms: read_all(reader, MOST_NAMES, |reader| {
            let name = read_name(reader)?;
            let (accept, reject, unavailable) = (reader.number()?, reader.number()?, reader.number()?);
            Ok((name, Verdicts { accept, reject, unavailable }))
        })?,
        servers: read_all(reader, MOST_NAMES, |reader| {
            let names = (read_name(reader)?, read_name(reader)?);
            Ok((names, ServerTotals { answered: reader.number()?, failed: reader.number()? }))
        })?,
        clients_refused: read_reasons(reader, &ClientRefusal::WORDS)?,
        invalid_requests: read_reasons(reader, &InvalidReason::WORDS)?,
        worker_deaths: read_reasons(reader, &WorkerDeath::WORDS)?,
        durations: read_histogram(reader)?,
        waits: read_histogram(reader)?,
        policy: read_policy(reader)?,
        cache_hits: reader.number()?,
        cache_misses: reader.number()?,
        cache_flushed: reader.number()?,
        stale_hits: reader.number()?,
        negative_hits: reader.number()?,
        negative_flushed: reader.number()?,
        failures_delayed: reader.number()?,
        failures_told_early: reader.number()?,
        logins_shed: reader.number()?,
        circuit_refusals: reader.number()?,
        bulkhead_waits: reader.number()?,
        reloads: Reloads { succeeded: reader.number()?, failed: reader.number()? },
        log_lines_dropped: reader.number()?,
        penalties: Penalties {
            by_address: reader.number()?,
            by_login: reader.number()?,
            waived: reader.number()?,
            logins: reader.number()?,
        },
    })
}

fn read_policy(reader: &mut Reader<'_>) -> Result<PolicyTotals, Malformed> {
    Ok(PolicyTotals {
        allowed: reader.number()?,
        delayed: reader.number()?,
        refused: reader.number()?,
        failed: reader.number()?,
        skipped: reader.number()?,
        reported: reader.number()?,
        dropped: reader.number()?,
    })
}

/// Each key once.
fn read_all<K: Ord, V>(
    reader: &mut Reader<'_>,
    most: usize,
    read: impl Fn(&mut Reader<'_>) -> Result<(K, V), Malformed>,
) -> Result<BTreeMap<K, V>, Malformed> {
    let count = reader.size()?;
    let mut all = BTreeMap::new();
    for _ in 0..count.min(most + 1) {
        let (key, value) = read(reader)?;
        all.insert(key, value);
    }
    if all.len() == count && count <= most { Ok(all) } else { Err(Malformed) }
}

/// As [`label`] makes them.
fn read_name(reader: &mut Reader<'_>) -> Result<String, Malformed> {
    let name = reader.text()?;
    if label(&name) == name { Ok(name) } else { Err(Malformed) }
}

fn read_reasons(reader: &mut Reader<'_>, words: &[&str]) -> Result<BTreeMap<String, u64>, Malformed> {
    read_all(reader, words.len(), |reader| {
        let word = reader.text()?;
        if words.contains(&word.as_str()) { Ok((word, reader.number()?)) } else { Err(Malformed) }
    })
}

fn read_histogram(reader: &mut Reader<'_>) -> Result<Histogram, Malformed> {
    let mut histogram = Histogram::default();
    for bucket in &mut histogram.buckets {
        *bucket = reader.number()?;
    }
    histogram.sum = reader.number()?;
    Ok(histogram)
}

pub(super) fn write_daemon(writer: Writer, daemon: &Daemon) -> Writer {
    writer
        .number(u64::from(daemon.pid))
        .number(daemon.started)
        .number(daemon.configured)
        .duration(daemon.uptime)
        .size(daemon.draining)
        .flag(daemon.reload_failed)
}

pub(super) fn read_daemon(reader: &mut Reader<'_>) -> Result<Daemon, Malformed> {
    Ok(Daemon {
        pid: u32::try_from(reader.number()?).map_err(|_| Malformed)?,
        started: reader.number()?,
        configured: reader.number()?,
        uptime: reader.duration()?,
        draining: reader.size()?,
        reload_failed: reader.flag()?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]
pub(super) mod tests {
    use super::*;
    use crate::ipc::{FromFrontend, LARGEST_MESSAGE, ToFrontend};
    use crate::metrics::ledger::LONGEST_NAME;
    use crate::simulation::{Random, of_all_seeds};
    use std::time::Duration;

    /// As many names as a message can have, and of the longest.
    pub(in crate::ipc) fn largest() -> Totals {
        let name = |number: usize| format!("{number:0>LONGEST_NAME$}");
        let mut totals = Totals { cache_hits: u64::MAX, log_lines_dropped: 7, ..Totals::default() };
        for number in 0..MOST_NAMES {
            let verdicts = Verdicts { accept: 1, reject: u64::MAX, unavailable: 3 };
            totals.mechanisms.insert(name(number), verdicts);
            let counts = ServerTotals { answered: 5, failed: u64::MAX };
            totals.servers.insert((name(number), name(number)), counts);
        }
        let count = |words: &[&str]| words.iter().map(|word| ((*word).to_owned(), u64::MAX)).collect();
        totals.clients_refused = count(&ClientRefusal::WORDS);
        totals.invalid_requests = count(&InvalidReason::WORDS);
        totals.worker_deaths = count(&WorkerDeath::WORDS);
        totals.durations.record(Duration::from_secs(4));
        totals.waits.record(Duration::MAX);
        totals.reloads = Reloads { succeeded: 1, failed: 2 };
        totals.penalties = Penalties { by_address: 3, by_login: 4, waived: 5, logins: u64::MAX };
        totals
    }

    pub(in crate::ipc) fn daemon() -> Daemon {
        Daemon {
            pid: 4_194_304,
            started: 1,
            configured: 2,
            uptime: Duration::from_secs(3),
            draining: 4,
            reload_failed: true,
        }
    }

    #[test]
    fn the_largest_totals_fit_into_a_message_and_arrive_as_they_were_sent() {
        let message = FromFrontend::Totals(Box::new(largest()));
        let bytes = message.encode();
        assert!(bytes.len() <= LARGEST_MESSAGE, "{}", bytes.len());
        for length in 0..bytes.len() {
            assert_eq!(FromFrontend::decode(&bytes.as_bytes()[..length]), Err(Malformed));
        }
        assert_eq!(FromFrontend::decode(bytes.as_bytes()), Ok(message));
        let message = ToFrontend::Totals(Box::new(largest()), daemon());
        let bytes = message.encode();
        assert!(bytes.len() <= LARGEST_MESSAGE, "{}", bytes.len());
        assert_eq!(ToFrontend::decode(bytes.as_bytes()), Ok(message));
    }

    fn refused(totals: Totals) {
        let message = FromFrontend::Totals(Box::new(totals)).encode();
        assert_eq!(FromFrontend::decode(message.as_bytes()), Err(Malformed));
    }

    #[test]
    fn names_that_no_honest_frontend_sends_are_refused() {
        let one = |name: &str| BTreeMap::from([(name.to_owned(), Verdicts::default())]);
        refused(Totals { mechanisms: one("a\nsaslauthd_up 1"), ..Totals::default() });
        refused(Totals { mechanisms: one(&"x".repeat(LONGEST_NAME + 1)), ..Totals::default() });
        let mut many = largest();
        many.mechanisms.extend(one("one more"));
        refused(many);
        let mut many = largest();
        many.servers.insert(("one".to_owned(), "more".to_owned()), ServerTotals::default());
        refused(many);
        let unknown = BTreeMap::from([("anna".to_owned(), 1)]);
        refused(Totals { clients_refused: unknown.clone(), ..Totals::default() });
        refused(Totals { invalid_requests: unknown.clone(), ..Totals::default() });
        refused(Totals { worker_deaths: unknown, ..Totals::default() });
    }

    #[test]
    fn a_name_that_comes_twice_is_refused() {
        let mut message = FromFrontend::Totals(Box::new(largest())).encode();
        let (first, second) = (b"00".repeat(LONGEST_NAME / 2), format!("{:0>LONGEST_NAME$}", 1));
        let bytes = message.as_mut_bytes();
        let place = bytes.windows(LONGEST_NAME).position(|bytes| bytes == second.as_bytes()).unwrap();
        bytes[place..place + LONGEST_NAME].copy_from_slice(&first);
        assert_eq!(FromFrontend::decode(message.as_bytes()), Err(Malformed));
    }

    #[test]
    fn changed_bytes_are_refused_or_taken_for_totals_within_their_bounds() {
        of_all_seeds(|seed| {
            let mut random = Random(seed);
            let mut message = FromFrontend::Totals(Box::new(largest())).encode();
            let length = message.len() as u64;
            for _ in 0..=random.below(4) {
                let place = random.below(length) as usize;
                message.as_mut_bytes()[place] = random.below(256) as u8;
            }
            if let Ok(FromFrontend::Totals(totals)) = FromFrontend::decode(message.as_bytes()) {
                assert!(totals.mechanisms.len() <= MOST_NAMES && totals.servers.len() <= MOST_NAMES);
                assert!(totals.mechanisms.keys().all(|name| label(name) == *name));
            }
        });
    }

    #[test]
    fn totals_come_in_parts_that_fit_and_come_to_the_whole() {
        let mut whole = largest();
        for number in 0..100 {
            whole
                .mechanisms
                .insert(format!("mechanism{number}"), Verdicts { accept: 1, ..Default::default() });
            whole.servers.insert((String::new(), format!("server{number}")), ServerTotals::default());
        }
        for most in [1, 7, MOST_NAMES, 1000] {
            let parts = whole.clone().into_parts(most);
            assert!(parts.iter().all(|part| part.mechanisms.len() <= most && part.servers.len() <= most));
            let mut sum = Totals::default();
            parts.iter().for_each(|part| sum.add(part));
            assert_eq!(sum, whole);
        }
        assert_eq!(Totals::default().into_parts(16), [Totals::default()]);
    }
}
