//! The policy server: whoever knows what other hosts have seen is asked before a login is checked and told what came of
//! it. What is asked, and when it is not worth asking; `dispatch` does it, and `weakforced` speaks with the server.
#![forbid(unsafe_code)]

mod attempt;
mod patience;

pub use attempt::{Attempt, password_hash};
pub use patience::{Advice, Patience};

use crate::secret::Secret;
use std::rc::Rc;
use std::time::Duration;

/// The longest that a server may have the check of a login delayed. Dovecot has no bound, but its clients have.
pub const LONGEST_DELAY: Duration = Duration::from_secs(15);

/// How many reports may be on their way; what comes beyond them is dropped. One takes up some 300 bytes.
pub const MOST_REPORTS: usize = 256;

/// How logins are put to the policy server.
pub struct PolicySettings {
    /// `policy_nonce`: the same at all hosts that ask the server.
    pub nonce: Secret,
    /// `policy_timeout`: how long a login waits for an answer.
    pub timeout: Duration,
    /// `policy_on_unavailable`
    pub on_unavailable: OnUnavailable,
    /// `policy_report`: whether it is told what came of logins.
    pub reports: bool,
    /// `policy_log_only`: whether its answers are only logged.
    pub log_only: bool,
}

/// What becomes of a login about which the policy server cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnavailable {
    /// It is checked all the same.
    Allow,
    /// It cannot be decided.
    Unavailable,
}

/// What the server is asked or told.
#[derive(Clone)]
pub enum Question {
    /// Whether a login may be checked.
    Allow(Rc<Attempt>),
    /// What came of it, which only has to be heard.
    Report(Rc<Attempt>, Report),
}

/// What the server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The login may be checked, not sooner than that from now. A report was heard.
    Allow(Duration),
    /// The login is to be refused, and what the server says of that: for the log, maybe empty.
    Refuse(String),
    /// It did not, and why.
    Failed(String),
}

/// How a login has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Whether it was accepted.
    pub success: bool,
    /// Whether the server itself has refused it, so that nobody has looked at the password.
    pub policy_reject: bool,
}
