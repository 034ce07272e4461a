//! The parts of a search, for users and for groups.
#![forbid(unsafe_code)]

use super::super::filter::Filter;
use super::super::message::Scope;
use super::super::tokens::{TOKENS, Template};
use crate::settings::file::Entry;
use crate::settings::keys::Keys;

/// The words for how deep a search goes.
pub(super) const SCOPES: [(&str, Scope); 3] =
    [("sub", Scope::Sub), ("one", Scope::One), ("base", Scope::Base)];

/// A template of a DN; what is wrong with it is told with its place.
pub(super) fn dn_template(keys: &mut Keys<'_>, names: &[&str]) -> Option<Template> {
    let (text, entry) = (keys.text(names)?, keys.entry(names)?);
    match Template::parse(text) {
        Ok(template) => {
            warn_of_dropped(keys, entry, template.dropped());
            Some(template)
        }
        Err(error) => {
            keys.complain_at(entry, Some(error.offset), &format!("is wrong here: {}", error.text));
            None
        }
    }
}

fn warn_of_dropped(keys: &mut Keys<'_>, entry: &Entry, places: &[usize]) {
    for place in places {
        let what =
            format!("has a % that inserts nothing, as in the C daemon; it can be followed by {TOKENS}");
        keys.warn_at(entry, Some(*place), &what);
    }
}

/// A filter; what is wrong with it is told with its place.
pub(super) fn filter(keys: &mut Keys<'_>, name: &str) -> Option<Filter> {
    let (text, entry) = (keys.text(&[name])?, keys.entry(&[name])?);
    match Filter::parse(text) {
        Ok(filter) => {
            warn_of_dropped(keys, entry, filter.dropped());
            Some(filter)
        }
        Err(error) => {
            keys.complain_at(entry, Some(error.offset), &format!("is not a filter: {}", error.text));
            None
        }
    }
}
