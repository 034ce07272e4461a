//! The names of mechanisms in `mechanisms`.
#![forbid(unsafe_code)]

use super::{MECHANISMS_KEY, MOST_STEPS, Source};
use crate::settings::file::{Problem, Section};
use crate::settings::keys::Keys;
use crate::settings::scope::is_name;

/// A name of a mechanism, and where it stands.
pub(super) struct Named<'a> {
    pub(super) name: &'a str,
    /// Line and column in the file; `None` for `-a`.
    pub(super) place: Option<(usize, usize)>,
}

/// The names in `mechanisms`, with blanks or commas between them.
pub(super) fn names<'a>(
    source: Source<'a>,
    section: &'a Section,
    problems: &mut Vec<Problem>,
) -> Option<Vec<Named<'a>>> {
    let entry = section.entries.iter().find(|entry| entry.key == MECHANISMS_KEY)?;
    let text = std::str::from_utf8(entry.value.as_bytes()).unwrap_or_default();
    let mut keys = Keys::new(source.path, vec![section], problems);
    let mut names: Vec<Named<'a>> = Vec::new();
    for (offset, name) in words(text) {
        if names.iter().any(|other| other.name.eq_ignore_ascii_case(name)) {
            keys.complain_at(entry, Some(offset), &format!("names {} twice", shown(name)));
        } else {
            names.push(Named { name, place: Some((entry.line, entry.column + offset)) });
        }
    }
    if names.is_empty() {
        keys.complain(entry, "names no mechanism");
    }
    if names.len() > MOST_STEPS {
        keys.complain(entry, &format!("names more than {MOST_STEPS} mechanisms"));
        names.truncate(MOST_STEPS);
    }
    Some(names)
}

/// A name for a message: what can be none might be anything.
pub(super) fn shown(name: &str) -> &str {
    if is_name(name) { name } else { "something" }
}

/// The words of a list, each with the place in bytes where it begins.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    let places = text.split([' ', '\t', ',']).map(move |word| {
        let start = offset;
        offset += word.len() + 1;
        (start, word)
    });
    places.filter(|(_, word)| !word.is_empty())
}
