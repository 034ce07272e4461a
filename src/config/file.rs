//! The lines of `saslauthd.conf`: keys, values, sections for realms. What the keys mean is the mechanism's business.
#![forbid(unsafe_code)]

use crate::secret::Secret;
use std::fmt;
use std::path::{Path, PathBuf};

/// A configuration file as it was read; any value may be a password.
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
    /// `[realm NAME]` and what follows; each overrides keys of `general` for logins of that realm.
    pub realms: Vec<Section>,
}

/// Some keys and their values.
#[derive(Default)]
pub struct Section {
    /// The realm; empty for the general part.
    pub realm: String,
    /// The line of `[realm NAME]`, from 1; 0 for the general part.
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
}

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, or what else is at fault, such as `-O`.
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

impl Text {
    /// Takes the lines apart. What is wrong with them is added to `problems`; the other lines still count.
    pub fn parse(&self, problems: &mut Vec<Problem>) -> File {
        let mut file = File::default();
        for (index, line) in self.bytes.as_bytes().split(|byte| *byte == b'\n').enumerate() {
            if let Err(text) = file.take(index + 1, line) {
                problems.push(Problem {
                    source: self.path.clone(),
                    line: Some(index + 1),
                    column: None,
                    severity: Severity::Error,
                    text,
                });
            }
        }
        file
    }

    /// The path, for problems.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl File {
    fn take(&mut self, number: usize, line: &[u8]) -> Result<(), String> {
        let trimmed = line.trim_ascii();
        match trimmed.first() {
            None | Some(b'#') => Ok(()),
            Some(b'[') => self.open_section(number, trimmed),
            Some(_) => {
                let entry = entry(number, line)?;
                self.realms.last_mut().unwrap_or(&mut self.general).entries.push(entry);
                Ok(())
            }
        }
    }

    fn open_section(&mut self, line: usize, header: &[u8]) -> Result<(), String> {
        let inside = header.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
        let name = inside
            .and_then(|inside| std::str::from_utf8(inside).ok())
            .and_then(|inside| inside.trim().strip_prefix("realm"))
            .filter(|rest| rest.starts_with([' ', '\t']))
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let Some(name) = name else {
            return Err("a section begins with a line like [realm example.org]".to_owned());
        };
        if self.realms.iter().any(|section| section.realm.eq_ignore_ascii_case(name)) {
            return Err(format!("there is a section for the realm {name} already"));
        }
        self.realms.push(Section { realm: name.to_owned(), line, entries: Vec::new() });
        Ok(())
    }
}

fn entry(line: usize, text: &[u8]) -> Result<Entry, String> {
    let colon = text.iter().position(|byte| *byte == b':').ok_or("a line must be like \"key: value\"")?;
    let (key, rest) = text.split_at(colon);
    let key = std::str::from_utf8(key.trim_ascii())
        .ok()
        .filter(|key| !key.is_empty() && !key.contains([' ', '\t']))
        .ok_or("a line must begin with a key, which is one word")?;
    let rest = rest.get(1..).unwrap_or_default();
    let value = rest.trim_ascii();
    if value.is_empty() {
        return Err(format!("{key} has no value"));
    }
    let blanks = rest.len() - rest.trim_ascii_start().len();
    Ok(Entry {
        line,
        column: colon + blanks + 2,
        key: key.to_ascii_lowercase(),
        value: Secret::copy_of(value),
    })
}
