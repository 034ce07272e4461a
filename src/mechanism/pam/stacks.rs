//! Files of PAM's services, as far as it can be told from them who is asked. Pure.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};

/// What was found of the files of services, by the name of the file.
pub type Files = BTreeMap<String, ServiceFile>;

/// A file of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceFile {
    /// What is in it.
    There(String),
    /// It cannot be read, and why.
    Unreadable(String),
}

/// The service that stands for those that have no file.
pub const FALLBACK: &str = "other";

/// What was found of PAM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stacks {
    /// Files that are there.
    pub files: Files,
    /// The modules that they name and that are in none of PAM's directories.
    pub missing_modules: BTreeSet<String>,
}

/// A line of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// `auth` or `account`, in small letters.
    pub kind: String,
    /// As the file names it.
    pub module: String,
    /// What comes of it where the module is not installed.
    pub absence: Absence,
}

/// What PAM makes of a line whose module is not installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// The login is refused.
    Refuses,
    /// The line is passed over: who is known to that module alone cannot log in.
    IsPassedOver,
    /// The line says that the module may be missing, or that its answer does not count.
    IsNoFault,
}

/// The names of the files that a file includes.
pub fn included(text: &str) -> Vec<String> {
    rules(text).filter_map(|words| include_of(&words).map(str::to_owned)).collect()
}

/// The modules that a file names, but for those that may be missing.
pub fn modules(text: &str) -> Vec<String> {
    rules(text)
        .filter(|words| include_of(words).is_none())
        .filter_map(|words| line_of(&words))
        .filter(|line| line.absence != Absence::IsNoFault)
        .map(|line| line.module)
        .collect()
}

impl Stacks {
    /// The lines of a file with those that it includes in their place.
    pub fn lines(&self, name: &str) -> Vec<Line> {
        self.lines_of(name, &mut BTreeSet::new())
    }

    fn lines_of(&self, name: &str, seen: &mut BTreeSet<String>) -> Vec<Line> {
        let Some(ServiceFile::There(text)) = self.files.get(name) else { return Vec::new() };
        if !seen.insert(name.to_owned()) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for words in rules(text) {
            match include_of(&words) {
                Some(other) => {
                    let kind = words.first().filter(|_| words.len() > 2).map(|word| kind_of(word));
                    let lines = self.lines_of(other, &mut seen.clone()).into_iter();
                    found.extend(lines.filter(|line| kind.as_ref().is_none_or(|kind| line.kind == *kind)));
                }
                None => found.extend(line_of(&words)),
            }
        }
        found
    }

    /// Whether logins of the service are asked of `other`, for want of a file, and refused there whoever it is.
    pub fn is_refused_for_want_of_a_file(&self, service: &str) -> bool {
        !self.files.contains_key(service)
            && self.files.contains_key(FALLBACK)
            && self.refuses_everybody(&self.lines(FALLBACK))
    }

    /// Only what is certain: that nothing else is asked for the password. Without any line `other` is asked.
    pub fn refuses_everybody(&self, lines: &[Line]) -> bool {
        let fallback = self.lines(FALLBACK);
        let is_auth = |line: &&Line| line.kind == "auth";
        let lines = if lines.iter().any(|line| is_auth(&line)) { lines } else { &fallback };
        let mut asked = lines.iter().filter(is_auth).map(|line| line.module.as_str()).peekable();
        asked.peek().is_some()
            && asked.clone().any(|module| module == "pam_deny.so")
            && asked.all(|module| matches!(module, "pam_deny.so" | "pam_warn.so"))
    }
}

/// The words of each rule; a backslash at the end of a line joins it with the next.
fn rules(text: &str) -> impl Iterator<Item = Vec<String>> {
    let joined = text.replace("\\\n", " ");
    let rules: Vec<_> = lines(&joined).map(words).filter(|words| !words.is_empty()).collect();
    rules.into_iter()
}

/// `[success=1 default=ignore]` is one word.
fn words(line: &str) -> Vec<String> {
    let line = line.split('#').next().unwrap_or_default();
    let mut words: Vec<String> = Vec::new();
    let mut is_open = false;
    for word in line.split_whitespace() {
        match words.last_mut().filter(|_| is_open) {
            Some(last) => {
                last.push(' ');
                last.push_str(word);
            }
            None => words.push(word.to_owned()),
        }
        is_open = words.last().is_some_and(|word| word.starts_with('[')) && !word.ends_with(']');
    }
    words
}

fn include_of(words: &[String]) -> Option<&str> {
    match words {
        [first, file, ..] if first.eq_ignore_ascii_case("@include") => Some(file),
        [_, control, file, ..]
            if ["include", "substack"].iter().any(|word| control.eq_ignore_ascii_case(word)) =>
        {
            Some(file)
        }
        _ => None,
    }
}

fn kind_of(word: &str) -> String {
    word.trim_start_matches('-').to_ascii_lowercase()
}

fn line_of(words: &[String]) -> Option<Line> {
    let [kind, control, module, ..] = words else { return None };
    let absence = if kind.starts_with('-') { Absence::IsNoFault } else { absence_of(control) };
    Some(Line { kind: kind_of(kind), module: module.clone(), absence })
}

/// As pam.conf(5) spells the words out: `optional` and `sufficient` pass over whatever is no success.
fn absence_of(control: &str) -> Absence {
    let control = control.to_ascii_lowercase();
    let action = |result: &str| {
        let mut pairs =
            control.trim_matches(['[', ']']).split_whitespace().filter_map(|pair| pair.split_once('='));
        pairs.rfind(|(name, _)| *name == result).map(|(_, action)| action.to_owned())
    };
    match control.as_str() {
        "optional" => Absence::IsNoFault,
        "sufficient" => Absence::IsPassedOver,
        _ if !control.starts_with('[') => Absence::Refuses,
        _ => match action("module_unknown").or_else(|| action("default")).as_deref() {
            Some("ignore") => Absence::IsPassedOver,
            _ => Absence::Refuses,
        },
    }
}

/// The uncommented lines without the blanks around them.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
#[path = "stacks_tests.rs"]
mod tests;
