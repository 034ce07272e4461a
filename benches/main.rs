//! Measures this daemon, the C saslauthd and a bare echo server side by side, on this machine, in one run.
//!
//! At the auth socket it is Dovecot that is beside this daemon.
//!
//! `cargo bench --bench daemons` prints markdown for docs/PERFORMANCE.md on stdout and its progress on stderr. It needs
//! root and Debian's `sasl2-bin`; what it puts into /etc/pam.d and /etc/passwd it takes out again.

#![forbid(unsafe_code)]

mod auth_socket;
mod crowd;
mod databases;
mod echo;
mod flood;
mod guessing;
mod host;
mod load;
mod machine;
mod memory;
mod network;
mod options;
mod pictures;
mod process;
mod report;
mod sasldb;
mod second_pass;
mod server;
mod throughput;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crowd::Attack;
use host::PamService;
use options::{Options, Scenario, Task};
use report::Findings;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// A result whose error is a sentence for the person at the terminal.
type Fallible<T> = Result<T, Box<dyn Error>>;

/// What every scenario needs.
struct Bench {
    options: Options,
    /// Set by ctrl-C; whoever sees it returns an error, and everything is cleaned up on the way out.
    interrupted: Arc<AtomicBool>,
    /// A PAM service that accepts every login at once.
    permit: PamService,
}

impl Bench {
    /// An error once ctrl-C was pressed.
    fn check_interrupted(&self) -> Fallible<()> {
        if self.interrupted.load(Ordering::Relaxed) { Err("Interrupted.".into()) } else { Ok(()) }
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("daemons: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Fallible<ExitCode> {
    match Options::parse(std::env::args().skip(1))? {
        Task::Echo(socket) => echo::serve(&socket).map(|()| ExitCode::SUCCESS),
        Task::Attack(attack, socket) => attack.run(&socket).map(|()| ExitCode::SUCCESS),
        Task::Nothing => {
            eprintln!("daemons: nothing measured; run `cargo bench --bench daemons`.");
            Ok(ExitCode::SUCCESS)
        }
        Task::Help => {
            print!("{}", options::HELP);
            Ok(ExitCode::SUCCESS)
        }
        Task::Measure(options) => measure(options),
        Task::Draw(document, directory) => draw(&document, &directory).map(|()| ExitCode::SUCCESS),
    }
}

/// Tells on stdout what it has written.
fn draw(document: &Path, directory: &Path) -> Fallible<()> {
    let text = fs::read_to_string(document).map_err(|error| format!("{}: {error}", document.display()))?;
    fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    for (name, picture) in pictures::of(&text) {
        let path = directory.join(name);
        fs::write(&path, picture).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}

fn measure(options: Options) -> Fallible<ExitCode> {
    machine::check_requirements(&options)?;
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
    }
    let permit = PamService::create("permit", "pam_permit.so")?;
    let bench = Bench { options, interrupted, permit };
    println!("{}", machine::describe(&bench.options)?);
    let mut findings = Findings::default();
    for scenario in Scenario::ALL.into_iter().filter(|scenario| bench.options.runs(*scenario)) {
        bench.check_interrupted()?;
        match scenario {
            Scenario::Cached => throughput::cached(&bench, &mut findings)?,
            Scenario::Permit => throughput::permit(&bench, &mut findings)?,
            Scenario::Guessing => guessing::run(&bench, &mut findings)?,
            Scenario::HangUp => crowd::run(&bench, Attack::HangUp, &mut findings)?,
            Scenario::Silent => crowd::run(&bench, Attack::Silent, &mut findings)?,
            Scenario::Memory => memory::run(&bench, &mut findings)?,
            Scenario::Names => second_pass::run(&bench, &mut findings)?,
            Scenario::SlowImap => network::slow_imap(&bench, &mut findings)?,
            Scenario::Dovecot => network::dovecot(&bench, &mut findings)?,
            Scenario::Imaps => network::imaps(&bench, &mut findings)?,
            Scenario::LdapBind => network::ldap_bind(&bench, &mut findings)?,
            Scenario::LdapFastbind => network::ldap_fastbind(&bench, &mut findings)?,
            Scenario::Ldaps => network::ldaps(&bench, &mut findings)?,
            Scenario::Hung => network::hung(&bench, &mut findings)?,
            Scenario::DovecotAuth => auth_socket::run(&bench, &mut findings)?,
            Scenario::Sasldb => sasldb::run(&bench, &mut findings)?,
            Scenario::Kerberos5 => network::kerberos::run(&bench, &mut findings)?,
            Scenario::Sql => databases::run(&bench, &mut findings)?,
        }
    }
    print!("{}", findings.aims_table());
    Ok(verdict(&findings))
}

/// A wrong reply makes every number worthless, so it fails the whole run.
fn verdict(findings: &Findings) -> ExitCode {
    for complaint in findings.wrong_replies() {
        eprintln!("daemons: WRONG REPLIES: {complaint}");
        println!("**Wrong replies: {complaint}**");
    }
    if findings.wrong_replies().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
