//! What becomes of each attempt, by the process that makes it.

use libc::{EACCES, EAFNOSUPPORT, ENOSYS, ENOTTY, EOPNOTSUPP, EPERM};

/// What becomes of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It fails with this error.
    Fails(i32),
    /// It succeeds, and docs/THREAT-MODEL.md says why.
    Succeeds,
}

use Outcome::{Fails, Succeeds};

/// The processes, as the columns of the table have them.
pub const PROCESSES: [&str; 3] = ["frontend", "worker for errands", "worker of passwdfile"];

/// Each attempt, and what becomes of it in each process.
pub const TABLE: &[(&str, Outcome, Outcome, Outcome)] = &[
    ("read /etc/shadow", Fails(EACCES), Fails(EACCES), Fails(EACCES)),
    ("read a keytab that everybody may read", Fails(EACCES), Fails(EACCES), Fails(EACCES)),
    ("read the passwords of the configuration", Fails(EACCES), Fails(EACCES), Fails(EACCES)),
    ("list a directory", Fails(EACCES), Fails(EACCES), Fails(EACCES)),
    ("read the memory of the parent", Fails(EACCES), Fails(EACCES), Fails(EACCES)),
    ("read the environment of the parent", Fails(EACCES), Fails(EACCES), Fails(EACCES)),
    ("write to a file that everybody may write", Fails(EACCES), Fails(EACCES), Fails(EACCES)),
    ("make a file", Fails(EACCES), Fails(EACCES), Fails(EACCES)),
    ("make a file without a name", Fails(EACCES), Fails(EACCES), Fails(EACCES)),
    ("remove a file", Fails(ENOSYS), Fails(ENOSYS), Fails(ENOSYS)),
    ("rename a file", Fails(ENOSYS), Fails(ENOSYS), Fails(ENOSYS)),
    ("change the mode of a file", Fails(ENOSYS), Fails(ENOSYS), Fails(ENOSYS)),
    ("connect to a port that no mechanism names", Fails(EACCES), Succeeds, Fails(EAFNOSUPPORT)),
    ("connect by sending at once", Fails(EOPNOTSUPP), Fails(EOPNOTSUPP), Fails(EAFNOSUPPORT)),
    ("listen at a TCP port", Fails(ENOSYS), Fails(EACCES), Fails(EAFNOSUPPORT)),
    ("listen at a path", Fails(ENOSYS), Fails(EACCES), Fails(ENOSYS)),
    ("connect to an abstract socket", Fails(EPERM), Fails(EPERM), Fails(EPERM)),
    ("make a socket of datagrams", Fails(EAFNOSUPPORT), Succeeds, Fails(EAFNOSUPPORT)),
    ("make a raw socket", Fails(EAFNOSUPPORT), Fails(EAFNOSUPPORT), Fails(EAFNOSUPPORT)),
    ("make a socket of packets", Fails(EAFNOSUPPORT), Fails(EAFNOSUPPORT), Fails(EAFNOSUPPORT)),
    ("make a multipath socket", Fails(EAFNOSUPPORT), Fails(EAFNOSUPPORT), Fails(EAFNOSUPPORT)),
    ("talk to the kernel by netlink", Fails(EAFNOSUPPORT), Fails(EAFNOSUPPORT), Fails(EAFNOSUPPORT)),
    ("signal the parent", Fails(ENOSYS), Fails(ENOSYS), Fails(ENOSYS)),
    ("signal a thread of the parent", Fails(EPERM), Fails(EPERM), Fails(EPERM)),
    ("fork", Fails(EPERM), Fails(EPERM), Fails(EPERM)),
    ("fork by clone3", Fails(ENOSYS), Fails(ENOSYS), Fails(ENOSYS)),
    ("map memory to execute it", Fails(EACCES), Fails(EACCES), Fails(EACCES)),
    ("map memory to write and execute it", Fails(EACCES), Fails(EACCES), Fails(EACCES)),
    ("make a file in memory", Fails(ENOSYS), Fails(ENOSYS), Fails(ENOSYS)),
    ("make a ring of system calls", Fails(ENOSYS), Fails(ENOSYS), Fails(ENOSYS)),
    ("type into the terminal", Fails(ENOTTY), Fails(ENOTTY), Fails(ENOTTY)),
    ("change the memory's personality", Fails(ENOSYS), Fails(ENOSYS), Fails(ENOSYS)),
];
