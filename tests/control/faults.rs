//! Whoever speaks nonsense or nothing, and processes that do not answer.

use super::{Connection, ask, frontend, metric, probed, run, shown};
use crate::support::eventually;
use std::time::{Duration, Instant};

#[test]
fn garbage_and_lines_that_are_too_long_are_answered_by_one_sentence() {
    require!(Root, Compiler);
    let site = probed(&[]);
    for (bytes, sentence) in [
        (b"\xff\xfe\0\n".to_vec(), "error this daemon does not know the command"),
        (b"\0\x04anna\0\x05right\0\x04smtp\0\0\n".to_vec(), "error this daemon does not know"),
        (vec![b'x'; 1024], "error a request has at most 1024 bytes\n"),
        (vec![b'x'; 900_000], "error a request has at most 1024 bytes\n"),
        ([b"ping\n".as_slice(), &[b'x'; 100_000]].concat(), "ok 5\npong\n"),
    ] {
        let mut connection = Connection::new(&site.daemon);
        connection.send(&bytes);
        let answer = connection.receive();
        assert!(answer.starts_with(sentence), "{} bytes: {answer}", bytes.len());
    }
    assert_eq!(shown(&site.daemon, &["ping"]), "pong\n");
}

#[test]
fn half_a_line_and_then_silence_is_given_up_after_five_seconds() {
    require!(Root, Compiler);
    let site = probed(&["-c"]);
    assert_eq!(site.ask("anna", "right"), "OK");
    let start = Instant::now();
    let mut half = Connection::new(&site.daemon);
    half.send("cache flush");
    assert_eq!(half.receive(), "error the request has not come in time\n");
    assert!(start.elapsed() >= Duration::from_secs(4), "{:?}", start.elapsed());
    let mut ended = Connection::new(&site.daemon);
    ended.send("cache flush");
    ended.0.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(ended.receive(), "error the request has no end of line\n");
    assert_eq!(metric(&site.daemon, "saslauthd_cache_entries"), 1.0, "nothing was flushed");
}

/// Eight are served at a time; the others wait for them, and none of them is a client.
#[test]
fn a_hundred_connections_at_once_are_all_answered_and_keep_no_login_waiting() {
    require!(Root, Compiler);
    let site = probed(&["--max-connections=1"]);
    let mut all: Vec<_> = (0..100).map(|_| Connection::new(&site.daemon)).collect();
    assert_eq!(site.ask("anna", "right"), "OK");
    all.iter_mut().rev().for_each(|connection| connection.send("ping\n"));
    for mut connection in all {
        assert_eq!(connection.receive(), "ok 5\npong\n");
    }
    assert_eq!(metric(&site.daemon, "saslauthd_clients"), 0.0);
}

/// They fill all places, and each has five seconds.
#[test]
fn silent_connections_make_the_next_wait_and_do_not_shut_it_out() {
    require!(Root, Compiler);
    let site = probed(&[]);
    let _silent: Vec<_> = (0..8).map(|_| Connection::new(&site.daemon)).collect();
    let directory = site.daemon.run_directory().display().to_string();
    let finished = run(&["-m", &directory, "--timeout=15", "ping"]);
    assert_eq!(finished.output, "pong\n", "{finished:?}");
    assert_eq!(site.ask("anna", "right"), "OK");
}

#[test]
fn a_daemon_that_does_not_answer_ends_the_wait_with_a_code_of_its_own() {
    require!(Root, Compiler);
    let site = probed(&[]);
    let frontend = frontend(&site.daemon);
    frontend.signal("STOP");
    let start = Instant::now();
    let finished = ask(&site.daemon, &["--timeout=1", "ping"]);
    frontend.signal("CONT");
    assert_eq!(finished.code, Some(75), "{finished:?}");
    assert!(finished.errors.contains("has said nothing for 1 s"), "{finished:?}");
    assert!(start.elapsed() >= Duration::from_secs(1));
    eventually("it answers again", || (ask(&site.daemon, &["ping"]).code == Some(0)).then_some(()));
}

/// What only the supervisor can do is not said to be done without it.
#[test]
fn a_log_level_that_the_supervisor_does_not_hear_of_is_no_success() {
    require!(Root, Compiler);
    let site = probed(&[]);
    site.daemon.process.signal("STOP");
    let finished = ask(&site.daemon, &["--timeout=15", "log-level", "error"]);
    let ping = ask(&site.daemon, &["ping"]);
    site.daemon.process.signal("CONT");
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.errors.contains("have not answered in time"), "{finished:?}");
    assert_eq!(ping.output, "pong\n");
}
