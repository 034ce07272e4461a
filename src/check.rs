//! `--check`: what is wrong with the configuration, without a daemon.
#![forbid(unsafe_code)]

use crate::config::Config;
use crate::config::site::Site;
use crate::log::one_line;
use crate::mechanism::MechanismError;
use crate::net::EventLoopHandle;
use crate::registry::connect::connect;
use crate::registry::load::{Loaded, load};
use crate::registry::named_files;
use crate::settings::file::Problem;
use crate::strerror::strerror;
use crate::supervisor::obstacles;
use crate::sys::memory;
use mio::{Poll, Registry, Token};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Writes every problem to the standard output, one a line. Exits 1 if there is any, a warning included.
pub fn run(config: &Config) -> ExitCode {
    // The files hold passwords.
    memory::forbid_dumps();
    let mut loaded = load(config);
    if !loaded.problems.iter().any(Problem::is_error) {
        let file = loaded.sources.file.as_ref().map(|text| text.path.as_path());
        let obstacles = obstacles(config, &loaded.site, file);
        let failed = try_start(config, &loaded);
        // What a start misses it names itself.
        if let (None, Some(text)) = (&failed, &loaded.sources.file) {
            loaded.problems.extend(named_files::check(text, &asking(&loaded.site)));
        }
        loaded.problems.extend(obstacles);
        loaded.problems.extend(failed);
    }
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
        let event_loop =
            EventLoopHandle { registry, token: Box::new(|_| Token(0)), instance: instance.name.clone() };
        connect(instance, &loaded.sources, &config.frontend.network, event_loop).transpose()?;
    }
    Ok(())
}

/// The types of mechanisms in use that ask servers.
fn asking(site: &Site) -> Vec<&'static str> {
    site.remote_instances().map(|(_, instance)| instance.mechanism).collect()
}

fn write_lines(lines: &[String]) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    lines.iter().try_for_each(|line| writeln!(output, "{}", one_line(line.as_bytes())))?;
    output.flush()
}
