//! What the bytes of the fuzzer stand for, in a form that can be written by hand as well.

/// Between two parts of an input of text: the ASCII character "record separator".
pub const SEPARATOR: &[u8] = b"\x1e";

/// The most bytes that a repeated part grows to.
const LARGEST: usize = 256 * 1024;

/// Choices, which the first byte makes, and the rest divided into parts.
pub struct Input<'a> {
    choices: u8,
    parts: Vec<&'a [u8]>,
}

impl<'a> Input<'a> {
    /// Takes the bytes apart; the choices are all 0 with `0` as the first byte.
    pub fn new(bytes: &'a [u8], separator: &[u8]) -> Self {
        let (first, mut rest) = bytes.split_first().unwrap_or((&b'0', b""));
        let mut parts = Vec::new();
        while let Some(end) = rest.windows(separator.len()).position(|window| window == separator) {
            parts.push(&rest[..end]);
            rest = &rest[end + separator.len()..];
        }
        parts.push(rest);
        parts.reverse();
        Self { choices: first.wrapping_sub(b'0'), parts }
    }

    /// The next choice, below `bound`.
    pub fn choose(&mut self, bound: u8) -> u8 {
        let choice = self.choices % bound;
        self.choices /= bound;
        choice
    }

    /// The next part; empty if there is none.
    pub fn part(&mut self) -> &'a [u8] {
        self.parts.pop().unwrap_or_default()
    }

    /// All parts that are left, with the last one repeated so often that it is `times` as long, or as long as makes
    /// sense: for what is too long for an input.
    pub fn rest(&mut self, times: usize) -> Vec<Vec<u8>> {
        let mut parts: Vec<_> =
            std::mem::take(&mut self.parts).into_iter().rev().map(<[u8]>::to_vec).collect();
        if let Some(last) = parts.last_mut() {
            *last = last.repeat(times.min(LARGEST / last.len().max(1)).max(1));
        }
        parts
    }
}

/// Sizes of the pieces in which bytes arrive.
#[derive(Debug, Clone)]
pub enum Pieces {
    /// All at once.
    Whole,
    /// All of the same size.
    Of(usize),
    /// All of different sizes.
    Random(crate::random::Random),
}

impl Pieces {
    /// Cuts `bytes`.
    pub fn cut<'a>(&mut self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let size = match self {
                Self::Whole => bytes.len(),
                Self::Of(size) => *size,
                Self::Random(random) => 1 << random.below(10),
            };
            let (piece, rest) = bytes.split_at(size.clamp(1, bytes.len()));
            pieces.push(piece);
            bytes = rest;
        }
        pieces
    }
}

/// Every way to cut that an input of `length` bytes is worth.
pub fn ways_to_cut(length: usize) -> Vec<Pieces> {
    let mut ways = vec![Pieces::Whole, Pieces::Random(crate::random::Random::new(length as u64))];
    if length <= 8 * 1024 {
        ways.extend([Pieces::Of(1), Pieces::Of(3)]);
    }
    ways
}
