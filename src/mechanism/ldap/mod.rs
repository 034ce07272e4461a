//! `-a ldap`: logins checked by a directory.
//!
//! Pure, from the bytes up: [`ber`], requests ([`message`]) and [`response`]s; [`tokens`] in a [`filter`] or [`dn`];
//! [`settings`] say what a login needs, a [`session`] speaks on one connection, an [`exchange`] makes the verdict.
#![forbid(unsafe_code)]

mod active_directory;
pub mod ber;
pub mod cipher;
pub mod digest_md5;
pub mod dn;
pub mod exchange;
pub mod filter;
pub mod gssapi;
pub mod ldap_conf;
pub mod message;
pub mod named;
pub mod pools;
pub mod protected;
pub mod question;
pub mod referral;
pub mod response;
pub mod result_code;
pub mod sasl;
pub mod sasl_choice;
pub mod saslprep;
pub mod scram;
pub mod session;
pub mod settings;
#[cfg(test)]
mod testing;
pub mod uri;
pub mod verdict;

pub use crate::settings::tokens;

use crate::config::NetworkSettings;
use crate::credentials::Credentials;
use crate::mechanism::{CredentialPath, FileUse, MechanismError, Remote};
use crate::net::exchange::{PoolId, PoolSettings, Protocol, Server, TlsMode};
use crate::outcome::Verdict;
use crate::settings::file::Problem;
use crate::settings::raw_settings::RawSettings;
use exchange::Check;
use pools::{Place, Pools};
use question::{Answer, Question};
use session::LdapSession;
use settings::{Realms, Settings};
use std::rc::Rc;

/// The keys of saslauthd.conf, each with its other spellings.
pub const KEYS: &[&[&str]] = &[
    &["ldap_servers"],
    &["ldap_bind_dn"],
    &["ldap_bind_pw", "ldap_password"],
    &["ldap_version"],
    &["ldap_search_base"],
    &["ldap_filter"],
    &["ldap_scope"],
    &["ldap_password_attr"],
    &["ldap_group_dn"],
    &["ldap_group_attr"],
    &["ldap_group_filter"],
    &["ldap_group_search_base"],
    &["ldap_group_scope"],
    &["ldap_group_match_method"],
    &["ldap_default_realm", "ldap_default_domain"],
    &["ldap_auth_method"],
    &["ldap_timeout"],
    &["ldap_size_limit"],
    &["ldap_time_limit"],
    &["ldap_deref"],
    &["ldap_referrals"],
    &["ldap_referral_hosts"],
    &["ldap_restart"],
    &["ldap_debug"],
    &["ldap_use_sasl"],
    &["ldap_mech", "ldap_sasl_mech"],
    &["ldap_id", "ldap_sasl_authc_id"],
    &["ldap_authz_id", "ldap_sasl_authz_id"],
    &["ldap_realm", "ldap_sasl_realm"],
    &["ldap_sasl_secprops"],
    &["ldap_scram_min_rounds"],
    &["ldap_krb5_keytab"],
    &["ldap_krb5_ccache"],
    &["ldap_krb5_principal"],
    &["ldap_start_tls"],
    &["ldap_tls_check_peer"],
    &["ldap_tls_cacert_file"],
    &["ldap_tls_cacert_dir"],
    &["ldap_tls_cert"],
    &["ldap_tls_key"],
    &["ldap_tls_ciphers"],
    &["ldap_tls_cipher_suites"],
    &["ldap_tls_min_version"],
];

/// The entry in the table of mechanisms.
pub const REMOTE: Remote = Remote { file: FileUse::Required, needs_file: |_| true, check, credentials };

fn check(sources: &RawSettings, _network: &NetworkSettings) -> Vec<Problem> {
    let mut problems = Vec::new();
    Realms::read(sources, &mut problems);
    problems
}

fn credentials(sources: &RawSettings) -> Option<CredentialPath> {
    Realms::read(sources, &mut Vec::new())?.credentials()
}

/// The mechanism as the settings say, without anything that drives it.
///
/// # Errors
/// When the settings do not allow that.
pub fn protocol(sources: &RawSettings, network: &NetworkSettings) -> Result<Ldap, MechanismError> {
    let mut problems = Vec::new();
    let Some(realms) = Realms::read(sources, &mut problems) else {
        let problem = problems.iter().find(|problem| problem.is_error()).map(ToString::to_string);
        return Err(MechanismError(problem.unwrap_or_else(|| "ldap cannot be set up".to_owned())));
    };
    Ok(Ldap::new(realms, network))
}

/// What the logins of a realm need.
pub struct Realm {
    /// As the files say.
    pub settings: Settings,
    /// The realm's own servers.
    pub primary: Place,
}

/// The mechanism at work.
pub struct Ldap {
    realms: Realms<Rc<Realm>>,
    pools: Rc<Pools>,
}

impl Ldap {
    /// Asks the servers of each section in the way of `network`.
    pub fn new(realms: Realms<Settings>, network: &NetworkSettings) -> Self {
        let pools = Pools::new(network);
        let realms = realms.map(|settings| Rc::new(Realm { primary: pools.primary(&settings), settings }));
        Self { realms, pools: Rc::new(pools) }
    }
}

impl Protocol for Ldap {
    type Request = Credentials;
    type Verdict = Verdict;
    type Question = Question;
    type Answer = Answer;
    type Session = LdapSession;
    type Exchange = Check;

    fn pools(&self) -> Vec<PoolId> {
        self.pools.ids()
    }

    fn pool(&self, pool: PoolId) -> Rc<PoolSettings> {
        self.pools.pool(pool)
    }

    fn further_ports(&self) -> Vec<String> {
        self.realms.all().flat_map(|realm| referral::ports(&realm.settings.referrals)).collect()
    }

    fn session(&self, pool: PoolId, server: usize) -> LdapSession {
        // A place that is not in the list cannot be; if it were, no password could go there in clear.
        let known = self.pool(pool).servers.get(server).cloned();
        let tls = known.as_ref().map_or(TlsMode::StartTls, |server| server.tls);
        let is_private = known.as_ref().is_some_and(Server::is_private);
        let host = known.as_ref().and_then(Server::host).unwrap_or("localhost");
        LdapSession::new(tls == TlsMode::StartTls, self.pools.account(pool, is_private))
            .of_server(server, host)
            .with_referrals(self.pools.follows(pool))
            .choosing(self.pools.choice(pool), is_private)
    }

    fn exchange(&self, credentials: Credentials) -> Check {
        let login = credentials.sent_login.as_ref().unwrap_or(&credentials.login);
        let realm = self.realms.of(login, &credentials.realm, &credentials.service);
        Check::new(Rc::clone(realm), Rc::clone(&self.pools), credentials)
    }
}
