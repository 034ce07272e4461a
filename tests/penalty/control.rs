//! What `saslauthdctl` shows of penalties, and how they are cleared.

use super::Site;
use crate::support::{Launch, Program, Request, command};
use std::process::Command;

#[test]
fn penalties_are_listed_shown_in_the_status_and_counted() {
    require!(Tool("python3"));
    let mut site = Site::start(&[]);
    assert!(!site.shown(&["status"]).contains("PENALTIES"));
    assert!(site.shown(&["penalty", "list"]).ends_with("\n0 addresses, 0 logins\n"));
    site.guess("192.0.2.7", "anna", "a");
    site.guess("2001:db8::1", "anna", "b");
    site.guess("2001:db8::2", "anna", "c");
    let list = site.shown(&["penalty", "list"]);
    assert!(list.ends_with("\n2 addresses, 0 logins\n"), "{list}");
    let first = list.lines().nth(1).unwrap();
    assert!(first.starts_with("2001:db8::/64 ") && first.contains(" 4 s "), "the last one first: {list}");
    let status = site.shown(&["status"]);
    assert!(status.contains("PENALTIES            2 addresses, 0 logins; "), "{status}");
    let mut python = Command::new("python3");
    let script =
        "import json, sys; print([(a['address'], a['step']) for a in json.load(sys.stdin)['addresses']])";
    python.args(["-c", script]);
    let read = command::run_with_input(python, site.shown(&["penalty", "list", "--json"]).as_bytes());
    assert_eq!(read.output, "[('2001:db8::/64', 2), ('192.0.2.7', 1)]\n", "{read:?}");
    let metrics = site.shown(&["metrics"]);
    for line in ["saslauthd_penalties_total{by=\"address\"} 3", "saslauthd_penalty_addresses 2"] {
        assert!(metrics.lines().any(|found| found == line), "{line} is missing in {metrics}");
    }
}

#[test]
fn penalties_are_cleared_by_address_by_login_and_all_and_the_log_says_by_whom() {
    let mut site = Site::start(&[]);
    for password in ["a", "b"] {
        for client in ["192.0.2.7", "192.0.2.8", "2001:db8:1:2::1"] {
            site.guess(client, "anna", &format!("{password} {client}"));
        }
    }
    assert_eq!(site.shown(&["penalty", "clear", "192.0.2.7"]), "1 penalty cleared\n");
    assert_eq!(site.shown(&["penalty", "clear", "192.0.2.7"]), "0 penalties cleared\n");
    assert_eq!(site.shown(&["penalty", "clear", "2001:db8:1:2::/64"]), "1 penalty cleared\n");
    site.daemon.log.wait_for("1 penalty cleared by hand: [socket=control] [uid=0]");
    assert_eq!(site.penalties(), [("192.0.2.8".to_owned(), Some(2))]);
    site.guess("192.0.2.7", "anna", "c");
    site.expect_step("192.0.2.7", 1);
    for number in 0..10 {
        site.guess("127.0.0.1", "bert\\x", &number.to_string());
    }
    assert!(site.penalties().contains(&("bert\\x5Cx".to_owned(), None)), "{:?}", site.penalties());
    assert_eq!(site.shown(&["penalty", "clear", "BERT\\x5Cx"]), "1 penalty cleared\n", "as it is listed");
    assert_eq!(site.shown(&["penalty", "clear"]), "2 penalties cleared\n");
    assert_eq!(site.penalties(), []);
}

#[test]
fn without_penalties_nothing_waits_and_their_commands_are_refused() {
    let launch = Launch::new(Program::Ours, &["-a", "passwdfile", "--penalty=no"]);
    let daemon = launch.with_file("-O", super::USERS).start();
    daemon.log.wait_for("listening on socket");
    let site = Site { daemon, waiting: Vec::new(), refusals: 0 };
    for number in 0..12 {
        let request = Request::new("anna", number.to_string()).address("192.0.2.7");
        assert!(site.daemon.ask(&request).is_no());
    }
    for words in [&["penalty", "list"] as &[&str], &["penalty", "list", "--json"], &["penalty", "clear"]] {
        let refused = site.ask(words);
        assert_eq!((refused.code, refused.output.as_str()), (Some(1), ""), "{words:?}");
        assert!(refused.errors.contains("--penalty=no"), "{refused:?}");
    }
    assert!(site.shown(&["status", "--json"]).contains("\"penalties\":null"));
}

#[test]
fn a_list_of_networks_that_is_none_stops_the_start_with_its_reason() {
    for (networks, why) in [
        ("10.0.0.1/8", "the network is 10.0.0.0/8"),
        ("10.0.0.0/33", "is no network"),
        ("webmail.example.org", "is no network"),
    ] {
        let flag = format!("--trusted-networks={networks}");
        let finished = Launch::new(Program::Ours, &["-a", "pam", &flag]).run();
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.errors.contains("--trusted-networks cannot be"), "{finished:?}");
        assert!(finished.errors.contains(why), "{finished:?}");
    }
}
