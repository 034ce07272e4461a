//! The file formats that libsasl's sasldb is made in, read from their bytes alone: which one a file is tells its beginning.
//!
//! No library reads them here: each distribution has linked libsasl with another one, and none can be relied on to be there. Whole
//! files are walked through and nothing is looked up by its hash, so nothing depends on the hash functions of these
//! libraries. A file may hold anything: every place and length is checked, and no chain is followed for longer than the
//! file has pages.
#![forbid(unsafe_code)]

mod berkeley;
mod bytes;
mod gdbm;
mod lmdb;

use std::fmt;

/// A format that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Berkeley DB's hash, as Debian has it.
    Berkeley,
    /// GNU dbm, as Fedora has it.
    Gdbm,
    /// LMDB.
    Lmdb,
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Berkeley => "Berkeley DB hash",
            Self::Gdbm => "gdbm",
            Self::Lmdb => "lmdb",
        })
    }
}

/// Why a file gives no entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotRead {
    /// It is none of the formats; what was found instead.
    Unknown(String),
    /// It is of that format, but not as it should be; where and why.
    Damaged(Format, String),
}

impl fmt::Display for NotRead {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(found) => formatter.write_str(found),
            Self::Damaged(format, why) => write!(formatter, "it is a damaged {format} file: {why}"),
        }
    }
}

/// Which format a file is, by its first bytes.
///
/// # Errors
/// It is none that can be read; says what it is.
pub(super) fn format_of(file: &[u8]) -> Result<Format, NotRead> {
    if file.is_empty() {
        return Err(NotRead::Unknown("it is empty".to_owned()));
    }
    if let Some(found) = berkeley::recognize(file) {
        return found.map(|()| Format::Berkeley).map_err(NotRead::Unknown);
    }
    if let Some(found) = gdbm::recognize(file) {
        return found.map(|()| Format::Gdbm).map_err(NotRead::Unknown);
    }
    if let Some(found) = lmdb::recognize(file) {
        return found.map(|()| Format::Lmdb).map_err(NotRead::Unknown);
    }
    let found = if file.starts_with(b"SQLite format 3\0") { "an SQLite file" } else { "something else" };
    Err(NotRead::Unknown(format!("it should be a Berkeley DB hash, gdbm or lmdb file and is {found}")))
}

/// Hands each key with its value to `each`, in no order. Keys and values longer than `LONGEST` are passed over.
///
/// # Errors
/// The file is none that can be read. `each` may have had some entries before that is noticed.
pub fn walk(file: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) -> Result<Format, NotRead> {
    let format = format_of(file)?;
    // Entries of a file that somebody has made up may lie upon each other: it must not take hours to read.
    let mut room = Room(file.len());
    let mut counted = |key: &[u8], value: &[u8]| {
        room.take(key.len().saturating_add(value.len()))?;
        each(key, value);
        Ok(())
    };
    let walked = match format {
        Format::Berkeley => berkeley::walk(file, &mut counted),
        Format::Gdbm => gdbm::walk(file, &mut counted),
        Format::Lmdb => lmdb::walk(file, &mut counted),
    };
    walked.map(|()| format).map_err(|why| NotRead::Damaged(format, why))
}

/// Takes an entry, or says why there must be no more of them.
type Each<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<(), String>;

/// The bytes of a file that no entry has had yet: each byte belongs to one at the most.
struct Room(usize);

impl Room {
    fn take(&mut self, bytes: usize) -> Result<(), String> {
        self.0 = self.0.checked_sub(bytes).ok_or("its entries lie upon each other")?;
        Ok(())
    }
}

/// What changes with every change of a database whose format has it: read twice, it tells whether what was read in
/// between is of one piece.
pub(super) fn revision(format: Format, file: &[u8]) -> Option<u64> {
    match format {
        Format::Lmdb => lmdb::newest_transaction(file),
        Format::Berkeley | Format::Gdbm => None,
    }
}

/// The longest key and value in bytes: more than a login, realm and password can have together.
pub(super) const LONGEST: usize = 1 << 17;

#[cfg(test)]
mod tests;
