//! Logins to ask about, each with what is known of it.

use super::daemon::{MEMORY, NEGATIVE_MEMORY, STALE};
use super::policy::BANNED_LOGIN;
use super::random::Random;
use super::site::{BANNED, CHANGING, HOST_ACCOUNT, MARK, Site, USERS, password};
use super::truth::{Memory, Needs, Question, Truth};
use std::time::Duration;

const WORKERS: Needs = Needs { workers: true, directory: false, imap: false };
const DIRECTORY: Needs = Needs { workers: false, directory: true, imap: false };
const IMAP: Needs = Needs { workers: false, directory: false, imap: true };
const WORKERS_OR_DIRECTORY: Needs = Needs { workers: true, directory: true, imap: false };
const WORKERS_OR_IMAP: Needs = Needs { workers: true, directory: false, imap: true };
const DIRECTORY_OR_IMAP: Needs = Needs { workers: false, directory: true, imap: true };

/// So many users of each mechanism make up half of its logins, so that what is remembered is asked for.
const FREQUENT: u64 = 4;

/// What was right when a worker looked is remembered from the answer on. Both worker and frontend may stand still in
/// between, for three seconds each and what the machine adds.
const LONGEST_STOP: Duration = Duration::from_secs(8);

/// The longest that anything is remembered.
fn memory() -> Memory {
    Memory { accepted: MEMORY + LONGEST_STOP, stale: STALE, refused: NEGATIVE_MEMORY + LONGEST_STOP }
}

/// As [`any`], of a client whose address is known; and some about which the policy server then decides.
pub fn with_address<'a>(site: &'a Site, random: &mut Random) -> Question<'a> {
    if random.one_in(20) { banned(site, random) } else { any(site, random) }
}

/// Of [`Site::bans`].
const NOT_HEARD: u64 = 1;

/// The right password, but nobody is to be let in. Never asked without an address, or it would be remembered as accepted.
pub fn banned<'a>(site: &'a Site, random: &mut Random) -> Question<'a> {
    let number = random.below(BANNED);
    let account = Account {
        user: format!("{BANNED_LOGIN}{number}"),
        password: password("banned", number),
        realm: "file.test".to_owned(),
        needs: WORKERS,
    };
    let truth = Truth::While { timeline: &site.bans, value: NOT_HEARD, memory: memory() };
    // Whoever the policy server refuses hears it at once.
    Question { is_delayed: false, ..account.named(truth) }
}

/// Logins of the set-up that [`Site`] describes, by all its routes; half of them with the right password.
pub fn any<'a>(site: &'a Site, random: &mut Random) -> Question<'a> {
    let users = if random.one_in(2) { FREQUENT } else { USERS };
    let number = random.below(users);
    let kind = random.below(100);
    let database = |database: &str, realm: &str, needs| Account {
        user: format!("{database}{number}"),
        password: password(database, number),
        realm: realm.to_owned(),
        needs,
    };
    match kind {
        0..25 => database("file", "", WORKERS).ask(random),
        25..35 => database("file", "file.test", WORKERS).ask(random),
        35..45 => database("corp", "", WORKERS_OR_DIRECTORY).ask(random),
        45..55 => database("corp", "corp.test", DIRECTORY).ask(random),
        55..62 => database("imap", "imap.test", IMAP).ask(random),
        62..67 => database("corp", "joint.test", DIRECTORY_OR_IMAP).ask(random),
        67..71 => database("imap", "joint.test", DIRECTORY_OR_IMAP).ask(random),
        71..81 => host_account().ask(random),
        81..86 => double(random),
        86..92 => of_the_season(site, random),
        _ => of_the_turn(site, random),
    }
}

/// A right login for each thing that may be out, to see that it is back.
pub fn of_each_kind<'a>() -> Vec<Question<'a>> {
    let account = |database: &str, realm: &str, needs| Account {
        user: format!("{database}0"),
        password: password(database, 0),
        realm: realm.to_owned(),
        needs,
    };
    let accounts = [
        account("file", "file.test", WORKERS),
        account("corp", "corp.test", DIRECTORY),
        account("imap", "imap.test", IMAP),
        host_account(),
    ];
    accounts.into_iter().map(Account::right).collect()
}

struct Account {
    user: String,
    password: String,
    realm: String,
    needs: Needs,
}

impl Account {
    /// A right or wrong password, or a login that nobody has.
    fn ask<'a>(mut self, random: &mut Random) -> Question<'a> {
        match random.below(10) {
            0..5 => self.right(),
            5..8 => {
                self.password = wrong(&self.password, random);
                self.named(Truth::Wrong)
            }
            _ => {
                self.user = format!("nobody{}", random.below(1000));
                self.needs = everybody_who_is_asked(self.needs, &self.realm);
                self.named(Truth::Wrong)
            }
        }
    }

    fn right<'a>(self) -> Question<'a> {
        self.named(Truth::Right)
    }

    fn named(self, truth: Truth<'_>) -> Question<'_> {
        let Self { user, password, realm, needs } = self;
        let login = user.clone();
        Question { login, checked: user, password, realm, truth, needs, is_delayed: true }
    }
}

/// Of the default route the next one is asked about a login that the first does not know.
fn everybody_who_is_asked(needs: Needs, realm: &str) -> Needs {
    if realm.is_empty() { WORKERS_OR_DIRECTORY } else { needs }
}

/// Passwords that are nearly right.
fn wrong(right: &str, random: &mut Random) -> String {
    match random.below(6) {
        0 => format!("{right}x"),
        1 => right[..right.len() - 1].to_owned(),
        2 => right.to_lowercase(),
        3 => format!(" {right}"),
        4 => format!("{right} "),
        _ => format!("{MARK}-{}", random.next()),
    }
}

fn host_account() -> Account {
    let realm = "host.test".to_owned();
    Account { user: HOST_ACCOUNT.to_owned(), password: password_of_host(), realm, needs: WORKERS }
}

fn password_of_host() -> String {
    format!("{MARK}-host")
}

/// In the file and in the directory, with two passwords: that of the directory must open nothing, whatever happens to
/// the file.
fn double<'a>(random: &mut Random) -> Question<'a> {
    let (database, truth) =
        if random.one_in(2) { ("file-double", Truth::Right) } else { ("corp-double", Truth::Wrong) };
    let account = Account {
        user: "double".to_owned(),
        password: password(database, 0),
        realm: String::new(),
        needs: WORKERS,
    };
    account.named(truth)
}

/// In the file and at the IMAP server, and the configuration says who is asked.
fn of_the_season<'a>(site: &'a Site, random: &mut Random) -> Question<'a> {
    let value = random.below(2);
    let account = Account {
        user: "season".to_owned(),
        password: password("season", value),
        realm: "season.test".to_owned(),
        needs: WORKERS_OR_IMAP,
    };
    // A reload forgets what was remembered.
    account.named(Truth::While { timeline: &site.seasons, value, memory: Memory::default() })
}

/// Of a user whose password changes: the present one, or one that was. Each is tried with another user, so that nothing
/// newer takes the place of what may be remembered of it.
fn of_the_turn<'a>(site: &'a Site, random: &mut Random) -> Question<'a> {
    let latest = site.turns.latest();
    let value = latest.saturating_sub(if random.one_in(2) { 0 } else { random.below(CHANGING) });
    let account = Account {
        user: format!("turn{}", value % CHANGING),
        password: password("turn", value),
        realm: String::new(),
        needs: WORKERS,
    };
    account.named(Truth::While { timeline: &site.turns, value, memory: memory() })
}
