//! Stands before a real server and, at one moment of each conversation, does what a broken one does.

use crate::support::address::own_address;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing comes any more, and the connection stays.
    Silence,
    /// The connection is closed.
    Close,
    /// The connection is reset.
    Reset,
    /// These bytes come in place of the reply, then nothing.
    Say(&'static [u8]),
    /// These bytes come again and again, without an end.
    Flood(&'static [u8]),
    /// The first half of the reply comes, then nothing.
    Half,
    /// The first half of the reply comes, then the connection is closed.
    HalfAndClose,
    /// The reply comes one byte at a time. No fault at all, for a client that reads on.
    Bytewise,
    /// One byte of the reply comes each half second, so that something comes whenever a client has waited for a while.
    Drip,
}

/// When it goes wrong.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// As soon as the connection is there.
    Connected,
    /// When the client has sent these bytes.
    Sent(&'static [u8]),
}

/// Listens until it is closed, and passes on what it does not spoil.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    plan: Mutex<Option<(Moment, Fault)>>,
    /// Each connection by its number, to cut it.
    streams: Mutex<BTreeMap<usize, [TcpStream; 2]>>,
    connections: AtomicUsize,
    faults: AtomicUsize,
    is_closed: AtomicBool,
    /// Connections with lower numbers are forgotten.
    first_remembered: AtomicUsize,
}

impl Proxy {
    /// Passes everything on to `server`.
    pub fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((own_address(), 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            server,
            plan: Mutex::default(),
            streams: Mutex::default(),
            connections: AtomicUsize::new(0),
            faults: AtomicUsize::new(0),
            is_closed: AtomicBool::new(false),
            first_remembered: AtomicUsize::new(0),
        });
        let proxy = Self { address, shared: Arc::clone(&shared) };
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.is_closed.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        proxy
    }

    /// From now on this goes wrong at that moment, each time.
    pub fn spoil(&self, moment: Moment, fault: Fault) {
        *self.shared.plan.lock().unwrap() = Some((moment, fault));
    }

    /// From now on nothing goes wrong.
    pub fn heal(&self) {
        *self.shared.plan.lock().unwrap() = None;
    }

    /// Closes all connections, as a server does that is restarted.
    pub fn cut(&self) {
        for stream in self.shared.streams.lock().unwrap().values().flatten() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Passes nothing on any more of the connections that there are, and lets them stand, as a firewall does that has
    /// forgotten them. New ones are served.
    pub fn forget(&self) {
        self.shared.first_remembered.store(self.connections(), Ordering::SeqCst);
    }

    /// Listens no more: whoever connects is refused.
    pub fn close(&self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts, which then drops the listener.
        let _ = TcpStream::connect(self.address);
        self.cut();
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How often something has gone wrong.
    pub fn faults(&self) -> usize {
        self.shared.faults.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// Ends when either side does.
    fn serve(&self, client: TcpStream) -> Option<()> {
        let number = self.connections.fetch_add(1, Ordering::SeqCst);
        let server = TcpStream::connect(self.server).ok()?;
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
        }
        let copies = [client.try_clone().unwrap(), server.try_clone().unwrap()];
        self.streams.lock().unwrap().insert(number, copies);
        let is_spoiled = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| self.pass_replies(number, &server, &client, &is_spoiled));
            let _ = self.pass_requests(number, &client, &server, &is_spoiled);
            let _ = server.shutdown(Shutdown::Both);
        });
        // The copies would hold the connection open.
        self.streams.lock().unwrap().remove(&number);
        Some(())
    }

    fn is_forgotten(&self, number: usize) -> bool {
        number < self.first_remembered.load(Ordering::SeqCst)
    }

    fn pass_requests(
        &self,
        number: usize,
        mut client: &TcpStream,
        mut server: &TcpStream,
        is_spoiled: &AtomicBool,
    ) -> std::io::Result<()> {
        let mut buffer = [0; 16384];
        let mut sent = Vec::new();
        loop {
            let plan = *self.plan.lock().unwrap();
            if let Some((Moment::Connected, fault)) = plan {
                if !self.spoil(fault, client, is_spoiled) {
                    return Ok(());
                }
            }
            let length = client.peek(&mut buffer)?;
            let plan = *self.plan.lock().unwrap();
            sent.extend_from_slice(&buffer[..length]);
            if let Some((Moment::Sent(bytes), fault)) = plan {
                if sent.windows(bytes.len()).any(|window| window == bytes)
                    && !self.spoil(fault, client, is_spoiled)
                {
                    return Ok(());
                }
            }
            if length == 0 {
                return Ok(());
            }
            client.read_exact(&mut buffer[..length])?;
            if self.is_forgotten(number) {
                continue;
            }
            server.write_all(&buffer[..length])?;
        }
    }

    /// Plays the fault; whether the conversation goes on.
    fn spoil(&self, fault: Fault, mut client: &TcpStream, is_spoiled: &AtomicBool) -> bool {
        if is_spoiled.swap(true, Ordering::SeqCst) {
            return true;
        }
        self.faults.fetch_add(1, Ordering::SeqCst);
        let _ = match fault {
            Fault::Half | Fault::HalfAndClose | Fault::Bytewise | Fault::Drip => return true,
            Fault::Silence => Ok(()),
            Fault::Say(bytes) => client.write_all(bytes),
            Fault::Flood(bytes) => {
                let block = bytes.repeat(4096 / bytes.len());
                while client.write_all(&block).is_ok() {}
                Ok(())
            }
            Fault::Close => client.shutdown(Shutdown::Both),
            // What has come and is not read makes a reset of the close.
            Fault::Reset => client.peek(&mut [0]).map(|_| ()),
        };
        if matches!(fault, Fault::Silence | Fault::Say(_)) {
            let _ = std::io::copy(&mut client, &mut std::io::sink());
        }
        false
    }

    fn pass_replies(
        &self,
        number: usize,
        mut server: &TcpStream,
        mut client: &TcpStream,
        is_spoiled: &AtomicBool,
    ) {
        let mut buffer = [0; 16384];
        loop {
            let length = match server.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            if self.is_forgotten(number) {
                continue;
            }
            let fault = self.plan.lock().unwrap().map(|(_, fault)| fault);
            let fault = fault.filter(|_| is_spoiled.load(Ordering::SeqCst));
            let sent = match fault {
                None => client.write_all(&buffer[..length]),
                Some(Fault::Bytewise) => {
                    buffer[..length].chunks(1).try_for_each(|byte| client.write_all(byte))
                }
                Some(Fault::Drip) => drip(&buffer[..length], client),
                Some(Fault::Half) => client.write_all(&buffer[..length / 2]).and_then(|()| forever(server)),
                Some(Fault::HalfAndClose) => {
                    let _ = client.write_all(&buffer[..length / 2]);
                    let _ = client.shutdown(Shutdown::Both);
                    break;
                }
                // The request was not passed on, so this is the greeting.
                Some(_) => Ok(()),
            };
            if sent.is_err() {
                break;
            }
        }
        // A fault ends in its own way.
        if !is_spoiled.load(Ordering::SeqCst) {
            let _ = client.shutdown(Shutdown::Both);
        }
    }
}

fn drip(reply: &[u8], mut client: &TcpStream) -> std::io::Result<()> {
    reply.chunks(1).try_for_each(|byte| {
        client.write_all(byte)?;
        // The client goes when it has waited for long enough.
        client.set_read_timeout(Some(Duration::from_millis(500)))?;
        match client.peek(&mut [0]) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    })
}

/// Swallows what comes until the other side closes.
fn forever(mut server: &TcpStream) -> std::io::Result<()> {
    std::io::copy(&mut server, &mut std::io::sink()).map(|_| ())
}
