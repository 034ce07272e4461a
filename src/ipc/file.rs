//! Between supervisor and worker: the file of a mechanism that the worker has no right to open. A worker says that it wants
//! it, and no more: which file that is, the supervisor knows from its own configuration.
#![forbid(unsafe_code)]

use super::codec::Malformed;

/// What a worker says that wants its file opened.
pub const FILE_WANTED: &[u8] = &[1];

/// The length of an answer in bytes: a tag, and an error number with its lowest byte first.
pub const FILE_ANSWER: usize = 5;

const OPENED: u8 = 1;
const REFUSED: u8 = 2;
const NOT_REGULAR: u8 = 3;

/// Why a file was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenError {
    /// The system's error number.
    System(i32),
    /// It is a directory, a device, a pipe …
    NotRegular,
}

/// The answer of the supervisor; the descriptor of a file that was opened comes with it.
pub fn encode_opened(opened: Result<(), OpenError>) -> [u8; FILE_ANSWER] {
    let (tag, number) = match opened {
        Ok(()) => (OPENED, 0),
        Err(OpenError::System(number)) => (REFUSED, number),
        Err(OpenError::NotRegular) => (NOT_REGULAR, 0),
    };
    let [first, second, third, fourth] = number.to_le_bytes();
    [tag, first, second, third, fourth]
}

/// Reads the answer.
///
/// # Errors
/// When it is none.
pub fn decode_opened(answer: &[u8]) -> Result<Result<(), OpenError>, Malformed> {
    let [tag, number @ ..] = <[u8; FILE_ANSWER]>::try_from(answer).map_err(|_| Malformed)?;
    match (tag, i32::from_le_bytes(number)) {
        (OPENED, 0) => Ok(Ok(())),
        (REFUSED, number @ 1..) => Ok(Err(OpenError::System(number))),
        (NOT_REGULAR, 0) => Ok(Err(OpenError::NotRegular)),
        _ => Err(Malformed),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_arrives_as_it_was_sent_and_nothing_else_is_one() {
        for answer in
            [Ok(()), Err(OpenError::System(2)), Err(OpenError::System(i32::MAX)), Err(OpenError::NotRegular)]
        {
            let bytes = encode_opened(answer);
            assert_eq!(decode_opened(&bytes), Ok(answer));
            assert_eq!(decode_opened(&bytes[..4]), Err(Malformed));
            assert_eq!(decode_opened(&[&bytes[..], b"x"].concat()), Err(Malformed));
        }
        for bytes in [[0, 0, 0, 0, 0], [1, 1, 0, 0, 0], [2, 0, 0, 0, 0], [2, 0, 0, 0, 0x80], [4, 0, 0, 0, 0]]
        {
            assert_eq!(decode_opened(&bytes), Err(Malformed), "{bytes:?}");
        }
    }
}
