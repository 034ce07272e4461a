//! What a section says about routes, by itself.
#![forbid(unsafe_code)]

use super::Source;
use super::after::After;
use super::instances::Instances;
use super::names::names;
use crate::config::login_format::LoginFormat;
use crate::config::site::InstanceId;
use crate::settings::file::{Problem, Section};
use crate::settings::keys::Keys;

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
