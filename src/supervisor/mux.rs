//! The mux socket in the run directory.
#![forbid(unsafe_code)]

use super::start_error::StartError;
use crate::sys::daemon::{enlarge_backlog, set_umask};
use crate::sys::unix_stream;
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

const NAME: &str = "mux";

/// How long a daemon that was killed may take to take its listening socket along: its frontend outlives it for as
/// long as the kernel needs to deliver a signal.
const LAST_BREATH: Duration = Duration::from_secs(1);

/// How often a socket that closes what it accepts is asked again; one that is coming down is gone by then.
const TRIES: usize = 5;

/// The listening socket, and what to remove at the end.
pub(super) struct Mux {
    pub(super) listener: OwnedFd,
    path: PathBuf,
    inode: (u64, u64),
}

impl Mux {
    /// Listens at `mux` in `directory`. A socket that nobody serves is replaced; nothing else is, since no daemon
    /// holds the lock: somebody who answers all the same is another program, or worker processes that a C daemon
    /// left behind, and two services on one path would each get a part of the logins.
    ///
    /// The whole path goes to bind(2), since lsof, fuser and ss show and find a socket by these bytes only.
    pub(super) fn bind(directory: &Path) -> Result<Self, StartError> {
        let path = directory.join(NAME);
        make_way(&path)?;
        match listen(&path) {
            Ok((listener, inode)) => Ok(Self { listener: listener.into(), path, inode }),
            Err(error) => Err(StartError::Socket(path, error)),
        }
    }

    /// Removes the socket, unless somebody else has put another there.
    pub(super) fn remove(&self) {
        if inode_of(&self.path).is_ok_and(|inode| inode == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn make_way(path: &Path) -> Result<(), StartError> {
    let failed = |error| StartError::Socket(path.to_owned(), error);
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
        Ok(found) if !found.file_type().is_socket() => Err(StartError::NotASocket(path.to_owned())),
        Ok(_) if is_served(path) => Err(StartError::SocketTaken(path.to_owned())),
        Ok(_) => fs::remove_file(path).map_err(failed),
    }
}

fn is_served(path: &Path) -> bool {
    for _ in 0..TRIES {
        match unix_stream::connect(path, LAST_BREATH) {
            Ok(probe) if closes_soon(&probe) => {}
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => {
                return false;
            }
            // It stays, has no room for one more, or is no stream socket.
            _ => return true,
        }
    }
    true
}

/// A server waits for the request that never comes; one that is being killed closes the connection.
fn closes_soon(probe: &UnixStream) -> bool {
    let waiting = probe.set_read_timeout(Some(LAST_BREATH)).and_then(|()| (&*probe).read(&mut [0]));
    !matches!(waiting, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

/// The mode is 0777 from the first moment on and whatever the umask: whoever may enter the run directory may ask, as
/// with the C daemon. A chmod(2) by name afterwards could be led to another file.
fn listen(path: &Path) -> io::Result<(UnixListener, (u64, u64))> {
    let umask = set_umask(0);
    let listener = UnixListener::bind(path);
    set_umask(umask);
    let listener = listener?;
    enlarge_backlog(&listener)?;
    Ok((listener, inode_of(path)?))
}

fn inode_of(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::testing::passes_in_own_process;
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixDatagram;
    use std::time::Instant;
    use tempfile::{TempDir, tempdir};

    fn path_in(directory: &TempDir) -> PathBuf {
        directory.path().join(NAME)
    }

    fn listener_of(mux: &Mux) -> UnixListener {
        UnixListener::from(mux.listener.as_fd().try_clone_to_owned().unwrap())
    }

    fn connect_and_ask(path: &Path, mux: &Mux) {
        let mut client = UnixStream::connect(path).unwrap();
        client.write_all(b"x").unwrap();
        let mut byte = [0];
        listener_of(mux).accept().unwrap().0.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"x");
    }

    #[test]
    fn a_bound_mux_can_be_reached_by_everybody_whatever_the_umask() {
        let name = "supervisor::mux::tests::a_bound_mux_can_be_reached_by_everybody_whatever_the_umask";
        passes_in_own_process(name, || {
            let directory = tempdir().unwrap();
            set_umask(0o077);
            let mux = Mux::bind(directory.path()).unwrap();
            let mode = fs::metadata(path_in(&directory)).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o777);
            assert_eq!(set_umask(0), 0o077, "the umask is as before");
            connect_and_ask(&path_in(&directory), &mux);
        });
    }

    #[test]
    fn tools_find_the_socket_by_its_whole_path() {
        let directory = tempdir().unwrap();
        let _mux = Mux::bind(directory.path()).unwrap();
        let sockets = fs::read_to_string("/proc/net/unix").unwrap();
        assert!(sockets.contains(path_in(&directory).to_str().unwrap()));
    }

    #[test]
    fn hundreds_of_clients_may_wait_if_the_system_allows_it() {
        let directory = tempdir().unwrap();
        let _mux = Mux::bind(directory.path()).unwrap();
        let most: usize = fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap().trim().parse().unwrap();
        let path = path_in(&directory);
        let waiting: Vec<_> = (0..most.min(200))
            .map(|_| unix_stream::connect(&path, Duration::from_secs(5)).unwrap())
            .collect();
        assert_eq!(waiting.len(), most.min(200));
    }

    #[test]
    fn a_stale_socket_is_replaced() {
        let directory = tempdir().unwrap();
        drop(UnixListener::bind(path_in(&directory)).unwrap());
        let mux = Mux::bind(directory.path()).unwrap();
        connect_and_ask(&path_in(&directory), &mux);
    }

    #[test]
    fn a_socket_that_somebody_serves_is_not_taken_away() {
        let directory = tempdir().unwrap();
        let theirs = UnixListener::bind(path_in(&directory)).unwrap();
        assert!(
            matches!(Mux::bind(directory.path()), Err(StartError::SocketTaken(path)) if path == path_in(&directory))
        );
        theirs.accept().unwrap();
        UnixStream::connect(path_in(&directory)).unwrap();
    }

    #[test]
    fn a_server_that_has_no_room_for_one_more_does_not_hold_up_the_start() {
        let directory = tempdir().unwrap();
        let path = path_in(&directory);
        let _theirs = UnixListener::bind(&path).unwrap();
        let mut waiting = Vec::new();
        while let Ok(client) = unix_stream::connect(&path, Duration::from_millis(1)) {
            waiting.push(client);
        }
        let start = Instant::now();
        assert!(matches!(Mux::bind(directory.path()), Err(StartError::SocketTaken(_))));
        assert!(start.elapsed() < 5 * LAST_BREATH);
    }

    #[test]
    fn a_daemon_that_is_just_ending_does_not_stop_the_next() {
        let directory = tempdir().unwrap();
        let ending = UnixListener::bind(path_in(&directory)).unwrap();
        let end = std::thread::spawn(move || ending.accept().map(drop));
        let mux = Mux::bind(directory.path()).unwrap();
        end.join().unwrap().unwrap();
        connect_and_ask(&path_in(&directory), &mux);
    }

    #[test]
    fn a_server_that_closes_every_connection_at_once_is_still_a_server() {
        let directory = tempdir().unwrap();
        let busy = UnixListener::bind(path_in(&directory)).unwrap();
        let closing =
            std::thread::spawn(move || (0..TRIES).try_for_each(|_| busy.accept().map(drop)).map(|()| busy));
        assert!(matches!(Mux::bind(directory.path()), Err(StartError::SocketTaken(_))));
        closing.join().unwrap().unwrap();
    }

    #[test]
    fn what_is_not_a_stream_socket_is_left_alone() {
        let make: [fn(&Path); 4] = [
            |path| fs::write(path, "precious").unwrap(),
            |path| fs::create_dir(path).unwrap(),
            |path| symlink("/nowhere", path).unwrap(),
            |path| symlink(path.with_file_name("other"), path).unwrap(),
        ];
        for make in make {
            let directory = tempdir().unwrap();
            let _other = UnixListener::bind(directory.path().join("other")).unwrap();
            make(&path_in(&directory));
            let refused = Mux::bind(directory.path()).err().unwrap().to_string();
            assert!(refused.contains(path_in(&directory).to_str().unwrap()), "{refused}");
            assert!(fs::symlink_metadata(path_in(&directory)).is_ok());
        }
        let directory = tempdir().unwrap();
        let _theirs = UnixDatagram::bind(path_in(&directory)).unwrap();
        assert!(matches!(Mux::bind(directory.path()), Err(StartError::SocketTaken(_))));
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_an_error_that_names_it() {
        let directory = tempdir().unwrap();
        let long = directory.path().join("d".repeat(107));
        fs::create_dir(&long).unwrap();
        let refused = Mux::bind(&long).err().unwrap().to_string();
        assert!(refused.contains(long.join(NAME).to_str().unwrap()), "{refused}");
    }

    #[test]
    fn at_the_end_only_our_own_socket_is_removed() {
        let directory = tempdir().unwrap();
        let path = path_in(&directory);
        let first = Mux::bind(directory.path()).unwrap();
        fs::rename(&path, path.with_file_name("kept")).unwrap();
        let second = Mux::bind(directory.path()).unwrap();
        first.remove();
        connect_and_ask(&path, &second);
        second.remove();
        assert!(fs::symlink_metadata(&path).is_err());
        second.remove();
    }
}
