//! Signals: what each process of the daemon does about those that are sent to all of a group.

use std::mem;
use std::ptr;

/// Signals that people and service managers send to whole groups of processes, and those of a terminal: by default
/// they end or stop a process. To the daemon's children they mean nothing, since the supervisor gets them as well.
const SENT_TO_GROUPS: [libc::c_int; 9] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
];

/// Signals that a process brings upon itself: SIGPIPE by writing to nobody, SIGALRM by its own alarm(2).
const OF_OWN_MAKING: [libc::c_int; 2] = [libc::SIGPIPE, libc::SIGALRM];

/// Linux numbers signals from 1 up to this.
const LAST: libc::c_int = 64;

/// Gives every signal its default and lets all through, whatever the launcher has ignored or blocked: both stay so
/// through fork and exec, and would reach the programs that PAM modules start. With TERM blocked the daemon could not
/// be stopped.
///
/// Not SIGPIPE: Rust's runtime ignores it on purpose, and gives its default to the children that it starts.
pub fn reset() {
    for signal in (1..=LAST).filter(|signal| *signal != libc::SIGPIPE) {
        if handler_of(signal) == Some(libc::SIG_IGN) || is_of_libc(signal) {
            set_default(signal);
        }
    }
    set_mask(&empty_set());
}

/// For a process that starts no programs: signals that are sent to whole groups do nothing. SIGTTOU among them, so
/// that its log lines reach a terminal with `stty tostop`, where it is in the background.
pub fn ignore() {
    for signal in SENT_TO_GROUPS.into_iter().chain(OF_OWN_MAKING) {
        handle(signal, libc::SIG_IGN);
    }
}

/// For a process that runs PAM modules: keeps from them the signals that are sent to whole groups, and has the kernel
/// give the default of each to whatever they fork.
///
/// They are blocked, since a handler would interrupt poll(2), connect(2) or sleep(3) in the middle of a login, and to
/// ignore them would make programs deaf, which inherit that. Those that a module brings upon itself have a handler
/// that does nothing: a write to nobody only fails, and exec gives the default all the same.
///
/// To be called once, before anything else has made a handler of these or a thread.
pub fn keep_from_modules() {
    restore();
    for signal in SENT_TO_GROUPS {
        handle(signal, do_nothing as *const () as libc::sighandler_t);
    }
    // SAFETY: the function is there for ever, and makes only calls that signal-safety(7) lists. It can fail for want
    // of memory only; programs then find the signals blocked.
    unsafe { libc::pthread_atfork(None, None, Some(give_back_to_child)) };
}

/// After [`keep_from_modules`], puts right what a module has changed of it: blocked signals, the handler of SIGPIPE,
/// a SIGCHLD that it ignores and that would hide the end of the next module's program, an alarm under way.
pub fn restore() {
    set_mask(&held_back());
    for signal in OF_OWN_MAKING {
        handle(signal, do_nothing as *const () as libc::sighandler_t);
    }
    set_default(libc::SIGCHLD);
    stop_timer(libc::ITIMER_REAL);
}

/// Stops the timers that a launcher has left running: they survive exec, and their signals end a process.
pub fn stop_timers() {
    [libc::ITIMER_REAL, libc::ITIMER_VIRTUAL, libc::ITIMER_PROF].into_iter().for_each(stop_timer);
}

/// In a process that a module has forked: as if the signals had not been kept from it. What the module itself has set
/// stays.
extern "C" fn give_back_to_child() {
    for signal in SENT_TO_GROUPS.into_iter().chain(OF_OWN_MAKING) {
        if handler_of(signal) == Some(do_nothing as *const () as libc::sighandler_t) {
            set_default(signal);
        }
    }
    let held_back = held_back();
    // SAFETY: the set is live; sigprocmask is async-signal-safe.
    unsafe { libc::sigprocmask(libc::SIG_UNBLOCK, &raw const held_back, ptr::null_mut()) };
}

extern "C" fn do_nothing(_signal: libc::c_int) {}

/// libc's own, which `sigaction` does not show. posix_spawn(3) of glibc leaves them ignored in programs.
fn is_of_libc(signal: libc::c_int) -> bool {
    matches!(signal, 32 | 33)
}

fn set_default(signal: libc::c_int) {
    // The kernel's own structure: larger on no architecture, and all zeros say SIG_DFL, no flags and an empty mask.
    let default = [0_u64; 8];
    let old: *mut libc::c_void = ptr::null_mut();
    // SAFETY: the call reads at most as much as `default` has and writes nothing. libc sees to its own two signals
    // only when a thread is made, which is later.
    unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), old, size_of_kernel_set()) };
}

/// The size of a set of signals as the kernel counts them; MIPS has 128.
const fn size_of_kernel_set() -> usize {
    if cfg!(any(target_arch = "mips", target_arch = "mips64")) { 16 } else { 8 }
}

fn handler_of(signal: libc::c_int) -> Option<libc::sighandler_t> {
    // SAFETY: `sigaction` is a plain C structure for which all zeros is a value.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: `action` is valid for the write; for a signal that does not exist the call only fails.
    let found = unsafe { libc::sigaction(signal, ptr::null(), &raw mut action) } == 0;
    found.then_some(action.sa_sigaction)
}

fn handle(signal: libc::c_int, handler: libc::sighandler_t) {
    // SAFETY: `sigaction` is a plain C structure for which all zeros is a value: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: `action` outlives the call; `handler` is SIG_IGN or `do_nothing`, which is there for ever.
    unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
}

fn stop_timer(timer: libc::c_int) {
    // SAFETY: `itimerval` is a plain C structure for which all zeros is a value: no timer.
    let none: libc::itimerval = unsafe { mem::zeroed() };
    // SAFETY: `none` outlives the call.
    unsafe { libc::setitimer(timer, &raw const none, ptr::null_mut()) };
}

fn empty_set() -> libc::sigset_t {
    // SAFETY: sigemptyset makes a set of what it is given, and all zeros is a value of this plain C structure.
    unsafe {
        let mut set = mem::zeroed();
        libc::sigemptyset(&raw mut set);
        set
    }
}

fn held_back() -> libc::sigset_t {
    let mut set = empty_set();
    for signal in SENT_TO_GROUPS {
        // SAFETY: `set` is a set of signals.
        unsafe { libc::sigaddset(&raw mut set, signal) };
    }
    set
}

fn set_mask(set: &libc::sigset_t) {
    // SAFETY: `set` is live.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, set, ptr::null_mut()) };
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::daemon::{Forked, fork};
    use crate::sys::testing::passes_in_own_process;
    use std::fs;
    use std::process::Command;

    fn alone(test: &str, body: impl FnOnce()) {
        passes_in_own_process(&format!("sys::signals::tests::{test}"), body);
    }

    /// The signals in one line of /proc/PID/status, as bits; 1 is the first.
    fn listed(status: &str, line: &str) -> u64 {
        let bits = status.lines().find_map(|found| found.strip_prefix(line)).unwrap();
        u64::from_str_radix(bits.trim(), 16).unwrap()
    }

    /// In the main thread of a test nothing is blocked, so this thread's is looked at.
    fn own_status() -> String {
        fs::read_to_string("/proc/thread-self/status").unwrap()
    }

    fn bit(signal: libc::c_int) -> u64 {
        1 << (signal - 1)
    }

    fn ignore_and_block_everything() {
        let mut everything = empty_set();
        // SAFETY: `everything` is a set of signals.
        unsafe { libc::sigfillset(&raw mut everything) };
        set_mask(&everything);
        (1..=LAST).for_each(|signal| handle(signal, libc::SIG_IGN));
    }

    fn in_a_fork(body: impl FnOnce() -> bool) -> bool {
        match fork().unwrap() {
            Forked::Parent(child) => child.wait().unwrap().success(),
            Forked::Child => crate::sys::process::end_at_once(u8::from(!body())),
        }
    }

    #[test]
    fn after_a_reset_nothing_is_ignored_or_blocked() {
        alone("after_a_reset_nothing_is_ignored_or_blocked", || {
            ignore_and_block_everything();
            reset();
            let status = own_status();
            assert_eq!(listed(&status, "SigBlk:"), 0, "{status}");
            assert_eq!(listed(&status, "SigIgn:") & !bit(libc::SIGPIPE), 0, "{status}");
        });
    }

    #[test]
    fn what_a_module_forks_has_nothing_blocked_handled_or_ignored() {
        alone("what_a_module_forks_has_nothing_blocked_handled_or_ignored", || {
            reset();
            keep_from_modules();
            let held = SENT_TO_GROUPS.into_iter().map(bit).sum::<u64>();
            assert_eq!(listed(&own_status(), "SigBlk:"), held);
            let ours = SENT_TO_GROUPS.into_iter().chain(OF_OWN_MAKING).map(bit).sum::<u64>();
            assert!(in_a_fork(|| {
                let status = own_status();
                listed(&status, "SigBlk:") == 0
                    && listed(&status, "SigIgn:") & ours == 0
                    && listed(&status, "SigCgt:") & ours == 0
            }));
            let mut program = Command::new("cat");
            let status = program.arg("/proc/self/status").output().unwrap().stdout;
            assert_eq!(listed(&String::from_utf8(status).unwrap(), "SigIgn:") & ours, 0);
        });
    }

    #[test]
    fn what_a_module_has_set_itself_stays_in_its_children() {
        extern "C" fn of_the_module(_signal: libc::c_int) {}
        alone("what_a_module_has_set_itself_stays_in_its_children", || {
            keep_from_modules();
            let handler = of_the_module as *const () as libc::sighandler_t;
            handle(libc::SIGALRM, handler);
            handle(libc::SIGUSR1, libc::SIG_IGN);
            assert!(in_a_fork(|| {
                handler_of(libc::SIGALRM) == Some(handler) && handler_of(libc::SIGUSR1) == Some(libc::SIG_IGN)
            }));
        });
    }

    #[test]
    fn what_a_module_has_changed_is_put_right() {
        alone("what_a_module_has_changed_is_put_right", || {
            keep_from_modules();
            let before = own_status();
            let signals = |status: &str| ["SigBlk:", "SigIgn:", "SigCgt:"].map(|line| listed(status, line));
            set_mask(&empty_set());
            handle(libc::SIGCHLD, libc::SIG_IGN);
            handle(libc::SIGPIPE, libc::SIG_DFL);
            assert_ne!(signals(&own_status()), signals(&before));
            // SAFETY: alarm takes a number.
            unsafe { libc::alarm(1000) };
            restore();
            assert_eq!(signals(&own_status()), signals(&before));
            // SAFETY: as above.
            assert_eq!(unsafe { libc::alarm(0) }, 0, "no alarm is under way");
        });
    }
}
