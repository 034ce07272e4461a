//! What a process inherits from whoever launched it and a daemon must own itself.

use super::signals;
use std::fs;

/// init's process id. 0 stands for a parent outside of a container.
const INIT: u32 = 1;

/// Takes off what a launcher gives to everything it starts: to be called once, before anything else.
///
/// A shell, cron or a batch queue starts the daemon with signals ignored or blocked, with timers running, and at a low
/// priority. All of it would last as long as the daemon, and reach the programs that PAM modules start.
///
/// Priorities are left alone when init itself or a container's manager is the parent: it sets them for this service
/// (`Nice=`, `OOMScoreAdjust=`, `IOSchedulingClass=`). So are, whoever the parent is, resource limits, environment,
/// processors, capabilities and namespaces: nobody has them by accident, and a bound that was set must hold.
/// Descriptors and umask are dealt with elsewhere.
///
/// An unprivileged user cannot raise a priority. A refusal leaves it as it is.
pub fn reset() {
    signals::reset();
    signals::stop_timers();
    if std::os::unix::process::parent_id() > INIT {
        reset_priorities();
    }
}

fn reset_priorities() {
    const OF_PROCESS: libc::c_int = 1;
    const NO_CLASS: libc::c_int = 0;
    // The kernel's struct sched_param. musl's has more, and its function of this name does nothing.
    let ordinary: libc::c_int = 0;
    // SAFETY: `ordinary` outlives the call; the others take numbers. 0 is this process.
    unsafe {
        libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_OTHER, &raw const ordinary);
        libc::setpriority(libc::PRIO_PROCESS, 0, 0);
        libc::syscall(libc::SYS_ioprio_set, OF_PROCESS, 0, NO_CLASS);
    }
    // For want of memory the kernel kills those first whose number is high.
    let _ = fs::write("/proc/self/oom_score_adj", "0");
}
