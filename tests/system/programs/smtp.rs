//! A login at port 25.

use crate::smtp::{METHODS, Smtp};
use crate::support::PATIENCE;
use std::io::BufReader;
use std::net::TcpStream;

/// The code of the reply, which has to be the same by AUTH PLAIN and by AUTH LOGIN.
pub fn log_in(login: &str, password: &str) -> String {
    let codes = METHODS.map(|method| {
        let stream = TcpStream::connect(("127.0.0.1", 25)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut session = Smtp::new(BufReader::new(stream.try_clone().unwrap()), stream);
        let reply = session.authenticate(method, login, password);
        reply.split(' ').next().unwrap_or_default().to_owned()
    });
    assert_eq!(codes[0], codes[1], "AUTH PLAIN and AUTH LOGIN about {login:?} {password:?}");
    codes[0].clone()
}
