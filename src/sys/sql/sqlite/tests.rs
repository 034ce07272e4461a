//! What is written of libsqlite3 is what its header says; files next to those who write them.

use super::{Session, connect, functions, load};
use crate::secret::Secret;
use crate::sys::sql::tests::{holds_against_headers, program, target};
use crate::sys::sql::{Connection, Engine, ErrorKind, Question};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn every_function_and_number_of_libsqlite3_is_that_of_its_header() {
    let start = "#include <sqlite3.h>\ntypedef int (*progress)(void *);\ntypedef void (*destructor)(void *);";
    let program = program(start, functions::Libsqlite3::WRITTEN, functions::CONSTANTS);
    holds_against_headers(
        "libsqlite3",
        &program,
        "/usr/include",
        &[
            ("int (*const own_sqlite3_step)(sqlite3_stmt *)", "int (*const own_sqlite3_step)(sqlite3 *)"),
            ("SQLITE_DONE == 101", "SQLITE_DONE == 100"),
        ],
    );
}

const TABLE: &str = "CREATE TABLE users (login TEXT, password TEXT, number INTEGER);\
    INSERT INTO users VALUES ('anna','x',1),('nobody',NULL,2),('empty','',3),('two','a',4),('two','b',5);\n";
const QUESTION: &str = "SELECT password, login AS user FROM users WHERE login = ?";

/// Whether the test can run.
fn has_program() -> bool {
    let runs = Command::new("sqlite3").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !runs || load().is_err() {
        crate::skipped::note("files of SQLite", "there is no sqlite3 or libsqlite3");
    }
    runs && load().is_ok()
}

/// A program that has the file open, and has carried out the statements.
struct Writer(Child, ChildStdin);

impl Writer {
    fn start(path: &Path, statements: &str) -> Self {
        let mut child =
            Command::new("sqlite3").arg(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "{statements}\nSELECT 'done';").unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let done = output.lines().map(Result::unwrap).any(|line| line == "done");
        assert!(done, "{statements}");
        Self(child, input)
    }

    fn end(self) {
        let Self(mut child, input) = self;
        drop(input);
        child.wait().unwrap();
    }
}

fn open(path: &Path) -> Session {
    let mut target = target(Engine::Sqlite);
    target.database = path.to_str().unwrap().to_owned();
    (target.connect_timeout, target.answer_timeout) =
        (Duration::from_millis(400), Duration::from_millis(400));
    connect(&target).unwrap()
}

/// The first row as text, and whether there are more; or the kind of the error.
fn ask(session: &mut Session, text: &str, parameters: &[&str]) -> Result<(Vec<String>, bool), ErrorKind> {
    let parameters: Vec<&[u8]> = parameters.iter().map(|value| value.as_bytes()).collect();
    let answer = session.ask(&Question { text, parameters: &parameters }).map_err(|error| error.kind)?;
    let value = |value: &Option<Secret>| {
        value
            .as_ref()
            .map_or_else(|| "NULL".to_owned(), |value| String::from_utf8(value.as_bytes().to_vec()).unwrap())
    };
    Ok((answer.first_row.iter().flatten().map(value).collect(), answer.has_more_rows))
}

fn row(values: &[&str], has_more: bool) -> Result<(Vec<String>, bool), ErrorKind> {
    Ok((values.iter().map(|value| (*value).to_owned()).collect(), has_more))
}

#[test]
fn a_file_answers_with_one_row_and_whether_there_are_more() {
    if !has_program() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a?b%#.db");
    Writer::start(&path, TABLE).end();
    let mut session = open(&path);
    for (login, expected) in [
        ("anna", row(&["x", "anna"], false)),
        ("ANNA", row(&[], false)),
        ("nobody", row(&["NULL", "nobody"], false)),
        ("empty", row(&["", "empty"], false)),
        ("two", row(&["a", "two"], true)),
        ("' OR 1=1 --", row(&[], false)),
    ] {
        assert_eq!(ask(&mut session, QUESTION, &[login]), expected, "{login}");
    }
    assert_eq!(ask(&mut session, "SELECT number FROM users WHERE number = ?", &["3"]), row(&["3"], false));
    for (text, kind) in [
        ("SELECT password FROM nothing", ErrorKind::Configuration),
        ("SELECT", ErrorKind::Configuration),
        ("", ErrorKind::Configuration),
        ("SELECT 1; SELECT 2", ErrorKind::Configuration),
        ("DELETE FROM users", ErrorKind::Configuration),
        (QUESTION, ErrorKind::Configuration),
        (ENDLESS, ErrorKind::TooSlow),
        ("SELECT zeroblob(1048577)", ErrorKind::Configuration),
    ] {
        assert_eq!(ask(&mut session, text, &[]), Err(kind), "{text}");
        assert!(session.is_alive());
    }
    assert_eq!(ask(&mut session, "SELECT count(*) FROM users", &[]), row(&["5"], false));
}

const ENDLESS: &str =
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";

#[test]
fn a_file_in_wal_mode_is_read_with_and_without_a_writer_and_nothing_is_left_beside_it() {
    if !has_program() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users.db");
    Writer::start(&path, &format!("PRAGMA journal_mode=WAL; {TABLE}")).end();
    let mut session = open(&path);
    assert_eq!(ask(&mut session, QUESTION, &["anna"]), row(&["x", "anna"], false));
    let files = || std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(files(), 1);
    let writer = Writer::start(&path, "UPDATE users SET password = 'y' WHERE login = 'anna';");
    assert_eq!(files(), 3);
    assert_eq!(ask(&mut session, QUESTION, &["anna"]), row(&["y", "anna"], false));
    let another = Writer::start(&path, "UPDATE users SET password = 'z' WHERE login = 'anna';");
    writer.end();
    assert_eq!(ask(&mut session, QUESTION, &["anna"]), row(&["z", "anna"], false));
    another.end();
    Writer::start(&path, "UPDATE users SET password = 'w' WHERE login = 'anna';").end();
    assert_eq!(ask(&mut session, QUESTION, &["anna"]), row(&["w", "anna"], false));
    Writer::start(&path, "PRAGMA wal_checkpoint(TRUNCATE); UPDATE users SET password = 'v';").end();
    assert_eq!(ask(&mut session, QUESTION, &["anna"]), row(&["v", "anna"], false));
}

#[test]
fn a_writer_that_keeps_the_file_to_itself_is_waited_for_and_then_told() {
    if !has_program() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users.db");
    Writer::start(&path, TABLE).end();
    let mut session = open(&path);
    let writer = Writer::start(&path, "BEGIN EXCLUSIVE;");
    let begun = Instant::now();
    assert_eq!(ask(&mut session, QUESTION, &["anna"]), Err(ErrorKind::Locked));
    assert!(begun.elapsed() >= Duration::from_millis(350), "{:?}", begun.elapsed());
    writer.end();
    assert_eq!(ask(&mut session, QUESTION, &["anna"]), row(&["x", "anna"], false));
}

#[test]
fn a_file_that_another_has_taken_the_place_of_is_seen_not_to_be_the_same() {
    if !has_program() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let [path, other] = ["users.db", "other.db"].map(|name| directory.path().join(name));
    Writer::start(&path, TABLE).end();
    Writer::start(&other, TABLE).end();
    let mut session = open(&path);
    assert!(session.is_alive());
    std::fs::rename(other, &path).unwrap();
    assert!(!session.is_alive());
    std::fs::write(&path, "no database, and longer than the header of one would have to be, ".repeat(9))
        .unwrap();
    let error = open(&path).ask(&Question { text: QUESTION, parameters: &[b"x"] }).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Refused, "{error}");
    std::fs::remove_file(&path).unwrap();
    assert!(!session.is_alive());
}
