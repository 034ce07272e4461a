//! The entries of a directory, as LDIF.

use openssl::base64::encode_block;

/// Everything is below it.
pub const SUFFIX: &str = "dc=example,dc=org";

/// Where the users are.
pub const PEOPLE: &str = "ou=people,dc=example,dc=org";

/// The account that searches, and the only one that may read passwords and groups.
pub const SERVICE: &str = "cn=service,dc=example,dc=org";

/// Its password.
pub const SERVICE_PASSWORD: &str = "secret";

/// What slapd is filled with.
pub struct Entries(String);

impl Entries {
    /// The containers, and the service account.
    pub fn new() -> Self {
        let empty = Self(String::new());
        let unit = |name: &str| [("objectClass", "organizationalUnit".to_owned()), ("ou", name.to_owned())];
        empty
            .entry(
                SUFFIX,
                &[
                    ("objectClass", "dcObject"),
                    ("objectClass", "organization"),
                    ("dc", "example"),
                    ("o", "example"),
                ],
            )
            .entry(
                SERVICE,
                &[
                    ("objectClass", "organizationalRole"),
                    ("objectClass", "simpleSecurityObject"),
                    ("cn", "service"),
                    ("userPassword", SERVICE_PASSWORD),
                ],
            )
            .entry(PEOPLE, &unit("people"))
            .entry(&format!("ou=groups,{SUFFIX}"), &unit("groups"))
    }

    /// A user below [`PEOPLE`].
    pub fn user(self, login: &str, password: impl AsRef<[u8]>) -> Self {
        self.user_below(PEOPLE, login, password)
    }

    /// A user below another entry.
    pub fn user_below(self, parent: &str, login: &str, password: impl AsRef<[u8]>) -> Self {
        let attributes: [(&str, &[u8]); 5] = [
            ("objectClass", b"inetOrgPerson"),
            ("uid", login.as_bytes()),
            ("cn", login.as_bytes()),
            ("sn", b"user"),
            ("userPassword", password.as_ref()),
        ];
        self.entry(&format!("uid={},{parent}", escaped(login)), &attributes)
    }

    /// So many users: `user0` with the password `right0`, and so on.
    pub fn users(self, count: usize) -> Self {
        (0..count)
            .fold(self, |entries, number| entries.user(&format!("user{number}"), format!("right{number}")))
    }

    /// An organizational unit below the suffix.
    pub fn unit(self, name: &str) -> Self {
        let attributes = [("objectClass", "organizationalUnit"), ("ou", name)];
        self.entry(&format!("ou={},{SUFFIX}", escaped(name)), &attributes)
    }

    /// A group of names.
    pub fn group(self, name: &str, members: &[&str]) -> Self {
        let members: Vec<_> = members.iter().map(|member| distinguished_name(member)).collect();
        let mut attributes = vec![("objectClass", "groupOfUniqueNames"), ("cn", name)];
        attributes.extend(members.iter().map(|member| ("uniqueMember", member.as_str())));
        self.entry(&format!("cn={name},ou=groups,{SUFFIX}"), &attributes)
    }

    /// A group of logins.
    pub fn posix_group(self, name: &str, logins: &[&str]) -> Self {
        let mut attributes = vec![("objectClass", "posixGroup"), ("cn", name), ("gidNumber", "4711")];
        attributes.extend(logins.iter().map(|login| ("memberUid", *login)));
        self.entry(&format!("cn={name},ou=groups,{SUFFIX}"), &attributes)
    }

    /// What stands below the name is on another server.
    pub fn referral(self, name: &str, uri: &str) -> Self {
        let classes =
            [("objectClass", "referral"), ("objectClass", "extensibleObject"), ("ou", name), ("ref", uri)];
        self.entry(&format!("ou={name},{SUFFIX}"), &classes)
    }

    /// Any entry.
    pub fn entry<T: AsRef<[u8]>>(mut self, name: &str, attributes: &[(&str, T)]) -> Self {
        let line =
            |(key, value): (&str, &[u8])| format!("{key}:: {}\n", encode_block(value).replace('\n', ""));
        self.0.push_str(&line(("dn", name.as_bytes())));
        for (key, value) in attributes {
            self.0.push_str(&line((key, value.as_ref())));
        }
        self.0.push('\n');
        self
    }

    /// All of it.
    pub fn ldif(&self) -> &str {
        &self.0
    }
}

/// The name of a user's entry below [`PEOPLE`].
fn distinguished_name(login: &str) -> String {
    format!("uid={},{PEOPLE}", escaped(login))
}

/// Escapes every byte that RFC 4514 might mean, so that this is easy to trust.
fn escaped(value: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("\\{byte:02x}"),
    };
    value.bytes().map(escape).collect()
}
