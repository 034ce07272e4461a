//! Dovecot's auth protocol: ours and Dovecot's own `auth` service with the same users, on connections that stay.

pub(crate) mod dovecot;
mod load;

use std::time::Duration;

use crate::load::Until;
use crate::report::{Findings, Row, Table};
use crate::server::{Kind, Server};
use crate::{Bench, Fallible, flood};
use dovecot::Source;
use load::Generator;

const CONNECTIONS: [usize; 3] = [1, 50, 500];
/// All with the password `s3cret pass`.
const USERS: usize = 1000;

/// How the servers are set up.
#[derive(Clone, Copy)]
pub(crate) struct Setup<'a> {
    pub(crate) title: &'a str,
    /// Where the passwords are.
    pub(crate) source: &'a Source<'a>,
    /// Of ours, beside what the source needs.
    pub(crate) flags: &'a [&'a str],
    /// How many requests wait on each connection.
    pub(crate) in_flight: &'a [usize],
}

/// With 5,000 rounds, the default.
const SHA512CRYPT: &str = "{SHA512-CRYPT}$6$8SzX4hQmJt3cE1wd$MpRAD77ohDHPkdn8whXpDgapljcRzlixzGe9gs/4mq70qpkVavo41ojCarxZ5MmzSk8m7EKLu6ODHVl0vOYBk/";

/// All of it.
pub(crate) fn run(bench: &Bench, findings: &mut Findings) -> Fallible<()> {
    let (clear, hashed) = (users("{PLAIN}s3cret pass"), users(SHA512CRYPT));
    let (clear, hashed) = (Source::File(&clear), Source::File(&hashed));
    let pam = Source::Pam(bench.permit.name());
    // One in flight, as of Postfix, and as many as of a server with all its users on one connection. Of a file Dovecot
    // caches nothing, of what PAM says both do.
    let setups: [(&str, &Source<'_>, &[&str], &[usize]); 4] = [
        ("a file of passwords in clear", &clear, &[], &[1, 20]),
        ("a file of passwords in clear (`-c`; Dovecot caches no file)", &clear, &["-c"], &[1, 20]),
        ("pam_permit, all cached", &pam, &["-c"], &[1, 20]),
        ("a file of sha512crypt (`-c`; Dovecot caches no file)", &hashed, &["-c"], &[1]),
    ];
    for (title, source, flags, in_flight) in setups {
        compare(bench, Setup { title, source, flags, in_flight }, findings)?;
    }
    Ok(())
}

/// A table for each number of requests in flight.
pub(crate) fn compare(bench: &Bench, setup: Setup<'_>, findings: &mut Findings) -> Fallible<()> {
    for in_flight in setup.in_flight {
        compare_with(bench, setup, *in_flight, findings)?;
    }
    Ok(())
}

/// Rounds in which the servers take turns, and their table.
fn compare_with(bench: &Bench, setup: Setup<'_>, in_flight: usize, findings: &mut Findings) -> Fallible<()> {
    let title = format!("Dovecot's auth protocol, {}, {in_flight} in flight a connection", setup.title);
    let servers: Vec<Kind> = bench.options.auth_servers().collect();
    let mut table = Table::new(&title, "connections");
    for connections in CONNECTIONS {
        let mut rows: Vec<(Kind, Vec<Row>)> = servers.iter().map(|kind| (*kind, Vec::new())).collect();
        for round in 1..=bench.options.rounds {
            for (kind, rows) in &mut rows {
                bench.check_interrupted()?;
                let what = format!("{title}, {connections} connections, {}", kind.name());
                eprintln!("{what}, round {round}");
                rows.push(measure(bench, *kind, setup, connections, in_flight, &what, findings)?);
            }
        }
        table.group(connections, rows.iter().map(|(kind, rows)| (*kind, rows)));
    }
    table.print();
    Ok(())
}

fn measure(
    bench: &Bench,
    kind: Kind,
    setup: Setup<'_>,
    connections: usize,
    in_flight: usize,
    what: &str,
    findings: &mut Findings,
) -> Fallible<Row> {
    let server = Server::start_on_auth_socket(kind, setup.source, setup.flags)?;
    let mut generator = Generator::new(bench, &server.socket(), connections, in_flight)?;
    // Long enough to have every login in the cache and what was in flight before answered, and half a second of steady
    // state on top.
    let all_logins = Until { replies: 2 * USERS + connections * in_flight, elapsed: Duration::from_secs(20) };
    findings.check(what, &generator.run(all_logins)?);
    findings.check(what, &generator.run(Until::elapsed(Duration::from_millis(500)))?);
    let before = server.cpu();
    let run = generator.run(Until::elapsed(bench.options.duration))?;
    let cpu = server.cpu().saturating_sub(before);
    findings.check(what, &run);
    Ok(flood::row(&run, cpu, server.memory()))
}

/// The lines of a file in which all have that.
fn users(stored: &str) -> String {
    (0..USERS).map(|number| format!("{}:{stored}\n", login(number))).collect()
}

/// The login of that number.
fn login(number: usize) -> String {
    format!("user{number:04}")
}
