//! Penalties of those who guess: the real daemon, with the fifth field at `mux` and with `rip=` in Dovecot's protocol.
//!
//! What has counted is read from `saslauthdctl penalty list`, so that nobody has to wait for the answers.

mod control;
mod counting;
mod reloads;

use crate::support::{Connection, Daemon, Finished, Launch, Program, Request, command, eventually};
use std::process::Command;

const USERS: &str = "anna:{PLAIN}secret\nbert:{PLAIN}hush\n";

/// A daemon that asks a file, and the clients that wait for an answer.
struct Site {
    daemon: Daemon,
    waiting: Vec<Connection>,
    refusals: usize,
}

impl Site {
    fn start(flags: &[&str]) -> Self {
        let launch = Launch::new(Program::Ours, &["-a", "passwdfile", "--penalty=yes"]).with(flags);
        let daemon = launch.with_file("-O", USERS).start();
        daemon.log.wait_for("listening on socket");
        Self { daemon, waiting: Vec::new(), refusals: 0 }
    }

    /// Tries a wrong password and goes on as soon as it is refused, whenever its answer may come.
    fn guess(&mut self, client: &str, login: &str, password: &str) {
        let mut connection = self.daemon.connect();
        connection.send(Request::new(login, password).address(client).bytes());
        self.waiting.push(connection);
        self.refusals += 1;
        eventually("it is refused", || (self.logged_refusals() >= self.refusals).then_some(()));
    }

    fn logged_refusals(&self) -> usize {
        self.daemon.log.all().iter().filter(|line| line.contains("auth failure: ")).count()
    }

    /// The answer to a login that is right.
    #[track_caller]
    fn expect_accepted(&self, client: &str) {
        let request = Request::new("anna", "secret").address(client);
        assert_eq!(self.daemon.ask(&request), "OK");
    }

    /// What `saslauthdctl` makes of these words.
    fn ask(&self, words: &[&str]) -> Finished {
        let mut command = Command::new(env!("CARGO_BIN_EXE_saslauthdctl"));
        command.arg("-m").arg(self.daemon.run_directory()).args(words);
        command::run(command)
    }

    /// What it shows; it must have succeeded.
    #[track_caller]
    fn shown(&self, words: &[&str]) -> String {
        let finished = self.ask(words);
        assert_eq!((finished.code, finished.errors.as_str()), (Some(0), ""), "{words:?}: {finished:?}");
        finished.output
    }

    /// The rows of the list: whose penalty, and its step if it has any.
    fn penalties(&self) -> Vec<(String, Option<u8>)> {
        let list = self.shown(&["penalty", "list"]);
        let rows = list.lines().skip(1).filter(|line| line.contains(" s"));
        let parsed = rows.map(|row| {
            let mut words = row.split_whitespace();
            let (whose, step, unit) = (words.next().unwrap(), words.next().unwrap(), words.nth(1).unwrap());
            (whose.to_owned(), (unit == "s").then(|| step.parse().unwrap()))
        });
        parsed.collect()
    }

    #[track_caller]
    fn expect_step(&self, client: &str, step: u8) {
        assert!(
            self.penalties().contains(&(client.to_owned(), Some(step))),
            "{client} is on another step than {step}:\n{}",
            self.shown(&["penalty", "list"])
        );
    }

    /// How many refusals are held back.
    fn held(&self) -> usize {
        let status = self.shown(&["status", "--json"]);
        let number = status.split("\"answers_held\":").nth(1).and_then(|rest| rest.split('}').next());
        number.unwrap_or_else(|| panic!("{status}")).parse().unwrap()
    }
}
