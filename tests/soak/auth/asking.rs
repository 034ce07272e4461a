//! What a client of the auth socket asks, and what it takes back.

use super::{Client, Open};
use crate::questions;
use crate::run::pause;
use crate::site::client_address;
use crate::truth::Question;
use openssl::base64::encode_block;
use std::time::{Duration, Instant};

/// Most logins that are begun together.
const BATCH: u64 = 20;

impl Client<'_> {
    /// Sends one login or many, in one write or in pieces, and takes some back.
    pub(super) fn begin_some(&mut self) {
        let count = if self.random.one_in(3) { 1 } else { 1 + self.random.below(BATCH) };
        let mut bytes = String::new();
        for _ in 0..count {
            bytes += &self.begin_one();
            if self.random.one_in(12) {
                bytes += &self.withdraw(self.last_id);
            }
        }
        if self.random.one_in(8) {
            for piece in bytes.as_bytes().chunks(7) {
                self.connection.send(piece);
                pause(Duration::from_millis(1));
            }
            self.open.values_mut().for_each(|open| open.is_slow = true);
        } else {
            self.connection.send(bytes.as_bytes());
        }
        let now = Instant::now();
        self.open.values_mut().for_each(|open| open.complete = now);
        if self.random.one_in(6) {
            if let Some(id) = self.open.keys().next().copied() {
                pause(self.random.milliseconds(20));
                let line = self.withdraw(id);
                self.connection.send(line.as_bytes());
            }
        }
    }

    /// The line that begins a login.
    fn begin_one(&mut self) -> String {
        let question = questions::with_address(&self.run.site, &mut self.random);
        let Question { login, password, realm, .. } = &question;
        let at = if realm.is_empty() { "" } else { "@" };
        let login = format!("{login}{at}{realm}");
        self.last_id += 1;
        let (id, address) = (self.last_id, client_address(&mut self.random));
        let head = format!("AUTH\t{id}\t");
        let fields = format!("\tservice=smtp\tlip=192.0.2.1\trip={address}");
        self.history.note(format!("{id}: asks for [{login}] [{password}]"));
        let encoded = |text: &str| encode_block(text.as_bytes());
        let (kind, line, steps) = if self.random.one_in(4) {
            let steps = [password, &login].map(|text| encoded(text)).to_vec();
            ("auth, LOGIN", format!("{head}LOGIN{fields}\n"), steps)
        } else {
            let response = encoded(&format!("\0{login}\0{password}"));
            ("auth, PLAIN", format!("{head}PLAIN{fields}\tresp={response}\n"), Vec::new())
        };
        let now = Instant::now();
        let is_slow = !steps.is_empty();
        self.open.insert(id, Open { kind, question, sent: now, complete: now, is_slow, steps });
        line
    }

    /// The line that takes a login back: it gets no answer but one that is on its way already.
    fn withdraw(&mut self, id: u32) -> String {
        if let Some(open) = self.open.remove(&id) {
            self.withdrawn.insert(id, open.question.needs);
            self.run.report.count_withdrawn(open.kind);
        }
        self.history.note(format!("{id}: takes it back"));
        format!("CANCEL\t{id}\n")
    }
}
