//! Signals as events: the handlers only set a flag and write a byte that wakes the loop.
#![forbid(unsafe_code)]

use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the supervisor is asked to do.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    /// TERM, INT: stop.
    pub(super) stop: bool,
    /// HUP: read the configuration again.
    pub(super) reload: bool,
}

pub(super) struct Signals {
    wake: UnixStream,
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Signals {
    /// Takes over TERM, INT, HUP and CHLD. The dead children themselves are found by looking at each.
    pub(super) fn install(registry: &Registry, token: Token) -> io::Result<Self> {
        let (wake, wakes) = std::os::unix::net::UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let mut signals =
            Self { wake: UnixStream::from_std(wake), stop: Arc::default(), reload: Arc::default() };
        // The flag comes before the byte, so that whoever is woken finds it set.
        for (signal, flag) in [(SIGTERM, &signals.stop), (SIGINT, &signals.stop), (SIGHUP, &signals.reload)] {
            signal_hook::flag::register(signal, Arc::clone(flag))?;
        }
        // Ignored, as by the C daemon; but not by the children, who would inherit SIG_IGN.
        signal_hook::flag::register(SIGALRM, Arc::default())?;
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGCHLD] {
            signal_hook::low_level::pipe::register(signal, wakes.try_clone()?)?;
        }
        registry.register(&mut signals.wake, token, Interest::READABLE)?;
        Ok(signals)
    }

    /// What was asked since the last call.
    pub(super) fn take(&mut self) -> Asked {
        let mut bytes = [0; 64];
        while self.wake.read(&mut bytes).is_ok_and(|length| length > 0) {}
        Asked {
            stop: self.stop.swap(false, Ordering::Relaxed),
            reload: self.reload.swap(false, Ordering::Relaxed),
        }
    }
}
