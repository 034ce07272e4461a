//! Programs that ask a saslauthd in real life (Postfix, Exim, libsasl, testsaslauthd), unmodified and as Debian packages
//! them, against this daemon (`ours`) and against the C daemon beside it (`c`); at the auth socket it is Dovecot that is
//! beside it (`dovecot`). Further programs are in tests/system.
//!
//! A test whose needs are missing is written to the file that SASLAUTHD_TEST_SKIPPED names, and fails when CI is set.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test is to fail loudly, and nothing here is reachable from outside"
)]

/// Makes tests of the scenarios of a module: `both` run against ours and the C daemon, `ours` against ours only,
/// because the C daemon does not keep that promise.
macro_rules! scenarios {
    ($needs:expr; both: $($both:ident),*; ours: $($ours:ident),*;) => {
        mod ours {
            $(scenarios!(@test Ours, $needs, $both);)*
            $(scenarios!(@test Ours, $needs, $ours);)*
        }
        mod c {
            $(scenarios!(@test C, $needs, $both);)*
        }
    };
    (@test $program:ident, $needs:expr, $scenario:ident) => {
        #[test]
        fn $scenario() {
            use $crate::peers::{daemon::Program, needs};
            let program = Program::$program;
            let name = concat!(module_path!(), "::", stringify!($scenario));
            if needs::are_met(name, needs::OF_ALL.into_iter().chain($needs).chain(program.needs())) {
                super::$scenario(program);
            }
        }
    };
}

mod auth_socket;
mod daemon;
mod exim;
mod libsasl;
mod needs;
mod pam;
mod postfix;
mod smtp;
mod testsaslauthd;
mod together;

use std::process::Command;

pub use exim::EXIM;
pub use postfix::POSTFIX;

pub use crate::support::PATIENCE;

/// Waits until `condition` holds; `what` names it when it never does.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    crate::support::eventually(what, || condition().then_some(()));
}

/// A command that is killed when it has not ended within the tests' patience.
pub fn bounded(program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.arg("--signal=KILL").arg(PATIENCE.as_secs().to_string()).arg(program);
    command
}

/// Runs `command` and gives its standard output; any other exit status than 0 fails the test.
pub fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {}{text}", String::from_utf8_lossy(&output.stderr));
    text
}
