//! Which statuses of HTTP mean what.
#![forbid(unsafe_code)]

/// The statuses that decide a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statuses {
    /// `httpform_accept`
    pub(super) accept: Vec<u16>,
    /// `httpform_reject`
    pub(super) reject: Vec<u16>,
}

/// What a status means for a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The password is right.
    Accepted,
    /// It is wrong.
    Rejected,
    /// This server cannot say now; another one may.
    Busy,
    /// Nothing that could be understood.
    Unknown,
}

/// What auth_httpform.c accepts.
pub(super) const ACCEPT: [u16; 2] = [200, 204];

/// What auth_httpform.c rejects is 403 alone.
pub(super) const REJECT: [u16; 2] = [401, 403];

/// Too Many Requests, Bad Gateway, Service Unavailable, Gateway Timeout.
///
/// Not 500: it comes from a program's fault that may lie in one login, on every server.
const BUSY: [u16; 4] = [429, 502, 503, 504];

impl Statuses {
    /// What `status` means.
    pub(super) fn meaning(&self, status: u16) -> Meaning {
        match status {
            _ if self.accept.contains(&status) => Meaning::Accepted,
            _ if self.reject.contains(&status) => Meaning::Rejected,
            _ if BUSY.contains(&status) => Meaning::Busy,
            _ => Meaning::Unknown,
        }
    }
}

impl Default for Statuses {
    fn default() -> Self {
        Self { accept: ACCEPT.to_vec(), reject: REJECT.to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_statuses_decide_a_login() {
        let statuses = Statuses::default();
        for status in 0..1000 {
            let expected = match status {
                200 | 204 => Meaning::Accepted,
                401 | 403 => Meaning::Rejected,
                429 | 502 | 503 | 504 => Meaning::Busy,
                _ => Meaning::Unknown,
            };
            assert_eq!(statuses.meaning(status), expected, "{status}");
        }
    }

    #[test]
    fn a_listed_status_counts_whatever_else_it_may_mean() {
        let statuses = Statuses { accept: vec![302], reject: vec![503, 200] };
        assert_eq!(statuses.meaning(302), Meaning::Accepted);
        assert_eq!(statuses.meaning(503), Meaning::Rejected);
        assert_eq!(statuses.meaning(200), Meaning::Rejected);
        assert_eq!(statuses.meaning(204), Meaning::Unknown);
    }
}
