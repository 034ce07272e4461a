//! What flags and `saslauthd.conf` say together about who serves whom: the sockets, the mechanisms behind them and the
//! routes between. Worked out anew by the supervisor at the start and on every reload, and by each frontend from the same
//! sources.
#![forbid(unsafe_code)]

use super::WorkerSettings;
use super::login_format::LoginFormat;
use std::ffi::OsString;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

/// A whole site.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Site {
    /// The mechanisms that some route names, each once.
    pub instances: Vec<Instance>,
    /// The pools of workers: one for each instance that blocks and, behind them, one for the errands of those that ask
    /// servers, if there are any, and one for each of these that logs in by GSSAPI.
    pub pools: Vec<Pool>,
    /// Who is asked about which login.
    pub routes: Routes,
    /// The sockets.
    pub endpoints: Vec<Endpoint>,
    /// Whether logins are put to a policy server.
    pub has_policy_server: bool,
}

/// A mechanism with a name and settings of its own: `-a pam` is one, called `pam`; `[mechanism corp]` another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its name for the log and in routes.
    pub name: String,
    /// The name of its type in the registry.
    pub mechanism: &'static str,
    /// What `-O` is to a single mechanism: the file of passwdfile, the servers of rimap.
    pub option: Option<OsString>,
    /// The line of `[mechanism NAME]`; `None` without a section.
    pub line: Option<usize>,
}

/// The place of an instance in [`Site::instances`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId(pub usize);

impl InstanceId {
    /// Of the policy server, which is no mechanism and is asked as one that asks servers.
    pub const POLICY_SERVER: Self = Self(usize::MAX);
}

/// Workers of one kind. A pool that hangs takes nothing from the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// The mechanism that runs in them; `None` for errands only.
    pub instance: Option<InstanceId>,
    /// The mechanism that asks servers for whose logins at these, by GSSAPI, the errands are; `None` for all others.
    pub gssapi_for: Option<InstanceId>,
    /// How many there are and how long each lives.
    pub workers: WorkerSettings,
    /// How many logins one of them gets at a time, at the most.
    pub batch: usize,
    /// What they may do.
    pub privileges: Privileges,
}

/// What a worker may do beyond what it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privileges {
    /// All that the daemon was started with: its mechanism reads what root alone may, or runs code that does.
    Root,
    /// As little as the frontend: it runs as the account of `--user`, or the usual one.
    Unprivileged,
}

/// The place of a pool in [`Site::pools`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolId(pub usize);

/// Mechanisms that are asked in turn.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Route {
    /// At least one, unless the site is empty.
    pub steps: Vec<Step>,
    /// What becomes of a login before anybody is asked; `None` leaves it as it is.
    pub login_format: Option<LoginFormat>,
}

/// One mechanism of a route. Whoever accepts ends the chain; the rest is said here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Who is asked.
    pub instance: InstanceId,
    /// `on_reject`: after a refusal of a login that it knows.
    pub on_reject: Continuation,
    /// `on_unknown`: after it said that it does not know the login.
    pub on_unknown: Continuation,
    /// `on_unavailable`: when it could not be asked.
    pub on_unavailable: Continuation,
}

/// What follows a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuation {
    /// The next step of the route, if there is one.
    Next,
    /// Nothing: the answer is what it is.
    Stop,
}

/// Which route a login takes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Routes {
    /// For whom nothing more special is there.
    pub default: Rc<Route>,
    /// The others, the more special ones first.
    pub special: Vec<(Selector, Rc<Route>)>,
    /// `default_realm`: of a login that names none, nor an `@`.
    pub default_realm: Vec<u8>,
}

/// Which logins a route is for; all that is given must hold.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
pub struct Selector {
    /// `[socket PATH]` with `mechanisms:` of its own: the name of the endpoint.
    pub endpoint: Option<String>,
    /// `[realm …]`
    pub realm: Option<RealmPattern>,
    /// `[service …]`, without regard to case.
    pub service: Option<String>,
}

/// A realm in a section, without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RealmPattern {
    /// `[realm example.org]`
    Exact(String),
    /// `[realm *.example.org]`: any realm that ends in it (`.example.org`) and has something before it.
    Below(String),
}

/// A socket that clients connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `mux` for the classic one, else the path: what `[socket PATH]` and systemd call it.
    pub name: String,
    /// Absolute.
    pub path: PathBuf,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Permission bits; 0777 for `mux`, as in C, else 0660.
    pub mode: u32,
    /// The account that owns it; `None` for the one that started the daemon.
    pub owner: Option<String>,
    /// Its group; `None` for that of whoever started the daemon.
    pub group: Option<String>,
    /// In place of the service that clients name.
    pub service: Option<String>,
    /// How long a request may take: at most `--request-timeout`, which is what `None` means for [`Protocol::Mux`]. For
    /// [`Protocol::Dovecot`] that is 8 seconds, since Postfix waits for 10.
    pub timeout: Option<Duration>,
    /// Who may connect; everybody who can open it if both lists are empty.
    pub allow_users: Vec<String>,
    /// See [`Self::allow_users`]: whoever is in one of these groups.
    pub allow_groups: Vec<String>,
    /// Where it is written, for errors; `None` on the command line.
    pub line: Option<usize>,
}

/// What is spoken at an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// saslauthd's own: one request on each connection.
    Mux,
    /// Dovecot's auth client protocol, for Postfix and Exim.
    Dovecot,
    /// What `saslauthdctl` speaks; nobody can ask for it at a socket of their own.
    Control,
}

impl Site {
    /// Whether Dovecot's protocol is spoken at one of the sockets.
    pub fn has_auth_sockets(&self) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.protocol == Protocol::Dovecot)
    }

    /// The workers in which the mechanism runs; `None` if it asks servers instead.
    pub fn pool_of(&self, instance: InstanceId) -> Option<PoolId> {
        self.pools.iter().position(|pool| pool.instance == Some(instance)).map(PoolId)
    }

    /// The workers that run errands only; `None` if no mechanism has any.
    pub fn errand_pool(&self) -> Option<PoolId> {
        let is_for_all = |pool: &Pool| pool.instance.is_none() && pool.gssapi_for.is_none();
        self.pools.iter().position(is_for_all).map(PoolId)
    }

    /// The worker that logs a mechanism in at its servers by GSSAPI; `None` if it does that otherwise.
    pub fn gssapi_pool(&self, instance: InstanceId) -> Option<PoolId> {
        self.pools.iter().position(|pool| pool.gssapi_for == Some(instance)).map(PoolId)
    }

    /// The mechanisms that ask servers, with their places.
    pub fn remote_instances(&self) -> impl Iterator<Item = (InstanceId, &Instance)> {
        let all = self.instances.iter().enumerate().map(|(place, instance)| (InstanceId(place), instance));
        all.filter(|(id, _)| self.pool_of(*id).is_none())
    }
}
