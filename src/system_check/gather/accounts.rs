//! Accounts and groups, from wherever nsswitch.conf says. May block.
#![forbid(unsafe_code)]

use crate::sys::impersonation::groups_of;
use crate::sys::spawn::Account;
use pwd_grp::{PwdGrp, PwdGrpProvider};

/// The account with all its groups, as a daemon has it that changes to it; `None` if there is none.
pub fn account(name: &str) -> Option<Account> {
    let found = PwdGrp.getpwnam::<String>(name).ok()??;
    Some(Account { uid: found.uid, gid: found.gid, groups: groups_of(name, found.gid) })
}

/// Whether there is a group of that name.
pub fn has_group(name: &str) -> bool {
    PwdGrp.getgrnam::<String>(name).is_ok_and(|group| group.is_some())
}

/// The name of a group, its number if it has none; nothing for root's.
pub fn group_name(group: u32) -> Option<String> {
    if group == 0 {
        return None;
    }
    let found = PwdGrp.getgrgid::<String>(group).ok().flatten();
    Some(found.map_or_else(|| group.to_string(), |group| group.name))
}
