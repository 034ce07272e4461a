//! What the benchmark needs of the machine, and what it tells about it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Fallible;
use crate::host::PAM_DIRECTORY;
use crate::network::kerberos;
use crate::network::peers::{DOVECOT, SLAPD};
use crate::options::{Options, Scenario};
use crate::sasldb;
use crate::server::{C_DAEMON, Kind, OUR_DAEMON};

/// An error that says what is missing and how to get it.
pub(crate) fn check_requirements(options: &Options) -> Fallible<()> {
    if fs::metadata("/proc/self")?.uid() != 0 {
        return Err("The benchmark puts service files into /etc/pam.d, so it must run as root.".into());
    }
    if options.servers().any(|kind| kind == Kind::C) && !Path::new(C_DAEMON).exists() {
        return Err(format!(
            "{C_DAEMON} is missing: `apt-get install sasl2-bin`, or leave it out with --server."
        )
        .into());
    }
    let servers = [
        (Scenario::Dovecot, DOVECOT, "dovecot-imapd"),
        (Scenario::Imaps, DOVECOT, "dovecot-imapd"),
        (Scenario::DovecotAuth, DOVECOT, "dovecot-imapd"),
        (Scenario::Sql, DOVECOT, "dovecot-pgsql dovecot-mysql dovecot-sqlite"),
        (Scenario::LdapBind, SLAPD, "slapd"),
        (Scenario::Ldaps, SLAPD, "slapd"),
        (Scenario::LdapFastbind, SLAPD, "slapd"),
        (
            Scenario::Kerberos5,
            &kerberos::program("krb5kdc").display().to_string(),
            "krb5-kdc krb5-admin-server",
        ),
        (Scenario::Sasldb, sasldb::PATH, "sasl2-bin"),
    ];
    for (scenario, program, package) in servers {
        if options.runs(scenario) && !Path::new(program).exists() {
            return Err(format!("{program} is missing: `apt-get install {package}`.").into());
        }
    }
    if !Path::new(PAM_DIRECTORY).is_dir() {
        return Err(format!("{PAM_DIRECTORY} is missing: the benchmark needs Linux-PAM.").into());
    }
    let has_useradd = ["useradd", "userdel", "chpasswd"].iter().all(|tool| find_program(tool).is_some());
    let with_account = [Scenario::Guessing, Scenario::HangUp, Scenario::Silent];
    if with_account.iter().any(|scenario| options.runs(*scenario)) && !has_useradd {
        return Err("useradd, userdel or chpasswd is missing: `apt-get install passwd`.".into());
    }
    Ok(())
}

/// The machine and the programs, as the head of the report.
pub(crate) fn describe(options: &Options) -> Fallible<String> {
    let cores = std::thread::available_parallelism()?;
    let mut lines = vec![
        format!(
            "CPU: {} ({cores} cores, shared by the server and the single-threaded load generator)",
            cpu_model()
        ),
        format!("System: {}, Linux {}", distribution(), first_line("/proc/sys/kernel/osrelease")),
        format!("Load average when it began: {}", first_line("/proc/loadavg")),
    ];
    for (kind, program) in [(Kind::Ours, OUR_DAEMON), (Kind::C, C_DAEMON)] {
        if options.servers().any(|wanted| wanted == kind) {
            lines.push(format!("{}: {}", kind.name(), version(program)));
        }
    }
    lines.push(format!("Command: `cargo bench --bench daemons{}`", arguments()));
    lines.push(format!(
        "Median of {} rounds of {:?} each, the servers taking turns",
        options.rounds, options.duration
    ));
    Ok(lines.iter().map(|line| format!("- {line}\n")).collect())
}

fn arguments() -> String {
    let given: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if given.is_empty() { String::new() } else { format!(" -- {}", given.join(" ")) }
}

fn cpu_model() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    model.map_or_else(|| "unknown".into(), |(_, name)| name.trim().into())
}

fn distribution() -> String {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.unwrap_or("unknown distribution").trim_matches('"').into()
}

fn first_line(file: &str) -> String {
    fs::read_to_string(file).unwrap_or_default().lines().next().unwrap_or("unknown").into()
}

/// The first line of `-v`, which both daemons print to stderr.
fn version(program: &str) -> String {
    let output = Command::new(program).arg("-v").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or("version unknown").into()
}

fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.exists())
}
