//! Scenarios a and b: cached logins and `pam_permit`, with 1, 50 and 500 clients.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::load::{Generator, Group, Until, request};
use crate::report::{Findings, Row, Table};
use crate::server::{Kind, Server};
use crate::{Bench, Fallible, flood};

const CLIENTS: [usize; 3] = [1, 50, 500];

/// Every login is a hit, of one name and of a thousand.
pub(crate) fn cached(bench: &Bench, findings: &mut Findings) -> Fallible<()> {
    for names in [1, 1000] {
        let title = format!("Cached, number of logins: {names} (`-a pam -c`)");
        let results = measure_all(bench, &title, &["-a", "pam", "-c"], names, findings)?;
        for clients in [50, 500] {
            let Some((ours, c, echo)) = results.all_three(clients) else { continue };
            let what = format!("cached, number of logins {names}, {clients} clients");
            findings.at_least(&format!("{what}: requests/s, ours/C"), ours.rate / c.rate, 1.8);
            findings.at_most(&format!("{what}: CPU/request, ours/C"), ours.cpu / c.cpu, 0.5);
            findings.at_least(&format!("{what}: requests/s, ours/echo"), ours.rate / echo.rate, 0.8);
        }
    }
    Ok(())
}

/// Every login goes through libpam.
pub(crate) fn permit(bench: &Bench, findings: &mut Findings) -> Fallible<()> {
    let results = measure_all(bench, "pam_permit, nothing cached (`-a pam`)", &["-a", "pam"], 50, findings)?;
    for clients in CLIENTS {
        let Some((ours, c, _)) = results.all_three(clients) else { continue };
        let what = format!("pam_permit, {clients} clients");
        findings.at_least(&format!("{what}: requests/s, ours/C"), ours.rate / c.rate, 6.0);
        findings.at_most(&format!("{what}: CPU/request, ours/C"), ours.cpu / c.cpu, 0.15);
    }
    Ok(())
}

/// Logins that the service accepts whatever the password.
pub(crate) fn accepted(bench: &Bench, clients: usize, names: usize) -> Group {
    let service = bench.permit.name();
    let requests =
        (0..names).map(|name| request(&format!("user{name:06}"), "s3cret pass", service)).collect();
    Group { clients, requests, right: true }
}

/// The rows by number of clients and server, one of each round.
#[derive(Default)]
struct Results(BTreeMap<(usize, Kind), Vec<Row>>);

impl Results {
    fn all_three(&self, clients: usize) -> Option<(Row, Row, Row)> {
        let median = |kind| self.0.get(&(clients, kind)).map(|rows| Row::median(rows));
        Some((median(Kind::Ours)?, median(Kind::C)?, median(Kind::Echo)?))
    }
}

/// Rounds in which the servers take turns, so that a slow minute of the machine hits all of them.
fn measure_all(
    bench: &Bench,
    title: &str,
    flags: &[&str],
    names: usize,
    findings: &mut Findings,
) -> Fallible<Results> {
    let mut results = Results::default();
    for round in 1..=bench.options.rounds {
        for clients in CLIENTS {
            for kind in bench.options.servers() {
                eprintln!("{title}: round {round}, {clients} clients, {}", kind.name());
                let row = measure_one(bench, kind, flags, clients, names, findings)?;
                results.0.entry((clients, kind)).or_default().push(row);
            }
        }
    }
    let mut table = Table::new(title, "clients");
    for clients in CLIENTS {
        table.group(
            clients,
            bench.options.servers().filter_map(|kind| Some((kind, results.0.get(&(clients, kind))?))),
        );
    }
    table.print();
    Ok(results)
}

fn measure_one(
    bench: &Bench,
    kind: Kind,
    flags: &[&str],
    clients: usize,
    names: usize,
    findings: &mut Findings,
) -> Fallible<Row> {
    let server = Server::start(kind, flags)?;
    let mut generator = Generator::new(bench, server.socket(), vec![accepted(bench, clients, names)])?;
    // Long enough to have every name in the cache, and half a second of steady state on top.
    let what = format!("{} ({}), {clients} clients", kind.name(), flags.join(" "));
    let all_names = Until { replies: 2 * names + clients, elapsed: Duration::from_secs(20) };
    findings.check(&what, &generator.run(all_names)?);
    findings
        .check(&what, &generator.run(Until::elapsed(Duration::from_millis(bench.options.pick(500, 200))))?);
    flood::measure(&server, &mut generator, Until::elapsed(bench.options.duration), &what, findings)
}
