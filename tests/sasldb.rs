//! `-a sasldb`: databases that saslpasswd2 has written, and others.

use crate::support::skipped::skip;
use crate::support::{Answer, Connection, Daemon, Launch, Program, Request, System, eventually};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::panic;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::SystemTime;
use tempfile::TempDir;

for_both!(
    users_are_those_of_their_realm_and_of_the_host_if_none_is_sent,
    a_user_without_a_password_in_clear_is_not_let_in,
    a_database_that_cannot_be_read_lets_nobody_in,
    a_password_is_compared_to_its_last_byte,
    each_of_many_users_is_found_with_his_own_password,
);

/// Of Debian's packages db5.3-util and lmdb-utils.
const DB_LOAD: &str = "/usr/bin/db5.3_load";
const MDB_LOAD: &str = "/usr/bin/mdb_load";

/// What the machine is called for the daemon.
const HOST: &str = "mail";

/// A database that saslpasswd2 writes.
pub struct Database {
    _directory: TempDir,
    path: PathBuf,
}

impl Database {
    /// Of nobody.
    pub fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("sasldb2");
        Self { _directory: directory, path }
    }

    /// With this login as well.
    pub fn with(self, login: &str, realm: &str, password: &str) -> Self {
        self.write(&["-c"], login, realm, password);
        self
    }

    fn write(&self, flags: &[&str], login: &str, realm: &str, password: &str) {
        let mut child = Command::new("saslpasswd2")
            .args(["-p", "-f", self.path.to_str().unwrap(), "-u", realm])
            .args(flags)
            .arg(login)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        // It may not read a password that it has no use for.
        _ = child.stdin.take().unwrap().write_all(password.as_bytes());
        assert!(child.wait().unwrap().success(), "{flags:?} {login}");
    }

    /// What is in its file.
    pub fn bytes(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap()
    }
}

/// A daemon that finds it in the usual place, on a host called [`HOST`].
fn start(program: Program, database: &[u8]) -> Daemon {
    let system = System::new().sasldb(database);
    let launch = Launch::new(program, &["-a", "sasldb"]).inside(&system);
    launch.behind(&["unshare", "-u"]).after(&format!("hostname {HOST}")).start()
}

fn ask(daemon: &Daemon, login: &str, realm: &str, password: &str) -> Answer {
    daemon.ask(&Request::new(login, password).service("smtp").realm(realm))
}

fn users_are_those_of_their_realm_and_of_the_host_if_none_is_sent(program: Program) {
    require!(Root, Mounts, Tool("saslpasswd2"), Tool("hostname"));
    let database = Database::new()
        .with("anna", "example.org", "right")
        .with("anna", HOST, "of the host")
        // saslpasswd2 takes what is behind the @ for the realm.
        .with("otto@example.org", HOST, "split");
    let daemon = start(program, &database.bytes());
    for (login, realm, password, expected) in [
        ("anna", "example.org", "right", "OK"),
        ("anna", "example.org", "of the host", "NO"),
        ("anna", "", "of the host", "OK"),
        ("anna", HOST, "of the host", "OK"),
        ("anna", "", "right", "NO"),
        ("anna@example.org", "", "right", "NO"),
        ("otto@example.org", "", "split", "NO"),
        ("otto", "example.org", "split", "OK"),
        ("Anna", "example.org", "right", "NO"),
        ("anna", "Example.org", "right", "NO"),
        ("anna", "example.com", "right", "NO"),
        ("eva", "example.org", "right", "NO"),
    ] {
        assert_eq!(ask(&daemon, login, realm, password), expected, "{login} in {realm:?}");
    }
}

fn a_user_without_a_password_in_clear_is_not_let_in(program: Program) {
    require!(Root, Mounts, Tool("saslpasswd2"), Tool("hostname"));
    let database = Database::new().with("anna", HOST, "right");
    database.write(&["-c", "-n"], "otp", HOST, "right");
    let daemon = start(program, &database.bytes());
    assert_eq!(ask(&daemon, "anna", HOST, "right"), "OK");
    assert_eq!(ask(&daemon, "otp", HOST, "right"), "NO");
}

fn a_database_that_cannot_be_read_lets_nobody_in(program: Program) {
    require!(Root, Mounts, Tool("saslpasswd2"), Tool("hostname"));
    let database = Database::new().with("anna", HOST, "right");
    let system = System::new().sasldb(&database.bytes());
    let launch = Launch::new(program, &["-a", "sasldb"]).inside(&system);
    let daemon = launch.behind(&["unshare", "-u"]).after(&format!("hostname {HOST}")).start();
    assert_eq!(ask(&daemon, "anna", HOST, "right"), "OK");
    let why = "nobody could be asked, so no password was wrong";
    let expected = program.better(why, Answer::Text("NO".to_owned()), Answer::Nothing);
    for damaged in [&b""[..], b"anna:right\n", &database.bytes()[..5000]] {
        system.clone().sasldb(damaged);
        assert_eq!(ask(&daemon, "anna", HOST, "right"), expected, "{} bytes", damaged.len());
    }
    system.sasldb(&database.bytes());
    assert_eq!(ask(&daemon, "anna", HOST, "right"), "OK", "and it is there again");
}

fn a_password_is_compared_to_its_last_byte(program: Program) {
    require!(Root, Mounts, Loader(DB_LOAD), Tool("hostname"));
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("sasldb2");
    load(&path, "anna\\00mail\\00userPassword", "abc\\00def");
    let daemon = start(program, &fs::read(&path).unwrap());
    let why = "a password that was cut is not the password";
    assert_eq!(ask(&daemon, "anna", HOST, "abc"), program.better(why, "OK", "NO"));
    assert_eq!(ask(&daemon, "anna", HOST, "abcdef"), "NO");
}

fn each_of_many_users_is_found_with_his_own_password(program: Program) {
    require!(Root, Mounts, Loader(DB_LOAD), Tool("hostname"));
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("sasldb2");
    let entries: String = (0..20_000)
        .map(|number| {
            let long = "x".repeat(if number % 100 == 0 { 200 } else { number % 40 });
            format!(" user{number}\\00mail\\00userPassword\n {number}{long}\n")
        })
        .collect();
    load_all(&path, &entries);
    let daemon = start(program, &fs::read(&path).unwrap());
    for number in (0..20_000).step_by(170) {
        let long = "x".repeat(if number % 100 == 0 { 200 } else { number % 40 });
        let login = format!("user{number}");
        assert_eq!(ask(&daemon, &login, HOST, &format!("{number}{long}")), "OK", "{number}");
        assert_eq!(ask(&daemon, &login, HOST, &format!("{}{long}", number + 1)), "NO", "{number}");
        assert_eq!(ask(&daemon, &format!("user{}", number + 20_000), HOST, &format!("{number}{long}")), "NO");
    }
}

/// One entry, as db5.3_dump -p shows it.
fn load(path: &Path, key: &str, value: &str) {
    load_all(path, &format!(" {key}\n {value}\n"));
}

fn load_all(path: &Path, entries: &str) {
    let text = format!("VERSION=3\nformat=print\ntype=hash\nHEADER=END\n{entries}DATA=END\n");
    let mut child = Command::new(DB_LOAD).arg(path).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// A file that only root can read, in a directory that only root can enter; the worker is not root.
#[test]
fn the_file_of_option_or_key_is_read_as_it_is_at_each_login() {
    require!(Root, Tool("saslpasswd2"));
    let database = Database::new().with("anna", "example.org", "first");
    let path = database.path.to_str().unwrap();
    let by_option = Launch::new(Program::Ours, &["-a", "sasldb", "-O", path]).start();
    let file = format!("sasldb_path: {path}\n");
    let by_key = Launch::new(Program::Ours, &["-a", "sasldb"]).with_file("--config", &file).start();
    for daemon in [by_option, by_key] {
        database.write(&["-c"], "anna", "example.org", "first");
        assert_eq!(ask(&daemon, "anna", "example.org", "first"), "OK");
        for number in 0..30 {
            let password = format!("changed {number}");
            database.write(&[], "anna", "example.org", &password);
            assert_eq!(ask(&daemon, "anna", "example.org", &password), "OK", "{number}");
            assert_eq!(ask(&daemon, "anna", "example.org", "first"), "NO", "{number}");
        }
        database.write(&["-d"], "anna", "example.org", "");
        assert_eq!(ask(&daemon, "anna", "example.org", "changed 29"), "NO");
        daemon.log.wait_for("[reason=There is no such login in the realm example.org]");
    }
}

#[test]
fn a_database_is_looked_at_before_the_start_and_an_odd_one_is_told() {
    require!(Root, Tool("saslpasswd2"));
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("sasldb2");
    let check = || {
        let arguments = ["-a", "sasldb", "-O", path.to_str().unwrap(), "--check"];
        let finished = Launch::new(Program::Ours, &arguments).run();
        (finished.code, finished.errors + &finished.output)
    };
    let (code, told) = check();
    assert!(code == Some(1) && told.contains("cannot be read: No such file or directory"), "{told}");
    fs::write(&path, "anna:x\n").unwrap();
    let (code, told) = check();
    assert!(code == Some(1) && told.contains("is something else"), "{told}");
    fs::remove_file(&path).unwrap();
    let database = Database { _directory: directory, path: path.clone() }.with("anna", HOST, "right");
    let open = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o644);
    fs::set_permissions(&database.path, open).unwrap();
    let (code, told) = check();
    assert!(code == Some(1) && told.contains("holds passwords in clear"), "{told}");
}

#[test]
fn the_example_of_contrib_serves_its_database() {
    require!(Root, Tool("saslpasswd2"));
    let database = Database::new().with("anna", "example.org", "right");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/saslauthd.conf/sasldb.conf");
    let text = fs::read_to_string(example).unwrap();
    let text = text.replace("/var/lib/mail/sasldb2", database.path.to_str().unwrap());
    let checked = Launch::new(Program::Ours, &["-a", "sasldb", "--check"]).with_file("--config", &text).run();
    assert!(checked.code == Some(0) && checked.output.ends_with("no problems\n"), "{checked:?}");
    let daemon = Launch::new(Program::Ours, &["-a", "sasldb"]).with_file("--config", &text).start();
    assert_eq!(ask(&daemon, "anna", "example.org", "right"), "OK");
    assert_eq!(ask(&daemon, "anna", "", "wrong"), "NO");
}

#[test]
fn a_database_that_is_made_after_the_start_is_found() {
    require!(Root, Tool("saslpasswd2"));
    let database = Database::new();
    let daemon = Launch::new(Program::Ours, &["-a", "sasldb", "-O", database.path.to_str().unwrap()]).start();
    assert_eq!(ask(&daemon, "anna", HOST, "right"), Answer::Nothing);
    database.write(&["-c"], "anna", HOST, "right");
    eventually("the new file is found", || ask(&daemon, "anna", HOST, "right").is_ok().then_some(()));
}

/// An administrator adds users while others log in.
#[test]
fn while_users_are_added_no_right_password_is_refused_and_no_wrong_one_taken() {
    require!(Root, Tool("saslpasswd2"));
    let database = Database::new().with("anna", HOST, "right");
    let daemon =
        Launch::new(Program::Ours, &["-a", "sasldb", "-n", "3", "-O", database.path.to_str().unwrap()])
            .start();
    let is_done = AtomicBool::new(false);
    let asked: Vec<u32> = thread::scope(|scope| {
        let asking: Vec<_> = [("anna", "right", "OK"), ("anna", "wrong", "NO"), ("nobody", "right", "NO")]
            .into_iter()
            .map(|(login, password, expected)| {
                let (daemon, is_done) = (&daemon, &is_done);
                scope.spawn(move || {
                    let mut asked = 0;
                    while !is_done.load(Ordering::Relaxed) {
                        assert_eq!(ask(daemon, login, HOST, password), expected, "{login}, after {asked}");
                        asked += 1;
                    }
                    asked
                })
            })
            .collect();
        let written = panic::catch_unwind(|| {
            for number in 0..400 {
                database.write(&["-c"], &format!("user{number}"), HOST, &format!("password {number}"));
            }
        });
        is_done.store(true, Ordering::Relaxed);
        written.unwrap();
        asking.into_iter().map(|asking| asking.join().unwrap()).collect()
    });
    assert!(asked.iter().all(|asked| *asked > 0), "{asked:?}");
    for number in [0, 399] {
        assert_eq!(ask(&daemon, &format!("user{number}"), HOST, &format!("password {number}")), "OK");
    }
}

/// Two hundred logins at a fresh daemon whose workers have then been stopped, once it has read all of them.
fn begin_many(daemon: &Daemon) -> Vec<Connection> {
    let begun = || daemon.log.all().iter().filter(|line| line.contains(": begins for anna")).count();
    assert_eq!(ask(daemon, "anna", HOST, "right"), "OK");
    daemon.children("worker").iter().for_each(|worker| worker.signal("STOP"));
    let request = Request::new("anna", "right").service("smtp").realm(HOST).bytes();
    let mut logins: Vec<_> = (0..200).map(|_| daemon.connect()).collect();
    for login in &mut logins {
        login.send(&request);
    }
    eventually("all have begun", || (begun() == 201).then_some(()));
    logins
}

/// A worker has several of them in hand.
#[test]
fn of_many_logins_those_with_a_worker_that_is_killed_are_unavailable_and_none_is_lost_or_refused() {
    require!(Root, Tool("saslpasswd2"));
    let database = Database::new().with("anna", HOST, "right");
    let arguments = ["-a", "sasldb", "-V", "-n", "1", "-O", database.path.to_str().unwrap()];
    let daemon = Launch::new(Program::Ours, &arguments).start();
    let mut logins = begin_many(&daemon);
    daemon.children("worker").remove(0).signal("KILL");
    let answers: Vec<_> = logins.iter_mut().map(Connection::receive).collect();
    let (right, unavailable) = answers.iter().partition::<Vec<_>, _>(|answer| answer.is_ok());
    assert!(unavailable.iter().all(|answer| answer.is_none()), "{unavailable:?}");
    assert!((1..=16).contains(&unavailable.len()), "{} of {} are right", right.len(), answers.len());
    daemon.log.wait_for("auth unavailable: [user=anna]");
    assert_eq!(ask(&daemon, "anna", HOST, "right"), "OK");
}

#[test]
fn of_many_logins_those_with_a_worker_that_hangs_are_unavailable_in_time_and_it_is_replaced() {
    require!(Root, Tool("saslpasswd2"));
    let database = Database::new().with("anna", HOST, "right");
    let arguments =
        ["-a", "sasldb", "-V", "-n", "1", "--request-timeout=5", "-O", database.path.to_str().unwrap()];
    let daemon = Launch::new(Program::Ours, &arguments).start();
    let mut logins = begin_many(&daemon);
    let worker = daemon.children("worker").remove(0);
    let answers: Vec<_> = logins.iter_mut().map(Connection::receive).collect();
    assert!(answers.iter().all(|answer| answer.is_none() || answer.is_ok()), "{answers:?}");
    eventually("it is killed", || (!worker.is_running()).then_some(()));
    daemon.log.wait_for("its worker is replaced");
    eventually("another takes its place", || ask(&daemon, "anna", HOST, "right").is_ok().then_some(()));
}

#[test]
fn each_login_of_many_counts_of_the_share_of_its_worker() {
    require!(Root, Tool("saslpasswd2"));
    let database = Database::new().with("anna", HOST, "right");
    let path = database.path.to_str().unwrap();
    let arguments = ["-a", "sasldb", "-V", "-n", "1", "--requests-per-worker=50", "-O", path];
    let daemon = Launch::new(Program::Ours, &arguments).start();
    let mut logins = begin_many(&daemon);
    let worker = daemon.children("worker").remove(0);
    worker.signal("CONT");
    assert!(
        logins.iter_mut().all(|login| login.receive().is_ok()),
        "none is lost with a worker that retires"
    );
    let checks = || daemon.log.all().iter().filter(|line| line.contains("is checked here for anna")).count();
    eventually("each is said to be checked, once", || (checks() == 201).then_some(()));
    eventually("it has done its share", || (!worker.is_running()).then_some(()));
}

/// A worker in its sandbox takes gdbm's lock and waits for a writer that has it.
#[test]
fn databases_of_gdbm_and_lmdb_are_served() {
    require!(Root, Compiler, Loader(MDB_LOAD));
    let directory = TempDir::new().unwrap();
    let (gdbm, lmdb) = (directory.path().join("gdbm"), directory.path().join("lmdb"));
    let Some(program) = gdbm_writer(directory.path()) else {
        return skip("databases_of_gdbm_and_lmdb_are_served", "needs libgdbm-dev");
    };
    assert!(Command::new(&program).arg(&gdbm).status().unwrap().success());
    let text =
        "VERSION=3\nformat=print\ntype=btree\nHEADER=END\n anna\\00mail\\00userPassword\n right\nDATA=END\n";
    let arguments = ["-n", lmdb.to_str().unwrap()];
    let mut child = Command::new(MDB_LOAD).args(arguments).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    for path in [&gdbm, &lmdb] {
        let daemon = Launch::new(Program::Ours, &["-a", "sasldb", "-O", path.to_str().unwrap()]).start();
        assert_eq!(ask(&daemon, "anna", HOST, "right"), "OK", "{}", path.display());
        assert_eq!(ask(&daemon, "anna", HOST, "wrong"), "NO", "{}", path.display());
        if path == &gdbm {
            let writer = Writer::lock(path);
            // The worker has to read it again.
            File::options().append(true).open(path).unwrap().set_modified(SystemTime::now()).unwrap();
            assert_eq!(ask(&daemon, "anna", HOST, "right"), Answer::Nothing, "while a writer has it locked");
            daemon.log.wait_for("is locked by a program that writes to it");
            drop(writer);
            assert_eq!(ask(&daemon, "anna", HOST, "right"), "OK");
        }
    }
}

/// A program that has a file locked until it is dropped.
struct Writer(Child);

impl Writer {
    fn lock(path: &Path) -> Self {
        let mut child = Command::new("flock")
            .args(["-x", path.to_str().unwrap(), "sh", "-c", "echo locked; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "locked\n");
        Self(child)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

/// A program that makes a database of gdbm with one user.
fn gdbm_writer(directory: &Path) -> Option<PathBuf> {
    let source = r#"
        #include <gdbm.h>
        int main(int count, char **arguments) {
            GDBM_FILE file = gdbm_open(arguments[1], 0, GDBM_NEWDB, 0600, 0);
            datum key = {"anna\0mail\0userPassword", 22}, value = {"right", 5};
            if (!file || gdbm_store(file, key, value, GDBM_INSERT)) return 1;
            gdbm_close(file);
            return 0;
        }
    "#;
    let (text, program) = (directory.join("writer.c"), directory.join("writer"));
    fs::write(&text, source).unwrap();
    let output = Command::new("cc").arg(text).arg("-o").arg(&program).arg("-lgdbm").output().ok()?;
    output.status.success().then_some(program)
}
