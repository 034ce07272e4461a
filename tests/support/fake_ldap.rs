//! A directory that says what it is told to, for what no real one says.

use crate::support::address::own_address;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The entry that every search finds.
pub const FOUND: &str = "uid=anna,ou=people,dc=example,dc=org";

/// What is asked, by the tag of its request: RFC 4511, section 4.2 and those behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Bind = 0x60,
    Search = 0x63,
    Compare = 0x6e,
    Extended = 0x77,
}

impl Asked {
    const ALL: [Self; 4] = [Self::Bind, Self::Search, Self::Compare, Self::Extended];

    /// The tag of the answer that ends it.
    fn answer(self) -> u8 {
        match self {
            Self::Bind => 0x61,
            Self::Search => 0x65,
            Self::Compare => 0x6f,
            Self::Extended => 0x78,
        }
    }
}

/// What it says. By itself it finds [`FOUND`], takes every password but `wrong`, has everybody in every group, and knows
/// who has logged in.
#[derive(Clone, Default)]
pub struct FakeLdap {
    rules: Vec<Rule>,
    mechanisms: Vec<&'static str>,
}

#[derive(Clone)]
struct Rule {
    asked: Asked,
    part: &'static str,
    code: u8,
    text: String,
}

/// One that listens until the test ends.
pub struct RunningFakeLdap {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<(Asked, String)>>>,
}

impl FakeLdap {
    /// One without peculiarities.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers requests of that kind in which `part` is with this result and text.
    pub fn answering(mut self, asked: Asked, part: &'static str, code: u8, text: &str) -> Self {
        self.rules.push(Rule { asked, part, code, text: text.to_owned() });
        self
    }

    /// Says in its root DSE that it has these SASL mechanisms.
    pub fn offering(self, mechanisms: &[&'static str]) -> Self {
        Self { mechanisms: mechanisms.to_vec(), ..self }
    }

    /// Starts it at an address of its own.
    pub fn start(self) -> RunningFakeLdap {
        let listener = TcpListener::bind((own_address(), 0)).unwrap();
        let running = RunningFakeLdap { address: listener.local_addr().unwrap(), heard: Arc::default() };
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
    fn converse(&self, mut stream: &TcpStream, heard: &Mutex<Vec<(Asked, String)>>) -> std::io::Result<()> {
        loop {
            let (_, message) = read_element(&mut stream)?;
            let mut rest = message.as_slice();
            let (_, number) = read_element(&mut rest)?;
            let (tag, request) = read_element(&mut rest)?;
            // Unbind and abandon have no answer.
            let Some(asked) = Asked::ALL.into_iter().find(|asked| *asked as u8 == tag) else { continue };
            let text = String::from_utf8_lossy(&request).into_owned();
            let reply: Vec<u8> =
                self.operations(asked, &text).iter().flat_map(|operation| wrap(&number, operation)).collect();
            heard.lock().unwrap().push((asked, text));
            stream.write_all(&reply)?;
        }
    }

    /// The operations of the answer, the last of which ends it.
    fn operations(&self, asked: Asked, request: &str) -> Vec<Vec<u8>> {
        let rule = self.rules.iter().find(|rule| rule.asked == asked && request.contains(rule.part));
        if let Some(Rule { code, text, .. }) = rule {
            return vec![result(asked, *code, text, &[])];
        }
        match asked {
            Asked::Bind if request.contains("wrong") => vec![result(asked, 49, "", &[])],
            Asked::Bind => vec![result(asked, 0, "", &[])],
            Asked::Search if request.to_ascii_lowercase().contains("supportedsaslmechanisms") => {
                vec![entry("", "supportedSASLMechanisms", &self.mechanisms), result(asked, 0, "", &[])]
            }
            Asked::Search => vec![entry(FOUND, "uid", &["anna"]), result(asked, 0, "", &[])],
            Asked::Compare => vec![result(asked, 6, "", &[])],
            Asked::Extended => vec![result(asked, 0, "", &element(0x8b, format!("dn:{FOUND}").as_bytes()))],
        }
    }
}

impl RunningFakeLdap {
    /// `ldap://`
    pub fn uri(&self) -> String {
        format!("ldap://{}/", self.address)
    }

    /// How many requests of that kind had `part` in them.
    pub fn count(&self, asked: Asked, part: &str) -> usize {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|(kind, text)| *kind == asked && text.contains(part)).count()
    }
}

/// The tag and the content of the next element of BER.
fn read_element(reader: &mut impl Read) -> std::io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 2];
    reader.read_exact(&mut head)?;
    let mut length = usize::from(head[1]);
    if length > 0x7f {
        let mut bytes = vec![0; length & 0x7f];
        reader.read_exact(&mut bytes)?;
        length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    }
    let mut content = vec![0; length];
    reader.read_exact(&mut content)?;
    Ok((head[0], content))
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82][..], &length, content].concat()
}

/// A message with this number.
fn wrap(number: &[u8], operation: &[u8]) -> Vec<u8> {
    element(0x30, &[element(0x02, number), operation.to_vec()].concat())
}

fn result(asked: Asked, code: u8, text: &str, more: &[u8]) -> Vec<u8> {
    let parts = [element(0x0a, &[code]), element(0x04, b""), element(0x04, text.as_bytes()), more.to_vec()];
    element(asked.answer(), &parts.concat())
}

fn entry(name: &str, attribute: &str, values: &[&str]) -> Vec<u8> {
    let values: Vec<u8> = values.iter().flat_map(|value| element(0x04, value.as_bytes())).collect();
    let attribute = element(0x30, &[element(0x04, attribute.as_bytes()), element(0x31, &values)].concat());
    element(0x64, &[element(0x04, name.as_bytes()), element(0x30, &attribute)].concat())
}
