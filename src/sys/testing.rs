//! For tests of what belongs to a whole process: its working directory, its forks, its `/dev/log`.

use super::result::check;
use crate::skipped;
use std::env;
use std::ffi::CString;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Set in the process that runs one test by itself.
const INSIDE: &str = "SASLAUTHD_TEST_INSIDE";

/// How long a test in a process of its own may take on the slowest machine.
const LONGEST_TEST: Duration = Duration::from_secs(240);

/// How long its streams may be open after its end. Who has left a process behind that holds them would wait for ever.
const LEFT_OPEN: Duration = Duration::from_secs(10);

/// Runs `body`, which is that of the test with the path `name`, in a process of its own; what that said and how it
/// ended. `None` inside it.
pub(crate) fn in_own_process(name: &str, body: impl FnOnce()) -> Option<Output> {
    in_process_of(&mut Command::new(this_program()), name, body)
}

/// The same where all that matters is that the test passes.
pub(crate) fn passes_in_own_process(name: &str, body: impl FnOnce()) {
    in_own_process(name, body).iter().for_each(assert_passed);
}

/// The same with a variable in its environment.
pub(crate) fn passes_with_variable(variable: &str, value: &Path, name: &str, body: impl FnOnce()) {
    let mut command = Command::new(this_program());
    in_process_of(command.env(variable, value), name, body).iter().for_each(assert_passed);
}

/// The same with mounts of its own, which leave the machine's alone. Where the system does not allow that, the test
/// says so, and fails when CI is set.
pub(crate) fn in_own_mounts(name: &str, body: impl FnOnce()) {
    let as_root: &[&str] = &["--mount"];
    let as_user: &[&str] = &["--map-root-user", "--mount"];
    let works = |unshare: &&[&str]| {
        env::var_os(INSIDE).is_some()
            || Command::new("unshare")
                .args(*unshare)
                .args(["mount", "-t", "tmpfs", "none", "/mnt"])
                .status()
                .is_ok_and(|status| status.success())
    };
    let Some(unshare) = [as_root, as_user].into_iter().find(works) else {
        return skipped::note(name, "needs unshare(1) and mount(8), and the right to use them");
    };
    let mut command = Command::new("unshare");
    in_process_of(command.args(unshare).arg(this_program()), name, body).iter().for_each(assert_passed);
}

/// The same with a `/dev` that holds nothing but what the test puts there.
pub(crate) fn with_private_dev(name: &str, body: impl FnOnce()) {
    in_own_mounts(name, || {
        let directory = tempfile::tempdir().unwrap();
        mount(&["--bind".as_ref(), directory.path(), "/dev".as_ref()]);
        body();
    });
}

/// mount(8), for inside [`in_own_mounts`].
pub(crate) fn mount(arguments: &[&Path]) {
    assert!(env::var_os(INSIDE).is_some(), "only in a process with its own mounts");
    assert!(Command::new("mount").args(arguments).status().unwrap().success());
}

/// Gives a directory the default access list of that mode, which new files in it have in place of what the umask leaves.
///
/// # Errors
/// When its file system has no access lists.
pub(crate) fn give_default_access(directory: &Path, mode: u16) -> io::Result<()> {
    // linux/posix_acl_xattr.h: the version, then owner, group and others, each with no number of an account.
    const VERSION: [u8; 4] = 2_u32.to_le_bytes();
    const NOBODY: [u8; 4] = u32::MAX.to_le_bytes();
    let entry = |(kind, bits): (u16, u16)| {
        [&kind.to_le_bytes()[..], &(mode >> bits & 7).to_le_bytes(), &NOBODY].concat()
    };
    let list = [(0x01, 6), (0x04, 3), (0x20, 0)].map(entry).concat();
    let value = [VERSION.as_slice(), &list].concat();
    let path = CString::new(directory.as_os_str().as_bytes())?;
    let name = c"system.posix_acl_default";
    // SAFETY: both strings end in NUL, and pointer and length are those of `value`; the kernel reads all three.
    check(unsafe { libc::setxattr(path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0) })
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
    // systemd allows 512 datagrams in a queue, and the buffer of one sender is full before that.
    while fill_from_one_sender() > 0 {}
}

fn fill_from_one_sender() -> usize {
    let sender = UnixDatagram::unbound().unwrap();
    sender.connect("/dev/log").unwrap();
    sender.set_nonblocking(true).unwrap();
    std::iter::repeat_with(|| sender.send(b"filler")).take_while(Result::is_ok).count()
}

/// Everything a process has printed.
pub(crate) fn text_of(ran: &Output) -> String {
    [&ran.stdout, &ran.stderr].map(|said| String::from_utf8_lossy(said).into_owned()).concat()
}

fn assert_passed(ran: &Output) {
    let said = text_of(ran);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}

fn this_program() -> String {
    env::current_exe().unwrap().to_str().unwrap().to_owned()
}

fn in_process_of(command: &mut Command, name: &str, body: impl FnOnce()) -> Option<Output> {
    if env::var_os(INSIDE).is_some() {
        body();
        return None;
    }
    Some(output_of(command.args(["--exact", "--nocapture", name]).env(INSIDE, "1"), name))
}

#[allow(clippy::disallowed_methods, reason = "nothing happens between two looks that could be waited for")]
fn wait_a_moment() {
    thread::sleep(Duration::from_millis(2));
}

/// How it has ended and what it has printed, also what processes that it has left behind have: until nobody has its streams any more,
/// or until [`LEFT_OPEN`] after its end.
fn output_of(command: &mut Command, name: &str) -> Output {
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = Printed::on(process.stdout.take().unwrap());
    let stderr = Printed::on(process.stderr.take().unwrap());
    let begin = Instant::now();
    let status = loop {
        match process.try_wait().unwrap() {
            Some(status) => break status,
            None if begin.elapsed() > LONGEST_TEST => {
                process.kill().unwrap();
                panic!("{name} has hung: {}{}", stdout.so_far(), stderr.so_far());
            }
            None => wait_a_moment(),
        }
    };
    let deadline = Instant::now() + LEFT_OPEN;
    let [stdout, stderr] = [stdout, stderr].map(|printed| printed.at_its_end(deadline).into_bytes());
    Output { status, stdout, stderr }
}

/// What comes out of a stream, read on a thread of its own, so that one which is left open keeps nobody waiting.
struct Printed {
    bytes: Arc<Mutex<Vec<u8>>>,
    end: Receiver<()>,
}

impl Printed {
    fn on(mut stream: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let (ended, end) = mpsc::channel();
        let read = Arc::clone(&bytes);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                read.lock().unwrap().extend_from_slice(buffer.get(..length).unwrap());
            }
            drop(ended);
        });
        Self { bytes, end }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    fn at_its_end(self, deadline: Instant) -> String {
        // Nobody sends anything: it is over when the other end is gone, or the time.
        let _ = self.end.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        self.so_far()
    }
}
