//! The frontend processes: started, spoken to, killed and reaped. Which of them is to do what, `succession` decides.
#![forbid(unsafe_code)]

use super::children::Frontend;
use super::settings::Serving;
use super::succession::FrontendId;
use crate::config::Config;
use crate::ipc::{FromFrontend, ToFrontend};
use crate::metrics::totals::Totals;
use crate::strerror::strerror;
use crate::sys::spawn::Account;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::io::ErrorKind::{BrokenPipe, ConnectionReset, WouldBlock};
use std::os::fd::BorrowedFd;
use std::process::ExitStatus;

/// What one frontend may ask for before the others and the signals get their turn.
pub(super) const MESSAGES_AT_ONCE: usize = 16;

/// How much of what a frontend has said is listened to when it has ended.
const MOST_LAST_WORDS: usize = 256;

/// All there are, those that were killed and not yet reaped included.
pub(super) struct Frontends {
    processes: HashMap<FrontendId, Frontend>,
    /// Those that may have said something: the kernel tells only once.
    readable: BTreeSet<FrontendId>,
    registry: Registry,
    /// Theirs; `None` if it is that of this process.
    account: Option<Account>,
}

impl Frontends {
    pub(super) fn new(registry: Registry, account: Option<Account>) -> Self {
        Self { processes: HashMap::new(), readable: BTreeSet::new(), registry, account }
    }

    /// Starts one.
    ///
    /// # Errors
    /// As [`Frontend::start`]; nothing is left of it then.
    pub(super) fn start(&mut self, id: FrontendId, config: &Config, serving: &Serving) -> io::Result<()> {
        let mut frontend = Frontend::start(config, serving, self.account.as_ref())?;
        let registered =
            self.registry.register(&mut SourceFd(&frontend.descriptor()), Token(id.0), Interest::READABLE);
        log::debug!(target: "have_baby", "forked child: {}", frontend.pid());
        if registered.is_err() {
            let _ = frontend.kill_and_reap();
        } else {
            self.processes.insert(id, frontend);
        }
        registered
    }

    pub(super) fn pid_of(&self, id: FrontendId) -> Option<u32> {
        self.processes.get(&id).map(Frontend::pid)
    }

    /// Whether the process of that number is one of these.
    pub(super) fn contain(&self, pid: u32) -> bool {
        self.processes.values().any(|frontend| frontend.pid() == pid)
    }

    pub(super) fn note_readable(&mut self, tokens: impl Iterator<Item = Token>) {
        self.readable.extend(tokens.map(|token| FrontendId(token.0)));
    }

    pub(super) fn have_more_to_say(&self) -> bool {
        !self.readable.is_empty()
    }

    /// What they have said, a part of it if it is much. An error is the last of a frontend: it is dead or talks nonsense.
    pub(super) fn receive(&mut self) -> Vec<(FrontendId, io::Result<FromFrontend>)> {
        let mut heard = Vec::new();
        for id in std::mem::take(&mut self.readable) {
            let Some(frontend) = self.processes.get(&id) else { continue };
            for count in 1..=MESSAGES_AT_ONCE {
                let Some(message) = frontend.receive().transpose() else { break };
                let is_last = message.is_err();
                heard.push((id, message));
                if is_last {
                    break;
                }
                if count == MESSAGES_AT_ONCE {
                    self.readable.insert(id);
                }
            }
        }
        heard
    }

    /// Says something to a frontend. One that does not read is killed.
    pub(super) fn tell(&mut self, id: FrontendId, message: &ToFrontend) {
        let sent = self.processes.get(&id).map(|frontend| frontend.send(message));
        self.expect_sent(id, sent);
    }

    /// Says something to every frontend.
    pub(super) fn tell_all(&mut self, message: &ToFrontend) {
        let all: Vec<_> = self.processes.keys().copied().collect();
        all.into_iter().for_each(|id| self.tell(id, message));
    }

    /// As [`Self::tell`], with a socket that belongs to the message.
    pub(super) fn hand_over(&mut self, id: FrontendId, message: &ToFrontend, socket: BorrowedFd<'_>) {
        let sent = self.processes.get(&id).map(|frontend| frontend.send_with(message, socket));
        self.expect_sent(id, sent);
    }

    /// As [`Self::tell`], but one that has no room for it is not taken for deaf: `false` then.
    pub(super) fn has_told(&mut self, id: FrontendId, message: &ToFrontend) -> bool {
        let sent = self.processes.get(&id).map(|frontend| frontend.send(message));
        if let Some(Err(error)) = &sent {
            if error.kind() == WouldBlock {
                return false;
            }
        }
        self.expect_sent(id, sent);
        true
    }

    fn expect_sent(&mut self, id: FrontendId, sent: Option<io::Result<()>>) {
        match sent {
            None | Some(Ok(())) => {}
            // It has just ended, and is about to be reaped.
            Some(Err(error)) if matches!(error.kind(), BrokenPipe | ConnectionReset) => {}
            Some(Err(error)) => {
                log::error!(target: "supervisor", "The frontend does not listen and is replaced: {}", strerror(&error));
                self.kill(id);
            }
        }
    }

    pub(super) fn kill(&mut self, id: FrontendId) {
        if let Some(frontend) = self.processes.get_mut(&id) {
            let _ = self.registry.deregister(&mut SourceFd(&frontend.descriptor()));
            frontend.kill();
        }
    }

    pub(super) fn kill_all(&mut self) {
        self.processes.values_mut().for_each(Frontend::kill);
    }

    /// Collects those that have ended.
    pub(super) fn reap(&mut self) -> Vec<Ended> {
        let ended = |(id, frontend): (&FrontendId, &mut Frontend)| {
            let status = frontend.try_reap()?;
            Some(Ended { id: *id, pid: frontend.pid(), status, reports: last_reports(frontend) })
        };
        let ended: Vec<_> = self.processes.iter_mut().filter_map(ended).collect();
        ended.iter().for_each(|ended| drop(self.processes.remove(&ended.id)));
        ended
    }
}

/// A frontend that is no more.
pub(super) struct Ended {
    pub(super) id: FrontendId,
    pub(super) pid: u32,
    pub(super) status: ExitStatus,
    /// What it has still said that it counted.
    pub(super) reports: Vec<Totals>,
}

/// It may have said something since it was listened to.
fn last_reports(frontend: &Frontend) -> Vec<Totals> {
    let said = std::iter::from_fn(|| frontend.receive().ok().flatten()).take(MOST_LAST_WORDS);
    let reports = said.filter_map(|said| match said {
        FromFrontend::Totals(report) => Some(*report),
        _ => None,
    });
    reports.collect()
}
