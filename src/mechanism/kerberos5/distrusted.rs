//! Keytabs that have proved to be of no use: a password was right, and the ticket for this host's service could not be
//! opened. For a while wrong passwords are an outage, too, so that the answers do not tell which ones are right.
//!
//! Only a right password gets anything in here, so no client can turn refusals into outages while the keytab is good. A keytab
//! that is changed is tried as if nothing had been known.
//!
//! Pure: the state of the keytab's file and `now` go in.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// How long a keytab is not believed after the last right password that could not be proved.
const MEMORY: Duration = Duration::from_secs(600);

/// How many realms are remembered. They are those with a user whose password was right.
const MOST: usize = 16;

/// What tells that the file of a keytab has become another: device, inode, size, time of change in nanoseconds.
pub(super) type State = Option<(u64, u64, u64, i128)>;

/// Which realms' users cannot be proved, and why.
#[derive(Debug, Default)]
pub(super) struct Distrusted(Vec<Finding>);

#[derive(Debug)]
struct Finding {
    realm: Vec<u8>,
    state: State,
    since: Instant,
    reason: String,
}

impl Distrusted {
    /// A right password of that realm could not be proved. `true` if that is news.
    pub(super) fn note(&mut self, realm: &[u8], state: State, reason: &str, now: Instant) -> bool {
        let is_news = self.reason(realm, state, now).is_none();
        self.forget(realm);
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        self.0.push(Finding { realm: realm.to_vec(), state, since: now, reason: reason.to_owned() });
        is_news
    }

    /// A login of that realm was proved.
    pub(super) fn forget(&mut self, realm: &[u8]) {
        self.0.retain(|finding| finding.realm != realm);
    }

    /// Why no login of that realm can be proved, if the keytab is still the same.
    pub(super) fn reason(&self, realm: &[u8], state: State, now: Instant) -> Option<&str> {
        let counts = |finding: &&Finding| {
            let age = now.saturating_duration_since(finding.since);
            finding.realm == realm && finding.state == state && age < MEMORY
        };
        self.0.iter().find(counts).map(|finding| finding.reason.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: State = Some((1, 2, 3, 4));

    #[test]
    fn a_keytab_is_not_believed_for_its_realm_until_it_changes_a_login_is_proved_or_time_has_passed() {
        let now = Instant::now();
        let mut distrusted = Distrusted::default();
        assert_eq!(distrusted.reason(b"A", OLD, now), None);
        assert!(distrusted.note(b"A", OLD, "an old key", now));
        assert!(!distrusted.note(b"A", OLD, "an old key", now + MEMORY / 2), "the log was told");
        assert_eq!(distrusted.reason(b"A", OLD, now + MEMORY), Some("an old key"));
        assert_eq!(distrusted.reason(b"A", OLD, now + MEMORY / 2 + MEMORY), None);
        assert_eq!(distrusted.reason(b"B", OLD, now), None, "another realm has other tickets");
        assert_eq!(distrusted.reason(b"A", Some((1, 2, 3, 5)), now), None, "another file");
        distrusted.forget(b"A");
        assert_eq!(distrusted.reason(b"A", OLD, now), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let now = Instant::now();
        let mut distrusted = Distrusted::default();
        for number in 0..100_u8 {
            assert!(distrusted.note(&[number], OLD, "an old key", now));
        }
        assert_eq!(distrusted.0.len(), MOST);
        assert!(distrusted.reason(&[99], OLD, now).is_some(), "the newest are remembered");
    }
}
