//! What was seen: counts, times, and failures with their history.

use super::daemon::SHORTEST_FAILURE_DELAY;
use super::disturbances::{Cause, Disturbances};
use super::judge::{Asked, Judgement, Reply, judge};
use super::truth::Needs;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// With so many failures the rest would not tell more.
const ENOUGH_FAILURES: usize = 20;

/// Collects what all clients see.
pub struct Report {
    start: Instant,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    rows: BTreeMap<&'static str, Row>,
    unexplained: Vec<Unexplained>,
    blamed_on_workers: HashSet<(String, usize)>,
    failures: Vec<String>,
    notes: BTreeMap<&'static str, usize>,
}

/// The logins of one kind.
#[derive(Default)]
struct Row {
    accepted: usize,
    refused: usize,
    unavailable: usize,
    late: usize,
    withdrawn: usize,
    /// Of those that were accepted, of those that were refused, and of the others.
    milliseconds: [Vec<u32>; 3],
}

/// A login that could not be checked, to be looked at again when all that was done is known.
struct Unexplained {
    what: String,
    history: Vec<String>,
    sent: Instant,
    answered: Instant,
    is_explained: Box<dyn Fn(Cause) -> bool + Send>,
}

/// What a client has done with one connection, for the history of a failure.
pub struct History {
    start: Instant,
    lines: Vec<String>,
}

impl History {
    /// Adds a line with the time.
    pub fn note(&mut self, what: impl AsRef<str>) {
        let milliseconds = self.start.elapsed().as_millis();
        self.lines.push(format!("{milliseconds:>9} ms  {}", what.as_ref()));
    }
}

impl Report {
    /// An empty one; times are counted from `start`.
    pub fn new(start: Instant) -> Self {
        Self { start, seen: Mutex::default() }
    }

    /// The history of a connection that is about to be made.
    pub fn history(&self, client: &str) -> History {
        let mut history = History { start: self.start, lines: Vec::new() };
        history.note(client);
        history
    }

    /// Counts a login and judges its answer; returns what it was taken for.
    pub fn judge(
        &self,
        kind: &'static str,
        asked: &Asked<'_>,
        disturbances: &Disturbances,
        history: &History,
    ) {
        let judgement = judge(asked, disturbances);
        let mut seen = self.seen.lock().unwrap();
        let row = seen.rows.entry(kind).or_default();
        let (count, times) = match asked.reply {
            Reply::Accepted => (&mut row.accepted, 0),
            Reply::Refused => (&mut row.refused, 1),
            _ if judgement == Judgement::Late => (&mut row.late, 2),
            _ => (&mut row.unavailable, 2),
        };
        *count += 1;
        row.milliseconds[times].push(u32::try_from(asked.time_taken().as_millis()).unwrap_or(u32::MAX));
        let what = || {
            let question = &asked.question;
            format!(
                "{kind}: {:?} for [{}] [{}] [{}]",
                asked.reply, question.login, question.password, question.realm
            )
        };
        match judgement {
            Judgement::Right | Judgement::Late => {}
            Judgement::Excused(Cause::WorkerKilled, number) => {
                let question = &asked.question;
                let login = format!("{} {} {}", question.login, question.realm, question.password);
                seen.blamed_on_workers.insert((login, number));
            }
            Judgement::Excused(..) => {}
            Judgement::Wrong(why) => {
                let failure = self.failure(
                    &format!("{} -- {why}", what()),
                    &history.lines,
                    (asked.sent, asked.answered),
                    disturbances,
                );
                seen.failures.push(failure);
            }
            Judgement::Unexplained => {
                let (sent, answered) = (asked.sent, asked.answered);
                let (needs, is_slow) = (asked.question.needs, asked.is_slow);
                let is_explained = move |cause: Cause| cause.is_excuse(needs, is_slow);
                let (what, history) = (what(), history.lines.clone());
                let is_explained = Box::new(is_explained);
                seen.unexplained.push(Unexplained { what, history, sent, answered, is_explained });
            }
        }
    }

    /// Counts something that was seen, and was as it should be.
    pub fn note(&self, what: &'static str) {
        *self.seen.lock().unwrap().notes.entry(what).or_default() += 1;
    }

    /// Counts a request that the client has given up.
    pub fn count_withdrawn(&self, kind: &'static str) {
        self.seen.lock().unwrap().rows.entry(kind).or_default().withdrawn += 1;
    }

    /// A connection on which nothing was owed was closed, some time after `from`. `needs` are those of what it has taken
    /// back.
    pub fn silent_connection_closed(&self, what: &str, needs: Needs, from: Instant, history: &History) {
        let (history, answered) = (history.lines.clone(), Instant::now());
        let is_explained = Box::new(move |cause: Cause| cause.is_excuse(needs, true));
        let unexplained = Unexplained { what: what.to_owned(), history, sent: from, answered, is_explained };
        self.seen.lock().unwrap().unexplained.push(unexplained);
    }

    /// Something that must not be, whatever went on.
    pub fn fail(&self, what: &str, history: Option<&History>, disturbances: &Disturbances) {
        let now = Instant::now();
        let lines = history.map_or(&[][..], |history| &history.lines);
        let from = now.checked_sub(Duration::from_secs(5)).unwrap_or(now);
        let failure = self.failure(what, lines, (from, now), disturbances);
        self.seen.lock().unwrap().failures.push(failure);
    }

    /// Whether there is no point in going on.
    pub fn has_enough_failures(&self) -> bool {
        self.seen.lock().unwrap().failures.len() >= ENOUGH_FAILURES
    }

    /// Looks again at what had no explanation, and gives all failures.
    pub fn failures(&self, disturbances: &Disturbances) -> Vec<String> {
        let mut seen = self.seen.lock().unwrap();
        let unexplained = std::mem::take(&mut seen.unexplained);
        let is_explained = |it: &Unexplained| {
            disturbances.during(it.sent, it.answered).iter().any(|(_, did)| (it.is_explained)(did.cause))
        };
        for it in unexplained.iter().filter(|it| !is_explained(it)) {
            let what = format!("{} -- and nothing explains it", it.what);
            let failure = self.failure(&what, &it.history, (it.sent, it.answered), disturbances);
            seen.failures.push(failure);
        }
        let killed: usize =
            disturbances.counts().iter().filter(|it| it.0 == Cause::WorkerKilled).map(|it| it.1).sum();
        let slow: Vec<_> = seen.rows.iter_mut().filter_map(|(kind, row)| row.complain(kind)).collect();
        seen.failures.extend(slow);
        let lost = seen.blamed_on_workers.len();
        if lost > killed {
            seen.failures
                .push(format!("{lost} logins were lost with {killed} killed workers, one of each at most"));
        }
        seen.failures.clone()
    }

    /// A table of all that was counted, as in docs/RELIABILITY.md.
    pub fn table(&self, disturbances: &Disturbances) -> String {
        let mut seen = self.seen.lock().unwrap();
        let mut table = "| logins | accepted | p50 | p99 | refused | p50 | unavailable | at the deadline | withdrawn | slowest |\n\
                         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
        for (kind, row) in &mut seen.rows {
            row.milliseconds.iter_mut().for_each(|times| times.sort_unstable());
            let Row { accepted, refused, unavailable, late, withdrawn, milliseconds } = row;
            let [median, high] = [50, 99].map(|percent| percentile(&milliseconds[0], percent));
            let held = percentile(&milliseconds[1], 50);
            let most = milliseconds.iter().map(|times| percentile(times, 100)).max().unwrap_or(0);
            let _ = writeln!(
                table,
                "| {kind} | {accepted} | {median} ms | {high} ms | {refused} | {held} ms | {unavailable} | {late} | {withdrawn} | {most} ms |"
            );
        }
        let counts = disturbances.counts().into_iter().map(|(cause, count)| format!("{cause:?} {count}"));
        let _ = writeln!(table, "\nDone to it: {}.", counts.collect::<Vec<_>>().join(", "));
        let _ = writeln!(table, "Logins lost with killed workers: {}.", seen.blamed_on_workers.len());
        for (what, count) in &seen.notes {
            let _ = writeln!(table, "{count} {what}.");
        }
        table
    }

    fn failure(
        &self,
        what: &str,
        history: &[String],
        (from, until): (Instant, Instant),
        disturbances: &Disturbances,
    ) -> String {
        let margin = Duration::from_secs(2);
        let mut text = format!("{what}\n");
        history.iter().for_each(|line| text.push_str(&format!("    {line}\n")));
        for (_, it) in disturbances.during(from.checked_sub(margin).unwrap_or(from), until + margin) {
            let since = |moment: Instant| moment.saturating_duration_since(self.start).as_millis();
            let end = it.until.map_or_else(|| "…".to_owned(), |until| since(until).to_string());
            let _ = writeln!(text, "    meanwhile: {:?} from {} to {end} ms", it.cause, since(it.from));
        }
        text
    }
}

impl Row {
    /// Whatever holds back refusals, a right password does not wait for it.
    fn complain(&mut self, kind: &str) -> Option<String> {
        let times = &mut self.milliseconds[0];
        times.sort_unstable();
        let median = Duration::from_millis(percentile(times, 50).into());
        (times.len() >= ENOUGH_TIMES && median >= SHORTEST_FAILURE_DELAY)
            .then(|| format!("{kind}: half of the right passwords waited for {median:?}"))
    }
}

/// So many that their median means something.
const ENOUGH_TIMES: usize = 100;

/// The value below which so many percent of the sorted values are.
fn percentile(sorted: &[u32], percent: usize) -> u32 {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let values: Vec<_> = (1..=200).collect();
        assert_eq!([50, 99, 100].map(|percent| percentile(&values, percent)), [100, 198, 200]);
        assert_eq!(percentile(&[], 99), 0);
        assert_eq!(percentile(&[7], 50), 7);
    }
}
