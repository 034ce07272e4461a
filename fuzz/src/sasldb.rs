//! Files of libsasl's database, in each of its formats.

use saslauthd::mechanism::sasldb::database::walk;

/// Whatever is in the file: all entries together are no longer than it is, since no two of them share a byte, and what is
/// said of it is one sentence.
pub fn check(bytes: &[u8]) {
    let mut handed_out = 0;
    let walked = walk(bytes, &mut |key, value| handed_out += key.len() + value.len());
    assert!(handed_out <= bytes.len(), "{handed_out} of {} bytes", bytes.len());
    if let Err(error) = walked {
        let told = error.to_string();
        assert!(told.len() < 200 && !told.contains(char::is_control), "{told:?}");
    }
}
