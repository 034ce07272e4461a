//! Many cases, each of which can be had again.

use saslauthd_fuzz::random::Random;
use std::panic::{AssertUnwindSafe, catch_unwind};

const CASES: &str = "SASLAUTHD_ORACLE_CASES";
const SEED: &str = "SASLAUTHD_ORACLE_SEED";

/// Runs `case` with `cases` different seeds, or with as many as the environment says, or with the one that it says.
pub(crate) fn for_each(cases: u64, case: impl Fn(&mut Random)) {
    if let Some(seed) = number(SEED) {
        return case(&mut Random::new(seed));
    }
    for seed in 0..number(CASES).unwrap_or(cases) {
        let run = catch_unwind(AssertUnwindSafe(|| case(&mut Random::new(seed))));
        assert!(run.is_ok(), "replay with {SEED}={seed}");
    }
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} must be a number")))
}

/// Text with letters of one to four bytes.
pub(crate) fn text(random: &mut Random, most: usize) -> String {
    let length = random.below(most + 1);
    (0..length)
        .map(|_| *random.pick(&['a', 'Z', '0', '=', ',', '*', '(', '\\', ' ', 'ß', '€', '𝄞']))
        .collect()
}

/// Bytes of which most mean something somewhere; now and then many of them.
pub(crate) fn bytes(random: &mut Random) -> Vec<u8> {
    let most = if random.one_in(20) { 40_000 } else { 24 };
    random.bytes(most, b"abc0123*()\\,=#+\"%{} \r\n@\xc3\xa4\xff\x00")
}
