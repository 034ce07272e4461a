//! Penalties as they are shown and cleared at the control socket.
#![forbid(unsafe_code)]

use super::Frontend;
use crate::endpoint::control::{self, Format, Penalty, PenaltyListing, Punished, Reply};
use crate::policy::dispatch::ClientId;
use crate::policy::origin::SUBNET;
use std::net::IpAddr;
use std::time::Instant;

const NO_PENALTIES: &str = "this daemon has no penalties: it was started with --penalty=no";

impl Frontend {
    pub(super) fn list_penalties(&self, format: Format, now: Instant) -> Reply {
        if !self.dispatcher.has_penalties() {
            return Reply::Error(NO_PENALTIES.to_owned());
        }
        let addresses = self.dispatcher.penalties_of_addresses(now).map(|known| Penalty {
            whose: Punished::Address(shown(known.address), known.step),
            delay: known.delay,
            left: known.left,
        });
        let logins = self.dispatcher.penalties_of_logins(now).map(|known| Penalty {
            whose: Punished::Login(known.name.to_vec()),
            delay: known.delay,
            left: known.left,
        });
        Reply::Listing(Box::new(PenaltyListing::new(format, addresses.chain(logins))))
    }

    /// An address may be given as it is listed. A login that looks like one is cleared as well.
    pub(super) fn clear_penalties(&mut self, id: ClientId, whose: Option<&[u8]>, now: Instant) -> Reply {
        if !self.dispatcher.has_penalties() {
            return Reply::Error(NO_PENALTIES.to_owned());
        }
        let cleared = match whose {
            None => self.dispatcher.clear_penalties(now),
            Some(name) => {
                let address =
                    address(name).map(|address| self.dispatcher.clear_penalty_of_address(address, now));
                let as_listed = control::unprintable(name);
                let mut logins = vec![name];
                logins.extend(Some(as_listed.as_slice()).filter(|other| *other != name));
                let logins =
                    logins.into_iter().map(|login| self.dispatcher.clear_penalty_of_login(login, now));
                address.into_iter().chain(logins.collect::<Vec<_>>()).filter(|was_there| *was_there).count()
            }
        };
        let penalties = if cleared == 1 { "penalty" } else { "penalties" };
        let origin = self.control_clients.origin(id);
        log::info!(target: "frontend", "{cleared} {penalties} cleared by hand: {origin}");
        Reply::Text(format!("{cleared} {penalties} cleared\n"))
    }
}

/// Of IPv6 with the prefix that all of them share.
fn shown(address: IpAddr) -> String {
    match address {
        IpAddr::V4(four) => four.to_string(),
        IpAddr::V6(six) => format!("{six}/{SUBNET}"),
    }
}

fn address(name: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(name).ok()?;
    text.strip_suffix(&format!("/{SUBNET}")).unwrap_or(text).parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_shown() {
        for text in ["192.0.2.7", "2001:db8::/64"] {
            let read = address(text.as_bytes()).unwrap();
            assert_eq!(shown(read), text);
        }
        assert_eq!(address(b"2001:db8::1"), address(b"2001:db8::1/64"));
        for text in ["anna", "192.0.2.0/24", "anna/64", ""] {
            assert_eq!(address(text.as_bytes()), None, "{text}");
        }
    }
}
