//! What a policy server, or whatever answers in its place, can say.

use saslauthd::weakforced::{Reply, read_reply};

/// The longest message that is kept, in characters.
const LONGEST_MESSAGE: usize = 200;

/// An answer is one object with one whole number as its status; blanks around it change nothing, and nothing may follow it.
pub fn check(bytes: &[u8]) {
    let Ok(Reply { status, message }) = read_reply(bytes) else { return };
    assert!(message.chars().count() <= LONGEST_MESSAGE);
    let text = std::str::from_utf8(bytes).expect("JSON is UTF-8");
    let object = text.trim_matches([' ', '\t', '\n', '\r']);
    assert!(object.starts_with('{') && object.ends_with('}'), "{text:?}");
    assert!(object.contains(&status.to_string()) || status == 0, "{text:?}");
    let same = Ok(Reply { status, message });
    assert_eq!(read_reply(format!("\r\n\t {object} ").as_bytes()), same, "{text:?}");
    assert!(read_reply(format!("{object}x").as_bytes()).is_err(), "{text:?}");
    assert!(read_reply(format!("{object}{object}").as_bytes()).is_err(), "{text:?}");
    assert!(read_reply(format!("[{object}]").as_bytes()).is_err(), "{text:?}");
    let deeper = format!("{{\"x\":{object},\"status\":7}}");
    if let Ok(outer) = read_reply(deeper.as_bytes()) {
        assert_eq!(outer.status, 7, "what is inside of something else does not count: {text:?}");
    }
}
