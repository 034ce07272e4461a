//! What a login by GSSAPI does for its connection: RFC 4752, section 3.3.
#![forbid(unsafe_code)]

use super::frames::{HEADER, append, first_frame};
use super::layer::{Agreement, answer};
use crate::job::{Layer, SecurityProperties};
use crate::secret::Secret;
use crate::sys::gssapi::{Context, Unwrapped};

/// Both sides have proved who they are, and agreed on a layer.
pub(super) struct Protection {
    context: Context,
    agreement: Agreement,
    /// How many bytes are wrapped at a time.
    most_plain: usize,
}

impl Protection {
    /// Answers the server's offer; the second is what was chosen, the third goes to the server.
    pub(super) fn agree(
        mut context: Context,
        offer: &Secret,
        acts_as: &[u8],
        properties: SecurityProperties,
    ) -> Result<(Self, Layer, Secret), String> {
        let offer = context.unwrap_message(offer.as_bytes()).map_err(|error| error.to_string())?.message;
        let (agreement, answer) = answer(offer.as_bytes(), acts_as, properties, context.strength())?;
        let token = context.wrap_message(answer.as_bytes(), false).map_err(|error| error.to_string())?;
        let layer = agreement.layer;
        let most_plain = match layer {
            Layer::None => 0,
            Layer::Integrity | Layer::Confidentiality => {
                let encrypts = layer == Layer::Confidentiality;
                context.most_plain(agreement.most, encrypts).map_err(|error| error.to_string())?
            }
        };
        if layer != Layer::None && most_plain == 0 {
            return Err(format!("the server takes protected messages of {} bytes only", agreement.most));
        }
        let most_plain = usize::try_from(most_plain).unwrap_or(usize::MAX);
        Ok((Self { context, agreement, most_plain }, layer, token))
    }

    pub(super) fn layer(&self) -> Layer {
        self.agreement.layer
    }

    fn encrypts(&self) -> bool {
        self.agreement.layer == Layer::Confidentiality
    }

    /// Protects what goes to the server, in as many messages as that wants.
    pub(super) fn wrap(&mut self, message: &Secret) -> Result<Secret, String> {
        let mut frames = Secret::with_capacity(2 * message.len());
        let encrypts = self.encrypts();
        for part in message.as_bytes().chunks(self.most_plain.max(1)) {
            let wrapped = self.context.wrap_message(part, encrypts).map_err(|error| error.to_string())?;
            append(&mut frames, wrapped.as_bytes(), self.agreement.most)?;
        }
        Ok(frames)
    }

    /// Opens what the server has protected.
    pub(super) fn unwrap(&mut self, frames: &Secret) -> Result<Secret, String> {
        let mut message = Secret::with_capacity(frames.len());
        let mut rest = frames.as_bytes();
        while !rest.is_empty() {
            let length = first_frame(rest)?.ok_or("a protected message is not whole")?;
            let (frame, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            let opened = self.context.unwrap_message(frame.get(HEADER..).unwrap_or_default());
            let Unwrapped { message: opened, is_encrypted } = opened.map_err(|error| {
                format!("what came is not what the server has protected, or not in its order: {error}")
            })?;
            if self.encrypts() && !is_encrypted {
                return Err("the server does not encrypt what it had agreed to encrypt".to_owned());
            }
            message.extend_from_slice(opened.as_bytes());
            rest = behind;
        }
        Ok(message)
    }
}
