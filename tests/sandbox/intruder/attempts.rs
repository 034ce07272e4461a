//! What somebody tries who has got hold of a process.

use crate::plan::Plan;
use saslauthd::config::sandbox::Role;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::sync::OnceLock;

/// The mark of a line of the log that tells of an attempt.
pub const MARK: &str = "intruder";

/// The plan, since it cannot be read any more when it is time to try.
pub static PLAN: OnceLock<Option<Plan>> = OnceLock::new();

/// The name of the process in the log.
pub fn name_of(role: Role) -> &'static str {
    match role {
        Role::Frontend => "frontend",
        Role::Errands => "worker for errands",
        Role::Checks => "worker of passwdfile",
    }
}

/// An attempt that leaves the process alive whatever comes of it.
type Attempt = fn(&Plan) -> io::Result<()>;

/// All of these, by name.
pub const ATTEMPTS: &[(&str, Attempt)] = &[
    ("read /etc/shadow", |_| fs::read("/etc/shadow").map(drop)),
    ("read a keytab that everybody may read", |plan| fs::read(plan.secret()).map(drop)),
    ("read the passwords of the configuration", |plan| fs::read(plan.directory.join("conf")).map(drop)),
    ("list a directory", |plan| fs::read_dir(&plan.directory).map(drop)),
    ("read the memory of the parent", |plan| open_of_parent(plan, "mem")),
    ("read the environment of the parent", |plan| open_of_parent(plan, "environ")),
    ("write to a file that everybody may write", |plan| {
        OpenOptions::new().append(true).open(plan.secret()).map(drop)
    }),
    ("make a file", |plan| File::create(plan.directory.join("made")).map(drop)),
    ("make a file without a name", |plan| {
        OpenOptions::new().write(true).custom_flags(libc::O_TMPFILE).open(&plan.directory).map(drop)
    }),
    ("remove a file", |plan| fs::remove_file(plan.secret())),
    ("rename a file", |plan| fs::rename(plan.secret(), plan.directory.join("renamed"))),
    ("change the mode of a file", |plan| {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        fs::set_permissions(plan.secret(), permissions)
    }),
    ("connect to a port that no mechanism names", |plan| {
        TcpStream::connect((Ipv4Addr::LOCALHOST, plan.port)).map(drop)
    }),
    ("connect by sending at once", |plan| send_at_once(plan.port)),
    ("listen at a TCP port", |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(drop)),
    ("listen at a path", |plan| UnixListener::bind(plan.directory.join("socket")).map(drop)),
    ("connect to an abstract socket", |plan| {
        UnixStream::connect_addr(&SocketAddr::from_abstract_name(&plan.abstract_name)?).map(drop)
    }),
    ("make a socket of datagrams", |_| socket(libc::AF_INET, libc::SOCK_DGRAM, 0)),
    ("make a raw socket", |_| socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP)),
    ("make a socket of packets", |_| socket(libc::AF_PACKET, libc::SOCK_RAW, 0)),
    ("make a multipath socket", |_| socket(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_MPTCP)),
    ("talk to the kernel by netlink", |_| socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_NETFILTER)),
    ("signal the parent", |plan| call(libc::SYS_kill, &[plan.parent as usize, number(libc::SIGCONT)])),
    ("signal a thread of the parent", |plan| {
        let thread = plan.parent as usize;
        call(libc::SYS_tgkill, &[thread, thread, 0])
    }),
    ("fork", |_| fork()),
    ("fork by clone3", |_| call(libc::SYS_clone3, &[0, 0])),
    ("map memory to execute it", |_| map(libc::PROT_READ | libc::PROT_EXEC)),
    ("map memory to write and execute it", |_| map(libc::PROT_WRITE | libc::PROT_EXEC)),
    ("make a file in memory", |_| call(libc::SYS_memfd_create, &[c"x".as_ptr() as usize, 0])),
    ("make a ring of system calls", |_| call(libc::SYS_io_uring_setup, &[1, 0])),
    ("type into the terminal", |_| call(libc::SYS_ioctl, &[0, 0x5412, c"x".as_ptr() as usize])),
    ("change the memory's personality", |_| call(libc::SYS_personality, &[0x0040_0000])),
];

/// Attempts that the process does not survive.
pub const FATAL: &[(&str, libc::c_long)] = &[
    ("execve", libc::SYS_execve),
    ("execveat", libc::SYS_execveat),
    #[cfg(target_arch = "x86_64")]
    ("fork", libc::SYS_fork),
    ("ptrace", libc::SYS_ptrace),
    ("process_vm_readv", libc::SYS_process_vm_readv),
    ("mount", libc::SYS_mount),
    ("unshare", libc::SYS_unshare),
    ("chroot", libc::SYS_chroot),
    ("bpf", libc::SYS_bpf),
    ("init_module", libc::SYS_init_module),
    ("kexec_load", libc::SYS_kexec_load),
    ("perf_event_open", libc::SYS_perf_event_open),
    ("setuid", libc::SYS_setuid),
    ("setgroups", libc::SYS_setgroups),
    ("capset", libc::SYS_capset),
];

/// Tries everything and tells the log what came of it; called by the daemon's children inside their sandboxes.
pub fn make_all(role: Role) {
    let Some(Some(plan)) = PLAN.get() else { return };
    let name = name_of(role);
    for (what, attempt) in ATTEMPTS {
        let came_of_it = match attempt(plan) {
            Ok(()) => "done".to_owned(),
            Err(error) => {
                error.raw_os_error().map_or_else(|| error.to_string(), |code| format!("error {code}"))
            }
        };
        log::error!(target: "", "{MARK}: {name}: {what}: {came_of_it}");
    }
    log::error!(target: "", "{MARK}: {name}: end");
    let fatal = FATAL.iter().find(|(fatal, _)| *fatal == plan.fatal && name == plan.victim);
    if let Some((what, number)) = fatal {
        let came_of_it = call(*number, &[]);
        log::error!(target: "", "{MARK}: {name}: survived {what}: {came_of_it:?}");
    }
}

fn open_of_parent(plan: &Plan, file: &str) -> io::Result<()> {
    File::open(format!("/proc/{}/{file}", plan.parent)).map(drop)
}

fn number(number: libc::c_int) -> usize {
    usize::try_from(number).unwrap()
}

fn socket(domain: libc::c_int, kind: libc::c_int, protocol: libc::c_int) -> io::Result<()> {
    call(libc::SYS_socket, &[number(domain), number(kind), number(protocol)])
}

/// What it makes ends at once.
fn fork() -> io::Result<()> {
    match result_of(libc::SYS_clone, &[number(libc::SIGCHLD)])? {
        0 => call(libc::SYS_exit_group, &[0]),
        _ => Ok(()),
    }
}

fn map(access: libc::c_int) -> io::Result<()> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    call(libc::SYS_mmap, &[0, 4096, number(access), number(flags), usize::MAX, 0])
}

/// TCP Fast Open: data with the first packet, and no connect(2) that a rule about ports would see.
fn send_at_once(port: u16) -> io::Result<()> {
    let kind = number(libc::SOCK_STREAM);
    let descriptor = result_of(libc::SYS_socket, &[number(libc::AF_INET), kind, 0])?;
    let mut address = [0_u8; 16];
    address[..2].copy_from_slice(&u16::try_from(libc::AF_INET).unwrap().to_ne_bytes());
    address[2..4].copy_from_slice(&port.to_be_bytes());
    address[4..8].copy_from_slice(&Ipv4Addr::LOCALHOST.octets());
    let (data, flag) = (b"x".as_ptr() as usize, number(libc::MSG_FASTOPEN));
    let sent = call(libc::SYS_sendto, &[descriptor, data, 1, flag, address.as_ptr() as usize, address.len()]);
    call(libc::SYS_close, &[descriptor])?;
    sent
}

fn call(number: libc::c_long, arguments: &[usize]) -> io::Result<()> {
    result_of(number, arguments).map(drop)
}

fn result_of(number: libc::c_long, arguments: &[usize]) -> io::Result<usize> {
    let mut all = [0; 6];
    all[..arguments.len()].copy_from_slice(arguments);
    let [a, b, c, d, e, f] = all;
    // SAFETY: pointers among the arguments are null or to values that outlive the call, which reads them only; what a call
    // would do beyond that is what the test is to see refused. A process that it makes ends as the test fails.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}
