//! Lines of a file and where each begins, in bounded memory that is wiped afterwards.
#![forbid(unsafe_code)]

use super::line::LONGEST_LINE;
use crate::secret::Secret;
use std::io::{self, Read};

/// Bytes read at a time.
const BUFFER: usize = 1 << 16;

/// A line as it stands in the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Located<'a> {
    /// Where it begins, in bytes from the start of the file.
    pub(super) offset: u64,
    /// Its number, from 1.
    pub(super) number: u64,
    /// The line without its newline; `None` when it is longer than [`LONGEST_LINE`].
    pub(super) text: Option<&'a [u8]>,
}

/// Reads lines one after the other.
pub(super) struct Lines<Input> {
    input: Input,
    buffer: Secret,
    /// The part of the buffer that has been read from the file and not been given out.
    start: usize,
    end: usize,
    /// Of the byte at `start`.
    offset: u64,
    number: u64,
}

impl<Input: Read> Lines<Input> {
    pub(super) fn of(input: Input) -> Self {
        let mut buffer = Secret::default();
        buffer.resize(BUFFER);
        Self { input, buffer, start: 0, end: 0, offset: 0, number: 0 }
    }

    /// The next line; `None` at the end of the file.
    pub(super) fn next(&mut self) -> io::Result<Option<Located<'_>>> {
        let (offset, start) = (self.offset, self.find_line()?);
        let Some((start, length, text_fits)) = start else { return Ok(None) };
        self.number += 1;
        let text = self.buffer.as_bytes().get(start..start.saturating_add(length)).filter(|_| text_fits);
        Ok(Some(Located { offset, number: self.number, text }))
    }

    /// Takes the next line out of the buffer: its place, length and whether it is all there.
    fn find_line(&mut self) -> io::Result<Option<(usize, usize, bool)>> {
        loop {
            if let Some(length) = self.pending().iter().position(|byte| *byte == b'\n') {
                let start = self.start;
                self.take(length.saturating_add(1));
                return Ok(Some((start, length, length <= LONGEST_LINE)));
            }
            if self.pending().len() > LONGEST_LINE {
                self.skip_line()?;
                return Ok(Some((0, 0, false)));
            }
            if !self.fill()? {
                let (start, length) = (self.start, self.pending().len());
                self.take(length);
                return Ok((length > 0).then_some((start, length, true)));
            }
        }
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            if let Some(length) = self.pending().iter().position(|byte| *byte == b'\n') {
                self.take(length.saturating_add(1));
                return Ok(());
            }
            self.take(self.pending().len());
            if !self.fill()? {
                return Ok(());
            }
        }
    }

    fn pending(&self) -> &[u8] {
        self.buffer.as_bytes().get(self.start..self.end).unwrap_or_default()
    }

    fn take(&mut self, length: usize) {
        self.start = self.start.saturating_add(length).min(self.end);
        self.offset = self.offset.saturating_add(length as u64);
    }

    /// Reads more behind what is pending; `false` at the end of the file.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.as_mut_bytes().copy_within(self.start..self.end, 0);
        self.end = self.end.saturating_sub(self.start);
        self.start = 0;
        let room = self.buffer.as_mut_bytes().get_mut(self.end..).unwrap_or_default();
        let read = loop {
            match self.input.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.end = self.end.saturating_add(read);
        Ok(read > 0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    /// A file that gives a few bytes at a time.
    struct Dribble<'a>(&'a [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(self.0.len()).min(room.len());
            room[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    fn lines(file: &[u8], step: usize) -> Vec<(u64, u64, Option<Vec<u8>>)> {
        let mut lines = Lines::of(Dribble(file, step));
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push((line.offset, line.number, line.text.map(<[u8]>::to_vec)));
        }
        found
    }

    #[test]
    fn lines_come_with_their_number_and_place_however_the_file_is_read() {
        for step in [1, 2, 3, 7, 1000] {
            let some = |text: &str| Some(text.as_bytes().to_vec());
            let expected =
                [(0, 1, some("anna:x")), (7, 2, some("")), (8, 3, some("\r")), (10, 4, some("otto:y"))];
            assert_eq!(lines(b"anna:x\n\n\r\notto:y", step), expected);
            assert_eq!(lines(b"anna:x\n\n\r\notto:y\n", step), expected);
        }
        assert_eq!(lines(b"", 1), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_counted() {
        for (length, fits) in [(LONGEST_LINE, true), (LONGEST_LINE + 1, false), (3 * BUFFER, false)] {
            let mut file = vec![b'x'; length];
            let text = fits.then(|| file.clone());
            file.extend_from_slice(b"\nanna:x\n");
            for step in [LONGEST_LINE - 1, BUFFER, usize::MAX] {
                let expected = [(0, 1, text.clone()), (length as u64 + 1, 2, Some(b"anna:x".to_vec()))];
                assert_eq!(lines(&file, step), expected, "{length} by {step}");
            }
            assert_eq!(lines(&file[..length], usize::MAX), [(0, 1, text)]);
        }
    }

    #[test]
    fn a_file_of_many_buffers_keeps_every_line() {
        let file: String = (0..50_000).map(|number| format!("user{number}:hash\n")).collect();
        let found = lines(file.as_bytes(), usize::MAX);
        assert_eq!(found.len(), 50_000);
        for (index, (offset, number, text)) in found.iter().enumerate() {
            let expected = format!("user{index}:hash");
            assert_eq!((*number, text.as_deref()), (index as u64 + 1, Some(expected.as_bytes())));
            assert!(file[usize::try_from(*offset).unwrap()..].starts_with(&expected));
        }
    }
}
