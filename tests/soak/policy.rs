//! A policy server (weakforced's protocol) that goes down, falls silent and comes back.

use super::site::MARK;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Whose logins begin like that is let in by nobody.
pub const BANNED_LOGIN: &str = "banned";

/// What the server does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Answers.
    Up,
    /// Closes every connection.
    Down,
    /// Answers nothing.
    Silent,
}

/// A running server. It lasts as long as the tests do.
pub struct PolicyServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    streams: Mutex<Vec<TcpStream>>,
    questions: AtomicUsize,
    reports: AtomicUsize,
    faults: Mutex<Vec<String>>,
}

impl PolicyServer {
    /// At a port of its own.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            state: Mutex::new(State::Up),
            streams: Mutex::default(),
            questions: AtomicUsize::new(0),
            reports: AtomicUsize::new(0),
            faults: Mutex::default(),
        });
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&served);
                std::thread::spawn(move || shared.serve(&stream));
            }
        });
        Self { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it does that; connections that it has end.
    pub fn become_(&self, state: State) {
        *self.shared.state.lock().unwrap() = state;
        for stream in self.shared.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    /// How many logins it was asked about, and how many ends it was told.
    pub fn counts(&self) -> (usize, usize) {
        (self.shared.questions.load(Ordering::Relaxed), self.shared.reports.load(Ordering::Relaxed))
    }

    /// What nobody may tell it.
    pub fn faults(&self) -> Vec<String> {
        self.shared.faults.lock().unwrap().clone()
    }
}

impl Shared {
    /// Until the daemon closes, or it is not to be served.
    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        self.streams.lock().unwrap().push(stream.try_clone()?);
        let mut reader = BufReader::new(stream);
        loop {
            if *self.state.lock().unwrap() == State::Down {
                return stream.shutdown(std::net::Shutdown::Both);
            }
            let request = read_request(&mut reader)?;
            let answer = self.answer(&request);
            if *self.state.lock().unwrap() == State::Up {
                let length = answer.len();
                write!(&mut &*stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{answer}")?;
            }
        }
    }

    fn answer(&self, request: &str) -> &'static str {
        if request.contains(MARK) {
            self.faults.lock().unwrap().push("the policy server is told a password".to_owned());
        }
        if request.starts_with("POST /?command=report ") {
            self.reports.fetch_add(1, Ordering::Relaxed);
            return r#"{"status":"ok"}"#;
        }
        self.questions.fetch_add(1, Ordering::Relaxed);
        let is_banned = request.contains(&format!(r#""login":"{BANNED_LOGIN}"#));
        if is_banned { r#"{"status":-1,"msg":"banned"}"# } else { r#"{"status":0,"msg":""}"# }
    }
}

/// Head and body.
fn read_request(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if reader.read_line(&mut request)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    let length = request.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    reader.take(length).read_to_string(&mut request)?;
    Ok(request)
}
