//! The JSON that a server gets: the keys in Dovecot's order, without blanks, and strings as Dovecot writes them.
#![forbid(unsafe_code)]

use crate::policy::policy_server::{Attempt, Question, Report};
use std::fmt::Write;

/// The body of a request.
pub(super) fn body(question: &Question) -> String {
    let (attempt, report) = match question {
        Question::Allow(attempt) => (attempt, None),
        Question::Report(attempt, report) => (attempt, Some(*report)),
    };
    let mut body = String::with_capacity(256);
    write_body(&mut body, attempt, report);
    body
}

fn write_body(body: &mut String, attempt: &Attempt, report: Option<Report>) {
    let Attempt { login, password_hash, client, service, connection } = attempt;
    let (hash, address) = (format!("{password_hash:04x}"), client.to_string());
    let strings: [(&str, &[u8]); 6] = [
        ("{\"device_id\":", &connection.device),
        (",\"login\":", login),
        (",\"protocol\":", service),
        (",\"pwhash\":", hash.as_bytes()),
        (",\"remote\":", address.as_bytes()),
        (",\"session_id\":", &connection.session),
    ];
    for (name, value) in strings {
        body.push_str(name);
        push_string(body, value);
    }
    // Nothing fails that is written to memory.
    if let Some(Report { success, policy_reject }) = report {
        let _ = write!(body, ",\"success\":{success},\"policy_reject\":{policy_reject}");
    }
    let _ = write!(body, ",\"tls\":{}}}", connection.has_tls);
}

/// Bytes that are no UTF-8 become U+FFFD, each of them one.
fn push_string(body: &mut String, value: &[u8]) {
    body.push('"');
    for chunk in value.utf8_chunks() {
        chunk.valid().chars().for_each(|character| push_character(body, character));
        body.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    body.push('"');
}

fn push_character(body: &mut String, character: char) {
    match character {
        '"' | '\\' => body.extend(['\\', character]),
        '\u{8}' => body.push_str("\\b"),
        '\t' => body.push_str("\\t"),
        '\n' => body.push_str("\\n"),
        '\u{c}' => body.push_str("\\f"),
        '\r' => body.push_str("\\r"),
        // The last two end a line for JavaScript.
        '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
            let _ = write!(body, "\\u{:04x}", u32::from(character));
        }
        _ => body.push(character),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::credentials::MailConnection;
    use std::rc::Rc;

    fn attempt(login: &[u8]) -> Rc<Attempt> {
        let attempt = Attempt {
            login: login.to_vec(),
            password_hash: 0x23d,
            client: "10.1.1.1".parse().unwrap(),
            service: b"smtp".to_vec(),
            connection: MailConnection::default(),
        };
        Rc::new(attempt)
    }

    #[test]
    fn a_question_is_dovecots() {
        assert_eq!(
            body(&Question::Allow(attempt(b"anna"))),
            r#"{"device_id":"","login":"anna","protocol":"smtp","pwhash":"023d","remote":"10.1.1.1","session_id":"","tls":false}"#
        );
    }

    #[test]
    fn a_report_is_dovecots() {
        let report = Report { success: true, policy_reject: false };
        assert_eq!(
            body(&Question::Report(attempt(b"anna"), report)),
            r#"{"device_id":"","login":"anna","protocol":"smtp","pwhash":"023d","remote":"10.1.1.1","session_id":"","success":true,"policy_reject":false,"tls":false}"#
        );
    }

    #[test]
    fn what_the_mail_server_tells_of_its_client_is_passed_on() {
        let connection = MailConnection {
            has_tls: true,
            session: br#"abc"d\e/f"#.to_vec(),
            device: br#"("name" "x")"#.to_vec(),
        };
        let attempt = Attempt { connection, ..(*attempt(b"anna")).clone() };
        assert_eq!(
            body(&Question::Allow(Rc::new(attempt))),
            r#"{"device_id":"(\"name\" \"x\")","login":"anna","protocol":"smtp","pwhash":"023d","remote":"10.1.1.1","session_id":"abc\"d\\e/f","tls":true}"#
        );
    }

    #[test]
    fn whatever_a_login_is_it_stays_a_string_and_is_written_as_dovecot_does() {
        for (login, written) in [
            (&b"a\x08\t\n\x0c\r\x0b\x1f/z"[..], r"a\b\t\n\f\r\u000b\u001f/z"),
            (b"a\"b\\c<d>&\x7f", "a\\\"b\\\\c<d>&\x7f"),
            ("jürgen€𝄞".as_bytes(), "jürgen€𝄞"),
            ("a\u{2028}b\u{2029}".as_bytes(), r"a\u2028b\u2029"),
            (b"a\xe4\xffb", "a\u{fffd}\u{fffd}b"),
            (b"\xe2\x82b", "\u{fffd}\u{fffd}b"),
            (b"\xed\xa0\x80b", "\u{fffd}\u{fffd}\u{fffd}b"),
            (b"\xf0\x9d\x84b\xf0\x9d", "\u{fffd}\u{fffd}\u{fffd}b\u{fffd}\u{fffd}"),
            (b"\xf8\x88\x80\x80\x80b", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}b"),
        ] {
            let body = body(&Question::Allow(attempt(login)));
            let expected = format!(r#","login":"{written}","protocol":"#);
            assert!(body.contains(&expected), "{body}");
        }
    }
}
