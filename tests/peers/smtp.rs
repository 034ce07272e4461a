//! The client side of SMTP, as far as AUTH goes (RFC 5321, RFC 4954).

use std::io::{BufRead, Write};

/// A way to send login and password.
#[derive(Clone, Copy, Debug)]
pub enum Method {
    /// RFC 4616, with the initial response in the command.
    Plain,
    /// Login and password, each asked for.
    Login,
}

/// Every one of them.
pub const METHODS: [Method; 2] = [Method::Plain, Method::Login];

/// A session with a mail server.
pub struct Smtp<R, W> {
    reader: R,
    writer: W,
}

impl<R: BufRead, W: Write> Smtp<R, W> {
    /// Reads the greeting and says hello.
    pub fn new(reader: R, writer: W) -> Self {
        let mut session = Self { reader, writer };
        let greeting = session.reply();
        assert!(greeting[0].starts_with("220 "), "{greeting:?}");
        let hello = session.command("EHLO client.example.test");
        assert!(hello.starts_with("250 "), "{hello}");
        session
    }

    /// The server's last line about this login and password, such as `235 2.7.0 Authentication successful`.
    pub fn authenticate(&mut self, method: Method, login: &str, password: &str) -> String {
        match method {
            Method::Plain => {
                let response = base64(format!("\0{login}\0{password}").as_bytes());
                self.command(&format!("AUTH PLAIN {response}"))
            }
            Method::Login => {
                for line in ["AUTH LOGIN", &base64(login.as_bytes())] {
                    let reply = self.command(line);
                    if !reply.starts_with("334 ") {
                        return reply;
                    }
                }
                self.command(&base64(password.as_bytes()))
            }
        }
    }

    /// The last line of the reply to `line`.
    pub fn command(&mut self, line: &str) -> String {
        self.command_lines(line).pop().unwrap()
    }

    /// All lines of the reply to `line`.
    pub fn command_lines(&mut self, line: &str) -> Vec<String> {
        self.writer.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        self.writer.flush().unwrap();
        self.reply()
    }

    /// The lines of a reply: in all but the last a hyphen follows the code.
    fn reply(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            let length = self.reader.read_line(&mut line).unwrap();
            assert_ne!(length, 0, "the server closed the connection");
            lines.push(line.trim_end().to_owned());
            if line.as_bytes().get(3) != Some(&b'-') {
                return lines;
            }
        }
    }
}

/// RFC 4648, section 4.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = (0..3).fold(0, |group, i| group << 8 | usize::from(chunk.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let digit = ALPHABET[group >> (18 - 6 * i) & 63];
            text.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[test]
fn base64_gives_the_test_vectors_of_rfc_4648() {
    assert_eq!(
        ["f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes())),
        ["Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]
    );
}
