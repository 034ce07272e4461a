//! The connection of a worker: one question at a time, at the server that [`Hosts`] names.
#![forbid(unsafe_code)]

use super::hosts::{Attempt, Hosts, Limits, Step};
use crate::sys::sql::{Answer, Connection, ErrorKind, Question, SqlError, Target};
use std::time::{Duration, Instant};

/// Makes connections: [`crate::sys::sql::connect`], or what a test has in its place.
pub(super) type Connect = Box<dyn FnMut(&Target) -> Result<Box<dyn Connection>, SqlError>>;

/// The servers and the connection to one of them.
pub(super) struct Session {
    targets: Vec<Target>,
    hosts: Hosts,
    connection: Option<Box<dyn Connection>>,
    connect: Connect,
}

impl Session {
    /// Without a connection yet.
    pub(super) fn new(targets: Vec<Target>, limits: Limits, connect: Connect) -> Self {
        let hosts = Hosts::new(targets.len(), limits);
        Self { targets, hosts, connection: None, connect }
    }

    /// The servers, in the order in which they are named.
    pub(super) fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Asks the servers in turn until one answers. A statement that reads may be asked twice.
    ///
    /// # Errors
    /// Of the server that was asked last.
    pub(super) fn ask(&mut self, question: &Question<'_>) -> Result<Answer, SqlError> {
        let mut attempt = self.hosts.begin(Instant::now());
        let mut failed: Option<SqlError> = None;
        loop {
            let is_alive = self.connection.as_mut().is_some_and(|connection| connection.is_alive());
            let step = self.hosts.next(&mut attempt, is_alive, Instant::now());
            let made = match step {
                Step::UseKept => Ok(()),
                Step::Connect { host, within } => {
                    self.connection = None;
                    self.make(host, within)
                }
                Step::GiveUp => return Err(failed.unwrap_or_else(no_time)),
            };
            match made.and_then(|()| self.ask_here(&mut attempt, question)) {
                Err(error) if goes_on(error.kind) => failed = Some(error),
                result => return result,
            }
        }
    }

    fn make(&mut self, host: usize, within: Duration) -> Result<(), SqlError> {
        let Some(target) = self.targets.get_mut(host) else { return Err(no_time()) };
        target.connect_timeout = within;
        let begun = Instant::now();
        match (self.connect)(target) {
            Ok(connection) => {
                self.connection = Some(connection);
                self.hosts.note_connected(host, Instant::now());
                Ok(())
            }
            Err(error) => {
                let was_silent = error.kind == ErrorKind::TooSlow || begun.elapsed() >= within;
                self.hosts.note_unreachable(host, was_silent, Instant::now());
                self.tell(&error);
                Err(error)
            }
        }
    }

    fn ask_here(&mut self, attempt: &mut Attempt, question: &Question<'_>) -> Result<Answer, SqlError> {
        let connection = self.connection.as_mut().ok_or_else(no_time)?;
        let result = connection.ask(question);
        match &result {
            Err(error) if goes_on(error.kind) => {
                self.connection = None;
                self.hosts.note_broken(attempt, error.kind == ErrorKind::TooSlow, Instant::now());
                // A connection that has rested may just have been closed.
                if error.kind != ErrorKind::Lost {
                    self.tell(error);
                }
            }
            _ => self.hosts.note_answered(Instant::now()),
        }
        result
    }

    /// Whoever is served by another server would not hear of it.
    fn tell(&self, error: &SqlError) {
        if self.targets.len() > 1 {
            log::warn!(target: "sql", "{error}");
        }
    }
}

/// Whether another server, or another connection, may do better. A question that the server has understood is none.
fn goes_on(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::Lost | ErrorKind::Refused | ErrorKind::Overloaded | ErrorKind::TooSlow => true,
        ErrorKind::Configuration
        | ErrorKind::BadValue
        | ErrorKind::Locked
        | ErrorKind::KeptOut
        | ErrorKind::Library => false,
    }
}

fn no_time() -> SqlError {
    SqlError { kind: ErrorKind::TooSlow, text: "No server of the database could be asked in time".to_owned() }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
