//! What an error of an engine means for who has asked. Pure.
#![forbid(unsafe_code)]

use super::ErrorKind::{self, *};

/// By an SQLSTATE of PostgreSQL, five characters of which the first two are the class (PostgreSQL's documentation,
/// appendix A).
pub(super) fn of_sqlstate(state: &str) -> ErrorKind {
    match (state.get(..2).unwrap_or_default(), state) {
        // Of class 57 and 25, since the same class has what leaves the connection as it was.
        (_, "57P01" | "57P02" | "57P04" | "57P05" | "25P03") => Lost,
        (_, "57P03") => Overloaded,
        (_, "57014") => TooSlow,
        (_, "55P03" | "55006" | "40001" | "40P01") => Locked,
        ("08", _) => Lost,
        ("22", _) => BadValue,
        ("28" | "3D", _) => Refused,
        ("40", _) => Locked,
        ("53" | "57" | "58" | "XX", _) => Overloaded,
        _ => Configuration,
    }
}

/// By the number of an error of MySQL and MariaDB, and its SQLSTATE where the number is none of these: from 2000 to 2999
/// the library's own, the others the server's.
pub(super) fn of_mysql(number: u32, state: &str) -> ErrorKind {
    match number {
        // No connection, no name, gone away, lost, killed, a handshake that is none.
        2001..=2007 | 2011..=2013 | 2027 | 2055 | 1152..=1161 | 1184 | 1927 | 3169 | 4031 => Lost,
        // An answer that is not the question's, one of more columns than the table had, and a statement that the server does
        // not have any more or cannot prepare anew: over with a new connection.
        2014 | 2057 | 1243 | 1615 => Lost,
        // TLS, and ways to log in that the library does not have or may not use; no password, no such database, no right
        // to log in from here, expired, locked, TLS demanded.
        2026
        | 2054
        | 2059..=2061
        | 1044
        | 1045
        | 1049
        | 1130
        | 1251
        | 1275
        | 1698
        | 1820
        | 1862
        | 3118
        | 3159
        | 4151 => Refused,
        // Connections, threads, memory, statements that are prepared, a host with too many errors, a server that is being stopped, a user's share.
        1037..=1041 | 1053 | 1080 | 1129 | 1135 | 1203 | 1226 | 1461 | 2008 => Overloaded,
        1099 | 1100 | 1205 | 1213 | 1614 => Locked,
        // Interrupted, and the bounds of MariaDB and MySQL.
        1317 | 1969 | 3024 => TooSlow,
        // Bytes that are no text in that character set.
        1300 | 1366 | 3854 => BadValue,
        _ => match state.get(..2) {
            Some("08") => Lost,
            Some("22") => BadValue,
            Some("28") => Refused,
            Some("40") => Locked,
            _ => Configuration,
        },
    }
}

/// By a result code of SQLite, of which the lower eight bits are the kind (sqlite.org/rescode.html).
pub(super) fn of_sqlite(code: i32) -> ErrorKind {
    match code & 0xff {
        5 | 6 | 15 | 17 => Locked,
        7 | 10 | 13 | 22 => Overloaded,
        9 => TooSlow,
        // No right, read-only where it must be written to, damaged, not to be opened, no database.
        3 | 8 | 11 | 14 | 23 | 26 => Refused,
        18 | 20 => BadValue,
        _ => Configuration,
    }
}

/// The first line of what a server or library says, as a part of a sentence: without control characters, and no longer than
/// a line of a log should be. What follows are hints for people at terminals.
pub(super) fn clean(said: &[u8]) -> String {
    const LONGEST: usize = 300;
    let first = said.trim_ascii().split(|byte| *byte == b'\n').next().unwrap_or_default();
    let text = String::from_utf8_lossy(first);
    let words: Vec<_> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(LONGEST).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_class_22_of_postgresql_is_the_fault_of_who_sent_the_login() {
        for (state, kind) in [
            ("22021", BadValue),
            ("22P02", BadValue),
            ("22P05", BadValue),
            ("28P01", Refused),
            ("28000", Refused),
            ("3D000", Refused),
            ("42P01", Configuration),
            ("42703", Configuration),
            ("42601", Configuration),
            ("42501", Configuration),
            ("57P01", Lost),
            ("57P02", Lost),
            ("57P05", Lost),
            ("08006", Lost),
            ("08P01", Lost),
            ("57P03", Overloaded),
            ("53300", Overloaded),
            ("53200", Overloaded),
            ("58030", Overloaded),
            ("XX000", Overloaded),
            ("57014", TooSlow),
            ("55P03", Locked),
            ("40001", Locked),
            ("40P01", Locked),
            ("", Configuration),
            ("2", Configuration),
            ("2200é", Configuration),
            ("P0001", Configuration),
        ] {
            let expected = if state == "2200é" { BadValue } else { kind };
            assert_eq!(of_sqlstate(state), expected, "{state}");
        }
    }

    #[test]
    fn errors_of_mysql_are_told_by_number_and_then_by_class() {
        for (number, state, kind) in [
            (1045, "28000", Refused),
            (1044, "42000", Refused),
            (1049, "42000", Refused),
            (1698, "28000", Refused),
            (1130, "HY000", Refused),
            (2026, "HY000", Refused),
            (2059, "HY000", Refused),
            (9999, "28000", Refused),
            (1146, "42S02", Configuration),
            (1054, "42S22", Configuration),
            (1064, "42000", Configuration),
            (1142, "42000", Configuration),
            (1267, "HY000", Configuration),
            (1040, "08004", Overloaded),
            (1203, "42000", Overloaded),
            (1226, "42000", Overloaded),
            (1053, "08S01", Overloaded),
            (2002, "HY000", Lost),
            (2003, "HY000", Lost),
            (2006, "HY000", Lost),
            (2013, "HY000", Lost),
            (1927, "70100", Lost),
            (2014, "HY000", Lost),
            (2057, "HY000", Lost),
            (1243, "HY000", Lost),
            (4031, "HY000", Lost),
            (1461, "42000", Overloaded),
            (9999, "08S01", Lost),
            (1205, "HY000", Locked),
            (1213, "40001", Locked),
            (9999, "40001", Locked),
            (1969, "70100", TooSlow),
            (3024, "HY000", TooSlow),
            (1317, "70100", TooSlow),
            (1366, "22007", BadValue),
            (1300, "HY000", BadValue),
            (9999, "22001", BadValue),
            (9999, "", Configuration),
        ] {
            assert_eq!(of_mysql(number, state), kind, "{number} {state}");
        }
    }

    #[test]
    fn errors_of_sqlite_are_told_by_their_kind_whatever_is_more_exact() {
        for (code, kind) in [
            (5, Locked),
            (5 | 1 << 8, Locked),
            (6, Locked),
            (517, Locked),
            (1, Configuration),
            (25, Configuration),
            (14, Refused),
            (26, Refused),
            (8 | 2 << 8, Refused),
            (11, Refused),
            (7, Overloaded),
            (10 | 3 << 8, Overloaded),
            (9, TooSlow),
            (20, BadValue),
            (18, BadValue),
            (-1, Configuration),
        ] {
            assert_eq!(of_sqlite(code), kind, "{code}");
        }
    }

    #[test]
    fn what_is_said_becomes_one_line_of_bounded_length() {
        assert_eq!(
            clean(b"\nFATAL:  no\tsuch\x1b[31m thing\xff\r\nLOCATION\n"),
            "FATAL: no such [31m thing\u{fffd}"
        );
        assert_eq!(clean(&[b'a'; 5000]).len(), 300);
        assert_eq!(clean(b""), "");
    }
}
