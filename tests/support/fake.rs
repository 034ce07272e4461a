//! An IMAP server that says what it is told to, for what no real one says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Stands for the client's tag in a reply.
pub const TAG: &str = "TAG";

/// What it says.
#[derive(Clone)]
pub struct FakeImap {
    greeting: Vec<u8>,
    reply: Vec<u8>,
    capabilities: Vec<u8>,
    /// Logins with these words in them are never answered.
    unanswered: Option<&'static str>,
}

/// One that listens until the test ends.
pub struct RunningFakeImap {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl FakeImap {
    /// Greets with `greeting` and answers each login with `reply`, in which [`TAG`] stands for the client's tag.
    pub fn new(greeting: impl AsRef<[u8]>, reply: impl AsRef<[u8]>) -> Self {
        let capabilities = b"* CAPABILITY IMAP4rev1\r\nTAG OK\r\n".to_vec();
        let (greeting, reply) = (greeting.as_ref().to_vec(), reply.as_ref().to_vec());
        Self { greeting, reply, capabilities, unanswered: None }
    }

    /// Answers CAPABILITY with this.
    pub fn with_capabilities(self, reply: impl AsRef<[u8]>) -> Self {
        Self { capabilities: reply.as_ref().to_vec(), ..self }
    }

    /// Leaves every command without an answer that contains this.
    pub fn silent_to(mut self, word: &'static str) -> Self {
        self.unanswered = Some(word);
        self
    }

    /// Starts it at a port of its own.
    pub fn start(self) -> RunningFakeImap {
        self.start_at(Ipv4Addr::LOCALHOST.into(), 0)
    }

    /// Starts it at this address; port 0 is any that is free.
    pub fn start_at(self, address: IpAddr, port: u16) -> RunningFakeImap {
        let listener = TcpListener::bind((address, port)).unwrap();
        let running = RunningFakeImap { address: listener.local_addr().unwrap(), heard: Arc::default() };
        let heard = Arc::clone(&running.heard);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (fake, heard) = (self.clone(), Arc::clone(&heard));
                std::thread::spawn(move || fake.converse(&stream, &heard));
            }
        });
        running
    }

    /// Ends when the client does.
    fn converse(&self, mut stream: &TcpStream, heard: &Mutex<Vec<Vec<u8>>>) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        stream.write_all(&self.greeting)?;
        loop {
            let command = read_command(&mut reader, stream)?;
            if command.is_empty() {
                return Ok(());
            }
            heard.lock().unwrap().push(command.clone());
            let text = String::from_utf8_lossy(&command).into_owned();
            if self.unanswered.is_some_and(|word| text.contains(word)) {
                continue;
            }
            let mut words = text.split_whitespace();
            let tag = words.next().unwrap_or_default();
            let reply = match words.next().unwrap_or_default() {
                "LOGIN" | "AUTHENTICATE" => self.reply.as_slice(),
                "CAPABILITY" => self.capabilities.as_slice(),
                "LOGOUT" => b"* BYE\r\nTAG OK\r\n".as_slice(),
                _ => b"TAG BAD\r\n",
            };
            stream.write_all(&with_tag(reply, tag))?;
        }
    }
}

impl RunningFakeImap {
    /// It as rimap's option in C names it: `host/port`.
    pub fn option(&self) -> String {
        format!("{}/{}", self.address.ip(), self.address.port())
    }

    /// The port it listens at.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// All commands that came so far, on all connections.
    pub fn heard(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard.iter().map(|command| command.escape_ascii().to_string()).collect()
    }
}

/// A command with its literals, which are asked for where the client waits for that.
fn read_command(reader: &mut impl BufRead, mut stream: &TcpStream) -> std::io::Result<Vec<u8>> {
    let mut command = Vec::new();
    loop {
        let start = command.len();
        reader.read_until(b'\n', &mut command)?;
        let line = String::from_utf8_lossy(&command[start..]).trim_end().to_owned();
        let literal = line.strip_suffix('}').and_then(|line| line.rsplit_once('{'));
        let awaits = line.to_ascii_uppercase().ends_with("AUTHENTICATE PLAIN");
        if awaits {
            stream.write_all(b"+ \r\n")?;
            continue;
        }
        let Some((_, length)) = literal else { return Ok(command) };
        let Ok(size) = length.trim_end_matches('+').parse::<u64>() else { return Ok(command) };
        if !length.ends_with('+') {
            stream.write_all(b"+ go on\r\n")?;
        }
        reader.take(size).read_to_end(&mut command)?;
    }
}

fn with_tag(reply: &[u8], tag: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = reply;
    while let Some(place) = rest.windows(TAG.len()).position(|window| window == TAG.as_bytes()) {
        bytes.extend_from_slice(&rest[..place]);
        bytes.extend_from_slice(tag.as_bytes());
        rest = &rest[place + TAG.len()..];
    }
    bytes.extend_from_slice(rest);
    bytes
}
