//! What cannot be missing.
#![forbid(unsafe_code)]

/// Passes on what was looked up by a number that the machine itself keeps up to date. In a build for tests it is a fault
/// if there is nothing; in one for use whoever asked goes on without, as the caller says.
#[track_caller]
pub(super) fn certain<T>(found: Option<T>) -> Option<T> {
    debug_assert!(found.is_some(), "a number that the upstream manager keeps leads to nothing");
    found
}
