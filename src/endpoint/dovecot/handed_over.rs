//! What a connection at rest takes along to another process.
#![forbid(unsafe_code)]

use super::session::Stage;

/// The first byte of the encoding: another one would be another form.
const FORM: u8 = 1;
const AWAITING_VERSION: u8 = 0;
const AWAITING_PROCESS: u8 = 1;
const SERVING: u8 = 2;

/// How far the handshake is, and what the client understands. Ids need not be known: they can be used again once they
/// are answered, and all are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandedOver {
    pub(super) stage: Stage,
}

impl HandedOver {
    /// As bytes: at most 6.
    pub fn encode(self) -> Vec<u8> {
        let (stage, minor) = match self.stage {
            Stage::AwaitingVersion => (AWAITING_VERSION, 0),
            Stage::AwaitingProcess { minor } => (AWAITING_PROCESS, minor),
            Stage::Serving { minor } => (SERVING, minor),
        };
        [[FORM, stage].as_slice(), &minor.to_le_bytes()].concat()
    }

    /// From bytes; `None` if no process of this version wrote them.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let ([FORM, stage], minor) = bytes.split_first_chunk()? else { return None };
        let minor = u32::from_le_bytes(minor.try_into().ok()?);
        let stage = match *stage {
            AWAITING_VERSION => Stage::AwaitingVersion,
            AWAITING_PROCESS => Stage::AwaitingProcess { minor },
            SERVING => Stage::Serving { minor },
            _ => return None,
        };
        Some(Self { stage })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_over_comes_back_from_its_bytes() {
        for stage in [
            Stage::AwaitingVersion,
            Stage::AwaitingProcess { minor: 1 },
            Stage::Serving { minor: 0 },
            Stage::Serving { minor: u32::MAX },
        ] {
            let handed_over = HandedOver { stage };
            assert_eq!(HandedOver::decode(&handed_over.encode()), Some(handed_over));
        }
    }

    #[test]
    fn other_bytes_are_nothing_that_was_handed_over() {
        for bytes in
            [&b""[..], b"\x01", b"\x01\x02", b"\x01\x02\0\0\0", b"\x02\x02\0\0\0\0", b"\x01\x03\0\0\0\0"]
        {
            assert_eq!(HandedOver::decode(bytes), None, "{bytes:?}");
        }
        assert_eq!(HandedOver::decode(b"\x01\x02\0\0\0\0\0"), None);
    }
}
