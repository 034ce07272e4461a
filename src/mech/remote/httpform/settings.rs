//! The keys of `saslauthd.conf` that begin with `httpform_`.
#![forbid(unsafe_code)]

use super::escape::Escape;
use super::status::{ACCEPT, REJECT, Statuses};
use super::target::{Target, is_path, is_port_or_service};
use super::template::Template;
use crate::config::file::{Entry, Problem, Severity};
use crate::config::keys::Keys;
use crate::config::sources::Sources;
use crate::mech::remote::{TlsSettings, tls_keys};
use std::path::PathBuf;

/// What the file says.
pub(super) struct Settings {
    /// `httpform_url`, or `httpform_host`, `httpform_port` and `httpform_uri`.
    pub(super) targets: Vec<Target>,
    /// `httpform_data`
    pub(super) template: Template,
    /// `httpform_content_type`
    pub(super) content_type: String,
    /// `httpform_accept` and `httpform_reject`
    pub(super) statuses: Statuses,
    /// `httpform_keep_alive`
    pub(super) keep_alive: bool,
    /// `httpform_tls_…`
    pub(super) tls: TlsSettings,
}

/// auth_httpform.c has no other.
const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// Reads all keys. What is wrong with them is added to `problems`; `None` if the mechanism cannot do without it.
pub(super) fn read(sources: &Sources, problems: &mut Vec<Problem>) -> Option<Settings> {
    let Some(text) = &sources.file else {
        problems.push(no_file());
        return None;
    };
    let file = text.parse(problems);
    let keys = &mut Keys::general(text.path(), &file, problems);
    let content_type = content_type(keys).to_owned();
    let targets = targets(keys);
    let template = template(keys, Escape::for_content_type(&content_type));
    let statuses = statuses(keys);
    let keep_alive = keys.flag(&["httpform_keep_alive"]).unwrap_or(true);
    let tls = tls_keys::read(keys, "httpform", TlsSettings::default());
    let usable = problems.iter().all(|problem| problem.severity != Severity::Error);
    let template = template.filter(|_| usable && !targets.is_empty())?;
    Some(Settings { targets, template, content_type, statuses, keep_alive, tls })
}

fn no_file() -> Problem {
    Problem {
        source: PathBuf::from("-O"),
        line: None,
        column: None,
        severity: Severity::Error,
        text: "The mechanism httpform needs a configuration file".to_owned(),
    }
}

fn content_type<'a>(keys: &mut Keys<'a>) -> &'a str {
    const KEY: &[&str] = &["httpform_content_type"];
    let Some(value) = keys.text(KEY) else { return CONTENT_TYPE };
    if !value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        complain(keys, KEY, "takes a media type like application/json");
    }
    value
}

fn targets(keys: &mut Keys<'_>) -> Vec<Target> {
    const URL: &[&str] = &["httpform_url"];
    const OTHERS: [&[&str]; 3] = [&["httpform_host"], &["httpform_port"], &["httpform_uri"]];
    let Some(urls) = keys.entry(URL) else { return target_of_keys(keys).into_iter().collect() };
    for other in OTHERS {
        complain(keys, other, "cannot be there beside httpform_url, which says it all");
    }
    let mut targets = Vec::new();
    for (offset, url) in words(keys.text(URL).unwrap_or_default(), &[' ', '\t']) {
        match Target::of_url(url) {
            Ok(target) => targets.push(target),
            Err(wrong) => keys.complain_at(urls, Some(offset), wrong),
        }
    }
    targets
}

fn target_of_keys(keys: &mut Keys<'_>) -> Option<Target> {
    const PORT: &[&str] = &["httpform_port"];
    const URI: &[&str] = &["httpform_uri"];
    let host = keys.text(&["httpform_host"]).unwrap_or("localhost");
    let port = keys.text(PORT).unwrap_or("80");
    if !is_port_or_service(port) {
        complain(keys, PORT, "takes a number from 1 to 65535 or a name from /etc/services");
    }
    if keys.entry(URI).is_none() {
        keys.miss("httpform_uri is missing: the path of what is to be asked, such as /login");
    }
    let uri = keys.text(URI)?;
    if !is_path(uri) {
        complain(keys, URI, "takes a path that begins with a slash");
    }
    Target::of_keys(host, port, uri).map_err(|wrong| complain(keys, &["httpform_host"], wrong)).ok()
}

fn template(keys: &mut Keys<'_>, escape: Escape) -> Option<Template> {
    let Some(entry) = keys.entry(&["httpform_data"]) else {
        keys.miss("httpform_data is missing: what is to be sent, such as user=%u&password=%p");
        return None;
    };
    let mut faults = Vec::new();
    let template = Template::parse(entry.value.as_bytes(), escape, &mut faults);
    for fault in faults {
        if fault.harmless {
            keys.warn_at(entry, Some(fault.offset), fault.text);
        } else {
            keys.complain_at(entry, Some(fault.offset), fault.text);
        }
    }
    Some(template)
}

/// A list that is there takes its statuses away from the other one's defaults.
fn statuses(keys: &mut Keys<'_>) -> Statuses {
    let accept = list(keys, &["httpform_accept"]);
    let reject = list(keys, &["httpform_reject"]);
    if let (Some(accept), Some(reject)) = (&accept, &reject) {
        if let Some(both) = accept.iter().find(|status| reject.contains(status)) {
            complain(keys, &["httpform_reject"], &format!("has {both}, which httpform_accept has too"));
        }
    }
    let without = |defaults: &[u16], others: &Option<Vec<u16>>| {
        let others = others.as_deref().unwrap_or_default();
        defaults.iter().copied().filter(|status| !others.contains(status)).collect()
    };
    Statuses {
        accept: accept.clone().unwrap_or_else(|| without(&ACCEPT, &reject)),
        reject: reject.unwrap_or_else(|| without(&REJECT, &accept)),
    }
}

fn list(keys: &mut Keys<'_>, names: &[&str]) -> Option<Vec<u16>> {
    let entry = keys.entry(names)?;
    let mut statuses = Vec::new();
    for (offset, word) in words(keys.text(names)?, &[' ', '\t', ',']) {
        match word.parse().ok().filter(|status| (200..600).contains(status)) {
            Some(status) => statuses.push(status),
            None => keys.complain_at(entry, Some(offset), "takes statuses from 200 to 599, such as 200 204"),
        }
    }
    Some(statuses)
}

/// The words of a list, each with the place where it begins.
fn words<'a>(text: &'a str, separators: &'a [char]) -> impl Iterator<Item = (usize, &'a str)> {
    let mut offset = 0;
    text.split(separators)
        .map(move |word| {
            let start = offset;
            offset += word.len() + 1;
            (start, word)
        })
        .filter(|(_, word)| !word.is_empty())
}

fn complain(keys: &mut Keys<'_>, names: &[&str], what: &str) {
    let entry: Option<&Entry> = keys.entry(names);
    if let Some(entry) = entry {
        keys.complain(entry, what);
    }
}
