//! The form of a log line: the C daemon's column, and the datagram that glibc's syslog(3) would make of it.
#![forbid(unsafe_code)]

use super::escape::one_line;
use crate::sys::time::LocalTime;
use log::{Level, Record};
use std::process;

/// What syslog calls the daemon; log readers look for it.
pub(super) const IDENT: &str = "saslauthd";

/// The width of the column with the name, which is that of a function in the C daemon.
const COLUMN: usize = 16;

/// The longest line in bytes. Four fields of a request at their default bound of 1024 bytes, each byte escaped,
/// fit: a client must not be able to push the end of a record out of the line.
const LONGEST: usize = 32 * 1024;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The text of `record` as one line, without name or time.
pub(super) fn text(record: &Record<'_>) -> String {
    let text = one_line(record.args().to_string().as_bytes()).to_string();
    start_of(&text, LONGEST).to_owned()
}

/// `record` as a syslog datagram: `<38>Nov  1 03:36:49 saslauthd[123]: do_auth         : text`.
pub(super) fn datagram(record: &Record<'_>) -> Vec<u8> {
    datagram_at(LocalTime::now(), record.level(), record.target(), &text(record))
}

/// A line of the log itself as a syslog datagram.
pub(super) fn own_datagram(text: &str) -> Vec<u8> {
    datagram_at(LocalTime::now(), Level::Warn, "log", text)
}

/// What the C daemon prints on the standard error stream: the process and the text, without the column.
pub(super) fn stderr_line(text: &str) -> String {
    format!("{IDENT}[{}] :{text}\n", process::id())
}

/// The same for a syslog datagram that another process made, as far as it can be told apart.
pub(super) fn relayed_stderr_line(datagram: &[u8]) -> String {
    let line = one_line(datagram.trim_ascii_end()).to_string();
    let (sender, text) = split_datagram(&line).unwrap_or((IDENT, &line));
    format!("{sender} :{}\n", without_column(text))
}

fn datagram_at(time: LocalTime, level: Level, target: &str, text: &str) -> Vec<u8> {
    let LocalTime { month, day, hour, minute, second } = time;
    let month = MONTHS.get(usize::from(month)).unwrap_or(&"Jan");
    let (priority, pid) = (priority(level), process::id());
    let column = match column(target) {
        "" => String::new(),
        column => format!("{column:<COLUMN$}: "),
    };
    format!("<{priority}>{month} {day:2} {hour:02}:{minute:02}:{second:02} {IDENT}[{pid}]: {column}{text}")
        .into_bytes()
}

fn priority(level: Level) -> libc::c_int {
    let severity = match level {
        Level::Error => libc::LOG_ERR,
        Level::Warn => libc::LOG_WARNING,
        Level::Info => libc::LOG_INFO,
        Level::Debug | Level::Trace => libc::LOG_DEBUG,
    };
    libc::LOG_AUTH | severity
}

/// The name for the column: the target as it was given, or the last part of the path of a module; none of an empty one.
fn column(target: &str) -> &str {
    start_of(target.rsplit("::").next().unwrap_or(target), COLUMN)
}

/// `<86>Nov  1 03:36:49 saslauthd[123]: text` as `saslauthd[123]` and `text`.
fn split_datagram(line: &str) -> Option<(&str, &str)> {
    let (_, after_priority) = line.strip_prefix('<')?.split_once('>')?;
    let after_time = after_priority.get("Nov  1 03:36:49 ".len()..)?;
    after_time.split_once(": ").filter(|(sender, _)| !sender.contains(' '))
}

/// `text` without the column of [`datagram`], when it begins with one.
fn without_column(text: &str) -> &str {
    let is_name = |name: &str| name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    match text.split_at_checked(COLUMN) {
        Some((name, rest)) if is_name(name.trim_end_matches(' ')) => rest.strip_prefix(": ").unwrap_or(text),
        _ => text,
    }
}

/// The start of `text` of at most `most` bytes.
fn start_of(text: &str, most: usize) -> &str {
    (0..=most.min(text.len())).rev().find_map(|length| text.get(..length)).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TIME: LocalTime = LocalTime { month: 10, day: 1, hour: 3, minute: 6, second: 49 };

    fn datagram_of(level: Level, target: &str, text: &str) -> String {
        String::from_utf8(datagram_at(TIME, level, target, text)).unwrap()
    }

    #[test]
    fn a_datagram_is_what_glibc_and_the_c_daemon_would_send() {
        let expected =
            format!("<38>Nov  1 03:06:49 saslauthd[{}]: do_auth         : auth failure", process::id());
        assert_eq!(datagram_of(Level::Info, "do_auth", "auth failure"), expected);
    }

    #[test]
    fn every_level_has_its_priority_in_the_facility_auth() {
        let starts =
            [(Level::Error, "<35>"), (Level::Warn, "<36>"), (Level::Info, "<38>"), (Level::Debug, "<39>")];
        for (level, start) in starts {
            assert!(datagram_of(level, "x", "y").starts_with(start), "{level}");
        }
    }

    #[test]
    fn a_message_without_a_name_shows_the_last_part_of_its_module() {
        assert_eq!(column("saslauthd::supervisor::run_directory_of_the_daemon"), "run_directory_of");
        assert_eq!(column("do_request"), "do_request");
        assert_eq!(column(""), "");
    }

    #[test]
    fn a_message_is_one_line_of_bounded_length() {
        let long = "ü\n".repeat(LONGEST);
        let text = text(&Record::builder().args(format_args!("{long}")).build());
        assert!(text.starts_with("ü\\x0Aü") && !text.contains('\n'));
        assert!((LONGEST - 4..=LONGEST).contains(&text.len()), "{}", text.len());
    }

    #[test]
    fn a_relayed_line_names_its_process_and_loses_time_and_column() {
        let ours = b"<38>Nov  1 03:36:49 saslauthd[7]: do_auth         : auth failure: [user=a]";
        assert_eq!(relayed_stderr_line(ours), "saslauthd[7] :auth failure: [user=a]\n");
    }

    #[test]
    fn a_line_of_a_pam_module_is_relayed_whole() {
        let theirs = b"<86>Nov 21 03:36:49 saslauthd[7]: pam_unix(smtp:auth): authentication failure; user=x";
        assert_eq!(
            relayed_stderr_line(theirs),
            "saslauthd[7] :pam_unix(smtp:auth): authentication failure; user=x\n"
        );
    }

    #[test]
    fn a_relayed_line_of_another_form_is_shown_as_it_is_but_as_one_line() {
        assert_eq!(relayed_stderr_line(b"no\nheader\xff\n"), "saslauthd :no\\x0Aheader\\xFF\n");
        assert_eq!(relayed_stderr_line(b"<1>short"), "saslauthd :<1>short\n");
    }
}
