//! The keys of `saslauthd.conf` that begin with `sql_`: those of libsasl's plugin, and ours.
#![forbid(unsafe_code)]

use super::hosts::Limits;
use super::select::Select;
use super::server::{self, Server};
use crate::mechanism::schemes::KnownScheme;
use crate::mechanism::tls_keys;
use crate::net::exchange::TlsSettings;
use crate::secret::Secret;
use crate::settings::file::{Entry, Problem};
use crate::settings::keys::Keys;
use crate::settings::raw_settings::RawSettings;
use crate::sys::sql::{Engine, Target, TlsFiles, TlsMode};
use std::time::Duration;

/// Every key of the mechanism.
pub const KEYS: &[&[&str]] = &[
    &["sql_engine"],
    &["sql_hostnames"],
    &["sql_user"],
    &[PASSWORD],
    &["sql_database"],
    SELECT,
    &["sql_usessl"],
    &["sql_default_scheme"],
    &["sql_connect_timeout"],
    &["sql_answer_timeout"],
    &["sql_tls_check_peer"],
    &["sql_tls_cacert_file"],
    &["sql_tls_cacert_dir"],
    &["sql_tls_cert"],
    &["sql_tls_key"],
    // What the plugin logs, and writes when a password is changed: of no meaning here.
    &["sql_verbose"],
    &["sql_insert"],
    &["sql_update"],
];

/// The password of the account that asks.
pub const PASSWORD: &str = "sql_passwd";

/// The statement, and what its key was called in the first releases of libsasl, which still take it.
const SELECT: &[&str] = &["sql_select", "sql_statement"];

/// The engines as libsasl spells them.
const ENGINES: [(&str, Engine); 4] = [
    ("pgsql", Engine::Postgresql),
    ("mysql", Engine::Mysql),
    ("sqlite", Engine::Sqlite),
    ("sqlite3", Engine::Sqlite),
];

/// For how long a server may take to be found, to answer and to take the password. Over a network it takes milliseconds;
/// a lost packet is sent again after one second and after three.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// For how long an answer may take. It is one row by its key.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest of both: beyond it no client waits.
const LONGEST_TIMEOUT: u32 = 60;

/// What logins are checked with.
pub(super) struct Settings {
    /// In the order of the file; at least one.
    pub targets: Vec<Target>,
    /// What is asked.
    pub select: Select,
    /// Of stored passwords that name none.
    pub usual_scheme: Option<KnownScheme>,
    /// How long it may take.
    pub limits: Limits,
}

/// Reads the keys of the instance. Everything wrong is added to `problems`; with an error among them there are no settings.
pub(super) fn read(sources: &RawSettings, problems: &mut Vec<Problem>) -> Option<Settings> {
    let Some(text) = &sources.file else {
        let name = sources.instance.as_deref().unwrap_or("sql");
        problems.push(Problem::error(
            "".as_ref(),
            format!("{name} needs saslauthd.conf, where its database is named"),
        ));
        return None;
    };
    let file = text.parse(&mut Vec::new());
    let sections = file.for_mechanism(sources.instance.as_deref());
    let mut own = Vec::new();
    let settings = read_keys(&mut Keys::new(text.path(), sections, &mut own));
    let is_usable = !own.iter().any(Problem::is_error);
    problems.append(&mut own);
    settings.filter(|_| is_usable)
}

fn read_keys(keys: &mut Keys<'_>) -> Option<Settings> {
    // The plugin's default is mysql, which nobody can want who does not say so.
    let engine = match keys.entry(&["sql_engine"]) {
        Some(_) => keys.choice(&["sql_engine"], &ENGINES),
        None => missing(keys, "sql_engine is missing: pgsql, mysql or sqlite"),
    };
    let database = keys.text(&["sql_database"]);
    if keys.entry(&["sql_database"]).is_none() {
        keys.miss("sql_database is missing: the name of the database, for sqlite the path of its file");
    }
    let limits = Limits {
        connect: seconds(keys, "sql_connect_timeout", CONNECT_TIMEOUT),
        answer: seconds(keys, "sql_answer_timeout", ANSWER_TIMEOUT),
    };
    let usual_scheme = usual_scheme(keys);
    let tls = tls(keys);
    let engine = engine?;
    check_authorities(keys, engine, &tls);
    let select = select(keys, engine);
    let servers = servers(keys, engine);
    let user = user(keys, engine);
    let password = keys.secret(&[PASSWORD]).unwrap_or_default();
    check_path(keys, engine);
    let target = |server: Server| Target {
        engine,
        host: server.host,
        port: server.port,
        user: user.to_owned(),
        password: Secret::copy_of(password.as_bytes()),
        database: database.unwrap_or_default().to_owned(),
        tls: tls.clone(),
        connect_timeout: limits.connect,
        answer_timeout: limits.answer,
    };
    let targets = servers.into_iter().map(target).collect();
    Some(Settings { targets, select: select?, usual_scheme, limits })
}

fn missing<T>(keys: &mut Keys<'_>, text: &str) -> Option<T> {
    keys.miss(text);
    None
}

fn seconds(keys: &mut Keys<'_>, key: &str, default: Duration) -> Duration {
    let seconds = keys.number(&[key], 1..=LONGEST_TIMEOUT);
    seconds.map_or(default, |seconds| Duration::from_secs(seconds.into()))
}

fn select(keys: &mut Keys<'_>, engine: Engine) -> Option<Select> {
    let Some(entry) = keys.entry(SELECT) else {
        return missing(keys, "sql_select is missing: the statement that finds a login's password");
    };
    match Select::parse(engine, keys.text(SELECT)?) {
        Ok(select) => Some(select),
        Err(error) => {
            keys.complain_at(entry, Some(error.offset), &error.text);
            None
        }
    }
}

/// A file of SQLite has none. Of the others it is the library's own if none is named, as for the plugin.
fn servers(keys: &mut Keys<'_>, engine: Engine) -> Vec<Server> {
    let entry = keys.entry(&["sql_hostnames"]).filter(|_| engine != Engine::Sqlite);
    let Some((entry, text)) = entry.zip(keys.text(&["sql_hostnames"])) else {
        return vec![Server::default()];
    };
    match server::parse(text) {
        Ok(servers) => servers,
        Err(error) => {
            keys.complain_at(entry, Some(error.offset), &error.text);
            Vec::new()
        }
    }
}

fn user<'a>(keys: &mut Keys<'a>, engine: Engine) -> &'a str {
    if engine != Engine::Sqlite && keys.entry(&["sql_user"]).is_none() {
        keys.miss("sql_user is missing: the account that may read the table");
    }
    keys.text(&["sql_user"]).unwrap_or_default()
}

fn check_path(keys: &mut Keys<'_>, engine: Engine) {
    let is_relative = |entry: &&Entry| !entry.value.as_bytes().starts_with(b"/");
    let entry = keys.entry(&["sql_database"]).filter(|_| engine == Engine::Sqlite).filter(is_relative);
    if let Some(entry) = entry {
        keys.complain(entry, "takes an absolute path with sqlite");
    }
}

/// libpq takes authorities from one file and looks into no directory.
fn check_authorities(keys: &mut Keys<'_>, engine: Engine, tls: &TlsMode) {
    let (Engine::Postgresql, TlsMode::On(files)) = (engine, tls) else { return };
    let Some(entry) = keys.entry(&["sql_tls_cacert_dir"]) else { return };
    let what = "is of no use with pgsql, where authorities are in one file: sql_tls_cacert_file";
    if files.ca_file.is_none() && !files.unverified {
        keys.complain(entry, what);
    } else {
        keys.warn(entry, what);
    }
}

fn usual_scheme(keys: &mut Keys<'_>) -> Option<KnownScheme> {
    let entry = keys.entry(&["sql_default_scheme"])?;
    let name = entry.value.as_bytes();
    let name = name.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}")).unwrap_or(name);
    let scheme = KnownScheme::parse(name);
    if scheme.is_none() {
        keys.complain(entry, "takes the name of a scheme, such as SHA512-CRYPT");
    }
    scheme
}

/// `sql_usessl` is the plugin's; here a server without TLS is then not spoken to, and its certificate is checked.
fn tls(keys: &mut Keys<'_>) -> TlsMode {
    let is_on = keys.flag(&["sql_usessl"]).unwrap_or(false);
    let read = tls_keys::read(keys, "sql", TlsSettings::default());
    if is_on {
        return TlsMode::On(TlsFiles {
            ca_file: read.authorities_file,
            ca_dir: read.authorities_directory,
            certificate: read.certificate,
            key: read.key,
            unverified: !read.check_peer,
        });
    }
    let of_tls = KEYS.iter().flat_map(|names| names.iter()).filter(|name| name.starts_with("sql_tls_"));
    if let Some(entry) = of_tls.into_iter().find_map(|name| keys.entry(&[name])) {
        keys.warn(entry, "is of no use without sql_usessl: yes");
    }
    TlsMode::Off
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
