//! How much is logged.
#![forbid(unsafe_code)]

/// The lines that are written: those of this level and of all before it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What keeps the daemon from serving.
    Error,
    /// What may keep it from serving soon.
    Warning,
    /// Refused logins, and what the C daemon says without `-V`.
    #[default]
    Info,
    /// `-V`: also successful logins and the life of processes.
    Debug,
}

impl LogLevel {
    /// All, the fewest lines first.
    pub const ALL: [Self; 4] = [Self::Error, Self::Warning, Self::Info, Self::Debug];

    /// Its word, as `saslauthdctl log-level` takes and prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }

    /// The level of that word.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}
