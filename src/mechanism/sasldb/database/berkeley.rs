//! Berkeley DB, access method hash, versions 8 to 10 of its format: those of the library's releases 4 to 6 and 18.
//!
//! A file is an array of pages. The first describes it; those of the types *hash* have items, a key and its value in
//! turn; what is too long for a page is in a chain of overflow pages.
#![forbid(unsafe_code)]

use super::bytes::{Bytes, Order};
use super::{Each, LONGEST, Room};
use crate::secret::Secret;

const HASH_MAGIC: u32 = 0x0006_1561;
const VERSIONS: std::ops::RangeInclusive<u32> = 8..=10;
/// The access methods that libsasl never uses, by the magic number of their files.
const OTHERS: [(u32, &str); 3] = [(0x0005_3162, "btree"), (0x0004_2253, "queue"), (0x0007_4582, "heap")];

/// Of the first page.
const MAGIC: usize = 12;
const VERSION: usize = 16;
const PAGE_SIZE: usize = 20;
const ENCRYPTION: usize = 24;
const META_FLAGS: usize = 26;
const CHECKSUMS: u8 = 1;

/// Of every other page.
const NEXT_PAGE: usize = 16;
const ITEMS: usize = 20;
const OVERFLOW_LENGTH: usize = 22;
const PAGE_TYPE: usize = 25;
const HEADER: usize = 26;

const UNSORTED_HASH_PAGE: u8 = 2;
const OVERFLOW_PAGE: u8 = 7;
const SORTED_HASH_PAGE: u8 = 13;

const ITEM_ON_PAGE: u8 = 1;
const ITEM_ON_OVERFLOW_PAGES: u8 = 3;

/// `None` if it is no file of Berkeley DB; an error if it is one of a kind that cannot be read.
pub(super) fn recognize(file: &[u8]) -> Option<Result<(), String>> {
    let (_, magic) = magic_of(file)?;
    if let Some((_, other)) = OTHERS.iter().find(|(other, _)| *other == magic) {
        return Some(Err(format!("it is a Berkeley DB {other} file; sasldb is a hash")));
    }
    Some(Database::open(file).map(drop).map_err(|why| format!("it is a Berkeley DB hash file {why}")))
}

/// The magic number, if it is one of Berkeley DB, and the order of bytes in which it is one.
fn magic_of(file: &[u8]) -> Option<(Order, u32)> {
    let is_known = |magic: u32| magic == HASH_MAGIC || OTHERS.iter().any(|(other, _)| *other == magic);
    [Order::Little, Order::Big].into_iter().find_map(|order| {
        let magic = Bytes::new(file, order).u32(MAGIC).filter(|magic| is_known(*magic))?;
        Some((order, magic))
    })
}

/// Hands all keys and values to `each`.
pub(super) fn walk(file: &[u8], each: Each<'_>) -> Result<(), String> {
    let mut database = Database::open(file)?;
    (1..database.pages()).try_for_each(|number| database.walk_page(number, each))
}

struct Database<'a> {
    file: Bytes<'a>,
    page_size: usize,
    /// For what is on overflow pages, each of which belongs to one item.
    overflow: Room,
}

impl<'a> Database<'a> {
    fn open(file: &'a [u8]) -> Result<Self, String> {
        let (order, _) = magic_of(file).ok_or("without its magic number")?;
        let file = Bytes::new(file, order);
        let cut = "that ends within its first page";
        let version = file.u32(VERSION).ok_or(cut)?;
        if !VERSIONS.contains(&version) {
            return Err(format!("of version {version}; 8, 9 and 10 can be read"));
        }
        if file.byte(ENCRYPTION).ok_or(cut)? != 0 {
            return Err("that is encrypted".to_owned());
        }
        if file.byte(META_FLAGS).ok_or(cut)? & CHECKSUMS != 0 {
            return Err("with checksums, which libsasl never makes".to_owned());
        }
        let page_size = file.size32(PAGE_SIZE).ok_or(cut)?;
        if !page_size.is_power_of_two() || !(512..=65536).contains(&page_size) {
            return Err(format!("with pages of {page_size} bytes"));
        }
        Ok(Self { file, page_size, overflow: Room(file.all.len()) })
    }

    fn pages(&self) -> usize {
        self.file.all.len() / self.page_size
    }

    fn page(&self, number: usize) -> Result<Bytes<'a>, String> {
        let start = number.checked_mul(self.page_size);
        let page = start.and_then(|start| self.file.part(start, self.page_size));
        page.ok_or_else(|| format!("page {number} is beyond its end"))
    }

    fn walk_page(&mut self, number: usize, each: Each<'_>) -> Result<(), String> {
        let page = self.page(number)?;
        if !matches!(page.byte(PAGE_TYPE), Some(UNSORTED_HASH_PAGE | SORTED_HASH_PAGE)) {
            return Ok(());
        }
        let odd = |what: &str| format!("page {number} {what}");
        let items = page.size16(ITEMS).unwrap_or_default();
        if items % 2 != 0 {
            return Err(odd("has a key without a value"));
        }
        for place in (0..items).step_by(2) {
            let pair = self.item(page, place).zip(self.item(page, place + 1));
            let (key, value) = pair.ok_or_else(|| odd("has an item that is not within it"))?;
            let (key, value) = (self.content(key, number)?, self.content(value, number)?);
            if let (Some(key), Some(value)) = (key, value) {
                each(key.as_bytes(), value.as_bytes())?;
            }
        }
        Ok(())
    }

    /// An item lies between its own place and that of the one before it: a page is filled from its end.
    fn item(&self, page: Bytes<'a>, place: usize) -> Option<Bytes<'a>> {
        let start_of = |place: usize| page.size16(HEADER + 2 * place);
        let end = match place.checked_sub(1) {
            Some(before) => start_of(before)?,
            None => self.page_size,
        };
        let start = start_of(place)?;
        page.part(start, end.checked_sub(start)?)
    }

    /// What an item holds; `None` if it is longer than anything that is looked for.
    fn content(&mut self, item: Bytes<'a>, page: usize) -> Result<Option<Content<'a>>, String> {
        match item.byte(0) {
            Some(ITEM_ON_PAGE) => Ok(item.all.get(1..).map(Content::OnPage)),
            Some(ITEM_ON_OVERFLOW_PAGES) => {
                let place = item.size32(4).zip(item.size32(8));
                let (first, length) =
                    place.ok_or_else(|| format!("page {page} has an item that is cut off"))?;
                if length > LONGEST {
                    return Ok(None);
                }
                self.chain(first, length).map(Content::OnOverflowPages).map(Some)
            }
            Some(kind) => {
                Err(format!("page {page} has an item of the kind {kind}, which libsasl never makes"))
            }
            None => Err(format!("page {page} has an item without a byte")),
        }
    }

    /// The pages hold at least a byte each, so `length` bounds their number.
    fn chain(&mut self, first: usize, length: usize) -> Result<Secret, String> {
        self.overflow.take(length)?;
        let mut bytes = Secret::with_capacity(length);
        let mut number = first;
        while bytes.len() < length {
            let page = self.page(number)?;
            let filled = page.size16(OVERFLOW_LENGTH).filter(|filled| *filled > 0);
            let part = filled.and_then(|filled| page.slice(HEADER, filled.min(length - bytes.len())));
            match part {
                Some(part) if page.byte(PAGE_TYPE) == Some(OVERFLOW_PAGE) => bytes.extend_from_slice(part),
                _ => return Err(format!("page {number} should hold a part of a long item")),
            }
            number = page.size32(NEXT_PAGE).unwrap_or_default();
        }
        Ok(bytes)
    }
}

enum Content<'a> {
    OnPage(&'a [u8]),
    OnOverflowPages(Secret),
}

impl Content<'_> {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::OnPage(bytes) => bytes,
            Self::OnOverflowPages(bytes) => bytes.as_bytes(),
        }
    }
}
