//! Idle PAM handles that keep the modules of the services in use mapped between logins.
#![forbid(unsafe_code)]

use std::ffi::{CStr, CString};
use std::time::{Duration, Instant};

/// How many services' modules are kept mapped. A host has three or four; the bound is there because the client
/// chooses the name.
const MOST_SERVICES: usize = 16;

/// For how long modules stay mapped before a replaced file is looked for. The files in /etc/pam.d are read for each
/// login anyway.
const LONGEST_HOLD: Duration = Duration::from_secs(60);

/// At most one handle for each service, the least recently used first.
///
/// This only saves time. Nothing is ever asked of these handles, and a login that finds none does the same as one
/// that does.
pub(super) struct HeldHandles<Handle> {
    handles: Vec<(CString, Handle)>,
    /// When the first of them was opened.
    since: Option<Instant>,
}

impl<Handle> Default for HeldHandles<Handle> {
    fn default() -> Self {
        Self { handles: Vec::new(), since: None }
    }
}

impl<Handle> HeldHandles<Handle> {
    /// Ends all handles when the first of them is too old. To be called before a login opens its own.
    ///
    /// All together, because services share modules: while any handle has one mapped, dlopen(3) gives everybody
    /// that one and does not look at the file.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.since.is_some_and(|since| now.saturating_duration_since(since) >= LONGEST_HOLD) {
            self.handles.clear();
            self.since = None;
        }
    }

    /// Holds a handle of `service` from now on, made by `open` if there is none yet.
    pub(super) fn keep(&mut self, service: &CStr, now: Instant, open: impl FnOnce() -> Option<Handle>) {
        let held = self.handles.iter().position(|(held, _)| held.as_c_str() == service);
        let Some(handle) = held.map(|index| self.handles.remove(index).1).or_else(open) else { return };
        if self.handles.len() >= MOST_SERVICES {
            self.handles.remove(0);
        }
        self.handles.push((service.to_owned(), handle));
        self.since.get_or_insert(now);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Counts the handles that are open.
    struct Counted<'a>(&'a Cell<usize>);

    impl<'a> Counted<'a> {
        fn open(count: &'a Cell<usize>) -> Option<Self> {
            count.set(count.get() + 1);
            Some(Self(count))
        }
    }

    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }

    fn services(held: &HeldHandles<Counted<'_>>) -> Vec<String> {
        held.handles.iter().map(|(service, _)| service.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn one_handle_is_held_for_each_service() {
        let (open, now) = (Cell::new(0), Instant::now());
        let mut held = HeldHandles::default();
        for service in [c"smtp", c"imap", c"smtp", c"smtp"] {
            held.keep(service, now, || Counted::open(&open));
        }
        assert_eq!(services(&held), ["imap", "smtp"]);
        assert_eq!(open.get(), 2);
        drop(held);
        assert_eq!(open.get(), 0);
    }

    #[test]
    fn services_that_a_client_makes_up_push_out_the_least_recently_used() {
        let (open, now) = (Cell::new(0), Instant::now());
        let mut held = HeldHandles::default();
        for number in 0..1000 {
            held.keep(c"smtp", now, || Counted::open(&open));
            held.keep(&CString::new(number.to_string()).unwrap(), now, || Counted::open(&open));
            assert!(open.get() <= MOST_SERVICES);
        }
        assert_eq!(services(&held).len(), MOST_SERVICES);
        assert!(services(&held).contains(&"smtp".to_owned()) && !services(&held).contains(&"900".to_owned()));
    }

    #[test]
    fn all_handles_end_together_60_seconds_after_the_first_was_opened() {
        let (open, start) = (Cell::new(0), Instant::now());
        let mut held = HeldHandles::default();
        held.keep(c"smtp", start, || Counted::open(&open));
        held.keep(c"imap", start + Duration::from_secs(59), || Counted::open(&open));
        held.expire(start + Duration::from_millis(59_999));
        assert_eq!(open.get(), 2);
        held.expire(start + Duration::from_secs(60));
        assert_eq!(open.get(), 0);
        held.keep(c"smtp", start + Duration::from_secs(60), || Counted::open(&open));
        held.expire(start + Duration::from_secs(119));
        assert_eq!(open.get(), 1);
    }

    #[test]
    fn a_handle_that_cannot_be_opened_is_tried_again_at_the_next_login() {
        let (open, now) = (Cell::new(0), Instant::now());
        let mut held: HeldHandles<Counted<'_>> = HeldHandles::default();
        held.keep(c"smtp", now, || None);
        assert!(services(&held).is_empty() && held.since.is_none());
        held.keep(c"smtp", now, || Counted::open(&open));
        assert_eq!(services(&held), ["smtp"]);
    }
}
