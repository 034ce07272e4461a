//! A server that does what its script says, once for each connection.
#![forbid(unsafe_code)]

use crate::net::exchange::{Address, Server, TlsMode};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// How long a script waits for what does not come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A listening socket on the loopback interface. Its threads end with their connections, at the latest with the test.
pub(in crate::net) struct Peer {
    pub(in crate::net) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Peer {
    /// Runs `script` with every connection and its number, beginning with 0.
    pub(in crate::net) fn start(script: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (counter, script) = (Arc::clone(&connections), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let number = counter.fetch_add(1, Ordering::SeqCst);
                let script = Arc::clone(&script);
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                thread::spawn(move || script(stream, number));
            }
        });
        Self { address, connections }
    }

    /// Nobody, at that address.
    pub(in crate::net) fn at(address: SocketAddr) -> Self {
        Self { address, connections: Arc::default() }
    }

    /// How many connections there have been.
    pub(in crate::net) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The server as a pool names it.
    pub(in crate::net) fn server(&self, host: &str, tls: TlsMode) -> Server {
        let service = self.address.port().to_string();
        Server {
            address: Address::Host { host: host.to_owned(), service },
            tls,
            name: "line://peer".to_owned(),
        }
    }
}

/// Answers every line with `yes` if it is `right`, else with `no`, until the client hangs up.
pub(in crate::net) fn answer_lines(stream: impl Read + Write) {
    let mut stream = BufReader::new(stream);
    while let Some(line) = read_line(&mut stream) {
        let answer: &[u8] = if line == b"right" { b"yes\n" } else { b"no\n" };
        if stream.get_mut().write_all(answer).is_err() {
            return;
        }
    }
}

/// The next line, without its end; `None` when there is none.
pub(in crate::net) fn read_line(stream: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).ok()?;
    line.strip_suffix(b"\n").map(<[u8]>::to_vec)
}
