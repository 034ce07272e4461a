//! Everything a mechanism's settings come from, read by the supervisor and handed on.
#![forbid(unsafe_code)]

use super::file::Text;
use std::ffi::OsString;

/// Where a mechanism's settings come from.
#[derive(Default)]
pub struct Sources {
    /// `-O`, where it is not the name of the file.
    pub option: Option<OsString>,
    /// `saslauthd.conf`.
    pub file: Option<Text>,
    /// libldap's `ldap.conf`, for what the other leaves open.
    pub ldap_conf: Option<Text>,
}
