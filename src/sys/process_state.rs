//! What a PAM module may leave changed in the process that runs it.

use super::result::check;
use super::{capabilities, signals};
use std::ffi::CStr;
use std::io;
use std::mem;

/// What a login must find in a worker as the first login did.
pub struct ProcessState {
    rights: Rights,
    umask: libc::mode_t,
}

impl ProcessState {
    /// As it is now.
    pub fn of_this_process() -> Self {
        // SAFETY: umask takes a number and always succeeds.
        let umask = unsafe { libc::umask(0o077) };
        let state = Self { rights: Rights::of_this_process(), umask };
        state.restore();
        state
    }

    /// Puts right what one call each puts right for certain: the umask, and what [`signals::restore`] does.
    pub fn restore(&self) {
        // SAFETY: as above.
        unsafe { libc::umask(self.umask) };
        signals::restore();
    }

    /// Whether the process still has the rights, the root and the working directory that it had. They are not put
    /// right: rights that are gone cannot be taken back, and who knows what else a module has left half done.
    pub fn is_intact(&self) -> bool {
        Rights::of_this_process() == self.rights
    }
}

/// Whose rights a process has, and where its paths begin.
#[derive(PartialEq, Eq)]
struct Rights {
    /// Real, effective and saved.
    users: [libc::uid_t; 3],
    groups: [libc::gid_t; 3],
    /// With which files are opened.
    file_user: libc::c_int,
    file_group: libc::c_int,
    further_groups: Vec<libc::gid_t>,
    capabilities: capabilities::Sets,
    root: Option<(libc::dev_t, libc::ino_t)>,
    working_directory: Option<(libc::dev_t, libc::ino_t)>,
}

impl Rights {
    fn of_this_process() -> Self {
        /// No user or group has this number: asked to become it, the kernel only tells who the process is.
        const NOBODY: libc::uid_t = libc::uid_t::MAX;
        let (mut users, mut groups) = ([0; 3], [0; 3]);
        let [[user, effective_user, saved_user], [group, effective_group, saved_group]] =
            [&mut users, &mut groups].map(|three| three.each_mut().map(std::ptr::from_mut));
        // SAFETY: the six pointers are to live numbers; the other two calls take numbers.
        let (file_user, file_group) = unsafe {
            libc::getresuid(user, effective_user, saved_user);
            libc::getresgid(group, effective_group, saved_group);
            (libc::setfsuid(NOBODY), libc::setfsgid(NOBODY))
        };
        Self {
            users,
            groups,
            file_user,
            file_group,
            further_groups: further_groups().unwrap_or_default(),
            capabilities: capabilities::own(),
            root: file_of(c"/"),
            working_directory: file_of(c"."),
        }
    }
}

fn further_groups() -> io::Result<Vec<libc::gid_t>> {
    // SAFETY: with a size of 0 nothing is written.
    let count = unsafe { libc::getgroups(0, std::ptr::null_mut()) };
    let mut groups = vec![0; usize::try_from(count).map_err(|_| io::Error::last_os_error())?];
    // SAFETY: the pointer and the size are those of `groups`.
    check(unsafe { libc::getgroups(count, groups.as_mut_ptr()) })?;
    Ok(groups)
}

fn file_of(path: &CStr) -> Option<(libc::dev_t, libc::ino_t)> {
    // SAFETY: `stat` is a plain C structure for which all zeros is a value.
    let mut status: libc::stat = unsafe { mem::zeroed() };
    // SAFETY: `path` ends in NUL, and `status` is valid for the write.
    let found = unsafe { libc::stat(path.as_ptr(), &raw mut status) } == 0;
    found.then_some((status.st_dev, status.st_ino))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::skipped;
    use crate::sys::daemon::set_umask;
    use crate::sys::testing::passes_in_own_process;

    fn alone(test: &str, body: impl FnOnce()) {
        passes_in_own_process(&format!("sys::process_state::tests::{test}"), body);
    }

    #[test]
    fn nothing_has_changed_when_nothing_was_done() {
        let state = Rights::of_this_process();
        assert!(state == Rights::of_this_process());
    }

    #[test]
    fn a_changed_umask_is_put_right() {
        alone("a_changed_umask_is_put_right", || {
            set_umask(0o027);
            let state = ProcessState::of_this_process();
            set_umask(0);
            state.restore();
            assert_eq!(set_umask(0), 0o027);
            assert!(state.is_intact());
        });
    }

    #[test]
    fn another_working_directory_is_noticed() {
        alone("another_working_directory_is_noticed", || {
            std::env::set_current_dir("/tmp").unwrap();
            let state = ProcessState::of_this_process();
            std::env::set_current_dir("/usr").unwrap();
            assert!(!state.is_intact());
        });
    }

    #[test]
    fn other_rights_of_any_kind_are_noticed() {
        // SAFETY: geteuid takes nothing.
        if unsafe { libc::geteuid() } != 0 {
            return skipped::note("other_rights_of_any_kind_are_noticed", "needs to be run as root");
        }
        type Change = fn() -> libc::c_int;
        // SAFETY: they take numbers, or a pointer to one with its count, or a string that ends in NUL.
        let changes: [(&str, Change); 7] = unsafe {
            [
                ("effective user", || libc::seteuid(12345)),
                ("effective group", || libc::setegid(12345)),
                ("saved user", || libc::setresuid(0, 0, 12345)),
                ("user of files", || libc::setfsuid(12345)),
                ("group of files", || libc::setfsgid(12345)),
                ("groups", || libc::setgroups(1, &12345)),
                ("root", || libc::chroot(c"/usr".as_ptr())),
            ]
        };
        alone("other_rights_of_any_kind_are_noticed", || {
            for (what, change) in changes {
                let noticed = match crate::sys::daemon::fork().unwrap() {
                    crate::sys::daemon::Forked::Parent(child) => child.wait().unwrap().code(),
                    crate::sys::daemon::Forked::Child => {
                        let state = ProcessState::of_this_process();
                        change();
                        crate::sys::process::end_at_once(u8::from(!state.is_intact()))
                    }
                };
                assert_eq!(noticed, Some(1), "{what}");
            }
        });
    }
}
