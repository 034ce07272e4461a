//! MD4 (RFC 1320) and the inner state of MD5 (RFC 1321), which OpenSSL 3 does not give away. For stored passwords of old only.
#![forbid(unsafe_code)]

/// Bytes of a block of both.
pub(super) const BLOCK: usize = 64;

/// The four words that both begin with.
const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// By how many bits the words are turned, four a round in turn.
const MD5_TURNS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
const MD4_TURNS: [[u32; 4]; 3] = [[3, 7, 11, 19], [3, 5, 9, 13], [3, 9, 11, 15]];

/// What MD5 adds in each step: the sine of its number, as far as 32 bits hold it. Written down, since to compute it every process
/// would map libm.
const MD5_ADDED: [[u32; 4]; 16] = [
    [0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee],
    [0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501],
    [0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be],
    [0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821],
    [0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa],
    [0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8],
    [0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed],
    [0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a],
    [0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c],
    [0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70],
    [0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05],
    [0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665],
    [0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039],
    [0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1],
    [0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1],
    [0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391],
];

/// What MD4 adds in each round.
const MD4_ADDED: [u32; 3] = [0, 0x5a82_7999, 0x6ed9_eba1];

/// In which order MD4 takes the words of a block in its third round.
const MD4_THIRD: [usize; 16] = [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15];

/// The state of MD5 after this one block.
pub(super) fn md5_state(block: &[u8; BLOCK]) -> [u8; 16] {
    to_bytes(md5_block(START, block))
}

/// The MD4 hash of `text`.
pub(super) fn md4(text: &[u8]) -> [u8; 16] {
    let bits = (text.len() as u64).wrapping_mul(8).to_le_bytes();
    let mut padded = zeroize::Zeroizing::new(Vec::with_capacity(text.len() + 2 * BLOCK));
    padded.extend_from_slice(text);
    padded.push(0x80);
    let length = (padded.len() + bits.len()).next_multiple_of(BLOCK);
    padded.resize(length - bits.len(), 0);
    padded.extend_from_slice(&bits);
    let blocks = padded.chunks_exact(BLOCK).filter_map(|block| block.try_into().ok());
    to_bytes(blocks.fold(START, md4_block))
}

fn md5_block(start: [u32; 4], block: &[u8; BLOCK]) -> [u32; 4] {
    let words = words(block);
    let [mut a, mut b, mut c, mut d] = start;
    for (step, added) in (0..64_usize).zip(MD5_ADDED.into_iter().flatten()) {
        let (mixed, place) = match step / 16 {
            0 => ((b & c) | (!b & d), step),
            1 => ((b & d) | (c & !d), 5 * step + 1),
            2 => (b ^ c ^ d, 3 * step + 5),
            _ => (c ^ (b | !d), 7 * step),
        };
        let turn = turn_of(&MD5_TURNS, step);
        let sum = a.wrapping_add(mixed).wrapping_add(added).wrapping_add(word(&words, place));
        (a, d, c, b) = (d, c, b, b.wrapping_add(sum.rotate_left(turn)));
    }
    add(start, [a, b, c, d])
}

fn md4_block(start: [u32; 4], block: &[u8; BLOCK]) -> [u32; 4] {
    let words = words(block);
    let [mut a, mut b, mut c, mut d] = start;
    for step in 0..48_usize {
        let (mixed, place) = match step / 16 {
            0 => ((b & c) | (!b & d), step),
            1 => ((b & c) | (b & d) | (c & d), step % 4 * 4 + step % 16 / 4),
            _ => (b ^ c ^ d, MD4_THIRD.get(step % 16).copied().unwrap_or_default()),
        };
        let added = MD4_ADDED.get(step / 16).copied().unwrap_or_default();
        let sum = a.wrapping_add(mixed).wrapping_add(word(&words, place)).wrapping_add(added);
        (a, d, c, b) = (d, c, b, sum.rotate_left(turn_of(&MD4_TURNS, step)));
    }
    add(start, [a, b, c, d])
}

fn words(block: &[u8; BLOCK]) -> [u32; 16] {
    let mut words = [0; 16];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
    }
    words
}

fn word(words: &[u32; 16], place: usize) -> u32 {
    words.get(place % 16).copied().unwrap_or_default()
}

fn turn_of(turns: &[[u32; 4]], step: usize) -> u32 {
    turns.get(step / 16).and_then(|round| round.get(step % 4)).copied().unwrap_or_default()
}

fn add(one: [u32; 4], other: [u32; 4]) -> [u32; 4] {
    let [a, b, c, d] = one;
    let [e, f, g, h] = other;
    [a.wrapping_add(e), b.wrapping_add(f), c.wrapping_add(g), d.wrapping_add(h)]
}

fn to_bytes(state: [u32; 4]) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (place, word) in bytes.chunks_exact_mut(4).zip(state) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::{Hash, hash};

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// RFC 1320, appendix A.5.
    #[test]
    fn md4_gives_the_hashes_of_its_rfc() {
        for (text, expected) in [
            ("", "31d6cfe0d16ae931b73c59d7e0c089c0"),
            ("abc", "a448017aaf21d8525fc10ae87aa6729d"),
            (
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
                "043f8582f241db351ce627e153e7f0e4",
            ),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                "e33b4ddc9c38f2199c3e7b164fcc0536",
            ),
        ] {
            assert_eq!(hex(&md4(text.as_bytes())), expected, "{text}");
        }
    }

    /// A text with its padding is one block as long as it is short.
    #[test]
    fn the_state_of_md5_after_a_padded_text_is_its_hash() {
        for text in ["", "abc", "message digest, and up to fifty-five bytes"] {
            let mut block = [0; BLOCK];
            let padded = text.bytes().chain([0x80]);
            block.iter_mut().zip(padded).for_each(|(place, byte)| *place = byte);
            block[56] = u8::try_from(text.len() * 8 % 256).unwrap_or_default();
            block[57] = u8::try_from(text.len() * 8 / 256).unwrap_or_default();
            let expected = hash(Hash::Md5, &[text.as_bytes()]);
            assert!(expected.is_ok_and(|hash| hash.as_bytes() == md5_state(&block)), "{text}");
        }
    }
}
