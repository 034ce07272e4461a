//! Penalties on their way from a frontend that leaves to the next one. They come without a descriptor, some in each message.
//! What is in a message is believed within bounds only.
#![forbid(unsafe_code)]

use super::codec::{Malformed, Reader, Writer};
use crate::secret::Secret;
use std::net::IpAddr;
use std::time::Duration;

const PENALTIES: u8 = 3;

/// How many addresses and how many logins a message can have.
pub const ADDRESSES_AT_ONCE: usize = 64;
/// As [`ADDRESSES_AT_ONCE`].
pub const LOGINS_AT_ONCE: usize = 16;

/// How many wrong passwords of each.
const MOST_FAILURES: usize = 10;

/// The longest name of a login in bytes.
const LONGEST_NAME: usize = 255;

/// The length of the key in bytes.
const KEY_LENGTH: usize = 32;

/// The largest of these messages in bytes.
pub const LARGEST_PENALTIES: usize = 16 * 1024;

/// Some penalties, and the key of the digests in them.
#[derive(Default)]
pub struct HandedPenalties {
    /// 32 bytes.
    pub key: Secret,
    /// At most [`ADDRESSES_AT_ONCE`].
    pub addresses: Vec<HandedAddress>,
    /// At most [`LOGINS_AT_ONCE`].
    pub logins: Vec<HandedLogin>,
}

/// Of a client address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedAddress {
    /// The first of its subnet.
    pub address: IpAddr,
    /// How many steps.
    pub step: u8,
    /// How long something of it is remembered.
    pub left: Duration,
    /// Whether there were more wrong passwords than are remembered.
    pub has_lost_some: bool,
    /// Digests of account and password, the oldest first.
    pub failures: Vec<(u32, u32)>,
}

/// Of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedLogin {
    /// Its digest.
    pub account: u64,
    /// Its name, if there were many wrong passwords.
    pub name: Option<Vec<u8>>,
    /// How long ago the log was told.
    pub told: Option<Duration>,
    /// The digest of each password and how long ago it was tried, the oldest first.
    pub failures: Vec<(u32, Duration)>,
}

impl HandedPenalties {
    /// The message to the next frontend.
    pub fn encode(&self) -> Secret {
        let writer = Writer::new(PENALTIES, LARGEST_PENALTIES).string(self.key.as_bytes());
        let writer = self.addresses.iter().fold(writer.size(self.addresses.len()), write_address);
        self.logins.iter().fold(writer.size(self.logins.len()), write_login).finish()
    }

    /// Reads a message from the frontend before.
    ///
    /// # Errors
    /// When it is none, or more than there can be.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let (tag, mut reader) = Reader::new(message)?;
        if tag != PENALTIES {
            return Err(Malformed);
        }
        let key = Secret::copy_of(reader.string()?);
        if key.len() != KEY_LENGTH {
            return Err(Malformed);
        }
        let addresses = read_all(&mut reader, ADDRESSES_AT_ONCE, read_address)?;
        let logins = read_all(&mut reader, LOGINS_AT_ONCE, read_login)?;
        reader.finish(Self { key, addresses, logins })
    }
}

fn write_address(writer: Writer, handed: &HandedAddress) -> Writer {
    let writer = match handed.address {
        IpAddr::V4(four) => writer.string(&four.octets()),
        IpAddr::V6(six) => writer.string(&six.octets()),
    };
    let writer = writer.number(handed.step.into()).duration(handed.left).flag(handed.has_lost_some);
    let failures = handed.failures.iter();
    failures.fold(writer.size(handed.failures.len()), |writer, (account, password)| {
        writer.number(u64::from(*account) << u32::BITS | u64::from(*password))
    })
}

fn read_address(reader: &mut Reader<'_>) -> Result<HandedAddress, Malformed> {
    let bytes = reader.string()?;
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let address = four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).map_err(|_| Malformed)?;
    Ok(HandedAddress {
        address,
        step: u8::try_from(reader.number()?).map_err(|_| Malformed)?,
        left: reader.duration()?,
        has_lost_some: reader.flag()?,
        failures: read_all(reader, MOST_FAILURES, |reader| {
            let both = reader.number()?;
            Ok((half(both >> u32::BITS)?, half(both & u64::from(u32::MAX))?))
        })?,
    })
}

fn write_login(writer: Writer, handed: &HandedLogin) -> Writer {
    let writer = writer
        .number(handed.account)
        .option(handed.name.as_deref(), Writer::string)
        .option(handed.told, Writer::duration);
    let failures = handed.failures.iter();
    failures.fold(writer.size(handed.failures.len()), |writer, (password, age)| {
        writer.number(u64::from(*password)).duration(*age)
    })
}

fn read_login(reader: &mut Reader<'_>) -> Result<HandedLogin, Malformed> {
    let account = reader.number()?;
    let name = reader.option(|reader| Ok(reader.string()?.to_vec()))?;
    if name.as_ref().is_some_and(|name| name.len() > LONGEST_NAME) {
        return Err(Malformed);
    }
    Ok(HandedLogin {
        account,
        name,
        told: reader.option(Reader::duration)?,
        failures: read_all(reader, MOST_FAILURES, |reader| {
            Ok((half(reader.number()?)?, reader.duration()?))
        })?,
    })
}

fn half(number: u64) -> Result<u32, Malformed> {
    u32::try_from(number).map_err(|_| Malformed)
}

fn read_all<T>(
    reader: &mut Reader<'_>,
    most: usize,
    read: impl Fn(&mut Reader<'_>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let count = reader.size()?;
    if count > most {
        return Err(Malformed);
    }
    (0..count).map(|_| read(reader)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]
mod tests {
    use super::*;
    use crate::simulation::{Random, of_all_seeds};

    fn largest() -> HandedPenalties {
        let address = |number: usize| HandedAddress {
            address: IpAddr::from([number as u8; 16]),
            step: 4,
            left: Duration::from_millis(43_999),
            has_lost_some: true,
            failures: vec![(u32::MAX, number as u32); MOST_FAILURES],
        };
        let login = |number: usize| HandedLogin {
            account: u64::MAX - number as u64,
            name: Some(vec![b'x'; LONGEST_NAME]),
            told: Some(Duration::from_secs(3599)),
            failures: vec![(number as u32, Duration::from_secs(59)); MOST_FAILURES],
        };
        HandedPenalties {
            key: Secret::copy_of(&[9; KEY_LENGTH]),
            addresses: (0..ADDRESSES_AT_ONCE).map(address).collect(),
            logins: (0..LOGINS_AT_ONCE).map(login).collect(),
        }
    }

    fn is_same(one: &HandedPenalties, other: &HandedPenalties) -> bool {
        one.key == other.key && one.addresses == other.addresses && one.logins == other.logins
    }

    #[test]
    fn as_many_as_a_message_can_have_arrive_whole_and_no_part_of_them_does() {
        let bytes = largest().encode();
        assert!(bytes.len() <= LARGEST_PENALTIES, "{}", bytes.len());
        for length in 0..bytes.len() {
            assert!(HandedPenalties::decode(&bytes.as_bytes()[..length]).is_err());
        }
        assert!(is_same(&HandedPenalties::decode(bytes.as_bytes()).unwrap(), &largest()));
        assert!(HandedPenalties::decode(&[bytes.as_bytes(), b"x"].concat()).is_err());
        let mut few =
            HandedPenalties { key: Secret::copy_of(&[1; KEY_LENGTH]), ..HandedPenalties::default() };
        let four = HandedAddress { address: IpAddr::from([192, 0, 2, 7]), ..largest().addresses[0].clone() };
        few.addresses.push(four);
        few.logins.push(HandedLogin { account: 0, name: None, told: None, failures: Vec::new() });
        assert!(is_same(&HandedPenalties::decode(few.encode().as_bytes()).unwrap(), &few));
    }

    #[test]
    fn more_than_there_can_be_is_refused() {
        let refused = |change: &dyn Fn(&mut HandedPenalties)| {
            let mut handed = largest();
            change(&mut handed);
            assert!(HandedPenalties::decode(handed.encode().as_bytes()).is_err());
        };
        refused(&|handed| handed.addresses.push(handed.addresses[0].clone()));
        refused(&|handed| handed.logins.push(handed.logins[0].clone()));
        refused(&|handed| handed.addresses[3].failures.push((0, 0)));
        refused(&|handed| handed.logins[3].failures.push((0, Duration::ZERO)));
        refused(&|handed| handed.logins[3].name = Some(vec![b'x'; LONGEST_NAME + 1]));
        refused(&|handed| handed.key = Secret::copy_of(&[1; KEY_LENGTH + 1]));
        refused(&|handed| handed.key = Secret::default());
    }

    #[test]
    fn changed_bytes_are_refused_or_taken_within_the_bounds() {
        of_all_seeds(|seed| {
            let (mut random, mut message) = (Random(seed), largest().encode());
            let length = message.len() as u64;
            for _ in 0..=random.below(4) {
                message.as_mut_bytes()[random.below(length) as usize] = random.below(256) as u8;
            }
            if let Ok(handed) = HandedPenalties::decode(message.as_bytes()) {
                assert!(handed.addresses.len() <= ADDRESSES_AT_ONCE && handed.logins.len() <= LOGINS_AT_ONCE);
            }
        });
    }
}
