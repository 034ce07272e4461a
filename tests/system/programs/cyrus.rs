//! Cyrus IMAP as Debian installs it, asked by its own test program. In its imapd.conf `sasl_pwcheck_method` is changed
//! and `sasl_mech_list` is PLAIN; logins of a realm are allowed (`loginrealms`), and nobody waits after a wrong password
//! (`failedloginpause`).

use crate::inside::{edit, launch, output, wait_for_port};
use crate::support::eventually;
use crate::trial::{Program, Realm};

const IMTEST: &str = "/usr/lib/cyrus/bin/imtest";

/// What the server said last to `method` of this test program.
fn ask(method: &str, login: &str, password: &str) -> String {
    // While it starts another server, master may leave a client without a greeting.
    let text = eventually("the test program gets through", || {
        let text = output(
            &[IMTEST, "-m", method],
            &["-u", login, "-a", login, "-w", password, "localhost"],
            ". logout\r\n",
        );
        (text.contains("\nAuthenticat")).then_some(text)
    });
    if text.contains("\nAuthenticated.") {
        return "OK".to_owned();
    }
    let line = text.lines().rfind(|line| line.starts_with("S: ")).expect("the server said something");
    let (_, words) = line.split_once(['N', '-']).unwrap_or(("", line));
    words.trim_start_matches("O ").trim_start_matches("Login failed: ").to_owned()
}

/// imapd: AUTHENTICATE PLAIN, and LOGIN.
pub struct Imap;

impl Program for Imap {
    const NAME: &str = "Cyrus IMAP";
    const PACKAGE: &str = "cyrus-imapd";
    const LAYER: &str = "cyrus";
    const FILES: &[&str] = &["/usr/lib/cyrus/bin/imapd", IMTEST];
    const SERVICE: &str = "imap";
    const YES: &str = "OK";
    const NO: &str = "authentication failure";
    const NOTHING: &str = "generic failure";
    const REALM: Realm = Realm::Apart;
    /// Its own names are ASCII.
    const UTF_8: &str = "joerg";

    fn start() -> Self {
        edit("/etc/imapd.conf", |text| {
            let text = text.replace("\nsasl_pwcheck_method: auxprop", "\nsasl_pwcheck_method: saslauthd");
            format!("{text}\nsasl_mech_list: PLAIN\nfailedloginpause: 0\nloginrealms: example.test\n")
        });
        launch("/etc/init.d/cyrus-imapd start");
        wait_for_port(143);
        Self
    }

    fn log_in(&self, login: &str, password: &str) -> String {
        let word = ask("plain", login, password);
        // Only ASCII may be in LOGIN.
        if login.is_ascii() && password.is_ascii() {
            assert_eq!(ask("login", login, password), word, "LOGIN {login:?} {password:?}");
        }
        word
    }
}
