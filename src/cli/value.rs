//! Values of flags: each parser knows its flag, so that a bad value is one sentence that names both.
#![forbid(unsafe_code)]

use clap::builder::{OsStringValueParser, TypedValueParser};
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::ops::RangeInclusive;

/// A value that its flag cannot have: one sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InvalidValue(pub(super) String);

impl InvalidValue {
    /// The sentence inside clap's error; clap's own words are only left for what getopt has ruled out already.
    pub(super) fn from_clap(error: &clap::Error) -> Self {
        let own = error.source().and_then(|source| source.downcast_ref::<Self>());
        own.cloned().unwrap_or_else(|| Self(error.to_string().lines().next().unwrap_or_default().to_owned()))
    }
}

impl fmt::Display for InvalidValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for InvalidValue {}

/// A parser made of `read`; values need not be UTF-8.
pub(super) fn parser<T, F>(read: F) -> impl TypedValueParser<Value = T>
where
    T: Clone + Send + Sync + 'static,
    F: Fn(&OsStr) -> Result<T, InvalidValue> + Clone + Send + Sync + 'static,
{
    OsStringValueParser::new().try_map(move |value: OsString| read(&value))
}

/// A whole number within `range`.
pub(super) fn number(flag: &'static str, range: RangeInclusive<u32>) -> impl TypedValueParser<Value = u32> {
    parser(move |value| match whole_number(value) {
        Some(number) if range.contains(&number) => Ok(number),
        _ => Err(InvalidValue(format!(
            "{flag} takes a number from {} to {}, not {}",
            range.start(),
            range.end(),
            shown(value)
        ))),
    })
}

/// One of a few words.
pub(super) fn choice<T, const N: usize>(
    flag: &'static str,
    choices: [(&'static str, T); N],
) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    parser(move |value| {
        let chosen = choices.iter().find(|(word, _)| value == *word).map(|(_, choice)| *choice);
        chosen.ok_or_else(|| {
            let words = choices.map(|(word, _)| word).join(", ");
            InvalidValue(format!("{flag} takes one of {words}, not {}", shown(value)))
        })
    })
}

/// Plain decimal digits, with blanks around them as atoi allows (a shell variable may hold some). What is too large
/// for the type is `u32::MAX`, which no flag takes.
pub(super) fn whole_number(value: &OsStr) -> Option<u32> {
    let digits = value.to_str()?.trim_matches([' ', '\t']);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().unwrap_or(u32::MAX))
}

/// A value as an error shows it: quoted, so that an empty one and blanks can be seen, with control bytes escaped.
pub(super) fn shown(value: &OsStr) -> String {
    format!("{:?}", value.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits_and_nothing_else() {
        for (text, expected) in [
            ("0", Some(0)),
            ("5", Some(5)),
            ("05", Some(5)),
            (" 5 ", Some(5)),
            ("99999999999", Some(u32::MAX)),
        ] {
            assert_eq!(whole_number(OsStr::new(text)), expected, "{text:?}");
        }
        for text in ["", " ", "-1", "+5", "5x", "0x5", "5.0", "1 2", "=5", "٥"] {
            assert_eq!(whole_number(OsStr::new(text)), None, "{text:?}");
        }
    }

    #[test]
    fn a_value_is_shown_so_that_nothing_is_hidden() {
        assert_eq!(shown(OsStr::new("")), "\"\"");
        assert_eq!(shown(OsStr::new("a\u{1b}b ")), "\"a\\u{1b}b \"");
    }
}
