//! Postfix, as postconf(1) tells it, or else its files.
#![forbid(unsafe_code)]

use super::{Found, OPTIONS, client, options_at};
use crate::system_check::finding::Finding;
use crate::system_check::gather::files::read;
use crate::system_check::gather::within::{PATIENCE, within};
use crate::system_check::judge::client::Client;
use crate::system_check::judge::postfix::{
    Asking, AskingDovecot, Parameters, asking, asking_dovecot, parameters,
};
use crate::system_check::judge::sasl_options::OptionsFile;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const MAIN: &str = "/etc/postfix/main.cf";
const MASTER: &str = "/etc/postfix/master.cf";
const POSTCONF: &str = "/usr/sbin/postconf";

/// Its smtpd, once for each way in which it looks for the socket; nothing where there is no Postfix. An smtpd that asks
/// somebody else is told of where nobody `is_asking`, since then it was perhaps not meant.
pub(super) fn gather(is_asking: bool) -> Option<Found> {
    if !Path::new(MAIN).exists() {
        return None;
    }
    let main = postconf(&[]).or_else(|| read(Path::new(MAIN)).ok());
    let master = postconf(&["-M"]).or_else(|| read(Path::new(MASTER)).ok());
    match (main, master) {
        (Some(main), Some(master)) => Some(of_files(&parameters(&main), &master, is_asking)),
        _ => Some((Vec::new(), vec![unknown()])),
    }
}

fn unknown() -> Finding {
    let text =
        format!("whether Postfix asks this daemon is not known, since {MAIN} or {MASTER} cannot be read");
    Finding::warning(text, "run this as root, and see what `postconf` says")
}

fn of_files(main: &Parameters, master: &str, is_asking: bool) -> Found {
    let (mut clients, mut findings) = (Vec::<Client>::new(), Vec::new());
    let all: Vec<_> = asking(main, master).into_iter().map(|asking| (options_of(&asking), asking)).collect();
    let is_asking = is_asking || all.iter().any(|(options, _)| options.asks_saslauthd());
    for (options, asking) in all {
        let is_meant = is_asking && options.asks_somebody_else();
        for finding in options.judge("smtpd").into_iter().filter(|_| !is_meant) {
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        if !options.asks_saslauthd() {
            continue;
        }
        add(&mut clients, client_of(&asking, &options));
    }
    asking_dovecot(main, master).into_iter().for_each(|asking| add(&mut clients, of_dovecot(asking)));
    (clients, findings)
}

/// One line is enough for several that go the same way.
fn add(clients: &mut Vec<Client>, client: Client) {
    let is_same = |other: &&mut Client| (&other.root, &other.socket) == (&client.root, &client.socket);
    match clients.iter_mut().find(is_same) {
        Some(other) => other.services.extend(client.services),
        None => clients.push(client),
    }
}

/// It may be Dovecot that it asks.
fn of_dovecot(asking: AskingDovecot) -> Client {
    Client {
        name: format!("Postfix's smtpd ({})", asking.service),
        account: asking.account,
        root: None,
        socket: asking.socket,
        options: None,
        only_here: true,
        services: vec![asking.login_service],
        restart: "restart Postfix",
    }
}

fn client_of(asking: &Asking, options: &OptionsFile) -> Client {
    Client {
        account: asking.account.clone(),
        root: asking.root.clone(),
        services: vec![asking.login_service.clone()],
        ..client(&format!("Postfix's smtpd ({})", asking.service), options, "restart Postfix")
    }
}

/// The first file that is there; else the one that Debian's or another libsasl would read.
fn options_of(asking: &Asking) -> OptionsFile {
    let name = format!("{}.conf", asking.options);
    let directories: Vec<_> = match asking.directories.as_slice() {
        [] => OPTIONS.iter().map(PathBuf::from).collect(),
        directories => directories.to_vec(),
    };
    let there = directories.iter().find(|directory| directory.join(&name).exists());
    let or_would_be = || directories.iter().find(|directory| directory.is_dir());
    let directory = there
        .or_else(or_would_be)
        .or_else(|| directories.first())
        .cloned()
        .unwrap_or_else(|| "/etc/sasl2".into());
    options_at(&directory.join(&name), "")
}

/// What postconf(1) writes; nothing if it is not there, fails or takes too long.
fn postconf(arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(POSTCONF);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let mut output = child.stdout.take()?;
    let text = within(PATIENCE, move || {
        let mut bytes = Vec::new();
        output.read_to_end(&mut bytes).map(|_| String::from_utf8_lossy(&bytes).into_owned())
    });
    if text.is_none() {
        // It has its end before this process.
        let _ = child.kill();
    }
    let has_succeeded = child.wait().is_ok_and(|status| status.success());
    text.and_then(Result::ok).filter(|_| has_succeeded)
}
