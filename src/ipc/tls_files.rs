//! The files for TLS, as the supervisor hands them to a frontend: as bytes, in pipes.
#![forbid(unsafe_code)]

use super::codec::{Malformed, Reader, Writer};
use crate::secret::Secret;
use crate::settings::tls_files::{Contents, TlsFiles};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// The first byte: no other bytes begin so that are made of anything else.
const TAG: u8 = 1;

const FILE: u64 = 0;
const DIRECTORY: u64 = 1;
const UNREADABLE: u64 = 2;

/// The most files and directories, and the most files of a directory.
const MOST: usize = 65_536;

/// Puts them together.
pub fn encode_tls_files(files: &TlsFiles) -> Secret {
    // All of it at once, so that keys are in one place only.
    let writer = Writer::new(TAG, size_of(files)).size(files.len());
    let written = files.iter().fold(writer, |writer, (path, contents)| {
        let writer = writer.string(path.as_os_str().as_bytes());
        match contents {
            Contents::File(bytes) => writer.number(FILE).string(bytes.as_bytes()),
            Contents::Directory(files) => {
                let writer = writer.number(DIRECTORY).size(files.len());
                files.iter().fold(writer, |writer, file| writer.string(file.as_bytes()))
            }
            Contents::Unreadable(reason) => writer.number(UNREADABLE).string(reason.as_bytes()),
        }
    });
    written.finish()
}

/// At least the bytes that they become.
fn size_of(files: &TlsFiles) -> usize {
    let contents = |contents: &Contents| match contents {
        Contents::File(bytes) => bytes.len(),
        Contents::Directory(files) => files.iter().map(|file| file.len() + 4).sum(),
        Contents::Unreadable(reason) => reason.len(),
    };
    files.iter().map(|(path, found)| path.as_os_str().len() + contents(found) + 32).sum::<usize>() + 32
}

/// Takes them apart.
///
/// # Errors
/// When they are not what [`encode_tls_files`] makes.
pub fn decode_tls_files(bytes: &[u8]) -> Result<TlsFiles, Malformed> {
    let (TAG, mut reader) = Reader::new(bytes)? else { return Err(Malformed) };
    let files = (0..count(&mut reader)?).map(|_| {
        let path = PathBuf::from(OsString::from_vec(reader.string()?.to_vec()));
        let contents = match reader.number()? {
            FILE => Contents::File(Secret::copy_of(reader.string()?)),
            DIRECTORY => {
                let files = (0..count(&mut reader)?).map(|_| reader.string().map(Secret::copy_of));
                Contents::Directory(files.collect::<Result<_, _>>()?)
            }
            UNREADABLE => Contents::Unreadable(reader.text()?),
            _ => return Err(Malformed),
        };
        Ok((path, contents))
    });
    let files = files.collect::<Result<_, _>>()?;
    reader.finish(files)
}

fn count(reader: &mut Reader<'_>) -> Result<usize, Malformed> {
    reader.size().ok().filter(|count| *count <= MOST).ok_or(Malformed)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn files() -> TlsFiles {
        let bytes = |text: &str| Secret::copy_of(text.as_bytes());
        TlsFiles::from([
            ("/etc/ssl/key.pem".into(), Contents::File(bytes("key"))),
            ("/etc/ssl/certs".into(), Contents::Directory(vec![bytes("one"), bytes("")])),
            ("/none".into(), Contents::Unreadable("No such file or directory".to_owned())),
        ])
    }

    #[test]
    fn files_arrive_as_they_were_read_and_nothing_else_is_taken_for_them() {
        let encoded = encode_tls_files(&files());
        assert!(decode_tls_files(encoded.as_bytes()).is_ok_and(|decoded| decoded == files()));
        for length in 0..encoded.len() {
            assert!(decode_tls_files(&encoded.as_bytes()[..length]).is_err(), "{length}");
        }
        let longer = [encoded.as_bytes(), b"x"].concat();
        assert!(decode_tls_files(&longer).is_err());
        assert!(encoded.len() <= size_of(&files()), "nothing has moved while it was put together");
    }
}
