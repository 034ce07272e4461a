//! Clients that log in one after the other while something happens.

use std::sync::atomic::{AtomicBool, Ordering};

/// Ends the clients, also when the test fails: it would wait for them for ever.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// As many `clients` log in, each again as soon as it has its answer, for as long as `meanwhile` takes, whose result
/// comes back with all answers. A client that gets `None`, since nobody listens any more, ends earlier.
pub fn under_load<A: Send, T>(
    clients: usize,
    log_in: impl Fn() -> Option<A> + Sync,
    meanwhile: impl FnOnce() -> T,
) -> (T, Vec<A>) {
    let done = AtomicBool::new(false);
    let client = || {
        let answers = std::iter::from_fn(|| if done.load(Ordering::Relaxed) { None } else { log_in() });
        answers.collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        let end = End(&done);
        let result = meanwhile();
        drop(end);
        (result, clients.into_iter().flat_map(|client| client.join().unwrap()).collect())
    })
}
