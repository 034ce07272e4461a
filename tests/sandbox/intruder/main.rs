//! The daemon with an attacker in each of its unprivileged processes, who finds out what he cannot do.
//!
//! One program is three: run by `cargo test` it is the test; with flags of the daemon it is that daemon, from the same
//! library as the shipped one; and that daemon starts it again as its children, which get account, settings and sandbox
//! as ever and then, before they serve, try what an attacker would. So nothing of this is in any program that is shipped, and
//! no switch could turn it on there.
//!
//! The attacker makes system calls that no safe function makes; they are in `attempts`, each with its reason.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test is to fail loudly, and nothing here is reachable from outside"
)]

mod attempts;
mod plan;
#[allow(dead_code, reason = "the other tests use the rest")]
#[path = "../../support"]
mod support {
    pub mod lines;
    pub mod skipped;
    pub mod waiting;

    pub use waiting::PATIENCE;
}
mod table;
mod trial;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().collect();
    let is_child = words[0].starts_with("saslauthd: ");
    if is_child || words.iter().any(|word| word == "-a") {
        if is_child {
            attempts::PLAN.get_or_init(plan::Plan::of_this_process);
        }
        return saslauthd::saslauthd_main_with(attempts::make_all);
    }
    trial::run_tests(words.get(1..).unwrap_or_default())
}
