//! Is this the password of that stored hash? Shared by every mechanism that has the hash at hand.
#![forbid(unsafe_code)]

use crate::outcome::{Outcome, Refusal};
use crate::secret::Secret;
use crate::sys::crypt;
use std::sync::OnceLock;
use subtle::ConstantTimeEq;

/// The refusal of a login that a database does not have, in C's words.
pub(super) fn invalid_username() -> Outcome {
    Outcome::Reject(Refusal::new("Invalid username").of_unknown_login())
}

/// Whether `password` is the one that `stored` is the crypt(3) hash of, in any kind of hash that the system knows.
///
/// Never true for an empty hash, a locked one (it begins with `!` or `*`) or anything else that crypt(3) does not
/// take; then as much work is done as by [`check_dummy_hash`], so that the time does not tell locked accounts from open ones.
pub(in crate::mechanism) fn verify(password: &Secret, stored: &[u8]) -> bool {
    if stored.is_empty() || stored.starts_with(b"!") || stored.starts_with(b"*") {
        check_dummy_hash(password);
        return false;
    }
    let Some(hash) = crypt::crypt(password.as_bytes(), stored) else {
        check_dummy_hash(password);
        return false;
    };
    hash.as_bytes().ct_eq(stored).into()
}

/// Does the work of checking a password when there is no hash to check it against.
///
/// The hash is of the kind and cost that libcrypt prefers, which is what passwd(1) makes on the systems where that
/// is the same library's default (Debian, Fedora). Where accounts have hashes of another kind the time still tells
/// that a login is unknown; a hash of one of them would be needed to hide it.
pub(super) fn check_dummy_hash(password: &Secret) {
    static SETTING: OnceLock<Option<Vec<u8>>> = OnceLock::new();
    if let Some(setting) = SETTING.get_or_init(crypt::preferred_setting) {
        std::hint::black_box(crypt::crypt(password.as_bytes(), setting));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Made with mkpasswd(1) of whois 5.5 for the password `s3cret Päss`.
    const HASHES: &[(&str, &str)] = &[
        ("yescrypt", "$y$j9T$O4aDJhsoEjrKwjTbExuf4.$FY1V6med9pxj7rNSmsshahXmyNFtAH.P/QnrTNhe951"),
        ("gost-yescrypt", "$gy$j9T$txCPnQ7Vj8J4H1Uzh092/1$tSk3MF2XS9vT4EQE.K8Uah.lzCr6DXuyC/d22nsMDl/"),
        ("scrypt", "$7$CU..../....CH9/Hg9ExyhF6hVD5nzdt1$Vs9SGdhWEaNw3ghEYr5Re3Ht/bB89VtdpVdogfZClq/"),
        ("bcrypt", "$2b$05$OS1T9I.nCai3fDlip.3Ta.l9qBm4hbjiyeDP4jCnJBNX2c3ors7Tq"),
        ("bcrypt-a", "$2a$05$OxiWhRbQ6u6psJDPMeAYrOfEB2S7k3299rMbYQ23PMmLOPNTomqEO"),
        (
            "sha512crypt",
            "$6$/S934r/LuARvjq7m$aTON/rbbDgUlGATP9YdgHjWUPIZZkkkqAYIi/6sYxdXKiUixAIMPCQpracw7c48SwIkxh2dF1dD0/4KZUX4NR/",
        ),
        ("sha256crypt", "$5$ireo9gCCuX0ZHrAq$sJdnm4scY5OU22BYfn0iOjSiVTgb6uzbiI6CDEKvVj1"),
        ("sunmd5", "$md5,rounds=59449$z.Gxq47g$$pWIBCB1a53sM1P2drPyMZ/"),
        ("md5crypt", "$1$LoR3aH/I$05/FTeWCjSMdthCIGYOz0."),
        ("bsdicrypt", "_J9..xWcIh3f9toEoyDQ"),
        ("descrypt", "j4mEvNYbKy0MA"),
        ("nt", "$3$$036fc880af297d498f25f325c330c7e4"),
    ];

    #[test]
    fn the_right_password_matches_every_kind_of_hash() {
        for (kind, hash) in HASHES {
            assert!(verify(&Secret::copy_of("s3cret Päss".as_bytes()), hash.as_bytes()), "{kind}");
        }
    }

    #[test]
    fn a_wrong_password_matches_no_kind_of_hash() {
        for (kind, hash) in HASHES {
            for wrong in ["s3cret", "S3cret Päss", "x", hash] {
                assert!(!verify(&Secret::copy_of(wrong.as_bytes()), hash.as_bytes()), "{kind}: {wrong}");
            }
        }
    }

    #[test]
    fn a_hash_that_has_been_cut_or_lengthened_matches_nothing() {
        for (kind, hash) in HASHES {
            let password = Secret::copy_of("s3cret Päss".as_bytes());
            assert!(!verify(&password, hash.as_bytes().split_last().unwrap().1), "{kind}");
            assert!(!verify(&password, format!("{hash}x").as_bytes()), "{kind}");
        }
    }

    #[test]
    fn no_hash_and_a_locked_one_match_nothing() {
        let locked: Vec<String> =
            HASHES.iter().flat_map(|(_, hash)| [format!("!{hash}"), format!("*{hash}")]).collect();
        let others = ["", "!", "!!", "*", "*0", "*1", "*LK*", "*NP*", "x", "xx", "$", "$6$", "s3cret Päss"];
        for stored in others.into_iter().chain(locked.iter().map(String::as_str)) {
            for password in ["s3cret Päss", stored] {
                assert!(
                    !verify(&Secret::copy_of(password.as_bytes()), stored.as_bytes()),
                    "{stored}: {password}"
                );
            }
        }
    }
}
