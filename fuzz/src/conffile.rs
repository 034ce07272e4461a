//! The configuration file, which a mistake or half an upload can make anything.

use crate::input::{Input, SEPARATOR};
use crate::memory::most_held;
use saslauthd::cli::saslauthd::{Parsed, parse};
use saslauthd::config::NetworkSettings;
use saslauthd::config::site::Site;
use saslauthd::registry::site::{resolve, sources_of};
use saslauthd::registry::{Kind, MECHANISMS, find};
use saslauthd::secret::Secret;
use saslauthd::settings::file::{File, Problem, Text};
use saslauthd::settings::raw_settings::RawSettings;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

const PATH: &str = "/etc/saslauthd.conf";

/// In no key and no message.
const PASSWORD: &str = "q7#Zw!0x9";

/// What the settings and routes of a file of `length` bytes may hold while they are read: 4096 cases beyond those that
/// are written have the settings of ldap each.
fn bound(length: usize) -> usize {
    16 * 1024 * 1024 + 256 * length
}

/// Whatever the file says: all that is wrong is told, each in a line that names the place in the file; a password is
/// in none of them; and how the lines end makes no difference.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes, SEPARATOR);
    let with_option = input.choose(2) == 1;
    let option = if with_option { input.part() } else { b"" };
    let (file, ldap_conf) = (input.part(), input.part());
    let file =
        [file, b"\nldap_bind_pw: ", PASSWORD.as_bytes(), b"\nldap_password: ", PASSWORD.as_bytes()].concat();
    check_lines(&file);
    check_site(&file, ldap_conf);
    for mechanism in &MECHANISMS {
        let Kind::Remote(remote, _) = &mechanism.kind else { continue };
        let sources = RawSettings {
            instance: None,
            option: with_option.then(|| OsString::from_vec(option.to_vec())),
            file: Some(text(PATH, &file)),
            ldap_conf: Some(text("/etc/ldap/ldap.conf", ldap_conf)),
        };
        let (problems, held) = most_held(|| (remote.check)(&sources, &NetworkSettings::DEFAULT));
        assert!(held <= bound(bytes.len()), "{held} bytes held");
        problems.iter().for_each(|problem| check_problem(problem, &file, ldap_conf));
        assert_eq!(
            problems,
            (remote.check)(&sources.copy(), &NetworkSettings::DEFAULT),
            "{}",
            mechanism.name
        );
    }
}

/// Every site is whole in itself, and every mechanism of it can look at its settings.
fn check_site(file: &[u8], ldap_conf: &[u8]) {
    for line in [&["--config=/c"][..], &["-a", "pam,corp"], &["-a", "ldap"]] {
        let line = ["saslauthd"].iter().chain(line).map(OsString::from);
        let Ok(Parsed::Run(config)) = parse(line) else { unreachable!("the line is good") };
        let (file_text, ldap_conf_text) = (text(PATH, file), text("/etc/ldap/ldap.conf", ldap_conf));
        let sources =
            RawSettings { file: Some(file_text), ldap_conf: Some(ldap_conf_text), ..RawSettings::default() };
        let ((site, problems), held) = most_held(|| resolve(&config.frontend, &[], &sources));
        assert!(held <= bound(file.len()), "{held} bytes held");
        problems.iter().for_each(|problem| check_problem(problem, file, ldap_conf));
        check_ids(&site);
        let is_whole = !problems.iter().any(Problem::is_error);
        let routes = site.routes.special.iter().map(|(_, route)| route).chain([&site.routes.default]);
        assert!(!is_whole || routes.into_iter().all(|route| !route.steps.is_empty()));
        for instance in &site.instances {
            let mechanism = find(instance.mechanism).expect("a mechanism is built in");
            let Kind::Remote(remote, _) = &mechanism.kind else { continue };
            let problems = (remote.check)(&sources_of(&sources, instance), &NetworkSettings::DEFAULT);
            problems.iter().for_each(|problem| check_problem(problem, file, ldap_conf));
        }
    }
}

fn check_ids(site: &Site) {
    let routes = site.routes.special.iter().map(|(_, route)| route).chain([&site.routes.default]);
    assert!(routes.flat_map(|route| &route.steps).all(|step| step.instance.0 < site.instances.len()));
    let of_pools = site.pools.iter().filter_map(|pool| pool.instance);
    assert!(of_pools.into_iter().all(|instance| instance.0 < site.instances.len()));
    let is_local = |name| find(name).is_some_and(|mechanism| matches!(mechanism.kind, Kind::Local(_)));
    let local = site.instances.iter().filter(|instance| is_local(instance.mechanism)).count();
    let has_errands = local < site.instances.len();
    assert_eq!(site.pools.len(), local + usize::from(has_errands));
}

fn text(path: &str, bytes: &[u8]) -> Text {
    Text { path: path.into(), bytes: Secret::copy_of(bytes) }
}

fn check_lines(bytes: &[u8]) {
    let mut problems = Vec::new();
    let file = text(PATH, bytes).parse(&mut problems);
    problems.iter().for_each(|problem| check_problem(problem, bytes, b""));
    assert!(problems.is_sorted_by_key(|problem| problem.line));
    check_entries(&file, bytes);
    if !bytes.contains(&b'\r') {
        let others = bytes.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(b"\r\n".as_slice());
        let mut other_problems = Vec::new();
        let other = text(PATH, &others).parse(&mut other_problems);
        assert_eq!(other_problems, problems);
        assert_eq!(values(&other), values(&file));
    }
}

/// Every entry is where it says that it is.
fn check_entries(file: &File, bytes: &[u8]) {
    let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
    for entry in file.all().flat_map(|section| &section.entries) {
        let mut line = lines[entry.line - 1];
        if entry.line == 1 {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        let value = entry.value.as_bytes();
        assert!(!value.is_empty() && value.trim_ascii() == value);
        assert!(line[entry.column - 1..].starts_with(value));
        assert!(line[entry.column - 1 + value.len()..].starts_with(&entry.blanks_after));
        assert!(line.to_ascii_lowercase().trim_ascii_start().starts_with(entry.key.as_bytes()));
    }
}

/// Sections, keys and values.
fn values(file: &File) -> Vec<(String, &str, &[u8])> {
    let entries = file.all().flat_map(|section| section.entries.iter().map(move |entry| (section, entry)));
    let entries = entries
        .map(|(section, entry)| (section.scope.to_string(), entry.key.as_str(), entry.value.as_bytes()));
    entries.collect()
}

fn check_problem(problem: &Problem, file: &[u8], ldap_conf: &[u8]) {
    let shown = problem.to_string();
    assert!(!shown.contains(PASSWORD), "{shown}");
    // The words of `-O` are the administrator's own, who sees them again; the log escapes them.
    let own_words = problem.source.as_os_str() == "-O";
    assert!(!shown.contains(if own_words { is_line_end } else { char::is_control }), "{shown:?}");
    let cut = problem.text.ends_with("...");
    assert!(!problem.text.is_empty() && (cut || !problem.text.ends_with('.')), "{shown}");
    let bytes = if problem.source.as_os_str() == PATH { file } else { ldap_conf };
    let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
    if let Some(line) = problem.line {
        let line = lines.get(line - 1).expect("a problem is on a line of the file");
        assert!(problem.column.unwrap_or(1) <= line.len() + 1, "{shown}");
    }
}

fn is_line_end(character: char) -> bool {
    matches!(character, '\r' | '\n')
}
