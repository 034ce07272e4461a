//! How a login by GSSAPI ends: RFC 4752, section 3.1. The server offers ways to protect what follows, the client chooses. Pure.
#![forbid(unsafe_code)]

use super::frames::MOST_WRAPPED;
use crate::job::{Layer, SecurityProperties};
use crate::secret::Secret;

/// Bits for ways that there are, and three bytes for the largest message.
const OFFER: usize = 4;

/// What is sent at a time to a server that offers a layer and says 0 for the largest message. The RFC has that for "no layer"; libsasl
/// before 2.1.27 says it with one, and others mean that there is no bound.
const WHERE_NOT_TOLD: u32 = 8192;

/// The smallest of the largest messages that a layer is chosen for: what Kerberos adds must fit, and something besides.
const LEAST_OF_SERVER: u32 = 256;

/// What was agreed on.
#[derive(Debug, PartialEq, Eq)]
pub struct Agreement {
    /// What protects what follows.
    pub layer: Layer,
    /// The largest wrapped message that the server takes, in bytes; of no use without a layer.
    pub most: u32,
}

/// The answer to an offer, with the identity to act as, which is empty for one's own. `strength` is that of encryption, as libsasl counts it, 0 where the
/// context has none.
///
/// # Errors
/// When nothing is offered that is permitted, or the offer is none.
pub fn answer(
    offer: &[u8],
    acts_as: &[u8],
    properties: SecurityProperties,
    strength: u32,
) -> Result<(Agreement, Secret), String> {
    let [ways, high, middle, low] = *offer else {
        return Err(format!("the server's offer has {} bytes instead of {OFFER}", offer.len()));
    };
    let most = match u32::from_be_bytes([0, high, middle, low]) {
        0 => WHERE_NOT_TOLD,
        told => told,
    };
    let is_possible =
        |layer: &Layer| ways & bit(*layer) != 0 && properties.permit(strength_of(*layer, strength));
    let layer = order(properties).into_iter().find(is_possible);
    let layer = layer.ok_or_else(|| nothing_left(ways, properties))?;
    if layer != Layer::None && most < LEAST_OF_SERVER {
        return Err(format!("the server takes protected messages of {most} bytes only"));
    }
    let mut answer = Secret::with_capacity(OFFER + acts_as.len());
    let taken = if layer == Layer::None { 0 } else { MOST_WRAPPED };
    let [.., high, middle, low] = taken.to_be_bytes();
    answer.extend_from_slice(&[bit(layer), high, middle, low]);
    answer.extend_from_slice(acts_as);
    Ok((Agreement { layer, most }, answer))
}

/// As libsasl, the strongest first; but where nobody can listen no layer: Active Directory takes none within TLS.
fn order(properties: SecurityProperties) -> [Layer; 3] {
    match properties.is_private {
        true => [Layer::None, Layer::Confidentiality, Layer::Integrity],
        false => [Layer::Confidentiality, Layer::Integrity, Layer::None],
    }
}

fn bit(layer: Layer) -> u8 {
    match layer {
        Layer::None => 1,
        Layer::Integrity => 2,
        Layer::Confidentiality => 4,
    }
}

/// `None` where the context has nothing of the kind.
fn strength_of(layer: Layer, strength: u32) -> Option<u32> {
    match layer {
        Layer::None => Some(0),
        Layer::Integrity => Some(1),
        Layer::Confidentiality => (strength > 1).then_some(strength),
    }
}

fn nothing_left(ways: u8, properties: SecurityProperties) -> String {
    let names = [
        (Layer::None, "no protection"),
        (Layer::Integrity, "signing"),
        (Layer::Confidentiality, "encryption"),
    ];
    let offered: Vec<_> =
        names.iter().filter(|(layer, _)| ways & bit(*layer) != 0).map(|(_, name)| *name).collect();
    let offered = if offered.is_empty() { "nothing".to_owned() } else { offered.join(", ") };
    let SecurityProperties { min_ssf, max_ssf, .. } = properties;
    let wanted = match max_ssf {
        u32::MAX => format!("minssf={min_ssf}"),
        _ => format!("minssf={min_ssf},maxssf={max_ssf}"),
    };
    format!("the server offers {offered} for what follows, and none of it is within {wanted}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const OPEN: SecurityProperties = SecurityProperties { min_ssf: 0, max_ssf: u32::MAX, is_private: false };
    const PRIVATE: SecurityProperties = SecurityProperties { is_private: true, ..OPEN };

    fn chosen(ways: u8, properties: SecurityProperties, strength: u32) -> Option<Layer> {
        let (agreement, answer) = answer(&[ways, 0, 0xff, 0xff], b"", properties, strength).ok()?;
        let taken = if agreement.layer == Layer::None { [0, 0, 0] } else { [0, 0x20, 0] };
        let [high, middle, low] = taken;
        assert_eq!(answer.as_bytes(), [bit(agreement.layer), high, middle, low]);
        assert_eq!(agreement.most, 0xffff);
        Some(agreement.layer)
    }

    #[test]
    fn in_the_open_the_strongest_is_chosen_of_what_is_offered() {
        use Layer::{Confidentiality, Integrity};
        for (ways, expected) in [
            (0, None),
            (1, Some(Layer::None)),
            (2, Some(Integrity)),
            (3, Some(Integrity)),
            (4, Some(Confidentiality)),
            (7, Some(Confidentiality)),
            (0xf8, None),
            (0xff, Some(Confidentiality)),
        ] {
            assert_eq!(chosen(ways, OPEN, 256), expected, "{ways}");
        }
        assert_eq!(chosen(7, OPEN, 0), Some(Integrity), "the context does not encrypt");
        assert_eq!(chosen(4, OPEN, 0), None);
    }

    #[test]
    fn where_nobody_can_listen_no_layer_is_chosen_unless_the_server_insists() {
        for ways in [1, 3, 5, 7, 0xff] {
            assert_eq!(chosen(ways, PRIVATE, 256), Some(Layer::None), "{ways}");
        }
        assert_eq!(chosen(6, PRIVATE, 256), Some(Layer::Confidentiality));
        assert_eq!(chosen(6, PRIVATE, 0), Some(Layer::Integrity));
    }

    #[test]
    fn nothing_weaker_or_stronger_is_chosen_than_the_properties_permit() {
        let within = |min_ssf, max_ssf| SecurityProperties { min_ssf, max_ssf, is_private: false };
        for (properties, expected) in [
            (within(0, 0), Some(Layer::None)),
            (within(0, 1), Some(Layer::Integrity)),
            (within(1, 1), Some(Layer::Integrity)),
            (within(0, 128), Some(Layer::Integrity)),
            (within(2, u32::MAX), Some(Layer::Confidentiality)),
            (within(256, 256), Some(Layer::Confidentiality)),
            (within(257, u32::MAX), None),
            (within(2, 128), None),
        ] {
            assert_eq!(chosen(7, properties, 256), expected, "{properties:?}");
        }
        assert_eq!(chosen(1, within(1, u32::MAX), 256), None);
        let error = answer(&[1, 0, 0, 0], b"", within(56, u32::MAX), 256).err().unwrap();
        assert!(error.contains("offers no protection") && error.contains("minssf=56"), "{error}");
    }

    #[test]
    fn the_identity_to_act_as_follows_without_an_end() {
        let (_, answer) = answer(&[1, 1, 0, 0], b"dn:cn=mail", OPEN, 256).unwrap();
        assert_eq!(answer.as_bytes(), b"\x01\0\0\0dn:cn=mail");
    }

    #[test]
    fn a_server_that_takes_next_to_nothing_is_told_and_one_that_does_not_tell_gets_short_messages() {
        let most = |most: u32, ways: u8| {
            let [_, high, middle, low] = most.to_be_bytes();
            answer(&[ways, high, middle, low], b"", OPEN, 256).map(|(agreement, _)| agreement.most)
        };
        assert_eq!((most(0, 7), most(256, 7), most(0x00ff_ffff, 7)), (Ok(8192), Ok(256), Ok(0x00ff_ffff)));
        assert!(most(255, 7).unwrap_err().contains("255 bytes only"));
        assert!(most(1, 1).is_ok(), "it is of no use without a layer");
    }

    #[test]
    fn what_is_no_offer_is_an_error() {
        for offer in [&b""[..], b"\x07\0\0", b"\x07\0\0\0\0"] {
            assert!(answer(offer, b"", OPEN, 256).is_err(), "{offer:?}");
        }
    }
}
