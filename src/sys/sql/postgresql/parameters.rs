//! What libpq is told about a connection.
#![forbid(unsafe_code)]

use crate::secret::Secret;
use crate::sys::sql::{NO_PASSPHRASE, SqlError, Target, TlsMode, authorities, text_for_c};
use std::ffi::CStr;
use std::net::IpAddr;
use std::path::Path;

/// A file that is nowhere. libpq looks in a home directory for certificates and passwords that nobody has named.
const NOWHERE: &str = "/dev/null/none";

/// Keywords and values, the latter with a NUL at their ends.
pub(super) type Parameters = Vec<(&'static CStr, Secret)>;

/// What to tell it to connect to `target`, at this address if its host is a name. Each setting that libpq would take from
/// its environment or from a file has a value here, or nobody's sense.
///
/// # Errors
/// When a text holds a NUL, or authorities are asked for that libpq cannot be given.
pub(super) fn of(target: &Target, address: Option<IpAddr>) -> Result<Parameters, SqlError> {
    let mut all: Vec<(&CStr, String)> = vec![
        (c"user", target.user.clone()),
        (c"dbname", target.database.clone()),
        (c"application_name", "saslauthd".to_owned()),
        (c"client_encoding", "UTF8".to_owned()),
        (c"gssencmode", "disable".to_owned()),
        (c"passfile", NOWHERE.to_owned()),
    ];
    all.extend(target.host.iter().map(|host| (c"host", host.clone())));
    all.extend(address.map(|address| (c"hostaddr", address.to_string())));
    all.extend(target.port.map(|port| (c"port", port.to_string())));
    all.extend(tls(&target.tls)?);
    let mut parameters = Parameters::new();
    for (name, value) in all {
        parameters.push((name, text_for_c(value.as_bytes())?));
    }
    parameters.push((c"password", text_for_c(target.password.as_bytes())?));
    Ok(parameters)
}

fn tls(mode: &TlsMode) -> Result<Vec<(&'static CStr, String)>, SqlError> {
    let TlsMode::On(files) = mode else { return Ok(vec![(c"sslmode", "disable".to_owned())]) };
    let named = |file: &Option<std::path::PathBuf>| {
        file.as_deref().map_or_else(|| Ok(NOWHERE.to_owned()), authorities::as_text)
    };
    let (mode, root) = if files.unverified {
        ("require", NOWHERE.to_owned())
    } else {
        ("verify-full", authorities::as_text(&one_file(files.ca_file.as_deref(), files.ca_dir.as_deref())?)?)
    };
    Ok(vec![
        (c"sslmode", mode.to_owned()),
        (c"sslrootcert", root),
        (c"sslcrl", NOWHERE.to_owned()),
        (c"sslcert", named(&files.certificate)?),
        (c"sslkey", named(&files.key)?),
        // OpenSSL would ask the terminal for that of an encrypted key, and wait.
        (c"sslpassword", NO_PASSPHRASE.to_owned()),
    ])
}

/// libpq looks into no directory, and 15 knows nothing of the system's authorities.
fn one_file(file: Option<&Path>, directory: Option<&Path>) -> Result<std::path::PathBuf, SqlError> {
    match (file, directory) {
        (Some(file), _) => Ok(file.to_owned()),
        (None, Some(directory)) => Err(SqlError::configuration(format!(
            "libpq takes the certificates of authorities from one file only, not from the directory {}",
            directory.display()
        ))),
        (None, None) => authorities::of_system(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::sql::tests::target;
    use crate::sys::sql::{Engine, TlsFiles};

    fn value(target: &Target, name: &CStr) -> Option<String> {
        let all = of(target, None).unwrap();
        let found = all.iter().find(|(keyword, _)| *keyword == name)?;
        Some(String::from_utf8(found.1.as_bytes().strip_suffix(b"\0").unwrap().to_vec()).unwrap())
    }

    #[test]
    fn neither_a_home_directory_nor_the_environment_has_a_say() {
        let target = target(Engine::Postgresql);
        assert_eq!(value(&target, c"passfile").unwrap(), NOWHERE);
        assert_eq!(value(&target, c"gssencmode").unwrap(), "disable");
        assert_eq!(value(&target, c"sslmode").unwrap(), "disable");
        assert_eq!(value(&target, c"password").unwrap(), "secret");
    }

    #[test]
    fn tls_checks_the_name_unless_told_otherwise_and_shows_only_what_is_named() {
        let mut target = target(Engine::Postgresql);
        target.tls = TlsMode::On(TlsFiles { ca_file: Some("/ca.pem".into()), ..TlsFiles::default() });
        for (name, expected) in [
            (c"sslmode", "verify-full"),
            (c"sslrootcert", "/ca.pem"),
            (c"sslcert", NOWHERE),
            (c"sslkey", NOWHERE),
            (c"sslpassword", NO_PASSPHRASE),
        ] {
            assert_eq!(value(&target, name).unwrap(), expected, "{name:?}");
        }
        target.tls = TlsMode::On(TlsFiles { unverified: true, ..TlsFiles::default() });
        assert_eq!(value(&target, c"sslmode").unwrap(), "require");
    }

    #[test]
    fn a_directory_of_authorities_and_texts_with_nul_are_refused_before_libpq_sees_them() {
        let mut target = target(Engine::Postgresql);
        target.tls = TlsMode::On(TlsFiles { ca_dir: Some("/etc/ssl/certs".into()), ..TlsFiles::default() });
        assert!(of(&target, None).err().unwrap().text.contains("/etc/ssl/certs"));
        target.tls = TlsMode::Off;
        target.user = "a\0b".into();
        assert!(of(&target, None).is_err());
    }
}
