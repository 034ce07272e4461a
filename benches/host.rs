//! What the benchmark needs of the machine, puts on it for a while, and tells about it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Fallible;
use crate::network::peers::{DOVECOT, SLAPD};
use crate::options::{Options, Scenario};
use crate::server::{C_DAEMON, Kind, OUR_DAEMON};

const PAM_DIRECTORY: &str = "/etc/pam.d";

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
        (Scenario::LdapBind, SLAPD, "slapd"),
        (Scenario::Ldaps, SLAPD, "slapd"),
        (Scenario::LdapFastbind, SLAPD, "slapd"),
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

/// A file in /etc/pam.d, removed when dropped.
pub(crate) struct PamService {
    file: PathBuf,
    name: String,
}

impl PamService {
    /// A service whose logins and accounts one module judges alone.
    pub(crate) fn create(purpose: &str, module: &str) -> Fallible<Self> {
        let name = format!("saslauthd-bench-{purpose}-{}", std::process::id());
        let file = Path::new(PAM_DIRECTORY).join(&name);
        fs::write(&file, format!("auth required {module}\naccount required {module}\n"))
            .map_err(|error| format!("{} could not be written: {error}.", file.display()))?;
        Ok(Self { file, name })
    }

    /// What clients send as service.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for PamService {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.file) {
            eprintln!("daemons: remove {} yourself: {error}", self.file.display());
        }
    }
}

/// A system account with a password, removed when dropped.
pub(crate) struct Account {
    name: String,
    password: String,
}

impl Account {
    /// Adds the account, without home directory or shell.
    pub(crate) fn create() -> Fallible<Self> {
        let name = format!("saslbench{}", std::process::id());
        let arguments = ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin", &name];
        run_with_input(Command::new("useradd").args(arguments), "")?;
        let account = Self { password: format!("right password of {name}"), name };
        run_with_input(&mut Command::new("chpasswd"), &format!("{}:{}\n", account.name, account.password))?;
        Ok(account)
    }

    /// Its login.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its password.
    pub(crate) fn password(&self) -> &str {
        &self.password
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if let Err(error) = run_with_input(Command::new("userdel").arg(&self.name), "") {
            eprintln!("daemons: remove the account {} yourself: {error}", self.name);
        }
    }
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

/// Runs a command to its end; its complaints are the error.
pub(crate) fn run_with_input(command: &mut Command, input: &str) -> Fallible<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program} could not be started: {error}."))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} failed ({}): {}", output.status, said.trim()).into())
}
