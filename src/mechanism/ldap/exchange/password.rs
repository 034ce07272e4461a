//! Comparing a password with what an entry holds.
#![forbid(unsafe_code)]

use super::super::question::Entry;
use super::{Check, Next, Stage, reject, unavailable};
use crate::job::{Errand, ErrandResult};
use crate::mechanism::schemes::{NotCompared, Stored};
use crate::net::exchange::Step;
use crate::secret::Secret;

/// What has not been compared yet, since that takes long.
pub(super) struct Comparison {
    dn: Vec<u8>,
    slow: Vec<Secret>,
    /// What is odd about a value that matches nothing.
    remark: Option<String>,
    /// Why a value could not be compared: it might have matched.
    failure: Option<String>,
}

impl Check {
    /// The fast ones at once, the slow ones by a worker, one after the other.
    pub(super) fn compare(&mut self, entry: Entry) -> Next {
        if entry.values.is_empty() {
            return reject("the entry has no password that the service account can read");
        }
        let mut comparison = Comparison { dn: entry.name, slow: Vec::new(), remark: None, failure: None };
        for value in entry.values {
            match self.compare_fast(&value) {
                Ok(Some(true)) => return self.check_group(comparison.dn),
                Ok(Some(false)) => {}
                Ok(None) => comparison.slow.push(value),
                Err(NotCompared::Malformed(reason)) => comparison.remark = Some(reason),
                Err(NotCompared::Failed(reason)) => comparison.failure = Some(reason),
            }
        }
        self.compare_slow(comparison)
    }

    fn compare_fast(&self, value: &Secret) -> Result<Option<bool>, NotCompared> {
        let stored = Stored::parse(value.as_bytes())?;
        if stored.is_slow() {
            return Ok(None);
        }
        stored.check(self.credentials.password.as_bytes()).map(Some)
    }

    fn compare_slow(&mut self, mut comparison: Comparison) -> Next {
        let Some(stored) = comparison.slow.pop() else {
            if let Some(reason) = comparison.failure {
                return unavailable(format!("the password cannot be compared: {reason}"));
            }
            return reject(comparison.remark.unwrap_or_else(|| "the password is wrong".to_owned()));
        };
        let password = Secret::copy_of(self.credentials.password.as_bytes());
        self.stage = Stage::Password(comparison);
        Step::Errand(Errand::CheckPassword { password, stored })
    }

    pub(super) fn handle_comparison(&mut self, comparison: Comparison, result: ErrandResult) -> Next {
        match result {
            ErrandResult::PasswordChecked(true) => self.check_group(comparison.dn),
            ErrandResult::PasswordChecked(false) => self.compare_slow(comparison),
            // Another value may be the password's.
            ErrandResult::Failed(reason) => {
                self.compare_slow(Comparison { failure: Some(reason), ..comparison })
            }
            ErrandResult::Addresses(_) | ErrandResult::Key(_) | ErrandResult::Gssapi(_) => {
                unavailable("a worker mixed up its errands")
            }
        }
    }
}
