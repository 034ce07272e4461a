//! The sockets that clients connect to: made, found again on a reload, and gone when nobody serves them any more.
#![forbid(unsafe_code)]

mod accounts;
mod error;
mod handed_in;
mod socket;

pub(super) use error::EndpointError;
pub(super) use socket::Occasion;

use crate::config::ControlSocket;
use crate::config::endpoint;
use crate::config::site::{Endpoint, Protocol};
use crate::ipc::{EndpointKey, Listener};
use crate::sys::activation::HandedIn;
use accounts::{Access, look_up};
use handed_in::HandedInSockets;
use socket::Socket;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::rc::{Rc, Weak};

/// All sockets that are open. Each is held by those frontends' settings that have it, and ends with the last of them.
pub(super) struct Endpoints {
    handed_in: HandedInSockets,
    open: Vec<Weak<Socket>>,
}

/// A socket, and what one frontend is to do with it.
pub(super) struct Listening {
    socket: Rc<Socket>,
    access: Access,
    listener: Listener,
}

impl Endpoints {
    /// With those that somebody else has opened.
    pub(super) fn new(handed_in: Vec<HandedIn>) -> Self {
        Self { handed_in: HandedInSockets::new(handed_in), open: Vec::new() }
    }

    /// The sockets for these endpoints: those that are open stay as they are until [`Listening::apply`], the others are
    /// made, and so is one whose file is gone. Nothing new is left if one of them cannot be had; but a control socket
    /// that nobody has asked for is left out then.
    ///
    /// # Errors
    /// The first thing that is wrong, with the path.
    pub(super) fn open(
        &mut self,
        wanted: &[Endpoint],
        control: Option<&ControlSocket>,
        occasion: Occasion,
    ) -> Result<Vec<Listening>, EndpointError> {
        endpoint::check(wanted).map_err(EndpointError::Invalid)?;
        let all = wanted.iter().chain(control.map(|control| &control.endpoint));
        self.handed_in.assign(&all.cloned().collect::<Vec<_>>(), occasion)?;
        let mut listening = self.open_all(wanted, occasion)?;
        let Some(ControlSocket { endpoint, required }) = control else { return Ok(listening) };
        match self.open_control(endpoint, wanted, occasion) {
            Ok(control) => listening.extend(control),
            Err(error) if *required => return Err(error),
            Err(error) => log::warn!(
                target: "supervisor",
                "saslauthdctl cannot ask this daemon: {error} (--control=PATH puts its socket elsewhere, --control=no \
                 leaves it out)"
            ),
        }
        Ok(listening)
    }

    /// By itself, so that nothing that is wrong with it harms the others.
    fn open_control(
        &mut self,
        control: &Endpoint,
        others: &[Endpoint],
        occasion: Occasion,
    ) -> Result<Vec<Listening>, EndpointError> {
        if others.iter().any(|other| other.path == control.path) {
            let sentence = format!("{} is the path of another of its sockets", control.path.display());
            return Err(EndpointError::Invalid(sentence));
        }
        self.open_all(std::slice::from_ref(control), occasion)
    }

    fn open_all(&mut self, wanted: &[Endpoint], occasion: Occasion) -> Result<Vec<Listening>, EndpointError> {
        self.open.retain(|socket| socket.strong_count() > 0);
        // What is wrong with a name is found before anything is made.
        let looked_up = wanted.iter().map(|endpoint| Ok((endpoint, look_up(endpoint)?)));
        let looked_up = looked_up.collect::<Result<Vec<_>, EndpointError>>()?;
        let listening = |(endpoint, (access, allowed)): (&Endpoint, _)| {
            let key = EndpointKey { name: endpoint.name.clone(), protocol: endpoint.protocol };
            let listener =
                Listener { key, service: endpoint.service.clone(), timeout: endpoint.timeout, allowed };
            Ok(Listening { socket: self.socket(endpoint, access, occasion)?, access, listener })
        };
        looked_up.into_iter().map(listening).collect()
    }

    fn socket(
        &mut self,
        endpoint: &Endpoint,
        access: Access,
        occasion: Occasion,
    ) -> Result<Rc<Socket>, EndpointError> {
        let path = &endpoint.path;
        // The last that was made there: those before it have lost their file.
        let open = self.all().filter(|socket| socket.path() == path).last();
        if let Some(open) = open.as_ref().filter(|socket| !socket.has_lost_file()) {
            return Ok(Rc::clone(open));
        }
        if let Some(same) = self.all().find(|socket| socket.is_at(path)) {
            return Err(EndpointError::Same(path.clone(), same.path().to_owned()));
        }
        let made = match self.handed_in.copy_for(path)? {
            Some(listener) => Ok(Socket::handed_in(path, listener)),
            None => Socket::bind(path, access, occasion),
        };
        match (made, open) {
            (Ok(socket), _) => {
                let socket = Rc::new(socket);
                self.open.push(Rc::downgrade(&socket));
                Ok(socket)
            }
            // Whoever can take the file away must not be able to prevent a reload.
            (Err(error), Some(open)) => {
                log::error!(target: "supervisor", "Nobody can connect to {}: {error}", path.display());
                Ok(open)
            }
            (Err(error), None) => Err(error),
        }
    }

    fn all(&self) -> impl Iterator<Item = Rc<Socket>> {
        self.open.iter().filter_map(Weak::upgrade)
    }

    /// Removes the files of all, whoever still serves them.
    pub(super) fn remove_files(&self) {
        self.all().for_each(|socket| socket.remove());
    }
}

impl Listening {
    /// Whether it is the control socket.
    pub(super) fn is_control(&self) -> bool {
        self.listener.key.protocol == Protocol::Control
    }

    /// Where clients find it.
    pub(super) fn path(&self) -> &Path {
        self.socket.path()
    }

    /// What a frontend is told of it.
    pub(super) fn listener(&self) -> &Listener {
        &self.listener
    }

    /// What goes with that.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.descriptor()
    }

    /// Gives the file the owner, group and mode that it is to have from now on.
    ///
    /// # Errors
    /// When the system refuses that, as to a daemon that does not run as root.
    pub(super) fn apply(&self) -> Result<(), EndpointError> {
        self.socket.change_access(self.access)
    }
}

/// What keeps this socket from being had, as far as that can be told without making it. `made` is a directory that the
/// daemon makes if it is missing.
pub(super) fn obstacle(endpoint: &Endpoint, made: &Path) -> Option<EndpointError> {
    let is_made = |error: &EndpointError| {
        matches!(error, EndpointError::NoDirectory(_)) && endpoint.path.parent() == Some(made)
    };
    let looked_up = look_up(endpoint).map(drop);
    looked_up.and_then(|()| socket::look_at(&endpoint.path)).err().filter(|error| !is_made(error))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "endpoints_tests.rs"]
mod tests;
