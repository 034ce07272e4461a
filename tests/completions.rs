//! What the shells complete: every flag that there is, and values where they are known.

use crate::documents::{flags_of_the_help, source};
use crate::support::Program;
use crate::support::command::run;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const BASH: &str = r#"
source "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
"_$1"
printf '%s\n' "${COMPREPLY[@]}"
"#;

/// What bash offers for the last of these words. Readline would have split `--flag=value`, so it is split here.
fn bash(line: &[&str]) -> Vec<String> {
    let mut command = Command::new("bash");
    command.args(["-c", BASH, "bash"]).arg(path("bash", line[0], "")).args(line);
    lines(command)
}

/// What fish offers for this line.
fn fish(line: &str) -> Vec<String> {
    let program = line.split(' ').next().unwrap();
    let mut command = Command::new("fish");
    command.args(["--no-config", "-c", "source $argv[1]; complete -C $argv[2]"]);
    command.arg(path("fish", program, ".fish")).arg(line);
    lines(command).iter().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

fn lines(command: Command) -> Vec<String> {
    let finished = run(command);
    assert_eq!((finished.code, finished.errors.as_str()), (Some(0), ""));
    finished.output.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn path(shell: &str, program: &str, ending: &str) -> String {
    format!("{}/contrib/completions/{shell}/{program}{ending}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn bash_completes_every_flag_and_no_other() {
    require!(Tool("bash"));
    let mut offered: Vec<_> =
        bash(&["saslauthd", "-"]).iter().map(|flag| flag.trim_end_matches('=').to_owned()).collect();
    // One spelling of each will do.
    offered.push("-h".to_owned());
    offered.dedup();
    same_flags(offered);
}

#[test]
fn fish_completes_every_flag_and_no_other() {
    require!(Tool("fish"));
    let long = fish("saslauthd --");
    let short = fish("saslauthd -").into_iter().filter(|flag| !flag.starts_with("--"));
    same_flags(short.chain(long.iter().map(|flag| flag.trim_end_matches('=').to_owned())).collect());
}

#[test]
fn zsh_has_every_flag_and_no_other() {
    let text = source("contrib/completions/zsh/_saslauthd");
    let specifications = text.lines().filter(|line| line.starts_with("    '"));
    let mut flags = Vec::new();
    for line in specifications {
        let line = line.trim().trim_start_matches("'(- *)'").trim_start_matches(['\'', '*', '{']);
        let names = line.split(['[', '}', '=']).next().unwrap();
        flags.extend(names.split(',').map(str::to_owned));
    }
    same_flags(flags);
}

/// The commands of saslauthdctl, each of which has flags of its own.
const COMMANDS: [&[&str]; 9] = [
    &[],
    &["status"],
    &["metrics"],
    &["cache", "list"],
    &["cache", "flush"],
    &["penalty", "list"],
    &["penalty", "clear"],
    &["log-level"],
    &["ping"],
];

#[test]
fn bash_completes_every_flag_of_every_command() {
    require!(Tool("bash"));
    for command in COMMANDS {
        let line: Vec<_> = ["saslauthdctl", "--control", "=", "/run/x", "-m", "/run"]
            .into_iter()
            .chain(command.iter().copied())
            .chain(["-"])
            .collect();
        let offered = bash(&line).iter().map(|flag| flag.trim_end_matches('=').to_owned()).collect();
        same_flags_of_the_command(command, offered);
    }
}

#[test]
fn fish_completes_every_flag_of_every_command() {
    require!(Tool("fish"));
    for command in COMMANDS {
        let line = [&["saslauthdctl"], command].concat().join(" ");
        let long = fish(&format!("{line} --"));
        let short = fish(&format!("{line} -")).into_iter().filter(|flag| !flag.starts_with("--"));
        same_flags_of_the_command(command, short.chain(long).collect());
    }
}

#[test]
fn zsh_has_every_flag_of_every_command() {
    let text = source("contrib/completions/zsh/_saslauthdctl");
    let mut offered = BTreeSet::new();
    for specification in text.split('\'').filter(|word| word.starts_with('-') && word.contains('[')) {
        offered.insert(specification.split(['[', '=']).next().unwrap().to_owned());
    }
    for both in text.split('{').filter(|word| word.starts_with('-')) {
        offered.extend(both.split('}').next().unwrap().split(',').map(str::to_owned));
    }
    assert_eq!(
        offered,
        COMMANDS
            .into_iter()
            .flat_map(flags_of_the_command)
            .chain(["-V", "--version"].map(str::to_owned))
            .collect()
    );
}

fn same_flags_of_the_command(command: &[&str], offered: Vec<String>) {
    let offered: BTreeSet<_> = offered.into_iter().collect();
    assert_eq!(offered, flags_of_the_command(command), "{command:?}");
}

fn flags_of_the_command(command: &[&str]) -> BTreeSet<String> {
    let mut asked = Command::new(env!("CARGO_BIN_EXE_saslauthdctl"));
    asked.args(command).arg("--help");
    let help = run(asked).output;
    let lines = help.lines().map(str::trim).filter(|line| line.starts_with('-'));
    let flags = lines.flat_map(|line| line.split("  ").next().unwrap().split(", "));
    flags.map(|flag| flag.split([' ', '=', '[']).next().unwrap().to_owned()).collect()
}

fn same_flags(mut offered: Vec<String>) {
    let mut helped = flags_of_the_help(&Program::Ours.daemon(), "-h");
    offered.sort();
    offered.dedup();
    helped.sort();
    assert_eq!(offered, helped);
}

#[test]
fn values_are_completed_where_they_are_known() {
    require!(Tool("bash"));
    assert_eq!(bash(&["saslauthd", "--log", "=", "s"]), ["stderr", "syslog"]);
    assert_eq!(bash(&["saslauthd", "--on-unavailable", "="]), ["close", "no"]);
    assert_eq!(bash(&["saslauthd", "-a", "p"]), ["pam", "passwdfile"]);
    assert_eq!(bash(&["saslauthd", "-a", "pam,l"]), ["pam,ldap"]);
    assert_eq!(bash(&["saslauthd", "-n", ""]), [""; 0]);
    assert_eq!(bash(&["testsaslauthd", "--p"]), ["--password-stdin"]);
    assert_eq!(bash(&["saslauthdctl", "ca"]), ["cache"]);
    assert_eq!(bash(&["saslauthdctl", "cache", "f"]), ["flush"]);
    assert_eq!(bash(&["saslauthdctl", "penalty", "c"]), ["clear"]);
    assert_eq!(bash(&["saslauthd", "--penalty", "="]), ["no", "yes"]);
    assert_eq!(bash(&["saslauthdctl", "log-level", "d"]), ["debug"]);
    assert_eq!(bash(&["saslauthd", "--check", "=", "s"]), ["system"]);
    assert!(bash(&["saslauthd", "-m", "/us"]).contains(&"/usr".to_owned()));
}

#[test]
fn fish_completes_values_too() {
    require!(Tool("fish"));
    assert_eq!(fish("saslauthd --log=s"), ["--log=stderr", "--log=syslog"]);
    assert_eq!(fish("saslauthd -a pam,l"), ["pam,ldap"]);
    assert_eq!(fish("saslauthdctl cache f"), ["flush"]);
    assert_eq!(fish("saslauthdctl log-level d"), ["debug"]);
    assert_eq!(fish("saslauthd --check=s"), ["--check=system"]);
}

#[test]
fn zsh_can_read_its_completions() {
    require!(Tool("zsh"));
    for program in ["saslauthd", "saslauthdctl", "testsaslauthd"] {
        let file = path("zsh", &format!("_{program}"), "");
        assert!(Path::new(&file).exists(), "{file}");
        let mut command = Command::new("zsh");
        command.args(["-n", &file]);
        lines(command);
        assert!(
            source(&format!("contrib/completions/zsh/_{program}"))
                .starts_with(&format!("#compdef {program}\n"))
        );
    }
}

#[test]
fn the_flags_of_the_client_are_those_of_its_help() {
    require!(Tool("bash"));
    let mut command = Command::new(Program::Ours.client());
    command.arg("--help");
    let help = run(command).output;
    for flag in bash(&["testsaslauthd", "-"]) {
        assert!(help.contains(flag.trim_end_matches('=')), "{flag}");
    }
}
