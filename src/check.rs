//! `--check`: what is wrong with the configuration, without a daemon.
#![forbid(unsafe_code)]

use crate::config::Config;
use crate::config::load::load;
use crate::log::one_line;
use crate::sys::harden;
use std::io::Write;
use std::process::ExitCode;

/// Writes every problem to the standard output, one a line. Exits 1 if there is any, a warning included.
pub fn run(config: &Config) -> ExitCode {
    // The files hold passwords.
    harden::forbid_memory_dumps();
    let (sources, problems) = load(config);
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

fn write_lines(lines: &[String]) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    lines.iter().try_for_each(|line| writeln!(output, "{}", one_line(line.as_bytes())))?;
    output.flush()
}
