//! Stored passwords of directories and passwd files, and the lines of such files.

use crate::input::{Input, SEPARATOR};
use saslauthd::mechanism::schemes::Stored;
use saslauthd::registry::{Kind, find};
use saslauthd::settings::raw_settings::RawSettings;
use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;

/// In no hash and no login.
const MARK: &str = "q7Zw0x9q7Zw0x9";

/// Whatever is stored: it is taken or refused in one sentence; what is inspected without a fault can be compared without
/// one; nothing matches an empty password; and what is told of a file shows no hash of it.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes, SEPARATOR);
    let (stored, password, file) = (input.part(), input.part(), input.part());
    check_value(stored, password);
    check_file(file);
}

fn check_value(stored: &[u8], password: &[u8]) {
    for parsed in [Stored::parse(stored), Stored::parse_hash(stored)].into_iter().flatten() {
        assert!(!matches!(parsed.check(b""), Ok(true)), "an empty password matches");
        // The others may take seconds: rounds are part of what is stored.
        if parsed.is_slow() || parsed.inspect().is_err() {
            continue;
        }
        assert!(parsed.check(password).is_ok(), "what was inspected cannot be compared");
        if !password.is_empty() && matches!(parsed.check(password), Ok(true)) {
            let other = [password, b"x"].concat();
            assert!(!matches!(parsed.check(&other), Ok(true)), "two passwords match");
        }
    }
}

thread_local! {
    /// Where this thread has its file.
    static PATH: RefCell<PathBuf> = RefCell::new(
        std::env::temp_dir().join(format!("saslauthd-fuzz-{}-{:?}", std::process::id(), std::thread::current().id())),
    );
}

fn check_file(file: &[u8]) {
    let text = [file, b"\nmarked:$9$", MARK.as_bytes(), b":rest"].concat();
    let path = PATH.with_borrow(PathBuf::clone);
    fs::write(&path, text).expect("a file for the test");
    let Some(Kind::Local(local)) = find("passwdfile").map(|mechanism| &mechanism.kind) else {
        unreachable!()
    };
    let sources = RawSettings { option: Some(path.clone().into_os_string()), ..RawSettings::default() };
    for problem in (local.check)(&sources) {
        let shown = problem.to_string();
        assert!(!shown.contains(MARK), "a hash is told: {shown}");
        assert!(!shown.contains(char::is_control), "{shown:?}");
    }
    drop(fs::remove_file(path));
}
