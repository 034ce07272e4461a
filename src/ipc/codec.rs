//! Writing and reading the parts of a message: numbers little-endian, strings with a 32-bit length before them.
#![forbid(unsafe_code)]

use crate::config::log_level::LogLevel;
use crate::secret::Secret;
use std::fmt;
use std::time::Duration;

/// The longest text of people's words in a message, in bytes.
pub(super) const LONGEST_TEXT: usize = 2048;

/// A message that is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a message between the daemon's processes is malformed")
    }
}

impl std::error::Error for Malformed {}

/// As much of `text` as a message has room for.
pub(super) fn cut(text: &str) -> &[u8] {
    let end = (0..=text.len().min(LONGEST_TEXT)).rev().find(|index| text.is_char_boundary(*index));
    text.as_bytes().get(..end.unwrap_or(0)).unwrap_or_default()
}

/// Puts a message together; wiped on drop, since it may hold a password.
pub(super) struct Writer(Secret);

impl Writer {
    pub(super) fn new(tag: u8, capacity: usize) -> Self {
        let mut message = Secret::with_capacity(capacity);
        message.extend_from_slice(&[tag]);
        Self(message)
    }

    pub(super) fn flag(self, value: bool) -> Self {
        self.number(u64::from(value))
    }

    pub(super) fn number(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(super) fn size(self, value: usize) -> Self {
        self.number(value as u64)
    }

    pub(super) fn duration(self, value: Duration) -> Self {
        self.number(u64::try_from(value.as_micros()).unwrap_or(u64::MAX))
    }

    pub(super) fn log_level(self, level: LogLevel) -> Self {
        self.string(level.name().as_bytes())
    }

    pub(super) fn string(mut self, value: &[u8]) -> Self {
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(value);
        self
    }

    pub(super) fn option<T>(self, value: Option<T>, write: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            None => self.flag(false),
            Some(value) => write(self.flag(true), value),
        }
    }

    pub(super) fn finish(self) -> Secret {
        self.0
    }
}

/// Takes a message apart.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The tag of a message and a reader of the rest.
    pub(super) fn new(message: &'a [u8]) -> Result<(u8, Self), Malformed> {
        let (tag, rest) = message.split_first().ok_or(Malformed)?;
        Ok((*tag, Self(rest)))
    }

    pub(super) fn flag(&mut self) -> Result<bool, Malformed> {
        match self.number()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }

    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    pub(super) fn size(&mut self) -> Result<usize, Malformed> {
        usize::try_from(self.number()?).map_err(|_| Malformed)
    }

    pub(super) fn duration(&mut self) -> Result<Duration, Malformed> {
        Ok(Duration::from_micros(self.number()?))
    }

    pub(super) fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let (length, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Malformed)?;
        let (string, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(string)
    }

    pub(super) fn log_level(&mut self) -> Result<LogLevel, Malformed> {
        LogLevel::of_name(&self.text()?).ok_or(Malformed)
    }

    pub(super) fn text(&mut self) -> Result<String, Malformed> {
        String::from_utf8(self.string()?.to_vec()).map_err(|_| Malformed)
    }

    pub(super) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    /// Fails if bytes are left over.
    pub(super) fn finish<T>(self, message: T) -> Result<T, Malformed> {
        if self.0.is_empty() { Ok(message) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_0_or_1() {
        let read = |value: u64| Reader(&value.to_le_bytes()).flag();
        assert_eq!((read(0), read(1)), (Ok(false), Ok(true)));
        for value in [2, 256, 1 << 32, u64::MAX] {
            assert_eq!(read(value), Err(Malformed), "{value}");
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        let text = format!("x{}", "ä".repeat(LONGEST_TEXT));
        assert_eq!(cut(&text).len(), LONGEST_TEXT - 1);
        assert!(std::str::from_utf8(cut(&text)).is_ok());
        assert_eq!(cut("short"), b"short");
    }
}
