//! What is asked at the control socket, answered.
#![forbid(unsafe_code)]

use super::Frontend;
use super::endpoint::Endpoint;
use crate::config::log_level::LogLevel;
use crate::endpoint::control::{self, CachedLogin, Command, Format, Listing, Reply};
use crate::ipc::FromFrontend;
use crate::log as logging;
use crate::metrics::snapshot::{PoolNow, Snapshot};
use crate::policy::dispatch::ClientId;
use mio::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A login that waits for longer while no worker is there to take it is not being served.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

const NO_CACHE: &str = "this daemon has no cache: it was started without -c";

impl Frontend {
    /// Takes a connection at the control socket.
    pub(super) fn welcome_control_client(
        &mut self,
        stream: UnixStream,
        endpoint: Rc<Endpoint>,
        now: Instant,
    ) {
        let asked = self.control_clients.welcome(stream, endpoint, now);
        self.take_control_command(asked, now);
    }

    pub(super) fn take_control_command(&mut self, asked: Option<(ClientId, Command)>, now: Instant) {
        let Some((id, command)) = asked else { return };
        let reply = match command {
            Command::Status(Format::Table) => Reply::Text(control::status_table(&self.snapshot(now))),
            Command::Status(Format::Json) => Reply::Text(control::status_as_json(&self.snapshot(now))),
            Command::Metrics => Reply::Text(control::metrics_text(&self.snapshot(now))),
            Command::CacheList(format) => self.list_cache(format, now),
            Command::CacheFlush(login) => self.flush_cache(id, login.as_deref()),
            Command::PenaltyList(format) => self.list_penalties(format, now),
            Command::PenaltyClear(whose) => self.clear_penalties(id, whose.as_deref(), now),
            Command::Ping => pong(self.announced, &self.snapshot(now)),
            Command::LogLevel(None) => Reply::Text(format!("{}\n", self.log_level.name())),
            Command::LogLevel(Some(level)) => return self.ask_for_log_level(id, level),
        };
        self.control_clients.answer(id, reply, now);
    }

    fn list_cache(&self, format: Format, now: Instant) -> Reply {
        if !self.has_cache {
            return Reply::Error(NO_CACHE.to_owned());
        }
        let logins = self.dispatcher.cached_logins(now).map(|cached| CachedLogin {
            login: cached.login,
            realm: cached.realm,
            service: cached.service,
            age: now.saturating_duration_since(cached.made),
            left: cached.expires.saturating_duration_since(now),
        });
        Reply::Listing(Box::new(Listing::new(format, logins)))
    }

    fn flush_cache(&mut self, id: ClientId, login: Option<&[u8]>) -> Reply {
        if !self.has_cache && !self.has_negative_cache {
            return Reply::Error(NO_CACHE.to_owned());
        }
        let mut flushed = self.dispatcher.flush_cache(login);
        // As the list shows it: `CORP\anna` is `CORP\x5Canna` there.
        if let Some(bytes) = login.map(control::unprintable).filter(|bytes| Some(bytes.as_slice()) != login) {
            flushed += self.dispatcher.flush_cache(Some(&bytes));
        }
        let entries = if flushed == 1 { "entry" } else { "entries" };
        let origin = self.control_clients.origin(id);
        log::info!(target: "frontend", "{flushed} cache {entries} flushed by hand: {origin}");
        Reply::Text(format!("{flushed} {entries} flushed\n"))
    }

    /// The supervisor tells all processes, this one among them; then the answer is due.
    fn ask_for_log_level(&mut self, id: ClientId, level: LogLevel) {
        // Before it is a lower one, or else when it is a higher one: whichever shows it.
        if self.log_level >= LogLevel::Info {
            tell_level(level, &self.control_clients.origin(id));
        }
        self.control_clients.let_await_level(id);
        self.control.send(FromFrontend::LogLevel(level));
    }

    pub(super) fn change_log_level(&mut self, level: LogLevel, now: Instant) {
        let was = std::mem::replace(&mut self.log_level, level);
        logging::set_level(level);
        if was < LogLevel::Info {
            self.control_clients.origins_of_level().iter().for_each(|origin| tell_level(level, origin));
        }
        self.workers.set_log_level(level);
        self.control_clients.answer_level(level.name(), now);
    }
}

fn tell_level(level: LogLevel, origin: &str) {
    log::info!(target: "frontend", "The log level is set to {} by hand: {origin}", level.name());
}

/// Whether logins are served, which servers that do not answer do not change: nobody would be helped by another daemon.
fn pong(is_ready: bool, snapshot: &Snapshot) -> Reply {
    if !is_ready {
        return Reply::Error(
            "logins are not served yet: the mechanism's workers are still starting".to_owned(),
        );
    }
    let stuck = |pool: &&PoolNow| pool.idle == 0 && pool.busy == 0 && pool.longest_wait >= LONGEST_WAIT;
    match snapshot.pools.iter().find(stuck) {
        None => Reply::Text("pong\n".to_owned()),
        Some(pool) => Reply::Error(format!(
            "logins are not served: one waits for {} s for a worker of {}, and none can be started; see the log",
            pool.longest_wait.as_secs(),
            pool.instance.as_deref().unwrap_or("name lookups")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(is_ready: bool, pool: PoolNow) -> Option<String> {
        match pong(is_ready, &Snapshot { pools: vec![pool], ..Snapshot::default() }) {
            Reply::Error(sentence) => Some(sentence),
            Reply::Text(_) | Reply::Listing(_) => None,
        }
    }

    #[test]
    fn logins_are_served_unless_one_waits_for_long_and_nobody_works() {
        let idle = PoolNow { instance: Some("pam".into()), idle: 1, ..PoolNow::default() };
        let starting = PoolNow { idle: 0, starting: 1, queued: 1, ..idle.clone() };
        let stuck = PoolNow { longest_wait: LONGEST_WAIT, ..starting.clone() };
        let overloaded = PoolNow { busy: 5, ..stuck.clone() };
        assert_eq!(refusal(true, idle.clone()), None);
        assert_eq!(refusal(true, starting), None);
        assert_eq!(refusal(true, overloaded), None);
        assert!(refusal(true, stuck).is_some_and(|sentence| sentence.contains("worker of pam")));
        assert!(refusal(false, idle).is_some_and(|sentence| sentence.contains("not served yet")));
    }
}
