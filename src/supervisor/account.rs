//! Who the processes run as that need no rights: the frontend, and workers that need none.
//!
//! Looked up once, at the start: a reload keeps the number that was found, whatever becomes of the name.
#![forbid(unsafe_code)]

use super::start_error::StartError;
use crate::strerror::strerror;
use crate::sys::capabilities::{self, Capability};
use crate::sys::inode::own_user_and_group;
use crate::sys::spawn::{Account, try_account};
use log::Level;
use pwd_grp::{PwdGrp, PwdGrpProvider};
use std::ffi::OsStr;
use std::fs;

/// The name in `ps` of the child by which it is tried whether an account can be used.
pub const TRIAL_ROLE: &str = "saslauthd: trial";

/// Without `--user` the first of these that exists: one of our own, that of RHEL's and of our packages, and the one that
/// every system has.
const DEFAULTS: [&str; 3] = ["saslauthd", "saslauth", "nobody"];

/// What it takes to start a process as somebody else and to end it.
const NEEDED: [Capability; 3] = [Capability::SETUID, Capability::SETGID, Capability::KILL];

const ROOT: u32 = 0;

/// Who they run as.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// The account of that name.
    Other(String, Account),
    /// Whoever started the daemon.
    Own(Reason),
}

/// Why they run as whoever started the daemon.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It was not root, or `--user` names the same account.
    Nothing,
    /// There is none of the usual accounts.
    NoAccount,
    /// The usual account is there, and why it is of no use.
    Unusable(String, String),
}

impl Choice {
    /// Looks the account of `--user` up or, for root without it, a usual one, and tries that.
    ///
    /// # Errors
    /// When there is no account `user`. That a usual one cannot be used keeps nobody from starting.
    pub(super) fn make(user: Option<&str>) -> Result<Self, StartError> {
        let (own, _) = own_user_and_group();
        match user {
            Some(name) => Ok(Self::named(name, account_of(name)?, own)),
            None if own != ROOT => Ok(Self::Own(Reason::Nothing)),
            None => Ok(Self::usual(find_usual(), &capabilities::missing(&NEEDED), is_usable)),
        }
    }

    fn named(name: &str, account: Account, own: u32) -> Self {
        if account.uid == own { Self::Own(Reason::Nothing) } else { Self::Other(name.to_owned(), account) }
    }

    fn usual(
        found: Option<(String, Account)>,
        missing: &[Capability],
        try_it: impl FnOnce(&Account) -> Result<(), String>,
    ) -> Self {
        let Some((name, account)) = found else { return Self::Own(Reason::NoAccount) };
        let usable = match missing {
            [] => try_it(&account),
            missing => Err(lack_of(missing)),
        };
        match usable {
            Ok(()) => Self::Other(name, account),
            Err(why) => Self::Own(Reason::Unusable(name, why)),
        }
    }

    /// The account to change to, if it is another.
    pub(super) fn account(&self) -> Option<&Account> {
        match self {
            Self::Other(_, account) => Some(account),
            Self::Own(_) => None,
        }
    }

    /// The one line about it, if there is anything to say.
    pub(super) fn line(&self) -> Option<(Level, String)> {
        const AS_ROOT: &str = "The process that talks to clients runs as root";
        match self {
            Self::Own(Reason::Nothing) => None,
            Self::Other(name, account) => {
                let line = format!("The process that talks to clients runs as {name} ({})", account.uid);
                Some((Level::Info, line))
            }
            Self::Own(Reason::NoAccount) => {
                let line = format!("{AS_ROOT}: there is no account {}; see --user", DEFAULTS.join(", "));
                Some((Level::Warn, line))
            }
            Self::Own(Reason::Unusable(name, why)) => {
                Some((Level::Warn, format!("{AS_ROOT}, since the account {name} cannot be used: {why}")))
            }
        }
    }
}

fn lack_of(missing: &[Capability]) -> String {
    let names: Vec<_> = missing.iter().map(|capability| capability.name()).collect();
    format!("the daemon was started without {}", names.join(", "))
}

/// Starts a process as that account and ends it. Limits, security modules and user namespaces can forbid what
/// capabilities allow, and the program or a library may be for root only.
fn is_usable(account: &Account) -> Result<(), String> {
    try_account(OsStr::new(TRIAL_ROLE), account).map_err(|error| strerror(&error))
}

/// For `--check=system`: the account that a daemon with this `--user` would change to. `None` if that is none.
pub fn account_of_workers(user: Option<&str>) -> Option<Account> {
    Choice::make(user).ok().and_then(|choice| choice.account().cloned())
}

/// The account for `--user`, with no group but its own: the frontend needs nothing of them.
///
/// # Errors
/// When there is none, or the accounts cannot be read.
pub(super) fn account_of(user: &str) -> Result<Account, StartError> {
    let account = PwdGrp
        .getpwnam::<String>(user)
        .map_err(|error| StartError::User(user.to_owned(), Some(error)))?
        .ok_or_else(|| StartError::User(user.to_owned(), None))?;
    Ok(Account { uid: account.uid, gid: account.gid, groups: vec![account.gid] })
}

/// The usual account. In /etc/passwd before anybody else is asked: a directory that is not up yet must not hold up the
/// start, nor one that has such a name decide who serves.
fn find_usual() -> Option<(String, Account)> {
    let local = usual_in(&fs::read("/etc/passwd").unwrap_or_default());
    local.or_else(|| {
        DEFAULTS
            .iter()
            .find_map(|name| Some((*name).to_owned()).zip(account_of(name).ok().filter(is_unprivileged)))
    })
}

/// The first of the usual accounts that a file in the format of passwd(5) has.
fn usual_in(passwd: &[u8]) -> Option<(String, Account)> {
    let lines = || passwd.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    DEFAULTS.iter().find_map(|name| {
        let account = lines().find_map(|line| account_in(line, name)).filter(is_unprivileged)?;
        Some(((*name).to_owned(), account))
    })
}

fn account_in(line: &str, name: &str) -> Option<Account> {
    let mut fields = line.strip_prefix(name)?.strip_prefix(':')?.split(':').skip(1);
    let uid = fields.next()?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(Account { uid, gid, groups: vec![gid] })
}

fn is_unprivileged(account: &Account) -> bool {
    account.uid != ROOT
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn account(id: u32) -> Account {
        Account { uid: id, gid: id + 1, groups: vec![id + 1] }
    }

    fn found(name: &str, id: u32) -> Option<(String, Account)> {
        Some((name.to_owned(), account(id)))
    }

    #[test]
    fn the_first_usual_account_counts_wherever_its_line_is() {
        let root = "root:x:0:0:root:/root:/bin/sh\n";
        let (own, rhel, nobody) =
            ("saslauthd:x:10:11::/:\n", "saslauth:x:20:21:x:/:/x\n", "nobody:*:30:31\n");
        for (passwd, expected) in [
            ([root, nobody, rhel, own].concat(), found("saslauthd", 10)),
            ([root, nobody, rhel].concat(), found("saslauth", 20)),
            ([root, nobody.trim_end()].concat(), found("nobody", 30)),
            (root.to_owned(), None),
            (String::new(), None),
            // Those who may do anything are no account to hide behind, and nonsense is none at all.
            (["saslauthd:x:0:0::/:\n", rhel].concat(), found("saslauth", 20)),
            (["saslauthd:x:x:1::/:\n", "saslauthd2:x:1:1\n", "#nobody:x:1:1\n", "nobody\n"].concat(), None),
            (["+saslauth::::::\nsaslauth\n", nobody].concat(), found("nobody", 30)),
        ] {
            assert_eq!(usual_in(passwd.as_bytes()), expected, "{passwd}");
        }
        assert_eq!(usual_in(b"\xff\xfe:x:1:1\nnobody:x:30:31:\n"), found("nobody", 30));
    }

    #[test]
    fn root_serves_as_the_usual_account_or_says_why_not() {
        let choose = |found, missing: &[Capability], usable: Result<(), String>| {
            Choice::usual(found, missing, |_| usable)
        };
        let told = |choice: &Choice| choice.line().map(|(level, line)| format!("{level} {line}"));
        let good = choose(found("nobody", 30), &[], Ok(()));
        assert_eq!(good.account(), Some(&account(30)));
        assert_eq!(told(&good).unwrap(), "INFO The process that talks to clients runs as nobody (30)");
        let why = |choice: &Choice| {
            assert_eq!(choice.account(), None);
            told(choice).unwrap()
        };
        assert_eq!(
            why(&choose(None, &[], Ok(()))),
            "WARN The process that talks to clients runs as root: there is no account saslauthd, saslauth, nobody; \
             see --user"
        );
        assert_eq!(
            why(&choose(found("nobody", 30), &[Capability::SETGID, Capability::KILL], Ok(()))),
            "WARN The process that talks to clients runs as root, since the account nobody cannot be used: the daemon \
             was started without CAP_SETGID, CAP_KILL"
        );
        assert_eq!(
            why(&choose(found("nobody", 30), &[], Err("Invalid argument".into()))),
            "WARN The process that talks to clients runs as root, since the account nobody cannot be used: Invalid \
             argument"
        );
    }

    #[test]
    fn without_the_rights_for_it_nothing_is_tried() {
        let choice = Choice::usual(found("nobody", 30), &[Capability::KILL], |_| panic!("tried"));
        assert!(matches!(choice, Choice::Own(Reason::Unusable(..))));
    }

    #[test]
    fn the_account_that_one_has_is_no_other() {
        assert_eq!(Choice::named("toor", account(0), 0), Choice::Own(Reason::Nothing));
        assert_eq!(Choice::named("nobody", account(30), 30), Choice::Own(Reason::Nothing));
        assert_eq!(Choice::named("nobody", account(30), 0), Choice::Other("nobody".into(), account(30)));
    }
}
