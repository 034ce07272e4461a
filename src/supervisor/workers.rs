//! The worker processes: started and killed for a frontend, reaped for everyone.
#![forbid(unsafe_code)]

use super::children::{Task, describe, start_worker};
use super::credential_file;
use super::frontends::MESSAGES_AT_ONCE;
use super::opener::{Handing, Opener};
use super::settings::Settings;
use super::succession::FrontendId;
use crate::config::site::{Pool, PoolId, Privileges};
use crate::config::{Config, WorkerSettings};
use crate::job::WorkerId;
use crate::registry;
use crate::sys::process_tree::{kill_all_with_children, kill_with_children};
use crate::sys::spawn::Account;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::rc::Rc;

/// All there are, those that were killed and not yet reaped included.
pub(super) struct Workers {
    processes: HashMap<WorkerId, Worker>,
    /// What each living frontend serves: its pools are those of the settings that it was started with.
    settings: HashMap<FrontendId, Rc<Settings>>,
    /// Of those that need no rights; `None` if it is that of this process.
    account: Option<Account>,
    /// Those whose workers are dead and that may be about to end, or hang.
    left: Vec<Opener>,
    last: u64,
}

struct Worker {
    process: Child,
    /// The frontend it works for.
    frontend: FrontendId,
    pool: PoolId,
    /// Opens the file of its mechanism.
    opener: Option<Opener>,
    /// Killed on the frontend's wish or because its frontend is gone: no news for anybody.
    expected_to_die: bool,
}

impl Workers {
    /// None yet. `account` is for those that need no rights.
    pub(super) fn new(account: Option<Account>) -> Self {
        Self { processes: HashMap::new(), settings: HashMap::new(), account, left: Vec::new(), last: 0 }
    }

    /// A frontend was started, and may ask for workers of the site's pools.
    pub(super) fn note_settings(&mut self, frontend: FrontendId, settings: Rc<Settings>) {
        self.settings.insert(frontend, settings);
    }

    /// Whether the frontend has such a pool.
    pub(super) fn has_pool(&self, frontend: FrontendId, pool: PoolId) -> bool {
        self.settings.get(&frontend).is_some_and(|settings| pool.0 < settings.site.pools.len())
    }

    /// Starts a worker for a frontend's pool; returns also the frontend's end of the socket to it.
    ///
    /// # Errors
    /// When the system has no room for another process, or the frontend has more than it can use.
    pub(super) fn start(
        &mut self,
        config: &Config,
        frontend: FrontendId,
        pool: PoolId,
    ) -> io::Result<(WorkerId, OwnedFd)> {
        let settings = self.settings.get(&frontend).map(Rc::clone);
        let found = settings.as_ref().and_then(|all| Some((all, all.site.pools.get(pool.0)?)));
        let Some((Settings { sources, site }, Pool { instance, gssapi_for, workers, privileges, .. })) =
            found.map(|(all, pool)| (&**all, pool))
        else {
            return Err(io::Error::other("the frontend has no such pool"));
        };
        if self.are_too_many(frontend, pool, workers.most) {
            return Err(io::Error::other("the frontend asks for more than it can use"));
        }
        let instance = instance.and_then(|instance| site.instances.get(instance.0));
        let credentials = gssapi_for
            .and_then(|instance| site.instances.get(instance.0))
            .and_then(|instance| registry::credentials_of(instance, sources))
            .and_then(|path| credential_file::find(&path));
        let path = instance.and_then(registry::file_of).or_else(|| credentials.clone());
        let handing = if credentials.is_some() { Handing::Copy } else { Handing::File };
        let (opener, file) = path.map(|path| self.open(path, handing, workers)).transpose()?.unzip();
        let account = self.account.as_ref().filter(|_| *privileges == Privileges::Unprivileged);
        let file = file.as_ref().map(AsFd::as_fd);
        let (process, socket) = {
            let task = match instance {
                Some(instance) => Task::Checks(instance, sources),
                None => Task::Errands(credentials.as_deref()),
            };
            start_worker(config, task, *privileges, account, file)?
        };
        log::debug!(target: "have_baby", "forked child: {}", process.id());
        self.last += 1;
        let id = WorkerId(self.last);
        self.processes.insert(id, Worker { process, frontend, pool, opener, expected_to_die: false });
        Ok((id, socket))
    }

    /// Has a file opened for a worker, unless earlier workers have left behind as many openers that hang over it as there
    /// may be workers.
    fn open(
        &mut self,
        path: PathBuf,
        handing: Handing,
        workers: &WorkerSettings,
    ) -> io::Result<(Opener, OwnedFd)> {
        self.left.retain(|opener| !opener.is_over());
        if self.left.iter().filter(|opener| opener.path() == path).count() > bound(workers.most) {
            return Err(io::Error::other(format!("{} takes too long to be opened", path.display())));
        }
        Opener::start(path, handing)
    }

    /// A pool has at most its number of workers, and about as many again that are on their way out. A frontend that
    /// asks for more has lost count, or is in the hands of somebody else.
    fn are_too_many(&self, frontend: FrontendId, pool: PoolId, most: usize) -> bool {
        let of_pool = |worker: &&Worker| worker.frontend == frontend && worker.pool == pool;
        self.processes.values().filter(of_pool).count() > bound(most)
    }

    /// Kills a worker, with the programs that its PAM modules have started, if it is that frontend's.
    pub(super) fn kill(&mut self, id: WorkerId, frontend: FrontendId) {
        if let Some(worker) = self.processes.get_mut(&id).filter(|worker| worker.frontend == frontend) {
            worker.expected_to_die = true;
            kill_with_children(&mut worker.process);
        }
    }

    /// The frontend is gone, and with it everything its workers were asked.
    pub(super) fn kill_those_of(&mut self, frontend: FrontendId) {
        self.settings.remove(&frontend);
        self.kill_where(|worker| worker.frontend == frontend);
    }

    pub(super) fn kill_all(&mut self) {
        self.kill_where(|_| true);
    }

    /// Kills them with the programs that their PAM modules have started.
    fn kill_where(&mut self, wanted: impl Fn(&Worker) -> bool) {
        let alive = self.processes.values_mut().filter(|worker| !worker.expected_to_die && wanted(worker));
        kill_all_with_children(alive.map(|worker| {
            worker.expected_to_die = true;
            &mut worker.process
        }));
    }

    /// Whether the process of that number is one of these.
    pub(super) fn contain(&self, pid: u32) -> bool {
        self.processes.values().any(|worker| worker.process.id() == pid)
    }

    pub(super) fn are_all_gone(&self) -> bool {
        self.processes.is_empty()
    }

    /// Collects those that have ended; returns those whose frontends may not know it, and how they ended.
    pub(super) fn reap(&mut self) -> Vec<(WorkerId, FrontendId, ExitStatus)> {
        let mut unexpected = Vec::new();
        self.left.retain(|opener| !opener.is_over());
        self.processes.retain(|id, worker| match worker.process.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) => {
                worker.log_end(status);
                self.left.extend(worker.opener.take());
                if !worker.expected_to_die {
                    unexpected.push((*id, worker.frontend, status));
                }
                false
            }
            Err(_) => false,
        });
        unexpected
    }
}

/// How many there may be, those on their way out included, of a pool that has `most`.
fn bound(most: usize) -> usize {
    2 * most + 2 * MESSAGES_AT_ONCE
}

impl Worker {
    fn log_end(&self, status: ExitStatus) {
        if status.success() || self.expected_to_die {
            log::debug!(target: "handle_sigchld", "child exited: {}", self.process.id());
        } else {
            log::error!(target: "supervisor", "Worker {} {}", self.process.id(), describe(status));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::site::Site;
    use crate::config::{WorkerFlag, WorkerSettings};
    use crate::settings::raw_settings::RawSettings;

    #[test]
    fn a_frontend_has_the_pools_of_the_settings_that_it_was_started_with_and_none_when_it_is_gone() {
        let settings = WorkerSettings { most: 1, ready: 1, requests_each: 1, flag: WorkerFlag::Processes };
        let pool = Pool {
            instance: None,
            gssapi_for: None,
            batch: 1,
            workers: settings,
            privileges: Privileges::Unprivileged,
        };
        let settings = |pools: usize| {
            let site = Site { pools: vec![pool.clone(); pools], ..Site::default() };
            Rc::new(Settings { sources: RawSettings::default(), site })
        };
        let (old, new) = (FrontendId(1), FrontendId(2));
        let mut workers = Workers::new(None);
        workers.note_settings(old, settings(1));
        workers.note_settings(new, settings(2));
        let known = |workers: &Workers| {
            [(old, 0), (old, 1), (new, 1), (new, 2)].map(|(id, pool)| workers.has_pool(id, PoolId(pool)))
        };
        assert_eq!(known(&workers), [true, false, true, false]);
        workers.kill_those_of(old);
        assert_eq!(known(&workers), [false, false, true, false]);
    }
}
