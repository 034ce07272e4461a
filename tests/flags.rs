//! The command line: every flag, every mistake, with exit code and text.

use crate::support::command::run;
use crate::support::{Daemon, Finished, Launch, Program};
use std::process::Command;

for_both!(
    v_shows_the_version_and_the_mechanisms,
    h_shows_the_flags_and_ends_with_the_version,
    the_first_of_v_and_h_wins_over_what_follows,
    flags_are_read_as_getopt_reads_them,
    a_line_that_is_no_use_gets_a_message_and_the_usage,
    a_bad_value_gets_one_line_that_names_it,
    what_is_not_a_number_is_an_error,
    flags_of_other_versions_are_accepted,
    the_name_of_a_mechanism_may_be_in_any_case,
    later_flags_override_earlier_ones,
    the_command_lines_of_distributions_start,
);

fn v_shows_the_version_and_the_mechanisms(program: Program) {
    let finished = saslauthd(program, &["-v"]);
    assert_eq!((finished.code, finished.output.as_str()), (Some(0), ""));
    let (first, rest) = finished.errors.split_once('\n').unwrap();
    let (second, last) = rest.split_once('\n').unwrap();
    assert_eq!(last, "\n");
    assert!(first.starts_with("saslauthd "), "{first}");
    assert!(second.starts_with("authentication mechanisms: ") && second.contains(" pam"), "{second}");
    if program == Program::Ours {
        let mechanisms = saslauthd::registry::MECHANISMS.each_ref().map(|mechanism| mechanism.name).join(" ");
        assert_eq!(first, concat!("saslauthd ", env!("CARGO_PKG_VERSION")));
        assert_eq!(second, format!("authentication mechanisms: {mechanisms}"));
    }
}

fn h_shows_the_flags_and_ends_with_the_version(program: Program) {
    let finished = saslauthd(program, &["-h"]);
    assert_eq!((finished.code, finished.output.as_str()), (Some(0), ""));
    assert!(finished.errors.starts_with("usage: saslauthd [options]\n"), "{}", finished.errors);
    assert!(finished.errors.ends_with(&format!("\n\n{}", version(program))), "{}", finished.errors);
    for flag in ["a", "c", "d", "r", "O", "l", "m", "n", "s", "t", "v", "V", "h"] {
        assert!(finished.errors.contains(&format!("\n  -{flag}")), "no -{flag} in {}", finished.errors);
    }
}

fn the_first_of_v_and_h_wins_over_what_follows(program: Program) {
    for line in ["-vh", "-v -h", "-v -Z", "-v -n", "-v -a foo", "-a pam -v", "-c -v -n -1", "-a foo -v"] {
        assert_eq!(saslauthd(program, &words(line)).errors, version(program), "{line}");
    }
    for line in ["-hv", "-h -v", "-h -Z", "-a pam -h", "-rh -m relative"] {
        assert_eq!(saslauthd(program, &words(line)).errors, usage(program), "{line}");
    }
}

fn flags_are_read_as_getopt_reads_them(program: Program) {
    let lines = [
        "-crv",
        "-n5 -v",
        "-n 5 -v",
        "-m/tmp -v",
        "-crn5 -v",
        "-O -x -v",
        "operand -v",
        "- -v",
        "-ddlVv",
        "-apam -v",
    ];
    for line in lines {
        assert_eq!(saslauthd(program, &words(line)).errors, version(program), "{line}");
    }
    for line in ["-- -v", "-r -- -v", "-O -v", "-r operand"] {
        let finished = saslauthd(program, &words(line));
        let expected = format!("saslauthd[PID] :no authentication mechanism specified\n{}", usage(program));
        assert_eq!(finished.errors, expected, "{line}");
    }
}

fn a_line_that_is_no_use_gets_a_message_and_the_usage(program: Program) {
    let why = "a daemon that did not start must not look started";
    let code = program.better(why, Some(0), Some(1));
    let only_one = "saslauthd[PID] :only one authentication mechanism can be used\n";
    let table = [
        ("", "saslauthd[PID] :no authentication mechanism specified\n"),
        ("-c -n 3", "saslauthd[PID] :no authentication mechanism specified\n"),
        ("-Z", "saslauthd: invalid option -- 'Z'\n"),
        ("-a pam -cZr", "saslauthd: invalid option -- 'Z'\n"),
        ("-a", "saslauthd: option requires an argument -- 'a'\n"),
        ("-a pam -n", "saslauthd: option requires an argument -- 'n'\n"),
        ("-a pam -a shadow", program.better("nothing said why", "", only_one)),
    ];
    for (line, message) in table {
        let finished = saslauthd(program, &words(line));
        assert_eq!(finished.errors, message.to_owned() + &usage(program), "{line}");
        assert_eq!((finished.code, finished.output.as_str()), (code, ""), "{line}");
    }
}

fn a_bad_value_gets_one_line_that_names_it(program: Program) {
    let table = [
        ("-a foo -m /tmp", "unknown authentication mechanism: foo"),
        ("-m relative", "-m requires an absolute pathname"),
        ("-a pam -m ./relative", "-m requires an absolute pathname"),
        ("-n -1", "invalid number of worker processes defined"),
        ("-s 0", "cache size must be positive and non zero"),
        ("-s abc", "cache size must be positive and non zero"),
        ("-t 0", "cache timeout must be positive"),
        ("-t abc", "cache timeout must be positive"),
    ];
    for (line, text) in table {
        let finished = saslauthd(program, &words(line));
        assert_eq!(finished.errors, format!("saslauthd[PID] :{text}\n"), "{line}");
        assert_eq!((finished.code, finished.output.as_str()), (Some(1), ""), "{line}");
    }
    for (line, text) in
        [(["-m", ""], "-m requires an absolute pathname"), (["-a", ""], "unknown authentication mechanism: ")]
    {
        let finished = saslauthd(program, &[&line[..], &["-m", "/tmp"]].concat());
        assert_eq!(finished.errors, format!("saslauthd[PID] :{text}\n"), "{line:?}");
        assert_eq!(finished.code, Some(1), "{line:?}");
    }
}

fn what_is_not_a_number_is_an_error(program: Program) {
    for line in ["-n abc -v", "-n 5x -v", "-t -1 -v", "-s 5x -v", "-t 1h -v"] {
        let finished = saslauthd(program, &words(line));
        if program.better("a slip must not pass for 0 or for another number", true, false) {
            assert_eq!(finished.errors, version(program), "{line}");
        } else {
            assert_eq!(finished.code, Some(1), "{line}: {}", finished.errors);
            assert_eq!(finished.errors.lines().count(), 1, "{line}: {}", finished.errors);
        }
    }
}

fn flags_of_other_versions_are_accepted(program: Program) {
    for line in ["-f -v", "-T -v", "-H localhost -v"] {
        let finished = saslauthd(program, &words(line));
        let why = "old scripts and those for 2.2 go on working";
        assert_eq!(finished.errors == version(program), program.better(why, false, true), "{line}");
    }
}

fn the_name_of_a_mechanism_may_be_in_any_case(program: Program) {
    let daemon = Daemon::start(program, &["-a", "GetPwEnt"]);
    assert!(daemon.process.is_running());
}

fn later_flags_override_earlier_ones(program: Program) {
    let daemon =
        Daemon::start(program, &["-a", "getpwent", "-m", "/nonexistent/parent", "-n", "3", "-n", "1"]);
    assert!(daemon.process.is_running());
}

/// As in /etc/default of Debian, a Postfix chroot, Arch and Gentoo, and the unit of RPM systems.
fn the_command_lines_of_distributions_start(program: Program) {
    for line in [
        "-a pam -c -n 5",
        "-a pam -c -r -n 5",
        "-a pam -r",
        "-a shadow -V",
        "-a getpwent -l -n0",
        "-a pam -Oany",
    ] {
        let daemon = Launch::new(program, &words(line)).start_detached();
        assert!(daemon.process.is_running(), "{line}");
    }
}

#[test]
fn long_options_are_checked_and_name_themselves() {
    let table = [
        ("--request-timeout=abc", "--request-timeout"),
        ("--request-timeout=0", "--request-timeout"),
        ("--read-timeout=-1", "--read-timeout"),
        ("--max-connections=0", "--max-connections"),
        ("--max-password=65536", "--max-password"),
        ("--max-field=99999", "--max-field"),
        ("--requests-per-worker=0", "--requests-per-worker"),
        ("--max-processes=many", "--max-processes"),
        ("--max-worker-growth=0", "--max-worker-growth"),
        ("--on-unavailable=maybe", "--on-unavailable"),
        ("--reply-text=short", "--reply-text"),
        ("--login-format=%x", "--login-format"),
        ("--log=nowhere", "--log"),
        ("--user=no-such-account-here", "no-such-account-here"),
        ("--config=relative", "--config"),
        ("--check=yes", "--check"),
        ("--connect-timeout=0", "--connect-timeout"),
        ("--tls-timeout=x", "--tls-timeout"),
        ("--operation-timeout=86401", "--operation-timeout"),
        ("--total-timeout=-1", "--total-timeout"),
        ("--retry-interval=0", "--retry-interval"),
        ("--idle-time=0", "--idle-time"),
        ("--max-server-connections=65536", "--max-server-connections"),
        ("--server-order=any", "--server-order"),
        ("--no-such-option", "--no-such-option"),
        ("--help=yes", "--help"),
        ("--request-timeout", "--request-timeout"),
    ];
    for (flag, named) in table {
        let finished = Launch::new(Program::Ours, &["-a", "getpwent"]).with(&[flag]).run();
        assert_eq!((finished.code, finished.output.as_str()), (Some(1), ""), "{flag}: {}", finished.errors);
        let first = finished.errors.lines().next().unwrap();
        assert!(first.contains(named), "{flag}: {first}");
    }
}

#[test]
fn long_help_and_version_are_the_short_ones() {
    assert_eq!(saslauthd(Program::Ours, &["--help"]), saslauthd(Program::Ours, &["-h"]));
    assert_eq!(saslauthd(Program::Ours, &["--version"]), saslauthd(Program::Ours, &["-v"]));
    let usage = usage(Program::Ours);
    let long = [
        "request-timeout",
        "read-timeout",
        "max-connections",
        "max-password",
        "max-field",
        "requests-per-worker",
        "max-processes",
        "max-worker-growth",
        "on-unavailable",
        "reply-text",
        "login-format",
        "log",
        "user",
        "config",
        "connect-timeout",
        "tls-timeout",
        "operation-timeout",
        "total-timeout",
        "retry-interval",
        "idle-time",
        "max-server-connections",
        "server-order",
    ];
    for flag in long {
        assert!(usage.contains(&format!("\n  --{flag}=")), "no --{flag} in {usage}");
    }
    assert!(usage.contains("\n  --check[=system] "), "no --check in {usage}");
}

/// C cuts the path and serves where no client looks.
#[test]
fn a_socket_path_that_no_client_can_name_is_an_error() {
    let directory = format!("/tmp/{}", "x".repeat(99));
    let finished = saslauthd(Program::Ours, &["-a", "getpwent", "-m", &directory]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.errors.contains(&directory) && finished.errors.contains("107"), "{}", finished.errors);
    assert_eq!(finished.errors.lines().count(), 1, "{}", finished.errors);
}

#[test]
fn nobody_to_read_the_help_is_no_failure() {
    for flag in ["-h", "-v", "--help", "--version"] {
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$1\" 2>/dev/full"]).arg(Program::Ours.daemon()).arg(flag);
        assert_eq!(run(command).code, Some(0), "{flag}");
    }
}

fn saslauthd(program: Program, arguments: &[&str]) -> Finished {
    let mut command = Command::new(program.daemon());
    command.args(arguments);
    let finished = run(command);
    let errors = without_pid(&finished.errors.replace(&*program.daemon().to_string_lossy(), "saslauthd"));
    Finished { errors, ..finished }
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// The text of `-h`.
fn usage(program: Program) -> String {
    saslauthd(program, &["-h"]).errors
}

/// The text of `-v`.
fn version(program: Program) -> String {
    saslauthd(program, &["-v"]).errors
}

fn without_pid(text: &str) -> String {
    let hidden = text.split_inclusive('\n').map(|line| {
        let rest = line.strip_prefix("saslauthd[").and_then(|rest| rest.split_once(']'));
        match rest {
            Some((number, rest)) if number.parse::<u32>().is_ok() => format!("saslauthd[PID]{rest}"),
            _ => line.to_owned(),
        }
    });
    hidden.collect()
}
