//! How a login by GSSAPI ends: RFC 4752, section 3.1. The server offers ways to protect what follows, the client chooses.
#![forbid(unsafe_code)]

use crate::secret::Secret;

/// What follows is as it is. We have no other: TLS protects it, or nothing does.
const NO_LAYER: u8 = 1;

/// Bits for ways that there are, and three bytes for the largest message.
const OFFER: usize = 4;

/// The answer to an offer, with the identity to act as, which is empty for one's own.
///
/// # Errors
/// When the server insists on a layer, or the offer is none.
pub fn answer(offer: &[u8], acts_as: &[u8]) -> Result<Secret, String> {
    match *offer {
        [ways, _, _, _] if ways & NO_LAYER != 0 => {}
        [_, _, _, _] => {
            let what = "the server insists on signing or encryption by SASL, which is not supported: \
                        it needs ldaps:// or ldap_start_tls";
            return Err(what.to_owned());
        }
        _ => return Err(format!("the server's offer has {} bytes instead of {OFFER}", offer.len())),
    }
    let mut answer = Secret::with_capacity(OFFER + acts_as.len());
    // The largest message is 0 where there is no layer.
    answer.extend_from_slice(&[NO_LAYER, 0, 0, 0]);
    answer.extend_from_slice(acts_as);
    Ok(answer)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn no_layer_is_chosen_where_it_is_among_those_offered() {
        for ways in [1, 3, 5, 7, 0xff] {
            let answer = answer(&[ways, 0, 0xff, 0xff], b"").unwrap();
            assert_eq!(answer.as_bytes(), [1, 0, 0, 0], "{ways}");
        }
    }

    #[test]
    fn the_identity_to_act_as_follows_without_an_end() {
        let answer = answer(&[7, 1, 0, 0], b"dn:cn=mail").unwrap();
        assert_eq!(answer.as_bytes(), b"\x01\0\0\0dn:cn=mail");
    }

    #[test]
    fn a_server_that_insists_on_a_layer_is_told_apart_and_tls_is_named_as_the_way_out() {
        for ways in [0, 2, 4, 6, 0xfe] {
            let error = answer(&[ways, 0, 0xff, 0xff], b"").err().unwrap();
            assert!(error.contains("ldaps://"), "{error}");
        }
    }

    #[test]
    fn what_is_no_offer_is_an_error() {
        for offer in [&b""[..], b"\x07\0\0", b"\x07\0\0\0\0"] {
            assert!(answer(offer, b"").is_err(), "{offer:?}");
        }
    }
}
