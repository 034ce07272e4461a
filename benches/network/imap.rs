//! A bare IMAP server: it accepts every login, after a while or never. A thread of the benchmark's own.

use std::collections::{HashMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::Fallible;

const LISTENER: Token = Token(usize::MAX);
const READ_SIZE: usize = 4096;

/// How it answers.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    /// Says `OK` so long after the command.
    After(Duration),
    /// Accepts connections and never says a word.
    Silent,
}

/// Starts a server that serves until the benchmark ends; returns where.
pub(crate) fn start(manner: Manner) -> Fallible<SocketAddr> {
    let mut listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
    let address = listener.local_addr()?;
    let poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let server = Server { manner, listener, poll, streams: HashMap::new(), last: 0, owed: VecDeque::new() };
    std::thread::Builder::new().name("imap".into()).spawn(move || server.serve())?;
    Ok(address)
}

struct Server {
    manner: Manner,
    listener: TcpListener,
    poll: Poll,
    streams: HashMap<usize, TcpStream>,
    last: usize,
    /// Replies to be given: when, to whom, what. All wait equally long, so the first is due first.
    owed: VecDeque<(Instant, usize, Vec<u8>)>,
}

impl Server {
    fn serve(mut self) {
        let mut events = Events::with_capacity(1024);
        loop {
            let wait = self.owed.front().map(|(due, ..)| due.saturating_duration_since(Instant::now()));
            if self.poll.poll(&mut events, wait).is_err_and(|error| error.kind() != ErrorKind::Interrupted) {
                return;
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(),
                    Token(client) => self.read(client),
                }
            }
            self.pay();
        }
    }

    fn accept(&mut self) {
        while let Ok((mut stream, _)) = self.listener.accept() {
            self.last += 1;
            if matches!(self.manner, Manner::After(_)) {
                drop(stream.write(b"* OK ready\r\n"));
            }
            let registered = self.poll.registry().register(&mut stream, Token(self.last), Interest::READABLE);
            if registered.is_ok() {
                self.streams.insert(self.last, stream);
            }
        }
    }

    fn read(&mut self, client: usize) {
        let Some(stream) = self.streams.get_mut(&client) else { return };
        let mut buffer = [0; READ_SIZE];
        loop {
            match stream.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) | Ok(0) => {
                    self.streams.remove(&client);
                    return;
                }
                Ok(length) => {
                    let line = buffer.get(..length).unwrap_or_default();
                    let tag = line.split(|byte| *byte == b' ').next().unwrap_or_default();
                    let is_login = line.get(tag.len()..).is_some_and(|rest| rest.starts_with(b" LOGIN"));
                    if let (Manner::After(delay), true) = (self.manner, is_login) {
                        let reply = [tag, b" OK\r\n"].concat();
                        self.owed.push_back((Instant::now() + delay, client, reply));
                    }
                }
            }
        }
    }

    fn pay(&mut self) {
        let now = Instant::now();
        while self.owed.front().is_some_and(|(due, ..)| *due <= now) {
            let Some((_, client, reply)) = self.owed.pop_front() else { return };
            if let Some(stream) = self.streams.get_mut(&client) {
                drop(stream.write(&reply));
            }
        }
    }
}
