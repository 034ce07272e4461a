//! The run directory: made when missing, then the working directory of all processes.
#![forbid(unsafe_code)]

use super::start_error::StartError;
use crate::sys::daemon::set_umask;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

/// Everybody must be able to reach the socket; packages that want less make the directory themselves.
const MODE: u32 = 0o755;
/// The C daemon's: files are its own business unless their mode is set afterwards.
const UMASK: u32 = 0o077;

/// Makes the directory if it is missing (but not its parents), and enters it.
pub(super) fn enter(path: &Path) -> Result<(), StartError> {
    match fs::DirBuilder::new().mode(MODE).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(StartError::MakeDirectory(path.to_owned(), error));
        }
        _ => {}
    }
    set_umask(UMASK);
    std::env::set_current_dir(path).map_err(|error| StartError::EnterDirectory(path.to_owned(), error))
}

/// What to tell if nobody but root can pass the working directory, and so connect to a socket in it. With an access list
/// the bits of the group are the most that it grants.
pub(super) fn is_for_root_only(path: &Path) -> Option<String> {
    const PASSABLE: u32 = 0o011;
    let found = fs::metadata(".").ok()?;
    (found.uid() == 0 && found.mode() & PASSABLE == 0).then(|| {
        let (path, mode) = (path.display(), found.mode() & 0o7777);
        format!("only root can connect to the sockets in {path} (mode {mode:04o}); saslauthd --check=system tells who needs to")
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::testing::passes_in_own_process;
    use std::os::unix::fs::PermissionsExt;

    fn alone(test: &str, body: fn(&Path)) {
        passes_in_own_process(&format!("supervisor::run_directory::tests::{test}"), || {
            let directory = tempfile::tempdir().unwrap();
            body(directory.path());
        });
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_missing_directory_is_made_for_everybody_and_entered() {
        alone("a_missing_directory_is_made_for_everybody_and_entered", |parent| {
            set_umask(0o022);
            let path = parent.join("run");
            enter(&path).unwrap();
            assert_eq!(mode(&path), 0o755);
            assert_eq!(std::env::current_dir().unwrap(), path.canonicalize().unwrap());
            assert_eq!(set_umask(0), 0o077);
        });
    }

    #[test]
    fn a_stricter_umask_of_whoever_starts_it_is_obeyed_as_the_c_daemon_does() {
        alone("a_stricter_umask_of_whoever_starts_it_is_obeyed_as_the_c_daemon_does", |parent| {
            set_umask(0o027);
            enter(&parent.join("run")).unwrap();
            assert_eq!(mode(&parent.join("run")), 0o750);
        });
    }

    #[test]
    fn a_directory_that_is_there_keeps_its_mode() {
        alone("a_directory_that_is_there_keeps_its_mode", |parent| {
            let path = parent.join("run");
            fs::DirBuilder::new().mode(0o710).create(&path).unwrap();
            enter(&path).unwrap();
            assert_eq!(mode(&path), 0o710);
        });
    }

    #[test]
    fn only_a_directory_that_nobody_but_root_can_pass_is_told_of() {
        alone("only_a_directory_that_nobody_but_root_can_pass_is_told_of", |parent| {
            let path = parent.join("run");
            enter(&path).unwrap();
            let is_roots = fs::metadata(&path).unwrap().uid() == 0;
            for (mode, expected) in
                [(0o755, false), (0o710, false), (0o701, false), (0o700, true), (0o766, true)]
            {
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
                assert_eq!(is_for_root_only(&path).is_some(), expected && is_roots, "{mode:o}");
            }
        });
    }

    #[test]
    fn parents_are_not_made_and_a_file_is_no_directory() {
        alone("parents_are_not_made_and_a_file_is_no_directory", |parent| {
            fs::write(parent.join("file"), "").unwrap();
            for (path, made) in [("missing/run", false), ("file", true), ("file/run", false)] {
                let path = parent.join(path);
                let error = enter(&path).err().unwrap();
                assert_eq!(matches!(error, StartError::EnterDirectory(..)), made, "{error}");
                assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
                assert_eq!(error.exit_status(), 1);
            }
        });
    }
}
