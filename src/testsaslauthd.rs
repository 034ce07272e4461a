//! The test client: asks the daemon one question, some times over, and prints what C's testsaslauthd prints.
#![forbid(unsafe_code)]

use crate::cli::testsaslauthd::{Parsed, PasswordSource, Question, parse, usage};
use crate::client::ask;
use crate::prompt;
use crate::secret::Secret;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

/// C's -1: the last round was refused, or there was no answer to it.
const NOT_ACCEPTED: u8 = 255;

/// The whole program.
pub fn main() -> ExitCode {
    match parse(std::env::args_os()) {
        Ok(Parsed::Ask(question, source)) => match password_from(source) {
            Ok(password) => ask_in_rounds(&question, &password),
            Err(text) => give_up(&text),
        },
        Ok(Parsed::Help(text)) => {
            // Whoever closed the standard output does not want to know.
            let _ = io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(text) => give_up(&text),
    }
}

fn password_from(source: PasswordSource) -> Result<Secret, String> {
    match source {
        PasswordSource::Given(password) => Ok(password),
        // Past the buffer of `io::stdin`, which nobody wipes.
        PasswordSource::StandardInput => io::stdin()
            .as_fd()
            .try_clone_to_owned()
            .and_then(|input| prompt::first_line(File::from(input)))
            .map_err(|error| {
                format!("{}: the password on the standard input cannot be read: {error}\n", program())
            }),
        PasswordSource::Prompt => prompt::password()
            .map_err(|error| format!("{}: the password cannot be asked for: {error}\n", program()))?
            .ok_or_else(|| usage(&program())),
    }
}

/// Exits as C does: by the last round alone.
fn ask_in_rounds(question: &Question, password: &Secret) -> ExitCode {
    let mut output = Output::new();
    let mut accepted = false;
    for round in 0..question.rounds {
        output.print(&format!("{round}: "));
        accepted = ask_once(question, password, &mut output);
        if output.reader_is_gone {
            break;
        }
    }
    output.flush();
    // Without a reader C dies of SIGPIPE, which is no success either.
    if accepted && !output.reader_is_gone { ExitCode::SUCCESS } else { ExitCode::from(NOT_ACCEPTED) }
}

fn ask_once(question: &Question, password: &Secret, output: &mut Output) -> bool {
    match ask(&question.path, &question.request(password), question.timeout) {
        Ok(reply) if reply.starts_with(b"OK") => {
            output.print("OK \"Success.\"\n");
            return true;
        }
        Ok(_) => output.print("NO \"authentication failed\"\n"),
        Err(error) => complain(&format!("{error}\n")),
    }
    false
}

/// The standard output. What cannot be written is lost, as with printf(3): the exit code still tells the verdict.
struct Output {
    stream: Box<dyn Write>,
    reader_is_gone: bool,
}

impl Output {
    /// Written line by line on a terminal and in blocks elsewhere, as stdio does: a script that joins both streams
    /// sees the complaints in the same place as with C.
    fn new() -> Self {
        let output = io::stdout().lock();
        let stream: Box<dyn Write> =
            if output.is_terminal() { Box::new(output) } else { Box::new(BufWriter::new(output)) };
        Self { stream, reader_is_gone: false }
    }

    fn print(&mut self, text: &str) {
        let result = self.stream.write_all(text.as_bytes());
        self.note(&result);
    }

    fn flush(&mut self) {
        let result = self.stream.flush();
        self.note(&result);
    }

    fn note(&mut self, result: &io::Result<()>) {
        self.reader_is_gone |=
            result.as_ref().err().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe);
    }
}

fn give_up(text: &str) -> ExitCode {
    complain(text);
    ExitCode::FAILURE
}

/// There is nowhere to tell that the standard error stream is closed.
fn complain(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

fn program() -> String {
    std::env::args_os().next().unwrap_or_default().to_string_lossy().into_owned()
}
