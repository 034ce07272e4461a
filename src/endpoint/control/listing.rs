//! The logins that the cache remembers: collected at once, since they change, and put into words bit by bit, since there may
//! be a hundred thousand.
#![forbid(unsafe_code)]

use super::command::Format;
use super::json::{Object, quoted};
use super::session::LongReply;
use super::words::{count, long, printable};
use std::time::Duration;

/// How many are put into words at a time: about a millisecond's work.
const AT_ONCE: usize = 1000;

/// A login that the cache remembers.
#[derive(Debug, Clone, Copy)]
pub struct CachedLogin<'a> {
    /// As the mechanisms were asked.
    pub login: &'a [u8],
    /// Empty for none.
    pub realm: &'a [u8],
    /// The service that it was accepted for.
    pub service: &'a [u8],
    /// How long ago that was.
    pub age: Duration,
    /// For how long it is still remembered.
    pub left: Duration,
}

/// The reply, while it is made.
pub struct Listing {
    format: Format,
    /// All names, one behind the other.
    names: Vec<u8>,
    rows: Vec<Row>,
    /// How many names and rows are in the text.
    used: usize,
    done: usize,
    text: String,
}

struct Row {
    /// The lengths of login, realm and service.
    lengths: [usize; 3],
    age: Duration,
    left: Duration,
}

impl Listing {
    /// Of all of them.
    pub fn new<'a>(format: Format, logins: impl Iterator<Item = CachedLogin<'a>>) -> Self {
        let (mut names, mut rows) = (Vec::new(), Vec::new());
        for CachedLogin { login, realm, service, age, left } in logins {
            let parts = [login, realm, service];
            parts.iter().for_each(|part| names.extend_from_slice(part));
            rows.push(Row { lengths: parts.map(<[u8]>::len), age, left });
        }
        let text = match format {
            Format::Table => row("LOGIN", "REALM", "SERVICE", "ACCEPTED", "FORGOTTEN IN"),
            Format::Json => "{\"logins\":[".to_owned(),
        };
        Self { format, names, rows, used: 0, done: 0, text }
    }

    fn add_row(&mut self) -> bool {
        let Some(Row { lengths, age, left }) = self.rows.get(self.done) else { return false };
        let names = &self.names;
        let mut used = self.used;
        let parts = lengths.map(|length| {
            let part = names.get(used..used + length).unwrap_or_default();
            used += length;
            printable(part)
        });
        let [login, realm, service] = &parts;
        match self.format {
            Format::Table => {
                let (age, left) = (format!("{} ago", long(*age)), long(*left));
                self.text.push_str(&row(login, realm, service, &age, &left));
            }
            Format::Json => {
                let row = Object::default()
                    .raw("login", &quoted(login))
                    .raw("realm", &quoted(realm))
                    .raw("service", &quoted(service))
                    .number("age_seconds", age.as_secs())
                    .number("remaining_seconds", left.as_secs());
                if self.done > 0 {
                    self.text.push(',');
                }
                self.text.push_str(&row.finish());
            }
        }
        self.used = used;
        self.done += 1;
        true
    }
}

impl LongReply for Listing {
    fn go_on(&mut self) -> Option<String> {
        for _ in 0..AT_ONCE {
            if !self.add_row() {
                self.text.push_str(&match self.format {
                    Format::Table => format!("{}\n", count(self.rows.len(), "login", "logins")),
                    Format::Json => "]}\n".to_owned(),
                });
                return Some(std::mem::take(&mut self.text));
            }
        }
        None
    }
}

/// A long name moves what is behind it, and is not cut: it may be wanted for a flush.
fn row(login: &str, realm: &str, service: &str, age: &str, left: &str) -> String {
    format!("{login:<28} {realm:<14} {service:<8} {age:<14} {left}\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn logins() -> [CachedLogin<'static>; 2] {
        let (age, left) = (Duration::from_secs(65), Duration::from_secs(28_000));
        [
            CachedLogin { login: b"anna@example.org", realm: b"", service: b"smtp", age, left },
            CachedLogin { login: b"b\x1b\"\xff", realm: b"example.org", service: b"imap", age, left },
        ]
    }

    fn whole(mut listing: Listing) -> (String, usize) {
        let mut turns = 1;
        loop {
            if let Some(text) = listing.go_on() {
                return (text, turns);
            }
            turns += 1;
        }
    }

    #[test]
    fn a_table_has_a_row_for_each_login_and_says_how_many() {
        let (text, _) = whole(Listing::new(Format::Table, logins().into_iter()));
        let expected = "\
LOGIN                        REALM          SERVICE  ACCEPTED       FORGOTTEN IN
anna@example.org                            smtp     1 min 5 s ago  7 h 46 min
b\\x1B\"\\xFF                   example.org    imap     1 min 5 s ago  7 h 46 min
2 logins
";
        assert_eq!(text, expected);
        assert!(text.lines().all(|line| line.chars().count() <= 80));
        let (empty, _) = whole(Listing::new(Format::Table, std::iter::empty()));
        assert!(empty.ends_with("\n0 logins\n"));
    }

    #[test]
    fn json_is_one_line() {
        let (text, _) = whole(Listing::new(Format::Json, logins().into_iter()));
        assert_eq!(
            text,
            "{\"logins\":[{\"login\":\"anna@example.org\",\"realm\":\"\",\"service\":\"smtp\",\"age_seconds\":65,\
             \"remaining_seconds\":28000},{\"login\":\"b\\\\x1B\\\"\\\\xFF\",\"realm\":\"example.org\",\"service\":\"imap\",\
             \"age_seconds\":65,\"remaining_seconds\":28000}]}\n"
        );
        assert_eq!(whole(Listing::new(Format::Json, std::iter::empty())).0, "{\"logins\":[]}\n");
    }

    #[test]
    fn a_hundred_thousand_are_made_in_small_bits() {
        let [login, _] = logins();
        let (text, turns) = whole(Listing::new(Format::Table, std::iter::repeat_n(login, 100_000)));
        assert_eq!(text.lines().count(), 100_002);
        assert!(turns >= 100, "{turns}");
    }
}
