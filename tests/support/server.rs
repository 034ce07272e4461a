//! A server that answers with the bytes it is given, in place of a daemon.

use crate::support::PATIENCE;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use tempfile::TempDir;

/// Listens on a socket of its own until the test ends.
pub struct FakeDaemon {
    directory: TempDir,
    requests: Receiver<Vec<u8>>,
}

impl FakeDaemon {
    /// Answers each connection with the next of `replies` and closes; the last is for all that follow.
    pub fn answering(replies: &[&[u8]]) -> Self {
        let replies: Vec<_> = replies.iter().map(|reply| reply.to_vec()).collect();
        Self::serving(move |stream, number| {
            let reply = replies.get(number).or_else(|| replies.last()).unwrap();
            // A client that has given up is no fault of the server.
            let _ = stream.write_all(reply);
        })
    }

    /// Reads each request and then does nothing.
    pub fn silent() -> Self {
        let mut kept = Vec::new();
        Self::serving(move |stream, _| kept.push(stream.try_clone().unwrap()))
    }

    fn serving(mut answer: impl FnMut(&mut UnixStream, usize) + Send + 'static) -> Self {
        let directory = TempDir::new().unwrap();
        let listener = UnixListener::bind(directory.path().join("mux")).unwrap();
        let (sender, requests) = mpsc::channel();
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let mut stream = stream;
                // The clients write a request at once.
                let mut buffer = [0; 65536];
                let length = stream.read(&mut buffer).unwrap_or(0);
                answer(&mut stream, number);
                if sender.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { directory, requests }
    }

    /// The socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("mux")
    }

    /// The next request that came.
    pub fn request(&self) -> Vec<u8> {
        self.requests.recv_timeout(PATIENCE).expect("no request came")
    }
}
