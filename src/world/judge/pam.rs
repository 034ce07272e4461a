//! The PAM services of logins: whether they have a file, whether that lets anybody in, whether its modules are there.
#![forbid(unsafe_code)]

use super::client::lines;
use crate::world::finding::Finding;
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
struct Line {
    /// `auth` or `account`, in small letters.
    kind: String,
    module: String,
    /// `-`: its absence is no fault.
    may_be_missing: bool,
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
        .filter(|line| !line.may_be_missing)
        .map(|line| line.module)
        .collect()
}

/// What is to be said of these services.
pub fn judge(stacks: &Stacks, services: &BTreeSet<String>) -> Vec<Finding> {
    services.iter().flat_map(|service| judge_service(stacks, service)).collect()
}

fn judge_service(stacks: &Stacks, service: &str) -> Vec<Finding> {
    let name = match stacks.files.get(service) {
        Some(ServiceFile::Unreadable(reason)) => {
            return vec![Finding::error(
                format!("/etc/pam.d/{service} cannot be read: {reason}"),
                format!("`chmod 0644 /etc/pam.d/{service}`"),
            )];
        }
        Some(ServiceFile::There(_)) => service,
        None if stacks.files.contains_key(FALLBACK) => FALLBACK,
        None => {
            return vec![Finding::error(
                format!(
                    "neither /etc/pam.d/{service} nor /etc/pam.d/{FALLBACK} exists, so nobody can log in"
                ),
                stacks.making(service),
            )];
        }
    };
    let lines = stacks.lines(name, &mut BTreeSet::new());
    let missing = stacks.missing_of(name, &lines);
    if !missing.is_empty() {
        return missing;
    }
    vec![match stacks.refuses_everybody(&lines) {
        true if name == service => Finding::warning(
            format!("/etc/pam.d/{service} refuses everybody"),
            format!("unless that is meant: {}", stacks.making(service)),
        ),
        true => Finding::error(
            format!(
                "/etc/pam.d/{service} does not exist, and /etc/pam.d/{name}, which counts instead, refuses everybody"
            ),
            stacks.making(service),
        ),
        false if name == service => {
            Finding::ok(format!("/etc/pam.d/{service} is there, and so are its modules"))
        }
        false => {
            Finding::ok(format!("/etc/pam.d/{service} does not exist; /etc/pam.d/{name} decides instead"))
        }
    }]
}

impl Stacks {
    /// The lines of a file with those that it includes in their place.
    fn lines(&self, name: &str, seen: &mut BTreeSet<String>) -> Vec<Line> {
        let Some(ServiceFile::There(text)) = self.files.get(name) else { return Vec::new() };
        if !seen.insert(name.to_owned()) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for words in rules(text) {
            match include_of(&words) {
                Some(other) => {
                    let kind = words.first().filter(|_| words.len() > 2).map(|word| kind_of(word));
                    let lines = self.lines(other, &mut seen.clone()).into_iter();
                    found.extend(lines.filter(|line| kind.as_ref().is_none_or(|kind| line.kind == *kind)));
                }
                None => found.extend(line_of(&words)),
            }
        }
        found
    }

    /// Only what is certain: that nothing else is asked for the password. Without any line `other` is asked.
    fn refuses_everybody(&self, lines: &[Line]) -> bool {
        let fallback = self.lines(FALLBACK, &mut BTreeSet::new());
        let is_auth = |line: &&Line| line.kind == "auth";
        let lines = if lines.iter().any(|line| is_auth(&line)) { lines } else { &fallback };
        let mut asked = lines.iter().filter(is_auth).map(|line| line.module.as_str()).peekable();
        asked.peek().is_some()
            && asked.clone().any(|module| module == "pam_deny.so")
            && asked.all(|module| matches!(module, "pam_deny.so" | "pam_warn.so"))
    }

    fn missing_of(&self, name: &str, lines: &[Line]) -> Vec<Finding> {
        let counts = |line: &&Line| {
            matches!(line.kind.as_str(), "auth" | "account")
                && !line.may_be_missing
                && self.missing_modules.contains(&line.module)
        };
        let missing: BTreeSet<_> = lines.iter().filter(counts).map(|line| line.module.as_str()).collect();
        let finding = |module: &str| {
            Finding::error(
                format!("the module {module}, which /etc/pam.d/{name} asks, is not installed"),
                match package_of(module) {
                    Some(package) => format!("`apt-get install {package}`, or take the line out"),
                    None => "install the package that has it, or take the line out".to_owned(),
                },
            )
        };
        missing.into_iter().map(finding).collect()
    }

    /// Makes the service one that asks what the other services of the system ask.
    fn making(&self, service: &str) -> String {
        let lines = if self.files.contains_key("common-auth") {
            r"@include common-auth\n@include common-account\n"
        } else if self.files.contains_key("password-auth") {
            r"auth include password-auth\naccount include password-auth\n"
        } else if self.files.contains_key("system-auth") {
            r"auth include system-auth\naccount include system-auth\n"
        } else {
            r"auth required pam_unix.so\naccount required pam_unix.so\n"
        };
        format!("`printf '{lines}' > /etc/pam.d/{service}`")
    }
}

/// What the services of a system usually include, to be looked at for [`Stacks::making`].
pub const USUALLY_INCLUDED: [&str; 3] = ["common-auth", "password-auth", "system-auth"];

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
    let [kind, _, module, ..] = words else { return None };
    Some(Line { kind: kind_of(kind), module: module.clone(), may_be_missing: kind.starts_with('-') })
}

/// Where Debian has it.
fn package_of(module: &str) -> Option<&'static str> {
    let packages = [
        ("pam_ldap.so", "libpam-ldapd"),
        ("pam_krb5.so", "libpam-krb5"),
        ("pam_mysql.so", "libpam-mysql"),
        ("pam_pgsql.so", "libpam-pgsql"),
        ("pam_pwdfile.so", "libpam-pwdfile"),
        ("pam_radius_auth.so", "libpam-radius-auth"),
        ("pam_sss.so", "libpam-sss"),
        ("pam_winbind.so", "libpam-winbind"),
    ];
    packages.iter().find(|(name, _)| *name == module).map(|(_, package)| *package)
}

#[cfg(test)]
#[path = "pam_tests.rs"]
#[allow(clippy::indexing_slicing)]
mod tests;
