//! Which system calls a process of each role may make. Pure.
//!
//! Made of what the processes were seen to call, on several releases of libc, and of what a libc may use in its place. What
//! is missing here fails as on a kernel without it; `tests/sandbox` traces every role and finds such calls.
#![forbid(unsafe_code)]

use super::filter::{Condition, Decision, Number};
use crate::config::sandbox::Role;
use Decision::{Allow, AllowIf, Kill, Refuse};

/// What all roles may call with any arguments, the most frequent first: the kernel goes through them in order.
const ALWAYS: &[Number] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_recvfrom,
    libc::SYS_close,
    libc::SYS_epoll_pwait,
    libc::SYS_accept4,
    libc::SYS_epoll_ctl,
    libc::SYS_recvmsg,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_ppoll,
    libc::SYS_connect,
    libc::SYS_shutdown,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_futex,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_getrandom,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_faccessat,
    libc::SYS_getdents64,
    libc::SYS_readlinkat,
    libc::SYS_fcntl,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    // Where the vDSO has them not.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_sched_yield,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// The old calls that newer architectures do without.
#[cfg(target_arch = "x86_64")]
const ALWAYS_OLD: &[Number] = &[
    libc::SYS_epoll_wait,
    libc::SYS_poll,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const ALWAYS_OLD: &[Number] = &[];

/// What workers look at and put right in themselves between two jobs, and where their syslog leads.
const WORKERS: &[Number] = &[
    libc::SYS_dup3,
    libc::SYS_eventfd2,
    libc::SYS_getresuid,
    libc::SYS_getresgid,
    libc::SYS_getgroups,
    libc::SYS_capget,
    libc::SYS_umask,
    libc::SYS_setitimer,
    libc::SYS_waitid,
    libc::SYS_wait4,
    libc::SYS_getrusage,
    // gdbm's writers lock the file of sasldb; and modules that look up names some of theirs.
    libc::SYS_flock,
];

/// What modules that look up names do beyond that, in threads of their own too.
const NAME_SERVICES: &[Number] = &[
    libc::SYS_bind,
    libc::SYS_sendmmsg,
    libc::SYS_recvmmsg,
    libc::SYS_socketpair,
    libc::SYS_pipe2,
    libc::SYS_dup,
    libc::SYS_epoll_create1,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_faccessat2,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_getcwd,
    libc::SYS_getppid,
    libc::SYS_getpgid,
    libc::SYS_pselect6,
    libc::SYS_sched_getaffinity,
    libc::SYS_membarrier,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_set_tid_address,
    libc::SYS_fadvise64,
];

/// What nothing here ever calls but somebody who has got hold of the process.
const ATTACKS: &[Number] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_open_by_handle_at,
    libc::SYS_pidfd_getfd,
    libc::SYS_capset,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_sethostname,
];

#[cfg(target_arch = "x86_64")]
const ATTACKS_OLD: &[Number] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_kexec_file_load,
];
#[cfg(not(target_arch = "x86_64"))]
const ATTACKS_OLD: &[Number] = &[];

/// The kernel's keys; a module for names that speaks Kerberos may look for its tickets there.
const KEYS: &[Number] = &[libc::SYS_keyctl, libc::SYS_add_key, libc::SYS_request_key];

/// The rules of a role, for the process of that number.
pub(super) fn rules(role: Role, own_id: u32) -> Vec<(Number, Decision)> {
    let mut rules = all(ALWAYS, &Allow);
    rules.extend(all(ALWAYS_OLD, &Allow));
    rules.extend(with_conditions(role));
    match role {
        Role::Frontend => rules.extend(all(KEYS, &Kill)),
        Role::Checks => {
            rules.extend(all(WORKERS, &Allow));
            rules.extend(all(KEYS, &Kill));
        }
        Role::Errands => {
            rules.extend(all(WORKERS, &Allow));
            rules.extend(all(NAME_SERVICES, &Allow));
        }
    }
    // abort(3) and raise(3).
    let to_itself = AllowIf(vec![vec![Condition::is(0, own_id)]], code(libc::EPERM));
    rules.push((libc::SYS_tgkill, to_itself));
    rules.extend(all(ATTACKS, &Kill));
    rules.extend(all(ATTACKS_OLD, &Kill));
    rules
}

fn all(numbers: &[Number], decision: &Decision) -> Vec<(Number, Decision)> {
    numbers.iter().map(|number| (*number, decision.clone())).collect()
}

/// What may be called with some arguments only.
fn with_conditions(role: Role) -> Vec<(Number, Decision)> {
    let nothing_sent_ahead = |argument| {
        let condition = Condition::lacks(argument, bits(libc::MSG_FASTOPEN));
        AllowIf(vec![vec![condition]], code(libc::EOPNOTSUPP))
    };
    let [lower, upper] = Condition::null(2);
    let mut rules = vec![
        (libc::SYS_sendto, nothing_sent_ahead(3)),
        (libc::SYS_sendmsg, nothing_sent_ahead(2)),
        (libc::SYS_socket, AllowIf(sockets(role), code(libc::EAFNOSUPPORT))),
        (libc::SYS_mmap, AllowIf(mappings(role), code(libc::EACCES))),
        (
            libc::SYS_mprotect,
            AllowIf(vec![vec![Condition::lacks(2, bits(libc::PROT_EXEC))]], code(libc::EACCES)),
        ),
        (libc::SYS_openat, read_only(2)),
        (libc::SYS_ioctl, AllowIf(requests(), code(libc::ENOTTY))),
        // Of this process, and only asked for.
        (libc::SYS_prlimit64, AllowIf(vec![vec![Condition::is(0, 0), lower, upper]], code(libc::EPERM))),
        (libc::SYS_clone, clone(role)),
    ];
    #[cfg(target_arch = "x86_64")]
    rules.push((libc::SYS_open, read_only(1)));
    if role != Role::Frontend {
        // To be told of the parent's death, and to look whose files they are.
        let option = |option| vec![Condition::is(0, bits(option))];
        let options = [libc::PR_SET_PDEATHSIG, libc::PR_SET_NAME, libc::PR_GET_NAME].map(option);
        rules.push((libc::SYS_prctl, AllowIf(options.into(), code(libc::EINVAL))));
        let only_asked = || AllowIf(vec![vec![Condition::is(0, u32::MAX)]], code(libc::EPERM));
        rules.extend([(libc::SYS_setfsuid, only_asked()), (libc::SYS_setfsgid, only_asked())]);
    }
    rules
}

/// Local ones for all. Over the network streams, in the frontend and for errands; datagrams and what the kernel knows of
/// its interfaces for errands. The kind is in the lower bits. Of protocols TCP's own only: rules about ports do not hold for
/// its multipath sister.
fn sockets(role: Role) -> Vec<Vec<Condition>> {
    const KIND: u32 = 0xf;
    let domain = |domain| Condition::is(0, bits(domain));
    let kind = |kind| Condition::has_of(1, KIND, bits(kind));
    let protocol = |protocol| Condition::is(2, bits(protocol));
    let internet = [libc::AF_INET, libc::AF_INET6];
    let mut alternatives = vec![vec![domain(libc::AF_UNIX)]];
    if role != Role::Checks {
        for version in internet {
            for tcp in [0, libc::IPPROTO_TCP] {
                alternatives.push(vec![domain(version), kind(libc::SOCK_STREAM), protocol(tcp)]);
            }
        }
    }
    if role == Role::Errands {
        alternatives.extend(internet.map(|version| vec![domain(version), kind(libc::SOCK_DGRAM)]));
        alternatives.push(vec![domain(libc::AF_NETLINK), protocol(libc::NETLINK_ROUTE)]);
    }
    alternatives
}

/// Nothing that can be executed; for errands the libraries of modules, which are in files and are not written to.
fn mappings(role: Role) -> Vec<Vec<Condition>> {
    let (write, execute) = (bits(libc::PROT_WRITE), bits(libc::PROT_EXEC));
    let mut alternatives = vec![vec![Condition::lacks(2, execute)]];
    if role == Role::Errands {
        let of_file = Condition::lacks(3, bits(libc::MAP_ANONYMOUS));
        alternatives.push(vec![Condition::has_of(2, write | execute, execute), of_file]);
    }
    alternatives
}

/// To open a file to read it, by the argument with the flags.
fn read_only(argument: u8) -> Decision {
    let making = bits(libc::O_CREAT | libc::O_TRUNC | (libc::O_TMPFILE & !libc::O_DIRECTORY));
    AllowIf(vec![vec![Condition::lacks(argument, bits(libc::O_ACCMODE) | making)]], code(libc::EACCES))
}

/// What sockets are asked; a terminal is none here.
fn requests() -> Vec<Vec<Condition>> {
    [libc::FIONBIO, libc::FIONREAD, libc::FIOCLEX]
        .map(|request| vec![Condition::is(1, truncated(request))])
        .into()
}

/// No process is started. A module may have threads.
fn clone(role: Role) -> Decision {
    const NAMESPACES: libc::c_int = libc::CLONE_NEWNS
        | libc::CLONE_NEWCGROUP
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET;
    let thread = bits(libc::CLONE_THREAD);
    match role {
        Role::Errands => {
            let condition = Condition::has_of(0, thread | bits(NAMESPACES), thread);
            AllowIf(vec![vec![condition]], code(libc::EPERM))
        }
        Role::Frontend | Role::Checks => Refuse(code(libc::EPERM)),
    }
}

/// The bits of a C number.
#[allow(clippy::cast_sign_loss)]
const fn bits(number: libc::c_int) -> u32 {
    number as u32
}

/// An error as a filter gives it.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // errors are small and positive
const fn code(error: libc::c_int) -> u16 {
    error as u16
}

/// A request of ioctl(2), whose type differs among C libraries; the kernel takes 32 bits.
#[allow(clippy::cast_possible_truncation, clippy::unnecessary_cast)]
const fn truncated(request: libc::Ioctl) -> u32 {
    request as u32
}
