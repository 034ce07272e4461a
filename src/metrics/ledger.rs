//! Totals that have a bound, whatever names come in years of reloads, or from a process in the hands of somebody else.
#![forbid(unsafe_code)]

use super::totals::Totals;
use std::collections::BTreeMap;

/// How many mechanisms are told apart.
pub const MOST_MECHANISMS: usize = 128;
/// How many servers are told apart.
pub const MOST_SERVERS: usize = 256;
/// The longest name of a mechanism or server in bytes; the rest is cut off.
pub const LONGEST_NAME: usize = 200;
/// The name under which those are added up that are not told apart any more.
pub const OTHERS: &str = "(others)";

/// Adds up what is reported. When there are too many names, those of which nothing was heard for longest become one.
#[derive(Debug, Default)]
pub struct Ledger {
    totals: Totals,
    /// When something was last reported of each: the number of the report.
    mechanisms: BTreeMap<String, u64>,
    servers: BTreeMap<(String, String), u64>,
    reports: u64,
}

impl Ledger {
    /// Adds a report.
    pub fn add(&mut self, report: &Totals) {
        self.reports += 1;
        self.totals.add(report);
        note(&mut self.mechanisms, report.mechanisms.keys(), self.reports);
        note(&mut self.servers, report.servers.keys(), self.reports);
        while let Some(oldest) = excess(&mut self.mechanisms, MOST_MECHANISMS) {
            if let Some(verdicts) = self.totals.mechanisms.remove(&oldest) {
                self.totals.mechanisms.entry(OTHERS.to_owned()).or_default().add(&verdicts);
            }
        }
        while let Some(oldest) = excess(&mut self.servers, MOST_SERVERS) {
            if let Some(counts) = self.totals.servers.remove(&oldest) {
                let others = (OTHERS.to_owned(), OTHERS.to_owned());
                self.totals.servers.entry(others).or_default().add(&counts);
            }
        }
    }

    /// The sums.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// As [`Self::totals`].
    pub fn into_totals(self) -> Totals {
        self.totals
    }
}

fn note<'a, K: Ord + Clone + 'a>(
    heard: &mut BTreeMap<K, u64>,
    names: impl Iterator<Item = &'a K>,
    report: u64,
) {
    for name in names {
        heard.insert(name.clone(), report);
    }
}

/// Takes off the one of which nothing was heard for longest, if there are more than `most`.
fn excess<K: Ord + Clone>(heard: &mut BTreeMap<K, u64>, most: usize) -> Option<K> {
    if heard.len() <= most {
        return None;
    }
    let oldest = heard.iter().min_by_key(|(_, report)| **report).map(|(name, _)| name.clone())?;
    heard.remove(&oldest);
    Some(oldest)
}

/// A name as it is counted: no control characters, and not longer than [`LONGEST_NAME`].
pub fn label(name: &str) -> String {
    let mut label: String =
        name.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect();
    let end = (0..=LONGEST_NAME.min(label.len())).rev().find(|end| label.is_char_boundary(*end));
    label.truncate(end.unwrap_or(0));
    label
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::metrics::totals::{ServerTotals, Verdicts};

    fn report(server: usize) -> Totals {
        let mut totals = Totals::default();
        let verdicts = Verdicts { accept: 1, reject: 2, unavailable: 3 };
        totals.mechanisms.insert(format!("mechanism{server}"), verdicts);
        let counts = ServerTotals { answered: 2, failed: 1 };
        totals.servers.insert(("ldap".to_owned(), format!("ldap://{server}")), counts);
        totals
    }

    #[test]
    fn names_that_come_and_go_for_years_have_a_bound_and_nothing_that_was_counted_is_lost() {
        let mut ledger = Ledger::default();
        for round in 0..1000 {
            ledger.add(&report(round));
            ledger.add(&report(0));
        }
        let totals = ledger.totals();
        assert_eq!(totals.servers.len(), MOST_SERVERS + 1);
        assert_eq!(totals.mechanisms.len(), MOST_MECHANISMS + 1);
        assert_eq!(totals.servers.values().map(|counts| counts.answered).sum::<u64>(), 4000);
        assert_eq!(totals.mechanisms.values().map(Verdicts::sum).sum::<u64>(), 12_000);
        assert_eq!(totals.mechanisms["mechanism0"].accept, 1001, "one in use is told apart");
        assert!(totals.servers.contains_key(&("ldap".to_owned(), "ldap://999".to_owned())));
    }

    #[test]
    fn a_name_has_a_bound_and_no_control_characters() {
        assert_eq!(label("ldap://a\nb"), "ldap://a?b");
        let long = label(&"ä".repeat(LONGEST_NAME));
        assert!(long.len() <= LONGEST_NAME && long.ends_with('ä'));
    }
}
