//! The test client's command line: getopt string `p:u:r:s:f:R:` of 2.1.28, `-a` of 2.2, and long options of our own.
#![forbid(unsafe_code)]

use super::getopt::{Getopt, GetoptError};
use super::read_flags;
use super::value::number;
use crate::client::Request;
use crate::config::run_directory::DEFAULT_RUN_DIRECTORY;
use crate::config::site::Endpoint;
use crate::secret::Secret;
use clap::{CommandFactory, Parser};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the command line asks for.
pub enum Parsed {
    /// Ask the daemon, with a password from there.
    Ask(Question, PasswordSource),
    /// `--help`: write this text to the standard output and exit 0.
    Help(String),
}

/// What the daemon is asked, and how often.
pub struct Question {
    /// `-f`: the socket itself, with `/mux`.
    pub path: PathBuf,
    /// `-R`: how often it is asked.
    pub rounds: u32,
    /// `--timeout`: how long one round may take.
    pub timeout: Duration,
    login: Vec<u8>,
    service: Vec<u8>,
    realm: Vec<u8>,
    client: Option<Vec<u8>>,
}

/// Where the password comes from.
pub enum PasswordSource {
    /// `-p`; it wins over the others.
    Given(Secret),
    /// `--password-stdin`: the first line of the standard input.
    StandardInput,
    /// A prompt on the terminal; where there is none, this is a usage error.
    Prompt,
}

impl Question {
    /// The request that puts the question with `password`.
    pub fn request<'a>(&'a self, password: &'a Secret) -> Request<'a> {
        Request {
            login: &self.login,
            password: password.as_bytes(),
            service: &self.service,
            realm: &self.realm,
            client: self.client.as_deref(),
        }
    }
}

/// Resolves a whole command line, the program's name first. The error is what goes to the standard error stream,
/// before exit code 1.
pub fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Parsed, String> {
    let mut line = line.into_iter();
    let program = line.next().unwrap_or_default();
    let program = program.to_string_lossy();
    let (words, faults) = words_and_faults(line);
    if !faults.is_empty() {
        let lines = faults.iter().map(|fault| format!("{program}: {fault}\n")).collect::<String>();
        return Err(lines + &usage(&program));
    }
    let flags = read_flags::<Flags>(words).map_err(|invalid| format!("{program}: {invalid}\n"))?;
    if flags.help {
        return Ok(Parsed::Help(usage(&program) + LONG_USAGE));
    }
    flags.into_question().ok_or_else(|| usage(&program))
}

/// The C program's usage, which names itself twice.
pub fn usage(program: &str) -> String {
    format!(
        "{program}: usage: {program} -u username -p password
              [-r realm] [-s servicename]
              [-f socket path] [-R repeatnum]
"
    )
}

/// What `--help` adds: the usage alone stays as scripts and people know it.
const LONG_USAGE: &str = "              [-a client address] [--timeout=seconds]
              [--password-stdin] [--help]
Without -p the password is asked for on the terminal. Behind -p everybody can see it in
the list of processes; --password-stdin reads it from the first line of the standard
input instead. --timeout (default 60) bounds each of the repeatnum rounds.
";

/// Unlike the daemon the C program complains about every wrong flag before it gives up.
fn words_and_faults(arguments: impl Iterator<Item = OsString>) -> (Vec<OsString>, Vec<GetoptError>) {
    let command = Flags::command();
    let (mut words, mut faults) = (Vec::new(), Vec::new());
    for item in Getopt::new(&command, arguments) {
        match item {
            Ok(word) => words.push(word),
            Err(fault) => faults.push(fault),
        }
    }
    (words, faults)
}

/// The flags as they stand on the command line. Later ones override earlier ones.
#[derive(Parser)]
#[command(
    no_binary_name = true,
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = true
)]
struct Flags {
    #[arg(short = 'u')]
    login: Option<OsString>,
    #[arg(short = 'p')]
    password: Option<OsString>,
    #[arg(short = 'r', default_value = "")]
    realm: OsString,
    #[arg(short = 's', default_value = "imap")]
    service: OsString,
    #[arg(short = 'f', default_value_os_t = default_socket())]
    path: OsString,
    /// 0 is 1, as in C.
    #[arg(short = 'R', default_value_t = 1, value_parser = number("-R", 0..=1_000_000_000))]
    rounds: u32,
    #[arg(short = 'a')]
    client: Option<OsString>,
    #[arg(long, default_value_t = 60, value_parser = number("--timeout", 1..=86_400))]
    timeout: u32,
    #[arg(long)]
    password_stdin: bool,
    #[arg(long)]
    help: bool,
}

fn default_socket() -> OsString {
    Endpoint::mux(Path::new(DEFAULT_RUN_DIRECTORY)).path.into()
}

impl Flags {
    /// `None` without a login.
    fn into_question(self) -> Option<Parsed> {
        let login = self.login?;
        let password = match self.password {
            Some(password) => PasswordSource::Given(Secret::from_vec(password.into_vec())),
            None if self.password_stdin => PasswordSource::StandardInput,
            None => PasswordSource::Prompt,
        };
        let question = Question {
            path: self.path.into(),
            rounds: self.rounds.max(1),
            timeout: Duration::from_secs(self.timeout.into()),
            login: login.into_vec(),
            service: self.service.into_vec(),
            realm: self.realm.into_vec(),
            client: self.client.map(OsString::into_vec),
        };
        Some(Parsed::Ask(question, password))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// As the C program prints it.
    const USAGE: &str = "\
./testsaslauthd: usage: ./testsaslauthd -u username -p password
              [-r realm] [-s servicename]
              [-f socket path] [-R repeatnum]
";

    fn parsed(line: &str) -> Result<Parsed, String> {
        parse(["./testsaslauthd"].into_iter().chain(line.split_whitespace()).map(OsString::from))
    }

    fn question(line: &str) -> (Question, PasswordSource) {
        match parsed(line) {
            Ok(Parsed::Ask(question, password)) => (question, password),
            Ok(Parsed::Help(_)) => panic!("{line} asks nothing"),
            Err(error) => panic!("{line}: {error}"),
        }
    }

    fn wire_of(question: &Question, source: &PasswordSource) -> Vec<u8> {
        let PasswordSource::Given(password) = source else { panic!("no password is given") };
        crate::client::encode_request(&question.request(password)).unwrap().as_bytes().to_vec()
    }

    #[test]
    fn the_defaults_are_those_of_c() {
        let (question, source) = question("-u anna -p secret");
        assert_eq!(wire_of(&question, &source), b"\0\x04anna\0\x06secret\0\x04imap\0\0");
        assert_eq!(question.path, Path::new(DEFAULT_RUN_DIRECTORY).join("mux"));
        assert_eq!(question.rounds, 1);
        assert_eq!(question.timeout, Duration::from_secs(60));
    }

    #[test]
    fn every_flag_reaches_the_question() {
        let line = "-uanna -psecret -rexample.org -ssmtp -f/run/mux -R3 -a192.0.2.7;25 --timeout 5 operand";
        let (question, source) = question(line);
        assert_eq!(
            wire_of(&question, &source),
            b"\0\x04anna\0\x06secret\0\x04smtp\0\x0bexample.org\0\x0c192.0.2.7;25"
        );
        assert_eq!(question.path, Path::new("/run/mux"));
        assert_eq!(question.rounds, 3);
        assert_eq!(question.timeout, Duration::from_secs(5));
    }

    #[test]
    fn empty_values_are_values() {
        let line = ["x", "-u", "", "-p", "", "-s", "", "-f", "", "-a", ""].map(OsString::from);
        let Ok(Parsed::Ask(question, source)) = parse(line) else { panic!("not understood") };
        assert_eq!(wire_of(&question, &source), [0; 10]);
        assert_eq!(question.path, Path::new(""));
    }

    #[test]
    fn no_rounds_are_one_round() {
        assert_eq!(question("-u a -p b -R 0").0.rounds, 1);
    }

    #[test]
    fn the_password_behind_p_wins() {
        assert!(matches!(question("-u a --password-stdin -p b").1, PasswordSource::Given(_)));
        assert!(matches!(question("-u a --password-stdin").1, PasswordSource::StandardInput));
        assert!(matches!(question("-u a").1, PasswordSource::Prompt));
    }

    #[test]
    fn a_wrong_line_gets_the_usage_of_c_after_a_complaint_about_each_wrong_flag() {
        let name = "./testsaslauthd: ";
        for (line, complaints) in [
            ("", String::new()),
            ("-p secret", String::new()),
            ("--password-stdin", String::new()),
            ("-u a -p b -xy", format!("{name}invalid option -- 'x'\n{name}invalid option -- 'y'\n")),
            ("-h", format!("{name}invalid option -- 'h'\n")),
            ("-u a -p", format!("{name}option requires an argument -- 'p'\n")),
            ("--help --bar", format!("{name}unrecognized option '--bar'\n")),
        ] {
            assert_eq!(parsed(line).err().unwrap(), complaints + USAGE, "{line:?}");
        }
    }

    #[test]
    fn a_bad_number_is_named() {
        for (line, text) in [
            ("-u a -p b -R -3", "-R takes a number from 0 to 1000000000, not \"-3\""),
            ("-u a -p b -R x", "-R takes a number from 0 to 1000000000, not \"x\""),
            ("-u a -p b --timeout=0", "--timeout takes a number from 1 to 86400, not \"0\""),
        ] {
            assert_eq!(parsed(line).err().unwrap(), format!("./testsaslauthd: {text}\n"), "{line}");
        }
    }

    #[test]
    fn the_help_starts_with_the_usage_and_has_every_flag_with_its_number() {
        let Ok(Parsed::Help(help)) = parsed("--help") else { panic!("no help") };
        assert!(help.starts_with(USAGE));
        for arg in Flags::command().get_arguments() {
            let short = arg.get_short().map(|letter| format!("-{letter} "));
            let long = arg.get_long().map(|name| format!("--{name}"));
            for name in short.iter().chain(&long) {
                assert!(help.contains(name.as_str()), "{name} is missing");
            }
        }
        assert!(help.contains(&format!("default {}", question("-u a -p b").0.timeout.as_secs())));
    }

    #[test]
    fn the_parser_itself_is_sound() {
        Flags::command().debug_assert();
    }
}
