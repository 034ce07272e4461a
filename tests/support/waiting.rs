//! Waiting for what must happen, with a deadline.

use std::time::{Duration, Instant};

/// How long a test waits for something that must happen. Long, so that a loaded machine fails no test.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` gives a value, and fails the test when it never does; `what` names it.
pub fn eventually<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, condition).unwrap_or_else(|| panic!("waited {PATIENCE:?} in vain: {what}"))
}

/// Waits until `condition` gives a value, at most for `time`.
pub fn within<T>(time: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + time;
    loop {
        if let Some(value) = condition() {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        pause();
    }
}

/// The time between two looks at a condition that nothing announces.
#[allow(
    clippy::disallowed_methods,
    reason = "the one place that polls, always with a condition and a deadline"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(4));
}
