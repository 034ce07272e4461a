//! What the succession of frontends wants, carried out.
#![forbid(unsafe_code)]

use super::EventLoop;
use crate::ipc::ToFrontend;
use crate::supervisor::children::{Role, Trouble, obstacle};
use crate::supervisor::endpoints::Occasion;
use crate::supervisor::notify::Reloaded;
use crate::supervisor::settings::{self, Serving};
use crate::supervisor::succession::{Command, FrontendId, KillReason, Notice};
use crate::sys::{socket, time};
use log::Level;
use std::fmt;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Instant;

impl EventLoop {
    pub(super) fn carry_out(&mut self) {
        while let Some(command) = self.succession.next_command() {
            match command {
                Command::ReadSettings => {
                    self.notifier.handle_reload_begins();
                    self.upgrade.look();
                    let settings = self.read_settings();
                    if settings.is_none() {
                        self.note_reload(Reloaded::Refused);
                    }
                    self.succession.handle_settings(settings, Instant::now());
                }
                Command::Start(id, serving) => self.start_frontend(id, &serving),
                Command::Accept(id) => self.let_accept(id),
                Command::Drain(id) => self.drain(id),
                Command::Stop(id) => {
                    self.frontends.tell(id, &ToFrontend::Drain { hurry: true, staying: Vec::new() });
                }
                Command::Ping(id) => self.frontends.tell(id, &ToFrontend::Ping),
                Command::Kill(id, reason) => self.kill_frontend(id, reason),
                Command::Log(notice) => self.note(notice),
            }
        }
    }

    /// The flags stay as they are; what they name is looked at again. New sockets are made here, and go again with what
    /// is returned if that is not used.
    fn read_settings(&mut self) -> Option<Rc<Serving>> {
        let refused = |reason: &dyn fmt::Display| {
            log::error!(target: "supervisor", "The new configuration is not used: {reason}");
        };
        let settings = settings::read(&self.config);
        let settings =
            settings.map_err(|problems| problems.iter().for_each(|problem| refused(problem))).ok()?;
        let opened =
            self.endpoints.open(&settings.site.endpoints, self.config.control.as_ref(), Occasion::Reload);
        let listening = opened.map_err(|error| refused(&error)).ok()?;
        let settings = Rc::new(settings);
        Some(Rc::new(Serving { settings, listening, configured: time::seconds_since_epoch() }))
    }

    fn note(&mut self, notice: Notice) {
        match notice {
            Notice::TookOver => self.note_reload(Reloaded::InUse),
            Notice::SuccessorFailed => self.note_reload(Reloaded::Refused),
            Notice::ReloadWaits => {}
        }
        write(notice);
    }

    /// A reload has ended; the notice is for the log.
    fn note_reload(&mut self, reloaded: Reloaded) {
        self.counters.note_reload(reloaded == Reloaded::InUse);
        self.notifier.handle_reload_ends(reloaded);
    }

    fn start_frontend(&mut self, id: FrontendId, serving: &Serving) {
        if let Err(error) = self.frontends.start(id, &self.config, serving) {
            let reason = obstacle(&error);
            log::error!(target: "supervisor", "The frontend cannot be started: {reason}");
            self.trouble = Some(Trouble::NotStarted(Role::Frontend, reason));
            self.succession.handle_ended(id, Instant::now());
            return;
        }
        self.workers.note_settings(id, Rc::clone(&serving.settings));
    }

    /// Tells the old frontend to hand its silent connections over to the one that is let in next.
    fn drain(&mut self, id: FrontendId) {
        let staying = self.succession.settings().listening.iter().map(|next| next.listener().key.clone());
        let message = ToFrontend::Drain { hurry: false, staying: staying.collect() };
        match socket::pair() {
            Ok((from, to)) => {
                self.frontends.hand_over(id, &message, from.as_fd());
                self.handover = Some(to);
            }
            // Without one it waits until they have asked.
            Err(_) => self.frontends.tell(id, &message),
        }
    }

    fn let_accept(&mut self, id: FrontendId) {
        for listening in &self.succession.settings().listening {
            if let Err(error) = listening.apply() {
                log::error!(target: "supervisor", "{error}");
            }
        }
        self.counters.begin_serving(id, self.succession.settings().configured);
        self.tell_counts();
        match self.handover.take() {
            Some(socket) => self.frontends.hand_over(id, &ToFrontend::Accept, socket.as_fd()),
            None => self.frontends.tell(id, &ToFrontend::Accept),
        }
    }

    fn kill_frontend(&mut self, id: FrontendId, reason: KillReason) {
        let level = if reason == KillReason::Stopping { Level::Debug } else { Level::Error };
        let pid = self.frontends.pid_of(id).unwrap_or_default();
        log::log!(target: "supervisor", level, "Frontend {pid} is killed: {reason}");
        self.frontends.kill(id);
        self.workers.kill_those_of(id);
    }
}

fn write(notice: Notice) {
    match notice {
        Notice::TookOver => {
            log::info!(target: "supervisor", "The configuration was read again; a new frontend has taken over");
        }
        Notice::ReloadWaits => {
            log::info!(
                target: "supervisor",
                "The configuration will be read again when an earlier reload is complete"
            );
        }
        Notice::SuccessorFailed => {
            log::error!(
                target: "supervisor",
                "The new configuration is not used: its frontend did not become ready"
            );
        }
    }
}
