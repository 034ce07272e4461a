//! Looks up the names of servers for as long as there is time. getaddrinfo(3) cannot be told how long it may take: it runs in
//! a thread of its own, and one that takes too long is waited for by whoever asks for the same name next.
#![forbid(unsafe_code)]

use crate::sys::resolve;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// What came of it: addresses, or why there are none, as a phrase.
type Found = Result<Vec<SocketAddr>, String>;

/// For how long what came too late still counts. A name server that has answered answers again.
const FRESH: Duration = Duration::from_secs(10);

/// A name that is being looked up.
struct Lookup {
    name: String,
    found: Receiver<(Instant, Found)>,
}

/// Those that took too long: one for each name, so no more than there are servers.
static LATE: Mutex<Vec<Lookup>> = Mutex::new(Vec::new());

/// The addresses of a name, `None` if it is not known within `limit`.
pub(super) fn look_up(name: &str, limit: Duration) -> Option<Found> {
    look_up_with(name, limit, |name| resolve::addresses(name, "0"))
}

fn look_up_with(
    name: &str,
    limit: Duration,
    resolve: impl FnOnce(&str) -> Found + Send + 'static,
) -> Option<Found> {
    let lookup = take(name).map_or_else(|| begin(name, resolve), Ok);
    let lookup = match lookup {
        Ok(lookup) => lookup,
        Err(reason) => return Some(Err(reason)),
    };
    match lookup.found.recv_timeout(limit) {
        Ok((_, found)) => Some(found),
        Err(RecvTimeoutError::Disconnected) => Some(Err("it could not be looked up".to_owned())),
        Err(RecvTimeoutError::Timeout) => {
            late().push(lookup);
            None
        }
    }
}

/// What was begun for this name and has not come yet, or only now.
fn take(name: &str) -> Option<Lookup> {
    let mut late = late();
    let place = late.iter().position(|lookup| lookup.name == name)?;
    let lookup = late.swap_remove(place);
    drop(late);
    let Ok((when, found)) = lookup.found.try_recv() else { return Some(lookup) };
    (when.elapsed() < FRESH).then(|| done(name, when, found))
}

/// One that is over.
fn done(name: &str, when: Instant, found: Found) -> Lookup {
    let (sender, receiver) = channel();
    // The receiver is here.
    let _ = sender.send((when, found));
    Lookup { name: name.to_owned(), found: receiver }
}

fn begin(name: &str, resolve: impl FnOnce(&str) -> Found + Send + 'static) -> Result<Lookup, String> {
    let (sender, found) = channel();
    let asked = name.to_owned();
    let run = move || {
        let found = resolve(&asked);
        // Nobody may wait for it any more.
        let _ = sender.send((Instant::now(), found));
    };
    thread::Builder::new().spawn(run).map_err(|error| format!("no thread can be started: {error}"))?;
    Ok(Lookup { name: name.to_owned(), found })
}

fn late() -> std::sync::MutexGuard<'static, Vec<Lookup>> {
    LATE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::mpsc::Sender;

    const LONG: Duration = Duration::from_secs(60);

    fn found() -> Found {
        Ok(vec![SocketAddr::from(([192, 0, 2, 1], 0))])
    }

    /// A name server that answers when it is told to.
    fn waiting() -> (Sender<()>, impl FnOnce(&str) -> Found + Send + 'static) {
        let (sender, receiver) = channel::<()>();
        (sender, move |_: &str| {
            let _ = receiver.recv();
            found()
        })
    }

    fn never(_: &str) -> Found {
        Err("it was looked up anew".to_owned())
    }

    #[test]
    fn a_name_that_is_found_in_time_is_found() {
        assert_eq!(look_up_with("in-time", LONG, |_| found()), Some(found()));
        assert_eq!(look_up_with("no-such", LONG, |_| Err("unknown".into())), Some(Err("unknown".into())));
        assert!(look_up("localhost", LONG).unwrap().is_ok());
    }

    #[test]
    fn one_that_takes_too_long_is_waited_for_by_the_next_and_begun_once() {
        let (answer, slow) = waiting();
        assert_eq!(look_up_with("slow", Duration::ZERO, slow), None);
        assert_eq!(look_up_with("slow", Duration::from_millis(1), never), None);
        answer.send(()).unwrap();
        assert_eq!(look_up_with("slow", LONG, never), Some(found()));
        assert_eq!(look_up_with("slow", LONG, never), Some(never("")), "what was told is not kept");
    }

    #[test]
    fn what_came_long_ago_is_not_believed() {
        let when = Instant::now().checked_sub(FRESH).unwrap();
        late().push(done("old", when, found()));
        assert_eq!(look_up_with("old", LONG, never), Some(never("")));
        late().push(done("new", Instant::now(), found()));
        assert_eq!(look_up_with("new", LONG, never), Some(found()));
    }
}
