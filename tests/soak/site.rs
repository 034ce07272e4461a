//! What the daemon is set up with: mechanisms, routes, servers, and everybody who has a password.

use super::policy::{BANNED_LOGIN, PolicyServer};
use super::random::Random;
use super::truth::Timeline;
use crate::support::slapd::{PEOPLE, SERVICE, SERVICE_PASSWORD};
use crate::support::{Dovecot, Entries, RunningDovecot, RunningSlapd, Slapd, System};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Mutex;
use tempfile::TempDir;

/// How many users each mechanism has.
pub const USERS: u64 = 100;

/// How many users have passwords that change.
pub const CHANGING: u64 = 5;

/// How many users the policy server lets nobody in as.
pub const BANNED: u64 = 5;

/// Every password has it, so that one in the log is found.
pub const MARK: &str = "Sesame";

/// The address of a client: most are of a network that `--trusted-networks` names, and one in ten has what it guesses
/// held back. No more, or too few of the load would be left: these wait up to 15 seconds.
pub fn client_address(random: &mut Random) -> String {
    let network = if random.one_in(10) { "198.51.100" } else { "192.0.2" };
    format!("{network}.{}", 1 + random.below(50))
}

/// The account of the private /etc/passwd, and `Sesame-host` as openssl-passwd(1) stores it.
pub const HOST_ACCOUNT: &str = "soak-host";
const HOST_HASH: &str = "$5$soakSalt$RkGdhv/iR.iR9GeSEGrEfMLWCIL39Jqp9BhKJBg0c/A";

/// The password of a user, in the database of that name.
pub fn password(database: &str, number: u64) -> String {
    format!("{MARK}-{database}-{number}")
}

/// Files, servers, and what is true of them at the moment.
pub struct Site {
    directory: TempDir,
    /// What the daemon sees as /etc/passwd and /etc/shadow.
    pub system: System,
    /// The LDAP server.
    pub slapd: Mutex<RunningSlapd>,
    /// The IMAP server.
    pub dovecot: Mutex<RunningDovecot>,
    /// Which passwords the users `turn0` and so on have: `password("turn", value)`.
    pub turns: Timeline,
    /// The policy server.
    pub policy: PolicyServer,
    /// Whether it is heard (0), or may not be (1): then logins that it bans are accepted.
    pub bans: Timeline,
    doubts: Mutex<usize>,
    /// Who decides about `season@season.test`: the file of logins (0) or the IMAP server (1).
    pub seasons: Timeline,
}

impl Site {
    /// Starts the servers and writes the files.
    pub fn new() -> Self {
        let mut entries = (0..USERS).fold(Entries::new(), |entries, number| {
            entries.user(&format!("corp{number}"), password("corp", number))
        });
        entries = entries.user("double", password("corp-double", 0));
        let mut mailboxes: Vec<_> =
            (0..USERS).map(|number| (format!("imap{number}"), password("imap", number))).collect();
        mailboxes.push(("season".to_owned(), password("season", 1)));
        let mailboxes: Vec<_> =
            mailboxes.iter().map(|(login, password)| (login.as_str(), password)).collect();
        let site = Self {
            directory: TempDir::new().unwrap(),
            system: System::new().account("saslauthd", "x", None).account(
                HOST_ACCOUNT,
                "x",
                Some(&format!("{HOST_HASH}:19000:0:99999:7:::")),
            ),
            slapd: Mutex::new(Slapd::new(entries).start()),
            dovecot: Mutex::new(Dovecot::new(&mailboxes).start()),
            turns: Timeline::default(),
            policy: PolicyServer::start(),
            bans: Timeline::default(),
            doubts: Mutex::default(),
            seasons: Timeline::default(),
        };
        site.turns.begin(0);
        site.bans.begin(0);
        site.seasons.begin(0);
        site.write_users(0);
        site.write("conf", &site.configuration(0));
        site
    }

    /// From now on the policy server may not be heard, until [`Self::trust_bans`] is said as often.
    pub fn doubt_bans(&self) {
        let mut doubts = self.doubts.lock().unwrap();
        *doubts += 1;
        self.bans.begin(1);
    }

    /// It is heard again.
    pub fn trust_bans(&self) {
        let mut doubts = self.doubts.lock().unwrap();
        *doubts -= 1;
        if *doubts == 0 {
            self.bans.settle(0);
        }
    }

    /// A file or socket of the daemon.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Gives this text to a file at once, as editors and deployments do: by a name of its own, and renamed.
    pub fn write(&self, name: &str, text: &str) {
        let new = self.path(&format!("{name}.new"));
        fs::write(&new, text).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(new, self.path(name)).unwrap();
    }

    /// Writes the file of logins with these passwords of the users that change, and a line that is none.
    pub fn write_users(&self, turn: u64) {
        let line = |login: &str, password: String| format!("{login}:{{PLAIN}}{password}\n");
        let mut text: String = (0..USERS).map(|n| line(&format!("file{n}"), password("file", n))).collect();
        text += &line("double", password("file-double", 0));
        text.extend((0..BANNED).map(|n| line(&format!("{BANNED_LOGIN}{n}"), password("banned", n))));
        text += &line("season", password("season", 0));
        text.extend((0..CHANGING).map(|n| line(&format!("turn{n}"), password("turn", turn))));
        self.write("users", &format!("{text}this is no line of it\n"));
    }

    /// The file of the daemon in this season.
    pub fn configuration(&self, season: u64) -> String {
        let [users, auth] = ["users", "auth"].map(|name| self.path(name).display().to_string());
        let decider = ["users", "imap"][usize::try_from(season).unwrap()];
        let (directory, imap) = (self.slapd.lock().unwrap().uri(), self.dovecot.lock().unwrap().option());
        format!(
            "policy_url: http://{policy}/\n\
             policy_nonce: {MARK}-nonce\n\
             policy_timeout: 5\n\
             mechanisms: users corp\n\
             on_reject: stop\n\
             on_unknown: next\n\
             on_unavailable: stop\n\
             [mechanism users]\n\
             type: passwdfile\n\
             passwdfile_path: {users}\n\
             [mechanism corp]\n\
             type: ldap\n\
             ldap_servers: {directory}\n\
             ldap_bind_dn: {SERVICE}\n\
             ldap_bind_pw: {SERVICE_PASSWORD}\n\
             ldap_search_base: {PEOPLE}\n\
             ldap_filter: (uid=%U)\n\
             [mechanism imap]\n\
             type: rimap\n\
             rimap_servers: {imap}\n\
             {file}{corp}{mail}{host}{season}{joint}\
             on_reject: next\n\
             on_unavailable: next\n\
             [socket {auth}]\n\
             protocol: dovecot\n\
             mode: 0666\n\
             timeout: {timeout}\n",
            policy = self.policy.address(),
            file = realm("file.test", "users"),
            corp = realm("corp.test", "corp"),
            mail = realm("imap.test", "imap"),
            host = realm("host.test", "shadow"),
            season = realm("season.test", decider),
            joint = realm("joint.test", "corp imap"),
            timeout = super::daemon::AUTH_TIMEOUT.as_secs(),
        )
    }
}

fn realm(name: &str, mechanisms: &str) -> String {
    format!("[realm {name}]\nmechanisms: {mechanisms}\nlogin_format: %U\n")
}
