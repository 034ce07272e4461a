//! dovecot.conf, which 2.4 wants with other names than 2.3.

use super::{Dovecot, PORT, PROGRAM, TLS_PORT};
use crate::support::certificates::Certificate;
use crate::support::command::run;
use std::process::Command;
use std::sync::OnceLock;

/// The names of settings.
#[derive(Clone, Copy)]
pub enum Version {
    /// Up to 2.3, that of Debian 12.
    Old,
    /// From 2.4, that of Debian 13.
    New,
}

impl Version {
    /// That of the installed program.
    pub fn installed() -> Self {
        static VERSION: OnceLock<Version> = OnceLock::new();
        *VERSION.get_or_init(|| {
            let mut command = Command::new(PROGRAM);
            command.arg("--version");
            let said = run(command).output;
            let mut numbers = said.split('.').map_while(|number| number.parse::<u32>().ok());
            let version = numbers.next().zip(numbers.next()).unwrap_or_else(|| panic!("no version: {said}"));
            if version < (2, 4) { Self::Old } else { Self::New }
        })
    }

    /// How the login is named in a setting.
    pub fn login(self) -> &'static str {
        match self {
            Self::Old => "%u",
            Self::New => "%{user}",
        }
    }

    /// The lines without which 2.4 reads no file.
    pub fn head(self) -> &'static str {
        match self {
            Self::Old => "",
            Self::New => "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n",
        }
    }
}

/// The whole file for a Dovecot below `directory`.
pub(super) fn of(dovecot: &Dovecot, directory: &str) -> String {
    let version = Version::installed();
    let (address, delay) = (dovecot.address, dovecot.failure_delay);
    let (accounts, tls) = (accounts(version, directory), tls(version, dovecot));
    let first = version.head();
    let user = version.login();
    let forever = match version {
        Version::Old => "service_count = 0",
        Version::New => "restart_request_count = unlimited",
    };
    format!(
        // Without the penalty, which delays whoever has failed before.
        "{first}\
         base_dir = {directory}/run\n\
         state_dir = {directory}/state\n\
         log_path = /dev/stderr\n\
         protocols = imap\n\
         listen = {address}\n\
         {tls}\
         auth_mechanisms = plain login\n\
         auth_failure_delay = {delay} secs\n\
         auth_username_chars =\n\
         auth_username_format = {user}\n\
         first_valid_uid = 0\n\
         mail_max_userip_connections = 0\n\
         {accounts}\
         service imap-login {{\n\
         inet_listener imap {{\n port = {PORT}\n}}\n\
         inet_listener imaps {{\n port = {TLS_PORT}\n ssl = yes\n}}\n\
         {forever}\n\
         process_min_avail = 1\n}}\n\
         service anvil {{\nunix_listener anvil-auth-penalty {{\n mode = 0\n}}\n}}\n"
    )
}

fn accounts(version: Version, directory: &str) -> String {
    match version {
        Version::Old => format!(
            "mail_location = maildir:{directory}/mail/box\n\
             passdb {{\n driver = passwd-file\n args = username_format=%u {directory}/users\n}}\n\
             userdb {{\n driver = static\n args = uid=65534 gid=65534 home={directory}/mail\n}}\n"
        ),
        Version::New => format!(
            "mail_driver = maildir\n\
             mail_path = {directory}/mail/box\n\
             passdb passwd-file {{\n passwd_file_path = {directory}/users\n}}\n\
             userdb static {{\n fields {{\n  uid = 65534\n  gid = 65534\n  home = {directory}/mail\n }}\n}}\n"
        ),
    }
}

fn tls(version: Version, dovecot: &Dovecot) -> String {
    let cleartext = match (version, dovecot.is_encrypted_only) {
        (Version::Old, true) => "disable_plaintext_auth = yes\n",
        (Version::Old, false) => "disable_plaintext_auth = no\n",
        // Where TLS is required it is an error to say more.
        (Version::New, true) => "",
        (Version::New, false) => "auth_allow_cleartext = yes\n",
    };
    let Some(Certificate { certificate, key, .. }) = &dovecot.certificate else {
        return format!("ssl = no\n{cleartext}");
    };
    let (certificate, key) = (certificate.display(), key.display());
    let required = if dovecot.is_encrypted_only { "required" } else { "yes" };
    let files = match version {
        Version::Old => format!("verbose_ssl = yes\nssl_cert = <{certificate}\nssl_key = <{key}\n"),
        Version::New => format!(
            "log_debug = category=ssl\nssl_server_cert_file = {certificate}\nssl_server_key_file = {key}\n"
        ),
    };
    let clients = dovecot.client_authority.as_ref().map_or_else(String::new, |authority| {
        let file = authority.display();
        match version {
            Version::Old => format!(
                "ssl_ca = <{file}\nssl_verify_client_cert = yes\nssl_require_crl = no\n\
                 auth_ssl_require_client_cert = yes\n"
            ),
            Version::New => format!(
                "ssl_server_ca_file = {file}\nssl_server_request_client_cert = yes\n\
                 ssl_server_require_crl = no\nauth_ssl_require_client_cert = yes\n"
            ),
        }
    });
    format!("ssl = {required}\n{cleartext}{files}{clients}")
}
