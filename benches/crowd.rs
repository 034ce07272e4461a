//! Scenarios with one user of the machine who takes more than a share: it sends logins and hangs up, or is silent on
//! thousands of connections, while root logs in with a right password on `pam_unix`.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mio::net::UnixStream;

use crate::host::{Account, PamService};
use crate::load::{Generator, Group, Run, Until, request};
use crate::process::run_with_input;
use crate::report::Findings;
use crate::server::{Kind, Server};
use crate::{Bench, Fallible, flood};

/// The hidden argument with which the benchmark runs itself as an attacker.
pub(crate) const ATTACK: &str = "--attack";

/// The user who attacks: `nobody`.
const ATTACKER: u32 = 65534;
const AIM_SECONDS: f64 = 0.3;
const PAUSE: Duration = Duration::from_millis(1);

/// What the attacker does.
#[derive(Clone, Copy)]
pub(crate) enum Attack {
    /// Connects, sends a login and closes, on 32 descriptors, again and again.
    HangUp,
    /// Keeps 4300 connections open that say nothing.
    Silent,
}

impl Attack {
    /// As the hidden argument of the benchmark names it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::HangUp => "hang-up",
            Self::Silent => "silent",
        }
    }

    /// The attack of that name.
    pub(crate) fn named(name: &str) -> Fallible<Self> {
        let found = [Self::HangUp, Self::Silent].into_iter().find(|attack| attack.name() == name);
        found.ok_or_else(|| format!("There is no attack called {name}.").into())
    }

    fn title(self) -> &'static str {
        match self {
            Self::HangUp => "Another user sends logins on 32 descriptors and hangs up (`-a pam`, pam_unix)",
            Self::Silent => "Another user keeps 4300 connections open and says nothing (`-a pam`, pam_unix)",
        }
    }

    /// Goes on until the process is killed.
    pub(crate) fn run(self, socket: &Path) -> Fallible<()> {
        match self {
            Self::HangUp => hang_up(socket),
            Self::Silent => stay_silent(socket),
        }
    }
}

fn hang_up(socket: &Path) -> Fallible<()> {
    let login = request("nobody-called-so", "guess", "login");
    loop {
        let mut all: Vec<_> = (0..32).filter_map(|_| UnixStream::connect(socket).ok()).collect();
        all.iter_mut().for_each(|stream| drop(stream.write(&login)));
        if all.is_empty() {
            std::thread::park_timeout(PAUSE);
        }
    }
}

fn stay_silent(socket: &Path) -> Fallible<()> {
    let mut all: Vec<Option<UnixStream>> = (0..4300).map(|_| None).collect();
    loop {
        for place in &mut all {
            let is_open = place.as_mut().is_some_and(|stream| {
                stream.read(&mut [0; 64]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
            });
            if !is_open {
                *place = UnixStream::connect(socket).ok();
            }
        }
        std::thread::park_timeout(10 * PAUSE);
    }
}

/// The process of the attacker, killed when dropped.
struct Attacker(Child);

impl Attacker {
    fn start(attack: Attack, socket: &Path) -> Fallible<Self> {
        let own = std::process::id().to_string();
        run_with_input(Command::new("prlimit").args(["--pid", &own, "--nofile=16384:"]), "")?;
        let mut command = Command::new("/proc/self/exe");
        command.arg(ATTACK).arg(attack.name()).arg(socket).uid(ATTACKER).gid(ATTACKER);
        Ok(Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?))
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Both daemons, one after the other.
pub(crate) fn run(bench: &Bench, attack: Attack, findings: &mut Findings) -> Fallible<()> {
    let service = PamService::create("unix", "pam_unix.so")?;
    let account = Account::create()?;
    println!("### {}\n", attack.title());
    println!("One client of root logs in with the right password, again and again.\n");
    println!(
        "| server | attack | right logins answered | without an answer | p50 ms | p99 ms | longest ms |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|");
    for kind in bench.options.daemons() {
        eprintln!("{}: {}", attack.name(), kind.name());
        let server = Server::start(kind, &["-a", "pam"])?;
        let socket = server.socket();
        let directory = socket.parent().unwrap_or_else(|| Path::new("/"));
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
        let right = vec![request(account.name(), account.password(), service.name())];
        let groups = vec![Group { clients: 1, requests: right, right: true }];
        let mut generator = Generator::new(bench, socket.clone(), groups)?;
        let idle = generator.run(Until::elapsed(Duration::from_secs(3)))?;
        print_row(kind, "before", &idle);
        let attacker = Attacker::start(attack, &socket)?;
        drop(generator.run(Until::elapsed(Duration::from_secs(2)))?);
        let run = generator.run(Until::elapsed(Duration::from_secs(bench.options.pick(20, 5))))?;
        drop(attacker);
        print_row(kind, "during", &run);
        if kind == Kind::Ours {
            findings.check(attack.name(), &run);
            let p99 = flood::percentile(&waits(&run), 99).as_secs_f64();
            findings.at_most(&format!("{}: p99 of others in seconds", attack.name()), p99, AIM_SECONDS);
        }
    }
    println!();
    Ok(())
}

/// Sorted. The login in flight counts only if it has waited longer than any that was answered.
fn waits(run: &Run) -> Vec<Duration> {
    let Some(sample) = run.samples.first() else { return Vec::new() };
    let mut waits = sample.latencies.clone();
    let longest = waits.last().copied().unwrap_or_default();
    waits.extend(sample.unanswered.iter().filter(|age| **age > longest));
    waits
}

fn print_row(kind: Kind, when: &str, run: &Run) {
    let Some(sample) = run.samples.first() else { return };
    let waits = waits(run);
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
    println!(
        "| {} | {when} | {} | {} | {:.1} | {:.1} | {:.1} |",
        kind.name(),
        sample.latencies.len() - sample.wrong,
        sample.wrong,
        milliseconds(flood::percentile(&waits, 50)),
        milliseconds(flood::percentile(&waits, 99)),
        milliseconds(waits.last().copied().unwrap_or_default()),
    );
}
