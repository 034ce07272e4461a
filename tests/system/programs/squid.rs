//! Squid's helper basic_sasl_auth, which Squid asks in lines.

use crate::inside::{output, sh, write};
use crate::trial::{Program, Realm};

/// The helper.
pub struct Squid;

impl Program for Squid {
    const NAME: &str = "Squid, basic_sasl_auth";
    const PACKAGE: &str = "squid";
    const LAYER: &str = "others";
    const FILES: &[&str] = &["/usr/lib/squid/basic_sasl_auth"];
    const SERVICE: &str = "basic_sasl_auth";
    const YES: &str = "OK";
    const NO: &str = "ERR";
    const NOTHING: &str = Self::NO;
    const REALM: Realm = Realm::Apart;

    fn start() -> Self {
        write("/etc/sasl2/basic_sasl_auth.conf", "pwcheck_method: saslauthd\n");
        sh("adduser --quiet proxy sasl");
        Self
    }

    fn log_in(&self, login: &str, password: &str) -> String {
        let line = format!("{} {}\n", escaped(login), escaped(password));
        let helper = ["setpriv", "--reuid=proxy", "--regid=proxy", "--init-groups", Self::FILES[0]];
        output(&helper, &[], &line).split_whitespace().next().unwrap_or_default().to_owned()
    }
}

/// As Squid writes them (RFC 1738).
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
