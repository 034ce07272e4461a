//! Login formats, and logins in them.

use crate::input::{Input, SEPARATOR};
use crate::memory::most_held;
use saslauthd::config::Limits;
use saslauthd::config::login_format::LoginFormat;
use saslauthd::credentials::Credentials;
use saslauthd::secret::Secret;

const LIMITS: Limits = Limits { password: 64, field: 32 };

/// Whatever the format and the login are: the format is refused with a place within it, or makes of the login one that is
/// not empty, not too long and in which nothing is a token that was not one in the format.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes, SEPARATOR);
    let (format, login, realm) = (input.part(), input.part(), input.part());
    let Ok(text) = std::str::from_utf8(format) else { return };
    let ((), held) = most_held(|| check_format(text, cut(login), cut(realm)));
    assert!(held <= 64 * 1024 + 64 * bytes.len(), "{held} bytes held");
}

/// No decoder lets longer ones pass.
fn cut(field: &[u8]) -> &[u8] {
    field.get(..LIMITS.field).unwrap_or(field)
}

fn check_format(text: &str, login: &[u8], realm: &[u8]) {
    let format = match LoginFormat::parse(text) {
        Ok(format) => format,
        Err(error) => return assert!(error.offset <= text.len(), "{}", error.offset),
    };
    assert_eq!(format.text(), text);
    let mut made = Credentials {
        login: login.to_vec(),
        sent_login: None,
        password: Secret::copy_of(b"secret"),
        service: b"imap".to_vec(),
        realm: realm.to_vec(),
        client: None,
    };
    if login.is_empty() || format.apply(&mut made, LIMITS).is_err() {
        return;
    }
    assert!(!made.login.is_empty() && made.login.len() <= LoginFormat::longest_login(LIMITS));
    assert!(!made.login.contains(&0) || login.contains(&0) || realm.contains(&0) || text.contains('\0'));
}
