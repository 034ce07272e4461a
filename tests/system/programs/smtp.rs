//! A login at port 25.

use crate::smtp::{METHODS, Smtp};
use crate::support::{PATIENCE, eventually};
use std::io::BufReader;
use std::net::TcpStream;

/// A session; nothing when the server hangs up before it says a word.
fn connect() -> Option<Smtp<BufReader<TcpStream>, TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", 25)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let has_greeting = stream.peek(&mut [0]).is_ok_and(|length| length > 0);
    has_greeting.then(|| Smtp::new(BufReader::new(stream.try_clone().unwrap()), stream))
}

/// The code of the reply, which has to be the same by AUTH PLAIN and by AUTH LOGIN.
pub fn log_in(login: &str, password: &str) -> String {
    authenticate(login, password, || connect().expect("a greeting"))
}

/// The same for a server of which some process may hang up on its client, but not for long.
pub fn log_in_with_patience(login: &str, password: &str) -> String {
    authenticate(login, password, || eventually("a greeting", connect))
}

fn authenticate(
    login: &str,
    password: &str,
    connect: impl Fn() -> Smtp<BufReader<TcpStream>, TcpStream>,
) -> String {
    let codes = METHODS.map(|method| {
        let reply = connect().authenticate(method, login, password);
        reply.split(' ').next().unwrap_or_default().to_owned()
    });
    assert_eq!(codes[0], codes[1], "AUTH PLAIN and AUTH LOGIN about {login:?} {password:?}");
    codes[0].clone()
}
