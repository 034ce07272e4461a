//! Networks in CIDR notation, separated by commas.
#![forbid(unsafe_code)]

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// How many a list can have: it is looked through for each refusal.
const MOST: usize = 64;

/// Addresses that have their first bits in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// The first of them; IPv4 is never written as IPv6.
    address: IpAddr,
    /// How many bits.
    prefix: u32,
}

/// A list of networks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Networks(Vec<Network>);

/// Why a text is no list of networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotNetworks {
    /// This part is no address, or its prefix no number that fits.
    Malformed(String),
    /// This part has bits set behind its prefix; what was probably meant.
    HostBits(String, Network),
    /// There are more than a list can have.
    TooMany,
}

impl fmt::Display for NotNetworks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(part) => {
                write!(
                    formatter,
                    "{part:?} is no network, as 192.0.2.0/24, 2001:db8::/32 or a single address are"
                )
            }
            Self::HostBits(part, meant) => {
                write!(formatter, "{part:?} has bits set behind its prefix; the network is {meant}")
            }
            Self::TooMany => write!(formatter, "it can have {MOST} networks"),
        }
    }
}

impl std::error::Error for NotNetworks {}

impl Networks {
    /// This host itself: all users of a webmail on it come from there.
    pub const LOOPBACK: &str = "127.0.0.0/8,::1";

    /// Whether the address is in one of them.
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address.to_canonical()))
    }
}

impl FromStr for Networks {
    type Err = NotNetworks;

    /// Blanks around a part do no harm; an empty text is an empty list.
    fn from_str(text: &str) -> Result<Self, NotNetworks> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let networks = parts.map(Network::parse).collect::<Result<Vec<_>, _>>()?;
        if networks.len() <= MOST { Ok(Self(networks)) } else { Err(NotNetworks::TooMany) }
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.0.iter().map(Network::to_string).collect();
        formatter.write_str(&parts.join(","))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix)
    }
}

impl Network {
    fn parse(part: &str) -> Result<Self, NotNetworks> {
        let malformed = || NotNetworks::Malformed(part.to_owned());
        let (address, prefix) = match part.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (part, None),
        };
        let address: IpAddr = address.parse().map_err(|_| malformed())?;
        let bits = bits_of(address);
        let prefix = match prefix {
            None => bits,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|prefix| *prefix <= bits).ok_or_else(malformed)?
            }
            Some(_) => return Err(malformed()),
        };
        let written = Self { address, prefix };
        let network = written.canonical().ok_or_else(malformed)?;
        let first = Self { address: first_bits(network.address, network.prefix), ..network };
        if first == network { Ok(network) } else { Err(NotNetworks::HostBits(part.to_owned(), first)) }
    }

    /// `::ffff:192.0.2.0/120` is 192.0.2.0/24; a shorter prefix would be all of IPv4 and something else.
    fn canonical(self) -> Option<Self> {
        const MAPPED: u32 = 96;
        match (self.address, self.address.to_canonical()) {
            (IpAddr::V6(_), four @ IpAddr::V4(_)) => {
                Some(Self { address: four, prefix: self.prefix.checked_sub(MAPPED)? })
            }
            _ => Some(self),
        }
    }

    fn contains(&self, address: IpAddr) -> bool {
        bits_of(address) == bits_of(self.address) && first_bits(address, self.prefix) == self.address
    }
}

fn bits_of(address: IpAddr) -> u32 {
    if address.is_ipv4() { Ipv4Addr::BITS } else { Ipv6Addr::BITS }
}

/// The address with all bits behind the prefix cleared.
pub fn first_bits(address: IpAddr, prefix: u32) -> IpAddr {
    let cleared = bits_of(address).saturating_sub(prefix);
    match address {
        IpAddr::V4(four) => {
            let kept = u32::MAX.checked_shl(cleared).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(four.to_bits() & kept))
        }
        IpAddr::V6(six) => {
            let kept = u128::MAX.checked_shl(cleared).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & kept))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn contains(networks: &str, address: &str) -> bool {
        networks.parse::<Networks>().unwrap().contain(address.parse().unwrap())
    }

    #[test]
    fn an_address_is_in_a_network_with_which_it_shares_the_prefix() {
        for (networks, address, is_in) in [
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("192.0.2.6/31,2001:db8::/32", "192.0.2.7", true),
            ("192.0.2.0/24, 2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::", false),
            ("0.0.0.0/0", "192.0.2.7", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "192.0.2.7", false),
            ("192.0.2.0/24", "::ffff:192.0.2.7", true),
            ("::ffff:192.0.2.0/120", "192.0.2.7", true),
            ("", "127.0.0.1", false),
            (Networks::LOOPBACK, "127.255.0.1", true),
            (Networks::LOOPBACK, "::1", true),
            (Networks::LOOPBACK, "::2", false),
        ] {
            assert_eq!(contains(networks, address), is_in, "{address} in {networks}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_its_reason() {
        for (text, why) in [
            ("10.0.0.0/33", "\"10.0.0.0/33\" is no network"),
            ("10.0.0.0/", "is no network"),
            ("10.0.0.0/+8", "is no network"),
            ("10.0.0/8", "is no network"),
            ("::/129", "is no network"),
            ("localhost", "is no network"),
            ("10.0.0.0/8;192.0.2.0/24", "is no network"),
            ("::ffff:0:0/90", "is no network"),
            ("10.0.0.1/8", "has bits set behind its prefix; the network is 10.0.0.0/8"),
            ("10.0.0.0/8,2001:db8::1/64", "the network is 2001:db8::/64"),
        ] {
            let error = text.parse::<Networks>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        let many = vec!["192.0.2.7"; MOST + 1].join(",");
        assert_eq!(many.parse::<Networks>(), Err(NotNetworks::TooMany));
    }

    #[test]
    fn a_list_is_shown_as_it_is_read() {
        for text in ["", "10.0.0.0/8,192.0.2.7/32,2001:db8::/32,::1/128"] {
            assert_eq!(text.parse::<Networks>().unwrap().to_string(), text);
        }
    }
}
