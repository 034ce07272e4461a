//! Files of SQLite as they are on real systems: copied over, moved with their directory, left behind by a program that died.

use super::{BOUND, PLAIN, SELECT, ask, launch};
use crate::support::command::{run, run_with_input};
use crate::support::{Answer, Program, eventually};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use tempfile::TempDir;

/// A directory that everybody may enter.
fn directory() -> TempDir {
    let directory = TempDir::new().unwrap();
    open_to_all(directory.path(), 0o755);
    directory
}

fn open_to_all(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Makes a file in which `anna` has that password.
fn make(path: &Path, password: &str) {
    sqlite3(
        path,
        &format!(
            "CREATE TABLE users (login TEXT, password TEXT); INSERT INTO users VALUES ('anna', '{password}');"
        ),
    );
    open_to_all(path, 0o644);
}

/// Runs statements; whether sqlite3 lives to the end is theirs.
fn sqlite3(path: &Path, statements: &str) {
    let mut command = Command::new("sqlite3");
    command.arg(path);
    run_with_input(command, statements.as_bytes());
}

fn settings(path: &Path) -> String {
    format!("sql_engine: sqlite\nsql_database: {}\nsql_select: {SELECT}\n{PLAIN}", path.display())
}

/// What --check=system says of the database.
fn check(path: &Path) -> String {
    let directory = directory();
    let file = directory.path().join("saslauthd.conf");
    fs::write(&file, settings(path)).unwrap();
    let mut command = Command::new(Program::Ours.daemon());
    command.args(["-a", "sql", &format!("--config={}", file.display()), "--check=system"]);
    let finished = run(command);
    finished.output.lines().find(|line| line.contains(" sql: ")).unwrap_or_default().to_owned()
}

#[test]
fn a_database_that_was_copied_over_the_file_counts_from_the_next_login() {
    require!(Sqlite);
    let directory = directory();
    let [path, other] = ["users.db", "other.db"].map(|name| directory.path().join(name));
    // Both have been changed as often, which is what SQLite looks at.
    make(&path, "right");
    make(&other, "fresh");
    let daemon = launch(&settings(&path)).with(&["-n", "1"]).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    fs::write(&path, fs::read(&other).unwrap()).unwrap();
    assert_eq!(ask(&daemon, "anna", "right"), "NO");
    assert_eq!(ask(&daemon, "anna", "fresh"), "OK");
}

#[test]
fn what_is_no_file_is_told_and_not_waited_for() {
    require!(Sqlite);
    let directory = directory();
    let path = directory.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    open_to_all(&path, 0o644);
    let daemon = launch(&settings(&path)).start();
    let begun = Instant::now();
    assert_eq!(ask(&daemon, "anna", "right"), Answer::Nothing);
    daemon.log.wait_for("cannot be read: it is not a file]");
    assert!(check(&path).contains("it is not a file"));
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
}

#[test]
fn a_link_that_leads_to_another_directory_is_followed_by_a_new_worker() {
    require!(Sqlite);
    let directory = directory();
    let [old, new, link] = ["old", "new", "link"].map(|name| directory.path().join(name));
    for (release, password) in [(&old, "right"), (&new, "fresh")] {
        fs::create_dir(release).unwrap();
        open_to_all(release, 0o755);
        make(&release.join("users.db"), password);
    }
    symlink(&old, &link).unwrap();
    let daemon = launch(&settings(&link.join("users.db"))).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    fs::remove_file(&link).unwrap();
    symlink(&new, &link).unwrap();
    eventually("the new directory is read", || ask(&daemon, "anna", "fresh").is_ok().then_some(()));
    // Each worker learns it by a login of its own.
    let answer = eventually("a worker answers that reads it", || {
        Some(ask(&daemon, "anna", "right")).filter(|answer| *answer != Answer::Nothing)
    });
    assert_eq!(answer, "NO");
    assert!(!daemon.log.all().iter().any(|line| line.contains("must be allowed to read it")));
}

#[test]
fn what_a_program_that_died_has_left_behind_is_told_with_its_remedy() {
    require!(Sqlite);
    let directory = directory();
    let path = directory.path().join("users.db");
    make(&path, "right");
    let killed = "PRAGMA cache_size = 1; BEGIN; CREATE TABLE f (x); \
                  WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 20000) INSERT INTO f SELECT hex(x) FROM n;\n\
                  .shell kill -KILL $PPID\n";
    sqlite3(&path, killed);
    let journal = PathBuf::from(format!("{}-journal", path.display()));
    assert!(journal.exists());
    open_to_all(&journal, 0o644);
    let daemon = launch(&settings(&path)).start();
    assert_eq!(ask(&daemon, "anna", "right"), Answer::Nothing);
    let line = daemon.log.wait_for("auth unavailable: [user=anna]");
    assert!(line.contains("users.db-journal behind"), "{line}");
    sqlite3(&path, ".tables\n");
    eventually("it is put right", || ask(&daemon, "anna", "right").is_ok().then_some(()));
}

/// The check is run by root, who may read everything.
#[test]
fn the_check_reads_the_file_as_the_account_of_the_workers_would() {
    require!(Sqlite, Root);
    let directory = directory();
    let path = directory.path().join("users.db");
    make(&path, "right");
    assert_eq!(check(&path), format!("ok: sql: the server {} answers", path.display()));
    open_to_all(&path, 0o600);
    let said = check(&path);
    assert!(said.starts_with("error: ") && said.contains("Permission denied; workers run as user"), "{said}");
    assert!(said.contains("Remedy: see that sql_database"), "{said}");
}
