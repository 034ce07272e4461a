//! Which mechanism a section is about.
#![forbid(unsafe_code)]

use crate::registry::{MECHANISMS, Mechanism, find};
use crate::settings::file::{Problem, Section, Severity};
use crate::settings::scope::Scope;
use std::path::Path;

/// Why a section has no type.
#[derive(Debug)]
pub enum WrongType {
    /// Neither its name nor a key says it.
    Missing,
    /// The line and column of `type` and its value, which is none that is built in.
    Unknown(usize, usize, String),
    /// The line and column of `type`, which makes a built-in mechanism another one.
    Renamed(usize, usize, &'static str),
}

/// The type of `[mechanism NAME]`: that which `type` names, or else its own name.
///
/// # Errors
/// When there is none, or the name is that of another type.
pub fn type_of(section: &Section) -> Result<&'static Mechanism, WrongType> {
    let Scope::Mechanism(name) = &section.scope else { return Err(WrongType::Missing) };
    let entry = section.entries.iter().find(|entry| entry.key == "type");
    let Some(entry) = entry else { return find(name).ok_or(WrongType::Missing) };
    let value = String::from_utf8_lossy(entry.value.as_bytes()).into_owned();
    match (find(&value), find(name)) {
        (None, _) => Err(WrongType::Unknown(entry.line, entry.column, value)),
        (Some(mechanism), Some(own)) if own.name != mechanism.name => {
            Err(WrongType::Renamed(entry.line, entry.column, own.name))
        }
        (Some(mechanism), _) => Ok(mechanism),
    }
}

impl WrongType {
    /// The error about it; `line_of` finds the section of a name.
    pub(super) fn problem(
        self,
        path: &Path,
        section: &Section,
        line_of: impl Fn(&str) -> Option<usize>,
    ) -> Problem {
        let built_in = MECHANISMS.iter().map(|mechanism| mechanism.name).collect::<Vec<_>>().join(", ");
        let (line, column, text) = match self {
            Self::Missing => {
                (section.line, None, format!("{} needs a type, one of {built_in}", section.scope))
            }
            Self::Unknown(line, column, value) => match line_of(&value) {
                Some(other) if other == section.line => (
                    line,
                    Some(column),
                    format!("type is the section's own name; it takes one of {built_in}"),
                ),
                Some(other) => {
                    let text = format!("type is the section on line {other}; it takes one of {built_in}");
                    (line, Some(column), text)
                }
                None => (line, Some(column), format!("type takes one of {built_in}")),
            },
            Self::Renamed(line, column, own) => {
                let text = format!("type must be {own}, since a built-in mechanism has this name");
                (line, Some(column), text)
            }
        };
        Problem { source: path.to_owned(), line: Some(line), column, severity: Severity::Error, text }
    }
}
