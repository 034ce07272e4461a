//! Bytes that nobody may see: passwords, and messages that hold one.
#![forbid(unsafe_code)]

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// Bytes that are wiped when dropped, moved to a larger buffer or cleared.
///
/// There is no `Debug`, `Display` or `Clone`, so that a password can reach neither a log line nor a second place
/// in memory by accident. `==` takes the same time wherever the bytes differ (it does tell the length).
pub struct Secret(Vec<u8>, #[cfg(any(test, feature = "simulation"))] Counted);

impl Secret {
    /// An empty secret that takes `capacity` bytes without moving.
    pub fn with_capacity(capacity: usize) -> Self {
        Self::from_vec(Vec::with_capacity(capacity))
    }

    /// Takes over `bytes`; the vector's allocation is wiped with the secret.
    pub fn from_vec(bytes: Vec<u8>) -> Self {
        Self(
            bytes,
            #[cfg(any(test, feature = "simulation"))]
            Counted::new(),
        )
    }

    /// A wiped-on-drop copy of `bytes`; the original is the caller's to wipe.
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self::from_vec(bytes.to_vec())
    }

    /// The bytes themselves.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, to be overwritten in place.
    pub fn as_mut_bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes room for `additional` bytes more; a buffer that has to move is wiped where it was.
    pub fn reserve(&mut self, additional: usize) {
        let needed = self.0.len().saturating_add(additional);
        if needed <= self.0.capacity() {
            return;
        }
        let mut moved = Vec::with_capacity(needed);
        moved.extend_from_slice(&self.0);
        self.0.zeroize();
        self.0 = moved;
    }

    /// Appends `bytes`.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        if self.0.len().saturating_add(bytes.len()) > self.0.capacity() {
            // Doubling keeps byte-wise arrival linear in time.
            self.reserve(bytes.len().max(self.0.capacity()));
        }
        self.0.extend_from_slice(bytes);
    }

    /// Sets the length to `length`, filling with zeros.
    pub fn resize(&mut self, length: usize) {
        self.reserve(length.saturating_sub(self.0.len()));
        if length < self.0.len() {
            self.0.iter_mut().skip(length).for_each(|byte| byte.zeroize());
        }
        self.0.resize(length, 0);
    }

    /// Wipes the first `length` bytes and keeps them as zeros.
    pub fn wipe_first(&mut self, length: usize) {
        let length = length.min(self.0.len());
        if let Some(used) = self.0.get_mut(..length) {
            used.zeroize();
        }
    }

    /// Takes the first `length` bytes away; no copy of them or of the others is left behind.
    pub fn remove_first(&mut self, length: usize) {
        let length = length.min(self.0.len());
        self.0.copy_within(length.., 0);
        self.resize(self.0.len() - length);
    }

    /// Wipes the bytes and keeps the buffer.
    pub fn clear(&mut self) {
        self.0.zeroize();
    }
}

/// Wipes the part of the stack that what was called before from the same function has used: functions of libraries leave
/// there what they were given.
#[inline(never)]
pub fn wipe_stack() {
    let mut used = [0_u8; WIPED_STACK];
    used.zeroize();
    std::hint::black_box(&used);
}

/// In bytes: digests, and what calls them, take less, also without optimization.
const WIPED_STACK: usize = 16_000;

impl Default for Secret {
    fn default() -> Self {
        Self::from_vec(Vec::new())
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

/// How many secrets this thread has and has not dropped yet: tests prove with it that none is kept.
#[cfg(any(test, feature = "simulation"))]
pub(crate) fn alive() -> usize {
    ALIVE.with(std::cell::Cell::get)
}

#[cfg(any(test, feature = "simulation"))]
thread_local! {
    static ALIVE: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(any(test, feature = "simulation"))]
struct Counted;

#[cfg(any(test, feature = "simulation"))]
impl Counted {
    fn new() -> Self {
        ALIVE.with(|alive| alive.set(alive.get() + 1));
        Self
    }
}

#[cfg(any(test, feature = "simulation"))]
impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.with(|alive| alive.set(alive.get().saturating_sub(1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_grows_byte_by_byte_keeps_its_bytes() {
        let mut secret = Secret::default();
        for byte in 0..=255u8 {
            secret.extend_from_slice(&[byte]);
        }
        assert!(secret.as_bytes().iter().copied().eq(0..=255u8));
    }

    #[test]
    fn clearing_a_secret_leaves_nothing_to_read() {
        let mut secret = Secret::copy_of(b"hunter2");
        secret.clear();
        assert!(secret.is_empty());
    }

    #[test]
    fn shortening_and_lengthening_a_secret_shows_zeros_not_the_old_bytes() {
        let mut secret = Secret::copy_of(b"hunter2");
        secret.resize(2);
        secret.resize(5);
        assert_eq!(secret.as_bytes(), b"hu\0\0\0");
    }

    #[test]
    fn secrets_are_equal_when_all_their_bytes_are() {
        assert!(Secret::copy_of(b"same") == Secret::copy_of(b"same"));
        assert!(Secret::copy_of(b"same") != Secret::copy_of(b"sama"));
        assert!(Secret::copy_of(b"same") != Secret::copy_of(b"samesame"));
    }
}
