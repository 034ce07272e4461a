//! Linux capabilities: which of them this process has, and giving them up.

use std::io;

/// The number of a capability, as capabilities(7) and linux/capability.h have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capability(u32);

impl Capability {
    /// To give away files.
    pub const CHOWN: Self = Self(0);
    /// To pass over the mode of files.
    pub const DAC_OVERRIDE: Self = Self(1);
    /// The same for reading only.
    pub const DAC_READ_SEARCH: Self = Self(2);
    /// To change the mode of others' files.
    pub const FOWNER: Self = Self(3);
    /// To send signals to others' processes.
    pub const KILL: Self = Self(5);
    /// To change to another group.
    pub const SETGID: Self = Self(6);
    /// To change to another user.
    pub const SETUID: Self = Self(7);
    /// To take capabilities away for good.
    pub const SETPCAP: Self = Self(8);
    /// To see others' processes where /proc hides them.
    pub const SYS_PTRACE: Self = Self(19);

    /// The name that capabilities(7) has for it; of the three that changing to another account takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::KILL => "CAP_KILL",
            Self::SETGID => "CAP_SETGID",
            Self::SETUID => "CAP_SETUID",
            _ => "a capability",
        }
    }

    const fn bit(self) -> u64 {
        1 << self.0
    }
}

/// More than any kernel knows: the sets have 64 bits.
const END: libc::c_ulong = 64;

/// `_LINUX_CAPABILITY_VERSION_3`: sets of 64 bits, each in two halves.
const VERSION_3: u32 = 0x2008_0522;

/// As capget(2) has them: effective, permitted and inheritable ones of the numbers 0 to 31, then of 32 to 63.
pub(super) type Sets = [u32; 6];

/// Those of this process; zeros if the kernel does not tell.
pub(super) fn own() -> Sets {
    read_own().unwrap_or_default()
}

fn read_own() -> Option<Sets> {
    let (mut header, mut sets) = ([VERSION_3, 0], [0; 6]);
    // SAFETY: the header is two numbers of 32 bits, the version and 0 for this process; that version writes six.
    let result = unsafe { libc::syscall(libc::SYS_capget, header.as_mut_ptr(), sets.as_mut_ptr()) };
    (result == 0).then_some(sets)
}

fn set_own(sets: Sets) -> io::Result<()> {
    let header = [VERSION_3, 0];
    // SAFETY: as above, except that the kernel only reads.
    let result = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Those of `wanted` that are not in effect in this process.
pub fn missing(wanted: &[Capability]) -> Vec<Capability> {
    let [low, _, _, high, _, _] = own();
    let effective = u64::from(high) << 32 | u64::from(low);
    wanted.iter().copied().filter(|one| effective & one.bit() == 0).collect()
}

/// Gives up all but `kept`, as far as this thread and those that it starts are concerned. A program that root executes has
/// all of the bounding set again if [`are_given_back_to_root`].
///
/// # Errors
/// Those of capset(2); what was to be given up is still there then.
pub fn keep_only(kept: &[Capability]) -> io::Result<()> {
    let [low, high] = halves(kept.iter().fold(0, |set, one| set | one.bit()));
    let [effective, permitted, inheritable, effective_high, permitted_high, inheritable_high] = own();
    set_own([
        effective & low,
        permitted & low,
        inheritable & low,
        effective_high & high,
        permitted_high & high,
        inheritable_high & high,
    ])
}

/// The lower and the upper one.
#[allow(clippy::cast_possible_truncation)] // that is what it is for
const fn halves(set: u64) -> [u32; 2] {
    [set as u32, (set >> 32) as u32]
}

/// Whether a program that root executes here has all capabilities of the bounding set, whatever this process has itself:
/// neither PR_SET_NO_NEW_PRIVS nor SECBIT_NOROOT is in force.
pub fn are_given_back_to_root() -> bool {
    const SECBIT_NOROOT: libc::c_int = 1;
    // SAFETY: the arguments are numbers.
    let (no_new, bits) =
        unsafe { (libc::prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), libc::prctl(libc::PR_GET_SECUREBITS)) };
    no_new == 0 && bits != -1 && bits & SECBIT_NOROOT == 0
}

/// Takes from the bounding set what is in it, so that no program can give it back; a refusal leaves it. Makes only
/// system calls.
pub(super) fn empty_bounding_set() {
    for number in 0..END {
        // SAFETY: the arguments are numbers. The first that the kernel does not know is an error, as are all behind it.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) } == -1 {
            break;
        }
    }
}

/// Gives up all that are left, inheritable and with them ambient ones too. Makes only system calls.
///
/// # Errors
/// Those of capset(2), if there is any that has an effect: a unit's filter may refuse that call. What is only inheritable
/// is of use for programs that have such capabilities as attributes of their files.
pub(super) fn give_up_all() -> io::Result<()> {
    match (set_own([0; 6]), read_own()) {
        (Err(_), Some([0, 0, _, 0, 0, _])) => Ok(()),
        (result, _) => result,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::inode::own_user_and_group;
    use crate::sys::testing::passes_in_own_process;
    use std::process::Command;

    fn alone(test: &str, body: impl FnOnce()) {
        if own_user_and_group().0 != 0 {
            return crate::skipped::note(test, "needs to be run as root");
        }
        passes_in_own_process(&format!("sys::capabilities::tests::{test}"), body);
    }

    /// The set of that name in /proc/self/status, of this process or of a program that it executes.
    fn set_in(status: &str, name: &str) -> u64 {
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t")).unwrap();
        u64::from_str_radix(value, 16).unwrap()
    }

    fn own_status() -> String {
        std::fs::read_to_string("/proc/thread-self/status").unwrap()
    }

    #[test]
    fn what_is_not_kept_is_gone_here_and_back_in_what_root_executes() {
        alone("what_is_not_kept_is_gone_here_and_back_in_what_root_executes", || {
            let bounding = set_in(&own_status(), "CapBnd");
            keep_only(&[Capability::SETUID, Capability::KILL]).unwrap();
            let here = own_status();
            let kept = (Capability::SETUID.bit() | Capability::KILL.bit()) & bounding;
            assert_eq!(["CapEff", "CapPrm"].map(|name| set_in(&here, name)), [kept; 2]);
            assert_eq!(missing(&[Capability::SETUID, Capability::SETGID]), [Capability::SETGID]);
            let program = Command::new("cat").arg("/proc/self/status").output().unwrap().stdout;
            assert_eq!(set_in(&String::from_utf8(program).unwrap(), "CapEff"), bounding);
        });
    }

    #[test]
    fn what_is_given_up_is_in_no_set_any_more() {
        alone("what_is_given_up_is_in_no_set_any_more", || {
            empty_bounding_set();
            give_up_all().unwrap();
            let here = own_status();
            let names = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
            assert_eq!(names.map(|name| set_in(&here, name)), [0; 5]);
            assert!(keep_only(&[]).is_ok(), "there is always less to be had");
        });
    }
}
