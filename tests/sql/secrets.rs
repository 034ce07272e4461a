//! What may be seen of passwords, and what the processes may do that see them.

use super::{SELECT, ask, asking, launch};
use crate::support::database::PASSWORD;
use crate::support::{Engine, Process, eventually};
use std::fs;

for_each_database!(
    neither_passwords_nor_hashes_nor_the_database_s_own_are_in_the_log,
    workers_have_no_rights_and_are_in_a_sandbox,
);

const LOGIN_PASSWORD: &str = "Falsch-4711";
const STORED: &str = "Gespeichert-0815";

fn neither_passwords_nor_hashes_nor_the_database_s_own_are_in_the_log(engine: Engine) {
    let mut database = engine.start();
    database.add("anna", "", Some(STORED)).add("otto", "", Some("{SSHA512}R2VzcGVpY2hlcnQtMDgxNQ"));
    database.add("twice", "", Some(STORED)).add("twice", "", Some(STORED));
    let broken = SELECT.replace("password", "no_such_column");
    let daemons = [asking(&database, SELECT), asking(&database, &broken)]
        .map(|settings| launch(&format!("{settings}sql_verbose: yes\n")).with(&["-V", "-V"]).start());
    for _ in 0..2 {
        for daemon in &daemons {
            for login in ["anna", "otto", "twice", "eva"] {
                ask(daemon, login, LOGIN_PASSWORD);
                ask(daemon, login, STORED);
            }
        }
        database.stop();
    }
    for daemon in &daemons {
        daemon.log.wait_for("[user=eva]");
        for secret in [LOGIN_PASSWORD, STORED, PASSWORD, "R2VzcGVpY2hlcnQtMDgxNQ"] {
            let lines = daemon.log.all();
            assert!(!lines.iter().any(|line| line.contains(secret)), "{secret}: {lines:#?}");
        }
    }
}

fn workers_have_no_rights_and_are_in_a_sandbox(engine: Engine) {
    let database = engine.start();
    database.add("anna", "", Some("right"));
    let daemon = launch(&asking(&database, SELECT)).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    let is_ready = |worker: &Process| {
        fs::read_to_string(worker.file("status")).is_ok_and(|status| status.contains("Seccomp:\t2"))
    };
    let workers = eventually("both workers are in their sandbox", || {
        Some(daemon.children("worker")).filter(|workers| workers.len() >= 2 && workers.iter().all(is_ready))
    });
    for worker in workers {
        let status = fs::read_to_string(worker.file("status")).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.trim_start_matches(':').split_whitespace().collect::<Vec<_>>()
        };
        assert!(field("Uid").iter().all(|id| *id != "0"), "{status}");
        assert!(field("Gid").iter().all(|id| *id != "0"), "{status}");
        for set in ["CapEff", "CapPrm", "CapBnd"] {
            assert_eq!(field(set), ["0000000000000000"], "{status}");
        }
        assert_eq!(field("Seccomp"), ["2"], "{status}");
        assert_eq!(field("NoNewPrivs"), ["1"], "{status}");
    }
}
