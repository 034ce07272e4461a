//! A request with Basic authentication.

use crate::smtp::base64;
use crate::support::PATIENCE;
use std::io::{Read, Write};
use std::net::TcpStream;

/// The status of the reply to this method at this path.
pub fn log_in(port: u16, request: &str, login: &str, password: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let credentials = base64(format!("{login}:{password}").as_bytes());
    let request =
        format!("{request} HTTP/1.0\r\nHost: localhost\r\nAuthorization: Basic {credentials}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = Vec::new();
    // A server that closes with a reset has replied before.
    let _ = stream.read_to_end(&mut reply);
    let reply = String::from_utf8_lossy(&reply);
    reply.split(' ').nth(1).unwrap_or("no reply").to_owned()
}
