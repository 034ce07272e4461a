//! What the attacker is to try, and on what: written by the test, read by the child before it is in its sandbox.

use std::env;
use std::fs;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};

/// The one variable that reaches every child: where time zones are. Here the plan is there, too.
pub const VARIABLE: &str = "TZDIR";

/// A name for a file that everybody may read or write, so that nothing but the sandbox is in the way.
const SECRET: &str = "secret";

/// On what.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The directory of the plan.
    pub directory: PathBuf,
    /// The process that is to try the fatal attempt.
    pub victim: String,
    /// The fatal attempt, by name; empty for none.
    pub fatal: String,
    /// A TCP port at which somebody listens and that no mechanism names.
    pub port: u16,
    /// A socket without a path, of somebody else.
    pub abstract_name: String,
    /// The process that started the one that reads this.
    pub parent: u32,
}

impl Plan {
    /// A file with something secret, open to all by its mode.
    pub fn secret(&self) -> PathBuf {
        self.directory.join(SECRET)
    }

    /// Writes it down.
    pub fn write(&self) {
        let text = format!("{}\n{}\n{}\n{}\n", self.victim, self.fatal, self.port, self.abstract_name);
        fs::write(self.directory.join("plan"), text).unwrap();
    }

    /// Reads the one that [`VARIABLE`] leads to. The file must still be readable: call it before the sandbox is entered.
    pub fn read(directory: &Path) -> Option<Self> {
        let text = fs::read_to_string(directory.join("plan")).ok()?;
        let mut lines = text.lines().map(str::to_owned);
        Some(Self {
            directory: directory.to_owned(),
            victim: lines.next()?,
            fatal: lines.next()?,
            port: lines.next()?.parse().ok()?,
            abstract_name: lines.next()?,
            parent: parent_id(),
        })
    }

    /// As [`Self::read`], from the environment.
    pub fn of_this_process() -> Option<Self> {
        Self::read(Path::new(&env::var_os(VARIABLE)?))
    }
}
