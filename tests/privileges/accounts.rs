//! Which account serves, and what happens where it cannot.

use super::{HASH, NOBODY, OWN, Status, ask, expect_bare, system_with_own_account};
use crate::support::{Daemon, Launch, Program, System, eventually};

fn getpwent() -> Launch {
    Launch::new(Program::Ours, &["-a", "getpwent"])
}

/// Serves as root, with that warning.
fn expect_root(daemon: &Daemon, warning: &str) {
    assert_eq!(ask(daemon, "st-nobody", "x"), "NO Invalid username");
    assert_eq!(Status::of(&daemon.children("frontend")[0]).user(), 0);
    let line = daemon.log.wait_for("The process that talks to clients runs as root");
    assert!(line.contains(warning), "{line}");
}

#[test]
fn nobody_serves_where_there_is_no_better_account() {
    require!(Root, Mounts);
    let system = System::new().without_accounts(&["saslauthd", "saslauth"]);
    let daemon = getpwent().inside(&system).start();
    assert_eq!(ask(&daemon, "st-nobody", "x"), "NO Invalid username");
    assert_eq!(expect_bare(&daemon, &["frontend"], NOBODY), 1);
}

#[test]
fn without_any_such_account_root_serves_and_says_so() {
    require!(Root, Mounts);
    let system = System::new().without_accounts(&["saslauthd", "saslauth", "nobody"]);
    let only_files =
        "f=$(mktemp) && echo 'passwd: files' > $f && mount --bind $f /etc/nsswitch.conf && rm $f";
    let daemon = getpwent().inside(&system).after(only_files).start();
    expect_root(&daemon, "there is no account saslauthd, saslauth, nobody; see --user");
}

#[test]
fn an_account_that_is_named_and_not_there_stops_the_start() {
    let finished = getpwent().with(&["--user=st-missing"]).run();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.errors.contains("There is no account st-missing for --user"), "{finished:?}");
}

/// As in a unit or container that takes them away.
#[test]
fn without_the_capabilities_for_it_root_serves_and_names_them() {
    require!(Root, Tool("setpriv"));
    for (taken, told) in [
        ("-kill", "the daemon was started without CAP_KILL"),
        ("-setuid,-setgid", "the daemon was started without CAP_SETUID, CAP_SETGID"),
        ("-all", "the daemon was started without CAP_SETUID, CAP_SETGID, CAP_KILL"),
    ] {
        let bounding = format!("--bounding-set={taken}");
        expect_root(&getpwent().behind(&["setpriv", &bounding]).start(), told);
    }
}

/// There the number of the account stands for nobody, and groups cannot be set.
#[test]
fn in_a_user_namespace_without_the_account_root_serves() {
    require!(Root, Tool("unshare"));
    let daemon = getpwent().behind(&["unshare", "--user", "--map-root-user"]).start();
    expect_root(&daemon, "cannot be used: ");
}

#[test]
fn a_program_that_only_root_may_execute_is_served_by_root() {
    require!(Root, Mounts);
    let copy = "mount -t tmpfs none /mnt && cp \"$1\" /mnt/own && chmod 0700 /mnt/own && shift && \
                set -- /mnt/own \"$@\"";
    let daemon = getpwent().inside(&System::new()).after(copy).start();
    expect_root(&daemon, "cannot be used: Permission denied");
}

/// The number that was found at the start stays.
#[test]
fn an_account_that_vanishes_or_appears_later_changes_nothing() {
    require!(Root, Mounts);
    let system = system_with_own_account().account("anna", HASH, None);
    let daemon = getpwent().inside(&system).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    assert_eq!(expect_bare(&daemon, &["frontend"], OWN), 1);
    system.forget_account("saslauthd");
    reload(&daemon);
    assert_eq!(expect_bare(&daemon, &["frontend"], OWN), 1);
    assert_eq!(ask(&daemon, "anna", "right"), "OK");

    let other = System::new().without_accounts(&["saslauthd", "saslauth"]).account("anna", HASH, None);
    let daemon = getpwent().inside(&other).start();
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
    assert_eq!(expect_bare(&daemon, &["frontend"], NOBODY), 1);
    let _other = other.account("saslauthd", "x", None);
    reload(&daemon);
    assert_eq!(expect_bare(&daemon, &["frontend"], NOBODY), 1);
    assert_eq!(ask(&daemon, "anna", "right"), "OK");
}

fn reload(daemon: &Daemon) {
    let before = daemon.children("frontend");
    daemon.process.signal("HUP");
    eventually("another frontend serves alone", || {
        let now = daemon.children("frontend");
        (now.len() == 1 && now != before).then_some(())
    });
}

/// A login that comes by a stream that only root may open anew.
#[test]
fn what_the_account_logs_reaches_a_pipe_of_root() {
    require!(Root);
    let daemon = getpwent().with(&["--user=nobody"]).start();
    assert!(ask(&daemon, "st-nobody", "x").is_no());
    let frontend = daemon.children("frontend")[0].id;
    assert!(daemon.log.wait_for("[user=st-nobody]").starts_with(&format!("saslauthd[{frontend}]")));
}
