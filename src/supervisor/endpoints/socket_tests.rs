use super::super::error::EndpointError::{Exchanged, Failed, NoDirectory, NotASocket, Taken};
use super::*;
use crate::sys::testing::{give_default_access, passes_in_own_process};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::time::Instant;
use tempfile::{TempDir, tempdir};

const NAME: &str = "mux";

fn path_in(directory: &TempDir) -> PathBuf {
    directory.path().join(NAME)
}

/// As `mux` is made.
fn bind(directory: &TempDir) -> Result<Socket, EndpointError> {
    Socket::bind(&path_in(directory), open_to_all(), Occasion::Start)
}

fn open_to_all() -> Access {
    Access { mode: 0o777, user: None, group: None }
}

fn listener_of(mux: &Socket) -> UnixListener {
    UnixListener::from(mux.listener.as_fd().try_clone_to_owned().unwrap())
}

fn connect_and_ask(path: &Path, mux: &Socket) {
    let mut client = UnixStream::connect(path).unwrap();
    client.write_all(b"x").unwrap();
    let mut byte = [0];
    listener_of(mux).accept().unwrap().0.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"x");
}

#[test]
fn a_socket_for_all_can_be_reached_by_everybody_whatever_the_umask() {
    let name = "supervisor::endpoints::socket::tests::a_socket_for_all_can_be_reached_by_everybody_whatever_the_umask";
    passes_in_own_process(name, || {
        let directory = tempdir().unwrap();
        set_umask(0o077);
        let mux = bind(&directory).unwrap();
        let mode = fs::metadata(path_in(&directory)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o777);
        assert_eq!(set_umask(0), 0o077, "the umask is as before");
        connect_and_ask(&path_in(&directory), &mux);
    });
}

#[test]
fn tools_find_the_socket_by_its_whole_path() {
    let directory = tempdir().unwrap();
    let _mux = bind(&directory).unwrap();
    let sockets = fs::read_to_string("/proc/net/unix").unwrap();
    assert!(sockets.contains(path_in(&directory).to_str().unwrap()));
}

#[test]
fn hundreds_of_clients_may_wait_if_the_system_allows_it() {
    let directory = tempdir().unwrap();
    let _mux = bind(&directory).unwrap();
    let most: usize = fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap().trim().parse().unwrap();
    let path = path_in(&directory);
    let waiting: Vec<_> =
        (0..most.min(200)).map(|_| unix_stream::connect(&path, Duration::from_secs(5)).unwrap()).collect();
    assert_eq!(waiting.len(), most.min(200));
}

#[test]
fn a_stale_socket_is_replaced() {
    let directory = tempdir().unwrap();
    drop(UnixListener::bind(path_in(&directory)).unwrap());
    let mux = bind(&directory).unwrap();
    connect_and_ask(&path_in(&directory), &mux);
}

#[test]
fn a_socket_that_somebody_serves_is_not_taken_away() {
    let directory = tempdir().unwrap();
    let theirs = UnixListener::bind(path_in(&directory)).unwrap();
    assert!(matches!(bind(&directory), Err(Taken(path)) if path == path_in(&directory)));
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
    assert!(matches!(bind(&directory), Err(Taken(_))));
    assert!(start.elapsed() < 5 * LAST_BREATH);
}

#[test]
fn a_daemon_that_is_just_ending_does_not_stop_the_next() {
    let directory = tempdir().unwrap();
    let ending = UnixListener::bind(path_in(&directory)).unwrap();
    let end = std::thread::spawn(move || ending.accept().map(drop));
    let mux = bind(&directory).unwrap();
    end.join().unwrap().unwrap();
    connect_and_ask(&path_in(&directory), &mux);
}

#[test]
fn a_server_that_closes_every_connection_at_once_is_still_a_server() {
    let directory = tempdir().unwrap();
    let busy = UnixListener::bind(path_in(&directory)).unwrap();
    let closing =
        std::thread::spawn(move || (0..TRIES).try_for_each(|_| busy.accept().map(drop)).map(|()| busy));
    assert!(matches!(bind(&directory), Err(Taken(_))));
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
        let refused = bind(&directory).err().unwrap();
        assert!(matches!(refused, NotASocket(_)), "{refused}");
        assert!(refused.to_string().contains(path_in(&directory).to_str().unwrap()), "{refused}");
        assert!(fs::symlink_metadata(path_in(&directory)).is_ok());
    }
    let directory = tempdir().unwrap();
    let _theirs = UnixDatagram::bind(path_in(&directory)).unwrap();
    assert!(matches!(bind(&directory), Err(Taken(_))));
}

#[test]
fn a_path_too_long_for_a_socket_is_an_error_that_names_it() {
    let directory = tempdir().unwrap();
    let long = directory.path().join("d".repeat(107));
    fs::create_dir(&long).unwrap();
    let refused = Socket::bind(&long.join(NAME), open_to_all(), Occasion::Start).err().unwrap();
    assert!(matches!(&refused, Failed(..)));
    let refused = refused.to_string();
    assert!(refused.contains(long.join(NAME).to_str().unwrap()), "{refused}");
}

#[test]
fn at_the_end_only_our_own_socket_is_removed() {
    let directory = tempdir().unwrap();
    let path = path_in(&directory);
    let first = bind(&directory).unwrap();
    fs::rename(&path, path.with_file_name("kept")).unwrap();
    let second = bind(&directory).unwrap();
    first.remove();
    connect_and_ask(&path, &second);
    drop(second);
    assert!(fs::symlink_metadata(&path).is_err());
    assert!(first.file.is_some());
}

#[test]
fn a_socket_is_lost_if_its_file_is_gone_or_another_is_in_its_place() {
    let directory = tempdir().unwrap();
    let path = path_in(&directory);
    let socket = bind(&directory).unwrap();
    let kept = path.with_file_name("kept");
    fs::rename(&path, &kept).unwrap();
    assert!(socket.has_lost_file(), "gone");
    let _theirs = UnixListener::bind(&path).unwrap();
    assert!(socket.has_lost_file(), "somebody else's");
    fs::remove_file(&path).unwrap();
    symlink(&kept, &path).unwrap();
    assert!(socket.has_lost_file(), "a link, which somebody can lead elsewhere");
    fs::rename(&kept, &path).unwrap();
    assert!(!socket.has_lost_file(), "its own is back");
}

#[test]
fn a_socket_has_the_mode_that_is_wanted_whatever_its_directory_gives_by_default() {
    let directory = tempdir().unwrap();
    if let Err(error) = give_default_access(directory.path(), 0o740) {
        let reason = format!("the file system has no access lists: {error}");
        return crate::skipped::note("a_socket_has_the_mode_that_is_wanted", &reason);
    }
    let path = path_in(&directory);
    drop(UnixListener::bind(&path).unwrap());
    assert_ne!(access_of(&path).2 & 0o077, 0o077, "the directory decides about new files");
    for mode in [0o777, 0o660] {
        let _socket = Socket::bind(&path, Access { mode, ..open_to_all() }, Occasion::Start).unwrap();
        assert_eq!(access_of(&path).2, mode);
    }
}

/// User, group and mode.
fn access_of(path: &Path) -> (u32, u32, u32) {
    let found = fs::symlink_metadata(path).unwrap();
    (found.uid(), found.gid(), found.mode() & 0o7777)
}

#[test]
fn owner_group_and_mode_are_those_wanted_and_change_in_place() {
    if inode::own_user_and_group().0 != 0 {
        return crate::skipped::note("owner_group_and_mode", "needs to be run as root");
    }
    let directory = tempdir().unwrap();
    let path = path_in(&directory);
    let wanted = Access { mode: 0o620, user: Some(4711), group: Some(4712) };
    let socket = Socket::bind(&path, wanted, Occasion::Start).unwrap();
    let before = fs::metadata(&path).unwrap().ino();
    assert_eq!(access_of(&path), (4711, 4712, 0o620));
    for (mode, user, group) in
        [(0o600, Some(4711), None), (0o666, None, Some(4713)), (0o666, Some(1), Some(2)), (0o777, None, None)]
    {
        socket.change_access(Access { mode, user, group }).unwrap();
        assert_eq!(access_of(&path), (user.unwrap_or(0), group.unwrap_or(0), mode));
    }
    assert_eq!(fs::metadata(&path).unwrap().ino(), before, "it is the same socket");
    connect_and_ask(&path, &socket);
}

/// As root this would change the owner of any file.
#[test]
fn what_somebody_puts_in_the_place_of_a_fresh_socket_keeps_its_owner() {
    let exchange: [fn(&Path); 4] = [
        |path| fs::write(path, "precious").unwrap(),
        |path| symlink(path.with_file_name("other"), path).unwrap(),
        |path| fs::hard_link(path.with_file_name("other"), path).unwrap(),
        |_nothing| {},
    ];
    for exchange in exchange {
        let directory = tempdir().unwrap();
        let path = path_in(&directory);
        let _other = UnixListener::bind(directory.path().join("other")).unwrap();
        exchange(&path);
        let handle = inode::open_directory(directory.path()).unwrap();
        assert!(matches!(find(&handle, &path, open_to_all()), Err(Exchanged(_))));
    }
    let directory = tempdir().unwrap();
    let path = path_in(&directory);
    let _theirs = UnixListener::bind(&path).unwrap();
    if chown(&path, Some(4711), None).is_ok() {
        let handle = inode::open_directory(directory.path()).unwrap();
        assert!(matches!(find(&handle, &path, open_to_all()), Err(Exchanged(_))));
    }
}

#[test]
fn a_missing_directory_is_an_error_with_the_remedy() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("private/auth");
    let refused = Socket::bind(&path, open_to_all(), Occasion::Start).err().unwrap();
    assert!(matches!(refused, NoDirectory(_)));
    let parent = path.parent().unwrap().display();
    let told = refused.to_string();
    assert!(told.starts_with(&format!(
        "The directory {parent} of the socket {} does not exist; create it",
        path.display()
    )));
}

#[test]
fn on_a_reload_nobody_waits_to_see_whether_another_server_stays() {
    let directory = tempdir().unwrap();
    let _theirs = UnixListener::bind(path_in(&directory)).unwrap();
    let start = Instant::now();
    assert!(matches!(Socket::bind(&path_in(&directory), open_to_all(), Occasion::Reload), Err(Taken(_))));
    assert!(start.elapsed() < LAST_BREATH);
}
