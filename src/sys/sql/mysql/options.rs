//! What libmariadb is told about a connection beside where it leads. Pure.
#![forbid(unsafe_code)]

use super::functions::*;
use crate::secret::Secret;
use crate::sys::sql::{NO_PASSPHRASE, SqlError, Target, TlsMode, authorities, text_for_c};
use std::ffi::c_uint;
use std::path::Path;
use std::time::Duration;

/// The value of an option.
pub(super) enum Value {
    /// A text with a NUL at its end.
    Text(Secret),
    /// Seconds.
    Number(c_uint),
    /// Yes or no.
    Flag(my_bool),
    /// Bytes.
    Size(usize),
}

/// The stack on which the library does what can be interrupted: beside TLS it looks up a name there, in whatever modules
/// nsswitch.conf has. Pages that are never touched cost nothing.
const STACK: usize = 1 << 20;

/// Ways to log in that tell a listener, or a server that is another, no password.
const CAREFUL: &str = "mysql_native_password,caching_sha2_password,sha256_password,client_ed25519,parsec";

/// With one that tells it, for where nobody listens.
const ALL: &str =
    "mysql_native_password,caching_sha2_password,sha256_password,client_ed25519,parsec,mysql_clear_password";

/// Whether that server is asked at a unix socket: the library takes `localhost` for one, too, as MySQL's own does.
pub(super) fn is_local(target: &Target) -> bool {
    target.host.as_deref().is_none_or(|host| host == "localhost" || host.starts_with('/'))
}

/// Whether what is said is encrypted.
pub(super) fn is_encrypted(target: &Target) -> bool {
    target.tls != TlsMode::Off && !is_local(target)
}

/// Whether the certificate of that server must have its name.
pub(super) fn is_name_checked(target: &Target) -> bool {
    is_encrypted(target) && matches!(&target.tls, TlsMode::On(files) if !files.unverified)
}

/// The options, each with its value. `share` is how long one of several addresses of a name may take to be connected to.
///
/// # Errors
/// When a path cannot be given to the library, or there are no authorities.
pub(super) fn of(target: &Target, share: Duration) -> Result<Vec<(mysql_option, Value)>, SqlError> {
    let text = |text: &str| text_for_c(text.as_bytes()).map(Value::Text);
    let mut all = vec![
        (MYSQL_OPT_NONBLOCK, Value::Size(STACK)),
        (MYSQL_OPT_CONNECT_TIMEOUT, Value::Number(seconds(share))),
        (MYSQL_OPT_READ_TIMEOUT, Value::Number(seconds(target.answer_timeout))),
        (MYSQL_OPT_WRITE_TIMEOUT, Value::Number(seconds(target.answer_timeout))),
        (MYSQL_SET_CHARSET_NAME, text("utf8mb4")?),
        // A server could ask for any file of this machine.
        (MYSQL_OPT_LOCAL_INFILE, Value::Number(0)),
        // No table is read to its end for a statement that matches all of it.
        (MYSQL_INIT_COMMAND, text("SET SESSION sql_select_limit=2")?),
        (
            MARIADB_OPT_RESTRICTED_AUTH,
            text(if is_encrypted(target) || is_local(target) { ALL } else { CAREFUL })?,
        ),
    ];
    all.extend(tls(target)?);
    Ok(all)
}

fn tls(target: &Target) -> Result<Vec<(mysql_option, Value)>, SqlError> {
    let (true, TlsMode::On(files)) = (is_encrypted(target), &target.tls) else {
        return Ok(vec![
            (MYSQL_OPT_SSL_ENFORCE, Value::Flag(0)),
            (MYSQL_OPT_SSL_VERIFY_SERVER_CERT, Value::Flag(0)),
        ]);
    };
    let path = |path: &Path| text_for_c(authorities::as_text(path)?.as_bytes()).map(Value::Text);
    let mut all = vec![
        (MYSQL_OPT_SSL_ENFORCE, Value::Flag(1)),
        (MYSQL_OPT_SSL_VERIFY_SERVER_CERT, Value::Flag(my_bool::from(!files.unverified))),
        // OpenSSL would ask the terminal for that of an encrypted key, and wait.
        (MARIADB_OPT_TLS_PASSPHRASE, Value::Text(text_for_c(NO_PASSPHRASE.as_bytes())?)),
    ];
    let system = match (&files.ca_file, &files.ca_dir) {
        (None, None) if !files.unverified => Some(authorities::of_system()?),
        _ => None,
    };
    let named = [
        (MYSQL_OPT_SSL_CA, files.ca_file.as_deref().or(system.as_deref())),
        (MYSQL_OPT_SSL_CAPATH, files.ca_dir.as_deref()),
        (MYSQL_OPT_SSL_CERT, files.certificate.as_deref()),
        (MYSQL_OPT_SSL_KEY, files.key.as_deref()),
    ];
    for (option, file) in named {
        if let Some(file) = file {
            all.push((option, path(file)?));
        }
    }
    Ok(all)
}

/// At least one: none would be for ever.
pub(super) fn seconds(time: Duration) -> c_uint {
    c_uint::try_from(time.as_millis().div_ceil(1000)).unwrap_or(c_uint::MAX).max(1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::sql::{Engine, TlsFiles, tests::target};

    fn flag(target: &Target, option: mysql_option) -> Option<my_bool> {
        of(target, target.connect_timeout).unwrap().iter().find_map(|(one, value)| match value {
            Value::Flag(flag) if *one == option => Some(*flag),
            _ => None,
        })
    }

    fn ways(target: &Target) -> Vec<u8> {
        let all = of(target, target.connect_timeout).unwrap();
        let found = all.iter().find(|(option, _)| *option == MARIADB_OPT_RESTRICTED_AUTH).unwrap();
        let Value::Text(text) = &found.1 else { panic!("not a text") };
        text.as_bytes().to_vec()
    }

    #[test]
    fn a_password_goes_in_clear_only_where_nobody_listens() {
        let mut target = target(Engine::Mysql);
        target.host = Some("db.example.com".into());
        let is_clear = |target: &Target| ways(target).windows(20).any(|part| part == b"mysql_clear_password");
        assert!(!is_clear(&target));
        target.tls = TlsMode::On(TlsFiles { unverified: true, ..TlsFiles::default() });
        assert!(is_clear(&target));
        target.tls = TlsMode::Off;
        for host in [None, Some("localhost"), Some("/run/mysqld/mysqld.sock")] {
            target.host = host.map(str::to_owned);
            assert!(is_clear(&target), "{host:?}");
        }
    }

    #[test]
    fn tls_is_verified_unless_told_otherwise_and_not_spoken_at_a_socket() {
        let mut target = target(Engine::Mysql);
        target.tls = TlsMode::On(TlsFiles { ca_file: Some("/ca.pem".into()), ..TlsFiles::default() });
        let both = |target: &Target| {
            (
                flag(target, MYSQL_OPT_SSL_ENFORCE).unwrap(),
                flag(target, MYSQL_OPT_SSL_VERIFY_SERVER_CERT).unwrap(),
            )
        };
        assert_eq!(both(&target), (1, 1));
        target.host = Some("/run/mysqld/mysqld.sock".into());
        assert_eq!(both(&target), (0, 0));
        target.host = Some("db".into());
        target.tls = TlsMode::On(TlsFiles { unverified: true, ..TlsFiles::default() });
        assert_eq!(both(&target), (1, 0));
    }

    #[test]
    fn nobody_is_asked_for_the_passphrase_of_a_key() {
        let mut target = target(Engine::Mysql);
        target.host = Some("db".into());
        target.tls = TlsMode::On(TlsFiles { unverified: true, ..TlsFiles::default() });
        let all = of(&target, target.connect_timeout).unwrap();
        assert!(all.iter().any(|(option, _)| *option == MARIADB_OPT_TLS_PASSPHRASE));
    }

    #[test]
    fn times_are_rounded_up_to_seconds_and_none_is_for_ever() {
        for (time, expected) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (5000, 5), (u64::MAX, u32::MAX)] {
            assert_eq!(seconds(Duration::from_millis(time)), expected, "{time}");
        }
    }
}
