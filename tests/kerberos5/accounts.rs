//! Accounts that may not log in although the password is right.

use super::{REFUSED, ask, realm, start, usual};
use crate::support::{Daemon, Program};

for_both!(an_account_that_may_not_log_in_is_refused_with_either_password);

fn an_account_that_may_not_log_in_is_refused_with_either_password(program: Program) {
    require!(Root, Kerberos);
    let names = ["expired", "stale", "changing", "disabled", "locked"];
    let server = realm(&names.map(|name| (name, "right")));
    server.administer("addpol -maxfailure 2 -failurecountinterval 1h -lockoutduration 1h strict");
    for change in [
        "modprinc -expire yesterday expired",
        "modprinc -pwexpire yesterday stale",
        "modprinc +needchange changing",
        "modprinc -allow_tix disabled",
        "modprinc -policy strict +requires_preauth locked",
    ] {
        server.administer(change);
    }
    let daemon = start(program, &server, &usual(&server));
    lock(&daemon);
    for name in names {
        for password in ["right", "wrong"] {
            assert_eq!(ask(&daemon, name, "", password), REFUSED, "{name} {password}");
        }
    }
    assert_eq!(ask(&daemon, "anna", "", "right"), "OK");
    server.administer("modprinc -unlock locked");
    server.administer("modprinc +allow_tix disabled");
    assert_eq!(ask(&daemon, "locked", "", "right"), "OK");
    assert_eq!(ask(&daemon, "disabled", "", "right"), "OK");
}

/// Each login with a wrong password counts once, and the right one is good until the last of them.
fn lock(daemon: &Daemon) {
    assert_eq!(ask(daemon, "locked", "", "wrong"), REFUSED);
    assert_eq!(ask(daemon, "locked", "", "right"), "OK", "one wrong password counts as one");
    assert_eq!(ask(daemon, "locked", "", "wrong"), REFUSED);
    assert_eq!(ask(daemon, "locked", "", "wrong"), REFUSED);
}
