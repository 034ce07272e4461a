//! What is wrong with a passwd file, in a bounded number of sentences for the log.
#![forbid(unsafe_code)]

use super::line::LineFault;

/// How many bad lines are named; the others are only counted.
const MOST_NAMED: usize = 10;

/// The permission bits of everybody to read or write a file.
const OPEN_TO_OTHERS: u32 = 0o006;

/// Collected while a file is read.
#[derive(Default)]
pub(super) struct Report {
    sentences: Vec<String>,
    bad_lines: usize,
}

impl Report {
    /// The file's mode: whoever can read the hashes can guess passwords at leisure.
    pub(super) fn mode(&mut self, mode: u32) {
        if mode & OPEN_TO_OTHERS != 0 {
            let mode = mode & 0o7777;
            self.sentences.push(format!("it is open to everybody (mode {mode:04o}), make it 0600 or 0640"));
        }
    }

    /// A line that is skipped.
    pub(super) fn line(&mut self, number: u32, fault: LineFault) {
        self.bad_lines = self.bad_lines.saturating_add(1);
        if self.bad_lines <= MOST_NAMED {
            self.sentences.push(format!("line {number} is skipped: {fault}"));
        }
    }

    /// The sentences about a file in which `logins` logins can be used.
    pub(super) fn sentences(mut self, logins: usize) -> Vec<String> {
        if let Some(more @ 1..) = self.bad_lines.checked_sub(MOST_NAMED) {
            self.sentences.push(format!("{more} more lines are skipped"));
        }
        if logins == 0 {
            self.sentences.push("it has no login that can be used".to_owned());
        }
        self.sentences
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_file_that_is_not_open_to_everybody_gives_nothing_to_say() {
        for mode in [0o100_600, 0o100_640, 0o100_000] {
            let mut report = Report::default();
            report.mode(mode);
            assert_eq!(report.sentences(1), Vec::<String>::new());
        }
    }

    #[test]
    fn a_file_that_everybody_can_read_or_write_is_told_with_its_mode() {
        for mode in [0o644, 0o604, 0o602] {
            let mut report = Report::default();
            report.mode(0o100_000 | mode);
            let expected = format!("it is open to everybody (mode {mode:04o}), make it 0600 or 0640");
            assert_eq!(report.sentences(1), [expected]);
        }
    }

    #[test]
    fn ten_bad_lines_are_named_and_the_others_counted() {
        for (bad, sentences, last) in [
            (1, 1, "line 1 is skipped: the line holds a NUL"),
            (10, 10, "line 10 is skipped: the line holds a NUL"),
            (11, 11, "1 more lines are skipped"),
            (100_000, 11, "99990 more lines are skipped"),
        ] {
            let mut report = Report::default();
            (1..=bad).for_each(|number| report.line(number, LineFault::Nul));
            let report = report.sentences(1);
            assert_eq!((report.len(), report.last().map(String::as_str)), (sentences, Some(last)));
        }
    }

    #[test]
    fn a_file_without_any_login_is_told() {
        assert_eq!(Report::default().sentences(0), ["it has no login that can be used"]);
    }
}
