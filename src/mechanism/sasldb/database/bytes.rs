//! Numbers at places of a file that may hold anything.
#![forbid(unsafe_code)]

/// A file or a part of it, whose numbers are in one order of bytes.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a> {
    pub(super) all: &'a [u8],
    order: Order,
}

/// Which byte of a number comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    /// Of this machine.
    pub(super) const NATIVE: Self = if cfg!(target_endian = "little") { Self::Little } else { Self::Big };
}

impl<'a> Bytes<'a> {
    pub(super) fn new(all: &'a [u8], order: Order) -> Self {
        Self { all, order }
    }

    /// The part from there on, of that length; `None` if the file does not reach so far.
    pub(super) fn part(self, from: usize, length: usize) -> Option<Self> {
        Some(Self { all: self.slice(from, length)?, order: self.order })
    }

    /// As [`Self::part`].
    pub(super) fn slice(self, from: usize, length: usize) -> Option<&'a [u8]> {
        self.all.get(from..from.checked_add(length)?)
    }

    pub(super) fn byte(self, at: usize) -> Option<u8> {
        self.all.get(at).copied()
    }

    pub(super) fn u16(self, at: usize) -> Option<u16> {
        let bytes = self.array(at)?;
        Some(match self.order {
            Order::Little => u16::from_le_bytes(bytes),
            Order::Big => u16::from_be_bytes(bytes),
        })
    }

    pub(super) fn u32(self, at: usize) -> Option<u32> {
        let bytes = self.array(at)?;
        Some(match self.order {
            Order::Little => u32::from_le_bytes(bytes),
            Order::Big => u32::from_be_bytes(bytes),
        })
    }

    pub(super) fn u64(self, at: usize) -> Option<u64> {
        let bytes = self.array(at)?;
        Some(match self.order {
            Order::Little => u64::from_le_bytes(bytes),
            Order::Big => u64::from_be_bytes(bytes),
        })
    }

    /// A number of 16 bits that is a place or a length.
    pub(super) fn size16(self, at: usize) -> Option<usize> {
        self.u16(at).map(usize::from)
    }

    /// A number of 32 bits that is a place or a length.
    pub(super) fn size32(self, at: usize) -> Option<usize> {
        usize::try_from(self.u32(at)?).ok()
    }

    /// A number of 64 bits that is a place or a length.
    pub(super) fn size64(self, at: usize) -> Option<usize> {
        usize::try_from(self.u64(at)?).ok()
    }

    fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.slice(at, N)?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_beyond_the_end_and_no_place_overflows() {
        let bytes = Bytes::new(&[1, 2, 3, 4, 5, 6, 7, 8], Order::Little);
        assert_eq!(bytes.u64(0), Some(0x0807_0605_0403_0201));
        assert_eq!(Bytes::new(bytes.all, Order::Big).u32(4), Some(0x0506_0708));
        assert_eq!((bytes.u16(6), bytes.u16(7), bytes.u16(usize::MAX)), (Some(0x0807), None, None));
        assert_eq!((bytes.u32(5), bytes.u64(1), bytes.byte(8)), (None, None, None));
        assert!(bytes.slice(usize::MAX, 2).is_none() && bytes.part(8, 0).is_some());
    }
}
