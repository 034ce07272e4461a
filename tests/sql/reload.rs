//! Reloads, and workers that die.

use super::{SELECT, ask, asking, expect_verdicts, site};
use crate::support::{Answer, Daemon, Engine, Launch, Program, eventually};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;

for_each_database!(
    changed_settings_hold_after_a_reload,
    settings_that_are_wrong_are_told_at_a_reload_and_the_daemon_serves_on,
    logins_are_answered_when_workers_have_been_killed,
    many_reloads_leave_no_connection_behind,
);

/// A file that the test changes.
struct Settings {
    directory: TempDir,
}

impl Settings {
    fn new(text: &str) -> Self {
        let settings = Self { directory: TempDir::new().unwrap() };
        settings.write(text);
        settings
    }

    fn write(&self, text: &str) {
        fs::write(self.path(), text).unwrap();
        fs::set_permissions(self.path(), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("saslauthd.conf")
    }

    fn start(&self) -> Daemon {
        let path = self.path().display().to_string();
        Launch::new(Program::Ours, &["-a", "sql", "-n", "2", "--config", &path]).start()
    }
}

fn reload(daemon: &Daemon) {
    let frontend = daemon.children("frontend")[0].id;
    daemon.process.signal("HUP");
    eventually("another frontend serves alone", || {
        let frontends = daemon.children("frontend");
        (frontends.len() == 1 && frontends[0].id != frontend).then_some(())
    });
}

fn changed_settings_hold_after_a_reload(engine: Engine) {
    let database = engine.start();
    database.add("anna", "old", Some("right")).add("otto", "new", Some("right"));
    let select = |realm: &str| asking(&database, &format!("{SELECT} AND realm = '{realm}'"));
    let settings = Settings::new(&select("old"));
    let daemon = settings.start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    assert_eq!(ask(&daemon, "otto", "right"), "NO");
    settings.write(&select("new"));
    assert_eq!(ask(&daemon, "anna", "right"), "OK", "nothing is read before");
    reload(&daemon);
    assert_eq!(ask(&daemon, "anna", "right"), "NO");
    assert_eq!(ask(&daemon, "otto", "right"), "OK");
}

fn settings_that_are_wrong_are_told_at_a_reload_and_the_daemon_serves_on(engine: Engine) {
    let database = engine.start();
    database.add("anna", "", Some("right"));
    let good = asking(&database, SELECT);
    let settings = Settings::new(&good);
    let daemon = settings.start();
    expect_verdicts(&daemon);
    settings.write(&good.replace("sql_engine:", "sql_engine: oracle\n#"));
    daemon.process.signal("HUP");
    daemon.log.wait_for("sql_engine");
    expect_verdicts(&daemon);
}

fn logins_are_answered_when_workers_have_been_killed(engine: Engine) {
    let (_database, daemon) = site(engine);
    for _ in 0..3 {
        expect_verdicts(&daemon);
        let workers = daemon.children("worker");
        assert!(!workers.is_empty());
        workers.iter().for_each(|worker| worker.signal("KILL"));
        eventually("others are there", || ask(&daemon, "anna", "right").is_ok().then_some(()));
        assert_ne!(ask(&daemon, "anna", "wrong"), Answer::Text("OK".to_owned()));
    }
    eventually("all is well", || ask(&daemon, "anna", "right").is_ok().then_some(()));
    expect_verdicts(&daemon);
}

fn many_reloads_leave_no_connection_behind(engine: Engine) {
    let (database, daemon) = site(engine);
    for _ in 0..8 {
        expect_verdicts(&daemon);
        reload(&daemon);
    }
    expect_verdicts(&daemon);
    eventually("there is one for a worker", || (database.connections() <= 2).then_some(()));
    drop(daemon);
    eventually("there is none", || (database.connections() == 0).then_some(()));
}
