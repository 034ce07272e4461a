//! Lines that arrive while a test runs: a daemon's standard error, or its syslog.

use crate::support::PATIENCE;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

/// The lines so far; clones share them.
#[derive(Clone, Default)]
pub struct Lines(Arc<(Mutex<Vec<String>>, Condvar)>);

impl Lines {
    /// Collects the lines of `source` on a thread of its own until its end.
    pub fn of(source: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let collected = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(source).split(b'\n').map_while(Result::ok) {
                collected.push(String::from_utf8_lossy(&line).into_owned());
            }
        });
        lines
    }

    /// Adds a line.
    pub fn push(&self, line: String) {
        let (lines, arrived) = &*self.0;
        lines.lock().unwrap().push(line);
        arrived.notify_all();
    }

    /// The lines so far.
    pub fn all(&self) -> Vec<String> {
        self.0.0.lock().unwrap().clone()
    }

    /// Waits for a line that contains `text`.
    pub fn wait_for(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let (lines, arrived) = &*self.0;
        let mut lines = lines.lock().unwrap();
        loop {
            if let Some(line) = lines.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let seen = lines.clone();
                // The end of the daemon shows them too; a panic with the lock held would keep it from that.
                drop(lines);
                panic!("no line with {text:?} among {seen:#?}");
            }
            lines = arrived.wait_timeout(lines, left).unwrap().0;
        }
    }
}
