//! The running binary as an open descriptor, to be executed again: it stays the same one when another has taken its
//! place on disk, and nothing has to be found when a child is started, not even /proc.

use super::descriptor::SUPERVISOR;
use super::result::check;
use std::env;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::OnceLock;

/// The running binary, whatever is at its path by now.
pub(super) const BY_PROC: &str = "/proc/self/exe";

static BINARY: OnceLock<OwnedFd> = OnceLock::new();

/// Where the running binary was looked for, and why it was not found there.
#[derive(Debug)]
pub struct NotFound {
    /// Why /proc does not lead to it.
    pub by_proc: io::Error,
    /// The path by which it was executed.
    pub path: PathBuf,
    /// Why it cannot be opened there.
    pub error: io::Error,
}

/// Opens the running binary, once. By /proc where that is mounted, otherwise by the path that it was executed by:
/// to be called before the working directory changes, since that path may be relative.
///
/// # Errors
/// When it is in neither place.
pub fn open() -> Result<BorrowedFd<'static>, NotFound> {
    if let Some(binary) = BINARY.get() {
        return Ok(binary.as_fd());
    }
    let opened = open_at(OsStr::new(BY_PROC)).or_else(|by_proc| {
        let path = executed_path();
        open_at(&path).map_err(|error| NotFound { by_proc, path: path.into(), error })
    })?;
    Ok(BINARY.get_or_init(|| opened).as_fd())
}

/// O_PATH: to be executed it need not be readable. Above the places at which a child finds its own descriptors.
fn open_at(path: &OsStr) -> io::Result<OwnedFd> {
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(path)?;
    // SAFETY: F_DUPFD_CLOEXEC takes a number and makes a new descriptor, which then belongs to us alone.
    unsafe {
        let above = libc::fcntl(opened.as_raw_fd(), libc::F_DUPFD_CLOEXEC, SUPERVISOR + 1);
        check(above).map_err(name_the_limit)?;
        Ok(OwnedFd::from_raw_fd(above))
    }
}

/// fcntl(2) calls it invalid to ask for a descriptor beyond the limit on open ones.
fn name_the_limit(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::EINVAL) => io::Error::from_raw_os_error(libc::EMFILE),
        _ => error,
    }
}

/// The path that execve(2) was given, which the kernel keeps; empty if it does not.
fn executed_path() -> OsString {
    // SAFETY: getauxval takes a number and gives 0 for what it does not know.
    let address = unsafe { libc::getauxval(libc::AT_EXECFN) };
    if address == 0 {
        return OsString::new();
    }
    // SAFETY: AT_EXECFN is the address of a string that the kernel has put above the stack, where it stays.
    let path = unsafe { CStr::from_ptr(address as *const libc::c_char) };
    OsString::from_vec(path.to_bytes().to_owned())
}

/// Where the running binary was found at the start, to see whether it still is.
pub struct OnDisk {
    path: PathBuf,
    file: Identity,
}

/// What has become of the file at that path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Another one is there.
    Replaced,
    /// None is there.
    Removed,
}

/// Device, inode, size and the time of the last change in two numbers.
type Identity = (u64, u64, u64, i64, i64);

impl OnDisk {
    /// By the path that it was executed by, or else by the kernel's. None if neither leads to the running binary, as in a
    /// container that was entered from outside. To be called after [`open`] and before the working directory changes.
    pub fn find() -> Option<Self> {
        let running = File::from(BINARY.get()?.try_clone().ok()?);
        let file = identity(&running.metadata().ok()?);
        let executed = env::current_dir().ok().map(|directory| directory.join(executed_path()));
        let paths = executed.into_iter().chain(fs::read_link(BY_PROC));
        let mut found = paths.map(|path| Self { path, file });
        found.find(|one| fs::metadata(&one.path).is_ok_and(|there| identity(&there) == file))
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What has become of it; none as well if it cannot be looked at.
    pub fn change(&self) -> Option<Change> {
        match fs::metadata(&self.path) {
            Ok(there) => (identity(&there) != self.file).then_some(Change::Replaced),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Change::Removed),
            Err(_) => None,
        }
    }
}

fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec())
}

/// Everything for executing the binary, made ahead: nothing may be allocated between fork and exec.
pub(super) struct Execution {
    binary: RawFd,
    words: Strings,
    variables: Strings,
}

impl Execution {
    /// Of the descriptor from [`open`], with a name and these variables.
    ///
    /// # Errors
    /// `InvalidInput` for a NUL byte in one of them.
    pub(super) fn of(
        binary: BorrowedFd<'static>,
        name: &OsStr,
        variables: impl Iterator<Item = (OsString, OsString)>,
    ) -> io::Result<Self> {
        let variable = |(mut name, value): (OsString, OsString)| {
            name.push("=");
            name.push(value);
            name
        };
        Ok(Self {
            binary: binary.as_raw_fd(),
            words: Strings::new([name.to_owned()].into_iter())?,
            variables: Strings::new(variables.map(variable))?,
        })
    }

    /// Executes it in place of this process; returns only if that fails. Allocates nothing.
    pub(super) fn execute(&self) -> io::Error {
        let (words, variables) = (self.words.pointers.as_ptr(), self.variables.pointers.as_ptr());
        // SAFETY: both arrays end with a null pointer and hold pointers to strings that live as long as `self`. The
        // kernel changes neither. The path is empty, so the file is that of the descriptor.
        let result = unsafe {
            libc::syscall(
                libc::SYS_execveat,
                self.binary,
                c"".as_ptr(),
                words,
                variables,
                libc::AT_EMPTY_PATH,
            )
        };
        debug_assert_eq!(result, -1);
        io::Error::last_os_error()
    }
}

/// Strings as execve(2) wants them.
struct Strings {
    /// To the bytes of `_owned`, which moving does not move, and a null pointer at the end.
    pointers: Vec<*const libc::c_char>,
    _owned: Vec<CString>,
}

// SAFETY: the pointers are to what the structure itself owns, and nobody writes there.
unsafe impl Send for Strings {}
// SAFETY: as above.
unsafe impl Sync for Strings {}

impl Strings {
    fn new(strings: impl Iterator<Item = OsString>) -> io::Result<Self> {
        let owned: Vec<_> =
            strings.map(|string| CString::new(string.as_bytes())).collect::<Result<_, _>>()?;
        let pointers = owned.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect();
        Ok(Self { pointers, _owned: owned })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn file_of(descriptor: BorrowedFd<'_>) -> (u64, u64) {
        let metadata = File::from(descriptor.try_clone_to_owned().unwrap()).metadata().unwrap();
        (metadata.dev(), metadata.ino())
    }

    #[test]
    fn the_path_that_was_executed_leads_to_the_running_binary_as_proc_does() {
        let by_path = open_at(&env::current_dir().unwrap().join(executed_path()).into_os_string()).unwrap();
        assert_eq!(file_of(by_path.as_fd()), file_of(open().unwrap()));
    }

    #[test]
    fn a_childs_fixed_place_is_not_where_it_is() {
        assert!(open().unwrap().as_raw_fd() > SUPERVISOR);
    }

    #[test]
    fn a_file_that_is_replaced_or_removed_is_noticed_and_one_that_cannot_be_looked_at_is_not() {
        open().unwrap();
        assert_eq!(OnDisk::find().unwrap().change(), None);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("program");
        fs::write(&path, "old").unwrap();
        let file = identity(&fs::metadata(&path).unwrap());
        let on_disk = OnDisk { path: path.clone(), file };
        assert_eq!(on_disk.change(), None);
        fs::write(directory.path().join("new"), "new").unwrap();
        fs::rename(directory.path().join("new"), &path).unwrap();
        assert_eq!(on_disk.change(), Some(Change::Replaced));
        fs::remove_file(&path).unwrap();
        assert_eq!(on_disk.change(), Some(Change::Removed));
        let below_a_file = OnDisk { path: path.join("x"), file };
        fs::write(&path, "a file").unwrap();
        assert_eq!(below_a_file.change(), None);
    }

    #[test]
    fn a_nul_byte_is_refused_before_anything_is_started() {
        let refused = Execution::of(open().unwrap(), OsStr::new("a\0b"), std::iter::empty());
        assert_eq!(refused.err().map(|error| error.kind()), Some(io::ErrorKind::InvalidInput));
    }

    #[test]
    fn what_cannot_be_executed_is_an_error_that_returns() {
        static DIRECTORY: OnceLock<OwnedFd> = OnceLock::new();
        let directory = DIRECTORY.get_or_init(|| open_at(OsStr::new("/")).unwrap());
        let execution = Execution::of(directory.as_fd(), OsStr::new("x"), std::iter::empty()).unwrap();
        assert_eq!(execution.execute().raw_os_error(), Some(libc::EACCES));
    }
}
