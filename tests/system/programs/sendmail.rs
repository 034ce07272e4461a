//! Sendmail as Debian installs it. Its sendmail.mc includes Debian's sasl.m4, as that file says; the package sets up the
//! rest of SASL. For the tests it takes more than 15 connections a second, and on a busy machine too (`confREFUSE_LA`).

use super::smtp;
use crate::inside::{edit, launch, sh, wait_for_port};
use crate::trial::{Program, Realm};

/// Sendmail with AUTH.
pub struct Sendmail;

impl Program for Sendmail {
    const NAME: &str = "Sendmail";
    const PACKAGE: &str = "sendmail-bin";
    const LAYER: &str = "sendmail";
    const FILES: &[&str] = &["/etc/mail/sendmail.mc", "/etc/mail/sasl/sasl.m4"];
    const SERVICE: &str = "smtp";
    const YES: &str = "235";
    const NO: &str = "535";
    const NOTHING: &str = Self::NO;
    const REALM: Realm = Realm::Apart;
    /// At 50 connections it hangs by itself.
    const AT_ONCE: usize = 10;

    fn start() -> Self {
        edit("/etc/mail/sendmail.mc", |text| {
            let text = text
                .replace("MAILER_DEFINITIONS", "include(`/etc/mail/sasl/sasl.m4')dnl\ndefine(`confREFUSE_LA', `10000')dnl\nMAILER_DEFINITIONS");
            text.replace("define(`confCONNECTION_RATE_THROTTLE'", "dnl define(`confCONNECTION_RATE_THROTTLE'")
        });
        sh("make -C /etc/mail");
        launch("/etc/init.d/sendmail start");
        wait_for_port(25);
        Self
    }

    fn log_in(&self, login: &str, password: &str) -> String {
        smtp::log_in(login, password)
    }
}
