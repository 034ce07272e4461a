//! A daemon goes on with the program that it was started from.

use super::{Manager, launch};
use crate::support::{Daemon, Program, eventually};
use std::fs;
use std::path::Path;

/// Becomes the program `$0` instead of the one that follows.
const INSTEAD: &str = r#"program=$0; shift; exec "$program" "$@""#;

fn start(manager: &Manager, program: &Path) -> Daemon {
    fs::copy(Program::Ours.daemon(), program).unwrap();
    launch(manager).behind(&["sh", "-c", INSTEAD, program.to_str().unwrap()]).start()
}

fn reload(daemon: &Daemon, count: usize) {
    daemon.process.signal("HUP");
    eventually("the reload is over", || {
        let all = daemon.log.all();
        let done = all.iter().filter(|line| line.contains("The configuration was read again")).count();
        (done == count).then_some(())
    });
}

fn warnings(daemon: &Daemon) -> Vec<String> {
    let all = daemon.log.all();
    all.into_iter().filter(|line| line.contains("restart the daemon to use the new version")).collect()
}

#[test]
fn a_program_that_was_replaced_is_told_once_at_a_reload() {
    let manager = Manager::new();
    let (program, new) = (manager.file("saslauthd"), manager.file("new"));
    let daemon = start(&manager, &program);
    reload(&daemon, 1);
    assert_eq!(warnings(&daemon), [""; 0]);
    fs::copy(Program::Ours.daemon(), &new).unwrap();
    fs::rename(&new, &program).unwrap();
    reload(&daemon, 2);
    reload(&daemon, 3);
    let warnings = warnings(&daemon);
    let expected = format!("The program {} has been replaced", program.display());
    assert!(warnings.len() == 1 && warnings[0].contains(&expected), "{warnings:?}");
}

#[test]
fn a_program_that_was_removed_is_told_and_serves_on() {
    let manager = Manager::new();
    let program = manager.file("saslauthd");
    let daemon = start(&manager, &program);
    fs::remove_file(&program).unwrap();
    reload(&daemon, 1);
    assert!(warnings(&daemon)[0].contains("has been removed"), "{:?}", warnings(&daemon));
}
