//! Databases that keep a login waiting.

use super::{BOUND, ask, asking, expect_verdicts, launch, site};
use crate::support::database::Lock;
use crate::support::{Answer, Engine, Request, eventually};
use std::time::Instant;

for_each_database!(a_locked_table_makes_nobody_wrong_and_is_waited_for_with_a_bound);

for_each_database_server!(
    a_slow_query_ends_and_the_next_login_is_answered,
    a_lock_that_is_soon_gone_costs_no_login,
);

fn a_locked_table_makes_nobody_wrong_and_is_waited_for_with_a_bound(engine: Engine) {
    let (database, daemon) = site(engine);
    expect_verdicts(&daemon);
    let lock = Lock::of(&database);
    for password in ["right", "wrong"] {
        let begin = Instant::now();
        assert_eq!(ask(&daemon, "anna", password), Answer::Nothing, "{password}");
        assert!(begin.elapsed() < BOUND, "{:?}", begin.elapsed());
    }
    daemon.log.wait_for("auth unavailable: [user=anna]");
    drop(lock);
    eventually("the lock is gone", || ask(&daemon, "anna", "right").is_ok().then_some(()));
    expect_verdicts(&daemon);
}

fn a_lock_that_is_soon_gone_costs_no_login(engine: Engine) {
    let (database, daemon) = site(engine);
    expect_verdicts(&daemon);
    let lock = Lock::of(&database);
    let mut waiting = daemon.connect();
    waiting.send(Request::new("anna", "right").bytes());
    eventually("the login waits for the lock", || (database.waiting() == 1).then_some(()));
    drop(lock);
    assert_eq!(waiting.receive(), "OK");
}

fn a_slow_query_ends_and_the_next_login_is_answered(engine: Engine) {
    let database = engine.start();
    database.add("anna", "", Some("right")).add("slow", "", Some("right"));
    let sleep = if engine == Engine::Mariadb { "SLEEP(600)" } else { "pg_sleep(600)::text" };
    let select = format!(
        "SELECT CASE WHEN login = 'slow' THEN {sleep} ELSE password END FROM users WHERE login = '%u'"
    );
    let daemon = launch(&asking(&database, &select)).with(&["-n", "1"]).start();
    expect_verdicts(&daemon);
    for _ in 0..2 {
        let begin = Instant::now();
        assert_eq!(ask(&daemon, "slow", "right"), Answer::Nothing);
        assert!(begin.elapsed() < BOUND, "{:?}", begin.elapsed());
        expect_verdicts(&daemon);
    }
}
