//! An outage is one event, not as many as there are logins: the first lines are written, the rest is counted and told once
//! a minute.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// How many lines of a kind are written as they are, in each span.
const WRITTEN: u32 = 5;
/// How long a kind is counted before that is told.
const SPAN: Duration = Duration::from_secs(60);
/// How many kinds are told apart. Whatever comes beyond them is one further kind.
const MOST_KINDS: usize = 64;

/// What logins about which nobody could be asked have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    /// The mechanisms that were asked, as the log names them.
    pub(super) mechanisms: String,
    /// Why none could tell.
    pub(super) reason: String,
}

/// What was counted and not written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sum {
    /// `None` of kinds that are not told apart.
    pub(super) kind: Option<Kind>,
    /// How many logins.
    pub(super) logins: u64,
    /// Since the first of them that was written.
    pub(super) time: Duration,
}

impl fmt::Display for Sum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (logins, were) = if self.logins == 1 { ("login", "was") } else { ("logins", "were") };
        let seconds = self.time.as_secs().max(1);
        write!(formatter, "{} more {logins} {were} unavailable in the last {seconds} s", self.logins)?;
        match &self.kind {
            Some(Kind { mechanisms, reason }) => write!(formatter, ": [mech={mechanisms}] [reason={reason}]"),
            None => formatter.write_str(", for other reasons"),
        }
    }
}

/// The logins of the last minute about which nobody could be asked.
#[derive(Default)]
pub(super) struct Outages {
    spans: BTreeMap<Option<Kind>, Span>,
}

struct Span {
    since: Instant,
    written: u32,
    counted: u64,
}

impl Span {
    fn end(&self) -> Instant {
        self.since + SPAN
    }

    fn sum(self, kind: Option<Kind>, now: Instant) -> Option<Sum> {
        let time = now.saturating_duration_since(self.since);
        (self.counted > 0).then_some(Sum { kind, logins: self.counted, time })
    }
}

impl Outages {
    /// Takes one more such login: whether its line is to be written, or it is counted only. Whatever
    /// [`Self::take_due`] has to tell is to be taken before.
    pub(super) fn is_written(&mut self, kind: Kind, now: Instant) -> bool {
        let mut kind = Some(kind);
        if self.spans.len() >= MOST_KINDS && !self.spans.contains_key(&kind) {
            kind = None;
        }
        let span = self.spans.entry(kind).or_insert(Span { since: now, written: 0, counted: 0 });
        if span.written < WRITTEN {
            span.written += 1;
            return true;
        }
        span.counted += 1;
        false
    }

    /// What is to be told now. The kinds of which nothing has come for a while are forgotten.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Sum> {
        let is_due = |span: &Span| span.end() <= now;
        if !self.spans.values().any(is_due) {
            return Vec::new();
        }
        let (due, rest) = std::mem::take(&mut self.spans).into_iter().partition(|(_, span)| is_due(span));
        self.spans = rest;
        sums(due, now)
    }

    /// What has not been told yet, for the end of the process.
    pub(super) fn take_all(&mut self, now: Instant) -> Vec<Sum> {
        sums(std::mem::take(&mut self.spans), now)
    }

    /// When [`Self::take_due`] has something to tell.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.spans.values().filter(|span| span.counted > 0).map(Span::end).min()
    }
}

fn sums(spans: BTreeMap<Option<Kind>, Span>, now: Instant) -> Vec<Sum> {
    spans.into_iter().filter_map(|(kind, span)| span.sum(kind, now)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(reason: &str) -> Kind {
        Kind { mechanisms: "pam".to_owned(), reason: reason.to_owned() }
    }

    /// As the frontend does it: how many lines are written of that many logins, one every `pause`.
    fn run(outages: &mut Outages, logins: u32, pause: Duration, start: Instant) -> (usize, Vec<Sum>) {
        let (mut written, mut sums) = (0, Vec::new());
        for number in 0..logins {
            let now = start + pause * number;
            sums.extend(outages.take_due(now));
            written += usize::from(outages.is_written(kind("down"), now));
        }
        (written, sums)
    }

    #[test]
    fn a_few_lines_are_written_and_the_rest_is_told_after_a_minute() {
        let start = Instant::now();
        let mut outages = Outages::default();
        assert_eq!(run(&mut outages, 100, Duration::from_millis(10), start), (5, Vec::new()));
        assert_eq!(outages.next_timeout(), Some(start + SPAN));
        assert_eq!(outages.take_due(start + SPAN - Duration::from_millis(1)), []);
        let told = outages.take_due(start + SPAN);
        assert_eq!(told, [Sum { kind: Some(kind("down")), logins: 95, time: SPAN }]);
        assert_eq!((outages.next_timeout(), outages.take_all(start + SPAN)), (None, Vec::new()));
    }

    #[test]
    fn an_outage_of_an_hour_is_lines_and_a_sum_a_minute_and_no_login_is_lost() {
        let start = Instant::now();
        let mut outages = Outages::default();
        let (written, mut sums) = run(&mut outages, 36_000, Duration::from_millis(100), start);
        sums.extend(outages.take_all(start + 60 * SPAN));
        assert_eq!((written, sums.len()), (60 * 5, 60));
        assert_eq!(written as u64 + sums.iter().map(|sum| sum.logins).sum::<u64>(), 36_000);
    }

    #[test]
    fn single_logins_now_and_then_are_always_written() {
        let mut outages = Outages::default();
        assert_eq!(run(&mut outages, 1000, SPAN / 5, Instant::now()), (1000, Vec::new()));
    }

    #[test]
    fn what_has_not_been_told_at_the_end_is_told_with_its_time() {
        let start = Instant::now();
        let mut outages = Outages::default();
        run(&mut outages, 6, Duration::ZERO, start);
        let told = outages.take_all(start + Duration::from_secs(7));
        assert_eq!(
            told,
            [Sum { kind: Some(kind("down")), logins: 1, time: Duration::from_secs(7) }],
            "and nothing of it twice: {:?}",
            outages.take_due(start + SPAN)
        );
    }

    #[test]
    fn a_sum_reads_as_a_sentence_with_the_fields_of_its_lines() {
        let told = |kind, logins, time| Sum { kind, logins, time }.to_string();
        assert_eq!(
            told(Some(kind("down")), 95, SPAN),
            "95 more logins were unavailable in the last 60 s: [mech=pam] [reason=down]"
        );
        assert_eq!(
            told(None, 1, Duration::from_millis(3)),
            "1 more login was unavailable in the last 1 s, for other reasons"
        );
    }

    #[test]
    fn reasons_are_told_apart_within_a_bound_and_beyond_it_still_counted() {
        let now = Instant::now();
        let mut outages = Outages::default();
        let written = |number: usize| outages.is_written(kind(&number.to_string()), now);
        let written = (0..10 * MOST_KINDS).map(written).filter(|written| *written).count();
        assert_eq!(written, MOST_KINDS + 5);
        assert_eq!(outages.spans.len(), MOST_KINDS + 1);
        let told = outages.take_due(now + SPAN);
        assert_eq!(told, [Sum { kind: None, logins: (9 * MOST_KINDS - 5) as u64, time: SPAN }]);
        assert!(outages.is_written(kind("new"), now + SPAN), "there is room again");
    }
}
