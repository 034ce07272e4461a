//! What is in the domain besides what Samba puts there, as changes in LDIF.

use openssl::base64;
use std::fmt::Write;
use std::time::SystemTime;

/// The domain.
pub const SUFFIX: &str = "DC=ad,DC=example,DC=test";

/// What its users are below.
pub const USERS: &str = "CN=Users,DC=ad,DC=example,DC=test";

/// An account that may log in.
const NORMAL: &str = "512";

/// The account of a host.
const HOST: &str = "4096";

/// Accounts and groups, in the order in which they are made.
#[derive(Clone, Default)]
pub struct Entries(String);

impl Entries {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// An account with this sAMAccountName and password, and these attributes (lines of LDIF).
    pub fn user(self, name: &str, password: &str, attributes: &str) -> Self {
        let control = if attributes.contains("userAccountControl") { String::new() } else { control(NORMAL) };
        self.account("user", name, password, &format!("{control}{attributes}"))
    }

    /// The account of a host with the principal of a service, and its kinds of keys: 4 for RC4, 24 for AES ([MS-KILE],
    /// section 2.2.7).
    pub fn host(self, name: &str, service: &str, keys: u32) -> Self {
        let attributes = format!(
            "{}servicePrincipalName: {service}\nmsDS-SupportedEncryptionTypes: {keys}\n",
            control(HOST)
        );
        self.account("computer", &format!("{name}$"), "A-long-Passw0rd-of-a-host", &attributes)
    }

    /// A group with these members, by their names in [`USERS`].
    pub fn group(mut self, name: &str, members: &[&str]) -> Self {
        let members: String = members.iter().map(|member| format!("member: CN={member},{USERS}\n")).collect();
        _ = writeln!(
            self.0,
            "dn: CN={name},{USERS}\nchangetype: add\nobjectClass: group\nsAMAccountName: {name}\n{members}"
        );
        self
    }

    /// Other changes, in LDIF.
    pub fn change(mut self, ldif: &str) -> Self {
        _ = writeln!(self.0, "{ldif}\n");
        self
    }

    /// All of them.
    pub fn ldif(&self) -> &str {
        &self.0
    }

    fn account(mut self, class: &str, name: &str, password: &str, attributes: &str) -> Self {
        let dn = base64::encode_block(format!("CN={},{USERS}", name.trim_end_matches('$')).as_bytes());
        let name = base64::encode_block(name.as_bytes());
        let password: Vec<u8> = format!("\"{password}\"").encode_utf16().flat_map(u16::to_le_bytes).collect();
        let password = base64::encode_block(&password).replace('\n', "\n ");
        _ = writeln!(
            self.0,
            "dn:: {dn}\nchangetype: add\nobjectClass: {class}\nsAMAccountName:: {name}\nunicodePwd:: {password}\n{attributes}"
        );
        self
    }
}

fn control(flags: &str) -> String {
    format!("userAccountControl: {flags}\n")
}

/// A time as Active Directory has it, so many days from now: in 100 ns since 1601.
pub fn timestamp(days: i64) -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let days_of_unix = 134_774;
    (i64::try_from(now).unwrap() + (days_of_unix + days) * 24 * 60 * 60) * 10_000_000
}
