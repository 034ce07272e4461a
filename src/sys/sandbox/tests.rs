//! The sandbox as this kernel has it, each in a process of its own.

use super::*;
use crate::sys::testing::{in_own_process, passes_in_own_process, text_of};
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

fn refused<T>(result: io::Result<T>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}

#[test]
fn what_is_not_named_cannot_be_read_nor_anything_written() {
    passes_in_own_process(
        "sys::sandbox::tests::what_is_not_named_cannot_be_read_nor_anything_written",
        || {
            let directory = tempfile::tempdir().unwrap();
            let [named, other] = ["named", "other"].map(|name| directory.path().join(name));
            [&named, &other].into_iter().for_each(|path| fs::write(path, "x").unwrap());
            let in_force = enter(&Rules { readable: vec![named.clone()], ..Rules::frontend([]) });
            if in_force.landlock.is_err() {
                return;
            }
            assert_eq!(fs::read(&named).unwrap(), b"x");
            assert_eq!(refused(File::open(&other)), Some(libc::EACCES));
            assert_eq!(refused(fs::read_dir(directory.path())), Some(libc::EACCES));
            assert_eq!(refused(File::options().write(true).open(&named)), Some(libc::EACCES));
            assert_eq!(refused(File::create(directory.path().join("new"))), Some(libc::EACCES));
            assert!(fs::remove_file(&named).is_err() && fs::rename(&named, &other).is_err());
        },
    );
}

#[test]
fn connections_lead_to_the_ports_that_are_named_and_nobody_is_listened_for() {
    passes_in_own_process(
        "sys::sandbox::tests::connections_lead_to_the_ports_that_are_named_and_nobody_is_listened_for",
        || {
            let listeners = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
            let [named, other] = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
            let mut rules = Rules::frontend([]);
            assert!(rules.allow_port(&named.port().to_string(), ""));
            let in_force = enter(&rules);
            if !in_force.landlock.is_ok_and(|landlock| landlock.extent.ports) {
                return;
            }
            assert!(TcpStream::connect(named).is_ok());
            assert_eq!(refused(TcpStream::connect(other)), Some(libc::EACCES));
            assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).is_err());
        },
    );
}

#[test]
fn sockets_of_others_without_a_path_are_out_of_reach() {
    passes_in_own_process("sys::sandbox::tests::sockets_of_others_without_a_path_are_out_of_reach", || {
        let name = format!("saslauthd-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(name).unwrap();
        let _listener = UnixListener::bind_addr(&address).unwrap();
        let in_force = enter(&Rules::frontend([]));
        if !in_force.landlock.is_ok_and(|landlock| landlock.extent.scopes) {
            return;
        }
        assert_eq!(refused(UnixStream::connect_addr(&address)), Some(libc::EPERM));
    });
}

#[test]
fn whoever_executes_a_program_is_killed() {
    let ran = in_own_process("sys::sandbox::tests::whoever_executes_a_program_is_killed", || {
        if enter(&Rules::errands()).calls.is_ok() {
            let error = std::os::unix::process::CommandExt::exec(&mut Command::new("/bin/true"));
            panic!("{error}");
        }
    });
    let Some(ran) = ran else { return };
    assert!(ran.status.signal() == Some(libc::SIGSYS) || ran.status.success(), "{}", text_of(&ran));
}

#[test]
fn what_is_in_force_is_told() {
    let told = |abi: u32, calls: Result<(), String>| {
        let extent = Extent { files: true, ports: abi >= 4, scopes: abi >= 6 };
        InForce { calls, landlock: Ok(Landlock { abi, extent }), restricts_ports: true }.to_string()
    };
    assert_eq!(told(7, Ok(())), "system calls, files, TCP ports, signals, abstract sockets (Landlock ABI 7)");
    assert_eq!(
        told(2, Ok(())),
        "system calls, files (Landlock ABI 2); free are TCP ports, signals, abstract sockets"
    );
    let refused = || Err("Function not implemented".to_owned());
    assert_eq!(
        told(5, refused()),
        "files, TCP ports (Landlock ABI 5); free are system calls, signals, abstract sockets (no filter: Function not implemented)"
    );
    let nothing = InForce {
        calls: refused(),
        landlock: Err("Operation not permitted".to_owned()),
        restricts_ports: true,
    };
    assert!(nothing.is_partial());
    assert_eq!(
        nothing.to_string(),
        "nothing (no Landlock: Operation not permitted); free are system calls, files, TCP ports, signals, abstract sockets \
         (no filter: Function not implemented)"
    );
}
