//! From the names in routes to mechanisms with their own settings.
#![forbid(unsafe_code)]

use super::Source;
use super::after::After;
use super::names::{Named, shown};
use super::types::type_of;
use crate::config::FrontendSettings;
use crate::config::site::{Instance, InstanceId};
use crate::registry::{Mechanism, find};
use crate::settings::file::{Problem, Section, Severity};
use crate::settings::keys::Keys;
use crate::settings::scope::Scope;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The most workers that a mechanism can have, as with `-n`.
const MOST_WORKERS: u32 = 4096;

/// The mechanisms that routes name, in the order in which they are found.
pub(super) struct Instances<'a> {
    source: Source<'a>,
    /// `-O`, and the name it is for: there is one only where `-a` names a single built-in mechanism.
    option: Option<(&'a str, &'a OsStr)>,
    found: Vec<Found>,
    /// The lines of sections that cannot be used, which is told once.
    broken: Vec<usize>,
}

/// A mechanism and what its section says beside its own settings.
pub(super) struct Found {
    pub(super) instance: Instance,
    /// What follows it, in whatever route.
    pub(super) after: After,
    /// `workers`
    pub(super) workers: Option<usize>,
}

impl<'a> Instances<'a> {
    /// None yet.
    pub(super) fn new(source: Source<'a>, settings: &'a FrontendSettings, option: Option<&'a OsStr>) -> Self {
        let option = match settings.mechanisms.as_slice() {
            [only] => option.map(|option| (only.as_str(), option)),
            _ => None,
        };
        Self { source, option, found: Vec::new(), broken: Vec::new() }
    }

    /// The mechanism of that name; `None`, with a problem, if there is none.
    pub(super) fn find(&mut self, named: &Named<'_>, problems: &mut Vec<Problem>) -> Option<InstanceId> {
        let known = self.found.iter().position(|found| found.instance.name.eq_ignore_ascii_case(named.name));
        if let Some(known) = known {
            return Some(InstanceId(known));
        }
        let section = self.source.file.of_mechanism(named.name);
        let Some(mechanism) = self.mechanism(named, section, problems) else {
            self.broken.extend(section.map(|section| section.line));
            return None;
        };
        let found = self.make(named, section, mechanism, problems);
        self.found.push(found);
        Some(InstanceId(self.found.len() - 1))
    }

    fn mechanism(
        &self,
        named: &Named<'_>,
        section: Option<&Section>,
        problems: &mut Vec<Problem>,
    ) -> Option<&'static Mechanism> {
        let Some(section) = section else {
            return find(named.name).or_else(|| {
                problems.push(self.unknown(named));
                None
            });
        };
        if self.broken.contains(&section.line) {
            return None;
        }
        match type_of(section) {
            Ok(mechanism) => Some(mechanism),
            Err(wrong) => {
                problems.push(wrong.problem(self.source.path, section, |name| {
                    self.source.file.of_mechanism(name).map(|section| section.line)
                }));
                None
            }
        }
    }

    /// With C's words for a name behind `-a`, and with more where the file has names of its own.
    fn unknown(&self, named: &Named<'_>) -> Problem {
        let (name, path) = (named.name, self.source.path);
        let Some((line, column)) = named.place else {
            let mut text = format!("unknown authentication mechanism: {name}");
            let is_named = |section: &Section| matches!(section.scope, Scope::Mechanism(_));
            if self.source.file.sections.iter().any(is_named) {
                text += &format!(", and {} has no section [mechanism {name}]", path.display());
            }
            return Problem::error(Path::new(""), text);
        };
        let shown = shown(name);
        let text =
            format!("mechanisms names {shown}, which is neither built in nor has a section of its own");
        let (line, column) = (Some(line), Some(column));
        Problem { source: path.to_owned(), line, column, severity: Severity::Error, text }
    }

    fn make(
        &self,
        named: &Named<'_>,
        section: Option<&Section>,
        mechanism: &'static Mechanism,
        problems: &mut Vec<Problem>,
    ) -> Found {
        let name = match (find(named.name), section.map(|section| &section.scope)) {
            (None, Some(Scope::Mechanism(name))) => name,
            _ => mechanism.name,
        };
        let option = self.option(named, mechanism, problems);
        let own = section.map(|section| {
            let keys = &mut Keys::new(self.source.path, vec![section], problems);
            (After::read(keys), keys.number(&["workers"], 1..=MOST_WORKERS))
        });
        let (after, workers) = own.unwrap_or_default();
        let line = section.map(|section| section.line);
        let instance = Instance { name: name.to_owned(), mechanism: mechanism.name, option, line };
        Found { instance, after, workers: workers.and_then(|workers| usize::try_from(workers).ok()) }
    }

    /// `-O`, or the key that takes its place.
    fn option(
        &self,
        named: &Named<'_>,
        mechanism: &Mechanism,
        problems: &mut Vec<Problem>,
    ) -> Option<OsString> {
        let of_flag = self.option.filter(|(name, _)| name.eq_ignore_ascii_case(named.name));
        let of_flag = of_flag.map(|(_, option)| option.to_owned());
        let Some(key) = mechanism.option_key else { return of_flag };
        let sections = self.source.file.for_mechanism(Some(named.name));
        let mut keys = Keys::new(self.source.path, sections, problems);
        let Some(entry) = keys.entry(&[key]) else { return of_flag };
        if of_flag.is_some() {
            keys.complain(entry, "and -O say the same; leave one of them out");
        }
        Some(OsStr::from_bytes(entry.value.as_bytes()).to_owned())
    }

    /// The mechanism of that number.
    pub(super) fn get(&self, id: InstanceId) -> Option<&Found> {
        self.found.get(id.0)
    }

    /// All that were found.
    pub(super) fn iter(&self) -> impl Iterator<Item = (InstanceId, &Found)> {
        (0..).map(InstanceId).zip(&self.found)
    }

    /// A warning for each section that no route leads to.
    pub(super) fn unused<'b>(&'b self, source: Source<'b>) -> impl Iterator<Item = Problem> + 'b {
        let is_used = |line| {
            self.broken.contains(&line) || self.found.iter().any(|found| found.instance.line == Some(line))
        };
        let sections = source.file.sections.iter();
        let unused = sections
            .filter(move |section| matches!(section.scope, Scope::Mechanism(_)) && !is_used(section.line));
        unused.map(move |section| Problem {
            source: source.path.to_owned(),
            line: Some(section.line),
            column: None,
            severity: Severity::Warning,
            text: format!("{} is never used: neither -a nor a line with mechanisms names it", section.scope),
        })
    }

    /// For the site.
    pub(super) fn into_found(self) -> Vec<Instance> {
        self.found.into_iter().map(|found| found.instance).collect()
    }
}
