//! How wrapped messages follow each other on a connection: RFC 4422, section 3.7. Pure.
#![forbid(unsafe_code)]

use crate::secret::Secret;

/// The largest wrapped message that is taken, in bytes, which servers are told. A job of a worker has room for one
/// ([`LONGEST_STORED`](crate::ipc::LONGEST_STORED)), whatever its limits are.
pub const MOST_WRAPPED: usize = 8192;

/// How many bytes are wrapped at a time. With what each part of them gets from Kerberos they fit into a worker's answer.
pub const MOST_MESSAGE: usize = 4096;

/// Before each message its length, in four bytes.
pub const HEADER: usize = 4;

/// The length of the first frame with its header; `None` as long as not all of it has come.
///
/// # Errors
/// When its length is none that was agreed on; the sentence is for the log.
pub fn first_frame(bytes: &[u8]) -> Result<Option<usize>, String> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else { return Ok(None) };
    match usize::try_from(u32::from_be_bytes(*header)) {
        Ok(length @ 1..=MOST_WRAPPED) => Ok((rest.len() >= length).then_some(HEADER + length)),
        _ => Err(format!(
            "the server sends a protected message of {} bytes, and 1 to {MOST_WRAPPED} were agreed on",
            u32::from_be_bytes(*header)
        )),
    }
}

/// How many bytes the whole frames have that come first: as many frames as a job has room for.
///
/// # Errors
/// Those of [`first_frame`].
pub fn first_frames(bytes: &[u8]) -> Result<usize, String> {
    let mut length = 0;
    while let Some(next) = first_frame(bytes.get(length..).unwrap_or_default())? {
        if length + next > HEADER + MOST_WRAPPED {
            break;
        }
        length += next;
    }
    Ok(length)
}

/// Appends a wrapped message.
///
/// # Errors
/// When it is longer than `most`, which the server takes; the sentence is for the log.
pub fn append(frames: &mut Secret, message: &[u8], most: u32) -> Result<(), String> {
    match u32::try_from(message.len()) {
        Ok(length) if length <= most => {
            frames.extend_from_slice(&length.to_be_bytes());
            frames.extend_from_slice(message);
            Ok(())
        }
        _ => Err(format!("a protected message has {} bytes, and the server takes {most}", message.len())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::config::Limits;
    use crate::ipc::has_room_for;
    use crate::job::{ConversationId, Errand, GssapiStep};

    fn framed(messages: &[&[u8]]) -> Vec<u8> {
        let mut frames = Secret::default();
        messages.iter().for_each(|message| append(&mut frames, message, u32::MAX).unwrap());
        frames.as_bytes().to_vec()
    }

    #[test]
    fn a_frame_is_known_when_all_of_it_has_come() {
        let bytes = framed(&[b"first", b"second"]);
        for length in 0..9 {
            assert_eq!(first_frame(&bytes[..length]), Ok(None));
        }
        assert_eq!((first_frame(&bytes[..9]), first_frame(&bytes)), (Ok(Some(9)), Ok(Some(9))));
        assert_eq!((first_frames(&bytes[..18]), first_frames(&bytes)), (Ok(9), Ok(19)));
    }

    #[test]
    fn a_length_that_was_not_agreed_on_is_an_error_before_anything_of_it_has_come() {
        for length in [0, u32::try_from(MOST_WRAPPED).unwrap() + 1, 0x1603_0100, u32::MAX] {
            let header = length.to_be_bytes();
            let error = first_frame(&header).unwrap_err();
            assert!(error.contains(&format!("of {length} bytes")), "{error}");
            assert!(first_frames(&[&framed(&[b"x"]), &header[..]].concat()).is_err());
        }
        let longest = framed(&[&[7; MOST_WRAPPED]]);
        assert_eq!(first_frame(&longest), Ok(Some(longest.len())));
    }

    #[test]
    fn no_more_frames_are_taken_at_once_than_a_job_has_room_for_whatever_its_limits_are() {
        let bytes = framed(&[&[1; MOST_WRAPPED - 100], &[2; 92], &[3; 5]]);
        assert_eq!(first_frames(&bytes), Ok(bytes.len() - 9));
        let mut frames = Secret::default();
        frames.resize(HEADER + MOST_WRAPPED);
        let errand = Errand::Gssapi(GssapiStep::Unwrap { conversation: ConversationId(u64::MAX), frames });
        assert!(has_room_for(&errand, Limits { password: 0, field: 0 }));
    }

    #[test]
    fn what_is_longer_than_the_server_takes_is_not_sent() {
        let mut frames = Secret::default();
        append(&mut frames, b"four", 4).unwrap();
        assert!(append(&mut frames, b"fives", 4).unwrap_err().contains("the server takes 4"));
        assert_eq!(frames.as_bytes(), b"\0\0\0\x04four");
    }
}
