//! `--check=system`: a site that works has no finding but `ok`, each classic mistake has its line, and the remedy in it, carried
//! out as it stands there, makes an end of it.

mod log;
mod pam;
mod servers;
mod site;
mod sockets;

use crate::support::Finished;

/// The lines of a report that are not `ok`.
fn complaints(report: &Finished) -> Vec<&str> {
    report.output.lines().filter(|line| !line.starts_with("ok: ")).collect()
}

/// The first line with these words.
fn line<'a>(report: &'a Finished, words: &str) -> &'a str {
    let found = report.output.lines().find(|line| line.contains(words));
    found.unwrap_or_else(|| panic!("no line with {words:?} in {report:#?}"))
}

/// The first command of a line's remedy.
fn command_of(line: &str) -> &str {
    let remedy = line.split_once(". Remedy: ").unwrap_or_else(|| panic!("{line} has no remedy")).1;
    remedy.split('`').nth(1).unwrap_or_else(|| panic!("{line} has no command"))
}
