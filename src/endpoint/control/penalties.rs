//! Who has a penalty: as [`Listing`](super::Listing) collected at once, and put into words bit by bit.
#![forbid(unsafe_code)]

use super::command::Format;
use super::json::{Object, quoted};
use super::session::LongReply;
use super::words::{count, long, printable};
use std::collections::VecDeque;
use std::time::Duration;

/// How many are put into words at a time: about a millisecond's work.
const AT_ONCE: usize = 1000;

/// Whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Punished {
    /// A client address, or a subnet of IPv6, and the step that it is on.
    Address(String, u8),
    /// A login, with `@` and its realm.
    Login(Vec<u8>),
}

/// A penalty that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Penalty {
    /// Whose it is.
    pub whose: Punished,
    /// How long a refusal is held back.
    pub delay: Duration,
    /// How long something of it is remembered if nothing more comes.
    pub left: Duration,
}

/// The reply, while it is made.
pub struct PenaltyListing {
    format: Format,
    /// Addresses before logins.
    penalties: VecDeque<Penalty>,
    addresses: usize,
    logins: usize,
    text: String,
}

impl PenaltyListing {
    /// Of all of them: the addresses come before the logins.
    pub fn new(format: Format, penalties: impl Iterator<Item = Penalty>) -> Self {
        let text = match format {
            Format::Table => row("ADDRESS OR LOGIN", "STEP", "DELAY", "FORGOTTEN IN"),
            Format::Json => "{\"addresses\":[".to_owned(),
        };
        Self { format, penalties: penalties.collect(), addresses: 0, logins: 0, text }
    }

    fn add(&mut self, Penalty { whose, delay, left }: &Penalty) {
        let is_first = match whose {
            Punished::Address(..) => self.addresses == 0,
            Punished::Login(_) => self.logins == 0,
        };
        match (self.format, whose) {
            (Format::Table, Punished::Address(name, step)) => {
                self.text.push_str(&row(name, &step.to_string(), &long(*delay), &long(*left)));
            }
            (Format::Table, Punished::Login(name)) => {
                self.text.push_str(&row(&printable(name), "", &long(*delay), &long(*left)));
            }
            (Format::Json, _) => {
                if matches!(whose, Punished::Login(_)) && is_first {
                    self.text.push_str(BETWEEN);
                } else if !is_first {
                    self.text.push(',');
                }
                let object = match whose {
                    Punished::Address(name, step) => {
                        Object::default().raw("address", &quoted(name)).number("step", (*step).into())
                    }
                    Punished::Login(name) => Object::default().raw("login", &quoted(&printable(name))),
                };
                let object = object.number("delay_seconds", delay.as_secs());
                self.text.push_str(&object.number("remaining_seconds", left.as_secs()).finish());
            }
        }
        match whose {
            Punished::Address(..) => self.addresses += 1,
            Punished::Login(_) => self.logins += 1,
        }
    }

    fn end(&self) -> String {
        match self.format {
            Format::Table => {
                let addresses = count(self.addresses, "address", "addresses");
                format!("{addresses}, {}\n", count(self.logins, "login", "logins"))
            }
            Format::Json if self.logins == 0 => format!("{BETWEEN}]}}\n"),
            Format::Json => "]}\n".to_owned(),
        }
    }
}

/// Behind the addresses.
const BETWEEN: &str = "],\"logins\":[";

impl LongReply for PenaltyListing {
    fn go_on(&mut self) -> Option<String> {
        for _ in 0..AT_ONCE {
            let Some(penalty) = self.penalties.pop_front() else {
                let end = self.end();
                self.text.push_str(&end);
                return Some(std::mem::take(&mut self.text));
            };
            self.add(&penalty);
        }
        None
    }
}

/// A long name moves what is behind it, and is not cut: it may be wanted for clearing.
fn row(name: &str, step: &str, delay: &str, left: &str) -> String {
    format!("{name:<43} {step:>5} {delay:>6}  {left}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn penalties() -> Vec<Penalty> {
        let seconds = Duration::from_secs;
        let address = |name: &str, step, delay, left| {
            let whose = Punished::Address(name.to_owned(), step);
            Penalty { whose, delay: seconds(delay), left: seconds(left) }
        };
        vec![
            address("192.0.2.7", 4, 15, 41),
            address("2001:db8:1:2::/64", 1, 2, 3),
            Penalty {
                whose: Punished::Login(b"anna\x1b@example.org".to_vec()),
                delay: seconds(4),
                left: seconds(59),
            },
        ]
    }

    fn whole(format: Format, penalties: Vec<Penalty>) -> (String, usize) {
        let mut listing = PenaltyListing::new(format, penalties.into_iter());
        let mut turns = 1;
        loop {
            if let Some(text) = listing.go_on() {
                return (text, turns);
            }
            turns += 1;
        }
    }

    #[test]
    fn a_table_has_a_row_for_each_and_says_how_many() {
        let expected = "\
ADDRESS OR LOGIN                             STEP  DELAY  FORGOTTEN IN
192.0.2.7                                       4   15 s  41 s
2001:db8:1:2::/64                               1    2 s  3 s
anna\\x1B@example.org                                 4 s  59 s
2 addresses, 1 login
";
        let (text, _) = whole(Format::Table, penalties());
        assert_eq!(text, expected, "\n{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80));
        assert!(whole(Format::Table, Vec::new()).0.ends_with("\n0 addresses, 0 logins\n"));
    }

    #[test]
    fn json_is_one_line() {
        let (text, _) = whole(Format::Json, penalties());
        assert_eq!(
            text,
            "{\"addresses\":[{\"address\":\"192.0.2.7\",\"step\":4,\"delay_seconds\":15,\"remaining_seconds\":41},\
             {\"address\":\"2001:db8:1:2::/64\",\"step\":1,\"delay_seconds\":2,\"remaining_seconds\":3}],\
             \"logins\":[{\"login\":\"anna\\\\x1B@example.org\",\"delay_seconds\":4,\"remaining_seconds\":59}]}\n"
        );
        assert_eq!(whole(Format::Json, Vec::new()).0, "{\"addresses\":[],\"logins\":[]}\n");
        let only_login = penalties().split_off(2);
        assert!(whole(Format::Json, only_login).0.starts_with("{\"addresses\":[],\"logins\":[{\"login\":"));
    }

    #[test]
    fn thousands_are_made_in_small_bits() {
        let many = std::iter::repeat_n(penalties(), 4000).map(|some| some.into_iter().next());
        let (text, turns) = whole(Format::Table, many.flatten().collect());
        assert_eq!(text.lines().count(), 4002);
        assert!(turns >= 4, "{turns}");
    }
}
