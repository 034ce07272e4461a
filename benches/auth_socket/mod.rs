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
struct Setup {
    title: &'static str,
    passwords: Passwords,
    /// How many requests wait on each connection.
    in_flight: &'static [usize],
}

/// Where the passwords are.
#[derive(Clone, Copy)]
enum Passwords {
    /// In a file, all in this form; ours with its cache or without. Dovecot's cache holds nothing of such a file.
    File(&'static str, &'static [&'static str]),
    /// With PAM, whose verdicts both cache.
    Pam,
}

const SETUPS: [Setup; 4] = [
    // One, as of Postfix, and as many as of a server with all its users on one connection.
    Setup {
        title: "a file of passwords in clear",
        passwords: Passwords::File("{PLAIN}s3cret pass", &[]),
        in_flight: &[1, 20],
    },
    Setup {
        title: "a file of passwords in clear (`-c`; Dovecot caches no file)",
        passwords: Passwords::File("{PLAIN}s3cret pass", &["-c"]),
        in_flight: &[1, 20],
    },
    Setup { title: "pam_permit, all cached", passwords: Passwords::Pam, in_flight: &[1, 20] },
    Setup {
        title: "a file of sha512crypt (`-c`; Dovecot caches no file)",
        // With 5,000 rounds, the default.
        passwords: Passwords::File(
            "{SHA512-CRYPT}$6$8SzX4hQmJt3cE1wd$MpRAD77ohDHPkdn8whXpDgapljcRzlixzGe9gs/4mq70qpkVavo41ojCarxZ5MmzSk8m7EKLu6ODHVl0vOYBk/",
            &["-c"],
        ),
        in_flight: &[1],
    },
];

/// All of it.
pub(crate) fn run(bench: &Bench, findings: &mut Findings) -> Fallible<()> {
    for setup in SETUPS {
        for in_flight in setup.in_flight {
            compare(bench, setup, *in_flight, findings)?;
        }
    }
    Ok(())
}

/// Rounds in which the servers take turns, and their table.
fn compare(bench: &Bench, setup: Setup, in_flight: usize, findings: &mut Findings) -> Fallible<()> {
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
    setup: Setup,
    connections: usize,
    in_flight: usize,
    what: &str,
    findings: &mut Findings,
) -> Fallible<Row> {
    let server = start(bench, kind, setup.passwords)?;
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

fn start(bench: &Bench, kind: Kind, passwords: Passwords) -> Fallible<Server> {
    match passwords {
        Passwords::File(stored, flags) => {
            let line = |number| format!("{}:{stored}\n", login(number));
            let users: String = (0..USERS).map(line).collect();
            Server::start_on_auth_socket(kind, &Source::File(&users), flags)
        }
        Passwords::Pam => Server::start_on_auth_socket(kind, &Source::Pam(bench.permit.name()), &["-c"]),
    }
}

/// The login of that number.
fn login(number: usize) -> String {
    format!("user{number:04}")
}
