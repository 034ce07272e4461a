//! The command line of the benchmark.

use std::path::PathBuf;
use std::time::Duration;

use crate::Fallible;
use crate::crowd::{ATTACK, Attack};
use crate::server::{ECHO_SERVER, Kind};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
usage: cargo bench --bench daemons -- [--quick] [--rounds N] [--seconds N] [--scenario NAME]... [--server NAME]...

  --quick          one round, one second a measurement, fewer requests
  --rounds N       interleaved rounds whose median is reported (default 3)
  --seconds N      length of one measurement (default 3)
  --scenario NAME  only these: cached, permit, guessing, hang-up, silent, memory, names, slow-imap, dovecot,
                   imaps, ldap-bind, ldap-fastbind, ldaps, hung, dovecot-auth, sasldb, kerberos5,
                   sql (may be repeated)
  --server NAME    only these: ours, C, echo, Dovecot (may be repeated)

usage: cargo bench --bench daemons -- --pictures DOCUMENT DIRECTORY

  measures nothing, and draws the tables in DOCUMENT as pictures in DIRECTORY
";

/// What this process is to do.
pub(crate) enum Task {
    /// Be the echo server on this socket.
    Echo(PathBuf),
    /// Attack the daemon on this socket.
    Attack(Attack, PathBuf),
    /// Measure.
    Measure(Options),
    /// Draw the tables of a document into a directory.
    Draw(PathBuf, PathBuf),
    /// Print the usage.
    Help,
    /// `cargo test --benches` runs the program without `--bench`: measuring is not testing.
    Nothing,
}

/// One of the things measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Every login is in the cache.
    Cached,
    /// `pam_permit` on every request.
    Permit,
    /// A right password among guessers, whose failures `pam_unix` delays.
    Guessing,
    /// Others log in while a user sends logins and hangs up.
    HangUp,
    /// Others log in while a user is silent on thousands of connections.
    Silent,
    /// Memory at rest and its growth.
    Memory,
    /// More names than the cache of the C daemon holds.
    Names,
    /// rimap against a server that takes its time.
    SlowImap,
    /// rimap against Dovecot.
    Dovecot,
    /// The same within TLS.
    Imaps,
    /// ldap against slapd, with a search for each login.
    LdapBind,
    /// ldap against slapd, without.
    LdapFastbind,
    /// ldap against slapd within TLS, with a search for each login.
    Ldaps,
    /// rimap against two servers of which one hangs.
    Hung,
    /// Dovecot's auth protocol: ours against Dovecot.
    DovecotAuth,
    /// sasldb with a thousand users.
    Sasldb,
    /// kerberos5 against MIT's server.
    Kerberos5,
    /// sql against PostgreSQL, MariaDB and SQLite, beside C with PAM and Dovecot.
    Sql,
}

impl Scenario {
    /// All, in the order they run.
    pub(crate) const ALL: [Self; 18] = [
        Self::Cached,
        Self::Permit,
        Self::Guessing,
        Self::HangUp,
        Self::Silent,
        Self::Memory,
        Self::Names,
        Self::SlowImap,
        Self::Dovecot,
        Self::Imaps,
        Self::LdapBind,
        Self::LdapFastbind,
        Self::Ldaps,
        Self::Hung,
        Self::DovecotAuth,
        Self::Sasldb,
        Self::Kerberos5,
        Self::Sql,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Permit => "permit",
            Self::Guessing => "guessing",
            Self::HangUp => Attack::HangUp.name(),
            Self::Silent => Attack::Silent.name(),
            Self::Memory => "memory",
            Self::Names => "names",
            Self::SlowImap => "slow-imap",
            Self::Dovecot => "dovecot",
            Self::Imaps => "imaps",
            Self::LdapBind => "ldap-bind",
            Self::LdapFastbind => "ldap-fastbind",
            Self::Ldaps => "ldaps",
            Self::Hung => "hung",
            Self::DovecotAuth => "dovecot-auth",
            Self::Sasldb => "sasldb",
            Self::Kerberos5 => "kerberos5",
            Self::Sql => "sql",
        }
    }
}

/// How long and what to measure.
pub(crate) struct Options {
    /// Short runs, for a look or a test of the benchmark itself.
    pub(crate) quick: bool,
    /// Interleaved rounds.
    pub(crate) rounds: usize,
    /// Length of one measurement.
    pub(crate) duration: Duration,
    scenarios: Vec<Scenario>,
    servers: Vec<Kind>,
}

impl Options {
    /// Reads the arguments after the program's name.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Fallible<Task> {
        let (mut quick, mut bench) = (false, false);
        let (mut rounds, mut seconds) = (None, None);
        let (mut scenarios, mut servers) = (Vec::new(), Vec::new());
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut value =
                || arguments.next().ok_or_else(|| format!("The argument {argument} needs a value."));
            match argument.as_str() {
                ECHO_SERVER => return Ok(Task::Echo(value()?.into())),
                ATTACK => return Ok(Task::Attack(Attack::named(&value()?)?, value()?.into())),
                "--pictures" => return Ok(Task::Draw(value()?.into(), value()?.into())),
                "--bench" => bench = true,
                "--quick" => quick = true,
                "--help" | "-h" => return Ok(Task::Help),
                "--rounds" => rounds = Some(positive(&argument, &value()?)?),
                "--seconds" => seconds = Some(positive(&argument, &value()?)?),
                "--scenario" => scenarios.push(named(&value()?, Scenario::ALL, Scenario::name)?),
                "--server" => servers.push(named(&value()?, Kind::ALL, Kind::name)?),
                _ => return Err(format!("The argument {argument} is unknown.\n{HELP}").into()),
            }
        }
        if !bench {
            return Ok(Task::Nothing);
        }
        let rounds = rounds.unwrap_or(if quick { 1 } else { 3 });
        let duration = Duration::from_secs(seconds.unwrap_or(if quick { 1 } else { 3 }));
        Ok(Task::Measure(Self { quick, rounds: usize::try_from(rounds)?, duration, scenarios, servers }))
    }

    /// Whether this scenario was asked for.
    pub(crate) fn runs(&self, scenario: Scenario) -> bool {
        self.scenarios.is_empty() || self.scenarios.contains(&scenario)
    }

    /// The servers with a mux that were asked for, in the order they take turns.
    pub(crate) fn servers(&self) -> impl Iterator<Item = Kind> + '_ {
        self.of(&Kind::WITH_MUX)
    }

    /// The servers of Dovecot's auth protocol that were asked for, in the order they take turns.
    pub(crate) fn auth_servers(&self) -> impl Iterator<Item = Kind> + '_ {
        self.of(&Kind::WITH_AUTH_SOCKET)
    }

    fn of(&self, kinds: &'static [Kind]) -> impl Iterator<Item = Kind> + '_ {
        kinds.iter().copied().filter(|kind| self.servers.is_empty() || self.servers.contains(kind))
    }

    /// The servers asked for that check passwords.
    pub(crate) fn daemons(&self) -> impl Iterator<Item = Kind> + '_ {
        self.servers().filter(|kind| *kind != Kind::Echo)
    }

    /// `full`, or `quick` in a quick run.
    pub(crate) fn pick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

fn positive(argument: &str, value: &str) -> Fallible<u64> {
    match value.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("The value of {argument} must be a number above 0, not {value}.").into()),
    }
}

fn named<T: Copy>(
    wanted: &str,
    all: impl IntoIterator<Item = T>,
    name: fn(T) -> &'static str,
) -> Fallible<T> {
    let found = all.into_iter().find(|candidate| name(*candidate).eq_ignore_ascii_case(wanted));
    found.ok_or_else(|| format!("There is nothing called {wanted} to measure.\n{HELP}").into())
}
