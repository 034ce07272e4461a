//! Bytes as a sequence of operations.

/// Takes what the next operation needs from the front.
pub struct Operations<'a>(&'a [u8]);

impl<'a> Operations<'a> {
    /// Of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte; `None` at the end.
    pub fn next_byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A number below `bound`, which is above 0; 0 at the end.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.next_byte().unwrap_or(0)) % bound
    }

    /// One of `items`.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        items.get(self.below(items.len().max(1))).copied()
    }
}
