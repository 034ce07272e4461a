//! Bytes of clients, servers and modules in the log.

use saslauthd::log::{clean, one_line};

/// Whatever the bytes are: shown in quotes they stay within them, shown as a line they stay one, and neither has a byte
/// that a terminal or a reader of logs obeys.
pub fn check(bytes: &[u8]) {
    for shown in [clean(bytes).to_string(), one_line(bytes).to_string()] {
        assert!(!shown.contains(char::is_control), "{shown:?}");
        assert!(shown.len() <= 8 * bytes.len() + 64, "{} of {}", shown.len(), bytes.len());
    }
}
