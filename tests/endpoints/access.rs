//! Who may connect, and what the log says of who does.

use super::{SOMEBODY, directory, flag, is_served, launch, start};
use crate::support::{Connection, MuxClient, Request};
use std::fs;
use std::os::unix::fs::MetadataExt;

const REFUSED: &str = "A connection was closed: its user is in neither allow-users nor allow-groups";

/// The mode lets everybody in, the lists do not.
#[test]
fn only_allowed_users_and_groups_are_answered_and_the_log_tells_of_others_once() {
    require!(Root, Compiler, Tool("setpriv"));
    let directory = directory();
    let flags = [
        flag(&directory, "users,mode=0666,allow-users=daemon:4711"),
        flag(&directory, "groups,mode=0666,allow-groups=4712"),
        flag(&directory, "both,mode=0666,allow-users=4711,allow-groups=4712"),
    ];
    let daemon = start(launch(&[&flags[0], &flags[1], &flags[2]]));
    let client = MuxClient::new();
    let no = "NO Invalid username";
    // The user's number is also that of its only group, unless there are others.
    for (socket, uid, groups, expected) in [
        ("users", SOMEBODY, &[][..], no),
        ("users", 1, &[], no),
        ("users", 0, &[], "nothing"),
        ("users", 4712, &[4711], "nothing"),
        ("groups", 4712, &[], no),
        ("groups", 5000, &[4711, 4712], no),
        ("groups", SOMEBODY, &[4713], "nothing"),
        ("both", SOMEBODY, &[], no),
        ("both", 4712, &[], no),
        ("both", 5000, &[4712], no),
        ("both", 5000, &[4713], "nothing"),
        ("both", 5000, &[4713], "nothing"),
    ] {
        let path = directory.path().join(socket);
        let replies = client.log_in_with_groups(uid, groups, &path, "st-nobody");
        assert_eq!(replies, [expected], "{socket} {uid} {groups:?}");
    }
    assert!(is_served(&daemon.socket()), "everybody is, where nothing is said");
    let line = daemon.log.wait_for(&format!(
        "{REFUSED}: [socket={}] [uid=5000] [pid=",
        directory.path().join("both").display()
    ));
    assert!(!line.contains("[pid=0]"), "{line}");
    let told = |uid: &str| {
        daemon.log.all().iter().filter(|line| line.contains(REFUSED) && line.contains(uid)).count()
    };
    assert_eq!(["[uid=5000]", "[uid=0]", "[uid=4712]", "[uid=4711]"].map(told), [1; 4]);
}

/// A refusal costs nothing: whoever may come is served beside a flood of those who may not.
#[test]
fn users_that_are_not_allowed_take_nothing_from_those_that_are() {
    require!(Root, Compiler);
    let directory = directory();
    let daemon =
        start(launch(&["--max-connections=4", &flag(&directory, "auth,mode=0666,allow-users=4711")]));
    let path = directory.path().join("auth");
    let client = MuxClient::new();
    let _flood = client.start(1, &path, "hang-up", &["anna", "x", "64"]);
    daemon.log.wait_for(REFUSED);
    let replies = client.log_in(SOMEBODY, &path, "st-nobody", 20);
    assert!(replies.iter().all(|(_, reply)| reply == "NO Invalid username"), "{replies:?}");
    assert!(is_served(&daemon.socket()));
    assert!(!daemon.log.all().iter().any(|line| line.contains("[uid=1]") && line.contains("auth request")));
}

/// fail2ban and logwatch read the lines about verdicts: those stay as they are in C.
#[test]
fn this_daemons_own_lines_name_user_and_process_and_those_of_c_do_not() {
    let directory = directory();
    let daemon = start(launch(&["--read-timeout=1", &flag(&directory, "auth")]));
    let path = directory.path().join("auth");
    assert!(is_served(&path));
    let origin = |line: &str| {
        let user = fs::metadata("/proc/self").unwrap().uid();
        let whose = format!("[socket={}] [uid={user}] [pid={}]", path.display(), std::process::id());
        daemon.log.wait_for(&format!("{line}: {whose}"))
    };
    assert!(origin("auth request").ends_with(" for st-nobody"));
    let failure = daemon.log.wait_for("[user=st-nobody]");
    assert!(failure.contains("auth failure: "), "{failure}");
    assert!(!failure.contains("[uid=") && !failure.contains("[socket="), "{failure}");
    let mut empty = Connection::new(&path);
    empty.send(Request::new("", "x").bytes()).receive();
    origin("An invalid request came in");
    Connection::new(&path).send(b"\0\x04an");
    origin("A client hung up in the middle of its request");
    let silent = Connection::new(&path);
    origin("A client did not send a whole request within --read-timeout");
    drop(silent);
}
