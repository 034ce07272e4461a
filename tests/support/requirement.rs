//! What a test needs from the machine. A test that cannot run is named and counted, never silently green.

use crate::control::contrib::PROMTOOL;
use crate::peers::{EXIM, POSTFIX};
use crate::support::skipped::{has_mounts, succeeds};
pub use crate::support::skipped::{is_root, skip};
use crate::support::{
    Program, confinement, cyrus, dovecot, fail2ban, kerberos, log_readers, mariadb, nginx, pgbouncer,
    postgresql, samba, slapd, sqlite, supervisord,
};
use std::net::{Ipv6Addr, TcpListener};
use std::path::Path;

/// Something a test cannot do without.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// To write service files into /etc/pam.d, read /etc/shadow and become other users.
    Root,
    /// To mount over /etc/passwd, /etc/shadow and /dev in a namespace of the test's own.
    Mounts,
    /// The C daemon and its client.
    CDaemon,
    /// To compile the PAM module of the tests.
    Compiler,
    /// The program of this name, from util-linux.
    Tool(&'static str),
    /// A program that loads a database, which may not tell its version, at this path.
    Loader(&'static str),
    /// The loopback address of IPv6.
    Ipv6,
    /// Dovecot, and the rights to start it.
    Dovecot,
    /// Postfix, and the rights to start it.
    Postfix,
    /// Exim with its authenticator `dovecot`, and the rights to start it.
    Exim,
    /// A domain controller of Active Directory, and the rights to start it.
    Samba,
    /// OpenLDAP's server.
    Slapd,
    /// nginx.
    Nginx,
    /// Cyrus IMAP, and the rights to start it.
    Cyrus,
    /// A Kerberos server and the PAM module that asks it.
    Kerberos,
    /// The plugin by which Kerberos takes certificates.
    Pkinit,
    /// What gives a process another clock.
    Faketime,
    /// What gets Kerberos tickets into a file.
    Kinit,
    /// GSSAPI for servers that use libsasl.
    GssapiOfSasl,
    /// PostgreSQL, its client library, and the rights to start it as another account.
    Postgresql,
    /// MariaDB, its client library, and the rights to start it as another account.
    Mariadb,
    /// SQLite, its program and its library.
    Sqlite,
    /// The PAM module that asks MySQL.
    PamMysql,
    /// libsasl's plugin for databases, and its sample server.
    SqlPlugin,
    /// PgBouncer, and the rights to start it as another account.
    Pgbouncer,
    /// fail2ban, which reads log lines.
    Fail2ban,
    /// Prometheus' checks.
    Promtool,
    /// supervisord, which runs programs in containers.
    Supervisord,
    /// What makes journals, and what fail2ban reads them with.
    Journal,
    /// logwatch, which counts log lines, and perl.
    Logwatch,
    /// logcheck, which leaves out known log lines.
    Logcheck,
    /// AppArmor's compiler.
    Apparmor,
    /// SELinux's compilers, and Debian's policy.
    Selinux,
}

impl Requirement {
    /// What is to be done to meet it; nothing when it is met.
    fn missing(self) -> Option<String> {
        match self {
            Self::Root => (!is_root()).then(|| "needs to be run as root".to_owned()),
            Self::Mounts => {
                (!has_mounts()).then(|| "needs root with the right to mount (CAP_SYS_ADMIN)".to_owned())
            }
            Self::CDaemon => (!Program::C.daemon().exists() || !Program::C.client().exists())
                .then(|| "needs the C daemon (Debian package sasl2-bin)".to_owned()),
            Self::Compiler => (!succeeds("cc", &["--version"])).then(|| "needs a C compiler".to_owned()),
            Self::Tool(name) => {
                (!succeeds(name, &["--version"])).then(|| format!("needs the program {name}"))
            }
            Self::Loader(path) => no_file(path, path),
            Self::Ipv6 => TcpListener::bind((Ipv6Addr::LOCALHOST, 0))
                .err()
                .map(|error| format!("needs the loopback address of IPv6: {error}")),
            Self::Dovecot => Self::Root
                .missing()
                .or_else(|| no_file(dovecot::PROGRAM, "Dovecot (Debian package dovecot-imapd)")),
            Self::Postfix => {
                Self::Root.missing().or_else(|| no_file(POSTFIX, "Postfix (Debian package postfix)"))
            }
            Self::Exim => {
                Self::Root.missing().or_else(|| no_file(EXIM, "Exim (tests/support/unpack.sh fetches it)"))
            }
            Self::Samba => Self::Mounts.missing().or_else(|| {
                let what = "Samba's domain controller (tests/support/samba/provision.sh makes one)";
                no_file(samba::PROGRAM, what).or_else(|| no_file(samba::DOMAIN, what))
            }),
            Self::Slapd => no_file(slapd::PROGRAM, "OpenLDAP's server (Debian package slapd)"),
            Self::Nginx => no_file(nginx::PROGRAM, "nginx (Debian package nginx-light)"),
            Self::Cyrus => Self::Root
                .missing()
                .or_else(|| no_file(cyrus::PROGRAM, "Cyrus IMAP (tests/support/unpack.sh fetches it)")),
            Self::Kerberos => {
                no_file(kerberos::PROGRAM, "a Kerberos server (tests/support/unpack.sh fetches it)")
            }
            Self::Pkinit => no_file(kerberos::PKINIT, "krb5-pkinit (tests/support/unpack.sh fetches it)"),
            Self::Faketime => no_file(kerberos::FAKETIME, "libfaketime (tests/support/unpack.sh fetches it)"),
            Self::Kinit => no_file(kerberos::KINIT, "kinit (tests/support/unpack.sh fetches it)"),
            Self::GssapiOfSasl => slapd::gssapi_plugins()
                .is_none()
                .then(|| "needs GSSAPI for libsasl (tests/support/unpack.sh fetches it)".to_owned()),
            Self::Postgresql => Self::Mounts.missing().or_else(|| {
                let what = "needs PostgreSQL (tests/support/unpack.sh fetches it)";
                postgresql::programs().is_none().then(|| what.to_owned())
            }),
            Self::Mariadb => Self::Root
                .missing()
                .or_else(|| no_file(mariadb::PROGRAM, "MariaDB (tests/support/unpack.sh fetches it)")),
            Self::Sqlite => no_file(sqlite::PROGRAM, "SQLite (Debian package sqlite3)"),
            Self::PamMysql => {
                let what = "needs pam_mysql (tests/support/unpack.sh fetches it)";
                mariadb::pam_module().is_none().then(|| what.to_owned())
            }
            Self::SqlPlugin => (!has_sql_plugin()).then(|| {
                "needs libsasl's plugin (Debian packages libsasl2-modules-sql and sasl2-bin)".to_owned()
            }),
            Self::Pgbouncer => Self::Root
                .missing()
                .or_else(|| no_file(pgbouncer::PROGRAM, "PgBouncer (tests/support/unpack.sh fetches it)")),
            Self::Promtool => no_file(PROMTOOL, "Prometheus' promtool (tests/support/unpack.sh fetches it)"),
            Self::Supervisord => {
                no_file(supervisord::PROGRAM, "supervisord (tests/support/unpack.sh fetches it)")
            }
            Self::Fail2ban => no_file(fail2ban::PROGRAM, "fail2ban (tests/support/unpack.sh fetches it)"),
            Self::Journal => no_file(
                fail2ban::JOURNAL_READER,
                "systemd-journal-remote and python3-systemd (tests/support/unpack.sh fetches them)",
            ),
            Self::Apparmor => {
                no_file(confinement::ABSTRACTIONS, "AppArmor's compiler (tests/support/unpack.sh fetches it)")
            }
            Self::Selinux => no_file(
                confinement::SECILC,
                "SELinux's compilers and policy (tests/support/unpack.sh fetches them)",
            ),
            Self::Logwatch => no_file(log_readers::LOGWATCH, "logwatch (tests/support/unpack.sh fetches it)"),
            Self::Logcheck => no_file(log_readers::LOGCHECK, "logcheck (tests/support/unpack.sh fetches it)"),
        }
    }
}

/// Leaves the test, noting its name, unless everything it needs is there.
macro_rules! require {
    ($($need:expr),+ $(,)?) => {{
        use $crate::support::Requirement::*;
        fn here() {}
        if !$crate::support::requirement::are_met(&[$($need),+], std::any::type_name_of_val(&here)) {
            return;
        }
    }};
}

/// Whether everything is there that the test called `name` needs. If not, the test counts as skipped, and as failed
/// where `CI` is set: there everything has to be installed.
pub fn are_met(needs: &[Requirement], name: &str) -> bool {
    let Some(missing) = needs.iter().find_map(|need| need.missing()) else {
        return true;
    };
    let thread = std::thread::current();
    let name = thread.name().filter(|name| *name != "main").unwrap_or(name);
    skip(name, &missing);
    false
}

/// Debian names the directory of libraries after the machine.
fn has_sql_plugin() -> bool {
    let directories = std::fs::read_dir("/usr/lib").into_iter().flatten().map_while(Result::ok);
    let mut plugins = directories.map(|directory| directory.path().join("sasl2/libsql.so"));
    plugins.any(|plugin| plugin.exists()) && Path::new("/usr/sbin/sasl-sample-server").exists()
}

fn no_file(path: &str, what: &str) -> Option<String> {
    (!Path::new(path).exists()).then(|| format!("needs {what}"))
}
