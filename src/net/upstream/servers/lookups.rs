//! The names of servers and their addresses.
#![forbid(unsafe_code)]

use super::super::Command;
use super::super::addresses::LOOK_UP_AGAIN;
use super::super::certain::certain;
use super::super::in_flight::Awaited;
use super::{Record, ServerId, Servers};
use crate::net::exchange::{Address, Failure, FailureKind};
use std::net::SocketAddr;
use std::time::Instant;

impl Servers {
    /// Somebody asks a pool that names the server: its name is looked up when that is due. `alternative`: whether
    /// the pool has a server that works. `true` if this one wants to be probed; then [`Self::begin_probe`] follows.
    pub(in super::super) fn attend(&mut self, id: ServerId, alternative: bool, now: Instant) -> bool {
        let Some(record) = certain(self.records.get_mut(&id)) else { return false };
        let wants_probe = record.health.wants_probe(alternative, now);
        if !record.addresses.is_empty() {
            if record.addresses.are_stale(now) {
                self.look_up(id);
            }
            return wants_probe;
        }
        let first = record.health.failure().is_none();
        if !record.awaited && (first || wants_probe) {
            record.awaited = true;
            record.health.half_open(now);
            record.health.in_flight.begin(Awaited::Opening, now);
            self.watch(id, now);
            self.look_up(id);
        }
        false
    }

    /// Whether its name is being looked up and no address is known yet.
    pub(in super::super) fn is_awaited(&self, id: ServerId) -> bool {
        certain(self.records.get(&id)).is_some_and(|record| record.awaited)
    }

    fn look_up(&mut self, id: ServerId) {
        let address = certain(self.records.get(&id)).map(|record| &record.server.address);
        let Some(Address::Host { host, service }) = address else { return };
        if self.lookups.insert((host.clone(), service.clone())) {
            self.commands.push_back(Command::Resolve { host: host.clone(), service: service.clone() });
        }
    }

    fn lose_name(&mut self, id: ServerId, host: &str, reason: &str, now: Instant) {
        self.note_failed(id, 1);
        self.lose(id, &no_address(host, reason), Some(LOOK_UP_AGAIN), now, now);
    }

    /// What came of a lookup.
    pub(in super::super) fn handle_addresses(
        &mut self,
        host: &str,
        service: &str,
        found: &Result<Vec<SocketAddr>, String>,
        now: Instant,
    ) {
        self.lookups.remove(&(host.to_owned(), service.to_owned()));
        let ids: Vec<_> = self.records.keys().copied().collect();
        for id in ids {
            let Some(record) = self.records.get_mut(&id).filter(|record| record.is_named(host, service))
            else {
                continue;
            };
            if std::mem::take(&mut record.awaited) {
                record.health.in_flight.end(Awaited::Opening);
            }
            match found {
                Ok(found) if !found.is_empty() => record.addresses.replace(found.clone(), now),
                _ if !record.addresses.is_empty() => record.addresses.keep(now),
                Ok(_) => self.lose_name(id, host, "it has none", now),
                Err(reason) => self.lose_name(id, host, reason, now),
            }
            self.note_change(id);
        }
    }
}

impl Record {
    fn is_named(&self, name: &str, port: &str) -> bool {
        matches!(&self.server.address, Address::Host { host, service } if host == name && service == port)
    }
}

fn no_address(host: &str, reason: &str) -> Failure {
    Failure::new(FailureKind::Contact, format!("no address of {host}: {reason}"))
}
