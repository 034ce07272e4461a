//! Logins that a domain controller of Active Directory (Samba's) decides about, by Kerberos and by LDAP.

mod chains;
mod gssapi;
mod kerberos5;
mod ldap;

use crate::support::kerberos::Krb5File;
use crate::support::samba::{Entries, HOST, SUFFIX, Samba, USERS, timestamp};
use crate::support::{Answer, Daemon, Launch, Program, Request};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A password that the domain takes.
const RIGHT: &str = "Right-horse1";

/// The service that shows by its key that a server is the domain's.
const SERVICE: &str = "host/mail.ad.example.test";

/// Accounts that may not log in with the right password either.
const CLOSED: [&str; 4] = ["disabled", "expired", "changing", "offhours"];

/// What Active Directory shows as `Odd, (Müller) #1 *`: the name of an account in its DN.
const ODD: &str = "CN=Odd\\, (M\\C3\\BCller) #1 *";

/// The domain of all tests, as long as one of them needs it: it takes seconds to start.
fn domain() -> Arc<Samba> {
    static SHARED: Mutex<Weak<Samba>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(domain) = shared.upgrade() {
        return domain;
    }
    // As Windows does; of its own accord Samba takes no login by GSSAPI over TLS.
    let domain = Samba::start(&entries(), "ldap server require strong auth = allow_sasl_over_tls\n");
    let domain = Arc::new(domain);
    *shared = Arc::downgrade(&domain);
    domain
}

fn entries() -> Entries {
    let controller = format!("CN=DC1,OU=Domain Controllers,{SUFFIX}");
    let locking = Program::BOTH.map(|program| [locking("kerberos5", program), locking("ldap", program)]);
    let locking = locking.concat();
    let mut entries = Entries::new()
        // A controller adds this by itself in its first minutes.
        .change(&format!(
            "dn: {controller}\nchangetype: modify\nadd: servicePrincipalName\nservicePrincipalName: ldap/{HOST}"
        ))
        .host("mail", SERVICE, 24)
        .host("old", "host/old.ad.example.test", 4)
        .host("aging-Ours", "host/aging-ours.ad.example.test", 24)
        .host("aging-C", "host/aging-c.ad.example.test", 24)
        .user("service", "Service-horse1", "")
        .user("anna", RIGHT, "userPrincipalName: anna@ad.example.test\n")
        .user("Berta", RIGHT, "")
        .user("otto", RIGHT, "userPrincipalName: otto.normal@ad.example.test\n")
        .user("paula", RIGHT, "userPrincipalName: paula@mail.example.test\n")
        .user("jörg", "größer-Als-5€", "")
        .user("many", RIGHT, "")
        .user("disabled", RIGHT, "userAccountControl: 514\n")
        .user("expired", RIGHT, &format!("accountExpires: {}\n", timestamp(-1)))
        .user("changing", RIGHT, "pwdLastSet: 0\n")
        .user("offhours", RIGHT, "logonHours:: AAAAAAAAAAAAAAAAAAAAAAAAAAAA\n")
        .user("odd", RIGHT, "")
        .group("mailers", &["anna", "odd"])
        .change(&format!("dn: CN=odd,{USERS}\nchangetype: modrdn\nnewrdn: {ODD}\ndeleteoldrdn: 1"))
        .group("outer", &["mailers"]);
    // Their numbers make a ticket that is too large for a datagram.
    for number in 0..200 {
        entries = entries.group(&format!("group-{number}"), &["many"]);
    }
    for name in &locking {
        entries = entries.user(name, RIGHT, "");
    }
    entries.change(&lock_after_three(&locking))
}

/// An account of the test of this mechanism, which locks it.
fn locking(mechanism: &str, program: Program) -> String {
    format!("locking-{mechanism}-{program:?}")
}

/// The third wrong password locks these accounts for half an hour.
fn lock_after_three(accounts: &[String]) -> String {
    let applies: String =
        accounts.iter().map(|account| format!("msDS-PSOAppliesTo: CN={account},{USERS}\n")).collect();
    format!(
        "dn: CN=strict,CN=Password Settings Container,CN=System,{SUFFIX}\nchangetype: add\n\
         objectClass: msDS-PasswordSettings\nmsDS-PasswordSettingsPrecedence: 1\n\
         msDS-PasswordReversibleEncryptionEnabled: FALSE\nmsDS-PasswordHistoryLength: 0\n\
         msDS-PasswordComplexityEnabled: FALSE\nmsDS-MinimumPasswordLength: 0\nmsDS-MinimumPasswordAge: 0\n\
         msDS-MaximumPasswordAge: -864000000000000\nmsDS-LockoutThreshold: 3\n\
         msDS-LockoutObservationWindow: -18000000000\nmsDS-LockoutDuration: -18000000000\n{applies}"
    )
}

/// The domain and a daemon that asks it.
struct Site {
    daemon: Daemon,
    /// For each login it is read anew.
    _conf: Krb5File,
    domain: Arc<Samba>,
}

impl Site {
    /// One of these mechanisms with this environment and what `settings` makes of the domain; krb5.conf has the line `option`, too.
    fn start(
        (program, mechanisms): (Program, &str),
        settings: impl FnOnce(&Samba) -> String,
        option: &str,
        environment: impl FnOnce(&Samba) -> Vec<String>,
    ) -> Self {
        let domain = domain();
        let conf = domain.conf().with(option).write();
        let launch = Launch::new(program, &["-a", mechanisms, "-n", "2"]).with_file("-O", &settings(&domain));
        let words: Vec<_> = ["env".to_owned()].into_iter().chain(environment(&domain)).collect();
        let daemon = domain.reached_by(conf.of_daemon(launch).behind(&words)).start();
        Self { daemon, _conf: conf, domain }
    }

    fn ask(&self, login: &str, password: &str) -> Answer {
        self.ask_in(login, "", password)
    }

    fn ask_in(&self, login: &str, realm: &str, password: &str) -> Answer {
        self.daemon.ask(&Request::new(login, password).service("smtp").realm(realm))
    }

    /// Whether ours has logged this.
    fn expect_logged(&self, text: &str) {
        if self.daemon.program == Program::Ours {
            self.daemon.log.wait_for(text);
        }
    }
}

/// Where the directory is, by TLS.
fn servers(domain: &Samba) -> String {
    format!(
        "ldap_servers: ldaps://{HOST}/\nldap_tls_cacert_file: {}\nldap_tls_check_peer: yes\n",
        domain.authority().display()
    )
}

/// The same, and who searches the whole domain with which filter.
fn searching(domain: &Samba, filter: &str) -> String {
    format!(
        "{}ldap_bind_dn: CN=service,{USERS}\nldap_bind_pw: Service-horse1\nldap_search_base: {SUFFIX}\n\
         ldap_filter: {filter}\n",
        servers(domain)
    )
}
