//! The bare server: accept, read, write, close. No daemon that answers on this socket can be cheaper.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::path::Path;

use mio::net::{UnixListener, UnixStream};
use mio::{Events, Interest, Poll, Token};

use crate::Fallible;
use crate::load::ACCEPTED;

const LISTENER: Token = Token(usize::MAX);
const REQUEST_CAPACITY: usize = 2048;

/// Serves until killed.
pub(crate) fn serve(socket: &Path) -> Fallible<()> {
    let mut poll = Poll::new()?;
    let mut listener = UnixListener::bind(socket)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut waiting = Waiting::default();
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        for event in &events {
            if event.token() == LISTENER {
                accept_all(&listener, &poll, &mut waiting)?;
            } else if let Some(mut client) = waiting.take(event.token()) {
                // Readable once means the request or the end is there; the closing follows either way.
                answer(&mut client);
            }
        }
    }
}

fn accept_all(listener: &UnixListener, poll: &Poll, waiting: &mut Waiting) -> Fallible<()> {
    loop {
        match listener.accept() {
            Ok((mut client, _)) => {
                if !answer(&mut client) {
                    let token = waiting.put(client)?;
                    if let Some(client) = waiting.get(token) {
                        poll.registry().register(client, token, Interest::READABLE)?;
                    }
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Reads once and answers. False if the request is not there yet.
fn answer(client: &mut UnixStream) -> bool {
    let mut request = [0; REQUEST_CAPACITY];
    match client.read(&mut request) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
        // A client that left needs no answer.
        Err(_) | Ok(0) => {}
        Ok(_) => drop(client.write(ACCEPTED)),
    }
    true
}

/// Clients whose request has not come yet, by descriptor.
#[derive(Default)]
struct Waiting(Vec<Option<UnixStream>>);

impl Waiting {
    fn put(&mut self, client: UnixStream) -> Fallible<Token> {
        let index = usize::try_from(client.as_raw_fd())?;
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        if let Some(place) = self.0.get_mut(index) {
            *place = Some(client);
        }
        Ok(Token(index))
    }

    fn get(&mut self, token: Token) -> Option<&mut UnixStream> {
        self.0.get_mut(token.0)?.as_mut()
    }

    fn take(&mut self, token: Token) -> Option<UnixStream> {
        self.0.get_mut(token.0)?.take()
    }
}
