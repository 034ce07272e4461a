//! What can be asked.
#![forbid(unsafe_code)]

use crate::config::log_level::LogLevel;
use std::fmt;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// What the daemon is doing.
    Status(Format),
    /// The same for Prometheus.
    Metrics,
    /// Whom the cache remembers.
    CacheList(Format),
    /// Forget that login, or everybody.
    CacheFlush(Option<Vec<u8>>),
    /// Who has a penalty.
    PenaltyList(Format),
    /// Forget that of an address or a login, or all.
    PenaltyClear(Option<Vec<u8>>),
    /// How much is logged; with a level: log so much.
    LogLevel(Option<LogLevel>),
    /// Whether logins are served.
    Ping,
}

/// How something is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Table,
    /// For programs: one line.
    Json,
}

/// A line that asks for nothing that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotACommand {
    /// The word is unknown: this daemon may be older than whoever asks.
    Unknown,
    /// The level is.
    Level,
    /// To forget an empty login: whoever asks has lost its name, and does not mean everybody.
    EmptyLogin,
    /// The same of a penalty.
    EmptyName,
}

impl fmt::Display for NotACommand {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => formatter.write_str(
                "this daemon does not know the command; it knows status, status json, metrics, cache list, cache list json, \
                 cache flush, cache flush LOGIN, penalty list, penalty list json, penalty clear, penalty clear ADDRESS|LOGIN, log-level, log-level LEVEL and ping",
            ),
            Self::Level => {
                let names = LogLevel::ALL.map(LogLevel::name).join(", ");
                write!(formatter, "there is no such level; there are {names}")
            }
            Self::EmptyLogin => formatter.write_str("an empty login cannot be flushed; cache flush alone flushes all"),
            Self::EmptyName => formatter.write_str("nobody has an empty name; penalty clear alone clears all"),
        }
    }
}

impl Command {
    /// The line without its end. A login is everything behind the blank, as it is.
    pub(super) fn parse(line: &[u8]) -> Result<Self, NotACommand> {
        if let Some(login) = line.strip_prefix(b"cache flush ") {
            let login = Some(login).filter(|login| !login.is_empty()).ok_or(NotACommand::EmptyLogin)?;
            return Ok(Self::CacheFlush(Some(login.to_vec())));
        }
        if let Some(name) = line.strip_prefix(b"penalty clear ") {
            let name = Some(name).filter(|name| !name.is_empty()).ok_or(NotACommand::EmptyName)?;
            return Ok(Self::PenaltyClear(Some(name.to_vec())));
        }
        if let Some(level) = line.strip_prefix(b"log-level ") {
            let level = std::str::from_utf8(level).ok().and_then(LogLevel::of_name);
            return level.map(|level| Self::LogLevel(Some(level))).ok_or(NotACommand::Level);
        }
        match line {
            b"status" => Ok(Self::Status(Format::Table)),
            b"status json" => Ok(Self::Status(Format::Json)),
            b"metrics" => Ok(Self::Metrics),
            b"cache list" => Ok(Self::CacheList(Format::Table)),
            b"cache list json" => Ok(Self::CacheList(Format::Json)),
            b"cache flush" => Ok(Self::CacheFlush(None)),
            b"penalty list" => Ok(Self::PenaltyList(Format::Table)),
            b"penalty list json" => Ok(Self::PenaltyList(Format::Json)),
            b"penalty clear" => Ok(Self::PenaltyClear(None)),
            b"log-level" => Ok(Self::LogLevel(None)),
            b"ping" => Ok(Self::Ping),
            _ => Err(NotACommand::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_one_line() {
        for (line, command) in [
            ("status", Command::Status(Format::Table)),
            ("status json", Command::Status(Format::Json)),
            ("metrics", Command::Metrics),
            ("cache list", Command::CacheList(Format::Table)),
            ("cache list json", Command::CacheList(Format::Json)),
            ("cache flush", Command::CacheFlush(None)),
            ("cache flush anna@example.org", Command::CacheFlush(Some(b"anna@example.org".to_vec()))),
            ("cache flush  a b ", Command::CacheFlush(Some(b" a b ".to_vec()))),
            ("penalty list", Command::PenaltyList(Format::Table)),
            ("penalty list json", Command::PenaltyList(Format::Json)),
            ("penalty clear", Command::PenaltyClear(None)),
            ("penalty clear 192.0.2.7", Command::PenaltyClear(Some(b"192.0.2.7".to_vec()))),
            ("log-level", Command::LogLevel(None)),
            ("log-level debug", Command::LogLevel(Some(LogLevel::Debug))),
            ("log-level warning", Command::LogLevel(Some(LogLevel::Warning))),
            ("ping", Command::Ping),
        ] {
            assert_eq!(Command::parse(line.as_bytes()), Ok(command), "{line}");
        }
    }

    /// Nothing that was cut off or misspelt forgets more than was meant.
    #[test]
    fn everything_else_is_none() {
        for (line, why) in [
            ("", NotACommand::Unknown),
            ("Status", NotACommand::Unknown),
            ("status ", NotACommand::Unknown),
            ("ping\r", NotACommand::Unknown),
            ("cache flushanna", NotACommand::Unknown),
            ("cache flush ", NotACommand::EmptyLogin),
            ("penalty clear ", NotACommand::EmptyName),
            ("penalty clearall", NotACommand::Unknown),
            ("penalty", NotACommand::Unknown),
            ("log-level trace", NotACommand::Level),
            ("log-level ", NotACommand::Level),
            ("log-level \u{fffd}", NotACommand::Level),
        ] {
            assert_eq!(Command::parse(line.as_bytes()), Err(why), "{line}");
        }
    }
}
