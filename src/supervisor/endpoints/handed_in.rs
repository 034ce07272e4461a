//! Which socket that somebody else has opened belongs to which endpoint.
#![forbid(unsafe_code)]

use super::error::EndpointError;
use super::socket::Occasion;
use crate::config::site::Endpoint;
use crate::sys::activation::HandedIn;
use crate::sys::unix_listener::is_listener;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// They stay open as long as the daemon lives: a reload may take one up that the one before has dropped.
pub(super) struct HandedInSockets(Vec<HandedInSocket>);

struct HandedInSocket {
    handed_in: HandedIn,
    /// As of the last [`HandedInSockets::assign`].
    endpoint: Option<PathBuf>,
}

impl HandedInSockets {
    pub(super) fn new(handed_in: Vec<HandedIn>) -> Self {
        Self(handed_in.into_iter().map(|handed_in| HandedInSocket { handed_in, endpoint: None }).collect())
    }

    /// Looks for the endpoint of each: by name, else by path.
    pub(super) fn assign(&mut self, wanted: &[Endpoint], occasion: Occasion) -> Result<(), EndpointError> {
        let mut assigned = Vec::new();
        for socket in &self.0 {
            let path = socket.endpoint_in(wanted, occasion)?;
            if let Some(twice) = path.clone().filter(|path| assigned.contains(&Some(path.clone()))) {
                return Err(EndpointError::HandedInTwice(twice));
            }
            assigned.push(path);
        }
        self.0.iter_mut().zip(assigned).for_each(|(socket, path)| socket.endpoint = path);
        Ok(())
    }

    /// The one for that endpoint, if there is one.
    pub(super) fn copy_for(&self, path: &Path) -> Result<Option<OwnedFd>, EndpointError> {
        let socket = self.0.iter().find(|socket| socket.endpoint.as_deref() == Some(path));
        let copied = socket.map(|socket| socket.handed_in.descriptor.try_clone()).transpose();
        copied.map_err(|error| EndpointError::Failed(path.to_owned(), error))
    }
}

impl HandedInSocket {
    fn endpoint_in(&self, wanted: &[Endpoint], occasion: Occasion) -> Result<Option<PathBuf>, EndpointError> {
        let HandedIn { name, descriptor } = &self.handed_in;
        if !is_listener(descriptor.as_fd()) {
            return Err(EndpointError::NoListener(name.clone()));
        }
        let path = path_of(descriptor).ok().flatten();
        let by_name = wanted.iter().find(|endpoint| endpoint.name == *name);
        let by_path = || {
            let path = path.as_deref()?;
            wanted.iter().find(|endpoint| are_same(&endpoint.path, path))
        };
        match (by_name.or_else(by_path), occasion) {
            (Some(endpoint), _) => Ok(Some(endpoint.path.clone())),
            (None, Occasion::Start) => Err(EndpointError::Unmatched(self.shown(path.as_deref()))),
            // It was configured once, and may be again.
            (None, Occasion::Reload) => {
                let which = self.shown(path.as_deref());
                log::warn!(target: "supervisor", "The socket {which}, which was passed in, is no longer configured: its clients get no answer");
                Ok(None)
            }
        }
    }

    fn shown(&self, path: Option<&Path>) -> String {
        let name = &self.handed_in.name;
        path.map_or_else(|| name.clone(), |path| format!("{name} ({})", path.display()))
    }
}

/// What bind(2) was given.
fn path_of(descriptor: &OwnedFd) -> io::Result<Option<PathBuf>> {
    let address = UnixListener::from(descriptor.try_clone()?).local_addr()?;
    Ok(address.as_pathname().map(Path::to_owned))
}

/// Whether both are spelt alike or lead to the same file, as /run and /var/run do.
fn are_same(one: &Path, other: &Path) -> bool {
    let identity = |path| fs::symlink_metadata(path).map(|found| (found.dev(), found.ino())).ok();
    one == other || identity(one).is_some_and(|found| identity(other) == Some(found))
}
