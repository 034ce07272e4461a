//! Opens the file of a mechanism for a worker that may not: always the path of the configuration, whatever the worker says.
//!
//! Each worker has a thread here, since opening a file can take for ever (a file system of a server that is down), and
//! the supervisor must not. It ends with the worker.
#![forbid(unsafe_code)]

mod pace;

use crate::ipc::{FILE_WANTED, OpenError, encode_opened};
use crate::mechanism::file::{open_regular, system};
use crate::mechanism::gssapi;
use crate::sys::{memory_file, socket};
use pace::Pace;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread::{self, Builder, JoinHandle};
use std::time::Instant;

/// In bytes: nothing here goes deep.
const STACK: usize = 128 * 1024;

/// What a worker gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handing {
    /// The file itself, which it reads and does not open.
    File,
    /// What it holds, in a file in memory: a library opens it by a name, and so needs one that it may open.
    Copy,
}

/// What opens the file for one worker.
pub(super) struct Opener {
    path: PathBuf,
    thread: JoinHandle<()>,
}

impl Opener {
    /// Also returns the worker's end of the socket.
    ///
    /// # Errors
    /// When there are no descriptors or threads left.
    pub(super) fn start(path: PathBuf, handing: Handing) -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = socket::small_pair()?;
        let own_path = path.clone();
        let serve = move || serve(&own_path, handing, &ours);
        let thread = Builder::new().name("file opener".to_owned()).stack_size(STACK).spawn(serve)?;
        Ok((Self { path, thread }, theirs))
    }

    /// Whether it has ended, as it does when its worker has, unless it cannot.
    pub(super) fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// What it opens.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Answers until the worker is gone. One that says anything else is not answered any more.
#[allow(clippy::disallowed_methods, reason = "nobody but this worker waits for this thread")]
fn serve(path: &Path, handing: Handing, socket: &OwnedFd) {
    let mut pace = Pace::new(Instant::now());
    let mut message = [0; FILE_WANTED.len()];
    while let Ok(Some(_)) = socket::receive(socket.as_fd(), &mut message) {
        if message != FILE_WANTED {
            return;
        }
        thread::sleep(pace.wait(Instant::now()));
        if answer(path, handing, socket).is_err() {
            return;
        }
    }
}

fn answer(path: &Path, handing: Handing, socket: &OwnedFd) -> io::Result<()> {
    let opened = match handing {
        Handing::File => open_regular(path),
        Handing::Copy => gssapi::open(path).and_then(|file| copy(&file)),
    };
    match opened {
        Ok(file) => socket::send_with_descriptor(socket.as_fd(), &encode_opened(Ok(())), file.as_fd()),
        Err(error) => socket::send(socket.as_fd(), &encode_opened(Err(error))),
    }
}

fn copy(file: &File) -> Result<File, OpenError> {
    let copied = gssapi::read(file).and_then(|bytes| memory_file::holding(bytes.as_bytes()));
    copied.map_err(|error| system(&error))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::ipc::{FILE_ANSWER, decode_opened};
    use std::fs;
    use std::io::Read;
    use std::time::Duration;

    fn opener(path: &Path) -> (Opener, OwnedFd) {
        Opener::start(path.to_owned(), Handing::File).unwrap()
    }

    /// What a worker gets that asks once: what is in the file, or why not.
    fn ask(socket: &OwnedFd) -> Option<Result<String, OpenError>> {
        socket::send(socket.as_fd(), FILE_WANTED).ok()?;
        hear(socket)
    }

    fn hear(socket: &OwnedFd) -> Option<Result<String, OpenError>> {
        let mut bytes = [0; FILE_ANSWER];
        let (length, file) = socket::receive_with_descriptor(socket.as_fd(), &mut bytes).unwrap()?;
        assert_eq!(length, FILE_ANSWER);
        let opened = decode_opened(&bytes).unwrap();
        assert_eq!(opened.is_ok(), file.is_some());
        Some(opened.map(|()| {
            let mut text = String::new();
            File::from(file.unwrap()).read_to_string(&mut text).unwrap();
            text
        }))
    }

    fn wait_for_end(opener: &Opener) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !opener.is_over() {
            assert!(Instant::now() < deadline);
            thread::park_timeout(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_worker_gets_what_is_at_the_path_at_that_moment() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        let (opener, socket) = opener(&path);
        assert_eq!(ask(&socket), Some(Err(OpenError::System(libc::ENOENT))));
        for text in ["one", "two"] {
            fs::write(directory.path().join("new"), text).unwrap();
            fs::rename(directory.path().join("new"), &path).unwrap();
            assert_eq!(ask(&socket), Some(Ok(text.to_owned())));
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(ask(&socket), Some(Err(OpenError::NotRegular)));
        drop(socket);
        wait_for_end(&opener);
    }

    #[test]
    fn a_worker_that_gets_a_copy_has_what_is_at_the_path_and_no_more_of_it_than_a_keytab_can_have() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (opener, socket) = Opener::start(file.path().to_owned(), Handing::Copy).unwrap();
        for text in ["one", "two"] {
            fs::write(file.path(), text).unwrap();
            assert_eq!(ask(&socket), Some(Ok(text.to_owned())));
        }
        fs::write(file.path(), vec![0; 2 << 20]).unwrap();
        assert_eq!(ask(&socket), Some(Err(OpenError::System(libc::EFBIG))));
        drop(socket);
        wait_for_end(&opener);
    }

    #[test]
    fn a_worker_that_says_anything_else_gets_nothing_any_more() {
        let secret = tempfile::NamedTempFile::new().unwrap();
        for nonsense in [&b"\x02"[..], b"/etc/shadow", b"\x01\x01"] {
            let (opener, socket) = opener(secret.path());
            socket::send(socket.as_fd(), nonsense).unwrap();
            assert_eq!(hear(&socket), None);
            wait_for_end(&opener);
        }
    }

    /// No upper bound: how fast it can be is the machine's business.
    #[test]
    fn a_worker_that_asks_without_end_is_answered_at_a_steady_pace() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (_opener, socket) = opener(file.path());
        let begin = Instant::now();
        for _ in 0..pace::AT_ONCE + 50 {
            assert!(ask(&socket).unwrap().is_ok());
        }
        assert!(begin.elapsed() >= pace::INTERVAL * 50);
    }

    #[test]
    fn a_worker_that_asks_and_does_not_read_holds_few_files_open_and_ends_its_thread_with_itself() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (opener, socket) = opener(file.path());
        socket::set_nonblocking(socket.as_fd()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        // Until neither end takes anything more.
        let mut refusals = 0;
        while refusals < 50 {
            assert!(Instant::now() < deadline, "it takes questions without end");
            match socket::send(socket.as_fd(), FILE_WANTED) {
                Ok(()) => refusals = 0,
                Err(_) => {
                    refusals += 1;
                    thread::park_timeout(Duration::from_millis(10));
                }
            }
        }
        let mut held = 0;
        let mut bytes = [0; FILE_ANSWER];
        while let Ok(Some(_)) = socket::receive_with_descriptor(socket.as_fd(), &mut bytes) {
            held += 1;
        }
        assert!((1..100).contains(&held), "{held} files at once");
        drop(socket);
        wait_for_end(&opener);
    }
}
