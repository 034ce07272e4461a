//! Exim as Debian installs it, with authenticators that its configuration has in comments: these are uncommented, and a
//! macro of Debian's allows logins without TLS.

use super::smtp;
use crate::inside::{edit, launch, sh, uncomment, wait_for_port, write};
use crate::trial::{Program, Realm};

const FILES: &[&str] = &["/usr/sbin/exim4", "/etc/exim4/exim4.conf.template"];

fn start_exim(from: &str, to: &str) {
    edit("/etc/exim4/exim4.conf.template", |text| uncomment(&text, from, to));
    // The name that the manual leaves open.
    sh("sed -i 's/<short main hostname>/mail/' /etc/exim4/exim4.conf.template");
    write("/etc/exim4/exim4.conf.localmacros", "AUTH_SERVER_ALLOW_NOTLS_PASSWORDS = true\n");
    sh("adduser --quiet Debian-exim sasl");
    launch("/etc/init.d/exim4 start");
    wait_for_port(25);
}

/// With the condition `saslauthd`, which is a client of the socket without libsasl.
pub struct Condition;

impl Program for Condition {
    const NAME: &str = "Exim, condition `saslauthd`";
    const PACKAGE: &str = "exim4-daemon-heavy";
    const LAYER: &str = "exim";
    const FILES: &[&str] = FILES;
    /// It names none.
    const SERVICE: &str = "other";
    const YES: &str = "235";
    const NO: &str = "535";
    const NOTHING: &str = "435";
    const REALM: Realm = Realm::Within;
    /// Debian's Exim takes 20 connections at a time.
    const AT_ONCE: usize = 15;

    fn start() -> Self {
        start_exim("# plain_saslauthd_server:", "# ntlm_sasl_server:");
        Self
    }

    fn log_in(&self, login: &str, password: &str) -> String {
        smtp::log_in(login, password)
    }
}

/// With the driver `cyrus_sasl`.
pub struct CyrusSasl;

impl Program for CyrusSasl {
    const NAME: &str = "Exim, driver `cyrus_sasl`";
    const PACKAGE: &str = Condition::PACKAGE;
    const LAYER: &str = Condition::LAYER;
    const FILES: &[&str] = FILES;
    const SERVICE: &str = "smtp";
    const YES: &str = Condition::YES;
    const NO: &str = Condition::NO;
    const NOTHING: &str = Self::NO;
    const REALM: Realm = Realm::Apart;
    const AT_ONCE: usize = Condition::AT_ONCE;

    fn start() -> Self {
        write("/etc/sasl2/exim.conf", "pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n");
        start_exim("# plain_sasl_server:", "# Authenticate against courier");
        Self
    }

    fn log_in(&self, login: &str, password: &str) -> String {
        smtp::log_in(login, password)
    }
}
