//! Cyrus IMAP with `sasl_pwcheck_method: saslauthd`.

use crate::support::{Cyrus, Launch, Program};

/// docs/COMPATIBILITY.md has it that the Cyrus servers tell the two apart.
#[test]
fn cyrus_imap_tells_an_outage_from_a_wrong_password() {
    require!(Cyrus);
    let launch = Launch::new(Program::Ours, &["-a", "passwdfile"])
        .with_file("-O", "alice:{PLAIN}right horse\n")
        .with_open_directory();
    let imap = Cyrus::asking(&launch.run_directory().join("mux"));
    let daemon = launch.start();
    for _ in 0..3 {
        let reply = imap.log_in("alice", "right horse");
        assert!(reply.starts_with("OK "), "{reply}");
        assert_eq!(imap.log_in("alice", "wrong horse"), "NO Login failed: authentication failure");
    }
    drop(daemon);
    assert_eq!(imap.log_in("alice", "right horse"), "NO Login failed: generic failure");
}
