//! Bytes in the place of chance.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::collections::VecDeque;

thread_local! {
    /// Of the thread that plays one.
    static SCRIPT: RefCell<Option<VecDeque<u8>>> = const { RefCell::new(None) };
}

/// Plays a world whose chance comes from these bytes, and from a fixed seed when they are used up.
#[cfg(any(test, feature = "simulation"))]
#[cfg_attr(not(feature = "simulation"), allow(dead_code))]
pub(super) fn play(bytes: &[u8], world: impl FnOnce()) {
    SCRIPT.set(Some(bytes.iter().copied().collect()));
    world();
    SCRIPT.set(None);
}

/// Whether there is a script that has come to its end. Then nothing happens any more by itself: a world is only to be
/// brought to its end.
pub(crate) fn is_over() -> bool {
    SCRIPT.with_borrow(|script| script.as_ref().is_some_and(VecDeque::is_empty))
}

/// A number of as many bytes as `limit` needs; none without a script, or when it is over.
pub(super) fn draw(limit: u64) -> Option<u64> {
    SCRIPT.with_borrow_mut(|script| {
        let script = script.as_mut().filter(|script| !script.is_empty())?;
        let bits = u64::BITS - limit.saturating_sub(1).leading_zeros();
        let bytes = script.drain(..(bits.div_ceil(8).max(1) as usize).min(script.len()));
        Some(bytes.fold(0, |number, byte| number << 8 | u64::from(byte)))
    })
}
