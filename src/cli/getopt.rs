//! getopt(3) over a command line: which words are flags, which are values, and in what order they act.
//!
//! clap alone differs from getopt in two ways that scripts can see: it eats the `=` of `-n=5`, and it looks at all
//! words before the first one acts. So getopt's rules come first and hand clap words that it can only read one way.
//! The rules are glibc's with permutation: flags after operands count, operands are skipped, `--` ends the flags.
//!
//! One thing is not glibc's: `-O -O VALUE` means what whoever wrote it means.
#![forbid(unsafe_code)]

use clap::{Arg, Command};
use std::ffi::OsString;
use std::fmt;
use std::iter::Peekable;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The flag that both `MECH_OPTIONS` in a file of settings and the script or unit that reads it may have put there: Debian
/// 12's script does, Debian 13's unit leaves it to the file.
const OFTEN_DOUBLED: u8 = b'O';

/// The flags on a command line, one after the other, as normalised words: `-c`, `-n=5` or `--name=value`.
///
/// Like getopt it goes on after a fault; whoever wants to stop there stops asking.
pub(super) struct Getopt<'a, I: Iterator<Item = OsString>> {
    command: &'a Command,
    arguments: Peekable<I>,
    /// What is left of a word like `-cr` or `-n5`.
    cluster: Vec<u8>,
}

/// What is wrong with a word, as getopt tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum GetoptError {
    /// A letter that is no flag.
    UnknownLetter(u8),
    /// A letter that needs a value, at the end of the line.
    LetterWithoutValue(u8),
    /// A long name that is no flag.
    UnknownName(String),
    /// A long name that needs a value, at the end of the line.
    NameWithoutValue(String),
    /// `--name=value` for a flag that has none.
    NameWithValue(String),
}

impl<'a, I: Iterator<Item = OsString>> Getopt<'a, I> {
    /// Reads `arguments` (without the program's name) by the flags that `command` knows.
    pub(super) fn new(command: &'a Command, arguments: I) -> Self {
        Self { command, arguments: arguments.peekable(), cluster: Vec::new() }
    }

    fn letter(&mut self) -> Result<OsString, GetoptError> {
        let letter = self.cluster.remove(0);
        let flag = self.flag(|arg| has_letter(arg, letter)).ok_or(GetoptError::UnknownLetter(letter))?;
        let mut word = vec![b'-', letter];
        if takes_value(flag) {
            let value = self.rest_or_next().ok_or(GetoptError::LetterWithoutValue(letter))?;
            let value = if letter == OFTEN_DOUBLED { self.without_second_flag(value) } else { value };
            word.push(b'=');
            word.extend(value);
        }
        Ok(OsString::from_vec(word))
    }

    fn rest_or_next(&mut self) -> Option<Vec<u8>> {
        if self.cluster.is_empty() {
            return self.arguments.next().map(OsString::into_vec);
        }
        Some(std::mem::take(&mut self.cluster))
    }

    /// `-O -O VALUE`, in two words or three: the second one is not a value.
    fn without_second_flag(&mut self, value: Vec<u8>) -> Vec<u8> {
        match value.strip_prefix(&[b'-', OFTEN_DOUBLED]) {
            None => value,
            Some([]) => {
                let is_value = |word: &OsString| !word.as_bytes().starts_with(b"-");
                self.arguments.next_if(is_value).map(OsString::into_vec).unwrap_or_default()
            }
            Some(rest) => rest.trim_ascii().to_vec(),
        }
    }

    fn long(&mut self, word: OsString) -> Result<OsString, GetoptError> {
        let bytes = word.as_bytes();
        let length = bytes.iter().position(|byte| *byte == b'=').unwrap_or(bytes.len());
        let name = String::from_utf8_lossy(bytes.get(2..length).unwrap_or_default()).into_owned();
        let has_value = length < bytes.len();
        let flag = self.flag(|arg| arg.get_long() == Some(&name));
        let Some(flag) = flag else { return Err(GetoptError::UnknownName(name)) };
        match (takes_value(flag), has_value) {
            (false, true) => Err(GetoptError::NameWithValue(name)),
            (true, false) if !does_without_value(flag) => self.long_with_next(word, name),
            _ => Ok(word),
        }
    }

    fn long_with_next(&mut self, mut word: OsString, name: String) -> Result<OsString, GetoptError> {
        let value = self.arguments.next().ok_or(GetoptError::NameWithoutValue(name))?;
        word.push("=");
        word.push(value);
        Ok(word)
    }

    fn flag(&self, wanted: impl Fn(&Arg) -> bool) -> Option<&'a Arg> {
        self.command.get_arguments().find(|arg| wanted(arg))
    }
}

impl<I: Iterator<Item = OsString>> Iterator for Getopt<'_, I> {
    type Item = Result<OsString, GetoptError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.cluster.is_empty() {
            let word = self.arguments.next()?;
            match word.as_bytes() {
                b"--" => {
                    self.arguments.by_ref().for_each(drop);
                    return None;
                }
                [b'-', b'-', ..] => return Some(self.long(word)),
                [b'-', letters @ ..] => self.cluster = letters.to_vec(),
                _operand => {}
            }
        }
        Some(self.letter())
    }
}

impl fmt::Display for GetoptError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownLetter(letter) => write!(formatter, "invalid option -- '{}'", printable(*letter)),
            Self::LetterWithoutValue(letter) => {
                write!(formatter, "option requires an argument -- '{}'", printable(*letter))
            }
            Self::UnknownName(name) => write!(formatter, "unrecognized option '--{name}'"),
            Self::NameWithoutValue(name) => write!(formatter, "option '--{name}' requires an argument"),
            Self::NameWithValue(name) => write!(formatter, "option '--{name}' doesn't allow an argument"),
        }
    }
}

fn has_letter(arg: &Arg, letter: u8) -> bool {
    let letter = char::from(letter);
    arg.get_short() == Some(letter)
        || arg.get_all_short_aliases().is_some_and(|aliases| aliases.contains(&letter))
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

/// getopt's `optional_argument`: the value is behind an equals sign or not there.
fn does_without_value(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|numbers| numbers.min_values() == 0)
}

/// getopt works on bytes: half a UTF-8 character is shown as the replacement character.
fn printable(letter: u8) -> char {
    if letter.is_ascii() { char::from(letter) } else { char::REPLACEMENT_CHARACTER }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ArgAction;

    /// The C daemon's flags with the letters of its older and newer versions, and two long names.
    fn command() -> Command {
        let flags =
            ["c", "d", "f", "h", "l", "r", "T", "v", "V"].map(|id| short(id).action(ArgAction::SetTrue));
        let valued = ["a", "m", "n", "s", "t"].map(short);
        Command::new("test")
            .args(flags)
            .args(valued)
            .arg(short("O").short_alias('H'))
            .arg(Arg::new("timeout").long("timeout"))
            .arg(Arg::new("quiet").long("quiet").action(ArgAction::SetTrue))
            .arg(Arg::new("look").long("look").num_args(0..=1))
    }

    fn short(id: &'static str) -> Arg {
        Arg::new(id).short(id.chars().next())
    }

    fn words(line: &[&[u8]]) -> String {
        let command = command();
        let arguments = line.iter().map(|word| OsString::from_vec(word.to_vec()));
        let words = Getopt::new(&command, arguments).map(|item| match item {
            Ok(word) => word.to_string_lossy().into_owned(),
            Err(fault) => format!("?{fault}"),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// Each line was given to glibc 2.36's getopt with `a:cdfhO:H:lm:n:rs:t:TvV`; `letter=value` is what it made of it.
    #[test]
    fn short_flags_are_read_as_glibc_reads_them() {
        let table: [(&[&str], &str); 32] = [
            (&[], ""),
            (&["-cr"], "-c -r"),
            (&["-n5"], "-n=5"),
            (&["-n", "5"], "-n=5"),
            (&["-m/path"], "-m=/path"),
            (&["-n=5"], "-n==5"),
            (&["-n", "5", "--", "-c"], "-n=5"),
            (&["operand", "-c"], "-c"),
            (&["operand", "--", "-c"], ""),
            (&["-c", "operand", "-n", "3", "operand", "-r"], "-c -n=3 -r"),
            (&["-a", "-c"], "-a=-c"),
            (&["-a", "--"], "-a=--"),
            (&["-a--", "-c"], "-a=-- -c"),
            (&["-an5"], "-a=n5"),
            (&["-crn5", "-V"], "-c -r -n=5 -V"),
            (&["-crn", "5"], "-c -r -n=5"),
            (&["-", "-c"], "-c"),
            (&["-c", "-", "-r"], "-c -r"),
            (&["-n", "--", "5"], "-n=--"),
            (&["-n", "--timeout=5"], "-n=--timeout=5"),
            (&["-O", ""], "-O="),
            (&["", "-c"], "-c"),
            (&["-H", "host"], "-H=host"),
            (&["-a", "pam", "-a", "shadow"], "-a=pam -a=shadow"),
            (&["-n"], "?option requires an argument -- 'n'"),
            (&["-cn"], "-c ?option requires an argument -- 'n'"),
            (&["-x"], "?invalid option -- 'x'"),
            (&["-cxr"], "-c ?invalid option -- 'x' -r"),
            (&["-:"], "?invalid option -- ':'"),
            (&["-;"], "?invalid option -- ';'"),
            (&["-c-r"], "-c ?invalid option -- '-' -r"),
            (&["--"], ""),
        ];
        for (line, expected) in table {
            let bytes = line.iter().map(|word| word.as_bytes()).collect::<Vec<_>>();
            assert_eq!(words(&bytes), expected, "{line:?}");
        }
    }

    #[test]
    fn a_doubled_flag_before_the_option_of_the_mechanism_is_no_value() {
        let table: [(&[&str], &str); 9] = [
            (&["-O", "-O", "localhost", "-c"], "-O=localhost -c"),
            (&["-O", "-O localhost", "-c"], "-O=localhost -c"),
            (&["-O", "-O  localhost "], "-O=localhost"),
            (&["-O", "-Olocalhost"], "-O=localhost"),
            (&["-O-O", "localhost"], "-O=localhost"),
            (&["-O", "-O", "-n", "5"], "-O= -n=5"),
            (&["-O", "-O"], "-O="),
            (&["-O", "-localhost"], "-O=-localhost"),
            (&["-m", "-O", "-O", "x"], "-m=-O -O=x"),
        ];
        for (line, expected) in table {
            let bytes = line.iter().map(|word| word.as_bytes()).collect::<Vec<_>>();
            assert_eq!(words(&bytes), expected, "{line:?}");
        }
    }

    #[test]
    fn long_flags_take_their_value_after_an_equals_sign_or_as_the_next_word() {
        let table: [(&[&str], &str); 11] = [
            (&["--timeout=5", "-c"], "--timeout=5 -c"),
            (&["--look", "-c"], "--look -c"),
            (&["--look=near", "far", "-c"], "--look=near -c"),
            (&["--timeout", "5", "-c"], "--timeout=5 -c"),
            (&["--timeout", "--", "-c"], "--timeout=-- -c"),
            (&["--timeout="], "--timeout="),
            (&["--timeout=a=b"], "--timeout=a=b"),
            (&["--quiet"], "--quiet"),
            (&["--quiet=yes"], "?option '--quiet' doesn't allow an argument"),
            (&["--timeout"], "?option '--timeout' requires an argument"),
            (&["--time=5", "-r"], "?unrecognized option '--time' -r"),
        ];
        for (line, expected) in table {
            let bytes = line.iter().map(|word| word.as_bytes()).collect::<Vec<_>>();
            assert_eq!(words(&bytes), expected, "{line:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_values_but_no_flags() {
        let command = command();
        let line = [b"-m/\xff".to_vec(), b"-\xff".to_vec()].map(OsString::from_vec);
        let items = Getopt::new(&command, line.into_iter()).collect::<Vec<_>>();
        assert_eq!(
            items,
            [Ok(OsString::from_vec(b"-m=/\xff".to_vec())), Err(GetoptError::UnknownLetter(0xff))]
        );
        assert_eq!(words(&[b"-\xff"]), "?invalid option -- '\u{fffd}'");
    }
}
