//! The program that asks a running daemon how it is. It knows nothing but the way: what is shown, the daemon makes.
#![forbid(unsafe_code)]

mod exchange;
mod failure;

use crate::cli::saslauthdctl::{Parsed, Question, parse};
use exchange::ask;
use failure::Failure;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

/// EX_USAGE of sysexits.h.
const USAGE: u8 = 64;

/// The whole program.
pub fn main() -> ExitCode {
    let done = match parse(std::env::args_os()) {
        Ok(Parsed::Ask(question)) => run(&question),
        Ok(Parsed::Show(text)) => show(text.as_bytes()),
        Err(text) => {
            complain(&text);
            return ExitCode::from(USAGE);
        }
    };
    match done {
        // Whoever has read enough, as head(1), does not want to know.
        Ok(()) | Err(Failure::NoReader) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&format!("saslauthdctl: {failure}\n"));
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(question: &Question) -> Result<(), Failure> {
    show(&ask(question)?)?;
    question.watch.map_or(Ok(()), |interval| watch(question, interval))
}

/// Shows it again and again, also over a restart of the daemon: only whoever looks ends this.
fn watch(question: &Question, interval: Duration) -> Result<(), Failure> {
    let is_terminal = io::stdout().is_terminal();
    loop {
        wait(interval);
        let text = match ask(question) {
            Ok(text) => text,
            Err(failure) if is_terminal => format!("{failure}\n").into_bytes(),
            Err(failure) => {
                complain(&format!("saslauthdctl: {failure}\n"));
                continue;
            }
        };
        show(&if is_terminal { over_the_last(&text) } else { text })?;
    }
}

/// From the first line of the screen on, each line over what was there.
fn over_the_last(text: &[u8]) -> Vec<u8> {
    let mut screen = b"\x1b[H".to_vec();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        screen.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        screen.extend_from_slice(b"\x1b[K\n");
    }
    screen.extend_from_slice(b"\x1b[J");
    screen
}

#[allow(clippy::disallowed_methods, reason = "nothing happens between two looks that could be waited for")]
fn wait(interval: Duration) {
    std::thread::sleep(interval);
}

fn show(text: &[u8]) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output.write_all(text).and_then(|()| output.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::NoReader,
        _ => Failure::Output(error),
    })
}

/// There is nowhere to tell that the standard error stream is closed.
fn complain(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_text_leaves_nothing_of_the_last_on_the_screen() {
        assert_eq!(over_the_last(b"a\n\nb"), b"\x1b[Ha\x1b[K\n\x1b[K\nb\x1b[K\n\x1b[J");
    }
}
