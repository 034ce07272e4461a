//! The filter, run as the kernel would run it.

use super::super::calls;
use super::*;
use crate::config::sandbox::Role;

const ROLES: [Role; 3] = [Role::Frontend, Role::Errands, Role::Checks];

/// A call as the kernel shows it to a filter.
struct Call {
    number: u32,
    audit: u32,
    arguments: [u64; 6],
}

/// The answer of a program to a call.
fn run(program: &[Instruction], call: &Call) -> u32 {
    let (mut place, mut accumulator) = (0, 0_u32);
    loop {
        let instruction = program[place];
        place += 1;
        let mut jump = |holds: bool| {
            place += usize::from(if holds { instruction.jump_if_true } else { instruction.jump_if_false });
        };
        match instruction.code {
            LOAD => {
                accumulator = match instruction.operand {
                    NUMBER => call.number,
                    ARCHITECTURE => call.audit,
                    argument => {
                        let argument = argument - ARGUMENTS;
                        assert_eq!(argument % 4, 0, "one half");
                        let whole = call.arguments[usize::try_from(argument / 8).unwrap()];
                        u32::try_from((whole >> (argument % 8 * 8)) & u64::from(u32::MAX)).unwrap()
                    }
                }
            }
            AND => accumulator &= instruction.operand,
            JUMP_IF_EQUAL => jump(accumulator == instruction.operand),
            JUMP_IF_AT_LEAST => jump(accumulator >= instruction.operand),
            RETURN => return instruction.operand,
            code => panic!("{code}"),
        }
    }
}

const ME: u32 = 4711;

fn decide(role: Role, number: Number, arguments: &[u64]) -> u32 {
    let Some(here) = HERE else { panic!("a test for an architecture that has a filter") };
    let mut all = [0; 6];
    all[..arguments.len()].copy_from_slice(arguments);
    let call = Call { number: u32::try_from(number).unwrap(), audit: here.audit, arguments: all };
    run(&program(here, &calls::rules(role, ME)), &call)
}

fn fails_with(number: i32) -> u32 {
    RET_ERRNO | u32::try_from(number).unwrap()
}

#[test]
fn what_is_not_named_is_unknown_and_not_fatal() {
    for role in ROLES {
        for number in
            [libc::SYS_listen, libc::SYS_unlinkat, libc::SYS_openat2, libc::SYS_io_uring_setup, 0x3fff]
        {
            assert_eq!(decide(role, number, &[]), fails_with(libc::ENOSYS), "{role:?} {number}");
        }
    }
}

#[test]
fn what_only_an_attack_calls_kills_in_every_role() {
    for role in ROLES {
        for number in [
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_ptrace,
            libc::SYS_mount,
            libc::SYS_bpf,
            libc::SYS_setuid,
        ] {
            assert_eq!(decide(role, number, &[]), RET_KILL, "{role:?} {number}");
        }
    }
}

#[test]
fn the_keys_of_the_kernel_are_for_modules_only_and_not_even_theirs() {
    for number in [libc::SYS_keyctl, libc::SYS_add_key, libc::SYS_request_key] {
        let of = |role| decide(role, number, &[]);
        let errands = fails_with(libc::ENOSYS);
        assert_eq!(ROLES.map(of), [RET_KILL, errands, RET_KILL]);
    }
}

#[test]
fn calls_of_another_architecture_or_convention_kill() {
    let here = HERE.unwrap();
    let program = program(here, &calls::rules(Role::Frontend, ME));
    let call = |audit, number| run(&program, &Call { number, audit, arguments: [0; 6] });
    let read = u32::try_from(libc::SYS_read).unwrap();
    assert_eq!(call(here.audit, read), RET_ALLOW);
    for foreign in [0x4000_0003, 0x4000_0028, here.audit ^ 0x4000_0000] {
        assert_eq!(call(foreign, read), RET_KILL, "{foreign:x}");
    }
    if let Some(first) = here.foreign_from {
        assert_eq!(call(here.audit, first | read), RET_KILL);
    }
}

#[test]
fn no_memory_becomes_executable_but_that_of_libraries_in_a_worker_that_loads_them() {
    const EXEC: u64 = libc::PROT_EXEC as u64;
    const WRITE: u64 = libc::PROT_WRITE as u64;
    const ANONYMOUS: u64 = libc::MAP_ANONYMOUS as u64;
    for role in ROLES {
        let mapped = |access, flags| decide(role, libc::SYS_mmap, &[0, 1, access, flags]);
        assert_eq!(mapped(WRITE, ANONYMOUS), RET_ALLOW);
        let library = if role == Role::Errands { RET_ALLOW } else { fails_with(libc::EACCES) };
        assert_eq!(mapped(EXEC, 0), library, "{role:?}");
        for (access, flags) in [(EXEC, ANONYMOUS), (EXEC | WRITE, 0), (EXEC | WRITE, ANONYMOUS)] {
            assert_eq!(mapped(access, flags), fails_with(libc::EACCES), "{role:?} {access} {flags}");
        }
        assert_eq!(decide(role, libc::SYS_mprotect, &[0, 1, EXEC]), fails_with(libc::EACCES));
        assert_eq!(decide(role, libc::SYS_mprotect, &[0, 1, WRITE]), RET_ALLOW);
    }
}

#[test]
fn sockets_are_of_the_kinds_that_a_role_needs() {
    let socket = |role, domain: i32, kind: i32, protocol: i32| {
        let arguments = [domain, kind, protocol].map(|number| u64::try_from(number).unwrap());
        decide(role, libc::SYS_socket, &arguments)
    };
    let stream = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    let refused = fails_with(libc::EAFNOSUPPORT);
    for role in ROLES {
        assert_eq!(socket(role, libc::AF_UNIX, libc::SOCK_DGRAM, 0), RET_ALLOW);
        assert_eq!(socket(role, libc::AF_INET, libc::SOCK_RAW, 1), refused);
        assert_eq!(
            socket(role, libc::AF_INET, stream, libc::IPPROTO_MPTCP),
            refused,
            "no rule about ports holds there"
        );
        assert_eq!(socket(role, libc::AF_VSOCK, stream, 0), refused);
    }
    for (role, tcp, udp, netlink) in [
        (Role::Frontend, RET_ALLOW, refused, refused),
        (Role::Errands, RET_ALLOW, RET_ALLOW, RET_ALLOW),
        (Role::Checks, refused, refused, refused),
    ] {
        assert_eq!(socket(role, libc::AF_INET6, stream, libc::IPPROTO_TCP), tcp);
        assert_eq!(socket(role, libc::AF_INET, libc::SOCK_DGRAM, 0), udp);
        assert_eq!(socket(role, libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE), netlink);
    }
}

#[test]
fn nothing_is_opened_for_writing() {
    for role in ROLES {
        let opened = |flags: i32| decide(role, libc::SYS_openat, &[0, 1, u64::try_from(flags).unwrap()]);
        assert_eq!(opened(libc::O_RDONLY | libc::O_CLOEXEC | libc::O_DIRECTORY), RET_ALLOW);
        for flags in
            [libc::O_WRONLY, libc::O_RDWR, libc::O_CREAT, libc::O_TRUNC, libc::O_TMPFILE | libc::O_RDWR]
        {
            assert_eq!(opened(flags), fails_with(libc::EACCES), "{flags:o}");
        }
    }
}

#[test]
fn a_process_ends_itself_and_nobody_else() {
    for role in ROLES {
        let abort = u64::try_from(libc::SIGABRT).unwrap();
        assert_eq!(decide(role, libc::SYS_tgkill, &[ME.into(), ME.into(), abort]), RET_ALLOW);
        assert_eq!(decide(role, libc::SYS_tgkill, &[1, 1, abort]), fails_with(libc::EPERM));
        for number in [libc::SYS_kill, libc::SYS_pidfd_send_signal, libc::SYS_rt_sigqueueinfo] {
            assert_eq!(decide(role, number, &[1]), fails_with(libc::ENOSYS));
        }
    }
}

#[test]
fn limits_of_this_process_are_asked_for_and_never_changed() {
    let prlimit =
        |process: u64, new: u64| decide(Role::Frontend, libc::SYS_prlimit64, &[process, 7, new, 0x7000]);
    assert_eq!(prlimit(0, 0), RET_ALLOW);
    assert_eq!(prlimit(1, 0), fails_with(libc::EPERM));
    for new in [1, 0x7fff_0000_1000, 0x7f00_0000_0000] {
        assert_eq!(prlimit(0, new), fails_with(libc::EPERM), "{new:#x}: all of a pointer counts");
    }
}

#[test]
fn data_cannot_be_sent_with_the_opening_of_a_connection_which_no_rule_about_ports_sees() {
    let flag = u64::try_from(libc::MSG_FASTOPEN).unwrap();
    assert_eq!(decide(Role::Frontend, libc::SYS_sendto, &[3, 0, 0, flag]), fails_with(libc::EOPNOTSUPP));
    assert_eq!(decide(Role::Frontend, libc::SYS_sendmsg, &[3, 0, flag]), fails_with(libc::EOPNOTSUPP));
    assert_eq!(decide(Role::Frontend, libc::SYS_sendto, &[3, 0, 0, 0x4000]), RET_ALLOW);
}

#[test]
fn a_module_may_start_a_thread_and_no_process() {
    let thread = u64::try_from(libc::CLONE_VM | libc::CLONE_THREAD | libc::CLONE_SIGHAND).unwrap();
    let process = u64::try_from(libc::SIGCHLD).unwrap();
    assert_eq!(decide(Role::Errands, libc::SYS_clone, &[thread]), RET_ALLOW);
    assert_eq!(decide(Role::Errands, libc::SYS_clone, &[process]), fails_with(libc::EPERM));
    let namespace = thread | u64::try_from(libc::CLONE_NEWNS).unwrap();
    assert_eq!(decide(Role::Errands, libc::SYS_clone, &[namespace]), fails_with(libc::EPERM));
    for role in [Role::Frontend, Role::Checks] {
        assert_eq!(decide(role, libc::SYS_clone, &[thread]), fails_with(libc::EPERM));
    }
    // Its flags are where no filter can look: libc goes on with clone.
    for role in ROLES {
        assert_eq!(decide(role, libc::SYS_clone3, &[]), fails_with(libc::ENOSYS));
    }
}

#[test]
fn every_rule_fits_into_a_jump_and_the_kernel_takes_the_whole() {
    let here = HERE.unwrap();
    for role in ROLES {
        let rules = calls::rules(role, ME);
        let program = program(here, &rules);
        let tests = program.iter().filter(|one| one.code == JUMP_IF_EQUAL && one.jump_if_true == 0);
        assert!(tests.count() >= rules.len());
        assert!(rules.iter().all(|(_, decision)| block(decision).len() <= 255));
        assert!(program.len() < 4096, "BPF_MAXINSNS");
    }
}

#[test]
fn no_call_is_named_twice() {
    for role in ROLES {
        let mut numbers: Vec<_> = calls::rules(role, ME).iter().map(|(number, _)| *number).collect();
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), count, "{role:?}");
    }
}
