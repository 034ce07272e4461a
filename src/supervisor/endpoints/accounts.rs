//! Users and groups that sockets name. NSS may ask a server for them: the supervisor does, at the start and on reloads.
#![forbid(unsafe_code)]

use super::error::EndpointError;
use crate::config::site::{Endpoint, Protocol};
use crate::ipc::Allowed;
use crate::sys::inode;
use pwd_grp::{PwdGrp, PwdGrpProvider};
use std::io;

const ROOT: u32 = 0;

/// What the file of a socket is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Access {
    /// Permission bits.
    pub(super) mode: u32,
    /// The owner; `None` for whoever made it.
    pub(super) user: Option<u32>,
    /// The group; `None` for that of whoever made it.
    pub(super) group: Option<u32>,
}

/// Who may do what, by number.
pub(super) fn look_up(endpoint: &Endpoint) -> Result<(Access, Allowed), EndpointError> {
    if endpoint.protocol == Protocol::Control {
        // The mode says the same; but a socket that was handed in has another, and modes can be changed by hand.
        let (own, _) = inode::own_user_and_group();
        let allowed = Allowed { users: vec![ROOT, own], groups: Vec::new() };
        return Ok((Access { mode: endpoint.mode, user: None, group: None }, allowed));
    }
    let user = |name: &String| number(endpoint, "user", name, user_of);
    let group = |name: &String| number(endpoint, "group", name, group_of);
    let access = Access {
        mode: endpoint.mode,
        user: endpoint.owner.as_ref().map(user).transpose()?,
        group: endpoint.group.as_ref().map(group).transpose()?,
    };
    let allowed = Allowed {
        users: endpoint.allow_users.iter().map(user).collect::<Result<_, _>>()?,
        groups: endpoint.allow_groups.iter().map(group).collect::<Result<_, _>>()?,
    };
    Ok((access, allowed))
}

/// By name or else, as for chown(1), by number: that needs nobody to know it, and no database that can be asked.
fn number(
    endpoint: &Endpoint,
    kind: &'static str,
    name: &str,
    find: fn(&str) -> io::Result<Option<u32>>,
) -> Result<u32, EndpointError> {
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    // The largest one stands for "unchanged".
    let by_number = || name.parse().ok().filter(|number| is_number && *number != u32::MAX);
    let unknown =
        |error| EndpointError::Account { path: endpoint.path.clone(), kind, name: name.to_owned(), error };
    match find(name) {
        Ok(found) => found.or_else(by_number).ok_or_else(|| unknown(None)),
        Err(error) => by_number().ok_or_else(|| unknown(Some(error))),
    }
}

fn user_of(name: &str) -> io::Result<Option<u32>> {
    PwdGrp.getpwnam::<String>(name).map(|account| account.map(|account| account.uid))
}

fn group_of(name: &str) -> io::Result<Option<u32>> {
    PwdGrp.getgrnam::<String>(name).map(|group| group.map(|group| group.gid))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::path::Path;

    fn endpoint() -> Endpoint {
        Endpoint::at(Path::new("/run/auth")).unwrap()
    }

    #[test]
    fn names_and_numbers_are_found() {
        let endpoint = Endpoint {
            owner: Some("root".into()),
            group: Some("4711".into()),
            allow_users: vec!["root".into(), "12345".into()],
            allow_groups: vec!["root".into()],
            ..endpoint()
        };
        let (access, allowed) = look_up(&endpoint).unwrap();
        assert_eq!(access, Access { mode: 0o660, user: Some(0), group: Some(4711) });
        assert_eq!(allowed, Allowed { users: vec![0, 12345], groups: vec![0] });
        let nobody = Access { mode: 0o660, user: None, group: None };
        assert_eq!(look_up(&self::endpoint()).unwrap(), (nobody, Allowed::default()));
    }

    #[test]
    fn a_number_needs_no_database_that_can_be_asked() {
        let asked = |name| number(&endpoint(), "user", name, |_| Err(io::ErrorKind::NotFound.into()));
        assert_eq!(asked("12").unwrap(), 12);
        assert!(asked("postfix").unwrap_err().to_string().contains("could not be looked up"));
    }

    #[test]
    fn a_name_that_nobody_has_is_an_error_with_it_and_the_path() {
        let unknown = || Some("nobody-at-all".to_owned());
        let list = || vec!["root".to_owned(), "nobody-at-all".to_owned()];
        for (endpoint, kind) in [
            (Endpoint { owner: unknown(), ..endpoint() }, "user"),
            (Endpoint { group: unknown(), ..endpoint() }, "group"),
            (Endpoint { allow_users: list(), ..endpoint() }, "user"),
            (Endpoint { allow_groups: list(), ..endpoint() }, "group"),
            (Endpoint { owner: Some(u32::MAX.to_string()), ..endpoint() }, "user"),
            (Endpoint { owner: Some("+1".into()), ..endpoint() }, "user"),
        ] {
            let error = look_up(&endpoint).unwrap_err().to_string();
            assert!(error.starts_with(&format!("There is no {kind} ")), "{error}");
            assert!(error.ends_with("which the socket /run/auth names"), "{error}");
        }
    }
}
