//! The files that are named for TLS, which only root can read and a frontend without privileges needs; and who maps OpenSSL.

mod handed_over;
mod libraries;

use crate::support::{Authority, Certificate, Daemon};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A directory that nobody but root can enter.
struct Hidden {
    directory: TempDir,
}

impl Hidden {
    fn new() -> Self {
        let hidden = Self { directory: TempDir::new().unwrap() };
        fs::set_permissions(hidden.directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
        hidden
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A copy under that name, of mode 0600.
    fn take(&self, file: &Path, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(file, &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// The settings of a mechanism that trusts the authority and has the certificate.
    fn settings(&self, prefix: &str, trusted: &Authority, own: &Certificate) -> String {
        format!(
            "{prefix}_tls_cacert_file: {}\n{prefix}_tls_cert: {}\n{prefix}_tls_key: {}\n",
            self.take(&trusted.file(), "authority.pem").display(),
            self.take(&own.certificate, "own.pem").display(),
            self.take(&own.key, "own.key").display()
        )
    }
}

/// The frontend has the rights of `nobody`, and so cannot read what is hidden.
fn assert_is_unprivileged(daemon: &Daemon) {
    for frontend in daemon.children("frontend") {
        let status = fs::read_to_string(frontend.file("status")).unwrap();
        assert!(status.contains("Uid:\t65534\t65534\t65534\t65534\n"), "{status}");
        assert!(status.contains("CapEff:\t0000000000000000\n"), "{status}");
    }
}
