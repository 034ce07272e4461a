//! The lines of `saslauthd.conf`: keys, values, sections. What the keys mean is not known here.
#![forbid(unsafe_code)]

use super::scope::Scope;
use crate::secret::Secret;
use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// A configuration file as it was read; any value may be a password.
#[derive(PartialEq, Eq)]
pub struct Text {
    /// Where it was read from.
    pub path: PathBuf,
    /// All of it.
    pub bytes: Secret,
}

/// A file taken apart.
#[derive(Default)]
pub struct File {
    /// What stands before the first section.
    pub general: Section,
    /// The sections, in the order of the file; no two have the same scope.
    pub sections: Vec<Section>,
}

/// Some keys and their values.
#[derive(Default)]
pub struct Section {
    /// What they are for.
    pub scope: Scope,
    /// The line of the header, from 1; 0 for the general part.
    pub line: usize,
    /// In the order of the file.
    pub entries: Vec<Entry>,
}

/// `key: value`
pub struct Entry {
    /// From 1.
    pub line: usize,
    /// The column of the value's first byte, from 1.
    pub column: usize,
    /// In small letters.
    pub key: String,
    /// Without blanks around it; not empty.
    pub value: Secret,
    /// The blanks between it and the end of the line. C keeps them, which only a password can depend on.
    pub blanks_after: Vec<u8>,
}

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, or what else is at fault, such as `-O`; empty if the text says it.
    pub source: PathBuf,
    /// From 1; `None` when no line is at fault.
    pub line: Option<usize>,
    /// From 1, in bytes; `None` when the whole line is meant.
    pub column: Option<usize>,
    /// Whether the daemon can run in spite of it.
    pub severity: Severity,
    /// One sentence without a full stop. Never shows a value that may be a password.
    pub text: String,
}

/// Whether the daemon can run in spite of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It can: the line is passed over. `--check` fails all the same.
    Warning,
    /// It cannot.
    Error,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.source.as_os_str().is_empty() {
            return formatter.write_str(&self.text);
        }
        write!(formatter, "{}:", self.source.display())?;
        if let Some(line) = self.line {
            write!(formatter, "{line}:")?;
        }
        if let Some(column) = self.column {
            write!(formatter, "{column}:")?;
        }
        write!(formatter, " {}", self.text)
    }
}

impl Problem {
    /// With which the daemon cannot run, and no line is at fault.
    pub fn error(source: &Path, text: impl Into<String>) -> Self {
        Self::of_source(source, Severity::Error, text.into())
    }

    /// With which the daemon can run, and no line is at fault.
    pub fn warning(source: &Path, text: impl Into<String>) -> Self {
        Self::of_source(source, Severity::Warning, text.into())
    }

    fn of_source(source: &Path, severity: Severity, text: String) -> Self {
        Self { source: source.to_owned(), line: None, column: None, severity, text }
    }

    /// Whether the daemon cannot run with it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({} bytes)", self.path.display(), self.bytes.len())
    }
}

impl Text {
    /// The same once more, for somebody else to wipe.
    pub fn copy(&self) -> Self {
        Self { path: self.path.clone(), bytes: Secret::copy_of(self.bytes.as_bytes()) }
    }

    /// Takes the lines apart. What is wrong with them is added to `problems`; the other lines still count. Whether any
    /// mechanism knows their keys is not looked at here.
    pub fn parse(&self, problems: &mut Vec<Problem>) -> File {
        let mut file = File::default();
        let bytes = self.bytes.as_bytes();
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        for (line, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            // Editors of other systems end a line with CR LF.
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            if let Err(wrong) = file.take(line, text) {
                problems.push(self.problem(line, wrong.column, Severity::Error, wrong.text));
            }
        }
        file
    }

    /// The same with nothing but what a mechanism of that name reads: lines with a key that `is_own`, in the general part and in
    /// its section. All others are empty, so that places in it are still those of the file.
    pub fn only_of_mechanism(&self, name: &str, is_own: impl Fn(&str) -> bool) -> Self {
        let file = self.parse(&mut Vec::new());
        let sections = file.for_mechanism(Some(name));
        let headers = sections.iter().map(|section| section.line);
        let entries = sections.iter().flat_map(|section| &section.entries);
        let lines: HashSet<_> =
            headers.chain(entries.filter(|entry| is_own(&entry.key)).map(|entry| entry.line)).collect();
        // All of it at once, so that passwords are in one place only.
        let mut bytes = Secret::with_capacity(self.bytes.len());
        for (number, line) in (1..).zip(self.bytes.as_bytes().split_inclusive(|byte| *byte == b'\n')) {
            bytes.extend_from_slice(if lines.contains(&number) { line } else { b"\n" });
        }
        Self { path: self.path.clone(), bytes }
    }

    fn problem(&self, line: usize, column: Option<usize>, severity: Severity, text: String) -> Problem {
        Problem { source: self.path.clone(), line: Some(line), column, severity, text }
    }

    /// The path, for problems.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// What some editors put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What is wrong with a line.
struct Wrong {
    /// From 1; `None` when the whole line is meant.
    column: Option<usize>,
    text: String,
}

impl Wrong {
    fn line(text: impl Into<String>) -> Self {
        Self { column: None, text: text.into() }
    }

    fn byte(offset: usize, text: impl Into<String>) -> Self {
        Self { column: Some(offset + 1), text: text.into() }
    }
}

impl File {
    fn take(&mut self, line: usize, text: &[u8]) -> Result<(), Wrong> {
        let trimmed = text.trim_ascii();
        if matches!(trimmed.first(), None | Some(b'#')) {
            return Ok(());
        }
        if let Some(offset) = text.iter().position(|byte| *byte == 0) {
            return Err(Wrong::byte(offset, "a NUL byte can be in a comment only"));
        }
        if trimmed.starts_with(b"[") {
            return self.open_section(line, trimmed);
        }
        let entry = entry(line, text)?;
        self.sections.last_mut().unwrap_or(&mut self.general).entries.push(entry);
        Ok(())
    }

    fn open_section(&mut self, line: usize, header: &[u8]) -> Result<(), Wrong> {
        let scope = Scope::parse(header);
        let wrong =
            match &scope {
                Err(text) => Some(Wrong::line(*text)),
                Ok(scope) => self.sections.iter().find(|section| section.scope.is_same(scope)).map(|taken| {
                    Wrong::line(format!("{scope} already has a section on line {}", taken.line))
                }),
            };
        // Its keys must not get into the section before, even if the header is no good.
        let scope = if wrong.is_none() { scope.unwrap_or_default() } else { Scope::Nothing };
        self.sections.push(Section { scope, line, entries: Vec::new() });
        wrong.map_or(Ok(()), Err)
    }

    /// All there are, the general part first.
    pub fn all(&self) -> impl Iterator<Item = &Section> {
        std::iter::once(&self.general).chain(&self.sections)
    }

    /// `[mechanism NAME]` of that name.
    pub fn of_mechanism(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(
            |section| matches!(&section.scope, Scope::Mechanism(known) if known.eq_ignore_ascii_case(name)),
        )
    }

    /// What holds for the mechanism of that name: its own section, if there is one, before the general part.
    pub fn for_mechanism(&self, name: Option<&str>) -> Vec<&Section> {
        name.and_then(|name| self.of_mechanism(name)).into_iter().chain([&self.general]).collect()
    }
}

/// C's rule for a key: letters, digits, `-` and `_`, even none of them. So it can be shown as it is.
fn is_key(key: &[u8]) -> bool {
    key.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn entry(line: usize, text: &[u8]) -> Result<Entry, Wrong> {
    let colon = text.iter().position(|byte| *byte == b':');
    let colon = colon.ok_or_else(|| Wrong::line("a line must be like \"key: value\""))?;
    let (key, rest) = text.split_at(colon);
    let key = std::str::from_utf8(key.trim_ascii()).ok().filter(|key| is_key(key.as_bytes()));
    let key = key.ok_or_else(|| Wrong::line("a key is one word of letters, digits, - and _"))?;
    let key = key.to_ascii_lowercase();
    let start = rest.iter().skip(1).position(|byte| !byte.is_ascii_whitespace());
    let start = start.ok_or_else(|| Wrong::line(format!("{key} has no value")))? + 1;
    let value = rest.get(start..).unwrap_or_default();
    let (value, blanks) = value.split_at(value.trim_ascii_end().len());
    Ok(Entry {
        line,
        column: colon + start + 1,
        key,
        value: Secret::copy_of(value),
        blanks_after: blanks.to_vec(),
    })
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
