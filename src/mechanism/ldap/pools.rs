//! The connections that there are: of each realm's servers, and of servers that were referred to.
#![forbid(unsafe_code)]

use super::sasl_choice::Choice;
use super::settings::{Account, Method, Settings};
use crate::config::NetworkSettings;
use crate::config::ServerOrder;
use crate::net::exchange::{PoolId, PoolSettings, Server, Sharing, Timeouts, TlsSettings};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// The C daemon's default of `ldap_timeout`.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How many searches a connection carries at a time; slapd works on as many as it has threads, 16 by default.
const SEARCHES_TOGETHER: usize = 100;

/// Where a question can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// For what the service account does.
    pub search: PoolId,
    /// For binds of users.
    pub bind: PoolId,
}

/// All pools. Equal ones are one, so that realms with the same servers and account share their connections.
pub struct Pools {
    network: NetworkSettings,
    nowhere: Rc<PoolSettings>,
    entries: RefCell<Vec<Entry>>,
    /// Who connects, by [`PoolSettings::credential_scope`].
    credential_scopes: RefCell<Vec<CredentialScope>>,
}

/// An account with its TLS: a realm in which these are wrong must not cost other realms their servers.
type CredentialScope = (Rc<Account>, Rc<TlsSettings>);

#[derive(Clone)]
struct Entry {
    pool: Rc<PoolSettings>,
    /// Who binds before the first question.
    account: Option<Rc<Account>>,
    /// The SASL mechanisms of these binds.
    choice: Option<Choice>,
    /// `ldap_referrals`
    follows: bool,
}

/// Who binds on a pool's connections, and how.
#[derive(Default)]
struct Binds {
    account: Option<Rc<Account>>,
    choice: Option<Choice>,
}

impl Pools {
    /// None yet, to be used in the way of `network`.
    pub fn new(network: &NetworkSettings) -> Self {
        Self {
            network: network.clone(),
            nowhere: Rc::new(pool_of(network, Vec::new(), Sharing::Sequential)),
            entries: RefCell::default(),
            credential_scopes: RefCell::default(),
        }
    }

    /// The place of a realm's own servers.
    pub fn primary(&self, settings: &Settings) -> Place {
        self.place(settings, settings.servers.clone())
    }

    /// The place of a server that was referred to. There are no more of them than the configuration allows:
    /// [`referral::target`](super::referral::target) gives each in one spelling.
    pub fn referred(&self, settings: &Settings, server: Server) -> Place {
        self.place(settings, vec![server])
    }

    /// For a bind as an entry of `place` that this server has: another one may not have it yet.
    pub fn bind_beside(&self, settings: &Settings, place: Place, server: usize) -> PoolId {
        let searched = self.pool(place.search);
        let mut servers = searched.servers.clone();
        let comes_first = server == 0 && searched.order == ServerOrder::Listed;
        if comes_first || servers.len() < 2 || server >= servers.len() {
            return place.bind;
        }
        servers.rotate_left(server);
        let pool =
            PoolSettings { order: ServerOrder::Listed, ..self.make(settings, servers, Sharing::Sequential) };
        let binds = Binds { account: protector(settings), choice: None };
        self.find(pool, binds, settings.referrals.follow)
    }

    /// The pool of that number; numbers are only given out here, so a strange one gets a pool without servers.
    pub fn pool(&self, id: PoolId) -> Rc<PoolSettings> {
        self.entries
            .borrow()
            .get(id.0)
            .map_or_else(|| Rc::clone(&self.nowhere), |entry| Rc::clone(&entry.pool))
    }

    /// Who binds on its connections before the first question; `None` when the questions are binds, unless it is to protect these.
    /// `is_private`: nobody can listen there, by TLS or on a unix socket.
    pub fn account(&self, id: PoolId, is_private: bool) -> Option<Rc<Account>> {
        let entries = self.entries.borrow();
        let entry = entries.get(id.0)?;
        let is_of_users = entry.pool.sharing == Sharing::Sequential;
        entry.account.clone().filter(|_| !(is_of_users && is_private))
    }

    /// The SASL mechanisms to choose from when a connection opens; `None` where there is no choice.
    pub fn choice(&self, id: PoolId) -> Option<Choice> {
        let choice = self.entries.borrow().get(id.0).and_then(|entry| entry.choice.clone());
        choice.filter(|choice| choice.only().is_none())
    }

    /// Whether referrals of its servers are of any use.
    pub fn follows(&self, id: PoolId) -> bool {
        self.entries.borrow().get(id.0).is_some_and(|entry| entry.follows)
    }

    /// All there are.
    pub fn ids(&self) -> Vec<PoolId> {
        (0..self.entries.borrow().len()).map(PoolId).collect()
    }

    fn place(&self, settings: &Settings, servers: Vec<Server>) -> Place {
        let pool = |sharing| self.make(settings, servers.clone(), sharing);
        let follows = settings.referrals.follow;
        let of_account = match &*settings.account {
            Account::Sasl(choice, _) => Some(choice.clone()),
            Account::Anonymous | Account::Simple { .. } => None,
        };
        let searches = Binds { account: Some(Rc::clone(&settings.account)), choice: of_account };
        let of_users = match &settings.method {
            Method::SaslBind(choice) => Some(choice.clone()),
            Method::Bind(_) | Method::Custom(..) | Method::FastBind(_) => None,
        };
        let binds = Binds { account: protector(settings), choice: of_users };
        Place {
            search: self.find(pool(Sharing::Pipelined(SEARCHES_TOGETHER)), searches, follows),
            bind: self.find(pool(Sharing::Sequential), binds, follows),
        }
    }

    fn make(&self, settings: &Settings, servers: Vec<Server>, sharing: Sharing) -> PoolSettings {
        let pool = pool_of(&self.network, servers, sharing);
        let timeouts = match settings.timeout {
            Some(timeout) => Timeouts { connect: timeout, tls: timeout, operation: timeout },
            None => Timeouts {
                connect: pool.timeouts.connect.min(TIMEOUT),
                tls: pool.timeouts.tls.min(TIMEOUT),
                operation: pool.timeouts.operation.min(TIMEOUT),
            },
        };
        PoolSettings {
            timeouts,
            tls: Rc::clone(&settings.tls),
            credential_scope: self.credential_scope(settings),
            ..pool
        }
    }

    fn credential_scope(&self, settings: &Settings) -> usize {
        let mut credential_scopes = self.credential_scopes.borrow_mut();
        let same = |(account, tls): &CredentialScope| *account == settings.account && *tls == settings.tls;
        credential_scopes.iter().position(same).unwrap_or_else(|| {
            credential_scopes.push((Rc::clone(&settings.account), Rc::clone(&settings.tls)));
            credential_scopes.len() - 1
        })
    }

    fn find(&self, pool: PoolSettings, Binds { account, choice }: Binds, follows: bool) -> PoolId {
        let mut entries = self.entries.borrow_mut();
        let same = |entry: &Entry| {
            *entry.pool == pool
                && entry.account == account
                && entry.choice == choice
                && entry.follows == follows
        };
        let found = entries.iter().position(same);
        PoolId(found.unwrap_or_else(|| {
            entries.push(Entry { pool: Rc::new(pool), account, choice, follows });
            entries.len() - 1
        }))
    }
}

/// Who binds before users do, so that their passwords go through what protects his login. It stays when somebody else binds: RFC 4422,
/// section 3.7, and \[MS-ADTS\], 5.1.1.1.2 and 5.1.2.1.
fn protector(settings: &Settings) -> Option<Rc<Account>> {
    Some(&settings.account).filter(|account| account.protects()).map(Rc::clone)
}

fn pool_of(network: &NetworkSettings, servers: Vec<Server>, sharing: Sharing) -> PoolSettings {
    PoolSettings {
        servers,
        order: network.order,
        sharing,
        most_connections: network.most_connections,
        idle_time: network.idle_time,
        timeouts: Timeouts::from(network),
        tls: Rc::default(),
        credential_scope: 0,
    }
}
