//! Tickets in a file, as `kinit` gets them.

use super::Kerberos;
use crate::support::command;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Where tests/support/unpack.sh leaves the package krb5-user.
const PROGRAMS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/krb5-user/usr/bin");

/// What the tests run of it.
pub const KINIT: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/krb5-user/usr/bin/kinit");

/// Tickets in a file that nobody but root reads; gone at the end of the test.
pub struct Tickets(TempDir);

impl Tickets {
    /// Those of a principal, by its keytab, which end after `lifetime`, as `10h`.
    pub fn of(server: &Kerberos, principal: &str, keytab: &Path, lifetime: &str) -> Self {
        let tickets = Self(TempDir::new().unwrap());
        tickets.renew(server, principal, keytab, lifetime);
        tickets
    }

    /// Gets others in the place of these.
    pub fn renew(&self, server: &Kerberos, principal: &str, keytab: &Path, lifetime: &str) {
        let mut kinit = Command::new(KINIT);
        kinit.env("KRB5_CONFIG", server.directory.path().join("krb5.conf"));
        kinit.args(["-l", lifetime, "-k", "-t"]).arg(keytab).arg("-c").arg(self.path()).arg(principal);
        let finished = command::run(kinit);
        assert_eq!(finished.code, Some(0), "{finished:?}");
    }

    /// Where they are.
    pub fn path(&self) -> PathBuf {
        self.0.path().join("tickets")
    }

    /// Whether they have not ended yet.
    pub fn are_valid(&self) -> bool {
        let mut klist = Command::new(Path::new(PROGRAMS).join("klist"));
        klist.arg("-s").arg("-c").arg(self.path());
        command::run(klist).code == Some(0)
    }
}
