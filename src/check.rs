//! `--check`: what is wrong with the configuration, without a daemon; with `=system` also with what is around it.
#![forbid(unsafe_code)]

use crate::config::site::Site;
use crate::config::{CheckScope, Config};
use crate::log::one_line;
use crate::mechanism::MechanismError;
use crate::net::EventLoopHandle;
use crate::registry::connect::{connect, connect_policy_server};
use crate::registry::load::{Loaded, load};
use crate::registry::{named_files, probe_workers};
use crate::settings::file::Problem;
use crate::strerror::strerror;
use crate::supervisor::obstacles;
use crate::sys::{memory, process};
use crate::system_check;
use crate::system_check::finding::{Finding, Severity};
use crate::weakforced;
use mio::{Poll, Registry, Token};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;

/// Writes every problem to the standard output, one a line. Exits 1 if there is any, a warning included.
///
/// With [`CheckScope::System`] the lines begin with `ok`, `warning` or `error`, and only errors count.
pub fn run(config: &Config, scope: CheckScope) -> ExitCode {
    // The files hold passwords.
    memory::forbid_dumps();
    let loaded = load_and_try(config);
    match scope {
        CheckScope::Files => tell_of_files(loaded),
        CheckScope::System => tell_of_system(config, &loaded),
    }
}

fn load_and_try(config: &Config) -> Loaded {
    let mut loaded = load(config);
    if !loaded.problems.iter().any(Problem::is_error) {
        let file = loaded.sources.file.as_ref().map(|text| text.path.as_path());
        let obstacles = obstacles(config, &loaded.site, file);
        let failed = try_start(config, &loaded);
        // What a start misses it names itself.
        if let (None, Some(text)) = (&failed, &loaded.sources.file) {
            loaded.problems.extend(named_files::check(text, &asking(&loaded.site)));
        }
        let instances = loaded.site.instances.iter();
        let missed: Vec<_> =
            instances.flat_map(|instance| probe_workers(instance, &loaded.sources)).collect();
        loaded.problems.extend(obstacles);
        loaded.problems.extend(missed);
        loaded.problems.extend(failed);
    }
    loaded
}

fn tell_of_files(loaded: Loaded) -> ExitCode {
    let Loaded { sources, problems, .. } = loaded;
    let mut lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    if lines.is_empty() {
        let file = sources.file.map(|text| format!("{}: ", text.path.display()));
        lines.push(format!("{}no problems", file.unwrap_or_default()));
    }
    match write_lines(&lines) {
        Ok(()) if problems.is_empty() => ExitCode::SUCCESS,
        // Nobody has seen that there are none.
        _ => ExitCode::FAILURE,
    }
}

/// The system is looked at as far as the settings can be used.
fn tell_of_system(config: &Config, loaded: &Loaded) -> ExitCode {
    let mut findings: Vec<_> = loaded.problems.iter().map(finding).collect();
    if findings.is_empty() {
        findings.push(Finding::ok("flags and files have no problems"));
    }
    if !loaded.problems.iter().any(Problem::is_error) {
        findings.extend(system_check::look(config, loaded));
    }
    let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
    let is_well =
        write_lines(&lines).is_ok() && findings.iter().all(|found| found.severity != Severity::Error);
    // A look that hangs has a thread of its own, which is not to be waited for.
    process::end_at_once(u8::from(!is_well))
}

fn finding(problem: &Problem) -> Finding {
    let severity = if problem.is_error() { Severity::Error } else { Severity::Warning };
    Finding { severity, text: problem.to_string(), remedy: None }
}

/// What only a start finds out: whether OpenSSL likes certificates, keys and ciphers. Nothing is asked by it, since
/// names are resolved and servers connected to when the first login comes.
fn try_start(config: &Config, loaded: &Loaded) -> Option<Problem> {
    let started = Poll::new()
        .map_err(|error| MechanismError(strerror(&error)))
        .and_then(|poll| connect_all(config, loaded, poll.registry()));
    started.err().map(|error| Problem::error(Path::new(""), error.to_string()))
}

fn connect_all(config: &Config, loaded: &Loaded, registry: &Registry) -> Result<(), MechanismError> {
    for (_, instance) in loaded.site.remote_instances() {
        let registry = registry.try_clone().map_err(|error| MechanismError(strerror(&error)))?;
        let event_loop = EventLoopHandle {
            registry,
            token: Box::new(|_| Token(0)),
            instance: instance.name.clone(),
            tls_files: Rc::default(),
        };
        connect(instance, &loaded.sources, &config.frontend.network, event_loop).transpose()?;
    }
    let registry = registry.try_clone().map_err(|error| MechanismError(strerror(&error)))?;
    let name = weakforced::NAME.to_owned();
    let event_loop =
        EventLoopHandle { registry, token: Box::new(|_| Token(0)), instance: name, tls_files: Rc::default() };
    connect_policy_server(&loaded.sources, &config.frontend.network, event_loop)?;
    Ok(())
}

/// What the keys of all begin with that ask servers: the types of mechanisms in use, and the policy server's.
fn asking(site: &Site) -> Vec<&'static str> {
    let mechanisms = site.instances.iter().map(|instance| instance.mechanism);
    mechanisms.chain(site.has_policy_server.then_some(weakforced::PREFIX)).collect()
}

fn write_lines(lines: &[String]) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    lines.iter().try_for_each(|line| writeln!(output, "{}", one_line(line.as_bytes())))?;
    output.flush()
}
