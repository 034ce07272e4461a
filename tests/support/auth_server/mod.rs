//! Servers of Dovecot's auth protocol: Dovecot's own `auth` service and ours, with the same users.

mod dovecot;
mod ours;

use crate::support::auth_client::AuthClient;
use crate::support::background::Background;
use crate::support::eventually;
use crate::support::lines::Lines;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

/// The program that serves the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthServer {
    /// Dovecot, whose protocol it is.
    Dovecot,
    /// This project's daemon.
    Ours,
}

impl AuthServer {
    /// What this program is expected to do where ours differs from Dovecot on purpose, and why it does.
    pub fn better<T>(self, why: &str, dovecot: T, ours: T) -> T {
        assert!(!why.is_empty());
        match self {
            Self::Dovecot => dovecot,
            Self::Ours => ours,
        }
    }
}

/// Makes two tests of every function named: one asks Dovecot, one our program. `with Postfix` says that both need
/// Postfix, too.
macro_rules! for_both_auth_servers {
    (with $need:ident: $($test:ident),+ $(,)?) => {
        for_both_auth_servers!(@tests { require!($need); } $($test),+);
    };
    ($($test:ident),+ $(,)?) => {
        for_both_auth_servers!(@tests {} $($test),+);
    };
    (@tests $needs:tt $($test:ident),+) => {
        mod dovecot {
            $(#[test]
            fn $test() {
                require!(Dovecot);
                $needs
                super::$test($crate::support::AuthServer::Dovecot);
            })+
        }
        mod ours {
            $(#[test]
            fn $test() {
                $needs
                super::$test($crate::support::AuthServer::Ours);
            })+
        }
    };
}

/// How a server is to be.
pub struct AuthLaunch {
    program: AuthServer,
    backend: Backend,
    directory: Arc<TempDir>,
    socket: PathBuf,
    failure_delay: u32,
    policy_server: Option<SocketAddr>,
}

/// What passwords are checked against.
enum Backend {
    /// A file of logins and passwords, with the same content for both.
    File,
    /// An IMAP server that nobody has started.
    DeadServer,
}

impl AuthLaunch {
    /// With these logins and passwords, and as quick to refuse as it can be.
    pub fn new(program: AuthServer, users: &[(&str, &str)]) -> Self {
        let launch = Self::with(program, Backend::File);
        fs::write(launch.users(), users.iter().map(line_of_user).collect::<String>()).unwrap();
        // Dovecot reads it as another user.
        let owner = if program == AuthServer::Dovecot { dovecot::user_id() } else { None };
        chown(launch.users(), owner, None).unwrap();
        fs::set_permissions(launch.users(), fs::Permissions::from_mode(0o600)).unwrap();
        launch
    }

    /// One that has nobody to ask.
    pub fn in_an_outage(program: AuthServer) -> Self {
        Self::with(program, Backend::DeadServer)
    }

    fn with(program: AuthServer, backend: Backend) -> Self {
        let directory = Arc::new(TempDir::new().unwrap());
        // Most of Dovecot's processes are not root.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let socket = directory.path().join("auth");
        Self { program, backend, directory, socket, failure_delay: 0, policy_server: None }
    }

    /// Serves there, in a directory that must exist.
    pub fn at(mut self, socket: &Path) -> Self {
        socket.clone_into(&mut self.socket);
        self
    }

    /// Answers a wrong password only after so many seconds.
    pub fn slow_to_refuse(mut self, seconds: u32) -> Self {
        self.failure_delay = seconds;
        self
    }

    /// Asks the policy server there, once for each login, as `wforce` with the password `super` and with the nonce `localnonce`.
    pub fn asking_policy_server(mut self, address: SocketAddr) -> Self {
        self.policy_server = Some(address);
        self
    }

    /// Starts it and waits until it serves.
    pub fn start(self) -> RunningAuthServer {
        let mut server = RunningAuthServer { launch: self, background: None };
        server.start_again();
        server
    }

    fn command(&self) -> Command {
        match self.program {
            AuthServer::Dovecot => dovecot::command(self),
            AuthServer::Ours => ours::command(self),
        }
    }

    fn users(&self) -> PathBuf {
        self.directory.path().join("users")
    }
}

/// A running server; dropping it stops it.
pub struct RunningAuthServer {
    launch: AuthLaunch,
    background: Option<Background>,
}

impl RunningAuthServer {
    /// Its socket, which everybody may use.
    pub fn socket(&self) -> &Path {
        &self.launch.socket
    }

    /// What it logged so far.
    pub fn log(&self) -> Lines {
        self.background.as_ref().map(|background| background.log.clone()).unwrap_or_default()
    }

    /// A connection that has read nothing yet.
    pub fn connect(&self) -> AuthClient {
        AuthClient::new(self.socket())
    }

    /// A connection on which both have introduced themselves.
    pub fn log_on(&self) -> AuthClient {
        self.connect().introduced(2)
    }

    /// Ends it with all connections.
    pub fn stop(&mut self) {
        self.background = None;
        // Killed, it leaves its socket behind, at which nobody answers.
        let _ = fs::remove_file(&self.launch.socket);
    }

    /// Has it read its settings again, and waits until it says so.
    pub fn reload(&self) {
        let words = match self.launch.program {
            AuthServer::Dovecot => "SIGHUP received - reloading configuration",
            AuthServer::Ours => "The configuration was read again",
        };
        let background = self.background.as_ref().unwrap();
        background.signal("HUP");
        background.log.wait_for(words);
    }

    /// Starts it at the same place.
    pub fn start_again(&mut self) {
        let mut background = Background::start("the auth server", &mut self.launch.command());
        eventually("the auth server serves", || {
            background.expect_running();
            UnixStream::connect(&self.launch.socket).ok()
        });
        self.background = Some(background);
    }
}

/// As both read it: the password in base64, since it may be anything.
fn line_of_user((login, password): &(&str, &str)) -> String {
    format!("{login}:{{PLAIN.b64}}{}\n", openssl::base64::encode_block(password.as_bytes()))
}
