//! What main.cf and master.cf say about logins at smtpd.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Parameters by name.
pub type Parameters = BTreeMap<String, String>;

/// An smtpd that asks libsasl about passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// The service of master.cf, as postconf(1) names it: `smtp/inet`.
    pub service: String,
    /// Postfix's queue directory if it runs in that.
    pub root: Option<PathBuf>,
    /// The account of its process.
    pub account: String,
    /// The name of libsasl's file without `.conf`.
    pub options: String,
    /// `cyrus_sasl_config_path`, where that file is looked for first.
    pub directories: Vec<PathBuf>,
    /// The service of its logins.
    pub login_service: String,
}

/// Every smtpd of master.cf that asks libsasl; `parameters` are main.cf's.
pub fn asking(parameters: &Parameters, master: &str) -> Vec<Asking> {
    logical_lines(master).filter_map(|line| asking_of(parameters, &words(&line))).collect()
}

/// An smtpd that asks by Dovecot's protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskingDovecot {
    /// The service of master.cf.
    pub service: String,
    /// The socket, from outside of any chroot.
    pub socket: PathBuf,
    /// The account of its process.
    pub account: String,
    /// The service of its logins.
    pub login_service: String,
}

/// Every smtpd of master.cf that asks by Dovecot's protocol at a Unix socket.
pub fn asking_dovecot(parameters: &Parameters, master: &str) -> Vec<AskingDovecot> {
    logical_lines(master).filter_map(|line| asking_dovecot_of(parameters, &words(&line))).collect()
}

fn asking_dovecot_of(main: &Parameters, words: &[String]) -> Option<AskingDovecot> {
    let Smtpd { service, unprivileged, all, .. } = smtpd(main, words, "dovecot")?;
    let value = |name: &str, default: &str| expanded(&all, name, default);
    let path = value("smtpd_sasl_path", "smtpd");
    if path.starts_with("inet:") {
        return None;
    }
    // A relative path is below the directory that each process of Postfix starts in, chrooted or not.
    let queue = PathBuf::from(value("queue_directory", "/var/spool/postfix"));
    Some(AskingDovecot {
        service,
        socket: queue.join(path.strip_prefix("unix:").unwrap_or(&path)),
        account: account(&all, unprivileged),
        login_service: value("smtpd_sasl_service", "smtp"),
    })
}

/// An smtpd of master.cf.
struct Smtpd<'a> {
    service: String,
    unprivileged: &'a str,
    chroot: &'a str,
    all: Parameters,
}

/// It, if it asks about logins, and by that type of SASL.
fn smtpd<'a>(main: &Parameters, words: &'a [String], sasl_type: &str) -> Option<Smtpd<'a>> {
    let [name, kind, _, unprivileged, chroot, _, _, command, arguments @ ..] = words else { return None };
    if command != "smtpd" || kind == "unix" && name != "smtpd" {
        return None;
    }
    let mut all = main.clone();
    all.extend(overrides(arguments));
    let value = |name: &str, default: &str| expanded(&all, name, default);
    if value("smtpd_sasl_auth_enable", "no") != "yes" || value("smtpd_sasl_type", "cyrus") != sasl_type {
        return None;
    }
    Some(Smtpd { service: format!("{name}/{kind}"), unprivileged, chroot, all })
}

fn account(all: &Parameters, unprivileged: &str) -> String {
    if unprivileged == "n" { "root".to_owned() } else { expanded(all, "mail_owner", "postfix") }
}

fn asking_of(main: &Parameters, words: &[String]) -> Option<Asking> {
    let Smtpd { service, unprivileged, chroot, all } = smtpd(main, words, "cyrus")?;
    let value = |name: &str, default: &str| expanded(&all, name, default);
    let in_chroot = chroot == "y" || chroot == "-" && is_chroot_the_default(main);
    let directories = value("cyrus_sasl_config_path", "");
    Some(Asking {
        service,
        root: in_chroot.then(|| PathBuf::from(value("queue_directory", "/var/spool/postfix"))),
        account: account(&all, unprivileged),
        options: value("smtpd_sasl_path", "smtpd"),
        directories: directories.split(':').filter(|path| !path.is_empty()).map(PathBuf::from).collect(),
        login_service: value("smtpd_sasl_service", "smtp"),
    })
}

/// The default of the column became `n` with Postfix 3.0, but for those whose main.cf is as old as before.
fn is_chroot_the_default(main: &Parameters) -> bool {
    let number =
        |name: &str| main.get(name).and_then(|value| value.split('.').next()?.trim().parse::<u32>().ok());
    number("mail_version").is_some_and(|major| major < 3) || number("compatibility_level").unwrap_or(0) < 1
}

/// `-o name=value` and `-o { name = value }`.
fn overrides(arguments: &[String]) -> Parameters {
    let text = arguments.join(" ");
    let mut found = Parameters::new();
    for option in text.split("-o ").skip(1) {
        let option = option.trim().trim_start_matches('{');
        let option = option.rsplit_once('}').map_or(option, |(inside, _)| inside);
        if let Some((name, value)) = option.split_once('=') {
            let value = value.split(" -").next().unwrap_or_default();
            found.insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }
    found
}

/// main.cf, or what postconf(1) says of it.
pub fn parameters(text: &str) -> Parameters {
    let lines = logical_lines(text);
    let pairs = lines.filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    });
    pairs.collect()
}

/// A line that begins with a blank goes on with the one before; comments and empty lines are passed over.
fn logical_lines(text: &str) -> impl Iterator<Item = String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        match lines.last_mut().filter(|_| line.starts_with([' ', '\t'])) {
            Some(last) => {
                last.push(' ');
                last.push_str(content);
            }
            None => lines.push(content.to_owned()),
        }
    }
    lines.into_iter()
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// The value with the parameters in it that it names, some levels deep.
fn expanded(all: &Parameters, name: &str, default: &str) -> String {
    let mut value = all.get(name).map_or(default, String::as_str).to_owned();
    for _ in 0..4 {
        if !value.contains('$') {
            break;
        }
        for (name, replacement) in all {
            for reference in [format!("${{{name}}}"), format!("$({name})")] {
                value = value.replace(&reference, replacement);
            }
            if value == format!("${name}") {
                value.clone_from(replacement);
            }
        }
    }
    value
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use std::path::Path;

    const ON: &str = "smtpd_sasl_auth_enable = yes\n";

    fn of(main: &str, master: &str) -> Vec<Asking> {
        asking(&parameters(main), master)
    }

    #[test]
    fn the_chroot_column_means_what_it_means_to_postfix() {
        for (main, column, expected) in [
            ("compatibility_level = 3.6", "y", true),
            ("compatibility_level = 3.6", "n", false),
            ("compatibility_level = 3.6", "-", false),
            ("compatibility_level = 1", "-", false),
            ("compatibility_level = 0", "-", true),
            ("", "-", true),
            ("compatibility_level = 2\nmail_version = 2.11.3", "-", true),
        ] {
            let found = of(&format!("{ON}{main}\n"), &format!("smtp inet n - {column} - - smtpd\n"));
            assert_eq!(found[0].root.is_some(), expected, "{main} {column}");
        }
        let moved =
            of(&format!("{ON}data = /srv\nqueue_directory = ${{data}}/q\n"), "smtp inet n - y - - smtpd\n");
        assert_eq!(moved[0].root, Some("/srv/q".into()));
    }

    #[test]
    fn each_smtpd_has_its_own_settings() {
        let master = "# smtp inet n - y - - smtpd -o smtpd_sasl_auth_enable=yes\n\
            smtp      inet  n       -       y       -       -       smtpd\n\
            \t-o smtpd_sasl_auth_enable=no\n\
            submission inet n - n - - smtpd\n  -o smtpd_tls_security_level=encrypt\n  -o smtpd_sasl_path=other\n\
            smtps inet n n y - - smtpd -o { smtpd_sasl_type = dovecot }\n\
            2525 inet n n y - - smtpd -o smtpd_sasl_service=mail -v\n\
            cleanup unix n - y - 0 cleanup\nsmtp unix - - y - - smtp\n";
        let found = of(ON, master);
        let services: Vec<_> = found.iter().map(|asking| asking.service.as_str()).collect();
        assert_eq!(services, ["submission/inet", "2525/inet"]);
        assert_eq!((found[0].options.as_str(), found[0].account.as_str()), ("other", "postfix"));
        assert_eq!((found[1].login_service.as_str(), found[1].account.as_str()), ("mail", "root"));
    }

    #[test]
    fn who_asks_nobody_or_dovecot_is_left_out() {
        let master = "smtp inet n - y - - smtpd\n";
        for main in
            ["", "smtpd_sasl_auth_enable = no", "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot"]
        {
            assert_eq!(of(main, master), [], "{main}");
        }
        for master in ["", "smtp inet", "smtp inet n - y - - smtpd-wrapper"] {
            assert_eq!(of(ON, master), [], "{master}");
        }
    }

    #[test]
    fn the_socket_of_dovecots_protocol_is_below_the_queue_directory() {
        let main = parameters(&format!("{ON}smtpd_sasl_type = dovecot\nsmtpd_sasl_path = private/auth\n"));
        let master = "smtp inet n - y - - smtpd\n587 inet n - y - - smtpd -o smtpd_sasl_path=unix:/run/a\n\
            588 inet n - y - - smtpd -o smtpd_sasl_path=inet:localhost:1\n\
            589 inet n - y - - smtpd -o smtpd_sasl_type=cyrus\n";
        let found = asking_dovecot(&main, master);
        let sockets: Vec<_> = found.iter().map(|asking| asking.socket.as_path()).collect();
        assert_eq!(sockets, [Path::new("/var/spool/postfix/private/auth"), Path::new("/run/a")]);
        assert_eq!((found[0].account.as_str(), found[0].login_service.as_str()), ("postfix", "smtp"));
        assert_eq!(asking(&main, master).len(), 1);
    }

    #[test]
    fn the_directories_of_the_options_are_those_of_main_cf() {
        let found = of(&format!("{ON}cyrus_sasl_config_path = /a::/b\n"), "smtp inet n - y - - smtpd\n");
        assert_eq!(found[0].directories, [PathBuf::from("/a"), PathBuf::from("/b")]);
    }
}
