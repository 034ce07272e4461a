//! LMDB, version 1 of its format, on a machine with 64 bits.
//!
//! A tree of pages under one of two meta pages, whichever is of the later transaction. Pages of an older tree are used
//! again by the transaction after the next, so a file that is read in one go is of one piece if its newest transaction is
//! still the same afterwards.
#![forbid(unsafe_code)]

use super::bytes::{Bytes, Order};
use super::{Each, LONGEST};

const MAGIC_NUMBER: u32 = 0xBEEF_C0DE;
const FORMAT_VERSION: u32 = 1;

/// Of a meta page, behind the header that all pages have.
const MAGIC: usize = HEADER;
const VERSION: usize = MAGIC + 4;
const PAGE_SIZE: usize = MAGIC + 24;
const MAIN_FLAGS: usize = MAGIC + 24 + 48 + 4;
const MAIN_ROOT: usize = MAGIC + 24 + 48 + 40;
const TRANSACTION: usize = MAGIC + 24 + 2 * 48 + 8;
const NO_ROOT: u64 = u64::MAX;
/// Keys with several values, which libsasl never makes.
const DUPLICATES: u16 = 0x04;

/// Of every page.
const HEADER: usize = 16;
const PAGE_FLAGS: usize = 10;
const LOWER: usize = 12;
const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
const OVERFLOW: u16 = 0x04;
const KINDS: u16 = BRANCH | LEAF | OVERFLOW | 0x08 | 0x20 | 0x40;

/// Of a node.
const NODE_FLAGS: usize = 4;
const NODE_KEY_SIZE: usize = 6;
const NODE_KEY: usize = 8;
const VALUE_ON_OVERFLOW_PAGES: u16 = 0x01;

/// The deepest tree that LMDB makes.
const DEEPEST: usize = 32;

/// `None` if it is no file of LMDB; an error if it is one that cannot be read.
pub(super) fn recognize(file: &[u8]) -> Option<Result<(), String>> {
    let file = Bytes::new(file, Order::NATIVE);
    let magic = file.u32(MAGIC)?;
    if magic == MAGIC_NUMBER.swap_bytes() {
        return Some(Err("it is an lmdb file of a machine with the other order of bytes".to_owned()));
    }
    if magic != MAGIC_NUMBER {
        return None;
    }
    match file.u32(VERSION) {
        Some(FORMAT_VERSION) => Some(Ok(())),
        version => Some(Err(format!(
            "it is an lmdb file of version {}; {FORMAT_VERSION} can be read",
            version.unwrap_or_default()
        ))),
    }
}

/// The number of the last transaction that the file has.
pub(super) fn newest_transaction(file: &[u8]) -> Option<u64> {
    newest_meta(Bytes::new(file, Order::NATIVE))?.u64(TRANSACTION)
}

fn page_size(file: Bytes<'_>) -> Option<usize> {
    file.size32(PAGE_SIZE).filter(|size| size.is_power_of_two() && (256..=65536).contains(size))
}

fn newest_meta(file: Bytes<'_>) -> Option<Bytes<'_>> {
    let size = page_size(file)?;
    let metas = [file.part(0, size), file.part(size, size)].into_iter().flatten();
    metas.filter(|meta| meta.u32(MAGIC) == Some(MAGIC_NUMBER)).max_by_key(|meta| meta.u64(TRANSACTION))
}

/// Hands all keys and values to `each`.
pub(super) fn walk(file: &[u8], each: Each<'_>) -> Result<(), String> {
    let file = Bytes::new(file, Order::NATIVE);
    let meta = newest_meta(file).ok_or("it has no meta page")?;
    let page_size = page_size(file).unwrap_or_default();
    let (flags, root) = meta.u16(MAIN_FLAGS).zip(meta.u64(MAIN_ROOT)).ok_or("its meta page is cut off")?;
    if flags & DUPLICATES != 0 {
        return Err("its keys have several values, which libsasl never makes".to_owned());
    }
    let mut pages_left = file.all.len() / page_size.max(1);
    let mut tree = Tree { file, page_size, pages_left: &mut pages_left, each };
    if root == NO_ROOT { Ok(()) } else { tree.walk(root, DEEPEST) }
}

struct Tree<'a, 'b> {
    file: Bytes<'a>,
    page_size: usize,
    /// Each page is in a tree once: with none left it goes round in circles.
    pages_left: &'b mut usize,
    each: Each<'b>,
}

impl<'a> Tree<'a, '_> {
    fn walk(&mut self, number: u64, deepest: usize) -> Result<(), String> {
        let damaged = || format!("page {number} is not as it should be");
        let left = self.pages_left.checked_sub(1).filter(|_| deepest > 0);
        *self.pages_left = left.ok_or("its tree has no end")?;
        let page = self.from(number).and_then(|rest| rest.part(0, self.page_size)).ok_or_else(damaged)?;
        let kind = page.u16(PAGE_FLAGS).unwrap_or_default() & KINDS;
        let nodes = page.size16(LOWER).and_then(|lower| lower.checked_sub(HEADER)).ok_or_else(damaged)? / 2;
        for node in 0..nodes {
            let start = page.size16(HEADER + 2 * node).ok_or_else(damaged)?;
            let node = page.all.get(start..).map(|rest| Node { bytes: Bytes::new(rest, Order::NATIVE) });
            let node = node.ok_or_else(damaged)?;
            match kind {
                BRANCH => self.walk(node.child().ok_or_else(damaged)?, deepest - 1)?,
                LEAF => {
                    let (key, value) = self.entry(node).ok_or_else(damaged)?;
                    if value.len() <= LONGEST {
                        (self.each)(key, value)?;
                    }
                }
                _ => return Err(damaged()),
            }
        }
        Ok(())
    }

    /// The file from that page on: a long value is in several pages side by side.
    fn from(&self, number: u64) -> Option<Bytes<'a>> {
        let start = usize::try_from(number).ok()?.checked_mul(self.page_size)?;
        self.file.part(start, self.file.all.len().checked_sub(start)?)
    }

    fn entry(&self, node: Node<'a>) -> Option<(&'a [u8], &'a [u8])> {
        let (key, size) = (node.key()?, node.value_size()?);
        let value = match node.bytes.u16(NODE_FLAGS)? {
            0 => node.bytes.slice(NODE_KEY + key.len(), size)?,
            VALUE_ON_OVERFLOW_PAGES => {
                let page = self.from(node.bytes.u64(NODE_KEY + key.len())?)?;
                if page.u16(PAGE_FLAGS)? & OVERFLOW == 0 {
                    return None;
                }
                page.slice(HEADER, size)?
            }
            _ => return None,
        };
        Some((key, value))
    }
}

struct Node<'a> {
    bytes: Bytes<'a>,
}

impl<'a> Node<'a> {
    fn key(&self) -> Option<&'a [u8]> {
        self.bytes.slice(NODE_KEY, self.bytes.size16(NODE_KEY_SIZE)?)
    }

    /// Of a leaf: two halves, the lower one first whatever the order of bytes (only little-endian machines were tried).
    fn value_size(&self) -> Option<usize> {
        let (low, high) = (self.bytes.u16(0)?, self.bytes.u16(2)?);
        usize::try_from(u32::from(high) << 16 | u32::from(low)).ok()
    }

    /// Of a branch: a number of 48 bits.
    fn child(&self) -> Option<u64> {
        let parts = (self.bytes.u16(0)?, self.bytes.u16(2)?, self.bytes.u16(NODE_FLAGS)?);
        Some(u64::from(parts.2) << 32 | u64::from(parts.1) << 16 | u64::from(parts.0))
    }
}
