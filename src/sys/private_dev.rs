//! For tests of what happens with `/dev/log`: a process of their own, with a `/dev` of its own.

use crate::skipped;
use std::env;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Output};
use std::time::Duration;

/// Set in the process that has the private `/dev`.
const INSIDE: &str = "SASLAUTHD_TEST_PRIVATE_DEV";

/// Runs `body`, which is that of the test with the path `name`, in another process that sees nothing in `/dev` but
/// what it puts there: the machine's own syslog and the other tests stay out of it. Where the system does not allow
/// that, the test says so, and fails when CI is set.
pub(crate) fn with_private_dev(name: &str, body: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        return body();
    }
    let as_root: &[&str] = &["--mount"];
    let as_user: &[&str] = &["--map-root-user", "--mount"];
    let Some(unshare) =
        [as_root, as_user].into_iter().find(|unshare| run(unshare, &["true"]).status.success())
    else {
        return skipped::note(name, "needs unshare(1) and the right to mount");
    };
    let program = env::current_exe().unwrap();
    let ran = run(unshare, &[program.to_str().unwrap(), "--exact", "--nocapture", name]);
    let said = [ran.stdout, ran.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}

/// A new socket at `/dev/log`, in place of what is there.
pub(crate) fn listen_at_dev_log() -> UnixDatagram {
    assert!(env::var_os(INSIDE).is_some(), "only inside with_private_dev");
    let _ = std::fs::remove_file("/dev/log");
    let socket = UnixDatagram::bind("/dev/log").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

/// The next datagram, which is to be text.
pub(crate) fn next(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).unwrap();
    String::from_utf8(buffer.get(..length).unwrap().to_vec()).unwrap()
}

/// Fills the queue of `/dev/log` until it takes no more.
pub(crate) fn stall_dev_log() {
    let filler = UnixDatagram::unbound().unwrap();
    filler.connect("/dev/log").unwrap();
    filler.set_nonblocking(true).unwrap();
    while filler.send(b"filler").is_ok() {}
}

fn run(unshare: &[&str], command: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    Command::new("unshare")
        .args(unshare)
        .args(["sh", "-c", r#"mount --bind "$1" /dev && shift && exec "$@""#, "sh"])
        .arg(directory.path())
        .args(command)
        .env(INSIDE, "1")
        .output()
        .unwrap()
}
