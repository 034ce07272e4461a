//! Programs that depend on saslauthd, run for real and side by side with the C daemon and ours.
//!
//! Each gets a machine of its own in namespaces (`enter.sh`), with its packages installed in a layer above this system
//! (`layer.sh`), for each of the two daemons. The test runs again on that machine (`trial.rs`); outside it compares what
//! was seen with docs/PROGRAMS.md (`table.rs`). A binary of its own, so that `cargo test --test integration` stays what
//! developers run between two changes.
#![forbid(unsafe_code)]
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test is to fail loudly, and nothing here is reachable from outside"
)]

#[allow(dead_code, reason = "the other tests use the rest")]
#[path = "../support"]
mod support {
    pub mod command;
    pub mod skipped;
    pub mod waiting;

    pub use waiting::{PATIENCE, eventually, within};
}
#[allow(dead_code, reason = "the other tests use the rest")]
#[path = "../peers/smtp.rs"]
mod smtp;

mod inside;
mod machine;
mod programs;
mod table;
mod trial;

/// Makes a test of each program, and one that the table has no row of another.
macro_rules! programs {
    ($($name:ident: $program:ty),+ $(,)?) => {
        mod the_table_tells_what_is_seen_of {
            use super::*;
            $(#[test]
            fn $name() {
                trial::test::<$program>(concat!("the_table_tells_what_is_seen_of::", stringify!($name)));
            })+
        }

        #[test]
        fn the_table_has_a_row_of_each_program_and_no_other() {
            let names = [$(<$program as trial::Program>::NAME),+];
            assert_eq!(table::names(), names);
        }
    };
}

programs! {
    postfix: programs::postfix::Postfix,
    postfix_chrooted: programs::postfix::Chrooted,
    postfix_by_dovecot: programs::postfix::ByDovecot,
    exim_condition: programs::exim::Condition,
    exim_cyrus_sasl: programs::exim::CyrusSasl,
    sendmail: programs::sendmail::Sendmail,
    cyrus_imap: programs::cyrus::Imap,
    slapd_pass_through: programs::slapd::PassThrough,
    slapd_plain: programs::slapd::Plain,
    svnserve: programs::svnserve::Svnserve,
    memcached: programs::memcached::Memcached,
    apache: programs::web::Apache,
    nginx: programs::web::Nginx,
    squid: programs::squid::Squid,
    radicale: programs::radicale::Radicale,
    perl: programs::perl::Perl,
}
