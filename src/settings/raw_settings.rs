//! Everything a mechanism's settings come from, read by the supervisor and handed on.
#![forbid(unsafe_code)]

use super::file::Text;
use std::ffi::OsString;

/// The largest `saslauthd.conf` in bytes. It has to fit into one message to the frontend.
pub const LARGEST_FILE: usize = 128 * 1024;

/// The largest `ldap.conf` in bytes.
pub const LARGEST_LDAP_CONF: usize = 32 * 1024;

/// Where a mechanism's settings come from.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RawSettings {
    /// The name of the mechanism that they are for: `[mechanism NAME]` counts before the general part. `None` for the
    /// daemon as a whole.
    pub instance: Option<String>,
    /// `-O`, where it is not the name of the file.
    pub option: Option<OsString>,
    /// `saslauthd.conf`.
    pub file: Option<Text>,
    /// libldap's `ldap.conf`, for what the other leaves open.
    pub ldap_conf: Option<Text>,
}

impl RawSettings {
    /// The same once more, for somebody else to wipe.
    pub fn copy(&self) -> Self {
        Self {
            instance: self.instance.clone(),
            option: self.option.clone(),
            file: self.file.as_ref().map(Text::copy),
            ldap_conf: self.ldap_conf.as_ref().map(Text::copy),
        }
    }

    /// The same for one mechanism.
    pub fn of_instance(&self, name: &str) -> Self {
        Self { instance: Some(name.to_owned()), ..self.copy() }
    }
}
