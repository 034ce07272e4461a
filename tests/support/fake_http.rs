//! An HTTP server that says what it is told to, for what no real one says.

use crate::support::address::own_address;
use crate::support::{PATIENCE, eventually};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Answers every request with the same bytes and keeps its connections, until the test ends.
pub struct FakeHttp {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    reply: Mutex<Vec<u8>>,
    /// The requests, with the number of the connection that each came on.
    heard: Mutex<Vec<(usize, String)>>,
    streams: Mutex<Vec<TcpStream>>,
}

impl FakeHttp {
    /// Starts one at an address of its own.
    pub fn answering(reply: impl AsRef<[u8]>) -> Self {
        let listener = TcpListener::bind((own_address(), 0)).unwrap();
        let fake = Self { address: listener.local_addr().unwrap(), shared: Arc::default() };
        fake.answer(reply);
        let shared = Arc::clone(&fake.shared);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || shared.converse(number, &stream));
            }
        });
        fake
    }

    /// Answers with these bytes from now on.
    pub fn answer(&self, reply: impl AsRef<[u8]>) {
        *self.shared.reply.lock().unwrap() = reply.as_ref().to_vec();
    }

    /// Says this on every connection, unasked.
    pub fn say(&self, bytes: &[u8]) {
        for stream in self.shared.streams.lock().unwrap().iter_mut() {
            let _ = stream.write_all(bytes);
        }
    }

    /// Closes all connections, as a server that has waited long enough for the next request.
    pub fn hang_up(&self) {
        for stream in self.shared.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All requests that came so far, on all connections.
    pub fn heard(&self) -> Vec<String> {
        self.shared.heard.lock().unwrap().iter().map(|(_, request)| request.clone()).collect()
    }

    /// The connections on which they came, by number.
    pub fn connections(&self) -> Vec<usize> {
        self.shared.heard.lock().unwrap().iter().map(|(number, _)| *number).collect()
    }

    /// The body of the only request.
    pub fn only_body(&self) -> String {
        let heard = eventually("a request has come", || Some(self.heard()).filter(|heard| !heard.is_empty()));
        assert_eq!(heard.len(), 1, "{heard:#?}");
        heard[0].split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

impl Shared {
    /// Ends when the client does.
    fn converse(&self, number: usize, mut stream: &TcpStream) -> std::io::Result<()> {
        stream.set_write_timeout(Some(PATIENCE))?;
        self.streams.lock().unwrap().push(stream.try_clone()?);
        let mut reader = BufReader::new(stream);
        loop {
            let request = read_request(&mut reader)?;
            if request.is_empty() {
                return Ok(());
            }
            self.heard.lock().unwrap().push((number, request));
            let reply = self.reply.lock().unwrap().clone();
            stream.write_all(&reply)?;
        }
    }
}

/// Head and body.
fn read_request(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if reader.read_line(&mut request)? == 0 {
            return Ok(request);
        }
    }
    let length = request.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    reader.take(length).read_to_string(&mut request)?;
    Ok(request)
}
