//! The addresses of a server that is named, one after the other: one that is silent leaves the others their share of the
//! time.
#![forbid(unsafe_code)]

use super::{ErrorKind, SqlError, Target, errors, names, place, remaining};
use std::net::IpAddr;
use std::time::Instant;

/// Tries to connect to each until `deadline`, with the time that each has.
///
/// # Errors
/// When there is no address; otherwise those of `connect`, which is not called again after one that another address of the
/// same server has too.
pub(super) fn at_each_address<C>(
    target: &Target,
    deadline: Instant,
    mut connect: impl FnMut(Option<IpAddr>, Instant) -> Result<C, SqlError>,
) -> Result<C, SqlError> {
    let addresses = addresses(target, deadline)?;
    let mut left = addresses.len();
    let mut last = SqlError::new(ErrorKind::Lost, format!("{} has no address", place(target)));
    for address in addresses {
        let share = remaining(deadline) / u32::try_from(left).unwrap_or(1).max(1);
        left -= 1;
        match connect(address, deadline.min(Instant::now() + share)) {
            Err(error) if matches!(error.kind, ErrorKind::Lost | ErrorKind::TooSlow) => last = error,
            done => return done,
        }
    }
    Err(last)
}

/// The addresses of a host that is a name. `None` is where nothing needs to be looked up.
///
/// # Errors
/// When there are none, or not in time.
pub(super) fn addresses(target: &Target, deadline: Instant) -> Result<Vec<Option<IpAddr>>, SqlError> {
    let name =
        target.host.as_deref().filter(|host| !host.starts_with('/') && host.parse::<IpAddr>().is_err());
    let Some(name) = name else { return Ok(vec![None]) };
    match names::look_up(name, remaining(deadline)) {
        Some(Ok(found)) => Ok(found.iter().map(|address| Some(address.ip())).collect()),
        Some(Err(reason)) => {
            let reason = errors::clean(reason.as_bytes());
            Err(SqlError::new(ErrorKind::Lost, format!("{}: {reason}", place(target))))
        }
        None => {
            let text = format!("{}: no name server has told its address in time", place(target));
            Err(SqlError::new(ErrorKind::TooSlow, text))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::sql::{Engine, tests::target};
    use std::time::Duration;

    fn at(host: Option<&str>) -> Target {
        Target { host: host.map(str::to_owned), ..target(Engine::Postgresql) }
    }

    #[test]
    fn a_host_that_is_an_address_or_a_socket_is_looked_up_nowhere() {
        for host in [None, Some("192.0.2.1"), Some("::1"), Some("/run/postgresql")] {
            assert_eq!(addresses(&at(host), Instant::now()).unwrap(), [None], "{host:?}");
        }
    }

    #[test]
    fn an_address_that_is_silent_leaves_the_next_its_share() {
        let deadline = Instant::now() + Duration::from_secs(3600);
        let mut limits = Vec::new();
        let error = at_each_address::<()>(&at(Some("localhost")), deadline, |address, limit| {
            assert!(address.unwrap().is_loopback());
            limits.push(limit);
            Err(SqlError::new(ErrorKind::TooSlow, "silent".into()))
        });
        assert_eq!(error.unwrap_err().kind, ErrorKind::TooSlow);
        let last = limits.pop().unwrap();
        assert!(last <= deadline && limits.iter().all(|limit| *limit < last), "{limits:?}");
    }

    #[test]
    fn what_every_address_would_say_is_asked_once() {
        let mut asked = 0;
        let deadline = Instant::now() + Duration::from_secs(3600);
        let error = at_each_address::<()>(&at(Some("localhost")), deadline, |_, _| {
            asked += 1;
            Err(SqlError::new(ErrorKind::Refused, "no".into()))
        });
        assert_eq!((error.unwrap_err().kind, asked), (ErrorKind::Refused, 1));
    }
}
