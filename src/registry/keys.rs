//! All keys of `saslauthd.conf`, whichever mechanism they belong to: a file may serve several daemons.
#![forbid(unsafe_code)]

use super::MECHANISMS;
use super::site::type_of;
use crate::mechanism::sql;
use crate::settings::file::{Entry, File, Problem, Section, Severity, Text};
use crate::settings::keys::last_counts;
use crate::settings::scope::Scope;
use crate::weakforced;

/// A key that somebody knows.
struct Key {
    /// The key and its other spellings; `krb5_*_instance` stands for any service.
    names: &'static [&'static str],
    owner: Owner,
}

/// Who knows a key.
enum Owner {
    /// The mechanism of that name.
    Mechanism(&'static str),
    /// The daemon itself, in these parts of the file.
    Daemon(&'static [Part]),
}

/// A part of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    General,
    Mechanism,
    Logins,
    Socket,
}

/// What can be said of a socket.
const KEYS_OF_SOCKETS: &[&[&str]] = &[
    &["mode"],
    &["owner"],
    &["group"],
    &["protocol"],
    &["service"],
    &["timeout"],
    &["allow_users"],
    &["allow_groups"],
];

/// The keys that belong to no mechanism, and where each can stand.
const OF_DAEMON: [(&[&[&str]], &[Part]); 6] = [
    (&[&["mechanisms"], &["login_format"]], &[Part::General, Part::Logins, Part::Socket]),
    (
        &[&["on_reject"], &["on_unknown"], &["on_unavailable"]],
        &[Part::General, Part::Mechanism, Part::Logins, Part::Socket],
    ),
    (&[&["default_realm"]], &[Part::General]),
    (&[&["type"], &["workers"]], &[Part::Mechanism]),
    (KEYS_OF_SOCKETS, &[Part::Socket]),
    (weakforced::KEYS, &[Part::General]),
];

/// A line that is passed over, or that means less than it seems to.
struct Oddity {
    line: usize,
    text: String,
    severity: Severity,
}

/// The names of the keys whose values are passwords.
const PASSWORDS: [&str; 5] =
    ["ldap_bind_pw", "ldap_password", sql::PASSWORD, weakforced::PASSWORDS[0], weakforced::PASSWORDS[1]];

/// Whether there is a password in the file, which then should not be open to everybody.
pub fn holds_password(file: &File) -> bool {
    file.all().flat_map(|section| &section.entries).any(|entry| PASSWORDS.contains(&entry.key.as_str()))
}

/// The mechanism whose keys can be in a section about some logins.
const WITH_REALMS: &str = "ldap";

/// The key of that name, in small letters.
fn find(name: &str) -> Option<Key> {
    keys().find(|key| key.names.iter().any(|pattern| matches(pattern, name)))
}

/// Every spelling of every key.
pub fn names() -> impl Iterator<Item = &'static str> {
    keys().flat_map(|key| key.names).copied()
}

/// All keys, whether or not their mechanism is in use.
fn keys() -> impl Iterator<Item = Key> {
    let built_in = MECHANISMS.iter().map(|mechanism| (mechanism.name, mechanism.keys));
    let of_mechanisms = built_in.chain([("kerberos5", KEYS_OF_KERBEROS5)]).flat_map(|(mechanism, keys)| {
        keys.iter().map(move |names| Key { names, owner: Owner::Mechanism(mechanism) })
    });
    let of_daemon = OF_DAEMON
        .into_iter()
        .flat_map(|(keys, parts)| keys.iter().map(move |names| Key { names, owner: Owner::Daemon(parts) }));
    of_mechanisms.chain(of_daemon)
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => {
            let middle = name.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
            middle.is_some_and(|middle| !middle.is_empty())
        }
    }
}

/// What is odd about the keys of a file, whoever reads it.
pub fn check(text: &Text, file: &File) -> Vec<Problem> {
    let problem = |oddity: Oddity| Problem {
        source: text.path.clone(),
        line: Some(oddity.line),
        column: None,
        severity: oddity.severity,
        text: oddity.text,
    };
    oddities(file).into_iter().map(problem).collect()
}

fn oddities(file: &File) -> Vec<Oddity> {
    let entries = file.all().flat_map(|section| section.entries.iter().map(move |entry| (entry, section)));
    let odd =
        entries.filter_map(|(entry, section)| unknown(entry, section).or_else(|| misplaced(entry, section)));
    odd.chain(file.all().flat_map(repeated)).collect()
}

/// The longest unknown key that is shown whole; in a damaged file it might be anything.
const LONGEST_SHOWN: usize = 64;

/// How bad an unknown key is. C passes over it, and so must this where C's files have sections or none. Elsewhere a slip
/// would open a socket to more than was meant, or show a password to a mechanism that it is not for.
fn severity_of_unknown(scope: &Scope) -> Severity {
    match scope {
        Scope::Socket(_) | Scope::Mechanism(_) | Scope::Logins { service: Some(_), .. } => Severity::Error,
        Scope::Logins { realm: Some(realm), .. } if realm.starts_with('*') => Severity::Error,
        Scope::Logins { .. } | Scope::General | Scope::Nothing => Severity::Warning,
    }
}

fn unknown(entry: &Entry, section: &Section) -> Option<Oddity> {
    if find(&entry.key).is_some() {
        return None;
    }
    let severity = severity_of_unknown(&section.scope);
    // As on the command line.
    let meant = entry.key.replace('-', "_");
    if find(&meant).is_some() {
        let text = format!("unknown key {}; perhaps {meant} is meant", entry.key);
        return Some(Oddity { line: entry.line, text, severity: Severity::Error });
    }
    if entry.key.is_empty() {
        return Some(Oddity {
            line: entry.line,
            text: "there is no key before the colon".to_owned(),
            severity,
        });
    }
    let shown =
        entry.key.get(..LONGEST_SHOWN).map_or_else(|| entry.key.clone(), |start| format!("{start}..."));
    Some(Oddity { line: entry.line, text: format!("unknown key {shown}"), severity })
}

/// A key in a part of the file where nobody looks for it.
fn misplaced(entry: &Entry, section: &Section) -> Option<Oddity> {
    let part = part_of(&section.scope)?;
    let why = match find(&entry.key)?.owner {
        Owner::Daemon(parts) if parts.contains(&part) => None,
        Owner::Daemon(parts) => Some(format!("it belongs in {}", shown(parts))),
        Owner::Mechanism(mechanism) => misplaced_of(mechanism, part, section),
    };
    let text = format!("{} has no effect here: {}", entry.key, why?);
    Some(Oddity { line: entry.line, text, severity: Severity::Warning })
}

/// Why a key of this mechanism means nothing in the section.
fn misplaced_of(mechanism: &str, part: Part, section: &Section) -> Option<String> {
    match part {
        Part::General => None,
        Part::Logins if mechanism == WITH_REALMS => None,
        Part::Logins => Some(format!("{mechanism} has no settings for realms and services")),
        Part::Mechanism => {
            let own = type_of(section).ok().filter(|own| own.name != mechanism)?;
            Some(format!("{} is of the type {}", section.scope, own.name))
        }
        Part::Socket => Some("it is about no socket".to_owned()),
    }
}

fn part_of(scope: &Scope) -> Option<Part> {
    match scope {
        Scope::General => Some(Part::General),
        Scope::Mechanism(_) => Some(Part::Mechanism),
        Scope::Logins { .. } => Some(Part::Logins),
        Scope::Socket(_) => Some(Part::Socket),
        Scope::Nothing => None,
    }
}

fn shown(parts: &[Part]) -> String {
    let words = parts.iter().map(|part| match part {
        Part::General => "the general part",
        Part::Mechanism => "a section [mechanism NAME]",
        Part::Logins => "a section [realm NAME] or [service NAME]",
        Part::Socket => "a section [socket PATH]",
    });
    words.collect::<Vec<_>>().join(" or ")
}

/// Keys that are in a section already, maybe under another name.
fn repeated(section: &Section) -> impl Iterator<Item = Oddity> {
    let repeats = |(index, entry): (usize, &Entry)| {
        let names = find(&entry.key)?.names;
        let same = |earlier: &&Entry| match names {
            [pattern] if pattern.contains('*') => earlier.key == entry.key,
            _ => names.contains(&earlier.key.as_str()),
        };
        let earlier = section.entries.iter().take(index).find(same)?;
        let counts = if last_counts(&entry.key) { "this" } else { "that" };
        let text = format!("{} is already on line {}; {counts} one counts", entry.key, earlier.line);
        Some(Oddity { line: entry.line, text, severity: Severity::Warning })
    };
    section.entries.iter().enumerate().filter_map(repeats).collect::<Vec<_>>().into_iter()
}

/// Keys of a mechanism of the C daemon that is not there yet.
const KEYS_OF_KERBEROS5: &[&[&str]] = &[
    &["krb5_keytab"],
    &["krb5_verify_principal"],
    &["krb5_servername"],
    &["krb5_conv_krb4_instance"],
    &["krb5_uppercase_realm"],
    &["krb5_*_instance"],
];

#[cfg(test)]
mod tests {

    use super::*;
    use crate::secret::Secret;

    fn problems(text: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let text = Text { path: "/c".into(), bytes: Secret::copy_of(text.as_bytes()) };
        let file = text.parse(&mut problems);
        problems.extend(check(&text, &file));
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_key_belongs_to_one_mechanism_and_is_in_small_letters() {
        let names: Vec<_> = names().collect();
        for (index, name) in names.iter().enumerate() {
            assert!(!names.iter().take(index).any(|earlier| earlier == name), "{name} is there twice");
            let small = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'*');
            assert!(name.bytes().all(small), "{name}");
        }
    }

    #[test]
    fn what_can_be_said_of_a_socket_is_known_in_the_file() {
        let known = KEYS_OF_SOCKETS.concat();
        let said = crate::config::endpoint::KEYS.map(|key| key.replace('-', "_"));
        assert_eq!(known, said);
    }

    #[test]
    fn keys_of_every_mechanism_may_stand_in_one_file() {
        let text =
            "ldap_filter: a\nhttpform_uri: /\nrimap_tls_key: /r\nkrb5_keytab: /k\nkrb5_imap_instance: x\n";
        assert_eq!(problems(text), [""; 0]);
    }

    #[test]
    fn an_unknown_key_is_a_warning() {
        assert_eq!(
            problems("log_level: 10\nkrb5__instance: x\n"),
            ["/c:1: unknown key log_level", "/c:2: unknown key krb5__instance"]
        );
        assert_eq!(problems(": x\n"), ["/c:1: there is no key before the colon"], "C reads on, too");
        let long = problems(&format!("{}: x", "a".repeat(1000)));
        assert_eq!(long, [format!("/c:1: unknown key {}...", "a".repeat(64))]);
    }

    #[test]
    fn an_unknown_key_of_a_socket_is_an_error_since_a_slip_would_open_it() {
        let bytes = Secret::copy_of(b"[socket /s]\nallow-users: root\nmode: 0600\n[realm x]\nwhat: x\n");
        let text = Text { path: "/c".into(), bytes };
        let problems = check(&text, &text.parse(&mut Vec::new()));
        let told =
            problems.iter().map(|problem| (problem.to_string(), problem.is_error())).collect::<Vec<_>>();
        assert_eq!(
            told,
            [
                ("/c:2: unknown key allow-users; perhaps allow_users is meant".into(), true),
                ("/c:5: unknown key what".into(), false)
            ]
        );
    }

    #[test]
    fn a_slip_in_a_section_that_c_does_not_have_is_an_error() {
        for (section, is_error) in [
            ("[mechanism pam]", true),
            ("[service smtp]", true),
            ("[realm x service smtp]", true),
            ("[realm *.x]", true),
            ("[realm x]", false),
        ] {
            for (key, always) in [("onreject", false), ("on-reject", true)] {
                let bytes = Secret::copy_of(format!("{section}\n{key}: stop\n").as_bytes());
                let text = Text { path: "/c".into(), bytes };
                let problems = check(&text, &text.parse(&mut Vec::new()));
                let errors: Vec<_> = problems.iter().map(Problem::is_error).collect();
                assert_eq!(errors, [is_error || always], "{section} {key}");
            }
        }
    }

    #[test]
    fn only_keys_of_ldap_belong_into_a_section() {
        assert_eq!(
            problems("[realm x]\nldap_filter: a\nhttpform_uri: /\nwhat: x\n"),
            [
                "/c:3: httpform_uri has no effect here: httpform has no settings for realms and services",
                "/c:4: unknown key what"
            ]
        );
    }

    #[test]
    fn a_key_that_stands_there_twice_is_a_warning_that_tells_which_counts() {
        let text = "ldap_bind_pw: a\nhttpform_uri: /\nldap_password: b\nhttpform_uri: /x\n[realm x]\nldap_bind_pw: c\n";
        assert_eq!(
            problems(text),
            [
                "/c:3: ldap_password is already on line 1; this one counts",
                "/c:4: httpform_uri is already on line 2; that one counts"
            ]
        );
        assert_eq!(problems("krb5_imap_instance: a\nkrb5_smtp_instance: b\n"), [""; 0]);
    }
}
