//! The terminal: echo off for a password, and waiting for a key or a signal.

use super::result::check;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Keeps a terminal from showing what is typed; dropping it brings the echo back.
pub struct EchoOff<'a> {
    terminal: BorrowedFd<'a>,
    saved: libc::termios,
}

impl<'a> EchoOff<'a> {
    /// Turns the echo off and throws away what was typed before, since that has been shown.
    pub fn new(terminal: &'a impl AsFd) -> io::Result<Self> {
        let terminal = terminal.as_fd();
        let saved = attributes(terminal)?;
        let mut hidden = saved;
        hidden.c_lflag &= !(libc::ECHO | libc::ECHONL);
        set_attributes(terminal, libc::TCSAFLUSH, &hidden)?;
        Ok(Self { terminal, saved })
    }
}

impl Drop for EchoOff<'_> {
    fn drop(&mut self) {
        // Nothing is left to try when this fails: the terminal is gone.
        let _ = set_attributes(self.terminal, libc::TCSADRAIN, &self.saved);
    }
}

/// Waits until one of two descriptors can be read (or has ended) and tells which.
pub fn wait_readable(first: BorrowedFd<'_>, second: BorrowedFd<'_>) -> io::Result<(bool, bool)> {
    let watched = |descriptor: BorrowedFd<'_>| libc::pollfd {
        fd: descriptor.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let mut watched = [watched(first), watched(second)];
    loop {
        // SAFETY: the pointer is to an array of two pollfd that outlives the call.
        let result = unsafe { libc::poll(watched.as_mut_ptr(), 2, -1) };
        if result != -1 {
            let [first, second] = watched;
            return Ok((first.revents != 0, second.revents != 0));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

fn attributes(terminal: BorrowedFd<'_>) -> io::Result<libc::termios> {
    let mut attributes = MaybeUninit::uninit();
    // SAFETY: the pointer is to memory for one termios.
    check(unsafe { libc::tcgetattr(terminal.as_raw_fd(), attributes.as_mut_ptr()) })?;
    // SAFETY: tcgetattr succeeded, so it has filled all of it.
    Ok(unsafe { attributes.assume_init() })
}

fn set_attributes(terminal: BorrowedFd<'_>, when: libc::c_int, attributes: &libc::termios) -> io::Result<()> {
    // SAFETY: the pointer is to a whole termios that outlives the call.
    check(unsafe { libc::tcsetattr(terminal.as_raw_fd(), when, attributes) })
}
