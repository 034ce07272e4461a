//! Numbers, times and names as people read them.
#![forbid(unsafe_code)]

use std::fmt::Write;
use std::time::Duration;

/// With a comma before each three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `number` things, or one of them.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number as u64), if number == 1 { one } else { many })
}

/// How long something takes: two digits that count.
pub(super) fn short(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    match milliseconds {
        0.0..9.95 => format!("{milliseconds:.1} ms"),
        9.95..999.5 => format!("{milliseconds:.0} ms"),
        999.5..9950.0 => format!("{:.1} s", time.as_secs_f64()),
        _ => format!("{:.0} s", time.as_secs_f64()),
    }
}

/// How long something lasts: the two largest units.
pub(super) fn long(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// What clients and servers have said, fit for a terminal: what is no printable UTF-8 as `\xNN`.
pub(super) fn printable(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    let escape = |shown: &mut String, bytes: &[u8]| {
        for byte in bytes {
            // Nothing fails that is written to memory.
            let _ = write!(shown, "\\x{byte:02X}");
        }
    };
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() || character == '\\' {
                escape(&mut shown, character.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                shown.push(character);
            }
        }
        escape(&mut shown, chunk.invalid());
    }
    shown
}

/// The bytes that `printable` has shown so; others may be shown the same way only if they hold a `\xNN` themselves.
pub fn unprintable(shown: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(shown.len());
    let mut rest = shown;
    while let Some((first, behind)) = rest.split_first() {
        let escaped = rest.strip_prefix(b"\\x").and_then(|digits| digits.split_at_checked(2));
        match escaped.and_then(|(digits, behind)| Some((byte(digits)?, behind))) {
            Some((byte, behind)) => {
                bytes.push(byte);
                rest = behind;
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    bytes
}

fn byte(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits)
        .ok()
        .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, shown) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (123_456, "123,456"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), shown);
        }
        assert_eq!(count(1, "entry", "entries"), "1 entry");
        assert_eq!(count(1200, "entry", "entries"), "1,200 entries");
    }

    #[test]
    fn times_have_the_digits_that_count() {
        for (microseconds, shown) in [
            (0, "0.0 ms"),
            (340, "0.3 ms"),
            (9_949, "9.9 ms"),
            (9_960, "10 ms"),
            (999_400, "999 ms"),
            (999_600, "1.0 s"),
            (9_960_000, "10 s"),
            (61_000_000, "61 s"),
        ] {
            assert_eq!(short(Duration::from_micros(microseconds)), shown);
        }
        for (seconds, shown) in [
            (59, "59 s"),
            (61, "1 min 1 s"),
            (3_700, "1 h 1 min"),
            (90_000, "1 d 1 h"),
            (8_640_000, "100 d 0 h"),
        ] {
            assert_eq!(long(Duration::from_secs(seconds)), shown);
        }
    }

    #[test]
    fn no_name_moves_the_cursor_of_a_terminal() {
        assert_eq!(printable("müller\u{9b}2J".as_bytes()), "müller\\xC2\\x9B2J");
        assert_eq!(printable(b"a\x1b[2J\n\xff\\"), "a\\x1B[2J\\x0A\\xFF\\x5C");
    }

    #[test]
    fn what_is_shown_leads_back_to_what_it_was() {
        for bytes in
            [&b"anna"[..], b"CORP\\anna", b"\xff\xfe", b"a\\x41", "\u{9b}\u{e4} \t".as_bytes(), b"\\", b""]
        {
            assert_eq!(unprintable(printable(bytes).as_bytes()), bytes, "{}", bytes.escape_ascii());
        }
        for half in [&b"\\x"[..], b"\\x4", b"\\x+1", b"\\xg0", b"\\"] {
            assert_eq!(unprintable(half), half);
        }
    }
}
