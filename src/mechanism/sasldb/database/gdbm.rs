//! GNU dbm, the standard format and the *numsync* one, with places of 64 bits.
//!
//! A header names the directory, a list of places of buckets; a bucket names the places of its entries; at each is a key
//! with its value behind it.
#![forbid(unsafe_code)]

use super::bytes::{Bytes, Order};
use super::{Each, LONGEST, Room};
use std::collections::HashSet;

/// As libgdbm itself wrote it at first, by its name for it, and with places of 64 bits; the standard and the numsync format.
const MAGICS: [u32; 3] = [0x1357_9ace, 0x1357_9acf, 0x1357_9ad1];
/// The same with places of 32 bits.
const MAGICS_32: [u32; 2] = [0x1357_9acd, 0x1357_9ad0];

/// Of the header.
const DIRECTORY: usize = 8;
const DIRECTORY_SIZE: usize = 16;
const BUCKET_SIZE: usize = 24;
const BUCKET_ENTRIES: usize = 28;

/// Of a bucket: what is free comes first, then two counts.
const ENTRIES: usize = 8 + 6 * 16 + 8;
const ENTRY_SIZE: usize = 24;

/// Of an entry.
const HASH: usize = 0;
const PLACE: usize = 8;
const KEY_SIZE: usize = 16;
const VALUE_SIZE: usize = 20;
const UNUSED: u32 = u32::MAX;

/// `None` if it is no file of gdbm; an error if it is one that cannot be read.
pub(super) fn recognize(file: &[u8]) -> Option<Result<(), String>> {
    let magic = Bytes::new(file, Order::NATIVE).u32(0)?;
    if MAGICS.contains(&magic) {
        return Some(Ok(()));
    }
    if MAGICS_32.contains(&magic) {
        return Some(Err("it is a gdbm file of a machine with 32 bits".to_owned()));
    }
    let is_swapped = [&MAGICS[..], &MAGICS_32[..]].concat().contains(&magic.swap_bytes());
    is_swapped.then(|| Err("it is a gdbm file of a machine with the other order of bytes".to_owned()))
}

/// Hands all keys and values to `each`.
pub(super) fn walk(file: &[u8], each: Each<'_>) -> Result<(), String> {
    let file = Bytes::new(file, Order::NATIVE);
    let header = || {
        let directory = file.part(file.size64(DIRECTORY)?, file.size32(DIRECTORY_SIZE)?)?;
        Some((directory, file.size32(BUCKET_SIZE)?, file.size32(BUCKET_ENTRIES)?))
    };
    let (directory, bucket_size, entries) = header().ok_or("its directory is not within it")?;
    if entries
        .checked_mul(ENTRY_SIZE)
        .and_then(|size| size.checked_add(ENTRIES))
        .is_none_or(|size| size > bucket_size)
    {
        return Err(format!("buckets of {bucket_size} bytes cannot have {entries} entries"));
    }
    // Many names of the directory may stand for one bucket.
    let mut seen = HashSet::new();
    let mut room = Room(file.all.len());
    for place in (0..directory.all.len() / 8).filter_map(|name| directory.size64(8 * name)) {
        if seen.insert(place) {
            let bucket = file.part(place, bucket_size);
            let bucket = bucket.ok_or_else(|| format!("the bucket at {place} is not within it"))?;
            room.take(bucket_size)?;
            for number in 0..entries {
                let outside = || format!("the bucket at {place} has an entry that is not within the file");
                if let Some((key, value)) = entry(file, bucket, number).ok_or_else(outside)? {
                    each(key, value)?;
                }
            }
        }
    }
    Ok(())
}

/// The entry of that number: `None` if it is beyond the end of the file, `Some(None)` if there is none of use.
fn entry<'a>(file: Bytes<'a>, bucket: Bytes<'_>, number: usize) -> Option<Option<(&'a [u8], &'a [u8])>> {
    let entry = bucket.part(ENTRIES + number * ENTRY_SIZE, ENTRY_SIZE)?;
    if entry.u32(HASH)? == UNUSED {
        return Some(None);
    }
    let (place, key, value) = (entry.size64(PLACE)?, entry.size32(KEY_SIZE)?, entry.size32(VALUE_SIZE)?);
    let both = file.slice(place, key.checked_add(value)?)?;
    let is_short = key <= LONGEST && value <= LONGEST;
    Some(if is_short { Some(both.split_at_checked(key)?) } else { None })
}
