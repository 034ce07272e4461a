//! Mail servers that ask in Dovecot's auth protocol, without libsasl: Dovecot's own `auth` service and ours.

mod client_address;
mod dialogues;
mod exim;
mod penalty;
mod postfix;
mod reloads;

use super::smtp::{METHODS, Method};

/// Logins, passwords and what becomes of them.
const USERS: [(&str, &str); 2] = [("alice", "right horse"), ("bob@example.test", "other horse")];

/// Tries all that is right and all that is wrong, by both methods: the reply begins with `accepted` or `refused`.
#[track_caller]
fn expect_verdicts(accepted: &str, refused: &str, authenticate: impl Fn(Method, &str, &str) -> String) {
    for method in METHODS {
        for (login, password, start) in [
            ("alice", "right horse", accepted),
            ("alice", "wrong horse", refused),
            ("alice", "right hors", refused),
            ("nobody", "right horse", refused),
            ("bob@example.test", "other horse", accepted),
            ("bob", "other horse", refused),
            ("alice@example.test", "right horse", refused),
        ] {
            let reply = authenticate(method, login, password);
            assert!(reply.starts_with(start), "{method:?} {login:?} {password:?}: {reply}, and not {start}");
        }
    }
}
