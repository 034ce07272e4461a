//! Medians, ratios and the markdown they are printed in.

use crate::load::Run;
use crate::server::Kind;

/// One measurement, or the median of several, or a ratio of two.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    /// Requests answered per second.
    pub(crate) rate: f64,
    /// Median latency in microseconds.
    pub(crate) p50: f64,
    /// 99th percentile of the latency in microseconds.
    pub(crate) p99: f64,
    /// CPU time of the server per request in microseconds.
    pub(crate) cpu: f64,
    /// How busy the load generator was, in per cent of one core: near 100 it is the generator that sets the rate.
    pub(crate) generator: f64,
    /// Memory of all processes of the server together at the end, in MiB.
    pub(crate) pss: f64,
}

impl Row {
    const HEADINGS: &str =
        "requests/s | p50 µs | p99 µs | CPU µs/request | load generator % of a core | PSS MiB";

    /// Of every column by itself.
    pub(crate) fn median(rows: &[Self]) -> Self {
        let of = |column: fn(&Self) -> f64| middle(rows.iter().map(column).collect());
        Self {
            rate: of(|row| row.rate),
            p50: of(|row| row.p50),
            p99: of(|row| row.p99),
            cpu: of(|row| row.cpu),
            generator: of(|row| row.generator),
            pss: of(|row| row.pss),
        }
    }

    fn cells(&self, rows: &[Self]) -> String {
        let Self { rate, p50, p99, cpu, generator, pss } = self;
        let rates = || rows.iter().map(|row| row.rate);
        let (least, most) = (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max));
        let spread = if rows.len() > 1 {
            format!(" ({}–{})", thousands(least), thousands(most))
        } else {
            String::new()
        };
        format!("{}{spread} | {p50:.1} | {p99:.1} | {cpu:.1} | {generator:.0} | {pss:.2}", thousands(*rate))
    }

    fn ratio_cells(&self, other: &Self) -> String {
        format!(
            "{:.2} | {:.2} | {:.2} | {:.2} | | {:.2}",
            self.rate / other.rate,
            self.p50 / other.p50,
            self.p99 / other.p99,
            self.cpu / other.cpu,
            self.pss / other.pss,
        )
    }
}

/// A table of measurements in groups, each followed by the ratios of ours to the others.
pub(crate) struct Table {
    lines: Vec<String>,
}

impl Table {
    /// `group` is the heading of what the groups differ in.
    pub(crate) fn new(title: &str, group: &str) -> Self {
        let lines = vec![
            format!("### {title}\n"),
            format!("| {group} | server | {} |", Row::HEADINGS),
            "|--:|---|--:|--:|--:|--:|--:|--:|".into(),
        ];
        Self { lines }
    }

    /// The rounds of each server under one heading.
    pub(crate) fn group<'a>(&mut self, name: usize, servers: impl Iterator<Item = (Kind, &'a Vec<Row>)>) {
        let medians: Vec<(Kind, Row)> = servers
            .map(|(kind, rows)| {
                let median = Row::median(rows);
                self.lines.push(format!("| {name} | {} | {} |", kind.name(), median.cells(rows)));
                (kind, median)
            })
            .collect();
        let Some((Kind::Ours, ours)) = medians.first() else { return };
        for (kind, other) in medians.iter().skip(1) {
            self.lines.push(format!("| {name} | **ours/{}** | {} |", kind.name(), ours.ratio_cells(other)));
        }
    }

    /// Prints it.
    pub(crate) fn print(&self) {
        println!("{}\n", self.lines.join("\n"));
    }
}

/// What the run as a whole comes to.
#[derive(Default)]
pub(crate) struct Findings {
    aims: Vec<String>,
    wrong: Vec<String>,
}

impl Findings {
    /// Notes replies that were not what they had to be.
    pub(crate) fn check(&mut self, what: &str, run: &Run) {
        for sample in &run.samples {
            if let Some(first) = &sample.first_wrong {
                let complaint =
                    format!("{what}: {} of {}, the first \"{first}\"", sample.wrong, sample.latencies.len());
                eprintln!("daemons: WRONG REPLIES: {complaint}");
                self.wrong.push(complaint);
            }
        }
    }

    /// All that [`Self::check`] noted.
    pub(crate) fn wrong_replies(&self) -> &[String] {
        &self.wrong
    }

    /// An aim that is met at this value or above.
    pub(crate) fn at_least(&mut self, what: &str, reached: f64, aim: f64) {
        self.aim(what, reached, format!("≥ {aim:.2}"), reached >= aim);
    }

    /// An aim that is met at this value or below.
    pub(crate) fn at_most(&mut self, what: &str, reached: f64, aim: f64) {
        self.aim(what, reached, format!("≤ {aim:.2}"), reached <= aim);
    }

    fn aim(&mut self, what: &str, reached: f64, aim: String, met: bool) {
        self.aims.push(format!("| {what} | {aim} | {reached:.2} | {} |", if met { "yes" } else { "**no**" }));
    }

    /// The aims of the project that this run could judge.
    pub(crate) fn aims_table(&self) -> String {
        if self.aims.is_empty() {
            return String::new();
        }
        format!("### Aims\n\n| what | aim | reached | met |\n|---|--:|--:|---|\n{}\n\n", self.aims.join("\n"))
    }
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    match (values.get(low), values.get(high)) {
        (Some(low), Some(high)) => (low + high) / 2.0,
        _ => f64::NAN,
    }
}

/// A whole number with commas.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
