//! The two programs that are asked the same questions.

use crate::support::Answer;
use std::path::PathBuf;

/// This project's program or the one it replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Built from this source tree.
    Ours,
    /// The C program of the distribution.
    C,
}

impl Program {
    /// Both, for comparisons within one test.
    pub const BOTH: [Self; 2] = [Self::Ours, Self::C];

    /// The daemon.
    pub fn daemon(self) -> PathBuf {
        match self {
            Self::Ours => env!("CARGO_BIN_EXE_saslauthd").into(),
            Self::C => "/usr/sbin/saslauthd".into(),
        }
    }

    /// The client that asks one question.
    pub fn client(self) -> PathBuf {
        match self {
            Self::Ours => env!("CARGO_BIN_EXE_testsaslauthd").into(),
            Self::C => "/usr/sbin/testsaslauthd".into(),
        }
    }

    /// What this program is expected to do where ours differs from C on purpose; `why` is the reason given in
    /// docs/COMPATIBILITY.md.
    pub fn better<T>(self, why: &str, c: T, ours: T) -> T {
        assert!(!why.is_empty());
        match self {
            Self::Ours => ours,
            Self::C => c,
        }
    }

    /// The answer of this program when no server could be asked: C says `text`, ours closes.
    pub fn unavailable(self, text: &str) -> Answer {
        match self {
            Self::Ours => Answer::Nothing,
            Self::C => Answer::Text(text.as_bytes().escape_ascii().to_string()),
        }
    }
}

/// Makes two tests of every function named: one asks our program, one the C program.
macro_rules! for_both {
    ($($test:ident),+ $(,)?) => {
        mod ours {
            $(#[test]
            fn $test() {
                super::$test($crate::support::Program::Ours);
            })+
        }
        mod c {
            $(#[test]
            fn $test() {
                require!(CDaemon);
                super::$test($crate::support::Program::C);
            })+
        }
    };
}
