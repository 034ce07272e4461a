//! The end of a frontend and the beginning of the next: connections change hands, requests in flight are answered.
#![forbid(unsafe_code)]

use super::Frontend;
use super::endpoint::Endpoint;
use super::handover::{Given, Handover};
use super::predecessors::Taken;
use crate::config::site::Protocol;
use crate::endpoint::dovecot;
use crate::ipc::{EndpointKey, FromFrontend, HandedOver};
use crate::policy::dispatch::ClientId;
use mio::net::UnixStream;
use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// How long requests in flight may take when the daemon is stopping; the supervisor waits a little longer.
const HURRY_TIME: Duration = Duration::from_secs(4);

/// How many may wait to be accepted at a socket that is closed for good, which are then taken at once: what Linux
/// allows by default.
const LONGEST_BACKLOG: usize = 4096;

impl Frontend {
    pub(super) fn drain(
        &mut self,
        hurry: bool,
        staying: &[EndpointKey],
        next: Option<OwnedFd>,
        now: Instant,
    ) {
        self.draining = true;
        self.dispatcher.forget_all();
        if !hurry {
            // At the others nobody can connect any more, and whoever has is not left to nobody.
            self.listeners.close_those(staying, self.poll.registry());
            self.accept_up_to(LONGEST_BACKLOG, now);
        }
        self.listeners.close_all(self.poll.registry());
        // Before the next one is told what there was so far.
        self.report(now);
        self.control.send(FromFrontend::Closed);
        let stays = |endpoint: &Endpoint| staying.iter().any(|key| endpoint.is(key));
        let silent = self.clients.all_silent(stays);
        if next.is_some() {
            self.auth_clients.leave(stays, now);
        }
        self.control_clients.leave(next.is_some(), hurry);
        self.begin_handover(next, silent, now);
        if hurry {
            self.clients.give_up_unfinished();
            self.auth_clients.close_unowed(now);
            self.give_up_at = Some(now + HURRY_TIME);
        }
    }

    /// Gives away what can be, to whoever is at the other end of `socket`.
    fn begin_handover(&mut self, socket: Option<OwnedFd>, silent: BTreeSet<ClientId>, now: Instant) {
        let registry = self.poll.registry();
        let dispatcher = &self.dispatcher;
        self.handover = socket.and_then(|socket| {
            let penalties = dispatcher.penalties_to_hand_over(now);
            Handover::new(socket, penalties, silent, registry).ok()
        });
        match &self.handover {
            Some(handover) => self.predecessors.pass_on(handover, registry),
            None => {
                self.predecessors.let_go();
                self.auth_clients.close_at_rest(now);
                self.serve_control_clients(now);
            }
        }
        self.continue_handover(now);
    }

    /// From now on the frontend before hands its connections over.
    pub(super) fn succeed(&mut self, predecessor: Option<OwnedFd>, now: Instant) {
        let registry = self.poll.registry();
        if let Some(Err(error)) = predecessor.map(|socket| self.predecessors.add(socket, registry)) {
            log::error!(target: "frontend", "The connections of the previous frontend are lost: {error}");
        }
        self.continue_handover(now);
    }

    /// Gives away or takes as many connections as can be now. Those at auth sockets are given away as they come to rest.
    pub(super) fn continue_handover(&mut self, now: Instant) {
        if !self.draining {
            let Taken { penalties, connections } = self.predecessors.take(self.poll.registry());
            penalties.into_iter().for_each(|some| self.dispatcher.take_over_penalties(some, now));
            connections.into_iter().for_each(|(message, stream)| self.take_over(&message, stream, now));
            return;
        }
        let Some(handover) = &mut self.handover else { return };
        match handover.give(&mut self.clients, &mut self.auth_clients, &mut self.control_clients) {
            Given::Some => {}
            Given::All if self.auth_clients.will_hand_over() => {}
            Given::All => self.handover = None,
            Given::Refused(silent) => {
                self.handover = None;
                self.auth_clients.close_at_rest(now);
                self.serve_control_clients(now);
                // Their events were left alone.
                for client in silent {
                    let step = self.clients.read_on(client, now);
                    self.take(step, now);
                }
            }
        }
    }

    /// Those that nobody else takes. Their events were left alone.
    fn serve_control_clients(&mut self, now: Instant) {
        for client in self.control_clients.stay() {
            let asked = self.control_clients.hear(client, now);
            self.take_control_command(asked, now);
        }
    }

    /// Takes a connection from the frontend before. Its endpoint may let others in than it did there.
    fn take_over(&mut self, handed_over: &HandedOver, stream: UnixStream, now: Instant) {
        let Some(endpoint) = self.listeners.find(&handed_over.endpoint) else { return };
        if !self.listeners.is_admitted(&stream, &endpoint, now) {
            return;
        }
        match dovecot::HandedOver::decode(&handed_over.state) {
            Some(state) if endpoint.protocol == Protocol::Dovecot => {
                self.auth_clients.take_over(stream, endpoint, state, now);
                self.carry_out(now);
            }
            _ => self.welcome(stream, endpoint, now),
        }
    }
}
