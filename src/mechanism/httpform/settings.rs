//! The keys of `saslauthd.conf` that begin with `httpform_`.
#![forbid(unsafe_code)]

use super::escape::Escape;
use super::status::{ACCEPT, REJECT, Statuses};
use super::template::Template;
use crate::http::target::{Target, is_path, is_port_or_service};
use crate::mechanism::tls_keys;
use crate::net::exchange::TlsSettings;
use crate::settings::file::{Entry, Problem, Severity};
use crate::settings::keys::Keys;
use crate::settings::raw_settings::RawSettings;
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
pub(super) fn read(sources: &RawSettings, problems: &mut Vec<Problem>) -> Option<Settings> {
    let Some(text) = &sources.file else {
        problems.push(no_file());
        return None;
    };
    let file = text.parse(problems);
    let sections = file.for_mechanism(sources.instance.as_deref());
    let keys = &mut Keys::new(text.path(), sections, problems);
    let content_type = content_type(keys).to_owned();
    let targets = targets(keys);
    let template = template(keys, Escape::for_content_type(&content_type));
    let statuses = statuses(keys);
    let keep_alive = keys.flag(&["httpform_keep_alive"]).unwrap_or(true);
    let tls = tls_keys::read(keys, "httpform", TlsSettings::default());
    let usable = !problems.iter().any(Problem::is_error);
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::net::exchange::{Address, TlsMode};
    use crate::secret::Secret;
    use crate::settings::file::Text;

    fn read_text(text: &str) -> (Option<Settings>, Vec<String>) {
        let text = Text { path: PathBuf::from("/c"), bytes: Secret::copy_of(text.as_bytes()) };
        let mut problems = Vec::new();
        let settings = read(&RawSettings { file: Some(text), ..RawSettings::default() }, &mut problems);
        (settings, problems.iter().map(ToString::to_string).collect())
    }

    fn good(text: &str) -> Settings {
        let (settings, problems) = read_text(text);
        assert_eq!(problems, [""; 0], "{text}");
        settings.unwrap()
    }

    /// The lines and columns of what is wrong.
    fn places(text: &str) -> Vec<String> {
        let (settings, problems) = read_text(text);
        assert!(settings.is_none(), "{text}");
        let place = |problem: &String| problem.split(' ').next().unwrap_or_default().to_owned();
        problems.iter().map(place).collect()
    }

    const DATA: &str = "httpform_data: u=%u&p=%p\n";

    #[test]
    fn what_is_not_said_is_as_in_c() {
        let settings = good(&format!("{DATA}httpform_uri: /login\n"));
        let names: Vec<_> = settings.targets.iter().map(|target| target.server.name.as_str()).collect();
        assert_eq!(names, ["http://localhost:80"]);
        assert!(settings.targets.iter().all(|target| target.path == "/login"));
        assert_eq!(settings.content_type, "application/x-www-form-urlencoded");
        assert_eq!(settings.statuses, Statuses { accept: vec![200, 204], reject: vec![401, 403] });
        assert!(settings.keep_alive);
        assert_eq!(settings.tls, TlsSettings::default());
    }

    #[test]
    fn the_keys_of_c_name_a_server() {
        let settings = good(&format!(
            "{DATA}httpform_host: ::1\nhttpform_port: 8080\nHTTPFORM_URI: /cgi-bin/auth?key=x\n"
        ));
        let target = settings.targets.first().unwrap();
        let address = Address::Host { host: "::1".to_owned(), service: "8080".to_owned() };
        assert_eq!((&target.server.address, target.server.tls), (&address, TlsMode::Off));
        assert_eq!(target.path, "/cgi-bin/auth?key=x");
    }

    #[test]
    fn urls_name_several_servers_in_their_order() {
        let settings =
            good(&format!("{DATA}httpform_url: https://a.example/x?key=secret \t http://b.example:8080\n"));
        let names: Vec<_> = settings.targets.iter().map(|target| target.server.name.as_str()).collect();
        assert_eq!(names, ["https://a.example", "http://b.example:8080"], "and nothing of the path");
    }

    #[test]
    fn every_other_key_lands_in_its_place() {
        let settings = good(
            "httpform_url: https://a\nhttpform_data: {\"u\": \"%u\"}\nhttpform_content_type: application/json\n\
             httpform_accept: 201,202 302\nhttpform_reject: 404\nhttpform_keep_alive: no\n\
             httpform_tls_cacert_file: /ca.pem\n",
        );
        assert_eq!(settings.content_type, "application/json");
        assert_eq!(settings.statuses, Statuses { accept: vec![201, 202, 302], reject: vec![404] });
        assert!(!settings.keep_alive);
        assert_eq!(settings.tls.authorities_file, Some(PathBuf::from("/ca.pem")));
    }

    #[test]
    fn a_list_that_is_there_takes_its_statuses_from_the_other_ones_defaults() {
        let settings = good(&format!("{DATA}httpform_uri: /\nhttpform_reject: 200 403\n"));
        assert_eq!(settings.statuses, Statuses { accept: vec![204], reject: vec![200, 403] });
        let settings = good(&format!("{DATA}httpform_uri: /\nhttpform_accept: 401\n"));
        assert_eq!(settings.statuses, Statuses { accept: vec![401], reject: vec![403] });
    }

    #[test]
    fn what_is_missing_is_named() {
        let (settings, problems) = read_text("httpform_port: 80\n");
        assert!(settings.is_none());
        assert!(problems.iter().any(|problem| problem.starts_with("/c: httpform_uri is missing")));
        assert!(problems.iter().any(|problem| problem.starts_with("/c: httpform_data is missing")));
        let mut problems = Vec::new();
        assert!(read(&RawSettings::default(), &mut problems).is_none());
        assert_eq!(problems.len(), 1);
    }

    #[test]
    fn a_wrong_value_is_named_with_its_line_and_column() {
        for (lines, place) in [
            ("httpform_uri: login", "/c:2:15:"),
            ("httpform_uri: /\nhttpform_host: a b", "/c:3:16:"),
            ("httpform_uri: /\nhttpform_port: 0", "/c:3:16:"),
            ("httpform_url: http://a/ ftp://b/", "/c:2:25:"),
            ("httpform_url: http://a:b@c/", "/c:2:15:"),
            ("httpform_url: http://a/\nhttpform_port: 80", "/c:3:16:"),
            ("httpform_url: http://a/\nhttpform_uri: /", "/c:3:15:"),
            ("httpform_url: http://a/\nhttpform_host: a", "/c:3:16:"),
            ("httpform_uri: /\nhttpform_accept: 200 yes", "/c:3:22:"),
            ("httpform_uri: /\nhttpform_accept: 100", "/c:3:18:"),
            ("httpform_uri: /\nhttpform_reject: 600", "/c:3:18:"),
            ("httpform_uri: /\nhttpform_accept: 200\nhttpform_reject: 200", "/c:4:18:"),
            ("httpform_uri: /\nhttpform_content_type: a\tb", "/c:3:24:"),
            ("httpform_uri: /\nhttpform_keep_alive: perhaps", "/c:3:22:"),
            ("httpform_uri: /\nhttpform_tls_key: /k", "/c:3:19:"),
        ] {
            assert_eq!(places(&format!("{DATA}{lines}\n")), [place], "{lines}");
        }
        assert_eq!(places("httpform_uri: /\nhttpform_data: u=%u&p=%\n"), ["/c:2:23:"]);
        let json = "httpform_uri: /\nhttpform_content_type: application/json\nhttpform_data: {\"u\": %u}\n";
        assert_eq!(places(json), ["/c:3:22:"]);
    }

    #[test]
    fn a_token_that_nobody_knows_is_a_warning() {
        let (settings, problems) = read_text("httpform_uri: /\nhttpform_data: u=%u&x=%x\n");
        assert!(settings.is_some());
        assert!(problems.iter().all(|problem| problem.starts_with("/c:2:23: ")), "{problems:?}");
        assert_eq!(problems.len(), 1);
    }

    #[test]
    fn no_problem_shows_what_is_to_be_sent() {
        let (_, problems) = read_text(
            "httpform_url: http://a:hunter2@b/ x://hunter2\nhttpform_uri: /?hunter2\nhttpform_data: key=hunter2&%\n",
        );
        assert_eq!(problems.len(), 4);
        assert!(problems.iter().all(|problem| !problem.contains("hunter2")), "{problems:?}");
    }
}
