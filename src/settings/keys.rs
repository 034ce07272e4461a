//! Typed access to the keys of `saslauthd.conf`: a mechanism asks for its keys, everything wrong is collected.
#![forbid(unsafe_code)]

use super::file::{Entry, Problem, Section, Severity};
use crate::secret::Secret;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The keys of several sections at a time: what a more special one says counts before what the others say.
pub struct Keys<'a> {
    source: &'a Path,
    /// The more special one first.
    sections: Vec<&'a Section>,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Keys<'a> {
    /// The keys of these sections of the file at `source`, the more special one first.
    pub fn new(source: &'a Path, sections: Vec<&'a Section>, problems: &'a mut Vec<Problem>) -> Self {
        Self { source, sections, problems }
    }

    /// The entry of a key, which may have several `names`. If there are more of them in a section, the one counts
    /// that does in C: see [`last_counts`].
    pub fn entry(&self, names: &[&str]) -> Option<&'a Entry> {
        let find = |section: &&'a Section| -> Option<&'a Entry> {
            let section: &'a Section = section;
            let mut entries = section.entries.iter().filter(|entry| names.contains(&entry.key.as_str()));
            let first = entries.next()?;
            if last_counts(&first.key) { entries.next_back().or(Some(first)) } else { Some(first) }
        };
        self.sections.iter().find_map(find)
    }

    /// A value that is UTF-8.
    pub fn text(&mut self, names: &[&str]) -> Option<&'a str> {
        let entry = self.entry(names)?;
        let text = std::str::from_utf8(entry.value.as_bytes());
        if text.is_err() {
            self.complain(entry, "is not UTF-8");
        }
        text.ok()
    }

    /// A value that may be anything, such as a password: to the very end of the line, as C takes it.
    pub fn secret(&self, names: &[&str]) -> Option<Secret> {
        let entry = self.entry(names)?;
        let mut secret = Secret::with_capacity(entry.value.len() + entry.blanks_after.len());
        secret.extend_from_slice(entry.value.as_bytes());
        secret.extend_from_slice(&entry.blanks_after);
        Some(secret)
    }

    /// The name of a file or directory.
    pub fn path(&mut self, names: &[&str]) -> Option<PathBuf> {
        let path = self.text(names).map(PathBuf::from)?;
        if let Some(entry) = self.entry(names).filter(|_| !path.is_absolute()) {
            // As for the C daemon, which changes its directory, too.
            self.warn(entry, "is not an absolute path: it is taken from the run directory");
        }
        Some(path)
    }

    /// C's way: the first letters count. `yes`, `true`, `on`, `1` and `no`, `false`, `off`, `0`, in any case.
    pub fn flag(&mut self, names: &[&str]) -> Option<bool> {
        let entry = self.entry(names)?;
        let value = entry.value.as_bytes().to_ascii_lowercase();
        let flag = match value.as_slice() {
            [b'y' | b't' | b'1', ..] | [b'o', b'n', ..] => Some(true),
            [b'n' | b'f' | b'0', ..] | [b'o', b'f', ..] => Some(false),
            _ => None,
        };
        if flag.is_none() {
            self.complain(entry, "takes yes or no");
        }
        flag
    }

    /// A flag of the C daemon, which knows small letters only and takes everything else for no, without a word. So
    /// does this, with a warning. For what protects nothing: see [`Self::safeguard`].
    pub fn switch(&mut self, names: &[&str]) -> Option<bool> {
        let entry = self.entry(names)?;
        let told = told_to_c(entry.value.as_bytes());
        if told.is_none() {
            self.warn(entry, "means no, as in the C daemon: for yes write yes, true, on or 1 in lower case");
        }
        Some(told.unwrap_or(false))
    }

    /// A flag of the C daemon that protects something, which it turns off for every word that it does not know, as
    /// `YES`, `enabled` or the `demand` of libldap. Here only a word for no turns it off. A warning tells of the
    /// difference.
    pub fn safeguard(&mut self, names: &[&str]) -> Option<bool> {
        let entry = self.entry(names)?;
        let value = entry.value.as_bytes().to_ascii_lowercase();
        if let Some(told) = told_to_c(entry.value.as_bytes()) {
            return Some(told);
        }
        let off =
            ["n", "f", "0", "of", "allow", "disable"].iter().any(|word| value.starts_with(word.as_bytes()));
        let means = if off { "no" } else { "yes, but no for the C daemon" };
        self.warn(entry, &format!("takes yes or no; this means {means}"));
        Some(!off)
    }

    /// A number as the C daemon reads it, which takes the digits that a value begins with, 0 if there are none, and what
    /// is too large for a number it can hold. What is not plain is a warning, and what is not within `range`, with
    /// which the C daemon cannot work either, an error.
    pub fn lenient_number(&mut self, names: &[&str], range: RangeInclusive<u32>) -> Option<u32> {
        let entry = self.entry(names)?;
        let (told, is_plain) = number_of_c(entry.value.as_bytes());
        let number = told.min(i64::from(*range.end()));
        let is_plain = is_plain && number == told;
        let taken = u32::try_from(number).ok().filter(|number| range.contains(number));
        match taken {
            None => {
                self.complain(entry, &format!("takes a number from {} to {}", range.start(), range.end()))
            }
            Some(number) if !is_plain => {
                self.warn(entry, &format!("takes a number; this is read as {number}"))
            }
            Some(_) => {}
        }
        taken
    }

    /// A whole number within `range`.
    pub fn number(&mut self, names: &[&str], range: RangeInclusive<u32>) -> Option<u32> {
        let entry = self.entry(names)?;
        let digits = std::str::from_utf8(entry.value.as_bytes()).ok();
        let digits = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let number = digits.and_then(|digits| digits.parse().ok()).filter(|number| range.contains(number));
        if number.is_none() {
            self.complain(entry, &format!("takes a number from {} to {}", range.start(), range.end()));
        }
        number
    }

    /// A number of seconds from 1 to a day.
    pub fn seconds(&mut self, names: &[&str]) -> Option<Duration> {
        self.number(names, 1..=86_400).map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// One of a few words, in any case.
    pub fn choice<T: Copy>(&mut self, names: &[&str], choices: &[(&str, T)]) -> Option<T> {
        let entry = self.entry(names)?;
        let chosen = chosen(entry, choices);
        if chosen.is_none() {
            self.complain(entry, &takes_one_of(choices));
        }
        chosen
    }

    /// As [`Self::choice`] for a key of which C takes the default when it does not know the word: then this warns. For
    /// C a blank behind a word makes it one that it does not know.
    pub fn lenient_choice<T: Copy>(&mut self, names: &[&str], choices: &[(&str, T)]) -> Option<T> {
        let entry = self.entry(names)?;
        let chosen = chosen(entry, choices);
        if chosen.is_some() && !entry.blanks_after.is_empty() {
            self.warn(entry, "has a blank after its word, so the default is used, as in the C daemon");
            return None;
        }
        if chosen.is_none() {
            self.warn(entry, &format!("{}; the default is used", takes_one_of(choices)));
        }
        chosen
    }

    /// Says that the value of an entry cannot be used; `what` goes on after the key's name.
    pub fn complain(&mut self, entry: &Entry, what: &str) {
        self.complain_at(entry, Some(0), what);
    }

    /// As [`Self::complain`], about the byte at `offset` of the value.
    pub fn complain_at(&mut self, entry: &Entry, offset: Option<usize>, what: &str) {
        let column = offset.map(|offset| entry.column + offset);
        self.tell(Severity::Error, Some(entry.line), column, format!("{} {what}", entry.key));
    }

    /// Says that an entry does not do what one might think; `what` goes on after the key's name.
    pub fn warn(&mut self, entry: &Entry, what: &str) {
        self.warn_at(entry, Some(0), what);
    }

    /// As [`Self::warn`], about the byte at `offset` of the value.
    pub fn warn_at(&mut self, entry: &Entry, offset: Option<usize>, what: &str) {
        let column = offset.map(|offset| entry.column + offset);
        self.tell(Severity::Warning, Some(entry.line), column, format!("{} {what}", entry.key));
    }

    /// Says that something is missing that no line could be blamed for.
    pub fn miss(&mut self, text: &str) {
        self.tell(Severity::Error, None, None, text.to_owned());
    }

    fn tell(&mut self, severity: Severity, line: Option<usize>, column: Option<usize>, text: String) {
        self.problems.push(Problem { source: self.source.to_owned(), line, column, severity, text });
    }
}

/// Which one of several lines with the same key counts: C's ldap takes the last, its other mechanisms the first.
pub fn last_counts(key: &str) -> bool {
    key.starts_with("ldap_")
}

/// C's reading of a flag (`lak_config_switch`): `None` where it knows none of the letters, which is no to it.
fn told_to_c(value: &[u8]) -> Option<bool> {
    match value {
        [b'y' | b't' | b'1', ..] | [b'o', b'n', ..] => Some(true),
        [b'n' | b'f' | b'0', ..] | [b'o', b'f', ..] => Some(false),
        _ => None,
    }
}

/// C's reading of a number (`lak_config_int`, atoi), and whether it is nothing but digits.
fn number_of_c(value: &[u8]) -> (i64, bool) {
    let (negative, rest) = match value {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, value),
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = rest.get(..digits).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default();
    let number = if text.is_empty() { 0 } else { text.parse().unwrap_or(i64::MAX) };
    let is_plain = !negative && digits == value.len() && number <= i64::from(i32::MAX);
    (if negative { -number } else { number }, is_plain)
}

fn chosen<T: Copy>(entry: &Entry, choices: &[(&str, T)]) -> Option<T> {
    let value = entry.value.as_bytes();
    let choice = choices.iter().find(|(word, _)| word.as_bytes().eq_ignore_ascii_case(value));
    choice.map(|(_, choice)| *choice)
}

fn takes_one_of<T>(choices: &[(&str, T)]) -> String {
    let words = choices.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    format!("takes one of {words}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "keys_tests.rs"]
mod tests;
