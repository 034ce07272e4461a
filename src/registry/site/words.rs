//! What a section says about routes, by itself.
#![forbid(unsafe_code)]

use super::instances::Instances;
use super::{MECHANISMS_KEY, MOST_STEPS, Source};
use crate::config::login_format::LoginFormat;
use crate::config::site::{Continuation, InstanceId};
use crate::settings::file::{Problem, Section};
use crate::settings::keys::Keys;
use crate::settings::scope::is_name;

/// What follows a step, as far as somebody has said so.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct After {
    pub(super) reject: Option<Continuation>,
    pub(super) unknown: Option<Continuation>,
    pub(super) unavailable: Option<Continuation>,
}

impl After {
    /// Reads the keys of one section.
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        const WORDS: [(&str, Continuation); 2] = [("next", Continuation::Next), ("stop", Continuation::Stop)];
        Self {
            reject: keys.choice(&["on_reject"], &WORDS),
            unknown: keys.choice(&["on_unknown"], &WORDS),
            unavailable: keys.choice(&["on_unavailable"], &WORDS),
        }
    }

    /// What this leaves open is as in `other`.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            reject: self.reject.or(other.reject),
            unknown: self.unknown.or(other.unknown),
            unavailable: self.unavailable.or(other.unavailable),
        }
    }
}

/// What a section says about routes; `None` where it says nothing.
#[derive(Debug, Default, Clone)]
pub(super) struct Words {
    /// `mechanisms`
    pub(super) instances: Option<Vec<InstanceId>>,
    /// `login_format`
    pub(super) login_format: Option<LoginFormat>,
    /// `on_reject` and the others.
    pub(super) after: After,
}

impl Words {
    /// Reads them; the mechanisms that they name are added to `instances`.
    pub(super) fn read(
        source: Source<'_>,
        section: &Section,
        instances: &mut Instances<'_>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let named = names(source, section, problems).map(|names| {
            let ids = names.iter().filter_map(|name| instances.find(name, problems));
            ids.collect()
        });
        Self { instances: named, ..Self::read_all_but_names(source, section, problems) }
    }

    /// Reads the other keys.
    pub(super) fn read_all_but_names(
        source: Source<'_>,
        section: &Section,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let keys = &mut Keys::new(source.path, vec![section], problems);
        Self { instances: None, login_format: login_format(keys), after: After::read(keys) }
    }

    /// What this leaves open is as in `other`.
    pub(super) fn or(self, other: &Self) -> Self {
        Self {
            instances: self.instances.or_else(|| other.instances.clone()),
            login_format: self.login_format.or_else(|| other.login_format.clone()),
            after: self.after.or(other.after),
        }
    }
}

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

fn login_format(keys: &mut Keys<'_>) -> Option<LoginFormat> {
    const NAMES: [&str; 1] = ["login_format"];
    let (text, entry) = (keys.text(&NAMES)?, keys.entry(&NAMES)?);
    match LoginFormat::parse(text) {
        Ok(format) => Some(format),
        Err(error) => {
            keys.complain_at(entry, Some(error.offset), &format!("is wrong here: {}", error.text));
            None
        }
    }
}
