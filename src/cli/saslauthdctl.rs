//! The command line of the program that asks a running daemon how it is.
#![forbid(unsafe_code)]

use crate::config::endpoint::LONGEST_REQUEST;
use crate::config::run_directory::DEFAULT_RUN_DIRECTORY;
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Ask the daemon.
    Ask(Question),
    /// `--help`, `--version`: write this text to the standard output and exit 0.
    Show(String),
}

/// What is asked, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Question {
    /// The control socket.
    pub path: PathBuf,
    /// Where a daemon without one would have its socket for clients; `None` with `--control`.
    pub mux: Option<PathBuf>,
    /// `--timeout`: how long the daemon may say nothing.
    pub timeout: Duration,
    /// The line of the request, with its end.
    pub line: Vec<u8>,
    /// `--watch`: how long after an answer the next is asked for.
    pub watch: Option<Duration>,
}

/// What `--help` begins with, broken by hand.
const ABOUT: &str = "\
Shows what a running saslauthd is doing, flushes its cache, clears penalties and
sets how much it logs. The daemon answers root and the user who started it.";

/// The flags as they stand on the command line.
#[derive(Parser)]
#[command(name = "saslauthdctl", version, about = ABOUT, disable_help_subcommand = true)]
struct Flags {
    /// The daemon's own -m
    #[arg(
        short = 'm',
        value_name = "DIRECTORY",
        global = true,
        default_value = DEFAULT_RUN_DIRECTORY
    )]
    run_directory: PathBuf,
    /// The daemon's own --control, if it has one
    #[arg(long, value_name = "PATH", global = true)]
    control: Option<PathBuf>,
    /// How long the daemon may say nothing
    #[arg(long, value_name = "SECONDS", global = true, default_value_t = 5,
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    timeout: u32,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show what it is doing: logins, workers, servers, cache
    Status(Status),
    /// Show its counters for Prometheus (text format 0.0.4)
    Metrics,
    /// The cache of accepted logins (-c)
    #[command(subcommand)]
    Cache(Cache),
    /// Penalties of those who guess passwords
    #[command(subcommand)]
    Penalty(Penalty),
    /// Show how much is logged, or set it until the next start
    LogLevel {
        /// error, warning, info (without -V) or debug (as with -V)
        level: Option<String>,
    },
    /// Exit 0 if logins are served; for health checks
    Ping,
}

#[derive(Args)]
struct Status {
    /// As JSON, one line
    #[arg(long)]
    json: bool,
    /// Again and again, every 2 seconds or as often as is said
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "2",
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    watch: Option<u32>,
}

#[derive(Subcommand)]
enum Cache {
    /// Show who is remembered, the last used first
    List {
        /// As JSON, one line
        #[arg(long)]
        json: bool,
    },
    /// Forget all logins, or that one, so that the mechanisms are asked again
    Flush {
        /// As the list shows it, with or without @ and its realm
        login: Option<OsString>,
    },
}

#[derive(Subcommand)]
enum Penalty {
    /// Show which client addresses and logins have one
    List {
        /// As JSON, one line
        #[arg(long)]
        json: bool,
    },
    /// Forget all penalties, or that of one address or login
    Clear {
        /// As the list shows it; of IPv6 any address of its /64
        #[arg(value_name = "ADDRESS|LOGIN")]
        whose: Option<OsString>,
    },
}

/// Resolves a whole command line, the program's name first. The error is what goes to the standard error stream.
pub fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Parsed, String> {
    match Flags::try_parse_from(line) {
        Ok(flags) => flags.question().map(Parsed::Ask).map_err(|why| format!("saslauthdctl: {why}\n")),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Ok(Parsed::Show(error.to_string()))
        }
        Err(error) => Err(error.to_string()),
    }
}

impl Flags {
    fn question(self) -> Result<Question, String> {
        let mux = self.control.is_none().then(|| self.run_directory.join("mux"));
        let watch = match &self.command {
            Command::Status(Status { watch, .. }) => watch.map(|seconds| Duration::from_secs(seconds.into())),
            _ => None,
        };
        Ok(Question {
            path: self.control.unwrap_or_else(|| self.run_directory.join("control")),
            mux,
            timeout: Duration::from_secs(self.timeout.into()),
            line: self.command.line()?,
            watch,
        })
    }
}

impl Command {
    fn line(self) -> Result<Vec<u8>, String> {
        let mut line = match self {
            Self::Status(Status { json: false, .. }) => b"status".to_vec(),
            Self::Status(Status { json: true, .. }) => b"status json".to_vec(),
            Self::Metrics => b"metrics".to_vec(),
            Self::Cache(Cache::List { json: false }) => b"cache list".to_vec(),
            Self::Cache(Cache::List { json: true }) => b"cache list json".to_vec(),
            Self::Cache(Cache::Flush { login: None }) => b"cache flush".to_vec(),
            Self::Cache(Cache::Flush { login: Some(login) }) => {
                // Whoever has lost a name does not mean everybody.
                if login.is_empty() {
                    return Err("an empty login cannot be flushed; without a login all are".to_owned());
                }
                [b"cache flush ".to_vec(), login.into_vec()].concat()
            }
            Self::Penalty(Penalty::List { json: false }) => b"penalty list".to_vec(),
            Self::Penalty(Penalty::List { json: true }) => b"penalty list json".to_vec(),
            Self::Penalty(Penalty::Clear { whose: None }) => b"penalty clear".to_vec(),
            Self::Penalty(Penalty::Clear { whose: Some(whose) }) => {
                if whose.is_empty() {
                    return Err("nobody has an empty name; without one all penalties are cleared".to_owned());
                }
                [b"penalty clear ".to_vec(), whose.into_vec()].concat()
            }
            Self::LogLevel { level: None } => b"log-level".to_vec(),
            Self::LogLevel { level: Some(level) } => format!("log-level {level}").into_bytes(),
            Self::Ping => b"ping".to_vec(),
        };
        if line.contains(&b'\n') {
            return Err("what is asked must be one line".to_owned());
        }
        line.push(b'\n');
        match line.len() {
            0..=LONGEST_REQUEST => Ok(line),
            _ => Err(format!("what is asked can be {LONGEST_REQUEST} bytes long")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use std::path::Path;

    fn parsed(line: &str) -> Result<Parsed, String> {
        parse(["/usr/sbin/saslauthdctl"].into_iter().chain(line.split_whitespace()).map(OsString::from))
    }

    fn question(line: &str) -> Question {
        match parsed(line).unwrap() {
            Parsed::Ask(question) => question,
            Parsed::Show(text) => panic!("{text}"),
        }
    }

    #[test]
    fn every_command_is_a_line_of_the_protocol() {
        for (line, asked) in [
            ("status", "status\n"),
            ("status --json", "status json\n"),
            ("metrics", "metrics\n"),
            ("cache list", "cache list\n"),
            ("cache list --json", "cache list json\n"),
            ("cache flush", "cache flush\n"),
            ("cache flush anna@example.org", "cache flush anna@example.org\n"),
            ("cache flush -- -anna", "cache flush -anna\n"),
            ("penalty list", "penalty list\n"),
            ("penalty list --json", "penalty list json\n"),
            ("penalty clear", "penalty clear\n"),
            ("penalty clear 2001:db8::/64", "penalty clear 2001:db8::/64\n"),
            ("penalty clear anna@example.org", "penalty clear anna@example.org\n"),
            ("log-level", "log-level\n"),
            ("log-level debug", "log-level debug\n"),
            ("ping", "ping\n"),
        ] {
            assert_eq!(String::from_utf8(question(line).line).unwrap(), asked, "{line}");
        }
    }

    #[test]
    fn the_socket_is_in_the_run_directory_unless_it_is_named() {
        let found = question("ping");
        assert_eq!(found.path, Path::new(DEFAULT_RUN_DIRECTORY).join("control"));
        assert_eq!(found.timeout, Duration::from_secs(5));
        for line in ["-m /run/a ping", "ping -m /run/a", "ping -m/run/a"] {
            let found = question(line);
            assert_eq!(found.path, Path::new("/run/a/control"), "{line}");
            assert_eq!(found.mux.as_deref(), Some(Path::new("/run/a/mux")));
        }
        let found = question("ping --control=/run/b --timeout 9");
        assert_eq!((found.path.as_path(), found.mux), (Path::new("/run/b"), None));
        assert_eq!(found.timeout, Duration::from_secs(9));
    }

    #[test]
    fn a_watch_has_an_interval() {
        let watch = |line| question(line).watch;
        assert_eq!(watch("status"), None);
        assert_eq!(watch("status --watch"), Some(Duration::from_secs(2)));
        assert_eq!(watch("status --json --watch=60"), Some(Duration::from_secs(60)));
    }

    #[test]
    fn what_cannot_be_asked_is_an_error_with_its_reason() {
        for (line, why) in [
            ("", "Usage"),
            ("stat", "unrecognized subcommand"),
            ("cache", "Usage"),
            ("status --watch=0", "0 is not in 1..=86400"),
            ("status 5", "unexpected argument"),
            ("ping --timeout=x", "invalid"),
            ("penalty show", "unrecognized subcommand"),
        ] {
            let error = parsed(line).unwrap_err();
            assert!(error.contains(why), "{line}: {error}");
        }
        let clear = parse(["saslauthdctl", "penalty", "clear", ""].map(OsString::from)).unwrap_err();
        assert!(clear.contains("empty name"));
        let flush =
            |login: &str| parse(["saslauthdctl", "cache", "flush", login].map(OsString::from)).unwrap_err();
        assert!(flush("").contains("empty login"));
        assert!(flush("a\nb").contains("one line"));
        assert!(flush(&"x".repeat(LONGEST_REQUEST)).contains("1024 bytes"));
    }

    #[test]
    fn help_and_version_are_shown() {
        let Ok(Parsed::Show(help)) = parsed("--help") else { panic!("no help") };
        for word in ["status", "metrics", "cache", "penalty", "log-level", "ping", "--timeout", "-m"] {
            assert!(help.contains(word), "{word} is missing in {help}");
        }
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
        assert_eq!(
            parsed("--version"),
            Ok(Parsed::Show(format!("saslauthdctl {}\n", env!("CARGO_PKG_VERSION"))))
        );
    }

    #[test]
    fn the_parser_itself_is_sound() {
        Flags::command().debug_assert();
    }
}
