//! Scenario d: memory of all processes together, at rest and after 200,000 requests.

use std::time::Duration;

use crate::load::{Generator, Until};
use crate::report::Findings;
use crate::server::{Kind, Server};
use crate::{Bench, Fallible, throughput};

const CLIENTS: usize = 50;
const NAMES: usize = 1000;
const AIM_IDLE_KIB: f64 = 5_000_000.0 / 1024.0;
/// Less than a byte a request is not growth but a page here or there.
const AIM_GROWTH_KIB: f64 = 200.0;

/// Both daemons, with the cache and without.
pub(crate) fn run(bench: &Bench, findings: &mut Findings) -> Fallible<()> {
    println!("### Memory of all processes together (PSS, KiB)\n");
    println!(
        "Growth is that of heaps and stacks alone; other programs that map the same libraries move the whole.\n"
    );
    println!(
        "| flags | server | processes | idle after the start | warmed | after further requests | growth | requests |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|--:|");
    for flags in [&["-a", "pam", "-c"][..], &["-a", "pam"]] {
        for kind in bench.options.daemons() {
            measure(bench, kind, flags, findings)?;
        }
    }
    println!();
    Ok(())
}

fn measure(bench: &Bench, kind: Kind, flags: &[&str], findings: &mut Findings) -> Fallible<()> {
    let flag_text = flags.join(" ");
    eprintln!("memory: {} {flag_text}", kind.name());
    let server = Server::start(kind, flags)?;
    let (processes, idle) = (server.processes(), server.memory().pss);
    let what = format!("{} ({flag_text}), memory", kind.name());
    let warm = load(bench, &server, bench.options.pick(20_000, 5_000), &what, findings)?;
    let warmed = server.memory();
    let further = load(bench, &server, bench.options.pick(200_000, 20_000), &what, findings)?;
    let after = server.memory();
    let growth = after.anonymous - warmed.anonymous;
    println!(
        "| `{flag_text}` | {} | {processes} | {idle} | {} | {} | {growth:+} | {warm} + {further} |",
        kind.name(),
        warmed.pss,
        after.pss
    );
    if kind == Kind::Ours {
        findings.at_most(&format!("`{flag_text}`: idle, KiB"), idle as f64, AIM_IDLE_KIB);
        findings.at_most(
            &format!("`{flag_text}`: growth over {further} requests, KiB"),
            growth as f64,
            AIM_GROWTH_KIB,
        );
    }
    Ok(())
}

/// Sends so many requests, or as many as the time allows, and leaves the server with no client.
fn load(
    bench: &Bench,
    server: &Server,
    replies: usize,
    what: &str,
    findings: &mut Findings,
) -> Fallible<usize> {
    let mut generator =
        Generator::new(bench, server.socket(), vec![throughput::accepted(bench, CLIENTS, NAMES)])?;
    let limit = Duration::from_secs(bench.options.pick(30, 5));
    let run = generator.run(Until { replies, elapsed: limit })?;
    findings.check(what, &run);
    Ok(run.replies())
}
