//! What `-O` and the keys `rimap_…` of saslauthd.conf say.
#![forbid(unsafe_code)]

use super::SERVERS_KEY;
use crate::mechanism::tls_keys;
use crate::net::exchange::{Address, Server, TlsMode, TlsSettings};
use crate::settings::file::{Problem, Severity};
use crate::settings::keys::Keys;
use crate::settings::raw_settings::RawSettings;
use std::ffi::OsStr;
use std::net::Ipv6Addr;
use std::path::Path;

/// Which servers, and what they must prove.
#[derive(Debug, PartialEq, Eq)]
pub struct Settings {
    /// In the order of `-O` or `rimap_servers`.
    pub servers: Vec<Server>,
    /// For those with TLS.
    pub tls: TlsSettings,
}

impl Settings {
    /// Reads everything; what is wrong is added to `problems`, and left out here.
    pub fn read(sources: &RawSettings, problems: &mut Vec<Problem>) -> Self {
        let mut in_file = Vec::new();
        let (in_key, tls) = read_file(sources, problems, &mut in_file);
        let servers = in_key.unwrap_or_else(|| read_option(sources.option.as_deref(), problems));
        // C does not read the file, which may be a leftover. Without TLS there is nothing in it for us either.
        if servers.iter().all(|server| server.tls == TlsMode::Off) {
            in_file.iter_mut().for_each(|problem| problem.severity = Severity::Warning);
        }
        problems.extend(in_file);
        Self { servers, tls }
    }
}

/// The servers of `rimap_servers`, if it is there or should be, and what the other keys say. What is wrong with those goes to
/// `in_file`.
fn read_file(
    sources: &RawSettings,
    problems: &mut Vec<Problem>,
    in_file: &mut Vec<Problem>,
) -> (Option<Vec<Server>>, TlsSettings) {
    let Some(text) = &sources.file else { return (None, TlsSettings::default()) };
    let file = text.parse(in_file);
    let sections = file.for_mechanism(sources.instance.as_deref());
    let tls = tls_keys::read(
        &mut Keys::new(text.path(), sections.clone(), in_file),
        "rimap",
        TlsSettings::default(),
    );
    let mut keys = Keys::new(text.path(), sections, problems);
    if sources.option.is_none() && keys.entry(&[SERVERS_KEY]).is_none() {
        keys.miss("rimap_servers is missing: the names of IMAP servers");
        return (Some(Vec::new()), tls);
    }
    (read_key(&mut keys), tls)
}

fn read_key(keys: &mut Keys<'_>) -> Option<Vec<Server>> {
    let (entry, words) = (keys.entry(&[SERVERS_KEY])?, keys.text(&[SERVERS_KEY]).unwrap_or_default());
    let (servers, faults) = read_words(words);
    for Fault { text, is_error } in faults {
        if is_error {
            keys.complain(entry, &format!("has an error: {text}"));
        } else {
            keys.warn(entry, &format!("is odd: {text}"));
        }
    }
    Some(servers)
}

/// The servers of `-O`; what is wrong with them is added to `problems`.
pub(super) fn read_option(option: Option<&OsStr>, problems: &mut Vec<Problem>) -> Vec<Server> {
    let source = Path::new("-O");
    let Some(words) = option.unwrap_or_default().to_str() else {
        problems.push(Problem::error(source, "the name of an IMAP server must be UTF-8"));
        return Vec::new();
    };
    if words.trim_ascii().is_empty() {
        problems.push(Problem::error(source, "rimap needs the name of an IMAP server"));
    }
    let (servers, faults) = read_words(words);
    problems.extend(faults.into_iter().map(|Fault { text, is_error }| {
        if is_error { Problem::error(source, text) } else { Problem::warning(source, text) }
    }));
    servers
}

/// What is wrong with one of the servers.
struct Fault {
    text: String,
    is_error: bool,
}

/// Servers with blanks between them.
fn read_words(words: &str) -> (Vec<Server>, Vec<Fault>) {
    let (mut servers, mut faults) = (Vec::new(), Vec::new());
    for word in words.split_ascii_whitespace() {
        match server(word) {
            Ok(server) => {
                faults.extend(port_of_tls(word, &server).map(|text| Fault { text, is_error: false }));
                servers.push(server);
            }
            Err(what) => faults.push(Fault { text: format!("{} {what}", shown(word)), is_error: true }),
        }
    }
    (servers, faults)
}

/// What stands before an @ may be a password, and a file may hold anything.
fn shown(word: &str) -> &str {
    if word.contains(|letter: char| letter == '@' || letter.is_control()) { "a server" } else { word }
}

/// At the port of imaps the server waits for the client to begin with TLS, and never greets: RFC 8314, section 3.2.
fn port_of_tls(word: &str, server: &Server) -> Option<String> {
    let Address::Host { host, service } = &server.address else { return None };
    let is_wrong = server.tls != TlsMode::Implicit && matches!(service.as_str(), "993" | "imaps");
    is_wrong.then(|| format!("{word} is asked without TLS on the port of imaps; use imaps://{host}"))
}

/// One server, or what is wrong with it: a phrase that goes on after the word.
fn server(word: &str) -> Result<Server, String> {
    let (tls, host, service) = match word.split_once("://") {
        Some((scheme, rest)) => uri(scheme, rest)?,
        None => {
            let (host, service) = word.split_once('/').unwrap_or((word, "imap"));
            (TlsMode::Off, bare_host(host)?, service)
        }
    };
    check_service(service)?;
    let address = Address::Host { host: host.to_owned(), service: service.to_owned() };
    Ok(Server { address, tls, name: word.to_owned() })
}

/// `imap://host[:port][/][?starttls]`, `imaps://host[:port][/]`; ports by RFC 9051 and RFC 8314.
fn uri<'a>(scheme: &str, rest: &'a str) -> Result<(TlsMode, &'a str, &'a str), String> {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let place = place.strip_suffix('/').unwrap_or(place);
    let starttls = match query {
        "" => false,
        _ if query.eq_ignore_ascii_case("starttls") => true,
        _ => return Err("has something other than starttls after its question mark".to_owned()),
    };
    let (tls, default_port) = match (scheme.to_ascii_lowercase().as_str(), starttls) {
        ("imap", false) => (TlsMode::Off, "143"),
        ("imap", true) => (TlsMode::StartTls, "143"),
        ("imaps", false) => (TlsMode::Implicit, "993"),
        ("imaps", true) => return Err("has TLS from the start and so no use for starttls".to_owned()),
        _ => return Err("begins neither with imap:// nor with imaps://".to_owned()),
    };
    if place.contains(['/', '@']) {
        return Err("must name a host, with neither a user nor a mailbox".to_owned());
    }
    let (host, port) = split_port(place);
    Ok((tls, bare_host(host)?, port.unwrap_or(default_port)))
}

/// `host`, `host:port`, `[address]`, `[address]:port`; an address without brackets has too many colons for a port.
fn split_port(place: &str) -> (&str, Option<&str>) {
    match place.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        _ => (place, None),
    }
}

/// The name or address without brackets.
fn bare_host(host: &str) -> Result<&str, String> {
    let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let bare = inside.unwrap_or(host);
    let (address, _zone) = bare.split_once('%').unwrap_or((bare, ""));
    let is_address = address.parse::<Ipv6Addr>().is_ok();
    if bare.is_empty() {
        Err("has no host".to_owned())
    } else if is_address {
        Ok(bare)
    } else if inside.is_some() {
        Err("has something else than an IPv6 address in its brackets".to_owned())
    } else if host.contains(':') {
        Err("has a colon in its host; a port is written host/port or imap://host:port".to_owned())
    } else if host.contains(|character: char| character.is_control() || "[]%?#@\"'\\".contains(character)) {
        Err("has something in its host that no host name has".to_owned())
    } else {
        Ok(host)
    }
}

/// A port number, or a name that may be in /etc/services.
fn check_service(service: &str) -> Result<(), String> {
    let number = service.bytes().all(|byte| byte.is_ascii_digit());
    if service.is_empty() {
        Err("has no port where one should be".to_owned())
    } else if number && !service.parse().is_ok_and(|port: u16| port > 0) {
        Err("has a port that is not a number from 1 to 65535".to_owned())
    } else if service
        .contains(|character: char| !character.is_ascii_graphic() || "/:?#[]@".contains(character))
    {
        Err("has something in its port that is neither a number nor a name".to_owned())
    } else {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::settings::file::Text;
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    fn read(option: Option<OsString>, file: Option<&str>) -> (Settings, Vec<String>) {
        let file = file
            .map(|text| Text { path: "/etc/saslauthd.conf".into(), bytes: Secret::copy_of(text.as_bytes()) });
        let mut problems = Vec::new();
        let settings = Settings::read(&RawSettings { option, file, ..RawSettings::default() }, &mut problems);
        (settings, problems.iter().map(ToString::to_string).collect())
    }

    fn option(option: &str) -> (Vec<Server>, Vec<String>) {
        let (settings, problems) = read(Some(option.into()), None);
        (settings.servers, problems)
    }

    #[test]
    fn a_word_with_a_control_character_is_not_shown() {
        let fault = "/etc/saslauthd.conf:1:16: rimap_servers has an error: a server has something in its host that no host \
                     name has";
        assert_eq!(read(None, Some("rimap_servers: a\u{1}b c\u{85}d/993")).1, [fault, fault]);
    }

    #[test]
    fn a_server_is_written_as_for_the_c_daemon_or_as_a_uri() {
        for (word, host, service, tls) in [
            ("mail.example.org", "mail.example.org", "imap", TlsMode::Off),
            ("mail.example.org/1143", "mail.example.org", "1143", TlsMode::Off),
            ("mail.example.org/imap4", "mail.example.org", "imap4", TlsMode::Off),
            ("192.0.2.7/143", "192.0.2.7", "143", TlsMode::Off),
            ("::1", "::1", "imap", TlsMode::Off),
            ("::1/143", "::1", "143", TlsMode::Off),
            ("[2001:db8::7]/143", "2001:db8::7", "143", TlsMode::Off),
            ("fe80::1%eth0/143", "fe80::1%eth0", "143", TlsMode::Off),
            ("imap://mail", "mail", "143", TlsMode::Off),
            ("IMAP://mail:1143/", "mail", "1143", TlsMode::Off),
            ("imap://mail?starttls", "mail", "143", TlsMode::StartTls),
            ("imap://mail:1143/?STARTTLS", "mail", "1143", TlsMode::StartTls),
            ("imaps://mail", "mail", "993", TlsMode::Implicit),
            ("imaps://mail:imaps", "mail", "imaps", TlsMode::Implicit),
            ("imaps://[::1]", "::1", "993", TlsMode::Implicit),
            ("imaps://[::1]:1993/", "::1", "1993", TlsMode::Implicit),
            ("imaps://::1", "::1", "993", TlsMode::Implicit),
        ] {
            let address = Address::Host { host: host.to_owned(), service: service.to_owned() };
            let expected = Server { address, tls, name: word.to_owned() };
            assert_eq!(option(word), (vec![expected], vec![]), "{word}");
        }
    }

    #[test]
    fn several_servers_are_separated_by_blanks() {
        let (servers, problems) = option("  a/1143\timaps://b \n c ");
        assert_eq!(problems, [""; 0]);
        assert_eq!(
            servers.iter().map(|server| server.name.as_str()).collect::<Vec<_>>(),
            ["a/1143", "imaps://b", "c"]
        );
    }

    #[test]
    fn a_server_that_makes_no_sense_is_named() {
        for word in [
            "/143",
            "mail/",
            "mail/0",
            "mail/65536",
            "mail/99999999999",
            "mail/a/b",
            "mail:143",
            "mail/1:2",
            "[mail]",
            "[]",
            "[::1",
            "::1]",
            "imap://",
            "imap://mail:",
            "imap://mail:0",
            "imap://mail:x:1",
            "imap://mail/INBOX",
            "imap://mail?tls",
            "imaps://mail?starttls",
            "pop3://mail",
            "://mail",
            "imap://:143",
            "ma%il",
            "mail?starttls",
            "imap://mail#x",
            "imap://mail/?starttls&x",
            "mail/1 43/",
        ] {
            let (servers, problems) = option(word);
            assert!(problems.len() == 1 && servers.len() < 2, "{word}: {problems:?}");
            assert!(problems[0].starts_with("-O: ") && !problems[0].ends_with('.'), "{problems:?}");
        }
    }

    #[test]
    fn what_could_be_a_password_is_not_shown() {
        for word in ["imap://anna:secret@mail", "imap://mail:secret@x", "anna:secret@mail/143"] {
            let (servers, problems) = option(word);
            assert!(servers.is_empty() && problems.len() == 1);
            assert!(!problems[0].contains("secret"), "{problems:?}");
        }
    }

    #[test]
    fn without_a_server_nothing_can_be_checked() {
        for nothing in [None, Some(OsString::new()), Some(" ".into()), Some(OsString::from_vec(vec![0xff]))] {
            let (settings, problems) = read(nothing, None);
            assert!(settings.servers.is_empty() && problems.len() == 1, "{problems:?}");
        }
    }

    /// As one that was once ldap's.
    #[test]
    fn a_file_that_is_of_no_use_stops_nothing() {
        for file in ["ldap_bind_dn:\n", "nonsense\n", "rimap_tls_check_peer: perhaps\n"] {
            for (option, is_error) in [("mail", false), ("mail imaps://mail", true)] {
                let bytes = Secret::copy_of(file.as_bytes());
                let text = Text { path: "/etc/saslauthd.conf".into(), bytes };
                let sources =
                    RawSettings { option: Some(option.into()), file: Some(text), ..RawSettings::default() };
                let mut problems = Vec::new();
                Settings::read(&sources, &mut problems);
                assert_eq!(problems.len(), 1, "{file}");
                assert_eq!(problems[0].is_error(), is_error, "{option}: {file}");
            }
        }
    }

    #[test]
    fn tls_is_checked_unless_the_file_says_otherwise() {
        let (settings, _) = read(Some("mail".into()), None);
        assert_eq!(settings.tls, TlsSettings::default());
        let (settings, problems) =
            read(Some("mail".into()), Some("ldap_tls_check_peer: yes\nrimap_tls_check_peer: no\n"));
        assert!(!settings.tls.check_peer);
        assert_eq!(problems, [""; 0]);
        let (_, problems) = read(None, Some("rimap_tls_check_peer: perhaps\n"));
        assert_eq!(problems.len(), 2, "everything wrong is told at once: {problems:?}");
    }
}
