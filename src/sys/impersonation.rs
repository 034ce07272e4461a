//! A thread that sees the file system as another program does: with its account and its root directory.

use super::result::check;
use super::spawn::Account;
use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

#[cfg(not(any(target_arch = "x86", target_arch = "arm")))]
use libc::{SYS_setgroups as SET_GROUPS, SYS_setresgid as SET_GROUP_IDS, SYS_setresuid as SET_USER_IDS};
#[cfg(any(target_arch = "x86", target_arch = "arm"))]
use libc::{
    SYS_setgroups32 as SET_GROUPS, SYS_setresgid32 as SET_GROUP_IDS, SYS_setresuid32 as SET_USER_IDS,
};

/// Takes this thread, and no other of the process, to that root directory and then to that account, for good. To be
/// called in a thread that ends afterwards.
///
/// # Errors
/// Those of chroot(2), setgroups(2), setresgid(2) and setresuid(2): mostly that this process is not root. The thread may
/// then have half of it, and must end all the same.
pub fn become_other(root: Option<&Path>, account: Option<&Account>) -> io::Result<()> {
    // Root and working directory are the process's until a thread parts with them.
    // SAFETY: no memory is passed.
    check(unsafe { libc::unshare(libc::CLONE_FS) })?;
    if let Some(root) = root {
        change_root(root)?;
    }
    account.map_or(Ok(()), change_account)
}

fn change_root(root: &Path) -> io::Result<()> {
    let path = CString::new(root.as_os_str().as_bytes()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the string ends in NUL and outlives the call.
    check(unsafe { libc::chroot(path.as_ptr()) })?;
    // SAFETY: as above.
    check(unsafe { libc::chdir(c"/".as_ptr()) })
}

/// By the kernel's own calls, which are for one thread; those of libc are for all.
fn change_account(account: &Account) -> io::Result<()> {
    let (user, group, groups) = (account.uid, account.gid, &account.groups);
    // SAFETY: the pointer and length are those of `groups`.
    check_call(unsafe { libc::syscall(SET_GROUPS, groups.len(), groups.as_ptr()) })?;
    // SAFETY: numbers only.
    check_call(unsafe { libc::syscall(SET_GROUP_IDS, group, group, group) })?;
    // SAFETY: numbers only.
    check_call(unsafe { libc::syscall(SET_USER_IDS, user, user, user) })
}

fn check_call(result: libc::c_long) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The groups of an account, as initgroups(3) finds them: its own and those that list it. Asks whom nsswitch.conf says.
pub fn groups_of(name: &str, group: u32) -> Vec<u32> {
    let Ok(name) = CString::new(name) else { return vec![group] };
    let mut groups: Vec<libc::gid_t> = vec![0; MOST_GROUPS];
    let mut count = libc::c_int::try_from(groups.len()).unwrap_or(libc::c_int::MAX);
    // SAFETY: the string ends in NUL, and `groups` has room for as many as `count` tells.
    let result = unsafe { libc::getgrouplist(name.as_ptr(), group, groups.as_mut_ptr(), &raw mut count) };
    // With more than that, those that fit are there, as the kernel would take no more either.
    groups.truncate(usize::try_from(count).unwrap_or(0).min(MOST_GROUPS));
    if result == -1 && groups.is_empty() { vec![group] } else { groups }
}

/// NGROUPS_MAX of Linux.
const MOST_GROUPS: usize = 65_536;

/// What a program wants of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To read it.
    Read,
    /// To write to it; for a socket: to connect.
    Write,
    /// To reach what is below the directory.
    Search,
}

/// Whether this thread's account may do that: access(2), which knows of access lists, too.
///
/// # Errors
/// Those of access(2): `PermissionDenied` means that it may not.
pub fn access(path: &Path, wish: Wish) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mode = match wish {
        Wish::Read => libc::R_OK,
        Wish::Write => libc::W_OK,
        Wish::Search => libc::X_OK,
    };
    // SAFETY: the string ends in NUL and outlives the call.
    check(unsafe { libc::access(path.as_ptr(), mode) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::inode::own_user_and_group;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_thread_sees_what_another_account_may_do_and_the_others_keep_theirs() {
        if own_user_and_group().0 != 0 {
            let test = "a_thread_sees_what_another_account_may_do_and_the_others_keep_theirs";
            return crate::skipped::note(test, "needs to be run as root");
        }
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().to_owned();
        fs::create_dir(root.join("closed")).unwrap();
        fs::write(root.join("closed/file"), "").unwrap();
        for path in ["", "closed/file"] {
            fs::set_permissions(root.join(path), Permissions::from_mode(0o755)).unwrap();
        }
        fs::set_permissions(root.join("closed"), Permissions::from_mode(0o710)).unwrap();
        let look = |gid: u32, groups: Vec<u32>| {
            let (root, account) = (root.clone(), Account { uid: 4242, gid, groups });
            std::thread::spawn(move || {
                become_other(Some(&root), Some(&account)).unwrap();
                access(Path::new("/closed/file"), Wish::Read).map_err(|error| error.kind())
            })
            .join()
            .unwrap()
        };
        assert_eq!(look(4242, Vec::new()), Err(io::ErrorKind::PermissionDenied));
        assert_eq!(look(4242, vec![0]), Ok(()), "a further group counts");
        assert_eq!(look(0, Vec::new()), Ok(()));
        assert_eq!(own_user_and_group().0, 0);
        assert!(access(&root.join("closed/file"), Wish::Read).is_ok(), "this thread's root is the old one");
    }
}
