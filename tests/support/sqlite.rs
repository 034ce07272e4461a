//! A database of SQLite in a file of its own.

use crate::support::command::run_with_input;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// The program that makes it.
pub const PROGRAM: &str = "/usr/bin/sqlite3";

/// A file that everybody can read.
pub struct Sqlite {
    directory: TempDir,
}

impl Sqlite {
    /// An empty one.
    pub fn new() -> Self {
        let directory = TempDir::new().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let sqlite = Self { directory };
        sqlite.run("VACUUM;\n");
        fs::set_permissions(sqlite.path(), fs::Permissions::from_mode(0o644)).unwrap();
        sqlite
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("users.sqlite")
    }

    /// The lines of saslauthd.conf that name it.
    pub fn settings(&self) -> String {
        format!("sql_engine: sqlite3\nsql_database: {}\n", self.path().display())
    }

    /// The program that runs statements from its standard input.
    pub fn client(&self) -> Command {
        let mut client = Command::new(PROGRAM);
        client.args(["-bail", "-batch"]).arg(self.path());
        client
    }

    /// Runs statements and gives the rows, with `|` between the columns.
    pub fn run(&self, statements: &str) -> String {
        let finished = run_with_input(self.client(), format!(".timeout 10000\n{statements}").as_bytes());
        assert_eq!(finished.code, Some(0), "{finished:?}");
        finished.output
    }
}
