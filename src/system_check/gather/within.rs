//! Looks that may hang: at a network file system, at accounts in a directory, at a name.
#![forbid(unsafe_code)]

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long one look may take that asks no server of a mechanism.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What `work` comes to, or nothing if it takes longer than `limit`. It goes on then, in a thread of its own that ends with
/// the process.
pub fn within<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::Builder::new().name("look".to_owned()).spawn(move || {
        // Nobody waits any more if this fails.
        let _ = sender.send(work());
    });
    thread.ok().and_then(|_| receiver.recv_timeout(limit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_is_left_behind() {
        assert_eq!(within(PATIENCE, || 7), Some(7));
        let (_sender, receiver) = mpsc::channel::<()>();
        assert_eq!(within(Duration::from_millis(20), move || receiver.recv().is_ok()), None);
    }
}
