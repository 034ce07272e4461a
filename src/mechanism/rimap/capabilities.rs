//! What an IMAP server says that it can do, as far as a login needs it.
#![forbid(unsafe_code)]

/// What was found in a list of capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Capabilities {
    /// TLS can be begun (RFC 9051, section 6.2.1).
    pub(super) starttls: bool,
    /// LOGIN must not be used here (RFC 9051, section 7.2.2).
    pub(super) login_disabled: bool,
    /// AUTHENTICATE PLAIN can be used.
    pub(super) plain: bool,
    /// AUTHENTICATE can carry its first response (RFC 4959).
    pub(super) initial_response: bool,
    /// Which literals need not wait for the server.
    pub(super) literals: Literals,
}

/// Which literals can be sent without waiting for the server's `+` (RFC 7888).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Literals {
    /// None.
    #[default]
    Synchronizing,
    /// LITERAL-: short ones.
    Short,
    /// LITERAL+: all.
    All,
}

/// The longest literal that LITERAL- allows to send without waiting, in bytes (RFC 7888, section 5).
const LONGEST_SHORT: usize = 4096;

impl Literals {
    /// Whether a literal of that many bytes can be sent without waiting.
    pub(super) fn cover(self, length: usize) -> bool {
        match self {
            Self::Synchronizing => false,
            Self::Short => length <= LONGEST_SHORT,
            Self::All => true,
        }
    }
}

impl Capabilities {
    /// Reads the words of a list.
    pub(super) fn parse(list: &[u8]) -> Self {
        let has = |name: &str| {
            list.split(u8::is_ascii_whitespace).any(|word| word.eq_ignore_ascii_case(name.as_bytes()))
        };
        Self {
            starttls: has("STARTTLS"),
            login_disabled: has("LOGINDISABLED"),
            plain: has("AUTH=PLAIN"),
            initial_response: has("SASL-IR"),
            literals: if has("LITERAL+") {
                Literals::All
            } else if has("LITERAL-") {
                Literals::Short
            } else {
                Literals::Synchronizing
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_capability_is_found_in_any_case_and_nothing_else_is_taken_for_one() {
        let all = Capabilities::parse(b" imap4rev1  LITERAL+ SASL-IR STARTTLS\tLOGINDISABLED auth=plain");
        let expected = Capabilities {
            starttls: true,
            login_disabled: true,
            plain: true,
            initial_response: true,
            literals: Literals::All,
        };
        assert_eq!(all, expected);
        assert_eq!(Capabilities::parse(b"XSTARTTLS AUTH=PLAIN-X SASL LITERAL"), Capabilities::default());
    }

    #[test]
    fn only_literals_that_the_server_offers_need_not_wait() {
        assert_eq!(Capabilities::parse(b"IMAP4rev1").literals, Literals::Synchronizing);
        assert_eq!(Capabilities::parse(b"LITERAL-").literals, Literals::Short);
        assert_eq!(Capabilities::parse(b"LITERAL- LITERAL+").literals, Literals::All);
        assert!(!Literals::Synchronizing.cover(0) && Literals::All.cover(1 << 20));
        assert!(Literals::Short.cover(4096) && !Literals::Short.cover(4097));
    }
}
