//! A file as itself and not by its name, which in a directory of somebody else may lead to another one by now.

use super::result::check;
use std::ffi::{CString, OsStr};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// A directory, for the names in it; symbolic links on the way are followed.
///
/// # Errors
/// Those of open(2).
pub fn open_directory(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY).open(path)
}

/// What is called `name` in `directory`, of whatever type, be it a symbolic link. Not to be read or written.
///
/// # Errors
/// Those of openat(2).
pub fn open_in(directory: &File, name: &OsStr) -> io::Result<File> {
    let name = CString::new(name.as_bytes())?;
    let flags = libc::O_PATH | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    // SAFETY: `name` ends with a NUL byte and outlives the call.
    let descriptor = unsafe { libc::openat(directory.as_raw_fd(), name.as_ptr(), flags) };
    check(descriptor)?;
    // SAFETY: openat has just made it, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }.into())
}

/// Removes the name, not what a symbolic link leads to.
///
/// # Errors
/// Those of unlinkat(2).
pub fn remove_in(directory: &File, name: &OsStr) -> io::Result<()> {
    let name = CString::new(name.as_bytes())?;
    // SAFETY: `name` ends with a NUL byte and outlives the call.
    check(unsafe { libc::unlinkat(directory.as_raw_fd(), name.as_ptr(), 0) })
}

/// Gives it to a user and a group; `None` leaves that part alone.
///
/// # Errors
/// Those of fchownat(2).
pub fn change_owner(inode: &File, user: Option<u32>, group: Option<u32>) -> io::Result<()> {
    const UNCHANGED: u32 = u32::MAX;
    let (user, group) = (user.unwrap_or(UNCHANGED), group.unwrap_or(UNCHANGED));
    // SAFETY: the empty path ends with a NUL byte; with AT_EMPTY_PATH it means the descriptor itself.
    check(unsafe { libc::fchownat(inode.as_raw_fd(), c"".as_ptr(), user, group, libc::AT_EMPTY_PATH) })
}

/// Sets its permission bits. On kernels before 6.6, which cannot by descriptor, through /proc.
///
/// # Errors
/// Those of chmod(2).
pub fn change_mode(inode: &File, mode: u32) -> io::Result<()> {
    // On all common processors; libc knows it on some. On others the kernel has no call of this number.
    const FCHMODAT2: libc::c_long = 452;
    // SAFETY: as for fchownat above.
    let result =
        unsafe { libc::syscall(FCHMODAT2, inode.as_raw_fd(), c"".as_ptr(), mode, libc::AT_EMPTY_PATH) };
    if result == 0 {
        return Ok(());
    }
    // Whatever the kernel, or a filter of system calls, has against this call says nothing about the other.
    fs::set_permissions(by_proc(inode), Permissions::from_mode(mode))
}

fn by_proc(inode: &File) -> String {
    format!("/proc/self/fd/{}", inode.as_raw_fd())
}

/// What no other file has for as long as this one is open.
///
/// # Errors
/// Those of statx(2).
pub fn identity(inode: &File) -> io::Result<(u64, u64)> {
    inode.metadata().map(|found| (found.dev(), found.ino()))
}

/// The user and the group that this process makes files as.
pub fn own_user_and_group() -> (u32, u32) {
    // SAFETY: both calls take nothing and always succeed.
    unsafe { (libc::geteuid(), libc::getegid()) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    const NAME: &str = "socket";

    #[test]
    fn a_socket_that_was_opened_stays_the_same_whatever_takes_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(NAME);
        let _listener = UnixListener::bind(&path).unwrap();
        let inode = open_in(&open_directory(directory.path()).unwrap(), OsStr::new(NAME)).unwrap();
        fs::rename(&path, directory.path().join("moved")).unwrap();
        fs::write(&path, "precious").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let (user, group) = own_user_and_group();
        change_mode(&inode, 0o640).unwrap();
        change_owner(&inode, Some(user), Some(group)).unwrap();
        change_owner(&inode, None, None).unwrap();
        let mode = |name: &str| fs::metadata(directory.path().join(name)).unwrap().mode() & 0o777;
        assert_eq!((mode("moved"), mode(NAME)), (0o640, 0o644));
        fs::set_permissions(by_proc(&inode), Permissions::from_mode(0o600)).unwrap();
        assert_eq!(mode("moved"), 0o600, "by /proc, as for old kernels");
    }

    #[test]
    fn a_symbolic_link_is_opened_and_removed_itself() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("target"), "precious").unwrap();
        symlink("target", directory.path().join(NAME)).unwrap();
        let handle = open_directory(directory.path()).unwrap();
        assert!(open_in(&handle, OsStr::new(NAME)).unwrap().metadata().unwrap().file_type().is_symlink());
        remove_in(&handle, OsStr::new(NAME)).unwrap();
        assert!(open_in(&handle, OsStr::new(NAME)).is_err());
        assert!(directory.path().join("target").exists());
    }
}
