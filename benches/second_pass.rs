//! Scenario e: 20,000 different logins, twice. The second pass shows what the cache still holds of the first.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::load::{Generator, Until};
use crate::report::{Findings, Row, Table};
use crate::server::{Kind, Server};
use crate::{Bench, Fallible, flood, throughput};

const NAMES: usize = 20_000;
const CLIENTS: usize = 50;
const PASS_LIMIT: Duration = Duration::from_secs(60);

/// Both passes for both daemons.
pub(crate) fn run(bench: &Bench, findings: &mut Findings) -> Fallible<()> {
    let mut results: BTreeMap<(usize, Kind), Vec<Row>> = BTreeMap::new();
    for round in 1..=bench.options.rounds {
        for kind in bench.options.daemons() {
            eprintln!("{NAMES} logins twice: round {round}, {}", kind.name());
            for (pass, row) in (1..).zip(measure_passes(bench, kind, findings)?) {
                results.entry((pass, kind)).or_default().push(row);
            }
        }
    }
    let mut table = Table::new(&format!("{NAMES} different logins, {CLIENTS} clients (`-a pam -c`)"), "pass");
    for pass in [1, 2] {
        table.group(
            pass,
            bench.options.daemons().filter_map(|kind| Some((kind, results.get(&(pass, kind))?))),
        );
    }
    table.print();
    Ok(())
}

fn measure_passes(bench: &Bench, kind: Kind, findings: &mut Findings) -> Fallible<[Row; 2]> {
    let server = Server::start(kind, &["-a", "pam", "-c"])?;
    let mut generator =
        Generator::new(bench, server.socket(), vec![throughput::accepted(bench, CLIENTS, NAMES)])?;
    let pass = Until { replies: NAMES, elapsed: PASS_LIMIT };
    let what = format!("{} with {NAMES} logins", kind.name());
    let first = flood::measure(&server, &mut generator, pass, &what, findings)?;
    let second = flood::measure(&server, &mut generator, pass, &what, findings)?;
    Ok([first, second])
}
