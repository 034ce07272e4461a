//! PgBouncer in transaction mode, where each question may be put on another connection.

use super::{SELECT, ask, expect_verdicts, launch, selecting};
use crate::support::{Pgbouncer, Postgresql, RunningPostgresql};
use std::thread;

const TABLE: &str = "CREATE TABLE users (login VARCHAR(200), password VARCHAR(200));\n\
                     INSERT INTO users VALUES ('anna', 'right');\nGRANT SELECT ON users TO sasl;\n";

fn server() -> RunningPostgresql {
    let server = Postgresql::new().start();
    server.run(TABLE);
    server
}

#[test]
fn workers_share_fewer_connections_than_there_are_of_them() {
    require!(Postgresql, Pgbouncer);
    let server = server();
    let pooler = Pgbouncer::before(&server, 1);
    let settings = selecting(&server.settings_at(&pooler.endpoint()), SELECT);
    let daemon = launch(&settings).with(&["-n", "4"]).start();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..25).for_each(|_| expect_verdicts(&daemon)));
        }
    });
    let count = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'sasl';\n";
    assert_eq!(server.run(count), "1\n");
}

#[test]
fn a_restart_behind_the_pooler_costs_no_login_after_it() {
    require!(Postgresql, Pgbouncer);
    let mut server = server();
    let pooler = Pgbouncer::before(&server, 2);
    let daemon = launch(&selecting(&server.settings_at(&pooler.endpoint()), SELECT)).start();
    expect_verdicts(&daemon);
    server.stop();
    server.start_again();
    // The pooler itself finds out with the first question on each of its connections.
    for _ in 0..4 {
        let answer = ask(&daemon, "anna", "right");
        assert!(!answer.is_no(), "{answer:?}");
    }
    expect_verdicts(&daemon);
}
