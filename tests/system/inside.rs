//! What a test does on its machine, which is its own: nothing is put back.

use crate::support::{command, eventually};
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

/// Where Debian's saslauthd has its socket.
pub const RUN_DIRECTORY: &str = "/var/run/saslauthd";

/// Writes a file, and the directories above it.
pub fn write(path: &str, text: &str) {
    fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Changes a file that a package has put there.
pub fn edit(path: &str, change: impl FnOnce(String) -> String) {
    let before = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let after = change(before.clone());
    assert_ne!(before, after, "{path} is not as expected");
    fs::write(path, after).unwrap();
}

/// Takes the comment signs from the lines between the first that contains `from` and the next that contains `to`.
pub fn uncomment(text: &str, from: &str, to: &str) -> String {
    let mut is_inside = false;
    let mut lines = String::new();
    for line in text.lines() {
        is_inside = (is_inside || line.contains(from)) && !line.contains(to);
        let stripped = line.strip_prefix("# ").or_else(|| line.strip_prefix('#'));
        lines.push_str(stripped.filter(|_| is_inside).unwrap_or(line));
        lines.push('\n');
    }
    lines
}

/// Takes what the programs log to syslog, for the messages of failing tests.
pub fn collect_log() -> Log {
    let socket = UnixDatagram::bind("/dev/log").unwrap();
    fs::set_permissions("/dev/log", fs::Permissions::from_mode(0o666)).unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let collected = Arc::clone(&lines);
    std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(length) = socket.recv(&mut buffer) {
            let line = String::from_utf8_lossy(&buffer[..length]).into_owned();
            collected.lock().unwrap().push(line);
        }
    });
    Log(lines)
}

/// What was logged; printed when the test fails.
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Drop for Log {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("syslog: {:#?}", self.0.lock().unwrap());
            println!("servers: {}", fs::read_to_string("/tmp/servers.log").unwrap_or_default());
        }
    }
}

/// Runs a shell command that has to succeed; gives its output.
pub fn sh(line: &str) -> String {
    let finished = command::run(shell(line));
    assert_eq!(finished.code, Some(0), "{line}: {finished:?}");
    finished.output
}

/// What a client prints, on whichever stream, when it is given this input.
pub fn output<T: AsRef<str>>(words: &[T], more: &[&str], input: &str) -> String {
    let mut command = shell("exec \"$@\" 2>&1");
    command.arg("output").args(words.iter().map(AsRef::as_ref)).args(more);
    command::run_with_input(command, input.as_bytes()).output
}

/// The exit code of a client.
pub fn exit_code(program: &str, arguments: &[&str]) -> String {
    let mut command = shell("exec \"$@\"");
    command.arg("exit_code").arg(program).args(arguments);
    command::run(command).code.map_or_else(|| "a signal".to_owned(), |code| code.to_string())
}

/// Starts a server by a shell command that goes on; what it says is in a file.
pub fn start(line: &str) {
    sh(&format!("{line} </dev/null >>/tmp/servers.log 2>&1 &"));
}

/// Runs a start script or what else leaves a server in the background, which must not keep a pipe of ours open.
pub fn launch(line: &str) {
    sh(&format!("{line} </dev/null >>/tmp/servers.log 2>&1 || {{ cat /tmp/servers.log >&2; exit 1; }}"));
}

fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]).env("LC_ALL", "C.UTF-8").env("HOME", "/root").current_dir("/");
    command
}

/// Waits until somebody listens at this port.
pub fn wait_for_port(port: u16) {
    eventually(&format!("somebody listens at port {port}"), || TcpStream::connect(("127.0.0.1", port)).ok());
}

/// Starts /usr/sbin/saslauthd with these flags as Debian's start script does, and waits until it serves.
pub fn start_saslauthd(run_directory: &str, flags: &str) {
    fs::create_dir_all(run_directory).unwrap();
    // As Debian has it, by dpkg-statoverride.
    sh(&format!("chown root:sasl {run_directory} && chmod 0710 {run_directory}"));
    launch(&format!("/usr/sbin/saslauthd {flags} -m {run_directory} -n 5"));
    let socket = format!("{run_directory}/mux");
    eventually("saslauthd serves", || UnixStream::connect(&socket).ok());
}

/// Stops it as a start script does, and then what is left of a C daemon whose first process was killed.
pub fn stop_saslauthd(run_directory: &str) {
    let _ = command::run(shell(&format!("kill $(cat {run_directory}/saslauthd.pid)")));
    let ended = crate::support::within(std::time::Duration::from_secs(6), || (!is_running()).then_some(()));
    if ended.is_none() {
        let _ = command::run(shell("pkill -KILL -x saslauthd"));
    }
    eventually("no saslauthd runs", || (!is_running()).then_some(()));
    let _ = fs::remove_file(format!("{run_directory}/mux"));
}

fn is_running() -> bool {
    command::run(shell("ps -C saslauthd -o stat= | grep -v Z")).code == Some(0)
}

/// A PAM service with these logins, in /etc/pam.d.
///
/// A login `crash` gets no verdict: it kills the process that asked PAM. Of `offline` PAM cannot tell.
pub fn add_pam_service(name: &str, users: &[(&str, &str)]) {
    let hashes = users.iter().map(|(login, password)| format!("{login}:{}\n", hash(password)));
    write("/etc/pam-users", &hashes.collect::<String>());
    let script = "/usr/local/bin/kill-if-crash";
    write(script, "#!/bin/sh\ncase $PAM_USER in crash*) kill -s KILL \"$PPID\";; esac\n");
    fs::set_permissions(script, fs::Permissions::from_mode(0o755)).unwrap();
    write(
        &format!("/etc/pam.d/{name}"),
        &format!(
            "auth optional pam_exec.so quiet {script}\n\
             auth [success=1 default=ignore] pam_succeed_if.so quiet user != offline\n\
             auth requisite pam_debug.so auth=authinfo_unavail\n\
             auth required pam_pwdfile.so nodelay pwdfile=/etc/pam-users\n\
             account required pam_permit.so\n"
        ),
    );
}

/// An account in /etc/passwd and /etc/shadow.
pub fn add_account(login: &str, password: &str) {
    let line = |path: &str, line: String| {
        let text = fs::read_to_string(path).unwrap();
        fs::write(path, format!("{text}{line}\n")).unwrap();
    };
    line("/etc/passwd", format!("{login}:x:4242:4242::/nonexistent:/usr/sbin/nologin"));
    line("/etc/shadow", format!("{login}:{}:20000:0:99999:7:::", hash(password)));
}

/// What crypt(3) makes of `password`, with SHA-512.
pub fn hash(password: &str) -> String {
    let mut command = Command::new("perl");
    command.args(["-e", "print crypt($ARGV[0], '$6$saltofsystem$')", password]);
    let hash = command::run(command).output;
    assert!(hash.starts_with("$6$"), "{hash}");
    hash
}
