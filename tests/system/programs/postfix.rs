//! Postfix through libsasl, as sasl2-bin's README.Debian has it and Postfix's SASL_README.

use super::smtp;
use crate::inside::{RUN_DIRECTORY, edit, launch, sh, wait_for_port, write};
use crate::trial::{Program, Realm};

const FILES: &[&str] = &["/usr/sbin/postfix", "/usr/share/postfix/master.cf.dist"];

/// Starts Debian's Postfix: its main.cf and master.cf, and in main.cf the lines of ours.
fn start_postfix(lines: &str, is_chrooted: bool) {
    sh("cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf");
    sh("cp /usr/share/postfix/main.cf.debian /etc/postfix/main.cf");
    // Without TLS, which the tests' client does not speak.
    let lines = lines.replace("smtpd_tls_auth_only = yes\n", "");
    edit("/etc/postfix/main.cf", |text| {
        // No bounds on clients of one address, for the many at once.
        format!("{text}\nsmtpd_client_connection_count_limit = 0\nmynetworks =\n{lines}")
    });
    if !is_chrooted {
        sh("postconf -F smtp/inet/chroot=n");
    }
    sh("adduser --quiet postfix sasl");
    launch("/etc/init.d/postfix start");
    wait_for_port(25);
}

const MUX: &str = include_str!("../../../contrib/postfix/main.cf.mux");
const AUTH_SOCKET: &str = include_str!("../../../contrib/postfix/main.cf.dovecot");
const OPTIONS: &str = include_str!("../../../contrib/postfix/smtpd.conf");

/// With its smtpd not in a chroot.
pub struct Postfix;

impl Program for Postfix {
    const NAME: &str = "Postfix";
    const PACKAGE: &str = "postfix";
    const LAYER: &str = "";
    const FILES: &[&str] = FILES;
    const SERVICE: &str = "smtp";
    const YES: &str = "235";
    const NO: &str = "535";
    const NOTHING: &str = "454";
    const REALM: Realm = Realm::Apart;

    fn start() -> Self {
        write("/etc/postfix/sasl/smtpd.conf", OPTIONS);
        start_postfix(MUX, false);
        Self
    }

    fn log_in(&self, login: &str, password: &str) -> String {
        smtp::log_in(login, password)
    }
}

/// With its smtpd in the chroot that Debian puts it into.
pub struct Chrooted;

impl Program for Chrooted {
    const NAME: &str = "Postfix, smtpd in its chroot";
    const PACKAGE: &str = Postfix::PACKAGE;
    const LAYER: &str = Postfix::LAYER;
    const FILES: &[&str] = FILES;
    const SERVICE: &str = Postfix::SERVICE;
    const RUN_DIRECTORY: &str = "/var/spool/postfix/var/run/saslauthd";
    const YES: &str = Postfix::YES;
    const NO: &str = Postfix::NO;
    const NOTHING: &str = Postfix::NOTHING;
    const REALM: Realm = Postfix::REALM;

    fn start() -> Self {
        assert_ne!(Self::RUN_DIRECTORY, RUN_DIRECTORY);
        write("/etc/postfix/sasl/smtpd.conf", OPTIONS);
        start_postfix(MUX, true);
        Self
    }

    fn log_in(&self, login: &str, password: &str) -> String {
        smtp::log_in(login, password)
    }
}

/// In Dovecot's protocol at its auth socket, which the C daemon does not have. The chroot is Debian's.
///
/// While saslauthd is stopped an smtpd says so once, and hangs up on the next client as it ends; then Postfix waits
/// before it starts another (`service_throttle_time`, here for a second and not for a minute).
pub struct ByDovecot;

impl Program for ByDovecot {
    const NAME: &str = "Postfix, Dovecot's protocol";
    const PACKAGE: &str = Postfix::PACKAGE;
    const LAYER: &str = Postfix::LAYER;
    const FILES: &[&str] = FILES;
    const SERVICE: &str = Postfix::SERVICE;
    const FLAGS: &str =
        "--socket=/var/spool/postfix/private/auth,protocol=dovecot,mode=0660,owner=postfix,group=postfix";
    const YES: &str = Postfix::YES;
    const NO: &str = Postfix::NO;
    const NOTHING: &str = Postfix::NOTHING;
    const REALM: Realm = Realm::Within;
    const WITH_C: bool = false;

    /// Debian 13 has this directory only from the first start of Postfix on.
    fn prepare() {
        sh("install -d -o postfix -m 0700 /var/spool/postfix/private");
    }

    fn start() -> Self {
        start_postfix(&format!("{AUTH_SOCKET}service_throttle_time = 1s\n"), true);
        Self
    }

    fn log_in(&self, login: &str, password: &str) -> String {
        smtp::log_in_with_patience(login, password)
    }
}
