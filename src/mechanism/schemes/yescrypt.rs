//! What a hash of yescrypt, gost-yescrypt or scrypt asks for: `$y$`, `$gy$` and `$7$` of crypt(5).
#![forbid(unsafe_code)]

use super::argon2_hash::{MOST_MEMORY, MOST_WORK};

/// Whether crypt(3) would take more memory or time than an {ARGON2} hash may. `setting` is what stands between the second and
/// the third `$`. One that cannot be read is not endless: libxcrypt refuses it.
pub(super) fn is_endless(setting: &[u8]) -> bool {
    read_yescrypt(setting).is_some_and(|cost| cost.is_endless())
}

/// The same of scrypt, whose salt follows without a `$`.
pub(super) fn is_endless_scrypt(setting: &[u8]) -> bool {
    read_scrypt(setting).is_some_and(|cost| cost.is_endless())
}

/// N is 2 to the power of the first.
struct Cost {
    log_n: u32,
    r: u32,
    /// How often the memory is gone through, or how many of it there are.
    times: u64,
}

impl Cost {
    fn is_endless(&self) -> bool {
        // 128 * r * N bytes, in KiB.
        let memory = u64::from(self.r).checked_mul(1_u64.checked_shl(self.log_n).unwrap_or(u64::MAX));
        let memory = memory.map_or(u64::MAX, |blocks| blocks / 8);
        memory > MOST_MEMORY.into() || memory.saturating_mul(self.times) > MOST_WORK
    }
}

fn read_yescrypt(setting: &[u8]) -> Option<Cost> {
    let mut digits = setting.iter().copied();
    let _flavor = number(&mut digits)?;
    let (log_n, r) = (number(&mut digits)?.checked_add(1)?, number(&mut digits)?.checked_add(1)?);
    // Which of p, t, g and NROM follow, the first less 2 and the others less 1.
    let mut times = 1_u64;
    if number(&mut digits).is_some() {
        while let Some(more) = number(&mut digits) {
            times = times.saturating_mul(u64::from(more) + 2);
        }
    }
    Some(Cost { log_n, r, times })
}

fn read_scrypt(setting: &[u8]) -> Option<Cost> {
    let mut digits = setting.iter().copied().map_while(digit);
    let log_n = digits.next()?;
    let mut fixed = || (0..5).try_fold(0, |sum, place| Some(sum | digits.next()? << (6 * place)));
    Some(Cost { log_n, r: fixed()?, times: fixed()?.into() })
}

/// A number of as many digits as the first one says: up to 47 it is alone, and half of those that are left have one digit more
/// each time. The least is 0.
fn number(text: &mut impl Iterator<Item = u8>) -> Option<u32> {
    let first = digit(text.next()?)?;
    let (mut sum, mut start, mut end, mut more) = (0_u32, 0, 47, 0);
    while first > end {
        sum = sum.checked_add((end + 1 - start).checked_shl(6 * more)?)?;
        start = end + 1;
        end = start + (62 - end) / 2;
        more += 1;
    }
    sum = sum.checked_add((first - start).checked_shl(6 * more)?)?;
    (0..more).rev().try_fold(sum, |sum, place| sum.checked_add(digit(text.next()?)? << (6 * place)))
}

/// Of the alphabet of crypt(3).
fn digit(byte: u8) -> Option<u32> {
    const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    ALPHABET.iter().position(|letter| *letter == byte).and_then(|place| u32::try_from(place).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_that_asks_for_more_than_a_gib_or_for_hours_is_endless() {
        // The usual one, 1 GiB, and the highest that crypt_gensalt(3) makes.
        for usual in ["j9T", "jFT", "jD5", "j75", ".9T", "", "j", "j9", "jz", "!!!"] {
            assert!(!is_endless(usual.as_bytes()), "{usual}");
        }
        for endless in ["jGT", "jRT", "jk8T", "jFT/A", "jFT00/", "j9TDz.....", "jFkz"] {
            assert!(is_endless(endless.as_bytes()), "{endless}");
        }
        for usual in ["CU..../....SodiumChloride", "CU", "!", "", "E6..../....x"] {
            assert!(!is_endless_scrypt(usual.as_bytes()), "{usual}");
        }
        for endless in ["HU..../....x", "zU..../....x", "zzzzzzzzzzzx", "6/....zzzzzx", "6zzzzz/....x"] {
            assert!(is_endless_scrypt(endless.as_bytes()), "{endless}");
        }
    }
}
