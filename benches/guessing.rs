//! Scenario c: one client with the right password among forty that guess, on `pam_unix` and its delay of 2 s.

use std::time::Duration;

use crate::host::{Account, PamService};
use crate::load::{Generator, Group, Run, Until, request};
use crate::report::Findings;
use crate::server::{Kind, Server};
use crate::{Bench, Fallible, flood};

const GUESSERS: usize = 40;
const AIM_SECONDS: f64 = 0.2;

/// Both daemons, one after the other.
pub(crate) fn run(bench: &Bench, findings: &mut Findings) -> Fallible<()> {
    let service = PamService::create("unix", "pam_unix.so")?;
    let account = Account::create()?;
    println!("### A right password among {GUESSERS} guessing clients (`-a pam`, pam_unix)\n");
    println!(
        "One client logs in with the right password again and again; half of the guesses are for its name, half for"
    );
    println!("names that do not exist. A login still unanswered at the end counts with its age so far.\n");
    println!(
        "| server | seconds | right logins answered | p50 ms | p99 ms | longest ms | guesses answered/s | CPU ms/s |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    for kind in bench.options.daemons() {
        measure(bench, kind, &service, &account, findings)?;
    }
    println!();
    Ok(())
}

fn measure(
    bench: &Bench,
    kind: Kind,
    service: &PamService,
    account: &Account,
    findings: &mut Findings,
) -> Fallible<()> {
    eprintln!("guessing: {}", kind.name());
    let server = Server::start(kind, &["-a", "pam"])?;
    let mut generator = Generator::new(bench, server.socket(), groups(service, account))?;
    let what = format!("{} among guessers", kind.name());
    // By then the guesses have filled whatever queue there is.
    findings.check(&what, &generator.run(Until::elapsed(Duration::from_secs(3)))?);
    let before = server.cpu();
    let run = generator.run(Until::elapsed(length(bench, kind)))?;
    let cpu = server.cpu().saturating_sub(before);
    findings.check(&what, &run);
    let waits = waits_of_the_right_login(&run);
    let p99 = flood::percentile(&waits, 99);
    print_row(kind, &run, &waits, cpu);
    if kind == Kind::Ours {
        findings.at_most("right password among guessers: p99 in seconds", p99.as_secs_f64(), AIM_SECONDS);
    }
    Ok(())
}

/// The C daemon answers so rarely that it needs longer to show anything.
fn length(bench: &Bench, kind: Kind) -> Duration {
    Duration::from_secs(match kind {
        Kind::C => bench.options.pick(90, 25),
        _ => bench.options.pick(20, 5),
    })
}

fn groups(service: &PamService, account: &Account) -> Vec<Group> {
    let right = vec![request(account.name(), account.password(), service.name())];
    let guesses = (0..GUESSERS).map(|guess| match guess % 2 {
        0 => request(account.name(), &format!("guess{guess}"), service.name()),
        _ => request(&format!("nobody-called-{guess}"), "guess", service.name()),
    });
    vec![
        Group { clients: 1, requests: right, right: true },
        Group { clients: GUESSERS, requests: guesses.collect(), right: false },
    ]
}

/// Sorted. The login in flight counts only if it has waited longer than any that was answered.
fn waits_of_the_right_login(run: &Run) -> Vec<Duration> {
    let Some(sample) = run.samples.first() else { return Vec::new() };
    let mut waits = sample.latencies.clone();
    let longest = waits.last().copied().unwrap_or_default();
    waits.extend(sample.unanswered.iter().filter(|age| **age > longest));
    waits
}

fn print_row(kind: Kind, run: &Run, waits: &[Duration], cpu: Duration) {
    let answered: Vec<usize> = run.samples.iter().map(|sample| sample.latencies.len()).collect();
    let [right, guesses] = answered.as_slice() else { return };
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
    let seconds = run.elapsed.as_secs_f64();
    println!(
        "| {} | {seconds:.0} | {right} | {:.1} | {:.1} | {:.1} | {:.1} | {:.0} |",
        kind.name(),
        milliseconds(flood::percentile(waits, 50)),
        milliseconds(flood::percentile(waits, 99)),
        milliseconds(waits.last().copied().unwrap_or_default()),
        *guesses as f64 / seconds,
        milliseconds(cpu) / seconds,
    );
}
